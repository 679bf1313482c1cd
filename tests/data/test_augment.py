"""Augmentation changes all frames of a triple alike; crops hold ink."""

import numpy as np
import pytest

from anicolor.data import augment as module
from anicolor.data.augment import augment, crop, degrade

SEEDS = range(60)
Rng = np.random.Generator


@pytest.fixture
def triple() -> tuple[np.ndarray, np.ndarray]:
    """Three frames of one asymmetric drawing; a corner mark tells them apart."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    lines = np.where(rng.random((24, 32)) < 0.2, 0, 255).astype(np.uint8)
    colours, drawn = np.stack([picture] * 3), np.stack([lines] * 3)
    colours[:, 0, 0] = colours[:, 0, -1] = np.array([[40] * 3, [120] * 3, [200] * 3])  # grey: no hue to turn
    return colours, drawn


@pytest.mark.parametrize("seed", range(8))
def test_shapes_and_types_are_kept(seed: int, triple: tuple[np.ndarray, np.ndarray]) -> None:
    for before, after in zip(triple, augment(*triple, np.random.default_rng(seed)), strict=True):
        assert after.shape == before.shape
        assert after.dtype == np.uint8
        assert after.flags.c_contiguous


def test_all_frames_are_changed_alike(triple: tuple[np.ndarray, np.ndarray]) -> None:
    mirrored = 0
    for seed in SEEDS:
        colours, lines = augment(*triple, np.random.default_rng(seed))
        assert (colours[:, 1:] == colours[0, 1:]).all()
        assert (lines == lines[0]).all()
        flipped = (lines[0] == triple[1][0][:, ::-1]).all()
        assert flipped or (lines[0] == triple[1][0]).all()
        # The colours went the same way: what was dark stays dark.
        before = triple[0][0][:, ::-1] if flipped else triple[0][0]
        assert np.corrcoef(before.max(-1).ravel(), colours[0].max(-1).ravel())[0, 1] > 0.9
        mirrored += bool(flipped)
    assert 15 < mirrored < 45


def test_the_target_stays_the_target_and_time_runs_either_way(triple: tuple[np.ndarray, np.ndarray]) -> None:
    orders = set()
    for seed in range(120):
        colours, _ = augment(*triple, np.random.default_rng(seed))
        orders.add(tuple(int(frame[0, 0, 0]) for frame in colours))
    assert {order[2] for order in orders} == {200}
    assert {order[:2] for order in orders} == {(40, 120), (120, 40), (40, 40), (120, 120)}


def test_a_degradation_is_one_for_all_three_frames(
    triple: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Inverted:
        drawn = 0

        @classmethod
        def draw(cls, _: Rng) -> "Inverted":
            cls.drawn += 1
            return cls()

        def apply(self, line: np.ndarray) -> np.ndarray:
            return 255 - line

    monkeypatch.setattr(module, "Degradation", Inverted)
    whole = [(degrade(triple[1], np.random.default_rng(seed)) == triple[1]).all() for seed in range(60)]
    assert 15 < sum(whole) < 45
    assert Inverted.drawn == 60 - sum(whole)
    monkeypatch.setattr(module, "_DEGRADED", 1.0)
    assert (degrade(triple[1], np.random.default_rng(0)) == 255 - triple[1]).all()


@pytest.mark.parametrize("side", [32, 48])
def test_a_crop_has_its_size_and_holds_ink(side: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        ink = np.zeros((96, 130), bool)
        ink[rng.integers(96), rng.integers(130)] = True
        rows, columns = crop(ink, side, rng)
        assert ink[rows, columns].shape == (side, side)
        assert ink[rows, columns].any()


def test_a_crop_without_ink_is_somewhere() -> None:
    rows, columns = crop(np.zeros((96, 130), bool), 32, np.random.default_rng(0))
    assert np.zeros((96, 130))[rows, columns].shape == (32, 32)


def test_crops_differ() -> None:
    ink = np.ones((96, 130), bool)
    rng = np.random.default_rng(0)
    corners = {(rows.start, columns.start) for rows, columns in (crop(ink, 32, rng) for _ in range(100))}
    assert len(corners) > 80
