"""Read and check the header of the weights in a Hub repository before the weights are downloaded."""

from dataclasses import dataclass
from typing import Annotated

from huggingface_hub import hf_hub_url
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status
from pydantic import Field

from fkd.errors import FkdError
from fkd.files import STRICT, Count, Line, parse_json, typed
from fkd.learn.record import WEIGHTS

LARGEST = 1_000_000  # bytes; a resnet152's has 90,000
KINDS = {"F32", "F16"}
TIMEOUT = 30  # s


@dataclass(frozen=True)
class Tensor:
    """A tensor, as the header of a safetensors file describes it."""

    __pydantic_config__ = STRICT

    dtype: Line
    shape: Annotated[list[Count], Field(max_length=8)]
    data_offsets: Annotated[list[Count], Field(min_length=2, max_length=2)]


def read_header(where: str, repo_id: str, revision: str, token: bool | None) -> dict[str, Tensor]:
    """Return the tensors in a repository's weights, before the weights are downloaded.

    The client's own function does not check the header. where: the beginning of error messages.
    Raises FkdError for anything but the header of a safetensors file; the client's network errors pass through.
    """
    url, headers = hf_hub_url(repo_id, WEIGHTS, revision=revision), build_hf_headers(token=token)

    def part(first: int, last: int) -> bytes:
        asked = headers | {"range": f"bytes={first}-{last}"}
        with get_session().stream("GET", url, headers=asked, timeout=TIMEOUT, follow_redirects=True) as response:
            hf_raise_for_status(response)
            content = b""
            for piece in response.iter_bytes():  # a server that knows no ranges would send all of it
                content += piece
                if len(content) > last - first:
                    break
        return content[: last - first + 1]

    begin = part(0, 99_999)
    size = int.from_bytes(begin[:8], "little")
    if not 2 <= size <= LARGEST:
        raise FkdError(f"{where}: {WEIGHTS} is not a safetensors file (its header would have {size:,} bytes)")
    header = begin[8 : 8 + size] if size <= len(begin) - 8 else part(8, 7 + size)
    name = f"{where}: the header of {WEIGHTS}"
    if len(header) != size:
        raise FkdError(f"{name} is cut short")
    value = parse_json(header, name)
    if isinstance(value, dict):
        value.pop("__metadata__", None)
    return typed(value, dict[Line, Tensor], name)


def check_header(where: str, tensors: dict[str, Tensor]) -> None:
    """Raise FkdError for the first tensor that is not of floats, before anything is downloaded."""
    for name, tensor in tensors.items():
        if tensor.dtype not in KINDS and not (tensor.dtype == "I64" and tensor.shape == []):  # batch counters
            raise FkdError(f"{where}: {name} is {tensor.dtype}, expected {' or '.join(sorted(KINDS))}")
