"""What a keyframe hides, the other shows: the network is given what shows it."""

from __future__ import annotations

import torch
from torch import Tensor

from anicolor.models.opdm.conditions import Conditions, condition

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
    assert torch.equal(tracked[0, 1, 5], tracked[0, 0, 5]), "so is how like the frame it is"


def test_what_both_show_about_as_well_stays() -> None:
    first, second = colours(found((0.3, 0.4)).tracked)
    assert (first == -1).all()
    assert (second == 1).all()


def test_a_single_keyframe_stays() -> None:
    (only,) = colours(found((0.4,)).tracked)
    assert (only == 1).all()


def test_without_tracks_optical_flow_is_all_there_is() -> None:
    made = found(None)
    assert torch.equal(made.tracked[:, :, :5], made.aligned)
    assert not made.tracked[:, :, 5].any()
