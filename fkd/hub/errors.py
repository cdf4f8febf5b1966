"""Turn errors of the Hub's client into one sentence with advice."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from fkd.errors import FkdError


class HostError(FkdError):
    """An error that only the host of a page can fix (a token, a setting, the network), so visitors do not see it."""


@contextmanager
def in_a_sentence(repo_id: str, anonymous: bool = False) -> Iterator[None]:
    """Turn the errors of huggingface_hub into an FkdError of one sentence, with advice.

    anonymous: only public repositories were requested, so no login would help.
    """
    try:
        yield
    except HFValidationError:
        raise FkdError(f"{repo_id!r} is not a repository name: expected user/name") from None
    except LocalTokenNotFoundError:
        raise HostError("you are not logged in to the Hub: run `hf auth login`, or set HF_TOKEN") from None
    except GatedRepoError:
        if anonymous:
            raise FkdError(f"{repo_id} is gated: only models that everybody may read can be added here") from None
        raise FkdError(f"{repo_id} is gated: ask for access on its page, then log in (`hf auth login`)") from None
    except RevisionNotFoundError:
        raise FkdError(f"{repo_id} has no such revision: see its history on the Hub") from None
    except RepositoryNotFoundError:
        if anonymous:
            raise FkdError(f"the Hub has no repository {repo_id} that everybody may read: check the name") from None
        raise FkdError(
            f"the Hub shows you no repository {repo_id}: check the name; if it is private, log in (`hf auth login`)"
        ) from None
    except EntryNotFoundError as error:
        raise FkdError(f"{repo_id}: {_short(error)}") from None
    except HfHubHTTPError as error:
        raise _http_error(repo_id, error) from None
    except OfflineModeIsEnabled:
        raise HostError("the Hub is not used, since HF_HUB_OFFLINE is set: unset it, then try again") from None
    except HTTPError as error:
        raise HostError(f"the Hub cannot be reached ({_short(error)}): check the network, then try again") from None


@contextmanager
def uploading(repo_id: str) -> Iterator[None]:
    """Turn the error of a failed upload into an FkdError; the client keeps the reason in `__cause__`."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__cause__, HfHubHTTPError):
            raise _http_error(repo_id, error.__cause__) from None
        raise FkdError(f"the upload to {repo_id} failed ({_short(error)}): push again") from None


def _http_error(repo_id: str, error: HfHubHTTPError) -> FkdError:
    status = error.response.status_code
    if status == 401:
        return HostError(f"the Hub does not accept your token for {repo_id}: run `hf auth login`, or set HF_TOKEN")
    if status == 403:
        what = "read" if error.response.request.method in ("GET", "HEAD") else "write to"
        do = f"make one with the right to {'read it' if what == 'read' else 'write there'}"
        return HostError(f"your token may not {what} {repo_id}: {do} ({_short(error)})")
    if status in (409, 412):
        return FkdError(f"{repo_id} changed while it was being written ({status}): do it again")
    if status == 429:
        wait = error.response.headers.get("Retry-After")
        return FkdError(f"the Hub has had too many requests: try again in {f'{wait} s' if wait else 'some minutes'}")
    if status >= 500:
        return FkdError(f"the Hub failed ({status}): try again later")
    return FkdError(f"the Hub refused {repo_id} ({status}): {_short(error)}")


def _short(error: Exception) -> str:
    return " ".join((getattr(error, "server_message", None) or str(error) or type(error).__name__).split())[:200]
