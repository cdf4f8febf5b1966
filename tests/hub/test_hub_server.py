"""The test Hub, asked by the real client: what the other tests take for granted."""

from pathlib import Path

import pytest
from hub_server import Fault
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, paginate

CARD = b"---\nlicense: mit\ntags: [faces]\n---\n# A net\n"
FILES = {"README.md": CARD, "model.safetensors": bytes(range(256)) * 20, "sub/config.json": b"{}"}


@pytest.fixture
def ada(hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.add_user("ada"))


@pytest.fixture
def bob(hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.add_user("bob"))


def add(files: dict[str, bytes]) -> list[CommitOperationAdd]:
    return [CommitOperationAdd(path, content) for path, content in files.items()]


def test_what_is_committed_comes_back(hub, ada, bob, tmp_path):
    ada.create_repo("ada/net")
    done = ada.create_commit("ada/net", add(FILES), commit_message="first")
    assert hub.files("ada/net").items() >= FILES.items() and hub.commits("ada/net")[-1] == done.oid
    info = bob.model_info("ada/net", files_metadata=True)
    sizes = {file.rfilename: (file.size, file.lfs is not None) for file in info.siblings}
    assert sizes.items() >= {"model.safetensors": (5120, True), "README.md": (len(CARD), False)}.items()
    assert set(bob.list_repo_files("ada/net")) == {".gitattributes", *FILES}
    folder = snapshot_download("ada/net", cache_dir=tmp_path)
    assert {path: (Path(folder) / path).read_bytes() for path in FILES} == FILES

    ada.create_commit("ada/net", [CommitOperationDelete("sub/config.json")], commit_message="less")
    assert set(hub.files("ada/net")) == {".gitattributes", *FILES} - {"sub/config.json"}
    ada.delete_repo("ada/net")
    assert not bob.repo_exists("ada/net")


def test_a_commit_of_what_is_there_is_none(hub, ada):
    hub.put("ada/net", FILES)
    before = hub.commits("ada/net")
    assert ada.create_commit("ada/net", add(FILES), commit_message="again").oid == before[-1]
    assert hub.commits("ada/net") == before


def test_only_the_owner_writes_and_others_open_pull_requests(hub, ada, bob):
    hub.put("ada/net", FILES)
    with pytest.raises(HfHubHTTPError, match="no write access"):
        bob.create_commit("ada/net", add({"b.png": b"b"}), commit_message="add b")
    done = bob.create_commit("ada/net", add({"b.png": b"b"}), commit_message="add b", create_pr=True)
    assert done.pr_revision == "refs/pr/1" and hub.files("ada/net", "refs/pr/1") == FILES | {"b.png": b"b"}
    assert hub.files("ada/net") == FILES


def test_what_one_may_not_read_or_is_not_there(hub, ada, bob):
    hub.put("ada/net", FILES)
    hub.put("ada/hidden", FILES, private=True)
    assert ada.model_info("ada/hidden").private
    for token, status in ((False, 401), (bob.token, 404)):
        with pytest.raises(RepositoryNotFoundError) as missing:
            bob.model_info("ada/hidden", token=token)
        assert missing.value.response.status_code == status
    assert [model.id for model in bob.list_models(filter="faces")] == ["ada/net"]
    with pytest.raises(HfHubHTTPError, match="Invalid credentials"):
        bob.model_info("ada/net", token="hf_nobody")
    with pytest.raises(RevisionNotFoundError):
        bob.model_info("ada/net", revision="v1")
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("ada/net", "not there")


def test_a_list_comes_in_pages_of_what_is_asked(hub):
    for number in range(5):
        hub.put(f"ada/net{number}", {"README.md": CARD})
    asked = {"filter": "faces", "limit": 2, "expand": ["tags"]}
    rows = list(paginate(f"{hub.url}/api/models", asked, build_hf_headers()))
    assert rows == [{"id": f"ada/net{number}", "tags": ["faces"]} for number in range(5)] and len(hub.requests) == 3
    with pytest.raises(HfHubHTTPError, match="Invalid expand"):
        list(paginate(f"{hub.url}/api/models", asked | {"expand": "figures"}, build_hf_headers()))


def test_faults_come_as_often_as_they_are_told(hub, ada):
    hub.put("ada/net", FILES)
    before = hub.commits("ada/net")
    hub.faults.append(Fault("POST", "/commit/main", cut=True))
    with pytest.raises(HTTPError):
        ada.create_commit("ada/net", add({"a.txt": b"a"}), commit_message="its answer is lost")
    assert len(hub.commits("ada/net")) == len(before) + 1 and not hub.faults
    hub.faults.append(Fault("GET", "model.safetensors", swap=True))
    path = Path(hf_hub_download("ada/net", "model.safetensors"))
    assert path.read_bytes() == bytes(reversed(range(256))) * 20, "the client does not check what it gets"


def test_a_redirect_leads_to_another_host(hub):
    hub.put("ada/net", FILES)
    hub.faults.append(Fault("GET", "resolve", redirect=True))
    assert Path(hf_hub_download("ada/net", "README.md")).read_bytes() == CARD
    assert hub.requests[-1].headers["authorization"] == "Bearer hf_ada"
    (seen,) = hub.elsewhere
    assert seen.method == "GET" and "authorization" not in seen.headers
