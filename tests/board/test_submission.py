from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import draw_faces, untrained

from fkd.board.submission import submission
from fkd.data.competition import read_lookup
from fkd.errors import FkdError
from fkd.learn.inference import predict_points
from fkd.learn.models import KeypointModel, ModelConfig


@dataclass(frozen=True)
class Untrained:
    """A detector; a test can move its answers by the bias of its model's head."""

    model: KeypointModel

    @property
    def bias(self) -> torch.Tensor:
        return self.model.head.bias.data

    def on_frames(self, images, four_point=None, mirror=False):
        return predict_points(self.model, images, four_point, mirror)


@pytest.fixture
def model() -> Untrained:
    return Untrained(untrained(ModelConfig("resnet18", head="regression")).eval())


def test_every_row_is_answered_in_order_and_in_the_frame(competition, model):
    shuffled = pd.read_csv(competition / "IdLookupTable.csv").sample(frac=1, random_state=0)
    shuffled.to_csv(competition / "IdLookupTable.csv", index=False)
    model.bias[0] = -5  # left_eye_center_x far outside the frame
    answers = submission([model], competition)
    assert list(answers.columns) == ["RowId", "Location"]
    assert answers["RowId"].tolist() == shuffled["RowId"].tolist()
    assert answers["Location"].between(0, 95).all()
    eye = shuffled["FeatureName"].to_numpy() == "left_eye_center_x"
    assert (answers["Location"][eye] == 0).all()


def test_the_convention_follows_the_requested_points(competition, model):
    model.bias[2 * 15] = 0.5  # the four-point convention's nose_tip x: the middle plus 24 px
    answers = submission([model], competition).merge(read_lookup(competition), on="RowId")
    nose = answers[answers["FeatureName"] == "nose_tip_x"].set_index("ImageId")["Location"]
    four_point = [i + 1 for i, p in enumerate(draw_faces(12, seed=1).points) if np.isnan(p[2, 0])]
    assert len(four_point) == 5 and (nose[four_point] > 65).all() and (nose.drop(four_point) < 60).all()


def test_an_image_that_is_not_there_is_named(competition, model):
    path = competition / "IdLookupTable.csv"
    path.write_text(path.read_text() + "9999,77,nose_tip_x,\n")
    with pytest.raises(FkdError, match="asks for ImageId 77, which test.csv does not have"):
        submission([model], competition)
