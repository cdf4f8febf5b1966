import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_faces

from fkd.data import split as split_module
from fkd.data.faces import Faces, is_four_point
from fkd.data.split import LOOK_ALIKE, Split, deal, fingerprint, in_order, look_alikes, split_data


def test_copies_in_other_light_with_noise_or_shifted_are_grouped_and_others_are_not():
    rng = np.random.default_rng(3)
    # Smooth random fields: as different from each other as photos are.
    fields = np.kron(rng.integers(0, 255, (8, 6, 6)), np.ones((16, 16)))
    copies = [fields, fields * 0.7 + 30, fields + rng.normal(0, 8, fields.shape), np.roll(fields, 4, 2)]
    groups = look_alikes(np.concatenate(copies).clip(0, 255).astype(np.uint8))
    assert groups.tolist() == [*range(8)] * 4


def look_alikes_in_full(images: np.ndarray) -> np.ndarray:
    """As `look_alikes` defines them: every pair at every shift, then all that a chain of pairs joins."""
    small = images.reshape(-1, 24, 4, 24, 4).mean((2, 4), dtype=np.float64)

    def window(dy: int, dx: int) -> np.ndarray:
        part = small[:, 3 + dy : 21 + dy, 3 + dx : 21 + dx].reshape(len(images), -1)
        part = part - part.mean(1, keepdims=True)
        return part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)

    _, copies = np.unique(images.reshape(len(images), -1), axis=0, return_inverse=True)
    alike = copies[:, None] == copies
    for shift in itertools.product(range(-2, 3), repeat=2):
        alike |= window(0, 0) @ window(*shift).T >= LOOK_ALIKE
    alike |= alike.T
    while (chained := alike.astype(np.float32) @ alike > 0).sum() > alike.sum():
        alike = chained
    return np.unique(alike.argmax(1), return_inverse=True)[1]


def test_look_alikes_are_those_of_every_pair_at_every_shift(monkeypatch):
    images = draw_faces(300).images
    images[250:260] = images[:10]
    images[260:280] = np.roll(images[20:40], (3, -5), (1, 2))
    images[280:290], images[290:295] = 77, 78  # blank
    with_noise = images[100:200] + np.random.default_rng(0).normal(0, 12, (100, 96, 96))
    images[100:200] = with_noise.clip(0, 255).astype(np.uint8)
    rng = np.random.default_rng(4)
    # Smooth fields, each a mix of a few, so that many pairs are near the bound.
    fields = np.kron(rng.integers(0, 255, (12, 8, 8)), np.ones((12, 12)))
    mixed = np.einsum("nk,khw->nhw", rng.dirichlet(np.full(12, 0.15), 150), fields).astype(np.uint8)
    monkeypatch.setattr(split_module, "BLOCK", 64)
    for part in (images, mixed, mixed[:1]):
        expected = look_alikes_in_full(part)
        assert len(part) == 1 or 20 < expected.max() < len(part) - 20, "some are grouped and some are not"
        np.testing.assert_array_equal(look_alikes(part), expected)


def test_the_split_keeps_groups_whole_and_follows_content_not_order():
    faces = draw_faces(300)
    groups = np.arange(300) // 3
    parts = Split(*deal(faces, groups, (0.8, 0.9, 1)))
    rows = [parts.train, parts.validation, parts.test]
    assert sorted(np.concatenate(rows)) == list(range(300))
    assert [len(r) / 300 for r in rows] == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not set(groups[rows[a]]) & set(groups[rows[b]])
    for r in rows:
        assert is_four_point(faces.points[r]).mean() == pytest.approx(0.4, abs=0.05)
    order = np.random.default_rng(0).permutation(300)
    again = Split(*deal(faces[order], groups[order], (0.8, 0.9, 1)))
    for part in ("train", "validation", "test"):
        assert set(order[getattr(again, part)]) == set(getattr(parts, part))
        assert fingerprint(faces[order][getattr(again, part)]) == fingerprint(faces[getattr(parts, part)])


def test_the_fingerprint_sees_images_and_asked_labels_but_not_where_they_lie(faces):
    moved = Faces(faces.images, faces.points + 1)
    assert fingerprint(moved) == fingerprint(faces)
    turned = Faces(faces.images[::-1], faces.points[::-1])
    rows = np.arange(60)
    assert (turned[in_order(turned, rows)].images == faces[in_order(faces, rows)].images).all()
    unasked = faces.points.copy()
    unasked[0, 3] = np.nan
    assert fingerprint(Faces(faces.images, unasked)) != fingerprint(faces)
    other = faces.images.copy()
    other[0, 0, 0] ^= 1
    assert fingerprint(Faces(other, faces.points)) != fingerprint(faces)


@pytest.mark.slow
def test_the_split_of_wild15_is_that_of_the_shipped_benchmark(real_data):
    faces, parts = split_data(real_data)
    shipped = json.loads((Path(__file__).parents[2] / "leaderboard" / "wild15" / "benchmark.json").read_text())
    if len(faces) == 5379:
        assert fingerprint(faces[parts.test]) == shipped["fingerprint"]
