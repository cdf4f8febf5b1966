import sys
import types

import pytest

from fkd.data import kaggle


def test_download_explains_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(ValueError, match="pip install '\\.\\[kaggle\\]'"):
        kaggle.download(tmp_path)

    class UnauthenticatedError(Exception):
        pass

    class KaggleApiHTTPError(Exception):
        pass

    kagglehub = types.ModuleType("kagglehub")
    kagglehub.exceptions = types.SimpleNamespace(
        UnauthenticatedError=UnauthenticatedError, KaggleApiHTTPError=KaggleApiHTTPError
    )
    monkeypatch.setitem(sys.modules, "kagglehub", kagglehub)
    for error, message in (
        (UnauthenticatedError(), "needs an account|asks for an account"),
        (KaggleApiHTTPError("403"), "accept the competition's rules"),
        (ConnectionError("no route"), "check the connection"),
    ):

        def fail(*_, error=error, **__):
            raise error

        kagglehub.competition_download = fail
        with pytest.raises(ValueError, match=message):
            kaggle.download(tmp_path)
