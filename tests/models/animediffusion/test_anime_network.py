"""AnimeDiffusion's U-Net against its published configuration."""

import pytest
import torch

from anicolor.diffusion.ddim import Schedule
from anicolor.models.animediffusion.colorizer import PRESETS, TINY
from anicolor.models.animediffusion.network import AnimeUNet, Attention


def test_parameters_part_by_part() -> None:
    with torch.device("meta"):
        network = AnimeUNet(PRESETS["animediffusion"])
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert counts == {
        "time": 82_432,
        "enter": 512,
        "down": 11_662_464,
        "middle": 10_495_488,
        "up": 30_060_032,
        "leave": 323,
    }
    assert sum(counts.values()) == 52_301_251


def test_shapes_at_every_level() -> None:
    seen: list[tuple[int, ...]] = []
    with torch.device("meta"):
        network = AnimeUNet(PRESETS["animediffusion"])
        for level in (*network.down, network.middle[2], *network.up):
            block = level if not isinstance(level, torch.nn.ModuleList) else level[-1]
            block.register_forward_hook(lambda _module, _given, made: seen.append(tuple(made.shape[1:])))
        colours, lines, time = torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256), torch.zeros(1)
        assert network(colours, time, lines, colours).shape == colours.shape
    down = [(64, 256, 256), (128, 128, 128), (256, 64, 64), (512, 32, 32)]
    assert seen == [*down, (512, 32, 32), *reversed(down)]


def test_the_schedule_is_the_papers() -> None:
    settings = PRESETS["animediffusion"]
    schedule = Schedule(settings.timesteps, betas=settings.betas).scheduler()
    betas = torch.linspace(1e-6, 1e-2, 1000, dtype=torch.float64)
    bars = (1 - betas).cumprod(0)
    for t in (0, 500, 999):
        assert schedule.alphas_cumprod[t].item() == pytest.approx(bars[t].item(), rel=1e-4)
    assert bars[-1].item() == pytest.approx(0.0067, abs=1e-4)


def test_attention_joins_all_places() -> None:
    torch.manual_seed(0)
    attention, x = Attention(8, 2), torch.randn(1, 8, 4, 6)
    other = x.clone()
    other[..., 0, 0] += 1
    changed = (attention(x) - attention(other)).abs().sum(dim=1)[0]
    assert (changed > 0).all()
    queries, keys, values = attention.project(attention.norm(x)).flatten(2).chunk(3, dim=1)
    for head in (slice(4), slice(4, 8)):
        weights = (queries[0, head].T @ keys[0, head] / 4**0.5).softmax(dim=1)
        by_hand = x[0, head].flatten(1) + (weights @ values[0, head].T).T
        assert torch.allclose(attention(x)[0, head].flatten(1), by_hand, atol=1e-5)


@pytest.mark.parametrize("name", TINY)
def test_everything_that_goes_in_counts(name: str) -> None:
    torch.manual_seed(0)
    network = AnimeUNet(TINY[name])
    noisy, time, lines, reference = (
        torch.randn(1, 3, 8, 8),
        torch.tensor([3]),
        torch.rand(1, 1, 8, 8),
        torch.rand(1, 3, 8, 8),
    )
    made = network(noisy, time, lines, reference)
    for changed in (
        (noisy + 1, time, lines, reference),
        (noisy, time + 5, lines, reference),
        (noisy, time, -lines, reference),
        (noisy, time, lines, -reference),
    ):
        assert not torch.allclose(network(*changed), made, atol=1e-5)
