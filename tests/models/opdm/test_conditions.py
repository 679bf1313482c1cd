"""What a keyframe hides, the other shows: the network is given what shows it."""

from __future__ import annotations

import torch
from torch import Tensor

from anicolor.models.opdm import conditions as module
from anicolor.models.opdm.conditions import condition

H, W = 32, 64


def scene(offs: tuple[float, float]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A frame, and two keyframes whose proximity on the right half is off by so much."""
    fields = torch.rand(1, 1, H, W, generator=torch.Generator().manual_seed(0))
    structures = torch.cat([torch.ones_like(fields), fields], dim=1).repeat(2, 1, 1, 1)
    for structure, off in zip(structures, offs, strict=True):
        structure[1, :, W // 2 :] += off
    colours = torch.zeros(2, 3, H, W)
    colours[1] = 1
    return torch.ones(1, 1, H, W), fields, colours, structures


def tracked(offs: tuple[float, float]) -> Tensor:
    lines, fields, colours, structures = scene(offs)
    return condition(lines, fields, colours, structures, None, torch.zeros(1, 2, 2, H, W)).tracked


def test_a_place_that_another_keyframe_shows_far_better_is_that_one_s() -> None:
    first, second = tracked((0.0, 0.4))[0, :, :3]
    assert (first == -1).all()
    assert (second[..., : W // 2 - 8] == 1).all()
    assert (second[..., W // 2 + 8 :] == -1).all(), "the right half is shown by the first alone"


def test_what_both_show_about_as_well_stays() -> None:
    first, second = tracked((0.3, 0.4))[0, :, :3]
    assert (first == -1).all()
    assert (second[..., W // 2 + 8 :] == 1).all()


def test_a_single_keyframe_stays() -> None:
    lines, fields, colours, structures = scene((0.0, 0.4))
    one = condition(lines, fields, colours[1:], structures[1:], None, torch.zeros(1, 1, 2, H, W)).tracked
    assert torch.equal(one[:, :, :3], torch.ones(1, 1, 3, H, W))


def test_without_tracks_nothing_is_exchanged() -> None:
    lines, fields, colours, structures = scene((0.0, 0.4))
    found = condition(lines, fields, colours, structures, None)
    assert torch.equal(found.tracked, found.aligned)
    assert 0 < module._FAR_CLOSER < 1
