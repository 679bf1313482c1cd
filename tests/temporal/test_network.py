"""The temporal network: what it sees of the pictures around one, and how it begins."""

import pytest
import torch

from anicolor.temporal.network import PatchDiscriminator, RefinerSettings, TemporalShift, TimeNetwork
from anicolor.temporal.refiner import PRESETS, TINY


def sequence(pictures: int = 5, side: int = 32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(0)
    colours = torch.rand(1, pictures, 3, side, side, generator=made) * 2 - 1
    return colours, torch.rand(1, pictures, 1, side, side, generator=made), torch.ones(1, pictures, 1, side, side)


def test_a_shift_begins_as_one_and_can_learn_to_be_none() -> None:
    shift, features = TemporalShift(8), torch.arange(24.0).reshape(1, 3, 8, 1, 1)
    shifted = shift(features)[0, :, :, 0, 0].tolist()
    assert shifted[0] == [0, 0, 10, 11, 4, 5, 6, 7]
    assert shifted[1] == [0, 1, 18, 19, 12, 13, 14, 15]
    assert shifted[2] == [8, 9, 0, 0, 20, 21, 22, 23]
    with torch.no_grad():
        shift.weight.copy_(torch.tensor([0.0, 1.0, 0.0])[:, None].expand(-1, 4))
    assert torch.equal(shift(features), features)


def test_a_shift_mixes_three_pictures_as_it_has_learned() -> None:
    torch.manual_seed(0)
    shift, features = TemporalShift(4), torch.rand(2, 5, 4, 3, 3)
    with torch.no_grad():
        shift.weight.normal_()
    made = shift(features)
    before, now, after = shift.weight[:, :, None, None]
    mixed = before * features[:, 1, :2] + now * features[:, 2, :2] + after * features[:, 3, :2]
    assert torch.allclose(made[:, 2, :2], mixed, atol=1e-5)
    made.sum().backward()
    assert shift.weight.grad is not None
    assert shift.weight.grad.abs().min() > 0


@pytest.mark.parametrize("name", TINY)
def test_at_first_pictures_are_left_nearly_as_they_are(name: str) -> None:
    colours, lines, confidence = sequence()
    torch.manual_seed(0)
    made = TimeNetwork(TINY[name])(colours, lines, confidence)
    assert made.shape == colours.shape
    assert 0 < (made - colours).abs().mean() < 0.08


@pytest.mark.parametrize("name", TINY)
def test_pictures_far_away_in_time_play_their_part(name: str) -> None:
    colours, lines, confidence = sequence()
    torch.manual_seed(0)
    network = TimeNetwork(TINY[name])
    other = colours.clone()
    other[:, 4] = 0
    changed = (network(colours, lines, confidence) - network(other, lines, confidence)).abs().amax(dim=(0, 2, 3, 4))
    assert (changed > 0).all()


def test_a_window_has_room_for_what_only_shows() -> None:
    with pytest.raises(ValueError, match="expected more than 4 frames, got 4"):
        RefinerSettings(window=4)


def test_a_discriminator_judges_patches_of_every_picture() -> None:
    colours, lines, _ = sequence(side=64)
    assert PatchDiscriminator(8)(lines, colours).shape == (1, 5, 1, 4, 4)


def test_counts_of_parameters() -> None:
    """Public ports of the paper's network have 6.8 to 9.9 million parameters with their discriminators."""
    counts = {name: sum(p.numel() for p in TimeNetwork(preset).parameters()) for name, preset in PRESETS.items()}
    assert counts == {"refiner": 6_220_792, "refiner-small": 440_944}
    judge = sum(p.numel() for p in PatchDiscriminator(PRESETS["refiner"].widths[0]).parameters())
    assert 6.8e6 < counts["refiner"] + judge < 9.9e6
