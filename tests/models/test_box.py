"""What a network needs to see of the frames of a shot."""

import pytest
import torch

from anicolor.models.box import Box, Extent


def extent(height: int, width: int, top: int, bottom: int, left: int, right: int) -> Extent:
    marks = torch.zeros(height, width, dtype=torch.bool)
    marks[top, left] = marks[bottom - 1, right - 1] = True
    found = Extent(height, width)
    found.see(torch.zeros_like(marks))
    found.see(marks)
    return found


def test_a_small_frame_is_cut_with_a_margin_at_places_of_a_grid() -> None:
    assert extent(640, 640, 100, 420, 200, 330).box(640) == Box((640, 640), 64, 464, 160, 368)


def test_a_large_frame_is_shown_as_large_as_the_network_may_see_it() -> None:
    box = extent(2160, 3840, 1000, 2000, 1500, 2100).box(640)
    assert box.canvas[0] / 2160 == pytest.approx(box.canvas[1] / 3840, rel=0.01)
    assert box.canvas[0] / 2160 == pytest.approx((640 - 96) / 1000, rel=0.01)
    assert 544 + 64 <= box.size[0] <= 640
    assert box.top <= 1000 * box.canvas[0] / 2160 - 32
    assert box.bottom >= 2000 * box.canvas[0] / 2160 + 32


def test_nothing_is_enlarged() -> None:
    assert extent(300, 400, 140, 160, 190, 210).box(640).canvas == (300, 400)


@pytest.mark.parametrize("side", [(0, 300, 0, 400), (3, 290, 9, 399)], ids=str)
def test_what_fills_its_frame_is_shown_whole(side: tuple[int, int, int, int]) -> None:
    found = extent(300, 400, *side)
    assert found.everywhere
    assert found.box(640) == Box.whole((300, 400))
    assert found.box(200) == Box.whole((150, 200))


def test_what_is_long_and_thin_is_shown_no_smaller_than_with_its_frame() -> None:
    box = extent(1080, 1920, 500, 560, 5, 1915).box(640)
    assert box.canvas == (360, 640)
    assert box.size == (96, 640)


def test_an_empty_shot_is_shown_by_its_middle() -> None:
    box = Extent(400, 400).box(640)
    assert box.size == (80, 80)
    assert box.top < 200 < box.bottom


def test_a_part_that_is_cut_and_laid_back() -> None:
    picture = torch.rand(3, 64, 96)
    box = Box((64, 96), 16, 48, 0, 80)
    part = box.cut(picture)
    assert part.shape == (3, *box.size)
    paper = torch.tensor([0.1, 0.2, 0.3])
    canvas = box.laid_on(part, paper)
    assert torch.equal(box.cut(canvas), part)
    assert torch.equal(canvas[:, 48:], paper[:, None, None].expand(3, 16, 96))
    assert torch.equal(Box.whole((64, 96)).laid_on(picture, paper), picture)
