"""Predictions of any framework, as a csv file -> the Evaluation of a submitted entry."""

import re
from pathlib import Path

import numpy as np

from fkd.board.measuring import ranking_name
from fkd.board.record import Evaluation
from fkd.data.predictions import read_predictions
from fkd.data.record import DataRecord
from fkd.data.split import fingerprint, in_order, split_data
from fkd.errors import FkdError
from fkd.files import one_line
from fkd.metrics import accuracy, detail

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._+-]{0,78}[A-Za-z0-9+])?")  # no path, no formula, no Hub model's user/name


def score(predictions: Path, data: Path, name: str, benchmark: str = "", trained_on: str = "") -> Evaluation:
    """Score predictions for the held-out tenth of a training file, exported by `export_test`.

    predictions: a csv as `read_predictions` takes it. name: the entry's. benchmark: as for `measure`. trained_on: the
    data that their author names. The model was not run here, so cost, robustness and aligned figures are missing.
    Raises FkdError for a name that no entry may have, and as `read_predictions`, `ranking_name` and `read_training`.
    """
    if not NAME.fullmatch(name) or "--" in name:
        raise FkdError(
            f"--name is {one_line(name, 40)!r}, expected 1 to 80 letters, digits, blanks and . _ + - that begin with a "
            "letter or digit"
        )
    faces, split = split_data(data)
    test = faces[in_order(faces, split.test)]
    predicted = read_predictions(predictions, np.isfinite(test.points))
    return Evaluation(
        name=name,
        benchmark=ranking_name(benchmark, data, len(faces)),
        fingerprint=fingerprint(test),
        accuracy=accuracy(predicted, test.points),
        detail=detail(predicted, test.points),
        cost=None,
        weights=[],
        model="",
        mirror=False,
        data=DataRecord(trained_on),
        held_out=False,
        robustness={},
    )
