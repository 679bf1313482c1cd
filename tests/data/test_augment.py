"""Augmentation changes all frames of a passage alike; crops hold ink."""

import numpy as np
import pytest

from anicolor.data import augment as module
from anicolor.data.augment import Passage, augment, crop, degrade

SEEDS = range(60)
Rng = np.random.Generator


FIRST, LAST, AT, COUNT = 0, 4, 1, 5


@pytest.fixture
def passage() -> Passage:
    """Five drawings of one asymmetric picture; a corner mark tells them apart."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    drawing = np.where(rng.random((24, 32)) < 0.2, 0, 255).astype(np.uint8)
    colours, lines = np.stack([picture] * 3), np.stack([drawing] * COUNT)
    colours[:, 0, 0] = colours[:, 0, -1] = np.array([[40] * 3, [120] * 3, [200] * 3])  # grey: no hue to turn
    lines[:, 0, 0] = lines[:, 0, -1] = np.arange(COUNT)
    return Passage(colours, lines, (FIRST, LAST, AT))


@pytest.fixture(autouse=True)
def _as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """No passage is made of warps, but where a test says so."""
    monkeypatch.setattr(module, "_WARPED", 0)


@pytest.mark.parametrize("seed", range(8))
def test_shapes_and_types_are_kept(seed: int, passage: Passage) -> None:
    for before, after in zip(passage[:2], augment(passage, np.random.default_rng(seed))[:2], strict=True):
        assert after.shape == before.shape
        assert after.dtype == np.uint8
        assert after.flags.c_contiguous


def test_all_frames_are_changed_alike(passage: Passage) -> None:
    mirrored = 0
    for seed in SEEDS:
        colours, lines, _ = augment(passage, np.random.default_rng(seed))
        assert (colours[:, 1:] == colours[0, 1:]).all()
        assert (lines[:, 1:] == lines[0, 1:]).all()
        before = passage.lines[0, 1:]
        flipped = (lines[0, 1:] == before[:, ::-1]).all()
        assert flipped or (lines[0, 1:] == before).all()
        # The colours went the same way: what was dark stays dark.
        picture = passage.colours[0][:, ::-1] if flipped else passage.colours[0]
        assert np.corrcoef(picture.max(-1).ravel(), colours[0].max(-1).ravel())[0, 1] > 0.9
        mirrored += bool(flipped)
    assert 15 < mirrored < 45


def test_the_target_stays_the_target_and_time_runs_either_way(passage: Passage) -> None:
    marks = {40: FIRST, 120: LAST, 200: AT}
    orders = set()
    for seed in range(120):
        colours, lines, places = augment(passage, np.random.default_rng(seed))
        shown = tuple(int(frame[0, 0, 0]) for frame in colours)
        assert [int(lines[place, 0, 0]) for place in places] == [marks[mark] for mark in shown]
        assert list(lines[:, 0, 0]) in (list(range(COUNT)), list(reversed(range(COUNT))))
        orders.add(shown)
    assert {order[2] for order in orders} == {200}
    assert {order[:2] for order in orders} == {(40, 120), (120, 40), (40, 40), (120, 120)}


def test_a_degradation_is_one_for_all_frames(passage: Passage, monkeypatch: pytest.MonkeyPatch) -> None:
    class Inverted:
        drawn = 0

        @classmethod
        def draw(cls, _: Rng) -> "Inverted":
            cls.drawn += 1
            return cls()

        def apply(self, line: np.ndarray) -> np.ndarray:
            return 255 - line

    monkeypatch.setattr(module, "Degradation", Inverted)
    whole = [(degrade(passage.lines, np.random.default_rng(seed)) == passage.lines).all() for seed in range(60)]
    assert 15 < sum(whole) < 45
    assert Inverted.drawn == 60 - sum(whole)
    monkeypatch.setattr(module, "_DEGRADED", 1.0)
    assert (degrade(passage.lines, np.random.default_rng(0)) == 255 - passage.lines).all()


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


def test_a_frame_stands_between_warps_of_itself(passage: Passage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WARPED", 1)
    frame = np.full((48, 64), 255, np.uint8)
    frame[20:28, 28:36] = 60  # the paint of a square, and its drawing alike
    passage = Passage(np.stack([frame] * 3)[..., None].repeat(3, 3), np.stack([frame] * 2), (0, 1, 1))
    apart = []
    for seed in range(12):
        colours, lines, (before, after, at) = augment(passage, np.random.default_rng(seed))
        assert (colours.shape, lines.shape) == ((3, 48, 64, 3), (3, 48, 64))
        assert sorted((before, after, at)) == [0, 1, 2] or before == after  # a single keyframe, given twice
        assert (colours[2] == colours[2, ::-1]).all()  # the frame is as it was: a square
        for n, place in enumerate((before, after)):
            paint, ink = colours[n].min(axis=-1) < 128, lines[place] < 128
            assert (paint == ink).mean() > 0.99  # drawing and paint are warped alike
            assert 10 < ink.sum() < 250
            apart.append(np.abs(np.argwhere(ink).mean(axis=0) - (23.5, 31.5)).max())
    assert max(apart) > 2
    assert max(apart) < 20


@pytest.mark.parametrize("references", [1, 2, 4])
@pytest.mark.parametrize("warped", [0, 1])
def test_any_number_of_keyframes_stays_with_its_drawings(
    monkeypatch: pytest.MonkeyPatch, references: int, warped: int
) -> None:
    monkeypatch.setattr(module, "_WARPED", warped)
    monkeypatch.setattr(module, "_SHIFTED", 0)
    places = (*range(0, 2 * references, 2), 1)
    values = np.arange(10, 10 + 2 * references, dtype=np.uint8)
    lines = np.broadcast_to(values[:, None, None], (2 * references, 16, 16)).copy()
    colours = np.broadcast_to(values[list(places), None, None, None], (references + 1, 16, 16, 3)).copy()
    alone = 0
    for seed in SEEDS:
        changed = augment(Passage(colours, lines, places), np.random.default_rng(seed))
        assert len(changed.colours) == len(changed.places) == references + 1
        shown = [int(changed.lines[place][8, 8]) for place in changed.places]
        assert [int(frame[8, 8, 0]) for frame in changed.colours] == shown
        keyframes = list(changed.places[:-1])
        assert keyframes == sorted(keyframes)
        assert shown[-1] == 11
        alone += len(set(keyframes)) == 1
    assert (alone > 30) == (references == 1)
