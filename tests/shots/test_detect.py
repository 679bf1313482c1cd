"""True cuts are found in line art and in colour, and motion is none."""

import cv2
import numpy as np
import pytest

from anicolor.frames import FrameRange, Shot
from anicolor.media.picture import Picture
from anicolor.shots import detect as module
from anicolor.shots.blends import Blend
from anicolor.shots.detect import Detector, Rule, detect

SIZE = 192


def drawing(seed: int, shift: int, fill: bool) -> np.ndarray:
    """Draw a handful of shapes that move to the right, outlined or painted."""
    rng = np.random.default_rng(seed)
    page = np.full((SIZE, SIZE, 3), 255, np.uint8)
    for _ in range(6):
        x, y, r = rng.integers(20, SIZE - 20), rng.integers(20, SIZE - 20), rng.integers(10, 45)
        colour = tuple(int(c) for c in rng.integers(0, 220, 3))
        place = (int(x + shift), int(y)), int(r)
        if fill:
            cv2.circle(page, *place, colour, -1)
        cv2.circle(page, *place, (0, 0, 0), 2, cv2.LINE_AA)
    return page


def shot(seed: int, length: int, fill: bool, hold: int = 1) -> list[Picture]:
    return [Picture(drawing(seed, 3 * (t // hold) * hold, fill)) for t in range(length)]


def ranges(shots: list[Shot]) -> list[FrameRange]:
    return [one.frames for one in shots]


@pytest.mark.parametrize("fill", [False, True], ids=["lines", "colour"])
@pytest.mark.parametrize("hold", [1, 2, 3])
def test_finds_cuts_between_moving_drawings(fill: bool, hold: int) -> None:
    lengths, start, expected, film = (12, 4, 9), 0, [], []
    for seed, length in enumerate(lengths):
        film += shot(seed, length, fill, hold)
        expected.append(FrameRange(start, start + length))
        start += length
    shots = list(detect(film))
    assert ranges(shots) == expected
    assert shots[0].score == 0
    assert all(0.1 < one.score <= 1 for one in shots[1:])


@pytest.mark.parametrize("hold", [1, 2, 3])
def test_one_shot_of_line_art_stays_one(hold: int) -> None:
    assert ranges(list(detect(shot(5, 24, fill=False, hold=hold)))) == [FrameRange(0, 24)]


def test_the_papers_rule_is_there_for_finished_film() -> None:
    cut = shot(0, 1, fill=True) * 4 + shot(1, 1, fill=True) * 4
    shots = list(detect(cut, Detector(rule="histogram")))
    assert ranges(shots) == [FrameRange(0, 4), FrameRange(4, 8)]
    assert shots[1].score > 200


def test_the_papers_rule_splits_a_shot_whose_paint_changes_its_area() -> None:
    grown = [
        Picture(np.where(np.arange(64)[:, None, None] < t, 40, 255).repeat(64, 1).repeat(3, 2).astype("u1"))
        for t in range(8, 16)
    ]
    assert len(list(detect(grown, Detector(rule="histogram")))) == 8
    assert len(list(detect(grown))) == 1


def test_a_flash_and_an_empty_page_open_no_shot() -> None:
    film = shot(2, 12, fill=False)
    film[5] = Picture(255 - film[5].pixels)
    film[9] = Picture(np.full((SIZE, SIZE, 3), 255, np.uint8))
    assert ranges(list(detect(film))) == [FrameRange(0, 12)]


def test_drawings_with_alpha_lie_on_paper() -> None:
    def clear(picture: Picture) -> Picture:
        ink = 255 - picture.pixels.min(axis=2)
        return Picture(np.dstack([np.zeros_like(picture.pixels), ink]))

    film = [clear(one) for one in shot(0, 6, fill=False) + shot(1, 6, fill=False)]
    assert ranges(list(detect(film))) == [FrameRange(0, 6), FrameRange(6, 12)]


def test_closes_shots_while_reading() -> None:
    taken = []
    film = (taken.append(1) or one for one in shot(0, 8, fill=False) + shot(1, 60, fill=False))
    assert next(iter(detect(film))).frames == FrameRange(0, 8)
    assert len(taken) <= 8 + 40


def test_a_mixture_that_overlaps_one_already_decided_hides_no_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen in a drawn film: the second, found later, was never opened and covered the cut behind the first."""
    found = {30: Blend(FrameRange(10, 20), "dissolve", 0.02), 36: Blend(FrameRange(14, 26), "dissolve", 0.06)}
    monkeypatch.setattr(module, "blends_before", lambda _, newest: [found[newest]] if newest in found else [])
    monkeypatch.setattr(module, "_is_mixture", lambda *_: True)
    film = shot(0, 23, fill=False) + shot(1, 60, fill=False)
    opened = [(one.frames.start, one.kind) for one in detect(film)]
    assert opened == [(0, "cut"), (15, "dissolve"), (23, "cut")]


@pytest.mark.parametrize("rule", ["structure", "histogram"])
def test_tells_the_change_of_every_frame(rule: Rule) -> None:
    film = [picture for seed in (0, 1) for picture in shot(seed, 30, fill=False)]
    film[50] = Picture(np.full((SIZE, SIZE, 3), 255, np.uint8))
    changes: list[float] = []
    shots = list(detect(film, Detector(rule), changes.append))
    assert shots == list(detect(film, Detector(rule)))
    assert len(changes) == len(film)
    assert changes[0] == 0
    assert all(changes[one.frames.start] == one.score for one in shots[1:])
    assert changes[30] == max(changes[:50])


def test_changes_are_told_while_reading() -> None:
    changes: list[float] = []
    assert next(iter(detect(shot(0, 8, fill=False) + shot(1, 60, fill=False), changed=changes.append)))
    assert len(changes) == 9


def test_no_frames_no_shots() -> None:
    assert list(detect([])) == []
