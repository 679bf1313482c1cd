"""Patches give way where no keyframe shows two colours beside each other without a line."""

from __future__ import annotations

import numpy as np
import pytest

from anicolor.painting.borders import contacts, settle

SKIN, SHADE, HAIR = range(3)
COLOURS = np.array([(0.9, 0.7, 0.6), (0.8, 0.55, 0.5), (0.2, 0.3, 0.9)])
TOUCHING = np.zeros((3, 3), dtype=bool)
TOUCHING[SKIN, SHADE] = TOUCHING[SHADE, SKIN] = True


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Labels and paper ``[40, 60]``: skin, and beyond a line hair."""
    labels = np.full((40, 60), SKIN)
    labels[:, 40:] = HAIR
    paper = np.ones_like(labels, dtype=bool)
    paper[:, 39:41] = False
    return labels, paper


def settled(labels: np.ndarray, paper: np.ndarray, paint: np.ndarray | None = None) -> np.ndarray:
    paint = COLOURS[labels] if paint is None else paint
    return settle(labels, paper, paint.transpose(2, 0, 1), COLOURS, np.arange(3), TOUCHING)


def test_contacts_are_pairs_so_far_apart_with_paper_all_the_way() -> None:
    labels = np.array([[0, 0, 1, 2]])
    paper = np.array([[True, True, True, True]])
    assert contacts(labels, paper, 1).tolist() == [[0, 1], [1, 2]]
    assert contacts(labels.T, paper.T, 2).tolist() == [[0, 1], [0, 2]]
    paper[0, 2] = False
    assert contacts(labels, paper, 1).tolist() == []
    assert contacts(labels, paper, 2).tolist() == []
    assert contacts(labels, paper, 9).tolist() == []


@pytest.mark.parametrize("length", range(1, 9))
@pytest.mark.parametrize("reach", [1, 3, 7])
def test_contacts_of_short_pages(length: int, reach: int) -> None:
    labels = np.arange(length)[None]
    found = contacts(labels, np.ones_like(labels, dtype=bool), reach)
    assert found.tolist() == [[n, n + reach] for n in range(length - reach)]


def test_a_smear_on_open_paper_takes_the_colour_around_it() -> None:
    labels, paper = scene()
    smeared = labels.copy()
    smeared[10:18, 10:18] = HAIR
    assert (settled(smeared, paper) == labels).all()


def test_what_keyframes_show_side_by_side_stays() -> None:
    labels, paper = scene()
    labels[10:18, 10:18] = SHADE
    assert (settled(labels, paper) == labels).all()


def test_a_line_around_it_makes_anything_a_patch_of_its_own() -> None:
    labels, paper = scene()
    labels[10:18, 10:18] = HAIR
    paper[9:19, 9:19] &= labels[9:19, 9:19] == HAIR
    assert (settled(labels, paper) == labels).all()


def test_a_smear_of_several_colours_goes_round_by_round() -> None:
    labels, paper = scene()
    smeared = labels.copy()
    smeared[10:24, 10:24] = HAIR
    smeared[14:20, 14:20] = SHADE  # may touch skin, but is enclosed by hair
    result = settled(smeared, paper)
    assert not (result == HAIR)[paper & (labels == SKIN)].any()


def test_a_patch_near_to_a_colour_that_may_be_there_takes_that_one() -> None:
    labels, paper = scene()
    labels[10:14, 10:20] = HAIR
    paint = COLOURS[labels]
    paint[10:14, 10:20] = COLOURS[SHADE] + 0.02
    result = settled(labels, paper, paint)
    assert (result[10:14, 10:20] == SHADE).all()


def test_a_large_patch_does_not_give_way_for_a_gap_in_its_outline() -> None:
    labels, paper = scene()
    paper[16:24] = True  # where the hair, of 800 pixels, lies open
    assert (settled(labels, paper) == labels).all()


@pytest.mark.parametrize("paper", [False, True])
def test_pages_without_paper_and_of_one_colour(paper: bool) -> None:
    labels = np.full((5, 7), HAIR)
    assert (settled(labels, np.full((5, 7), paper)) == labels).all()


def test_grain_is_left_alone() -> None:
    """Paint of another colour at every pixel has no smears; to settle it would take minutes."""
    labels = np.random.default_rng(0).integers(0, 3, (400, 400))
    assert np.array_equal(settled(labels, np.ones_like(labels, dtype=bool)), labels)


def test_patches_come_out_the_same_however_many_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.kron(np.random.default_rng(1).integers(0, 3, (12, 18)), np.ones((4, 4), np.int64))
    paper = np.ones_like(labels, dtype=bool)
    paint = COLOURS[labels] + np.random.default_rng(2).uniform(-0.4, 0.4, (*labels.shape, 3))
    whole = settled(labels, paper, paint)
    assert not np.array_equal(whole, labels)
    for count in (1, 7):
        monkeypatch.setattr("anicolor.painting.borders._AT_ONCE", count)
        assert np.array_equal(settled(labels, paper, paint), whole)
