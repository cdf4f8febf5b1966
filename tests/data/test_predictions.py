"""Predictions that others made, in both layouts. What is wrong in a file: tests/torture/predictions.py."""

import numpy as np
import pandas as pd
import pytest
from torture.predictions import BY_FRAME, BY_VALUE, WANTED, cases

from fkd.data.predictions import read_predictions
from fkd.keypoints import COLUMNS


@pytest.fixture
def points() -> np.ndarray:
    points = np.random.default_rng(0).uniform(0, 95, WANTED.shape).round(3).astype(np.float32)
    return np.where(WANTED, points, np.nan)


def by_value(points: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"RowId": range(1, WANTED.sum() + 1), "Location": points[WANTED]})


def by_frame(points: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(points.reshape(len(points), -1), columns=COLUMNS)
    return table.assign(ImageId=range(1, len(table) + 1))


@pytest.mark.parametrize("layout", [by_value, by_frame])
def test_both_layouts_give_the_same_points_whatever_the_order_of_rows_and_columns(layout, points, tmp_path):
    table = layout(points)
    for number, written in enumerate((table, table.sample(frac=1, random_state=0), table[table.columns[::-1]])):
        path = tmp_path / f"{number}.csv"
        written.to_csv(path, index=False)
        assert np.array_equal(read_predictions(path, WANTED), points, equal_nan=True)


@pytest.mark.parametrize("content", [BY_VALUE, BY_FRAME])
def test_what_spreadsheets_and_r_add_is_read(content, tmp_path):
    plain, path = tmp_path / "plain.csv", tmp_path / "other.csv"
    plain.write_text(content)
    header, *rows = content.splitlines()
    quoted = ",".join(f'"{name}"' for name in header.split(","))
    for variant in (
        "\ufeff" + content,
        content.replace("\n", "\r\n"),
        "\n".join([quoted, *rows]),
        content.replace(",", ";").replace(".", ","),
        content.replace(",", "\t"),
    ):
        path.write_bytes(variant.encode())
        assert np.array_equal(read_predictions(path, WANTED), read_predictions(plain, WANTED), equal_nan=True)


def test_what_nobody_asked_for_may_be_empty_and_counts_for_nothing(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(BY_FRAME)
    given = read_predictions(path, WANTED)
    assert np.isnan(given[~WANTED]).all() and (given[WANTED] == 40.5).all()


def test_a_bad_file_is_refused_in_one_sentence():
    for case in cases(quick=False):
        try:
            case.run()
        except Exception as error:
            raise AssertionError(case.name) from error
