"""Line flow as it is used: any size, what it ships, what it says of itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.data.clips import DrawnClips
from anicolor.models.lineflow.flow import NAME, TINY, LineFlow, build, shipped
from anicolor.models.weights import load_weights, save_weights


def page(x: int, y: int, size: tuple[int, int] = (150, 190)) -> Tensor:
    drawn = np.full(size, 255, np.uint8)
    cv2.circle(drawn, (x, y), 22, 0, 2, cv2.LINE_AA)
    cv2.line(drawn, (x - 22, y), (x + 10, y + 12), 0, 2, cv2.LINE_AA)
    return torch.from_numpy(drawn)[None, None].float() / 255


def ring(at: Tensor) -> Tensor:
    return at[0, 0] < 0.5


@pytest.mark.parametrize(("height", "width"), [(64, 64), (37, 101), (150, 190)])
def test_any_size_comes_out_as_it_went_in(height: int, width: int) -> None:
    flow = LineFlow(TINY[NAME])
    drawing = flow.describe(torch.ones(2, 1, height, width))
    found = flow.follow(drawing, drawing, torch.ones(2, 2, height, width))
    assert found.flow.shape == (2, 2, height, width)
    assert found.certainty.shape == (2, 1, height, width)
    assert 0 <= found.certainty.min() <= found.certainty.max() <= 1


@pytest.mark.parametrize(("dx", "dy"), [(3, 2), (14, -9)])
def test_what_ships_follows_a_ring(dx: int, dy: int) -> None:
    flow, here, there = shipped(), page(80, 75), page(80 + dx, 75 + dy)
    found = flow.follow(flow.describe(here), flow.describe(there))
    off = (found.flow[0] - torch.tensor([dx, dy]).view(2, 1, 1)).norm(dim=0)
    assert off[ring(here)].median() < 1.5


def test_it_is_less_sure_of_what_is_gone() -> None:
    flow, here, there = shipped(), page(80, 75), page(84, 75)
    sure = flow.follow(flow.describe(here), flow.describe(there)).certainty[0, 0][ring(here)].mean()
    gone = flow.follow(flow.describe(here), flow.describe(torch.ones_like(there))).certainty[0, 0][ring(here)].mean()
    assert sure > gone + 0.2


def test_it_is_surer_where_it_is_right() -> None:
    """On a drawn scene of an unseen seed: what it is sure of is right more often than what it is not."""
    flow, pair = shipped(), DrawnClips(sizes=(192, 192), first=0, count=1000).motion(0, 3)
    here, there = flow.describe(pair.drawings[:1]), flow.describe(pair.drawings[-1:])
    found = flow.follow(here, there)
    right = (found.flow[0] - torch.from_numpy(pair.truth.flow)).norm(dim=0) < 3
    right &= torch.from_numpy(pair.truth.visible)
    figure = torch.from_numpy(pair.truth.figure)
    sure = found.certainty[0, 0] > 0.5
    assert right[figure & sure].float().mean() > right[figure & ~sure].float().mean() + 0.2


@pytest.mark.parametrize(("height", "width"), [(64, 64), (37, 101)])
def test_a_drawing_is_not_apart_from_itself(height: int, width: int) -> None:
    torch.manual_seed(1)
    flow = LineFlow(TINY[NAME])
    drawing = flow.describe(torch.rand(2, 1, height, width).round())
    still = torch.zeros(2, 2, height, width)
    apart = flow.apart(drawing, drawing, still)
    assert apart.shape == (2, 1, height, width)
    assert apart.abs().max() < 1e-5
    assert flow.apart(drawing, drawing, still + 9).mean() > 0.01


def test_what_is_led_astray_is_further_apart() -> None:
    flow, here, there = shipped(), page(80, 75), page(84, 75)
    drawn, other = flow.describe(here), flow.describe(there)
    right = torch.tensor([4.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, *here.shape[-2:])
    apart = [flow.apart(drawn, other, way)[0, 0][ring(here)].mean() for way in (right, right + 6)]
    assert apart[1] > 2 * apart[0]


def test_weights_come_back_as_they_were(tmp_path) -> None:
    torch.manual_seed(3)
    flow = LineFlow(TINY[NAME])
    save_weights(tmp_path / "w.safetensors", NAME, flow.settings, flow.networks, {})
    again = load_weights(tmp_path / "w.safetensors", NAME, build)
    assert again.settings == flow.settings
    for key, value in flow.network.state_dict().items():
        assert torch.allclose(again.network.state_dict()[key], value, atol=1e-3)
