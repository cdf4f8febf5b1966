"""A leak-free split: look-alikes stay together, by content and not by row order."""

import hashlib
import io
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
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
# With 31 axes 0.006% of all pairs are left to compare in full on these faces (0.05% with 15), and a shortened vector
# fills two cache lines.
AXES = 31
ROUNDING = 1e-3  # float32 tolerance of a product of shortened vectors
BLOCK = 512  # images at a time: a processor's cache holds the products of two blocks


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
    parts = [split.train, split.validation, split.test]
    counts, prints = [len(rows) for rows in parts], [fingerprint(faces[rows]) for rows in parts]
    return DataRecord(name, terms, FaceCounts(*counts), Fingerprints(*prints))


def in_order(faces: Faces, rows: np.ndarray) -> np.ndarray:
    """Rows (int64) in the order of their faces' hashes: the same for all sets of one fingerprint."""
    order = np.argsort(np.array(_hashes(faces[rows]), dtype=object), kind="stable")
    ordered: np.ndarray = rows[order]
    return ordered


def _hashes(faces: Faces) -> list[bytes]:
    labelled = np.isfinite(faces.points)
    return [
        hashlib.sha256(image.tobytes() + mask.tobytes()).digest()
        for image, mask in zip(faces.images, labelled, strict=True)
    ]


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
    axes = torch.linalg.eigh(centre.T @ centre).eigenvectors[:, -AXES:]  # those along which the images differ most
    # A thread for each shift: threads that share one short product mostly wait for each other.
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            shifts = itertools.product(range(-2, 3), repeat=2)
            pairs = [*pool.map(lambda shift: _alike(centre, window(*shift), axes), shifts)]
    finally:
        torch.set_num_threads(threads)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(images)))
    graph.add_edges_from(np.concatenate(pairs).tolist())
    # A blank image correlates with nothing, so its exact copies are joined by their bytes.
    first: dict[bytes, int] = {}
    for row, image in enumerate(images):
        graph.add_edge(row, first.setdefault(hashlib.sha256(image).digest(), row))
    groups = np.empty(len(images), np.int64)
    for number, rows in enumerate(nx.connected_components(graph)):
        groups[list(rows)] = number
    return groups


def _alike(a: torch.Tensor, b: torch.Tensor, axes: torch.Tensor) -> np.ndarray:
    """The pairs of rows, int64 [P, 2], of windows [N, 18 * 18] whose product is at least LOOK_ALIKE.

    Only those are multiplied in full whose shortened vectors (`_shortened`) have that product.
    """
    short_a, short_b = _shortened(a, axes), _shortened(b, axes)
    least = LOOK_ALIKE - ROUNDING
    pairs = []
    for i, j in itertools.product(range(0, len(a), BLOCK), range(0, len(b), BLOCK)):
        bounds = short_a[i : i + BLOCK] @ short_b[j : j + BLOCK].T
        rows = (bounds.amax(1) >= least).nonzero()[:, 0]  # few
        row, column = (bounds[rows] >= least).nonzero().T
        left, right = rows[row] + i, column + j
        alike = (a[left] * b[right]).sum(1) >= LOOK_ALIKE
        pairs.append(torch.stack([left[alike], right[alike]], 1))
    return torch.cat(pairs).numpy()


def _shortened(windows: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    """Vectors, [N, AXES + 1], whose products are no less than those of the windows, [N, 18 * 18].

    They hold the windows' components along the axes, and the length of what is left: the product of what is left of
    two windows is at most the product of these lengths (Cauchy and Schwarz).
    """
    along = windows @ axes
    left = windows.square().sum(1) - along.square().sum(1)
    return torch.cat([along, left.clamp(min=0).sqrt()[:, None]], 1)


def split_data(data: Path | str) -> tuple[Faces, Split]:
    """Reads the training file and splits it 80/10/10 (`split_faces`); the look-alike groups are cached.

    Raises as `read_training` does.
    """
    faces = read_training(data)
    return faces, split_faces(faces, cached_groups(faces))


def cached_groups(faces: Faces) -> np.ndarray:
    """As `look_alikes` of the faces' images, int64 [N], which is looked for once."""
    return cached("groups", io.BytesIO(faces.images.tobytes()), lambda: {"groups": look_alikes(faces.images)})["groups"]


def split_faces(faces: Faces, groups: np.ndarray) -> Split:
    """Splits faces 80/10/10 as `deal` does. groups: int64 [N] of `look_alikes`."""
    return Split(*deal(faces, groups, (0.8, 0.9, 1)))


def deal(faces: Faces, groups: np.ndarray, ends: Sequence[float]) -> list[np.ndarray]:
    """Row numbers (int64, ascending) of each part: by content, never a group across parts, whatever the rows' order.

    Groups are ordered by the hash of their images and dealt out in that order, the four-point rows apart
    from the others so that each part has its share of both. groups: int64 [N]. ends: the share of faces up to the end
    of each part, the last of them 1.
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
