r"""A small Hugging Face Hub in memory, on 127.0.0.1, for tests that run the real `huggingface_hub` client.

    with HubServer() as hub:
        hub.connect(monkeypatch, tmp_path)
        hub.put("ada/net", {"README.md": b"---\ntags: [faces]\n---\n"})

It answers only the requests of fkd and its tests. It stores files in git or LFS and knows nothing of Xet.
"""

import base64
import hashlib
import json
import re
import socket
import threading
import time
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode

import uvicorn
import yaml
from fastapi import FastAPI, HTTPException, Request, Response
from huggingface_hub import constants, hf_api
from huggingface_hub.repocard import REGEX_YAML_BLOCK
from huggingface_hub.utils import close_session, disable_progress_bars

LFS_SUFFIXES = (".safetensors", ".png")
YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Seen = namedtuple("Seen", "method path")  # a request


@dataclass
class Fault:
    """A failure of the next `times` requests of this method with this part of a path, a regex."""

    method: str
    path: str
    times: int = 1
    status: int | None = None  # answer this, with `headers`, and do nothing
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # do the work, promise the whole answer, send half of it and hang up


def answer(data, status: int = 200, headers: dict | None = None) -> Response:
    """JSON; a date that YAML has read becomes text."""
    return Response(json.dumps(data, default=str), status, headers, "application/json")


def refuse(status: int, message: str, code: str | None = None) -> HTTPException:
    """An error in the Hub's words: from X-Error-Code the client takes its exception."""
    return HTTPException(status, message, {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}))


def read_card(readme: str) -> dict:
    """The front matter, {} without one."""
    block = REGEX_YAML_BLOCK.search(readme)
    return yaml.load(block[2], YAML) if block else {}


def stored(path: str, content: bytes) -> dict:
    """Size and id of a file."""
    size = len(content)
    if path.endswith(LFS_SUFFIXES):
        oid = hashlib.sha256(content).hexdigest()
        return {"size": size, "oid": oid, "lfs": {"oid": oid, "sha256": oid, "size": size, "pointerSize": 130}}
    return {"size": size, "oid": hashlib.sha1(b"blob %d\0" % size + content).hexdigest(), "lfs": None}


@dataclass
class Commit:
    """All files of a repo at one time, and the card that the Hub reads in them."""

    sha: str
    files: dict[str, bytes]
    date: str

    @cached_property
    def card(self) -> dict:
        return read_card(self.files.get("README.md", b"").decode())


@dataclass
class Repo:
    kind: str  # models or spaces
    id: str
    private: bool
    commits: list[Commit] = field(default_factory=list)  # of main, oldest first
    pulls: list[Commit] = field(default_factory=list)  # of pull requests, one of each

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    @property
    def page(self) -> str:
        """The path of its web page."""
        return self.id if self.kind == "models" else f"{self.kind}/{self.id}"

    def at(self, rev: str) -> Commit:
        """The commit of main, of a pull request (refs/pr/1, ...) or of an id."""
        named = {commit.sha: commit for commit in self.commits} | {"main": self.commits[-1]}
        named |= {f"refs/pr/{number}": commit for number, commit in enumerate(self.pulls, 1)}
        if rev not in named:
            raise refuse(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        return named[rev]

    def describe(self, commit: Commit) -> dict:
        """The Hub's description of a repo."""
        return {
            "id": self.id, "sha": commit.sha, "lastModified": commit.date, "private": self.private,
            "tags": commit.card.get("tags", []), "model-index": commit.card.get("model-index"),
            "sdk": commit.card.get("sdk"),
        }  # fmt: skip


class HubServer:
    """The Hub's contents, the tests' access to them, and the server, which `with` starts and stops."""

    def __init__(self):
        # The protocol is given, as only then does asyncio turn off Nagle's algorithm, 40 ms an answer.
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        quiet = {"log_level": "critical", "lifespan": "off", "ws": "none", "http": "h11"}
        # A long keep-alive: a connection that closes while the client reuses it would look like a fault.
        waits = {"timeout_graceful_shutdown": 1, "timeout_keep_alive": 600}
        self.server = uvicorn.Server(uvicorn.Config(watched(self, build_app(self)), **quiet, **waits))
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],), daemon=True)
        self.clear()

    def __enter__(self) -> "HubServer":
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join()

    def clear(self):
        """Forgets everything, as if just started."""
        self.repos: dict[tuple[str, str], Repo] = {}
        self.lfs: dict[str, bytes] = {}  # uploads, in a commit or not, by their sha256
        self.tokens: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.requests: list[Seen] = []
        self.seconds = 0

    def connect(self, monkeypatch, home: Path):
        """Turns the whole client to this server, without Xet; its cache and its token are those in `home`, if any."""
        file_url = self.url + "/{repo_id}/resolve/{revision}/{filename}"
        patches = {
            "ENDPOINT": self.url, "HUGGINGFACE_CO_URL_TEMPLATE": file_url, "HF_HUB_DISABLE_XET": True,
            "HF_HUB_DISABLE_TELEMETRY": True,  # it would ask the Hub for more before the first request
            "HF_HUB_CACHE": str(home / "hub"), "HF_TOKEN_PATH": str(home / "token"),
        }  # fmt: skip
        for name, value in patches.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setattr(hf_api.api, "endpoint", self.url)
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
            monkeypatch.delenv(name, raising=False)
        # For processes that the test starts.
        settings = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}
        for name, value in (settings | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}).items():
            monkeypatch.setenv(name, value)
        disable_progress_bars()
        close_session()

    def add_user(self, name: str) -> str:
        """-> a token."""
        self.tokens[f"hf_{name}"] = name
        return f"hf_{name}"

    def repo(self, repo_id: str, repo_type: str = "model") -> Repo:
        return self.repos[f"{repo_type}s", repo_id]

    def put(self, repo_id: str, files: dict[str, bytes], repo_type: str = "model", private: bool = False):
        """Commits files to main; creates the repo if it is missing."""
        kind = f"{repo_type}s"
        repo = self.repos.get((kind, repo_id)) or Repo(kind, repo_id, private)
        repo.commits.append(self.commit((repo.at("main").files if repo.commits else {}) | files))
        self.repos[kind, repo_id] = repo

    def files(self, repo_id: str, rev: str = "main", repo_type: str = "model") -> dict[str, bytes]:
        return dict(self.repo(repo_id, repo_type).at(rev).files)

    def commits(self, repo_id: str, repo_type: str = "model") -> list[str]:
        """Oldest first."""
        return [commit.sha for commit in self.repo(repo_id, repo_type).commits]

    def commit(self, files: dict[str, bytes]) -> Commit:
        """A second later at each, so that no two are of one time."""
        self.seconds += 1
        date = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)
        sha = hashlib.sha1(str(self.seconds).encode()).hexdigest()
        return Commit(sha, files, date.strftime("%Y-%m-%dT%H:%M:%S.000Z"))

    def take_fault(self, seen: Seen) -> Fault | None:
        for fault in self.faults:
            if fault.method == seen.method and re.search(fault.path, seen.path):
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None

    def user(self, request: Request) -> str | None:
        """The user of the request's token; None without a token."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            raise refuse(401, "Invalid credentials in Authorization header")
        return self.tokens.get(token)

    def find(self, request: Request, to_write: bool = False, **where: str) -> Repo:
        """The repo that the path names. One that the user may not read does not exist for him."""
        where = {"kind": "models"} | request.path_params | where
        repo = self.repos.get((where["kind"], f"{where['owner']}/{where['name']}"))
        user = self.user(request)
        if not repo or (repo.private and user != repo.owner):
            # The real Hub need not send the code with a 401: the client knows its URLs, but only those of https.
            raise refuse(404 if user else 401, "Repository not found", "RepoNotFound")
        if to_write and user != repo.owner and not (user and request.query_params.get("create_pr")):
            raise refuse(403 if user else 401, f"you have no write access to {repo.id}")
        return repo


def watched(hub: HubServer, app: FastAPI):
    """The app behind a part that records requests and plays faults."""

    async def serve(scope, receive, send):
        hub.requests.append(Seen(scope["method"], scope["path"]))
        fault = hub.take_fault(hub.requests[-1])
        if fault and fault.status:
            await answer({"error": "injected"}, fault.status, fault.headers)(scope, receive, send)
            return

        async def send_half(message):
            if message["type"] == "http.response.body":  # uvicorn closes the connection, as more was promised
                message = message | {"body": message["body"][: len(message["body"]) // 2], "more_body": True}
            await send(message)

        await app(scope, receive, send_half if fault else send)

    return serve


def build_app(hub: HubServer) -> FastAPI:
    """The routes. Their order matters: the first that fits is taken."""
    app = FastAPI(openapi_url=None)
    repo_url = "/api/{kind}/{owner}/{name}"

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException):
        return answer({"error": error.detail}, error.status_code, error.headers)

    @app.post("/api/repos/create")
    async def create(request: Request):
        user, asked = hub.user(request), await request.json()
        repo_type, repo_id = asked.get("type", "model"), f"{asked['organization']}/{asked['name']}"
        if asked["organization"] != user:
            raise refuse(403 if user else 401, f"you may not make {repo_id}")
        known = (f"{repo_type}s", repo_id) in hub.repos
        if not known:
            hub.put(repo_id, {".gitattributes": b""}, repo_type, asked.get("visibility") == "private")
        # The client reads the url in a 409 too.
        return answer({"url": f"{hub.url}/{hub.repo(repo_id, repo_type).page}"}, 409 if known else 200)

    @app.delete("/api/repos/delete")
    async def delete(request: Request):
        asked = await request.json()
        repo = hub.find(request, to_write=True, owner=asked["organization"], name=asked["name"])
        del hub.repos[repo.kind, repo.id]
        return answer({})

    @app.post("/api/validate-yaml")
    async def validate_yaml(request: Request):
        read_card((await request.json())["content"])
        return answer({"errors": [], "warnings": []})

    @app.get("/api/models")
    async def search(request: Request, filter: str, limit: int = 1000, cursor: int = 0):
        user, query = hub.user(request), request.query_params
        heads = [(repo, repo.at("main")) for repo in list(hub.repos.values()) if repo.kind == "models"]
        rows = [
            repo.describe(head)
            for repo, head in heads
            if (not repo.private or user == repo.owner) and filter in head.card.get("tags", [])
        ]
        stop, kept = cursor + limit, [item for item in query.multi_items() if item[0] != "cursor"]
        link = f'<{hub.url}/api/models?{urlencode([*kept, ("cursor", stop)])}>; rel="next"'
        return answer(rows[cursor:stop], headers={"Link": link} if stop < len(rows) else {})

    @app.get(repo_url)
    @app.get(repo_url + "/revision/{rev}")
    async def info(request: Request, rev: str = "main"):
        repo = hub.find(request)
        commit, siblings = repo.at(rev), []
        for path, content in sorted(commit.files.items()):
            about = stored(path, content)
            siblings.append({"rfilename": path, "size": about["size"], "blobId": about["oid"], "lfs": about["lfs"]})
        return answer(repo.describe(commit) | {"siblings": siblings})

    @app.get(repo_url + "/tree/{rev}")
    async def tree(request: Request, rev: str):
        files = sorted(hub.find(request).at(rev).files.items())
        return answer([{"type": "file", "path": path} | stored(path, content) for path, content in files])

    @app.post(repo_url + "/preupload/{rev}")
    async def preupload(request: Request, rev: str):
        files, told = hub.find(request, to_write=True).at(rev).files, []
        for path in [item["path"] for item in (await request.json())["files"]]:
            mode = "lfs" if path.endswith(LFS_SUFFIXES) else "regular"
            # The client leaves a file out of its commit if this is the id of what it has.
            oid = stored(path, files[path])["oid"] if path in files else None
            told.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return answer({"files": told})

    @app.post("/{page:path}.git/info/lfs/objects/batch")
    async def lfs_batch(request: Request):
        upload = {"actions": {"upload": {"href": f"{hub.url}/lfs"}}}
        return answer({"transfer": "basic", "objects": [item | upload for item in (await request.json())["objects"]]})

    @app.put("/lfs")
    async def lfs_put(request: Request):
        content = await request.body()
        hub.lfs[hashlib.sha256(content).hexdigest()] = content
        return answer({})

    @app.post(repo_url + "/commit/main")
    async def commit(request: Request, create_pr: bool = False):
        body = await request.body()  # nothing is awaited after this: no other commit comes between
        repo = hub.find(request, to_write=True)
        files = dict(repo.at("main").files)
        for operation in [json.loads(line) for line in body.splitlines()][1:]:
            key, value = operation["key"], operation["value"]
            if key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = hub.lfs[value["oid"]]
            else:
                del files[value["path"]]
        made, page = hub.commit(files), f"{hub.url}/{repo.page}"
        (repo.pulls if create_pr else repo.commits).append(made)
        done = {"success": True, "commitOid": made.sha, "commitUrl": f"{page}/commit/{made.sha}"}
        return answer(done | ({"pullRequestUrl": f"{page}/discussions/{len(repo.pulls)}"} if create_pr else {}))

    @app.api_route("/{owner}/{name}/resolve/{rev}/{path:path}", methods=["GET", "HEAD"])
    async def resolve(request: Request, rev: str, path: str):
        commit = hub.find(request).at(rev)
        if path not in commit.files:
            raise refuse(404, "Entry not found", "EntryNotFound")
        content = commit.files[path]
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{stored(path, content)["oid"]}"'}
        part = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))  # a download that continues
        start, size = int(part[1]) if part else 0, len(content)
        if part:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        return Response(content[start:], 206 if part else 200, headers, "application/octet-stream")

    return app
