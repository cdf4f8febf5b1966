"""Turn errors of the Hub's client into one sentence with advice."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils.logging import set_verbosity_error

from fkd.errors import FkdError
from fkd.files import one_line

LOG_IN = "run `hf auth login`, or set HF_TOKEN"


@contextmanager
def in_a_sentence(repo_id: str) -> Iterator[None]:
    """Turn the errors of huggingface_hub into an FkdError of one sentence, with advice."""
    set_verbosity_error()  # instead of a dozen lines on a dozen attempts, one sentence
    try:
        yield
    except (HFValidationError, EntryNotFoundError, OfflineModeIsEnabled, HTTPError) as error:
        raise _sentence(repo_id, error) from None
    except RuntimeError as error:
        if not isinstance(error.__cause__, HTTPError):
            raise
        raise _sentence(repo_id, error.__cause__) from None  # a failed upload


def _sentence(repo_id: str, error: Exception) -> FkdError:
    reason = one_line(getattr(error, "server_message", None) or str(error) or type(error).__name__, 200)
    match error:
        case HFValidationError():
            return FkdError(f"{repo_id!r} is not a repository name: expected user/name")
        case RepositoryNotFoundError():  # or gated
            return FkdError(f"the Hub shows you no repository {repo_id}: check the name; if it is private, {LOG_IN}")
        case HfHubHTTPError() if error.response.status_code in (401, 403):
            return FkdError(f"your token, if any, gives no right to {repo_id}: {LOG_IN} with one that does ({reason})")
        case HfHubHTTPError() if error.response.status_code == 402:
            ways = "--static needs no server, --hardware zero-a10g is free for two Spaces, other hardware is paid for"
            return FkdError(f"the Hub makes no free Space of this kind: {ways} ({reason})")
        case HfHubHTTPError():
            return FkdError(f"the Hub refused {repo_id} ({error.response.status_code}): {reason}")
        case _:
            return FkdError(f"the Hub cannot be reached ({reason}): check the network, then try again")
