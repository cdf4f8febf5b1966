"""What an area is made of, and what "held" means."""

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_SENTENCE = 600  # characters: a longer message is a dump, not a sentence


@dataclass(frozen=True)
class Case:
    """One case. run: returns if the product held, raises AssertionError if it did not."""

    name: str
    run: Callable[[], object]


class Skip(Exception):
    """Raised by a case or an area that this machine cannot run; its text says why."""


def one_sentence(work: Callable[[], object]) -> object:
    """Runs `work`, which may succeed or raise a ValueError or OSError of one line; returns its value, or the error.

    Raises AssertionError for anything else that comes out.
    """
    try:
        return work()
    except (ValueError, OSError) as error:
        check_sentence(str(error))
        return error
    except Exception as error:
        where = traceback.extract_tb(sys.exc_info()[2])[-1]
        raise AssertionError(
            f"{type(error).__name__} instead of one sentence ({where.name}): {str(error)[:200]}"
        ) from error


def refused(work: Callable[[], object]) -> str:
    """Runs `work`, which must raise a ValueError or OSError of one line; returns the sentence."""
    result = one_sentence(work)
    assert isinstance(result, (ValueError, OSError)), f"accepted: {str(result)[:200]}"
    return str(result)


def check_sentence(text: str) -> None:
    """Raises AssertionError for a message that no user should read."""
    assert text.strip(), "an empty message"
    assert "\n" not in text.strip(), f"a message of several lines: {text[:200]!r}"
    assert len(text) <= LONGEST_SENTENCE, f"a message of {len(text)} characters: {text[:200]!r}"
    assert "Traceback" not in text, f"a traceback: {text[:200]!r}"
