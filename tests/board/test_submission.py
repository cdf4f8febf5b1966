import numpy as np
import pandas as pd
import pytest
from conftest import draw_faces

from fkd.board.measuring import submission
from fkd.data.competition import read_lookup
from fkd.errors import FkdError
from fkd.keypoints import LEFT_EYE, MEAN_FACE, NOSE_TIP


class MeanFace:
    """Answers with the mean face, an eye out of the frame, and the nose 24 px to the right by four points."""

    def on_frames(self, images, four_point=None, mirror=False):
        points = np.repeat(np.array(MEAN_FACE, np.float32)[None], len(images), 0)
        points[:, LEFT_EYE, 0] = -200
        points[four_point, NOSE_TIP, 0] += 24
        return points


def test_every_row_is_answered_in_order_and_in_the_frame(competition):
    shuffled = pd.read_csv(competition / "IdLookupTable.csv").sample(frac=1, random_state=0)
    shuffled.to_csv(competition / "IdLookupTable.csv", index=False)
    answers = submission([MeanFace()], competition)
    assert list(answers.columns) == ["RowId", "Location"]
    assert answers["RowId"].tolist() == shuffled["RowId"].tolist()
    eye = shuffled["FeatureName"].to_numpy() == "left_eye_center_x"
    assert (answers["Location"][eye] == 0).all() and answers["Location"][~eye].between(1, 95).all()


def test_the_convention_follows_the_requested_points(competition):
    answers = submission([MeanFace()], competition).merge(read_lookup(competition), on="RowId")
    nose = answers[answers["FeatureName"] == "nose_tip_x"].set_index("ImageId")["Location"]
    four_point = [i + 1 for i, p in enumerate(draw_faces(12, seed=1).points) if np.isnan(p[2, 0])]
    assert len(four_point) == 5 and (nose[four_point] > 65).all() and (nose.drop(four_point) < 60).all()


def test_an_image_that_is_not_there_is_named(competition):
    path = competition / "IdLookupTable.csv"
    path.write_text(path.read_text() + "9999,77,nose_tip_x,\n")
    with pytest.raises(FkdError, match="requests ImageId 77, which test.csv does not have"):
        submission([MeanFace()], competition)
