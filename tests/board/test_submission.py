from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import draw_faces, untrained

from fkd.board.submission import submission, write_submission
from fkd.data.competition import read_lookup
from fkd.errors import FkdError
from fkd.learn.inference import predict_points
from fkd.learn.models import KeypointModel, ModelConfig


@dataclass(frozen=True)
class Untrained:
    """A detector whose answers a test can move by the bias of its model's head."""

    model: KeypointModel

    @property
    def bias(self) -> torch.Tensor:
        return self.model.head.bias.data

    def on_frames(self, images, four_point=None, mirror=False):
        return predict_points(self.model, images, four_point, mirror)


def regression() -> Untrained:
    return Untrained(untrained(ModelConfig("resnet18", head="regression")).eval())


def test_every_row_is_answered_in_order_and_in_the_frame(competition, tmp_path):
    lookup = pd.read_csv(competition / "IdLookupTable.csv")
    shuffled = lookup.sample(frac=1, random_state=0)
    shuffled.to_csv(competition / "IdLookupTable.csv", index=False)
    model = regression()
    model.bias[0] = -5  # left_eye_center_x far outside the frame
    answers = submission([model], competition)
    write_submission(answers, read_lookup(competition), tmp_path / "s.csv")
    back = pd.read_csv(tmp_path / "s.csv")
    assert list(back.columns) == ["RowId", "Location"]
    assert back["RowId"].tolist() == shuffled["RowId"].tolist()
    assert back["Location"].between(0, 95).all()
    eye = shuffled["FeatureName"].to_numpy() == "left_eye_center_x"
    assert (back["Location"][eye] == 0).all()


def test_the_convention_follows_what_is_asked(competition):
    model = regression()
    model.bias[2 * 15] = 0.5  # the four-point convention's nose_tip x: the middle plus 24 px
    answers = submission([model], competition).merge(read_lookup(competition), on="RowId")
    nose = answers[answers["FeatureName"] == "nose_tip_x"].set_index("ImageId")["Location"]
    four_point = [i + 1 for i, p in enumerate(draw_faces(12, seed=1).points) if np.isnan(p[2, 0])]
    assert len(four_point) == 5 and (nose[four_point] > 65).all() and (nose.drop(four_point) < 60).all()


def test_several_models_are_averaged(competition):
    models = [regression() for _ in range(2)]
    models[1].bias.add_(0.1)
    one, two, both = (submission(m, competition)["Location"] for m in ([models[0]], [models[1]], models))
    assert np.allclose(both, (one + two) / 2, atol=1e-3)


def test_an_image_that_is_not_there_is_named(competition):
    path = competition / "IdLookupTable.csv"
    path.write_text(path.read_text() + "9999,77,nose_tip_x,\n")
    with pytest.raises(FkdError, match="asks for ImageId 77, which test.csv does not have"):
        submission([regression()], competition)


def test_answers_that_do_not_match_are_not_written(competition, tmp_path):
    lookup = read_lookup(competition)
    answers = pd.DataFrame({"RowId": lookup["RowId"], "Location": 1.0})
    for spoilt in (answers.iloc[:-1], answers.assign(Location=np.nan), answers.iloc[::-1]):
        with pytest.raises(FkdError, match="row by row"):
            write_submission(spoilt, lookup, tmp_path / "s.csv")
        assert list(tmp_path.glob("*.csv")) == []
