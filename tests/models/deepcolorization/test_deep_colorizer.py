"""Shi et al.'s network as a colorizer: as many keyframes as it is built for, and what their tracks bring."""

from dataclasses import replace

import pytest
import torch
from test_deep_network import chooses_what_is_brought
from three_keyframes import check_each_has_its_say

from anicolor.diffusion.noise import FrameNoise
from anicolor.models.colorizer import Reference, Request
from anicolor.models.deepcolorization.colorizer import TINY, DeepColorizer, bring


@pytest.mark.parametrize("name", TINY)
def test_three_keyframes_have_their_say_in_any_batch(name: str) -> None:
    torch.manual_seed(0)
    check_each_has_its_say(DeepColorizer(replace(TINY[name], references=3)), side=32)


def test_tracks_bring_colours_and_distance_fields() -> None:
    images, fields = torch.rand(2, 3, 16, 16), torch.rand(2, 1, 16, 16)
    tracks = torch.zeros(1, 2, 3, 16, 16)
    tracks[:, 1, 0] = 3  # pixels to the right
    tracks[:, :, 2] = 0.5
    brought = bring(images, fields, tracks)
    assert torch.allclose(brought.colours[0, 0], images[0], atol=1e-5)
    assert torch.allclose(brought.colours[0, 1, :, :, :13], images[1, :, :, 3:], atol=1e-5)
    assert torch.allclose(brought.fields[0, 1, :, :, :13], fields[1, :, :, 3:], atol=1e-5)
    assert (brought.unlike == 0.5).all()


def test_colours_that_are_chosen_from_a_keyframe_are_exactly_its_own_between_the_lines() -> None:
    torch.manual_seed(0)
    colorizer = DeepColorizer(TINY["deepcolorization-small"])
    chooses_what_is_brought(colorizer.network)
    lines = torch.ones(1, 32, 32)
    lines[:, 10] = 0.3  # pencil
    image = torch.full((3, 32, 32), 0.2)
    image[:, 11:] = 0.8
    keyframe = Reference(0, image * lines, lines)
    request = Request(lines[None], (keyframe,), 1, (1,), torch.zeros(0, 3, 32, 32), torch.zeros(1, 1, 3, 32, 32))
    colours = colorizer.colorize(request, FrameNoise(0))
    under = colours.frames[0] / lines
    assert torch.allclose(under[:, [9, 11]], image[:, [9, 11]], atol=1e-5)
    assert (torch.minimum((under[:, 10] - 0.2).abs(), (under[:, 10] - 0.8).abs()) < 1e-5).all(), "no ink in the paint"
    assert colours.confidence is not None
    assert torch.allclose(colours.confidence, torch.ones(1, 1, 32, 32), atol=1e-5)
