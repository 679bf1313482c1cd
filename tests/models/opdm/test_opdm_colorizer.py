"""OPDM as a colorizer: what is computed once, and what a single keyframe does."""

from collections import Counter

import pytest
import torch

from anicolor.diffusion.noise import FrameNoise
from anicolor.models.colorizer import Reference, Request
from anicolor.models.opdm.colorizer import TINY, OpdmColorizer

SIZE = (32, 32)


@pytest.fixture(params=TINY)
def colorizer(request: pytest.FixtureRequest) -> OpdmColorizer:
    torch.manual_seed(0)
    return OpdmColorizer(TINY[request.param])


def references(*indices: int) -> tuple[Reference, ...]:
    draw = torch.Generator().manual_seed(0)
    return tuple(
        Reference(i, torch.rand(3, *SIZE, generator=draw), torch.rand(1, *SIZE, generator=draw).round())
        for i in indices
    )


def request_of(given: tuple[Reference, ...], frames: int = 2) -> Request:
    lines = torch.rand(frames, 1, *SIZE, generator=torch.Generator().manual_seed(1)).round()
    return Request(lines, given, 1, tuple(range(frames)), torch.zeros(0, 3, *SIZE))


@pytest.mark.parametrize("steps", [1, 5])
def test_guidance_is_computed_once_however_many_steps(colorizer: OpdmColorizer, steps: int) -> None:
    calls: Counter[str] = Counter()
    network = colorizer.network
    for name in (
        "encoder",
        "unet",
        *(f"adapter.estimators.{n}" for n in range(2)),
        *(["matcher"] * bool(network.matcher)),
    ):
        network.get_submodule(name).register_forward_hook(lambda *_, name=name: calls.update([name]))
    colorizer.colorize(request_of(references(0, 3)), FrameNoise(0), steps)
    assert calls.pop("unet") == steps
    assert set(calls.values()) == {1}


def test_a_single_keyframe_is_given_twice(colorizer: OpdmColorizer) -> None:
    torch.nn.init.normal_(colorizer.network.unet.leave.weight, std=0.1)
    (one,) = references(0)
    alone = colorizer.colorize(request_of((one,)), FrameNoise(0))
    assert torch.equal(alone, colorizer.colorize(request_of((one, one)), FrameNoise(0)))


def test_the_default_number_of_steps_is_the_settings_own(colorizer: OpdmColorizer) -> None:
    torch.nn.init.normal_(colorizer.network.unet.leave.weight, std=0.1)
    request = request_of(references(0, 3))
    default = colorizer.colorize(request, FrameNoise(0))
    assert torch.equal(default, colorizer.colorize(request, FrameNoise(0), colorizer.settings.steps))
    assert not torch.equal(default, colorizer.colorize(request, FrameNoise(0), 5))
