"""Files -> a repository on the Hub, in one commit."""

from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from fkd.hub.errors import in_a_sentence, uploading


def publish_files(repo_id: str, repo_type: str, contents: Mapping[str, bytes | Path], private: bool) -> str:
    """Brings a repository to these contents (path -> bytes or file) in one commit, if anything differs.

    Other files in the folders that these paths name are removed; files elsewhere are the owner's, and stay.
    """
    with in_a_sentence(repo_id):
        api = HfApi()
        sdk = "gradio" if repo_type == "space" else None
        url = api.create_repo(repo_id, repo_type=repo_type, private=private, exist_ok=True, space_sdk=sdk)
        folders = {path.partition("/")[0] for path in contents if "/" in path}
        there = {
            path for path in api.list_repo_files(repo_id, repo_type=repo_type) if path.partition("/")[0] in folders
        }
        operations: list[CommitOperationAdd | CommitOperationDelete] = []
        operations += [CommitOperationAdd(path, content) for path, content in contents.items()]
        operations += [CommitOperationDelete(path) for path in sorted(there - set(contents))]
        with uploading(repo_id):
            api.create_commit(repo_id, operations, commit_message="Written by fkd", repo_type=repo_type)
    return str(url)
