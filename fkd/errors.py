"""The one exception for a user's mistakes; every other exception is a bug in fkd."""


class FkdError(ValueError):
    """An error whose text is written for the user."""


def is_for_user(error: BaseException) -> bool:
    """Whether the text of an error is for the user, who can act on it; any other error is a bug.

    An OSError is for the user if it names a file, or has a written text in place of an error number.
    """
    return isinstance(error, FkdError) or (isinstance(error, OSError) and (bool(error.filename) or error.errno is None))
