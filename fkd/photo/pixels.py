"""Pictures of any mode, as RGB or grey."""

import numpy as np
from PIL import Image

ROWS = 64  # of a picture of more than 8 bits that are scaled at once


def to_rgb(photo: Image.Image) -> Image.Image:
    """A copy of a picture of any mode, as RGB; what is transparent becomes white.

    Pillow cuts values of more than 8 bits off at 255; here they are scaled, whole numbers by the bits in use (12 of a
    16-bit file, say), fractions from their least to their greatest.
    """
    if is_deep(photo):
        return _to_bytes(np.asarray(photo)).convert("RGB")
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
        white = Image.new("RGB", photo.size, "white")
        white.paste(photo, mask=photo.getchannel("A"))
        return white
    return photo.convert("RGB")


def to_grey(photo: Image.Image) -> Image.Image:
    """The picture in mode L, from any mode, by way of `to_rgb`."""
    return photo if photo.mode == "L" else to_rgb(photo).convert("L")


def is_deep(photo: Image.Image) -> bool:
    """Whether it has more than 8 bits, so that a part of it would be scaled by other values than the whole."""
    return photo.mode == "F" or photo.mode.startswith("I")


def _to_bytes(values: np.ndarray) -> Image.Image:
    if values.dtype.kind in "iu":
        low, high = min(float(values.min()), 0.0), 2.0 ** max(8, int(max(values.max(), 0)).bit_length()) - 1
    else:
        finite = np.isfinite(values)
        low, high = (
            float(end(where=finite, initial=far)) for end, far in ((values.min, np.inf), (values.max, -np.inf))
        )
    factor = 255 / (high - low) if low < high < np.inf else 0
    scaled = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), ROWS):  # a strip at a time: a whole picture of float64 would take gigabytes
        strip = values[top : top + ROWS].astype(np.float64)
        scaled[top : top + ROWS] = (np.where(np.isfinite(strip), strip - low, 0) * factor).round().clip(0, 255)
    return Image.fromarray(scaled)
