"""Guards the public page: allowed routes, uploaded files only, request limits, time limits, one-sentence errors."""

import asyncio
import contextlib
import contextvars
import errno
import functools
import inspect
import logging
import os
import re
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from gradio.route_utils import GradioMultiPartParser
from starlette.datastructures import MutableHeaders
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fkd.errors import FkdError
from fkd.files import one_line, parse_json
from fkd.page.social import is_crawler, preview
from fkd.page.uploads import keep_swept, photo_folder
from fkd.photo.detector import Detector

ANSWER_LIMIT = 60  # s, of one answer, or of one step of a batch
MAX_WAITING = 60  # requests in all queues together
MAX_SESSIONS = 200  # the least recently used one is dropped first
MAX_FILE_BYTES = 100_000_000  # one uploaded file: a zip of photos may be larger than a photo
MAX_UPLOAD_BYTES = 520_000_000  # one upload: a whole batch
MAX_REQUEST_BYTES = 1_000_000  # any other request; a batch names 200 files
MAX_VALUES = 20_000  # commas and brackets in a request
MAX_FIELD_BYTES = 10_000  # a form field that is not a file
# The routes that the page and its API need; every other path gets a 404.
ROUTES = re.compile(
    r"""/ | /(config|theme\.css|favicon\.ico|robots\.txt|manifest\.json) | /(static|assets|svelte)/.+
    | /gradio_api/(info|app_id|startup-events|theme\.css|upload|upload_progress|cancel|reset)
    | /gradio_api/(queue/(join|data)|heartbeat/ID|run/ID|call/(?!v2/)ID(/ID)?)
    | /gradio_api/file=/.+""".replace("ID", "[^/]{1,64}"),
    re.VERBOSE,
)
# Everything is loaded from this server; Gradio compiles scripts in the page. Other sites may frame it, as a Space does.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
MARK = {"_type": "gradio.FileData"}  # Gradio's mark of a value that names a file

NOT_UPLOADED = "This file was not uploaded here: upload it first, then send the path that the upload returns."
MALFORMED = "This request could not be answered. See the API page for the expected inputs."
TOO_LARGE = f"This request is larger than {MAX_REQUEST_BYTES / 1e6:.0f} MB, or has more than {MAX_VALUES:,} values."
FAULT = "Something went wrong on our side. Please try again."
TOO_SLOW = f"No answer within {ANSWER_LIMIT} seconds: try again later, or with a smaller photo."
FULL = "There is no room for files here at the moment: try again later."
Result = TypeVar("Result")
_threads = ThreadPoolExecutor(40, thread_name_prefix="handler")
_log = logging.getLogger(__name__)


class Guard:
    """ASGI middleware that passes requests to ROUTES only, within the size limits, with uploaded files only.

    A request that Gradio fails on gets one sentence, and one line in the log.
    """

    def __init__(self, app: ASGIApp):
        self._app = app
        self._upload = RequestBodyLimitMiddleware(app, max_body_size=MAX_UPLOAD_BYTES)
        self._other = RequestBodyLimitMiddleware(self._check_files, max_body_size=2 * MAX_REQUEST_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"]).removeprefix(scope.get("root_path", "")).rstrip("/") or "/"
        # Gradio would answer a range with the request's own headers, and fail on two of them.
        scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}
        if path == "/gradio_api/info":  # without a page, Gradio caches the answer, which names the request's host
            scope["query_string"] += b"&page="
        started = finished = False

        async def reply(message: Message) -> None:
            nonlocal started, finished
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            finished = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        try:
            photo_folder()
            await self._serve(path, scope)(scope, receive, reply)
        except ClientDisconnect:
            pass
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.warning("a request failed: %s at %s:%s", type(error).__name__, place.filename, place.lineno)
            text, status = (FULL, 507) if is_full(error) else (MALFORMED, 400)
            if not started:
                await JSONResponse({"detail": text}, status_code=status)(scope, receive, reply)
            elif not finished:
                await send({"type": "http.response.body"})

    def _serve(self, path: str, scope: Scope) -> ASGIApp:
        if not ROUTES.fullmatch(path):
            return Response(status_code=404)
        if path == "/" and is_crawler(Request(scope)):
            return preview(Request(scope))
        return self._upload if path == "/gradio_api/upload" else self._other

    async def _check_files(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request unless its JSON is too large, or names a file that was not uploaded."""
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body, values = bytearray(), 0
        async for part in Request(scope, receive).stream():
            body += part
            values += sum(map(part.count, (b",", b"[", b"{")))
            if len(body) > MAX_REQUEST_BYTES or values > MAX_VALUES:
                await JSONResponse({"detail": TOO_LARGE}, status_code=413)(scope, receive, send)
                return
        messages: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        try:
            check_files(parse_json(bytes(body) or b"null", "the request"))
        except FkdError as error:
            await JSONResponse({"detail": str(error)}, status_code=400)(scope, receive, send)
        else:
            await self._app(scope, replay, send)


def check_files(value: object) -> None:
    """Raise FkdError if a JSON value names a file outside the upload folder, in any form.

    Gradio 6.31 reads any image of the server if its payload lacks `meta`.
    """
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
            is_file = value.get("meta") == MARK and is_uploaded(value.get("path"))
            if ("path" in value or "url" in value) and not is_file:
                raise FkdError(NOT_UPLOADED)


def is_full(error: BaseException) -> bool:
    """Whether an error is that of a full disk."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_uploaded(path: object) -> bool:
    """Whether a path, its links resolved, is a file in the upload folder; False for a URL."""
    if not isinstance(path, str) or "\0" in path:
        return False
    real = os.path.realpath(path)
    return real.startswith(f"{photo_folder()}{os.sep}") and os.path.isfile(real)


def handler(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run an event handler in a thread, with a time limit (for each step of a generator), and errors in one sentence.

    FkdError is shown as it is. Any other exception is a bug: the visitor gets an apology, the log a traceback.
    """
    if not inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        async def answer(*args: Any) -> Any:
            return await _in_one_sentence(function, *args)

        return answer

    @functools.wraps(function)
    async def steps(*args: Any) -> AsyncIterator[Any]:
        iterator, end = function(*args), object()
        while (value := await _in_one_sentence(next, iterator, end)) is not end:
            yield value

    return steps


async def _in_one_sentence(function: Callable[..., Result], *args: Any) -> Result:
    try:
        # A thread cannot be stopped: it is left to finish, and its result is dropped.
        work = functools.partial(contextvars.copy_context().run, function, *args)
        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(_threads, work), ANSWER_LIMIT)
    except gr.Error:
        raise
    except FkdError as error:
        raise gr.Error(str(error), print_exception=False) from None
    except TimeoutError:
        raise gr.Error(TOO_SLOW, print_exception=False) from None
    except Exception as error:
        if is_full(error):
            raise gr.Error(FULL, print_exception=False) from None
        _log.exception("a handler failed")
        raise gr.Error(FAULT, print_exception=False) from None


def pick(detectors: Mapping[str, Detector], name: object) -> Detector:
    """Return the detector with this name. Raises FkdError if the page does not have it."""
    if not isinstance(name, str) or name not in detectors:
        raise FkdError(f"unknown model {one_line(name)!r}: expected one of {', '.join(detectors)}")
    return detectors[name]


def event_value(event: gr.EventData, name: str) -> object:
    """Return an untrusted value from the event data, or None."""
    try:
        return getattr(event, name, None)
    except TypeError:  # the data is not an object
        return None


def bound_fields() -> None:
    """Limit form fields that are not files, which Gradio keeps in memory: the only patch of Gradio here.

    Gradio bounds files and their names (gradio-app/gradio#11433), not other fields.
    """
    on_part_data = GradioMultiPartParser.on_part_data

    def limited(self: GradioMultiPartParser, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None and len(self._current_part.data) + end - start > MAX_FIELD_BYTES:
            raise MultiPartException(f"a field has more than {MAX_FIELD_BYTES:,} bytes")
        on_part_data(self, data, start, end)

    GradioMultiPartParser.on_part_data = limited  # type: ignore[method-assign]


@contextlib.asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Delete old photos for as long as the page is served."""
    sweeping = asyncio.create_task(keep_swept(photo_folder()))
    yield
    sweeping.cancel()


def app_options() -> dict[str, Any]:
    """Return the arguments of the FastAPI app; Gradio changes the dictionary that it is given."""
    return {"lifespan": lifespan, "middleware": [Middleware(Guard)]}
