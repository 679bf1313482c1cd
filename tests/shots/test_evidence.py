"""What speaks for a cut is weighed as it was fitted."""

import json
from importlib.resources import files

import cv2
import numpy as np
import pytest

from anicolor.frames import FrameRange
from anicolor.media.picture import Picture
from anicolor.shots.detect import candidates, detect
from anicolor.shots.evidence import FEATURES, REACH, Surroundings, features, probability, stands_out, terms


def around(here: float, **others: float) -> list[float]:
    """Return 17 values: ``here`` in the middle, others by name (``b2`` two frames before, ``a3`` three after)."""
    values = [0.0] * (2 * REACH + 1)
    values[REACH] = here
    for name, value in others.items():
        values[REACH + int(name[1:]) * (-1 if name[0] == "b" else 1)] = value
    return values


def test_few_changes_stand_out() -> None:
    still = around(0.0)
    assert stands_out(around(0.5), still)
    assert not stands_out(around(0.05), still)
    assert stands_out(around(0.5, b3=0.55), still)
    assert not stands_out(around(0.5, a3=0.6), still)
    assert stands_out(around(0.5, a4=0.6, b4=0.6), still)
    assert stands_out(around(0.01), around(0.1))
    assert not stands_out(around(0.01), around(0.03))
    assert not stands_out(around(0.01), around(0.1, b1=0.2))


def test_features_are_logarithms_of_what_their_names_say() -> None:
    changes = around(0.4, b2=0.2, a1=0.1, a2=0.05, b8=0.3)
    rearranged = around(0.5, b3=0.25, a8=0.125)
    found = np.exp(features(Surroundings(changes, rearranged, searched=0.3, beside=0.1, gap=2)))
    expected = [0.4, 1, 4, 4 / 3, 8, 0.001 / 0.4, 0.3, 1.5, 0.5, 2, 500, 2, 500]
    assert dict(zip(FEATURES, found, strict=True)) == pytest.approx(dict(zip(FEATURES, expected, strict=True)))


def test_terms_are_the_features_and_their_products() -> None:
    assert terms(np.array([2.0, 3.0])).tolist() == [2, 3, 4, 6, 9]


def test_the_fitted_numbers_belong_to_these_features() -> None:
    read = json.loads(files("anicolor.shots").joinpath("evidence.json").read_text())
    assert read["features"] == list(FEATURES)
    assert len(read["weights"]) == terms(np.zeros(len(FEATURES))).size


def test_another_drawing_is_likelier_than_another_pose() -> None:
    places = [f"{side}{n}" for side in "ab" for n in range(1, 9)]
    changes, rearranged = around(0.9, **dict.fromkeys(places, 0.85)), around(0.03, **dict.fromkeys(places, 0.03))
    assert probability(Surroundings(around(0.9), around(0.4), searched=0.6, beside=0.0, gap=1)) > 0.95
    assert probability(Surroundings(changes, around(0.4), searched=0.6, beside=0.2, gap=1)) > 0.95
    assert probability(Surroundings(changes, rearranged, searched=0.2, beside=0.2, gap=1)) < 0.05


def test_what_no_motion_can_be_the_reason_of_is_a_cut() -> None:
    alike, still = around(0.01), around(0.9)
    assert probability(Surroundings(still, alike, searched=0.5, beside=0.1, gap=1)) == 1
    assert probability(Surroundings(still, alike, searched=0.5, beside=0.1, gap=2)) < 1
    assert probability(Surroundings(still, alike, searched=0.4, beside=0.1, gap=1)) < 1


def pages(seed: int, lengths: tuple[int, ...], speed: int) -> list[Picture]:
    """Return shots of painted texture without a figure, panned by ``speed`` pixels of 64 a frame."""
    rng = np.random.default_rng(seed)
    film = []
    for length in lengths:
        page = cv2.GaussianBlur(rng.standard_normal((64, 256, 3)), (0, 0), 1.5)
        page = np.clip(120 + 40 * page / page.std(), 0, 255).astype(np.uint8)
        film += [Picture(page[:, t * speed : t * speed + 64].copy()) for t in range(length)]
    return film


@pytest.mark.parametrize("speed", [0, 1, 2])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_backgrounds_full_of_detail_are_told_apart(seed: int, speed: int) -> None:
    shots = detect(pages(seed, (14, 9, 20), speed))
    assert [one.frames for one in shots] == [FrameRange(0, 14), FrameRange(14, 23), FrameRange(23, 43)]


def test_candidates_come_with_what_is_around_them() -> None:
    found = dict(candidates(pages(0, (12, 12), 0)))
    assert list(found) == [12]
    assert found[12].changes == around(found[12].changes[REACH])
    assert found[12].searched <= found[12].changes[REACH]
    assert (found[12].beside, found[12].gap) == (0, 1)
