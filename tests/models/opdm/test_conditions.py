"""What the network is given of its keyframes: what either shows better, and what lies between them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from anicolor.lines.distance import proximity
from anicolor.models.opdm.conditions import Between, Conditions, condition, moment, shifts
from anicolor.motion import DisFlow

H, W = 32, 64


def found(apart: tuple[float, ...] | None) -> Conditions:
    """Of a frame and two keyframes, black and white, whose right half is so little like the frame's."""
    fields = torch.rand(1, 1, H, W, generator=torch.Generator().manual_seed(0))
    structures = torch.cat([torch.ones_like(fields), fields], dim=1).repeat(2, 1, 1, 1)
    colours = torch.stack([torch.zeros(3, H, W), torch.ones(3, H, W)])
    tracks = None
    if apart is not None:
        tracks = torch.zeros(1, len(apart), 3, H, W)
        tracks[0, :, 2, :, W // 2 :] = torch.tensor(apart)[:, None, None]
        colours, structures = colours[-len(apart) :], structures[-len(apart) :]
    return condition(torch.ones(1, 1, H, W), fields, colours, structures, None, tracks)


def colours(tracked: Tensor) -> tuple[Tensor, ...]:
    return tracked[0, :, :3].unbind()


def test_a_place_that_another_keyframe_shows_far_better_is_that_one_s() -> None:
    tracked = found((0.1, 0.4)).tracked
    first, second = colours(tracked)
    assert (first == -1).all()
    assert (second[..., : W // 2] == 1).all()
    assert (second[..., W // 2 :] == -1).all(), "the right half is shown by the first alone"


def test_what_both_show_about_as_well_stays() -> None:
    first, second = colours(found((0.3, 0.4)).tracked)
    assert (first == -1).all()
    assert (second == 1).all()


def test_a_single_keyframe_stays() -> None:
    (only,) = colours(found((0.4,)).tracked)
    assert (only == 1).all()


def test_without_tracks_optical_flow_is_all_there_is() -> None:
    made = found(None)
    assert torch.equal(made.tracked, made.aligned)
    assert not made.between.any()


@pytest.mark.parametrize(
    ("at", "expected"), [(-3, 0.0), (4, 0.0), (5, 0.25), (8, 1.0), (11, 1.5), (14, 2.0), (20, 2.0)]
)
def test_a_moment_is_counted_in_keyframes(at: int, expected: float) -> None:
    assert moment(at, (4, 8, 14)) == expected


def test_a_single_keyframe_has_one_moment() -> None:
    assert [moment(at, (7,)) for at in (0, 7, 9)] == [0.0] * 3


SIDE, STEP = 96, 8


def spot(x: int) -> Tensor:
    """A red disc that no line surrounds on a page ``[1, 3, H, W]`` of soft greys that stay."""
    across, down = torch.arange(SIDE)[None].float(), torch.arange(SIDE)[:, None].float()
    page = (0.7 + 0.2 * torch.sin(down / 9) * torch.cos(across / 7)).expand(1, 3, -1, -1).clone()
    page[0, :, (across - x) ** 2 + (down - 48) ** 2 < 15**2] = torch.tensor([0.9, 0.1, 0.1])[:, None]
    return page


def between(keyframes: Tensor, at: float, lines: Tensor | None = None) -> Tensor:
    drawn = torch.ones(1 + len(keyframes), 1, SIDE, SIDE) if lines is None else lines
    structures = torch.cat((drawn, proximity(drawn)), dim=1)
    known = Between(shifts(keyframes, DisFlow()), [at])
    return condition(drawn[:1], structures[:1, 1:], keyframes, structures[1:], None, None, known).between[0]


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_what_no_line_surrounds_moves_with_its_colours(share: float) -> None:
    keyframes, truth = torch.cat([spot(40), spot(40 + STEP)]), spot(40 + round(STEP * share))[0]
    made = (between(keyframes, share)[:3] + 1) / 2
    still = keyframes[round(share)]
    assert (made - truth).abs().mean() < 0.005
    assert share in (0, 1) or (made - truth).abs().mean() < (still - truth).abs().mean() / 2


def test_the_two_around_the_moment_count() -> None:
    keyframes = torch.cat([1 - spot(20), spot(40), spot(40 + STEP)])
    assert torch.allclose(between(keyframes, 1.5), between(keyframes[1:], 0.5), atol=1e-5)
    assert torch.allclose(between(keyframes, 2.0)[:3], 2 * keyframes[2] - 1, atol=1e-5)


def test_a_single_keyframe_lies_still_between_itself() -> None:
    made = between(spot(40), 0.0)
    assert torch.allclose(made[:3], 2 * spot(40)[0] - 1, atol=1e-5)
    assert made[3].max() < 1e-5


def test_it_says_where_the_keyframes_do_not_agree() -> None:
    off = between(torch.cat([spot(40), torch.ones(1, 3, SIDE, SIDE)]), 0.5)[3]
    assert off.max() <= 1
    assert off[48, 44] > 0.5
    assert between(torch.cat([spot(40), spot(40)]), 0.5)[3].max() < 1e-5


def test_it_says_how_far_lines_are() -> None:
    lines = torch.ones(3, 1, SIDE, SIDE)
    lines[0, 0, :, 20] = 0
    lines[1, 0, :, 20] = 0
    far = between(torch.cat([spot(60), spot(60)]), 0.5, lines)[4]
    assert far[48, 20] > 0.2, "of either keyframe, the one that is further"
    lines[2, 0, :, 20] = 0
    assert between(torch.cat([spot(60), spot(60)]), 0.5, lines)[4].max() < 1e-5
