"""The one exception for a user's mistakes; every other exception is a bug in fkd."""


class FkdError(ValueError):
    """An error whose text is written for the user."""
