"""The faces that a detector answers with for one photo, as other libraries take them."""

from typing import TYPE_CHECKING

import numpy as np

from fkd.errors import FkdError
from fkd.keypoints import COLUMNS, NAMES
from fkd.photo.face import Face

if TYPE_CHECKING:
    import pandas as pd
    from supervision import KeyPoints

BOX = ("x0", "y0", "x1", "y1")


class FacesInPhoto(list[Face]):
    """The faces of a photo, as `fkd.predict` returns them: a list; points and boxes are px of the upright photo."""

    def to_frame(self) -> "pd.DataFrame":
        """One row per face: its number from 1, its box (x0, y0, x1, y1), then the competition's columns, px.

        >>> predict(detector, photo).to_frame().to_csv("points.csv", index=False)
        """
        import pandas as pd  # noqa: PLC0415 - takes 0.3 s, which `fkd predict` does without

        rows = [[number, *face.box, *face.points.reshape(-1)] for number, face in enumerate(self, 1)]
        return pd.DataFrame(rows, columns=["face", *BOX, *COLUMNS])

    def to_supervision(self) -> "KeyPoints":
        """The `KeyPoints` of the package supervision: xy float32 [N, 15, 2] px in the order of `fkd.keypoints.NAMES`.

        >>> supervision.VertexAnnotator().annotate(image, predict(detector, photo).to_supervision())

        Raises FkdError if supervision is not installed.
        """
        try:
            from supervision import KeyPoints  # noqa: PLC0415 - an extra that only this method needs
        except ModuleNotFoundError:
            raise FkdError("supervision is not installed: pip install 'fkd[supervision]'") from None
        xy = np.array([face.points for face in self], np.float32).reshape(-1, len(NAMES), 2)
        return KeyPoints(xy=xy, class_id=np.zeros(len(self), int))
