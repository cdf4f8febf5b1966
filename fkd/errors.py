"""The one exception for a user's mistakes; every other exception is a bug in fkd."""

import importlib
from typing import Any


class FkdError(ValueError):
    """An error whose text is written for the user."""


def is_for_user(error: BaseException) -> bool:
    """Whether the text of an error is for the user, who can act on it; any other error is a bug.

    An OSError is for the user if it names a file, or has a written text in place of an error number.
    """
    return isinstance(error, FkdError) or (isinstance(error, OSError) and (bool(error.filename) or error.errno is None))


def require(module: str, extra: str) -> Any:
    """Import a module of an optional library. Raises FkdError, with the command to install it, if it is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise FkdError(f"{module.partition('.')[0]} is not installed: pip install '.[{extra}]' in the clone") from None
