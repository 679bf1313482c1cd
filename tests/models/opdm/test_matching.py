"""Matching finds the patch that looks alike, near where the flow points, and takes clean colours from it."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from anicolor.models.opdm.conditions import Conditions
from anicolor.models.opdm.matching import PATCH, Matcher, Matches, fill_colours

H, W = 48, 64


def ragged(lines: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(1 - lines, 5, stride=1, padding=2)


def shifted_scene(dx: int, height: int = H, width: int = W) -> Conditions:
    """Random line art; the second keyframe is the frame moved ``dx`` to the right, the first is another drawing."""
    draw = torch.Generator().manual_seed(0)
    wide = (torch.rand(1, 1, height, width + dx, generator=draw) > 0.2).float()
    other = (torch.rand(1, 1, height, width, generator=draw) > 0.2).float()
    lines, moved = wide[..., dx:], wide[..., :width]
    references = torch.stack((other, moved), dim=1)
    structure = torch.cat((references, torch.stack((ragged(other), ragged(moved)), dim=1)), dim=2)
    return Conditions(
        lines=lines,
        proximity=ragged(lines),
        references=2 * torch.rand(1, 2, 3, height, width, generator=draw) - 1,
        reference_structure=structure,
        flows=torch.zeros(1, 2, 2, height, width),
        aligned=torch.zeros(1, 2, 5, height, width),
        tracked=torch.zeros(1, 2, 5, height, width),
        between=torch.zeros(1, 5, height, width),
    )


@pytest.fixture
def matcher() -> Matcher:
    torch.manual_seed(0)
    return Matcher(16)


def set_bias(matcher: Matcher, sharpness: float, locality: float) -> None:
    with torch.no_grad():
        matcher.sharpness.fill_(sharpness)
        matcher.locality.fill_(locality)


def test_the_patch_that_looks_alike_gives_its_colour(matcher: Matcher) -> None:
    set_bias(matcher, sharpness=14, locality=-20)
    scene = shifted_scene(2 * PATCH, height=224, width=256)
    matches = matcher(scene)
    fills = fill_colours(scene.references[:, 1], scene.reference_structure[:, 1, 1:])
    # Frame patch (row, column) is the second keyframe's (row, column + 2); descriptors see 13 patches each way.
    inside = (slice(None), slice(None), slice(13, -13), slice(13, -15))
    moved = torch.roll(fills, -2, dims=3)
    assert torch.allclose(matches.colours[inside], moved[inside], atol=1e-3)
    assert matches.certainty[inside].min() > 0.99


def test_among_patches_that_look_alike_the_flow_decides(matcher: Matcher) -> None:
    set_bias(matcher, sharpness=2, locality=10)
    scene = shifted_scene(0)
    blank = replace_all(scene, lines=1.0, proximity=0.5, reference_structure=0.5)
    flows = torch.zeros(1, 2, 2, H, W)
    flows[:, 0, 1] = 1000  # the first keyframe: far out of the picture
    flows[:, 1, 0], flows[:, 1, 1] = 2 * PATCH, -PATCH
    matches = matcher(blank._replace(flows=flows))
    fills = fill_colours(scene.references[:, 1], blank.reference_structure[:, 1, 1:])
    assert torch.allclose(matches.colours[..., 1:, :-2], fills[..., :-1, 2:], atol=1e-3)


def replace_all(scene: Conditions, **values: float) -> Conditions:
    return scene._replace(**{name: torch.full_like(getattr(scene, name), value) for name, value in values.items()})


def test_matching_in_parts_is_matching_at_once(matcher: Matcher, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = shifted_scene(PATCH)
    at_once = matcher(scene)
    monkeypatch.setattr("anicolor.models.opdm.matching._PAIRS", 100)
    in_parts = matcher(scene)
    assert torch.allclose(at_once.colours, in_parts.colours, atol=1e-6)
    assert torch.allclose(at_once.certainty, in_parts.certainty, atol=1e-6)


def test_fill_colours_are_single_colours_and_never_ink() -> None:
    draw = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    lines = torch.ones(1, 1, H, W)
    lines[..., ((rows + 2 * columns) % 11 < 2)] = 0  # slanted strokes through every patch
    palette = torch.rand(5, 3, generator=draw)
    fills = palette[(columns // 13) % 5].permute(2, 0, 1)[None]  # fills that end inside the patches
    picture = fills * lines - (1 - lines)
    soft = F.avg_pool2d(picture, 3, stride=1, padding=1, count_include_pad=False)
    picture = torch.where(F.max_pool2d(1 - lines, 3, stride=1, padding=1) > 0, soft, picture)  # antialiased ink
    distance = torch.stack(
        [
            torch.cdist(
                torch.stack((rows, columns), -1).float().flatten(0, 1),
                torch.stack((rows, columns), -1).float()[lines[0, 0] == 0],
            )
            .amin(1)
            .view(1, H, W)
        ]
    )
    colours = fill_colours(picture, torch.exp(-distance / 3))
    assert colours.shape == (1, 3, H // PATCH, W // PATCH)
    found = colours.flatten(2)[0].T
    assert ((found[:, None] - palette).abs().amax(2).amin(1) < 1e-6).all()


def test_the_picture_of_matches_has_the_size_of_the_frame() -> None:
    matches = Matches(torch.zeros(1, 3, 2, 3), torch.ones(1, 1, 2, 3))
    assert matches.picture((20, 28)).shape == (1, 4, 20, 28)
    assert replace(matches, colours=torch.full((1, 3, 2, 3), 0.5)).picture((16, 24))[:, :3].eq(0.5).all()
