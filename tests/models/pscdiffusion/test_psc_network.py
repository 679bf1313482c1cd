"""Both U-Nets against tables I and II of the paper, and what is told them."""

import pytest
import torch
from torch import Tensor

from anicolor.diffusion.ddim import Schedule
from anicolor.models.pscdiffusion.colorizer import PRESETS, TINY
from anicolor.models.pscdiffusion.network import (
    Cbam,
    CrossAttention,
    DenoisingUNet,
    PscSettings,
    ReferenceUNet,
    SelfAttention,
)


def counts(network: torch.nn.Module) -> dict[str, int]:
    return {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}


def test_every_row_of_table_one() -> None:
    with torch.device("meta"):
        rows = counts(ReferenceUNet(PscSettings()))
    assert rows == {
        "enc1": 224_256,
        "down1": 1_018_496,
        "down2": 4_068_608,
        "skip_conv": 33_024,
        "attention": 2_369_280,
        "final": 590_592,
    }
    assert sum(rows.values()) == 8_304_256


def test_every_row_of_table_two() -> None:
    with torch.device("meta"):
        network = DenoisingUNet(PscSettings())
    rows = counts(network)
    bottom = [sum(p.numel() for p in part.parameters()) for part in network.middle]
    assert bottom == [4_853_248, 3_186_688, 4_853_248]
    assert rows == {
        "time": 82_432,
        "enter": 640,
        "down": 11_662_464,
        "middle": sum(bottom),
        "up": 30_147_856,
        "leave": 323,
        "project": 16_448,  # in the total of the table, and in none of its rows
    }
    assert sum(rows.values()) == 54_803_347


def test_shapes_at_every_level() -> None:
    seen: list[tuple[int, ...]] = []

    def keep(_module: object, _given: object, made: Tensor) -> None:
        seen.append(tuple(made.shape[1:]))

    with torch.device("meta"):
        reference, denoiser = ReferenceUNet(PscSettings()), DenoisingUNet(PscSettings())
        for part in (reference.enc1, reference.down1, reference.down2, reference.attention):
            part.register_forward_hook(keep)
        colours, lines = torch.zeros(2, 3, 64, 96), torch.zeros(1, 1, 64, 96)
        features = reference(colours)
        assert features.shape == (2, 256, 16, 24)
        assert seen == [(64, 64, 96), (128, 32, 48), (256, 16, 24), (256, 16, 24)]
        seen.clear()
        for level in (*denoiser.down, *denoiser.up):
            level[-1].register_forward_hook(keep)
        denoiser.middle[1].register_forward_hook(keep)
        made = denoiser(colours[:1], torch.zeros(1), lines, colours[:1], features[None])
    assert made.shape == (1, 3, 64, 96)
    down = [(64, 64, 96), (128, 32, 48), (256, 16, 24), (512, 8, 12)]
    assert seen == [*down, (512, 8, 12), *reversed(down)]


def test_the_schedule_is_animediffusions() -> None:
    settings = PRESETS["pscdiffusion"]
    schedule = Schedule(settings.timesteps, betas=settings.betas).scheduler()
    bars = (1 - torch.linspace(1e-6, 1e-2, 1000, dtype=torch.float64)).cumprod(0)
    for t in (0, 500, 999):
        assert schedule.alphas_cumprod[t].item() == pytest.approx(bars[t].item(), rel=1e-4)


def test_the_small_one_is_as_large_as_the_other_small_ones() -> None:
    with torch.device("meta"):
        settings = PRESETS["pscdiffusion-small"]
        parts = ReferenceUNet(settings), DenoisingUNet(settings)
    assert sum(p.numel() for part in parts for p in part.parameters()) == pytest.approx(5.12e6, rel=0.03)


def test_gates_lie_where_features_of_blocks_are_joined() -> None:
    network = DenoisingUNet(TINY["pscdiffusion"])
    gated = [[isinstance(block.gate, Cbam) for block in level] for level in network.up]
    assert gated == [[True, True, False], [True, True]]
    assert not any(isinstance(module, Cbam) for module in network.down.modules())


def test_cbam_weighs_channels_then_places() -> None:
    torch.manual_seed(0)
    gate, x = Cbam(32), torch.randn(2, 32, 5, 6)
    squeeze, _, widen = gate.channels
    w1, w2 = squeeze.weight[:, :, 0, 0], widen.weight[:, :, 0, 0]

    def shared(v: Tensor) -> Tensor:
        return (v @ w1.T).relu() @ w2.T

    channels = torch.sigmoid(shared(x.mean((2, 3))) + shared(x.amax((2, 3))))
    weighed = x * channels[:, :, None, None]
    pooled = torch.stack((weighed.mean(1), weighed.amax(1)), dim=1)
    places = torch.sigmoid(torch.nn.functional.conv2d(pooled, gate.places.weight, padding=3))
    assert torch.allclose(gate(x), weighed * places, atol=1e-6)


def test_cross_attention_is_blind_to_the_order_of_tokens() -> None:
    torch.manual_seed(0)
    block, x, context = CrossAttention(16, 8, 2), torch.randn(1, 16, 3, 4), torch.randn(1, 10, 8)
    made = block(x, context)
    assert made.shape == x.shape
    assert torch.allclose(made, block(x, context[:, torch.randperm(10)]), atol=1e-5)
    assert not torch.allclose(made, block(x, context[:, :5]), atol=1e-3)


def test_self_attention_joins_all_places() -> None:
    torch.manual_seed(0)
    block, x = SelfAttention(16, 2), torch.randn(1, 16, 3, 4)
    other = x.clone()
    other[..., 0, 0] += torch.randn(16)
    assert ((block(x) - block(other)).abs().sum(dim=1)[0] > 0).all()


def test_everything_that_goes_in_counts() -> None:
    torch.manual_seed(0)
    network = DenoisingUNet(TINY["pscdiffusion"])
    noisy, time, lines, warped, features = (
        torch.randn(1, 3, 8, 8),
        torch.tensor([3]),
        torch.rand(1, 1, 8, 8),
        torch.rand(1, 3, 8, 8),
        torch.randn(1, 2, 16, 2, 2),
    )
    made = network(noisy, time, lines, warped, features)
    for changed in (
        (noisy + 1, time, lines, warped, features),
        (noisy, time + 5, lines, warped, features),
        (noisy, time, -lines, warped, features),
        (noisy, time, lines, -warped, features),
        (noisy, time, lines, warped, -features),
        (noisy, time, lines, warped, features[:, :1]),
    ):
        assert not torch.allclose(network(*changed), made, atol=1e-6)
