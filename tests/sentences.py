"""Check that a mistake ends in one sentence for the user, and not in another exception."""

from collections.abc import Callable

import pytest

from fkd.errors import FkdError, is_for_user

LONGEST = 600  # characters: a longer message is a dump, not a sentence


def one_sentence(work: Callable[[], object]) -> object:
    """The value of `work`, or its error for the user, of one line; any other exception passes through: a bug."""
    try:
        return work()
    except (FkdError, OSError) as error:
        if not is_for_user(error):
            raise
        check_sentence(str(error))
        return error


def refused(work: Callable[[], object]) -> str:
    """The sentence in which `work` must end."""
    result = one_sentence(work)
    if not isinstance(result, Exception):
        pytest.fail(f"accepted: {str(result)[:200]}")
    return str(result)


def check_sentence(text: str) -> None:
    """Fails for a message that no user should read."""
    assert text.strip(), "an empty message"
    assert "\n" not in text.strip(), f"a message of several lines: {text[:200]!r}"
    assert len(text) <= LONGEST, f"a message of {len(text)} characters: {text[:200]!r}"
    assert "Traceback" not in text, f"a traceback: {text[:200]!r}"
