"""Commands of fkd, run in this process."""

import pytest
from typer.testing import CliRunner

from fkd.cli.commands import app
from fkd.errors import FkdError, is_for_user


def run(*arguments, status: int = 0) -> str:
    """The output of a command."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output.strip()


def fails(*arguments) -> str:
    """The one sentence in which a command ends."""
    with pytest.raises((FkdError, OSError)) as error:
        run(*arguments)
    assert is_for_user(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)
