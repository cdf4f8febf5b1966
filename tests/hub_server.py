"""A small Hugging Face Hub in memory, on 127.0.0.1, for tests that run the real `huggingface_hub` client.

    with HubServer() as hub:
        token = hub.add_user("ada")
        hub.put("ada/net", {"README.md": b"---\\ntags: [faces]\\n---\\n"})
        api = HfApi(endpoint=hub.url, token=token)

It stores files in git or LFS and knows nothing of Xet, which the client uses wherever hf_xet is installed, and some of
the client's functions take no endpoint: `hub.connect(monkeypatch, tmp_path)` sees to both.
"""

import asyncio
import base64
import hashlib
import json
import math
import re
import socket
import threading
import time
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import get_args
from urllib.parse import parse_qs, unquote, urlencode

import uvicorn
import yaml
from fastapi import FastAPI, HTTPException, Request, Response
from huggingface_hub import constants, hf_api
from huggingface_hub.repocard import REGEX_YAML_BLOCK
from huggingface_hub.utils import close_session

LFS_SUFFIXES, LFS_SIZE = (".safetensors", ".png"), 10 * 2**20
FLIPPED = bytes(reversed(range(256)))
YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What the Hub makes tags of, besides the card's `tags`: field of the card -> the tag's prefix.
TAGS = {
    "models": {"library_name": "", "pipeline_tag": "", "language": "", "license": "license:", "datasets": "dataset:",
               "base_model": "base_model:"},
    "datasets": {key: f"{key}:" for key in ("language", "license", "task_categories", "size_categories")},
    "spaces": {},
}  # fmt: skip
EXPAND = {
    "models": set(get_args(hf_api.ExpandModelProperty_T)),
    "datasets": set(get_args(hf_api.ExpandDatasetProperty_T)),
    "spaces": set(get_args(hf_api.ExpandSpaceProperty_T)),
}
LISTED = {"modelId", "likes", "private", "downloads", "tags", "pipeline_tag", "library_name", "createdAt", "sdk"}
FULL = LISTED | {"author", "sha", "lastModified", "gated", "siblings"}


@dataclass
class Fault:
    """What goes wrong with the next `times` requests of this method whose path and query hold `path` (both regexes)."""

    method: str = "GET"
    path: str = ""
    times: int = 1
    status: int | None = None  # answer this, with `headers`, and do nothing
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # do the work, promise the whole answer, send half of it and hang up
    pause: float = 0  # send the answer in eight pieces, this many seconds apart
    swap: bool = False  # send as many other bytes
    redirect: bool = False  # send the client to `hub.elsewhere_url`, as the Hub does for files on its CDN


# A request as it came: the path is still quoted, names of headers are in lower case.
Seen = namedtuple("Seen", "method path query headers")


def answer(data, status: int = 200, headers: dict | None = None) -> Response:
    """JSON; a date that YAML has read becomes text."""
    return Response(json.dumps(data, default=str), status, headers, "application/json")


def refuse(status: int, message: str, code: str | None = None, **headers: str) -> HTTPException:
    """An error in the Hub's words: from X-Error-Code the client takes its exception."""
    headers |= {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    return HTTPException(status, message, headers)


def as_list(value) -> list:
    return value if isinstance(value, list) else [] if value is None else [value]


def read_yaml(content: str | bytes):
    try:
        return yaml.load(content, YAML)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error


def read_card(readme: bytes) -> dict:
    """The front matter, {} without one; ValueError if the Hub would refuse it."""
    block = REGEX_YAML_BLOCK.search(readme.decode())
    card = read_yaml(block[2]) if block else None
    if card is not None and not isinstance(card, dict):
        raise ValueError("metadata must be a mapping")
    tags = (card or {}).get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("tags must be an array of strings")
    return card or {}


def read_results(path: str, content: bytes, date: str) -> list[dict]:
    """A file of `.eval_results` as the Hub answers it: its results, or what is wrong with the file."""
    try:
        entries = read_yaml(content)
        if not isinstance(entries, list):
            raise ValueError("expected array")
        for index, entry in enumerate(entries):
            dataset = entry.get("dataset") if isinstance(entry, dict) else None
            for key in ("id", "task_id"):
                if not isinstance(dataset, dict) or not isinstance(dataset.get(key), str):
                    raise ValueError(f"expected string at [{index}].dataset.{key}")
            if type(entry.get("value")) not in (int, float) or not math.isfinite(entry["value"]):
                raise ValueError(f"expected number at [{index}].value")
            if "source" in entry and not (isinstance(entry["source"], dict) and "url" in entry["source"]):
                raise ValueError(f"expected string at [{index}].source.url")
    except ValueError as error:
        return [{"filename": path, "error": f"Invalid input: {error}"}]
    return [{"filename": path, "verified": False, "data": {"date": date} | entry} for entry in entries]


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def in_lfs(path: str, size: int) -> bool:
    """Never an empty file: the client commits it as a regular one, whatever it is told."""
    return size > 0 and (path.endswith(LFS_SUFFIXES) or size > LFS_SIZE)


def stored(path: str, content: bytes) -> dict:
    """Size and ids of a file; what git holds of an LFS file is a pointer."""
    if not in_lfs(path, len(content)):
        return {"size": len(content), "oid": git_oid(content)}
    oid = sha256(content)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()
    lfs = {"oid": oid, "sha256": oid, "size": len(content), "pointerSize": len(pointer)}
    return {"size": len(content), "oid": git_oid(pointer), "lfs": lfs}


def listed(files: dict[str, bytes]) -> dict[str, dict]:
    """Files, and the folders that they make, as the tree shows them; by path."""
    folders = {path[: slash.start()] for path in files for slash in re.finditer("/", path)}
    found = {path: {"type": "directory", "path": path, "size": 0, "oid": git_oid(path.encode())} for path in folders}
    found |= {path: {"type": "file", "path": path} | stored(path, content) for path, content in files.items()}
    return dict(sorted(found.items()))


@dataclass
class Commit:
    """All files of a repo at one time, and what the Hub reads in them."""

    sha: str
    parent: str | None
    files: dict[str, bytes]
    author: str
    title: str
    date: str

    @cached_property
    def card(self) -> dict:
        try:
            return read_card(self.files.get("README.md", b""))
        except ValueError:
            return {}

    @cached_property
    def results(self) -> list[dict]:
        paths = [path for path in sorted(self.files) if re.fullmatch(r"\.eval_results/[^/]+\.yaml", path)]
        return [item for path in paths for item in read_results(path, self.files[path], self.date)]

    def tags(self, kind: str) -> list[str]:
        named = [p + str(value) for key, p in TAGS[kind].items() for value in as_list(self.card.get(key))]
        weights = kind == "models" and any(path.endswith(".safetensors") for path in self.files)
        return (self.card.get("tags") or []) + named + ["safetensors"] * weights


@dataclass
class Repo:
    kind: str  # models, datasets or spaces
    id: str
    created: str
    private: bool = False
    gated: bool | str = False
    likes: int = 0
    downloads: int = 0
    sdk: str | None = None
    hardware: str = "cpu-basic"
    sleep_time: int | None = None
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)  # main, refs/pr/1, ... -> sha
    pulls: dict[int, dict] = field(default_factory=dict)
    lfs: dict[str, bytes] = field(default_factory=dict)  # what was uploaded, in a commit or not

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    @property
    def page(self) -> str:
        """The path of its web page."""
        return self.id if self.kind == "models" else f"{self.kind}/{self.id}"

    def at(self, rev: str) -> Commit:
        """The commit of a ref, of an id or of an id's first letters."""
        sha = self.refs.get(rev, rev)
        found = [sha] if sha in self.commits else [c for c in self.commits if len(sha) > 4 and c.startswith(sha)]
        if len(found) != 1:
            raise refuse(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        return self.commits[found[0]]

    def results(self) -> list[dict]:
        """Those of main, then those that open pull requests add or change."""
        main = self.at("main")
        items = list(main.results)
        for num, pull in self.pulls.items():
            if pull["status"] in ("open", "draft"):
                new = self.at(f"refs/pr/{num}")
                news = {path for path in new.files if new.files[path] != main.files.get(path)}
                items += [item | {"pullRequest": num} for item in new.results if item["filename"] in news]
        return items

    def runtime(self) -> dict:
        hardware = {"current": "cpu-basic", "requested": self.hardware}
        return {"stage": "RUNNING", "hardware": hardware, "gcTimeout": self.sleep_time, "storage": None}

    def describe(self, commit: Commit, wanted: set[str], blobs: bool = False) -> dict:
        """Those of the wanted facts that there are."""
        card = commit.card
        facts = {
            "modelId": self.id, "author": self.owner, "sha": commit.sha, "lastModified": commit.date,
            "createdAt": self.created, "private": self.private, "gated": self.gated, "disabled": False,
            "likes": self.likes, "downloads": self.downloads, "tags": commit.tags(self.kind), "cardData": card,
            "pipeline_tag": card.get("pipeline_tag"), "library_name": card.get("library_name"),
            "model-index": card.get("model-index"),
            "sdk": card.get("sdk", self.sdk), "runtime": self.runtime() if self.kind == "spaces" else None,
        }  # fmt: skip
        if "evalResults" in wanted:
            facts["evalResults"] = self.results() or None
        if "siblings" in wanted:
            facts["siblings"] = [{"rfilename": path} for path in sorted(commit.files)]
        for sibling in facts["siblings"] if blobs else ():
            about = stored(sibling["rfilename"], commit.files[sibling["rfilename"]])
            sibling |= {"size": about["size"], "blobId": about["oid"], "lfs": about.get("lfs")}
        chosen = {key: value for key, value in facts.items() if key in wanted and value is not None}
        return {"_id": self.id, "id": self.id} | chosen


class HubServer:
    """What the Hub holds, what tests do with it, and the server, which `with` starts and stops."""

    def __init__(self):
        # Two ports of one server: the second plays another host, to which a redirect leads. The protocol is given as
        # asyncio turns off Nagle's algorithm, 40 ms an answer, only where it is.
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) for _ in range(2)]
        for here in self.sockets:
            here.bind(("127.0.0.1", 0))
        self.url, self.elsewhere_url = (f"http://127.0.0.1:{here.getsockname()[1]}" for here in self.sockets)
        quiet = {"log_level": "critical", "lifespan": "off", "ws": "none", "http": "h11"}
        # A long keep-alive: a connection that closes while the client reuses it would look like a fault.
        waits = {"timeout_graceful_shutdown": 1, "timeout_keep_alive": 600}
        self.server = uvicorn.Server(uvicorn.Config(watched(self, build_app(self)), **quiet, **waits))
        self.thread = threading.Thread(target=self.server.run, args=(self.sockets,), daemon=True)
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
        self.tokens: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.requests: list[Seen] = []
        self.elsewhere: list[Seen] = []  # requests to the second port
        self.page_size = 1000  # at most 1000
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
        close_session()

    def add_user(self, name: str) -> str:
        """-> a token."""
        self.tokens[f"hf_{name}"] = name
        return f"hf_{name}"

    def repo(self, repo_id: str, repo_type: str = "model") -> Repo:
        return self.repos[f"{repo_type}s", repo_id]

    def put(self, repo_id: str, files: dict, repo_type: str = "model", *, author="", title="update", **settings) -> str:
        """Commits files (None deletes one) to main, in a repo that is made where there is none -> sha.

        Settings are fields of Repo, such as private, gated, likes, downloads and sdk.
        """
        kind = f"{repo_type}s"
        repo = self.repos.get((kind, repo_id)) or Repo(kind, repo_id, self.now())
        for key, value in settings.items():
            setattr(repo, key, value)
        kept = (repo.at("main").files if repo.refs else {}) | files
        kept = {path: content for path, content in kept.items() if content is not None}
        commit = self.commit(repo, "main", kept, author or repo.owner, title)
        self.repos[kind, repo_id] = repo
        return commit.sha

    def files(self, repo_id: str, rev: str = "main", repo_type: str = "model") -> dict[str, bytes]:
        return dict(self.repo(repo_id, repo_type).at(rev).files)

    def commits(self, repo_id: str, rev: str = "main", repo_type: str = "model") -> list[str]:
        """Oldest first."""
        repo = self.repo(repo_id, repo_type)
        shas = [repo.at(rev).sha]
        while parent := repo.commits[shas[0]].parent:
            shas.insert(0, parent)
        return shas

    def now(self) -> str:
        """A second later at each look, so that no two commits are of one time."""
        self.seconds += 1
        return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def commit(self, repo: Repo, ref: str, files: dict, author: str, title: str, parent: str | None = None) -> Commit:
        date = self.now()
        sha = hashlib.sha1(f"{repo.page} {date}".encode()).hexdigest()
        repo.commits[sha] = Commit(sha, parent or repo.refs.get(ref), files, author, title, date)
        repo.refs[ref] = sha
        repo.lfs |= {sha256(content): content for path, content in files.items() if in_lfs(path, len(content))}
        return repo.commits[sha]

    def take_fault(self, seen: Seen) -> Fault | None:
        for fault in self.faults:
            if re.fullmatch(fault.method, seen.method) and re.search(fault.path, f"{seen.path}?{seen.query}"):
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None

    def user(self, request: Request) -> str | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            raise refuse(401, "Invalid credentials in Authorization header")
        return self.tokens.get(token)

    def must_be_user(self, request: Request, code: str | None = None) -> str:
        if user := self.user(request):
            return user
        raise refuse(401, "Invalid username or password.", code)

    def sees(self, user: str | None, repo: Repo) -> bool:
        return not repo.private or user == repo.owner

    def find(self, request: Request, **where: str) -> Repo:
        """The repo that the path names. One that the user may not read does not exist for him."""
        where = {"kind": "models"} | request.path_params | where
        repo = self.repos.get((where["kind"], f"{where['owner']}/{where['name']}"))
        if repo and (request.scope["elsewhere"] or self.sees(self.user(request), repo)):
            return repo
        # The real Hub need not send the code with a 401: the client knows its URLs, but only those of https.
        self.must_be_user(request, "RepoNotFound")
        raise refuse(404, "Repository not found", "RepoNotFound")

    def find_to_write(self, request: Request, rev: str | None = "main", create_pr: bool = False, **where: str) -> Repo:
        """The repo, if the user owns it, or opens a pull request, or works on one of his own."""
        repo = self.find(request, **where)
        user = self.must_be_user(request, "RepoNotFound")
        pull = re.fullmatch(r"refs/pr/(\d+)", rev or "")
        own_pull = pull and repo.pulls.get(int(pull[1]), {}).get("author") == {"name": user}
        if user != repo.owner and not create_pr and not own_pull:
            raise refuse(403, f"you have no write access to {repo.id}")
        return repo

    def paged(self, request: Request, items: list, size: int) -> tuple[list, dict[str, str]]:
        """The items of the page that the cursor names, and the Link to the next one."""
        start = int(request.query_params.get("cursor", 0))
        query = [item for item in request.query_params.multi_items() if item[0] != "cursor"]
        link = f"{self.url}{request.scope['path']}?{urlencode([*query, ('cursor', start + size)])}"
        return items[start : start + size], {"Link": f'<{link}>; rel="next"'} if start + size < len(items) else {}


def watched(hub: HubServer, app: FastAPI):
    """The app behind a part that records requests and plays faults."""

    async def serve(scope, receive, send):
        headers = {key.decode(): value.decode("latin-1") for key, value in scope["headers"]}
        seen = Seen(scope["method"], scope["raw_path"].decode(), scope["query_string"].decode(), headers)
        elsewhere = hub.elsewhere_url.endswith(f":{scope['server'][1]}")
        (hub.elsewhere if elsewhere else hub.requests).append(seen)
        fault = None if elsewhere else hub.take_fault(seen)
        # Routes match the quoted path, in which refs%2Fpr%2F1 is one part.
        scope = scope | {"path": seen.path, "elsewhere": elsewhere}
        if fault is None:
            await app(scope, receive, send)
            return
        if fault.status:
            await answer({"error": "injected"}, fault.status, fault.headers)(scope, receive, send)
            return
        messages = []

        async def keep(message):
            messages.append(message)

        await app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in messages)
        if fault.redirect:
            told = dict(messages[0]["headers"])
            told |= {b"x-linked-size": told[b"content-length"], b"x-linked-etag": told.get(b"etag", b"")}
            told |= {b"content-length": b"0", b"location": f"{hub.elsewhere_url}{seen.path}?{seen.query}".encode()}
            messages[0] |= {"status": 302, "headers": list(told.items())}
            body = b""
        if fault.swap:
            body = body.translate(FLIPPED)
        await send(messages[0])
        pieces = 8 if fault.pause else 2
        step = math.ceil(len(body) / pieces)
        for piece in range(pieces):
            await asyncio.sleep(fault.pause)
            if fault.cut and piece:
                return  # uvicorn closes the connection, as more was promised
            part = body[piece * step : (piece + 1) * step]
            await send({"type": "http.response.body", "body": part, "more_body": piece < pieces - 1})

    return serve


def build_app(hub: HubServer) -> FastAPI:
    """The routes. Their order matters: the first that fits is taken."""
    app = FastAPI(openapi_url=None)
    repo_url = "/api/{kind}/{owner}/{name}"

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException):
        return answer({"error": error.detail}, error.status_code, error.headers)

    @app.get("/api/whoami-v2")
    async def whoami(request: Request):
        user = hub.must_be_user(request)
        auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
        return answer({"type": "user", "id": user, "name": user, "fullname": user, "orgs": [], "auth": auth})

    @app.post("/api/repos/create")
    async def create(request: Request):
        user, asked = hub.must_be_user(request), await request.json()
        repo_type, repo_id = asked.get("type") or "model", f"{asked.get('organization') or user}/{asked['name']}"
        if not repo_id.startswith(f"{user}/"):
            raise refuse(403, f"you may not make {repo_id}")
        known = (f"{repo_type}s", repo_id) in hub.repos
        if not known:
            files = {".gitattributes": "".join(f"*{end} filter=lfs\n" for end in LFS_SUFFIXES).encode()}
            if repo_type == "space":
                files["README.md"] = f"---\ntitle: {asked['name']}\nsdk: {asked['sdk']}\n---\n".encode()
            private = asked.get("visibility") == "private" or asked.get("private", False)
            hub.put(repo_id, files, repo_type, title="initial commit", private=private, sdk=asked.get("sdk"))
        # The client reads the url in a 409 too.
        done = {"url": f"{hub.url}/{hub.repo(repo_id, repo_type).page}", "name": repo_id}
        return answer(done | ({"error": "You already created this repo"} if known else {}), 409 if known else 200)

    @app.delete("/api/repos/delete")
    async def delete(request: Request):
        asked = await request.json()
        owner = asked.get("organization") or hub.must_be_user(request)
        repo = hub.find_to_write(request, kind=f"{asked.get('type') or 'model'}s", owner=owner, name=asked["name"])
        del hub.repos[repo.kind, repo.id]
        return answer({})

    @app.post("/api/validate-yaml")
    async def validate_yaml(request: Request):
        try:
            card = read_card((await request.json())["content"].encode())
        except ValueError as error:
            return answer({"errors": [{"message": str(error)}], "warnings": []}, 400)
        warnings = [] if card else [{"message": "empty or missing yaml metadata in repo card"}]
        return answer({"errors": [], "warnings": warnings})

    def expanded(request: Request, kind: str) -> set[str]:
        wanted = set(request.query_params.getlist("expand"))
        if not wanted <= EXPAND[kind]:
            raise refuse(400, f"Invalid expand: {wanted - EXPAND[kind]}")
        return wanted

    @app.get("/api/{kind}")
    async def search(kind: str, request: Request, author: str = "", limit: int = 1000, direction: int = -1):
        if kind not in TAGS:
            raise refuse(404, "Not found")
        asked, user = request.query_params, hub.user(request)
        tags, words = set(asked.getlist("filter")), [word.lower() for word in asked.getlist("search")]
        rows = [
            repo
            for repo in list(hub.repos.values())
            if repo.kind == kind
            and hub.sees(user, repo)
            and author in ("", repo.owner)
            and all(word in repo.id.lower() for word in words)
            and tags <= set(repo.at("main").tags(kind) if tags else ())
        ]
        keys = {"lastModified": lambda repo: repo.at("main").date, "createdAt": lambda repo: repo.created}
        keys |= {"downloads": lambda repo: repo.downloads}
        rows.sort(key=keys.get(asked.get("sort"), lambda repo: repo.likes), reverse=direction < 0)
        page, headers = hub.paged(request, rows, min(limit, hub.page_size))
        more = {"cardData"} if asked.get("cardData") else set()
        wanted = expanded(request, kind) or more | (FULL if asked.get("full") else LISTED)
        return answer([repo.describe(repo.at("main"), wanted) for repo in page], headers=headers)

    @app.get(repo_url)
    @app.get(repo_url + "/revision/{rev}")
    async def info(kind: str, request: Request, rev: str = "main", blobs: bool = False):
        repo = hub.find(request)
        wanted = expanded(request, kind) or FULL | {"disabled", "cardData", "runtime"}
        return answer(repo.describe(repo.at(unquote(rev)), wanted, blobs))

    @app.get(repo_url + "/refs")
    async def refs(request: Request):
        heads = hub.find(request).refs
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": heads["main"]}
        pulls = [{"name": ref[8:], "ref": ref, "targetCommit": sha} for ref, sha in heads.items() if ref != "main"]
        return answer({"branches": [main], "converts": [], "tags": [], "pullRequests": pulls})

    @app.get(repo_url + "/tree/{rev}")
    @app.get(repo_url + "/tree/{rev}/{path:path}")
    async def tree(request: Request, rev: str, path: str = "", recursive: bool = False):
        found, folder = listed(hub.find(request).at(unquote(rev)).files), unquote(path)
        if folder and folder not in found:
            raise refuse(404, f"{folder} does not exist", "EntryNotFound")
        start = f"{folder}/" if folder else ""
        items = [found[key] for key in found if key.startswith(start) and (recursive or "/" not in key[len(start) :])]
        page, headers = hub.paged(request, items, hub.page_size)
        return answer(page, headers=headers)

    @app.post(repo_url + "/paths-info/{rev}")
    async def paths_info(request: Request, rev: str):
        found = listed(hub.find(request).at(unquote(rev)).files)
        asked = parse_qs((await request.body()).decode()).get("paths", [])
        return answer([found[path] for path in asked if path in found])

    @app.post(repo_url + "/preupload/{rev}")
    async def preupload(request: Request, rev: str, create_pr: bool = False):
        files, told = hub.find_to_write(request, unquote(rev), create_pr).at(unquote(rev)).files, []
        for item in (await request.json())["files"]:
            path, mode = item["path"], "lfs" if in_lfs(item["path"], item["size"]) else "regular"
            # The client leaves a file out of its commit if this is the id of what it has.
            about = stored(path, files[path]) if path in files else {"oid": None}
            oid = about.get("lfs", about)["oid"]
            told.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return answer({"files": told})

    @app.post("/{owner}/{name}.git/info/lfs/objects/batch")
    @app.post("/{kind}/{owner}/{name}.git/info/lfs/objects/batch")
    async def lfs_batch(request: Request):
        asked = await request.json()
        # Without a ref the objects are for a pull request that is yet to be opened.
        repo = hub.find_to_write(request, asked.get("ref", {}).get("name"), create_pr="ref" not in asked)
        objects = []
        for item in asked["objects"]:
            href = f"{hub.url}/lfs/{repo.kind}/{repo.id}/{item['oid']}"
            actions = {"upload": {"href": f"{href}?signed=1"}, "verify": {"href": f"{href}/verify"}}
            objects.append(item if item["oid"] in repo.lfs else item | {"actions": actions})
        return answer({"transfer": "basic", "objects": objects})

    @app.put("/lfs/{kind}/{owner}/{name}/{oid}")
    async def lfs_put(kind: str, owner: str, name: str, oid: str, request: Request, signed: bool = False):
        content = await request.body()
        if not signed or sha256(content) != oid:
            raise refuse(400, "the content is not what was announced")
        hub.repos[kind, f"{owner}/{name}"].lfs[oid] = content
        return answer({})

    @app.post("/lfs/{kind}/{owner}/{name}/{oid}/verify")
    async def lfs_verify(request: Request, oid: str):
        if len(hub.find(request).lfs.get(oid, b"")) != (await request.json())["size"]:
            raise refuse(404, "the object was not uploaded")
        return answer({})

    def apply(repo: Repo, files: dict[str, bytes], operations: list[dict]) -> dict[str, bytes]:
        """The files after a commit, which is refused whole where any part of it is wrong."""
        files = dict(files)
        for operation in operations:
            key, value = operation["key"], operation["value"]
            path = value["path"]
            if {"", ".", "..", ".git"} & set(path.removesuffix("/").split("/")):
                raise ValueError(f"path {path}")
            if key == "file":
                files[path] = base64.b64decode(value["content"], validate=True)
            elif key == "lfsFile":
                files[path] = repo.lfs[value["oid"]]
            elif key in ("deletedFile", "deletedFolder"):
                start = path.removesuffix("/") + "/"
                gone = [p for p in files if p == path or key == "deletedFolder" and p.startswith(start)]
                if not gone:
                    raise refuse(404, "A file with this name doesn't exist", "EntryNotFound")
                files = {p: content for p, content in files.items() if p not in gone}
            else:
                raise ValueError(f"operation {key}")
        read_card(files.get("README.md", b""))
        return files

    @app.post(repo_url + "/commit/{rev}")
    async def commit(request: Request, rev: str, create_pr: bool = False):
        body, ref = await request.body(), unquote(rev)  # nothing is awaited after this: no other commit comes between
        repo, user = hub.find_to_write(request, ref, create_pr), hub.user(request)
        if ref not in repo.refs:
            raise refuse(404, f"Invalid rev id: {ref}", "RevisionNotFound")
        head = repo.at(ref)
        try:
            header, *operations = [json.loads(line) for line in body.splitlines()]
            title, parent = header["value"]["summary"], header["value"].get("parentCommit", head.sha)
            if not create_pr and not head.sha.startswith(parent):
                raise refuse(412, "A commit has happened since. Please refresh and try again.")
            head = repo.at(parent)
            files = apply(repo, head.files, operations)
        except (ValueError, KeyError, TypeError) as error:
            raise refuse(400, f"Invalid commit: {error!r:.200}") from error
        page, num = f"{hub.url}/{repo.page}", len(repo.pulls) + 1
        made = hub.commit(repo, f"refs/pr/{num}" if create_pr else ref, files, user, title, head.sha)
        done = {"success": True, "commitOid": made.sha, "commitUrl": f"{page}/commit/{made.sha}", "hookOutput": ""}
        if create_pr:
            repo.pulls[num] = {
                "num": num, "title": title, "author": {"name": user}, "status": "open", "createdAt": made.date,
                "isPullRequest": True, "repo": {"name": repo.id, "type": repo.kind[:-1]},
                "description": header["value"].get("description", ""),
            }  # fmt: skip
            done["pullRequestUrl"] = f"{page}/discussions/{num}"
        return answer(done)

    @app.get(repo_url + "/discussions")
    async def discussions(request: Request, p: int = 0, type: str = "", status: str = "", author: str = ""):
        found = [
            pull
            for pull in reversed(hub.find(request).pulls.values())
            if type in ("", "all", "pull_request")
            and (status in ("", "all") or (status == "open") == (pull["status"] in ("open", "draft")))
            and author in ("", pull["author"]["name"])
        ]
        return answer({"discussions": found[p * 10 : p * 10 + 10], "count": len(found), "start": p * 10})

    @app.get(repo_url + "/discussions/{num}")
    async def discussion(request: Request, num: int):
        pull = hub.find(request).pulls.get(num)
        if pull is None:
            raise refuse(404, "Discussion not found")
        said = {"edited": False, "hidden": False, "latest": {"raw": pull["description"]}}
        event = {"id": "0", "type": "comment", "createdAt": pull["createdAt"], "author": pull["author"], "data": said}
        return answer(pull | {"events": [event], "changes": {"base": "refs/heads/main"}, "filesWithConflicts": []})

    @app.get(repo_url + "/leaderboard")
    async def leaderboard(request: Request, base_model: bool = True):
        """The results for the first task in eval.yaml, the highest value first."""
        dataset, user = hub.find(request), hub.user(request)
        config = read_yaml(dataset.at("main").files.get("eval.yaml", b""))
        if not config:
            raise refuse(404, "This dataset has no leaderboard")
        place, rows = (dataset.id, config["tasks"][0]["id"]), []
        for repo in list(hub.repos.values()):
            fits = repo.kind == "models" and hub.sees(user, repo)
            if not fits or (base_model and repo.at("main").card.get("base_model")):
                continue
            for item in repo.results():
                data = item.get("data", {"dataset": {}})
                if (data["dataset"].get("id"), data["dataset"].get("task_id")) == place:
                    row = {key: item[key] for key in ("filename", "verified", "pullRequest") if key in item}
                    row |= {key: data[key] for key in ("value", "source", "notes") if key in data}
                    author = {"type": "user", "name": repo.owner, "fullname": repo.owner, "avatarUrl": ""}
                    rows.append(row | {"modelId": repo.id, "author": author})
        rows.sort(key=lambda row: row["value"], reverse=True)
        return answer([{"rank": rank} | row for rank, row in enumerate(rows, 1)])

    @app.get(repo_url + "/runtime")
    async def runtime(request: Request):
        return answer(hub.find(request).runtime())

    @app.post(repo_url + "/hardware")
    async def hardware(request: Request):
        repo, asked = hub.find_to_write(request), await request.json()
        repo.hardware, repo.sleep_time = asked["flavor"], asked.get("sleepTimeSeconds")
        return answer(repo.runtime())

    @app.api_route("/{owner}/{name}/resolve/{rev}/{path:path}", methods=["GET", "HEAD"])
    @app.api_route("/{kind}/{owner}/{name}/resolve/{rev}/{path:path}", methods=["GET", "HEAD"])
    async def resolve(request: Request, rev: str, path: str):
        repo, path = hub.find(request), unquote(path)
        head = repo.at(unquote(rev))
        if repo.gated and not request.scope["elsewhere"] and hub.user(request) != repo.owner:
            raise refuse(403 if hub.user(request) else 401, "Access to this repo is restricted.", "GatedRepo")
        headers = {"X-Repo-Commit": head.sha}
        if path not in head.files:
            raise refuse(404, "Entry not found", "EntryNotFound", **headers)
        content = head.files[path]
        about, size = stored(path, content), len(content)
        headers |= {"ETag": f'"{about.get("lfs", about)["oid"]}"', "Accept-Ranges": "bytes"}
        if "lfs" in about:
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(size)}
        part = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
        if not part or not any(part.groups()):
            return Response(content, 200, headers, "application/octet-stream")
        start = int(part[1]) if part[1] else max(0, size - int(part[2]))
        stop = min(int(part[2]) + 1, size) if part[1] and part[2] else size
        if start >= stop:
            return Response(b"", 416, headers | {"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        return Response(content[start:stop], 206, headers, "application/octet-stream")

    return app
