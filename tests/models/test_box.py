"""What a network needs to see of the frames of a shot."""

import pytest
import torch
from torch import Tensor

from anicolor.models.box import Box, Extent


def marks(height: int, width: int, top: int, bottom: int, left: int, right: int) -> Tensor:
    found = torch.zeros(height, width, dtype=torch.bool)
    found[top, left] = found[bottom - 1, right - 1] = True
    return found


def extent(height: int, width: int, top: int, bottom: int, left: int, right: int) -> Extent:
    found = Extent(height, width)
    found.see_drawing(torch.zeros(height, width, dtype=torch.bool))
    found.see_drawing(marks(height, width, top, bottom, left, right))
    return found


def test_what_is_small_in_a_large_frame_is_shown_as_large_as_the_network_may_see_it() -> None:
    box = extent(2160, 3840, 1000, 2000, 1500, 2100).box(640)
    scale = box.canvas[0] / 2160
    assert scale == pytest.approx(box.canvas[1] / 3840, rel=0.01)
    assert scale == pytest.approx((640 - 96) / 1000, rel=0.01)
    assert 544 + 64 <= box.size[0] <= 640
    assert 0 <= 1000 * scale - 32 - box.top < 16
    assert 0 <= box.bottom - 2000 * scale - 32 < 16
    assert box.top % 16 == box.bottom % 16 == box.left % 16 == box.right % 16 == 0


def test_nothing_is_enlarged() -> None:
    assert extent(1300, 1400, 140, 160, 190, 210).box(640).canvas == (1300, 1400)
    assert extent(300, 400, 140, 160, 190, 210).box(640) == Box.whole((300, 400))


@pytest.mark.parametrize("ends", [(0, 1080, 0, 1920), (3, 1070, 300, 1700), (500, 560, 5, 1915)], ids=str)
def test_what_would_be_hardly_larger_is_shown_with_its_whole_frame(ends: tuple[int, int, int, int]) -> None:
    assert extent(1080, 1920, *ends).box(640) == Box.whole((360, 640))


def test_an_empty_shot_is_shown_whole() -> None:
    assert Extent(1080, 1920).box(640) == Box.whole((360, 640))


def test_paint_beyond_the_lines_moves_with_them() -> None:
    """A shadow without a line, to the right of the figure: it is there in frames that are no keyframes too."""
    found = Extent(2000, 2000)
    found.see_keyframe(marks(2000, 2000, 100, 200, 100, 300), marks(2000, 2000, 100, 200, 100, 200))
    found.see_drawing(marks(2000, 2000, 100, 200, 300, 400))
    box = found.box(640)
    assert box.canvas == (2000, 2000)
    assert 500 + 32 <= box.right < 500 + 32 + 16
    assert box.left < 100


def test_a_part_that_is_cut_and_laid_back() -> None:
    picture = torch.rand(3, 64, 96)
    box = Box((64, 96), 16, 48, 0, 80)
    part = box.cut(picture)
    assert part.shape == (3, *box.size)
    assert part.untyped_storage().nbytes() == part.nbytes, "it holds no whole frame"
    paper = torch.tensor([0.1, 0.2, 0.3])
    canvas = box.laid_on(part, paper)
    assert torch.equal(box.cut(canvas), part)
    assert torch.equal(canvas[:, 48:], paper[:, None, None].expand(3, 16, 96))
    assert torch.equal(Box.whole((64, 96)).laid_on(picture, paper), picture)
