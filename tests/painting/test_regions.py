"""Regions of a drawing, where lines have gaps and where they have not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from anicolor.painting.regions import default_gap, grow, regions


def box(hole: int, size: int = 60, thick: int = 2) -> np.ndarray:
    """Paper ``[H, W]`` with a box in the middle whose right side is open for ``hole`` pixels."""
    paper = np.ones((size, size), bool)
    paper[15:45, 15:45] = False
    paper[15 + thick : 45 - thick, 15 + thick : 45 - thick] = True
    middle = size // 2
    paper[middle - hole // 2 : middle - hole // 2 + hole, 45 - thick : 45] = True
    return paper


def test_closed_lines_bound_a_region_each() -> None:
    found = regions(box(0), 0)
    assert set(np.unique(found)) == {0, 1, 2}
    assert (found[~box(0)] == 0).all()
    assert found[30, 30] != found[5, 5]


@pytest.mark.parametrize("gap", [0, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("hole", [1, 2, 4, 7])
def test_gaps_are_closed_up_to_so_many_pixels(hole: int, gap: int) -> None:
    found = regions(box(hole), gap)
    if hole <= gap:
        assert found[30, 30] != found[5, 5]
    if hole > gap + 2:
        assert found[30, 30] == found[5, 5]
    assert (found[box(hole)] > 0).all(), "all paper is in a region"


def test_slanted_gaps_too() -> None:
    paper = np.ones((80, 80), np.uint8)
    cv2.line(paper, (0, 0), (37, 37), 0, 2)
    cv2.line(paper, (42, 42), (79, 79), 0, 2)
    assert regions(paper > 0, 8)[20, 60] != regions(paper > 0, 8)[60, 20]
    assert regions(paper > 0, 2)[20, 60] == regions(paper > 0, 2)[60, 20]


def test_narrow_parts_are_regions_of_their_own_and_details_stay() -> None:
    paper = np.zeros((20, 40), bool)
    paper[5:7, 3:30] = True  # a strand, narrower than the ball
    paper[12, 5] = True  # a pixel
    found = regions(paper, 4)
    assert len(np.unique(found[5:7, 3:30])) == 1
    assert found[12, 5] not in (0, found[5, 3])


@pytest.mark.parametrize("paper", [np.ones((1, 1), bool), np.zeros((3, 5), bool), np.ones((2, 9), bool)])
def test_frames_of_any_size(paper: np.ndarray) -> None:
    found = regions(paper, 3)
    assert found.shape == paper.shape
    assert ((found > 0) == paper).all()


def test_a_negative_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a gap of no pixels or more, got -1"):
        regions(np.ones((4, 4), bool), -1)


def test_the_default_gap_grows_with_the_frame() -> None:
    assert [default_gap(*size) for size in ((16, 16), (640, 640), (1080, 1920), (2160, 3840))] == [1, 1, 4, 8]


def test_growing_stays_in_the_region() -> None:
    paper = box(0)
    parts = regions(paper, 0)
    seeds = np.where(paper, np.where(parts == parts[30, 30], 7, 3), 0).astype(np.int32)
    where = np.zeros_like(paper)
    where[10:50, 25:50] = paper[10:50, 25:50]
    grown = grow(np.where(where, 0, seeds).astype(np.int32), where, parts)
    assert np.array_equal(grown, seeds)


def test_without_a_seed_in_the_region_nothing_grows() -> None:
    paper = box(0)
    parts = regions(paper, 0)
    inside = parts == parts[30, 30]
    grown = grow(np.where(paper & ~inside, 3, 0).astype(np.int32), inside, parts)
    assert (grown[inside] == 0).all()
    assert (grown[paper & ~inside] == 3).all()
