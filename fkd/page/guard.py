"""What stands between strangers and the page: files that were uploaded here, time limits, errors in one sentence."""

import asyncio
import base64
import contextlib
import datetime
import functools
import io
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from gradio.block_function import BlockFunction
from gradio.data_classes import ImageData
from gradio.exceptions import InvalidPathError
from gradio.route_utils import FnIndexInferError, GradioMultiPartParser
from gradio.utils import get_upload_folder, is_in_or_equal
from gradio_client.utils import is_http_url_like
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from fkd.files import one_line
from fkd.page.uploads import KEPT, keep_swept, photo_folder
from fkd.photo.detector import Detector

ANSWER_LIMIT = 60  # s, of one answer, or of one step of a batch
MOST_WAITING = 60  # requests in all queues together
MOST_SESSIONS = 200  # whose settings and answers are kept; the one unused for longest makes room
MOST_UPLOADED = 100_000_000  # bytes of one file: a zip of photos may be larger than a photo

MOST_REQUESTED = 8_000_000  # bytes of any other request; a frame of the camera is the largest
MOST_AT_ONCE = 520_000_000  # bytes of the files of one upload: a whole batch
MOST_IN_FIELD = 10_000  # bytes of what is not a file in a form
# What Gradio serves besides, and no page of ours asks for; /file= of an address is refused too.
UNUSED = ("/process_recording", "/proxy=", "/component_server", "/deep_link", "/runs", "/run-history", "/vibe-")
MARK = {"_type": "gradio.FileData"}  # by which Gradio tells that a value names a file

NOT_UPLOADED = "This file was not uploaded here: upload it to this page first, then send the path that was answered."
NOT_FITTING = "This request does not fit the page: it is to send what the page itself, or its API page, says."
FAULT = "A fault on this page, not in what was sent, kept it from an answer. Please try again."
TOO_SLOW = f"No answer within {ANSWER_LIMIT} seconds: try again later, or with a smaller photo."
BUSY = f"{MOST_WAITING} requests are already waiting here: try again in a minute."
_log = logging.getLogger(__name__)


class RequestLimits:
    """Turns requests away that are larger than their kind can be, as they come (413), or that no page of ours makes
    (404): Gradio would fetch addresses for anyone, or keep recordings for ever.
    """

    def __init__(self, app: ASGIApp):
        self._upload = RequestBodyLimitMiddleware(app, max_body_size=MOST_AT_ONCE)
        self._other = RequestBodyLimitMiddleware(app, max_body_size=MOST_REQUESTED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, or turns it away."""
        path = str(scope.get("path", "")).removeprefix(scope.get("root_path", "")).removeprefix("/gradio_api")
        if path.startswith(UNUSED) or (path.startswith("/file=") and not path.startswith("/file=/")):
            await Response(status_code=404)(scope, receive, send)
        else:
            await (self._upload if path.rstrip("/") == "/upload" else self._other)(scope, receive, send)


def bound_fields() -> None:
    """Bounds what a form may hold besides files, of which Gradio would take any number of bytes into memory."""
    take = GradioMultiPartParser.on_part_data

    def on_part_data(self: GradioMultiPartParser, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None and len(self._current_part.data) + end - start > MOST_IN_FIELD:
            raise MultiPartException(f"a field has more than {MOST_IN_FIELD:,} bytes")
        take(self, data, start, end)

    GradioMultiPartParser.on_part_data = on_part_data  # type: ignore[method-assign]


class Page(gr.Blocks):
    """gr.Blocks in which every error reaches the visitor as one sentence, and no answer takes for ever.

    once_open: what the page needs soon, but not to open; its server does it then.
    """

    once_open: Sequence[Callable[[], object]] = ()

    async def preprocess_data(self, block_fn: BlockFunction, inputs: list[Any], *given: Any, **named: Any) -> list[Any]:
        """The handler's inputs. Raises gr.Error for a file that was not uploaded, or what does not fit the page."""
        check_files(inputs)
        if block_fn.api_visibility == "public":  # a program without gradio_client may leave the last ones out, too
            inputs = [*inputs, *(getattr(part, "value", None) for part in block_fn.inputs[len(inputs) :])]
        try:
            values: list[Any] = await super().preprocess_data(block_fn, inputs, *given, **named)
        except gr.Error:
            raise
        except InvalidPathError:
            raise gr.Error(NOT_UPLOADED, print_exception=False) from None
        except Exception:
            raise gr.Error(NOT_FITTING, print_exception=False) from None
        for part, value in zip(block_fn.inputs, values, strict=True):
            # Gradio lets an empty list pass for one of the choices.
            if isinstance(part, gr.Dropdown) and not part.multiselect and isinstance(value, list):
                raise gr.Error(NOT_FITTING, print_exception=False)
        return values

    async def process_api(self, block_fn: Any, *given: Any, **named: Any) -> dict[str, Any]:
        """Runs a handler. Raises gr.Error in one sentence, also if there is no answer within ANSWER_LIMIT."""
        if getattr(block_fn, "fn", True) is None:  # it is for the browser alone
            raise gr.Error(NOT_FITTING, print_exception=False)
        work = asyncio.ensure_future(super().process_api(block_fn, *given, **named))
        try:
            # A thread cannot be stopped: it is left to end by itself, and its visitor is told.
            done, _ = await asyncio.wait([work], timeout=ANSWER_LIMIT)
        except asyncio.CancelledError:
            work.cancel()
            raise
        if not done:
            work.cancel()  # what the thread still answers is not put into the session, over what comes after
            raise gr.Error(TOO_SLOW, print_exception=False)
        try:
            return work.result()
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception:
            _log.exception("a handler failed")
            raise gr.Error(FAULT, print_exception=False) from None

    def launch(self, *given: Any, **named: Any) -> Any:
        """As gr.Blocks.launch, which would leave parts of this page in app_kwargs, for the next one to stumble over."""
        return super().launch(*given, **named | {"app_kwargs": dict(named.get("app_kwargs") or {})})


def pick(detectors: Mapping[str, Detector], name: object) -> Detector:
    """The detector of this name. Raises gr.Error for one that the page does not have."""
    if not isinstance(name, str) or name not in detectors:
        said = one_line(name)
        raise gr.Error(f"there is no model {said!r}: expected one of {', '.join(detectors)}", print_exception=False)
    return detectors[name]


def told(event: gr.EventData, name: str) -> object:
    """What the browser says of an event under a name: anything at all, or None."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def as_path(image: gr.Image) -> gr.Image:
    """Makes a component give its handler the path of the uploaded file, for `read_photo` to open.

    Gradio would open it first, in any format, and answer a bad one with a bare "Error". No handler may have the
    component as an output: Gradio would make it anew for that visitor, without this.
    """
    vars(image)["preprocess"] = lambda payload: payload and payload.path
    return image


def as_frame(image: gr.Image) -> gr.Image:
    """As `as_path`, for a camera: the handler gets a frame, which comes within the request, as an open file."""

    def preprocess(payload: ImageData | None) -> str | io.BytesIO | None:
        if payload is None:
            return None
        if payload.path:
            return payload.path
        return io.BytesIO(base64.b64decode(str(payload.url).partition(",")[2]))

    vars(image)["preprocess"] = preprocess
    return image


def check_files(value: object) -> None:
    """Raises gr.Error if a request names a file, in whatever way, that does not lie in the folder of uploads.

    Gradio checks only what bears the mark of its FileData, which some components do not insist on. The error is the
    same whether there is such a file or not.
    """
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
            if "path" in value or "url" in value:
                if value.get("path") is None and _is_frame(value.get("url")):
                    continue
                if value.get("meta") != MARK or not _is_uploaded(value.get("path")):
                    raise gr.Error(NOT_UPLOADED, print_exception=False)
        elif isinstance(value, list | tuple):
            waiting.extend(value)


def _is_frame(url: object) -> bool:
    return isinstance(url, str) and url.startswith("data:image/")


def _is_uploaded(path: object) -> bool:
    # An address is refused too: Gradio would download it, for anyone and of any size.
    if not isinstance(path, str) or is_http_url_like(path) or "\0" in path:
        return False
    real = os.path.realpath(path)
    return is_in_or_equal(real, get_upload_folder()) and os.path.isfile(real)


@contextlib.asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """While the page is served, its folder of photos is swept, and sessions go as their photos do."""
    ended = threading.Event()
    keep_swept(photo_folder(), ended, functools.partial(forget_sessions, app))
    yield
    ended.set()


def forget_sessions(app: Any) -> None:
    """Removes the sessions that nobody has used for KEPT: Gradio keeps the picture that each was shown last."""
    holder = app.state_holder
    limit = datetime.datetime.now() - datetime.timedelta(seconds=KEPT)
    with holder.lock:
        for session in [session for session, used in list(holder.time_last_used.items()) if used < limit]:
            holder.session_data.pop(session, None)
            del holder.time_last_used[session]


async def say_busy(request: Request, error: Exception) -> JSONResponse:
    """For a visitor who finds every queue full."""
    return JSONResponse({"detail": BUSY}, status_code=503, headers={"Retry-After": "60"})


async def say_nothing(request: Request, error: Exception) -> Response:
    """For a visitor who left in the middle of an upload: nobody hears it."""
    return Response(status_code=400)


async def say_unknown(request: Request, error: Exception) -> JSONResponse:
    """For a request to a handler that the page does not have; any other KeyError is a bug, and logged."""
    if isinstance(error, KeyError) and not isinstance(error.args[0], int):  # Gradio looks handlers up by number
        return await say_fault(request, error)
    return JSONResponse({"detail": NOT_FITTING}, status_code=400)


async def say_fault(request: Request, error: Exception) -> JSONResponse:
    """For a visitor whose request met a bug in a route; the host finds it in the log."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse({"detail": FAULT}, status_code=500)


HANDLERS = {
    503: say_busy,
    KeyError: say_unknown,  # this and the next are how Gradio meets a handler that the page does not have
    FnIndexInferError: say_unknown,
    ClientDisconnect: say_nothing,
}
# For `launch`.
LIMITS = {
    "max_file_size": MOST_UPLOADED,
    "state_session_capacity": MOST_SESSIONS,
    "app_kwargs": {
        "lifespan": lifespan,
        "exception_handlers": HANDLERS,
        "middleware": [Middleware(RequestLimits)],
    },
}
