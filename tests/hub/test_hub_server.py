"""The test Hub, asked by the real client."""

from pathlib import Path

import pytest
from hub_server import Fault
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    ModelCard,
    constants,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

CARD = b"---\nlicense: mit\nlibrary_name: fkd\ntags: [faces]\ndatasets: [ada/faces]\n---\n# A net\n"
FILES = {"README.md": CARD, "model.safetensors": bytes(range(256)) * 20, "sub/config.json": b"{}", "empty.png": b""}


@pytest.fixture
def ada(hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.add_user("ada"))


@pytest.fixture
def bob(hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.add_user("bob"))


@pytest.fixture
def anyone(hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


def add(files: dict[str, bytes]) -> list[CommitOperationAdd]:
    return [CommitOperationAdd(path, content) for path, content in files.items()]


def cached(folder: Path) -> set[Path]:
    """What a cache holds of files, whole or in part."""
    return {path for path in folder.rglob("*") if {"blobs", "snapshots"} & set(path.parts) and path.is_file()}


@pytest.mark.parametrize("repo_type", ["model", "dataset", "space"])
def test_what_is_committed_comes_back(hub, ada, anyone, repo_type, tmp_path):
    sdk = {"space_sdk": "gradio"} if repo_type == "space" else {}
    assert ada.create_repo("ada/net", repo_type=repo_type, **sdk).repo_id == "ada/net"
    done = ada.create_commit("ada/net", add(FILES), commit_message="first", repo_type=repo_type)

    assert hub.files("ada/net", repo_type=repo_type).items() >= FILES.items()
    info = anyone.repo_info("ada/net", repo_type=repo_type, files_metadata=True)
    assert (info.sha, info.author, info.private, info.card_data.license) == (done.oid, "ada", False, "mit")
    sizes = {sibling.rfilename: (sibling.size, sibling.lfs is not None) for sibling in info.siblings}
    assert sizes.items() >= {"model.safetensors": (5120, True), "README.md": (len(CARD), False)}.items()
    assert {"faces", "license:mit", "fkd", "safetensors", "dataset:ada/faces"} <= set(info.tags) or repo_type != "model"
    tree = {entry.path for entry in anyone.list_repo_tree("ada/net", recursive=True, repo_type=repo_type)}
    assert tree >= set(FILES) | {"sub"}

    folder = snapshot_download("ada/net", repo_type=repo_type, cache_dir=tmp_path / "cache")
    assert {path: (Path(folder) / path).read_bytes() for path in FILES} == FILES
    ada.delete_repo("ada/net", repo_type=repo_type)
    assert not anyone.repo_exists("ada/net", repo_type=repo_type)


def test_a_repo_is_made_once(ada):
    ada.create_repo("ada/net", private=True)
    assert ada.create_repo("ada/net", exist_ok=True).repo_id == "ada/net"
    with pytest.raises(HfHubHTTPError, match="409"):
        ada.create_repo("ada/net")


def test_a_commit_of_what_is_there_is_none(hub, ada):
    hub.put("ada/net", FILES)
    before = hub.commits("ada/net")
    assert ada.create_commit("ada/net", add(FILES), commit_message="again").oid == before[-1]
    assert hub.commits("ada/net") == before
    ada.create_commit("ada/net", add(FILES | {"sub/config.json": b"[]"}), commit_message="one changed")
    assert len(hub.commits("ada/net")) == 2 and hub.files("ada/net")["sub/config.json"] == b"[]"


def test_a_commit_is_made_whole_or_not_at_all(hub, ada):
    first = hub.put("ada/net", FILES)
    second = hub.put("ada/net", {"new.txt": b"new"})
    with pytest.raises(HfHubHTTPError) as stale:
        ada.create_commit("ada/net", add({"a.txt": b"a"}), commit_message="stale", parent_commit=first)
    assert stale.value.response.status_code == 412
    with pytest.raises(EntryNotFoundError):
        wrong = [*add({"a.txt": b"a"}), CommitOperationDelete("not there")]
        ada.create_commit("ada/net", wrong, commit_message="wrong")
    with pytest.raises(ValueError, match="Invalid metadata in README.md"):
        ada.create_commit("ada/net", add({"README.md": b"---\n- a list\n---\n"}), commit_message="no card")
    assert hub.commits("ada/net") == [first, second]
    ada.create_commit("ada/net", [CommitOperationDelete("sub/")], commit_message="less", parent_commit=second)
    assert set(hub.files("ada/net")) == {*FILES, "new.txt"} - {"sub/config.json"}


def test_a_commit_whose_answer_is_lost_is_made_once(hub, ada):
    hub.put("ada/net", {})
    hub.faults.append(Fault(method="POST", path="/commit/main", cut=True))
    with pytest.raises(HTTPError):
        ada.create_commit("ada/net", add(FILES), commit_message="first")
    ada.create_commit("ada/net", add(FILES), commit_message="first")
    assert len(hub.commits("ada/net")) == 2 and hub.files("ada/net") == FILES


def test_a_pull_request_leaves_main_as_it_was(hub, ada, bob):
    hub.put("ada/net", FILES)
    before = hub.commits("ada/net")
    done = bob.create_commit("ada/net", add({"b.png": b"b"}), commit_message="add b", create_pr=True)
    bob.create_commit("ada/net", add({"c.png": b"c"}), commit_message="and c", revision=done.pr_revision)
    assert hub.commits("ada/net") == before
    assert hub.files("ada/net", "refs/pr/1") == FILES | {"b.png": b"b", "c.png": b"c"}
    (pull,) = ada.get_repo_discussions("ada/net", discussion_status="open")
    assert (pull.num, pull.author, pull.title, pull.git_reference) == (1, "bob", "add b", done.pr_revision)
    assert ada.get_discussion_details("ada/net", 1).target_branch == "refs/heads/main"
    (ref,) = ada.list_repo_refs("ada/net", include_pull_requests=True).pull_requests
    assert ref.target_commit == hub.commits("ada/net", "refs/pr/1")[-1]


def test_lists_come_in_pages(hub, anyone, ada):
    for index in range(5000):
        card = f"---\ntags: [faces, {'even' if index % 2 == 0 else 'odd'}]\n---\n".encode()
        hub.put(f"user{index % 10}/net{index:04}", {"README.md": card})
    hub.put("ada/hidden", {"README.md": CARD}, private=True)
    found = list(anyone.list_models(filter=["faces", "even"], full=True, cardData=True))
    assert len({model.id for model in found}) == 2500 and "even" in found[0].card_data.tags
    assert [seen.path for seen in hub.requests] == ["/api/models"] * 3
    newest = [model.id for model in anyone.list_models(filter="faces", sort="last_modified", limit=2)]
    assert newest == ["user9/net4999", "user8/net4998"]
    assert [model.id for model in anyone.list_models(author="user3", search="net0003")] == ["user3/net0003"]
    assert [model.id for model in ada.list_models(filter="dataset:ada/faces", expand=["sha"])] == ["ada/hidden"]


def results(value: float, task: str = "rmse") -> bytes:
    return f"- dataset: {{id: ada/faces, task_id: {task}}}\n  value: {value}\n  notes: mirrored\n".encode()


def test_results_are_read_and_ranked(hub, bob, anyone):
    hub.put("ada/faces", {"eval.yaml": b"name: Faces\ntasks:\n- id: rmse\n"}, "dataset")
    hub.put("ada/net", {".eval_results/faces.yaml": results(1.5), ".eval_results/other.yaml": results(9, "other")})
    hub.put("bob/net", {".eval_results/faces.yaml": results(2.5), ".eval_results/bad.yaml": b"- value: 1\n"})
    hub.put("bob/tuned", {".eval_results/faces.yaml": results(3.5), "README.md": b"---\nbase_model: bob/net\n---\n"})
    bob.create_commit("ada/net", add({".eval_results/more.yaml": results(4.5)}), commit_message="more", create_pr=True)

    entries = anyone.model_info("ada/net", expand=["evalResults"]).eval_results
    assert [(entry.dataset_id, entry.task_id, entry.value) for entry in entries] == [
        ("ada/faces", "rmse", 1.5),
        ("ada/faces", "other", 9),
        ("ada/faces", "rmse", 4.5),  # the client does not say that this one is in a pull request
    ]
    assert len(anyone.model_info("bob/net", expand=["evalResults"]).eval_results) == 1
    assert anyone.model_info("bob/net").eval_results is None

    board = anyone.get_dataset_leaderboard("ada/faces")
    assert [(row.rank, row.model_id, row.value, row.pull_request) for row in board] == [
        (1, "ada/net", 4.5, 1),
        (2, "bob/net", 2.5, None),
        (3, "ada/net", 1.5, None),
    ]
    assert (board[1].filename, board[1].author.username, board[1].notes) == (
        ".eval_results/faces.yaml",
        "bob",
        "mirrored",
    )
    assert "bob/tuned" in {row.model_id for row in anyone.get_dataset_leaderboard("ada/faces", base_model_only=False)}
    hub.put("ada/plain", {"a.csv": b""}, "dataset")
    with pytest.raises(HfHubHTTPError, match="404"):
        anyone.get_dataset_leaderboard("ada/plain")


def test_who_may_do_what(hub, ada, bob, anyone, tmp_path):
    hub.put("ada/net", FILES)
    hub.put("ada/hidden", FILES, private=True)
    hub.put("ada/gated", FILES, gated="manual")
    assert ada.whoami()["name"] == "ada" and ada.model_info("ada/hidden").private
    for api, code in ((anyone, 401), (bob, 404)):
        with pytest.raises(RepositoryNotFoundError) as missing:
            api.model_info("ada/hidden")
        assert missing.value.response.status_code == code
        with pytest.raises(GatedRepoError):
            api.hf_hub_download("ada/gated", "README.md", cache_dir=tmp_path)
    with pytest.raises(HfHubHTTPError) as forbidden:
        bob.upload_file(path_or_fileobj=b"b", path_in_repo="b.txt", repo_id="ada/net")
    assert forbidden.value.response.status_code == 403
    with pytest.raises(RepositoryNotFoundError):
        anyone.upload_file(path_or_fileobj=b"b", path_in_repo="b.txt", repo_id="ada/net")
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(endpoint=hub.url, token="hf_nobody").whoami()
    with pytest.raises(RevisionNotFoundError):
        anyone.model_info("ada/net", revision="v1")
    with pytest.raises(EntryNotFoundError):
        anyone.hf_hub_download("ada/net", "not there", cache_dir=tmp_path)
    assert hub.files("ada/net") == FILES and not cached(tmp_path)


def test_a_cut_download_is_taken_up_where_it_broke_off(hub, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 512)  # what is left of a chunk is lost
    hub.put("ada/net", FILES)
    hub.faults.append(Fault(path="model.safetensors", cut=True))
    path = hf_hub_download("ada/net", "model.safetensors", cache_dir=tmp_path)
    assert Path(path).read_bytes() == FILES["model.safetensors"]
    assert [seen.headers.get("range") for seen in hub.requests] == [None, None, "bytes=2560-"]

    before = cached(tmp_path)
    hub.faults.append(Fault(path="README.md", cut=True, times=100))
    with pytest.raises(HTTPError, match="peer closed connection"):
        hf_hub_download("ada/net", "README.md", cache_dir=tmp_path)
    assert cached(tmp_path) == before


def test_the_client_does_not_check_what_it_gets(hub, tmp_path):
    hub.put("ada/net", FILES)
    hub.faults.append(Fault(path="model.safetensors", swap=True))
    path = hf_hub_download("ada/net", "model.safetensors", cache_dir=tmp_path)
    assert Path(path).read_bytes() == bytes(reversed(range(256))) * 20


def test_a_busy_hub_is_asked_again(hub, anyone, tmp_path):
    hub.put("ada/net", FILES)
    hub.faults.append(Fault(path="resolve", status=429, headers={"Retry-After": "1"}))
    hub.faults.append(Fault(path="resolve", pause=0.01))
    path = hf_hub_download("ada/net", "README.md", cache_dir=tmp_path)
    assert Path(path).read_bytes() == CARD and [seen.method for seen in hub.requests] == ["HEAD", "GET", "GET"]
    hub.faults.append(Fault(path="/api/models/ada/net", status=500))
    with pytest.raises(HfHubHTTPError, match="500"):
        anyone.model_info("ada/net")
    assert anyone.model_info("ada/net").id == "ada/net" and not hub.faults


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_redirect_to_another_host_takes_no_token_along(hub, ada, method, tmp_path):
    hub.put("ada/hidden", FILES, private=True)
    hub.faults.append(Fault(method=method, path="resolve", redirect=True))
    path = ada.hf_hub_download("ada/hidden", "model.safetensors", cache_dir=tmp_path)
    assert Path(path).read_bytes() == FILES["model.safetensors"]
    assert hub.requests[0].headers["authorization"] == "Bearer hf_ada"
    (seen,) = hub.elsewhere
    assert seen.method == "GET" and "authorization" not in seen.headers


def test_a_card_is_checked(hub):
    ModelCard(CARD.decode()).validate()
    with pytest.raises(ValueError, match="tags must be an array of strings"):
        ModelCard("---\ntags: [1]\n---\n").validate()
    assert [seen.path for seen in hub.requests] == ["/api/validate-yaml"] * 2


def test_a_space_gets_its_hardware(ada):
    ada.create_repo("ada/app", repo_type="space", space_sdk="gradio")
    assert ada.request_space_hardware("ada/app", "zero-a10g").requested_hardware == "zero-a10g"
    info = ada.space_info("ada/app")
    assert (info.sdk, info.runtime.requested_hardware) == ("gradio", "zero-a10g")
