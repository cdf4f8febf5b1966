"""What stands between strangers and the page: files that were uploaded here, time limits, errors in one sentence."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse
from gradio.data_classes import FileData
from gradio.exceptions import InvalidPathError
from gradio.route_utils import FnIndexInferError
from gradio.utils import get_upload_folder, is_in_or_equal
from gradio_client.utils import is_http_url_like

from fkd.checkpoint import Checkpoint
from fkd.page.uploads import keep_swept, photo_folder

ANSWER_LIMIT = 60  # s, of one answer, or of one step of a batch
MOST_WAITING = 60  # requests in all queues together
MOST_SESSIONS = 200  # whose settings and answers are kept; the one unused for longest makes room
MOST_UPLOADED = "60mb"  # of one file

NOT_UPLOADED = "This file was not uploaded here: upload it to this page first, then send the path that was answered."
NOT_FITTING = "This request does not fit the page: it is to send what the page itself, or its API page, says."
FAULT = "A fault on this page, not in what was sent, kept it from an answer. Please try again."
TOO_SLOW = f"No answer within {ANSWER_LIMIT} seconds: try again later, or with a smaller photo."
BUSY = f"{MOST_WAITING} requests are already waiting here: try again in a minute."
_log = logging.getLogger(__name__)


class Page(gr.Blocks):
    """gr.Blocks in which every error reaches the visitor as one sentence, and no answer takes for ever."""

    async def preprocess_data(self, *given, **named) -> list[Any]:
        try:
            return await super().preprocess_data(*given, **named)
        except gr.Error:
            raise
        except InvalidPathError:
            raise gr.Error(NOT_UPLOADED, print_exception=False) from None
        except Exception:
            raise gr.Error(NOT_FITTING, print_exception=False) from None

    async def process_api(self, block_fn, *given, **named) -> dict[str, Any]:
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
            raise gr.Error(TOO_SLOW, print_exception=False)
        try:
            return work.result()
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception:
            _log.exception("a handler failed")
            raise gr.Error(FAULT, print_exception=False) from None


def pick_models(models: Mapping[str, Checkpoint], *names: object) -> dict[str, Checkpoint]:
    """The models of these names. Raises gr.Error for one that the page does not have."""
    for name in names:
        if not isinstance(name, str) or name not in models:
            raise gr.Error(f"there is no model {name!r}: expected one of {', '.join(models)}", print_exception=False)
    return {name: models[name] for name in names}


def told(event: gr.EventData, name: str) -> object:
    """What the browser says of an event under a name: anything at all, or None."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def _checked(path: str) -> str:
    """The path of an uploaded file. Raises gr.Error for any other, the same whether there is such a file or not."""
    real = os.path.realpath(path)
    if not is_in_or_equal(real, get_upload_folder()) or not os.path.isfile(real):
        raise gr.Error(NOT_UPLOADED, print_exception=False)
    return path


class Photo(gr.Image):
    """gr.Image that gives the handler the path of the uploaded file, unopened: what it holds is for `read_photo`.

    FileData, unlike the ImageData that gr.Image has, insists on the mark by which Gradio checks where a file lies.
    """

    is_template = True  # to the browser it is a gr.Image
    data_model = FileData

    async def async_move_resource_to_block_cache(self, url_or_file_path) -> str | None:
        return await super().async_move_resource_to_block_cache(_no_address(url_or_file_path))

    def preprocess(self, payload: FileData | None) -> str | None:
        return None if payload is None else _checked(payload.path)


class UploadedFile(gr.File):
    """gr.File that takes only files that were uploaded here, by their paths."""

    is_template = True

    async def async_move_resource_to_block_cache(self, url_or_file_path) -> str | None:
        return await super().async_move_resource_to_block_cache(_no_address(url_or_file_path))

    def preprocess(self, payload) -> Any:
        for file in getattr(payload, "root", [payload]):
            if file is not None:
                _checked(file.path)
        return super().preprocess(payload)


def _no_address(path):
    """The path, if it is not an address: Gradio would download it, for anyone and of any size."""
    if path is not None and is_http_url_like(str(path)):
        raise InvalidPathError("an address")
    return path


@contextlib.asynccontextmanager
async def lifespan(app) -> AsyncIterator[None]:
    """While the page is served, its folder of photos is swept."""
    ended = threading.Event()
    keep_swept(photo_folder(), ended)
    yield
    ended.set()


async def say_busy(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": BUSY}, status_code=503, headers={"Retry-After": "60"})


async def say_unknown(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": NOT_FITTING}, status_code=400)


HANDLERS = {503: say_busy, KeyError: say_unknown, FnIndexInferError: say_unknown}
# For `launch`. Gradio raises the last two for a handler that the page does not have.
LIMITS = {
    "max_file_size": MOST_UPLOADED,
    "state_session_capacity": MOST_SESSIONS,
    "app_kwargs": {"lifespan": lifespan, "exception_handlers": HANDLERS},
}
