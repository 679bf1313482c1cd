"""Frame ranges, and the shape check at the public edge."""

import pytest
import torch

from anicolor.frames import FrameRange, check_frames, check_lines, rebase


def test_a_range_is_half_open() -> None:
    frames = FrameRange(3, 6)
    assert len(frames) == 3
    assert list(frames) == [3, 4, 5]
    assert 3 in frames
    assert 6 not in frames
    assert str(frames) == "3:6"


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (4, 3)])
def test_ranges_that_cannot_be(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match=f"got {start}:{stop}"):
        FrameRange(start, stop)


def test_rebase_moves_between_carriers_and_back() -> None:
    shot, window = FrameRange(100, 150), FrameRange(120, 130)
    assert rebase(25, shot, window) == 5  # frame 125 of the film
    assert rebase(rebase(25, shot, window), window, shot) == 25


@pytest.mark.parametrize(("check", "channels"), [(check_frames, 3), (check_lines, 1)])
def test_the_check_lets_only_its_own_shape_and_type_through(check, channels: int) -> None:
    good = torch.zeros(2, channels, 4, 5)
    assert check(good) is good
    for bad in (good[0], torch.zeros(2, 2, 4, 5), good.byte()):
        with pytest.raises(ValueError, match=rf"mine: expected float \[T, {channels}, H, W\], got"):
            check(bad, "mine")
