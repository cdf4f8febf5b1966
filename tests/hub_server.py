"""A small Hugging Face Hub in memory, on 127.0.0.1, for tests that run the real `huggingface_hub` client.

It answers only the requests of fkd and its tests, and stores files in git or LFS, not in Xet.
"""

import base64
import hashlib
import json
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import uvicorn
import yaml
from fastapi import FastAPI, HTTPException, Request, Response
from huggingface_hub import constants, hf_api
from huggingface_hub.repocard import REGEX_YAML_BLOCK
from huggingface_hub.utils import close_session, disable_progress_bars

LFS_SUFFIXES = (".safetensors", ".png")


@dataclass
class Fault:
    """A failure of requests of this method with this part of a path, a regex."""

    method: str
    path: str
    status: int | None = None  # answer this, with `headers`, and do nothing
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # do the work, but hang up after the headers of the answer


def answer(data, status: int = 200, headers: dict | None = None) -> Response:
    return Response(json.dumps(data, default=str), status, headers, "application/json")  # str: the dates of a card


def refuse(status: int, message: str, code: str | None = None) -> HTTPException:
    """An error as the Hub reports it: the client takes its exception from X-Error-Code."""
    return HTTPException(status, message, {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}))


def stored(path: str, content: bytes) -> dict:
    """Size and id of a file."""
    size = len(content)
    if path.endswith(LFS_SUFFIXES):
        oid = hashlib.sha256(content).hexdigest()
        return {"size": size, "oid": oid, "lfs": {"oid": oid, "sha256": oid, "size": size, "pointerSize": 130}}
    return {"size": size, "oid": hashlib.sha1(b"blob %d\0" % size + content).hexdigest(), "lfs": None}


class Commit(NamedTuple):
    sha: str
    files: dict[str, bytes]


@dataclass
class Repo:
    kind: str  # models or spaces
    id: str
    private: bool
    commits: list[Commit] = field(default_factory=list)  # of main, oldest first
    pulls: list[Commit] = field(default_factory=list)  # of pull requests, one of each

    @property
    def page(self) -> str:
        """The path of its web page."""
        return self.id if self.kind == "models" else f"{self.kind}/{self.id}"

    def at(self, rev: str = "main") -> Commit:
        """The commit of main, of a pull request (refs/pr/1, ...) or of an id."""
        named = {commit.sha: commit for commit in self.commits} | {"main": self.commits[-1]}
        named |= {f"refs/pr/{number}": commit for number, commit in enumerate(self.pulls, 1)}
        if rev not in named:
            raise refuse(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        return named[rev]

    def describe(self, rev: str = "main") -> dict:
        sha, files = self.at(rev)
        front = REGEX_YAML_BLOCK.search(files.get("README.md", b"").decode())
        card = yaml.load(front[2], yaml.CSafeLoader) if front else {}
        facts = {"id": self.id, "sha": sha, "lastModified": "2026-01-01T00:00:00.000Z", "private": self.private}
        return facts | {"model-index": card.get("model-index"), "tags": card.get("tags", [])}


class HubServer:
    """The Hub's contents, the tests' access to them, and the server, which runs until the tests end."""

    def __init__(self):
        # The protocol is given, as only then does asyncio turn off Nagle's algorithm, 40 ms an answer.
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.clear()
        # A long keep-alive: a connection that closes while the client reuses it would look like a fault.
        options = {"log_level": "critical", "lifespan": "off", "ws": "none", "http": "h11", "timeout_keep_alive": 600}
        server = uvicorn.Server(uvicorn.Config(with_faults(self, build_app(self)), **options))
        threading.Thread(target=server.run, args=([self.socket],), daemon=True).start()
        while not server.started:
            time.sleep(0.005)

    def clear(self):
        """Forgets everything, as if just started."""
        self.repos: dict[tuple[str, str], Repo] = {}
        self.lfs: dict[str, bytes] = {}  # uploads, in a commit or not, by their sha256
        self.faults: list[Fault] = []
        self.requests: list[str] = []  # their paths
        self.count = 0  # of commits

    def connect(self, monkeypatch, home: Path):
        """Points the client, here and in processes that the test starts, to this server; cache and token in `home`."""
        on = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        url = {
            "ENDPOINT": self.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": self.url + "/{repo_id}/resolve/{revision}/{filename}",
        }
        folders = {"HF_HUB_CACHE": str(home / "hub"), "HF_TOKEN_PATH": str(home / "token")}
        for name, value in (url | folders | on).items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setattr(hf_api.api, "endpoint", self.url)
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in (on | {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}).items():
            monkeypatch.setenv(name, value)
        disable_progress_bars()
        close_session()

    def repo(self, repo_id: str, repo_type: str = "model") -> Repo:
        return self.repos[f"{repo_type}s", repo_id]

    def put(self, repo_id: str, files: dict[str, bytes], repo_type: str = "model", private: bool = False):
        """Commits files to main; creates the repo if it is missing."""
        kind = f"{repo_type}s"
        repo = self.repos.setdefault((kind, repo_id), Repo(kind, repo_id, private))
        repo.commits.append(self.commit((repo.at().files if repo.commits else {}) | files))

    def files(self, repo_id: str, rev: str = "main", repo_type: str = "model") -> dict[str, bytes]:
        return dict(self.repo(repo_id, repo_type).at(rev).files)

    def commits(self, repo_id: str, repo_type: str = "model") -> list[str]:
        """Oldest first."""
        return [commit.sha for commit in self.repo(repo_id, repo_type).commits]

    def commit(self, files: dict[str, bytes]) -> Commit:
        self.count += 1
        return Commit(hashlib.sha1(str(self.count).encode()).hexdigest(), files)

    def user(self, request: Request) -> str | None:
        return request.headers.get("authorization", "").removeprefix("Bearer hf_") or None

    def find(self, request: Request, to_write: bool = False, **where: str) -> Repo:
        """The repo that the path names. One that the user may not read does not exist for him."""
        where = {"kind": "models"} | request.path_params | where
        user = self.user(request)
        repo = self.repos.get((where["kind"], f"{where['owner']}/{where['name']}"))
        if not repo or (repo.private and user != where["owner"]):
            # The real Hub need not send the code with a 401: the client knows its URLs, but only those of https.
            raise refuse(404 if user else 401, "Repository not found", "RepoNotFound")
        if to_write and user != where["owner"] and not (user and request.query_params.get("create_pr")):
            raise refuse(403 if user else 401, f"you have no write access to {repo.id}")
        return repo


def with_faults(hub: HubServer, app: FastAPI):
    """The app behind a part that records requests and plays faults."""

    async def serve(scope, receive, send):
        hub.requests.append(scope["path"])
        hit = [one for one in hub.faults if one.method == scope["method"] and re.search(one.path, scope["path"])]
        if not hit:
            await app(scope, receive, send)
        elif hit[0].status:
            await answer({"error": "injected"}, hit[0].status, hit[0].headers)(scope, receive, send)
        else:

            async def send_headers(message):  # uvicorn closes the connection, since a body was promised
                if message["type"] == "http.response.start":
                    await send(message)

            await app(scope, receive, send_headers)

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
        user, wanted = hub.user(request), await request.json()
        repo_type, repo_id = wanted.get("type", "model"), f"{wanted['organization']}/{wanted['name']}"
        if wanted["organization"] != user:
            raise refuse(403 if user else 401, f"you may not make {repo_id}")
        is_known = (f"{repo_type}s", repo_id) in hub.repos
        if not is_known:
            hub.put(repo_id, {".gitattributes": b""}, repo_type, wanted.get("visibility") == "private")
        # The client reads the url in a 409 too.
        return answer({"url": f"{hub.url}/{hub.repo(repo_id, repo_type).page}"}, 409 if is_known else 200)

    @app.delete("/api/repos/delete")
    async def delete(request: Request):
        unwanted = await request.json()
        repo = hub.find(request, to_write=True, owner=unwanted["organization"], name=unwanted["name"])
        del hub.repos[repo.kind, repo.id]
        return answer({})

    @app.post("/api/validate-yaml")
    async def validate_yaml(request: Request):
        return answer({"errors": [], "warnings": []})

    @app.get("/api/models")
    async def search(request: Request, filter: str):
        user = hub.user(request)
        repos = [repo for repo in hub.repos.values() if repo.kind == "models" and (not repo.private or user)]
        return answer([about for about in (repo.describe() for repo in repos) if filter in about["tags"]])

    @app.get(repo_url)
    @app.get(repo_url + "/revision/{rev}")
    async def info(request: Request, rev: str = "main"):
        repo, siblings = hub.find(request), []
        for path, content in sorted(repo.at(rev).files.items()):
            about = stored(path, content)
            siblings.append({"rfilename": path, "size": about["size"], "blobId": about["oid"], "lfs": about["lfs"]})
        return answer(repo.describe(rev) | {"siblings": siblings})

    @app.get(repo_url + "/tree/{rev}")
    async def tree(request: Request, rev: str):
        files = sorted(hub.find(request).at(rev).files.items())
        return answer([{"type": "file", "path": path} | stored(path, content) for path, content in files])

    @app.post(repo_url + "/preupload/{rev}")
    async def preupload(request: Request, rev: str):
        files, found = hub.find(request, to_write=True).at(rev).files, []
        for path in [item["path"] for item in (await request.json())["files"]]:
            mode = "lfs" if path.endswith(LFS_SUFFIXES) else "regular"
            # The client leaves a file out of its commit if this is the id of what it has.
            oid = stored(path, files[path])["oid"] if path in files else None
            found.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return answer({"files": found})

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
        files = dict(repo.at().files)
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
        sha, files = hub.find(request).at(rev)
        if path not in files:
            raise refuse(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": sha, "ETag": f'"{stored(path, files[path])["oid"]}"'}
        return Response(files[path], headers=headers, media_type="application/octet-stream")

    return app
