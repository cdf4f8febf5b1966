"""A leak-free split: look-alikes stay together, by content and not by row order."""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from fkd.data.cache import cached
from fkd.data.competition import read_training
from fkd.data.faces import Faces
from fkd.data.record import DataRecord, FaceCounts, Fingerprints

# Measured on 5,379 real faces, looked at pair by pair: from 0.93 up nearly all pairs are one photo or one
# video seen twice; below 0.92 different people begin to chain into groups of fifty and more.
LOOK_ALIKE = 0.93
BLOCK = 512  # images at a time, to bound the memory of their products


@dataclass(frozen=True)
class Split:
    """Row numbers (int64, ascending) of the three parts of a set of faces."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def fingerprint(faces: Faces) -> str:
    """Hash of the images and of which labels they have, whatever the order of the rows."""
    return hashlib.sha256(b"".join(sorted(_hashes(faces)))).hexdigest()[:16]


def record_of(name: str, faces: Faces, split: Split, terms: str = "") -> DataRecord:
    """The record of a set of faces and its split. terms: of the data, empty if not stated."""
    parts = [np.unique(rows) for rows in (split.train, split.validation, split.test)]  # an epoch may repeat some
    counts, prints = [len(rows) for rows in parts], [fingerprint(faces[rows]) for rows in parts]
    return DataRecord(name, terms, FaceCounts(*counts), Fingerprints(*prints))


def in_order(faces: Faces, rows: np.ndarray) -> np.ndarray:
    """Rows (int64) in the order of their faces' hashes: the same for all sets of one fingerprint."""
    ordered: np.ndarray = rows[np.argsort(np.array(_hashes(faces[rows]), dtype=object), kind="stable")]
    return ordered


def _hashes(faces: Faces) -> list[bytes]:
    pairs = zip(faces.images, np.isfinite(faces.points), strict=True)
    return [hashlib.sha256(image.tobytes() + labelled.tobytes()).digest() for image, labelled in pairs]


def look_alikes(images: np.ndarray) -> np.ndarray:
    """Groups exact and near duplicates: the group number of each image, int64 [N].

    Two images are alike if the normalised cross-correlation of their 4 x 4 pixel means (Lewis 1995), at the
    best of 25 shifts of up to 8 px, is at least LOOK_ALIKE. Groups are the connected components, numbered by
    their first image. images: uint8 [N, 96, 96].
    """
    parts = torch.from_numpy(images)[:, None].split(BLOCK)
    small = torch.cat([F.avg_pool2d(part.float(), 4) for part in parts])[:, 0]  # [N, 24, 24]

    def window(dy: int, dx: int) -> torch.Tensor:
        part = small[:, 3 + dy : 21 + dy, 3 + dx : 21 + dx].flatten(1)  # [N, 18 * 18]
        return F.normalize(part - part.mean(1, keepdim=True), dim=1)

    centre = window(0, 0)
    # A blank image correlates with nothing, so its exact copies are joined by their bytes.
    digests = [hashlib.sha256(image).digest() for image in images]
    _, first, copy = np.unique(digests, return_index=True, return_inverse=True)
    pairs = [np.stack([np.arange(len(images)), first[copy]], 1)]
    for dy, dx in itertools.product(range(-2, 3), repeat=2):
        shifted = window(dy, dx)
        for start in range(0, len(images), BLOCK):
            alike = (centre[start : start + BLOCK] @ shifted.T >= LOOK_ALIKE).nonzero()
            pairs.append(alike.numpy() + [start, 0])
    return _components(len(images), np.concatenate(pairs))


def _components(count: int, pairs: np.ndarray) -> np.ndarray:
    """The number of each node's connected component, int64 [count], in the order of first nodes; pairs: [P, 2]."""
    labels = np.arange(count)
    while True:
        lowest = labels.copy()
        np.minimum.at(lowest, pairs[:, 0], labels[pairs[:, 1]])
        np.minimum.at(lowest, pairs[:, 1], labels[pairs[:, 0]])
        if (lowest == labels).all():
            return np.unique(labels, return_inverse=True)[1]
        labels = lowest[lowest]


def split_data(data: Path | str) -> tuple[Faces, Split]:
    """Reads the training file and splits it 80/10/10 (`deal`). Raises as `read_training` does."""
    faces = read_training(data)
    return faces, Split(*deal(faces, cached_groups(faces), (0.8, 0.9, 1)))


def cached_groups(faces: Faces) -> np.ndarray:
    """`look_alikes` of the faces' images, int64 [N], cached."""
    return cached("groups", faces.images.tobytes(), lambda: {"groups": look_alikes(faces.images)})["groups"]


def deal(faces: Faces, groups: np.ndarray, ends: Sequence[float]) -> list[np.ndarray]:
    """Row numbers (int64, ascending) of each part: by content, never a group across parts, whatever the rows' order.

    Groups are dealt out in the order of their images' hashes, those of four points apart so that each part has its
    share. groups: int64 [N]. ends: the share of faces up to the end of each part, the last of them 1.
    """
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in faces.images]
    table = pd.DataFrame({"group": groups, "digest": digests, "four_point": faces.four_point})
    by_group = table.groupby("group").agg(
        digest=("digest", "min"), four_point=("four_point", "mean"), size=("digest", "size")
    )
    by_group["four_point"] = by_group["four_point"] >= 0.5
    by_group = by_group.sort_values("digest")
    # The share of faces dealt out before and half-way into a group decides its part.
    dealt = by_group.groupby("four_point")["size"].transform(lambda size: (size.cumsum() - size / 2) / size.sum())
    part = pd.cut(dealt, [0, *ends], labels=False)[table["group"]].to_numpy()
    return [np.flatnonzero(part == number) for number in range(len(ends))]
