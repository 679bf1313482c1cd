"""Line flow's network: shapes, sizes, and that the same drawing stays where it is told to start."""

from __future__ import annotations

import pytest
import torch

from anicolor.models.lineflow.flow import NAME, PRESETS, TINY
from anicolor.models.lineflow.network import FINEST, LineFlowNetwork, LineFlowSettings


def pages(count: int, height: int = 64, width: int = 96) -> torch.Tensor:
    return torch.rand(count, 2, height, width, generator=torch.Generator().manual_seed(count))


def network(settings: LineFlowSettings) -> LineFlowNetwork:
    torch.manual_seed(0)
    return LineFlowNetwork(settings).eval()


def test_it_is_as_large_as_the_card_says() -> None:
    assert sum(p.numel() for p in network(PRESETS[NAME]).parameters()) == 857_508
    assert PRESETS[NAME].size_multiple == 64


def test_flows_come_coarse_to_fine() -> None:
    built = network(TINY[NAME])
    found = built(built.describe(pages(2)), built.describe(pages(2)), torch.zeros(2, 2, 64, 96))
    assert [tuple(flow.shape) for flow in found.flows] == [(2, 2, 16, 24), (2, 2, 64, 96)]
    assert found.certainty.shape == (2, 1, 16, 24)


def test_descriptions_are_of_length_one() -> None:
    found = network(TINY[NAME]).describe(pages(1))
    assert found.matching.shape[-2:] == (64 // FINEST, 96 // FINEST)
    assert torch.allclose(found.matching.norm(dim=1), torch.ones(1, 16, 24), atol=1e-5)


def test_without_steps_the_start_comes_out() -> None:
    """A new network makes no steps yet: what comes out is the start, each pixel a mean of those around."""
    built = network(TINY[NAME])
    start = torch.tensor([5.0, -3.0]).view(1, 2, 1, 1).expand(1, 2, 64, 96)
    found = built(built.describe(pages(1)), built.describe(pages(1)), start)
    assert torch.allclose(found.flows[-1], start, atol=1e-4)
    assert torch.allclose(found.flows[0] * FINEST, start[..., ::FINEST, ::FINEST], atol=1e-4)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (4, 0), (0, -4)])
def test_costs_peak_where_the_same_is(dx: int, dy: int) -> None:
    """Of what lies around where the flow leads, the costs are highest where the description is the same."""
    built = network(TINY[NAME])
    described = built.describe(pages(1)).matching
    shifted = described.roll((dy // FINEST, dx // FINEST), dims=(2, 3))
    costs = built._costs([(described, shifted, 1)], torch.zeros(1, 2, 16, 24))
    reach = TINY[NAME].reach
    place = (dy // FINEST + reach) * (2 * reach + 1) + dx // FINEST + reach
    inner = costs[0, :, 4:-4, 4:-4]
    assert torch.allclose(inner[place], torch.full_like(inner[place], 4.0), atol=1e-4)
    assert (inner.argmax(dim=0) == place).float().mean() > 0.9


def test_gradients_reach_every_weight() -> None:
    built = LineFlowNetwork(TINY[NAME])
    torch.nn.init.normal_(built.step[-1].weight)
    found = built(built.describe(pages(1)), built.describe(pages(2)[:1]), torch.zeros(1, 2, 64, 96))
    (sum(flow.sum() for flow in found.flows) + found.certainty.sum()).backward()
    still = [name for name, p in built.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == ["sharpness"], "that one learns from the contrast"
