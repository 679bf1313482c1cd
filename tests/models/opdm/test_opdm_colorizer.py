"""OPDM as a colorizer: what is computed once, and what a single keyframe does."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace

import pytest
import torch

from anicolor.diffusion.noise import FrameNoise
from anicolor.layers.mixture import Mixture
from anicolor.models.colorizer import Reference, Request
from anicolor.models.opdm.colorizer import PRESETS, TINY, OpdmColorizer, build

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
    ways = 1 + colorizer.settings.mirrored
    assert calls.pop("unet") == ways * steps
    assert set(calls.values()) == {ways}


def test_features_of_a_pair_are_computed_once_for_all_its_frames(colorizer: OpdmColorizer) -> None:
    calls: Counter[str] = Counter()
    network, settings = colorizer.network, colorizer.settings
    # With ``aligned`` the others see the keyframes warped to each frame; the matcher describes each frame too.
    once = ["matcher.describe"] if settings.aligned else ["encoder", "adapter.estimators.1.reference"]
    for name in once:
        network.get_submodule(name).register_forward_hook(lambda *_, name=name: calls.update([name]))
    counts = []
    for pair in (given := references(0, 3), given, references(0, 3)):
        before = calls.total()
        colorizer.colorize(request_of(pair), FrameNoise(0))
        counts.append(calls.total() - before)
    assert counts == ([6, 2, 6] if settings.aligned else [2, 0, 2])


def test_a_mirrored_cut_is_painted_as_the_mirror_of_the_cut() -> None:
    torch.manual_seed(0)
    colorizer = OpdmColorizer(replace(TINY["opdm"], mirrored=True))  # flow and fills have no exact mirror image
    torch.nn.init.normal_(colorizer.network.unet.leave.weight, std=0.1)
    given = references(0, 3)
    request = request_of(given)
    turned = replace(
        request,
        lines=request.lines.flip(-1),
        references=tuple(replace(r, image=r.image.flip(-1), lines=r.lines.flip(-1)) for r in given),
    )
    painted = colorizer.colorize(request, Same()).frames
    assert not torch.allclose(painted, painted.flip(-1), atol=1e-2)
    assert torch.allclose(colorizer.colorize(turned, Same()).frames, painted.flip(-1), atol=1e-5)


class Same(FrameNoise):
    """Noise that is its own mirror image."""

    def draw(self, frames: Iterable[int], shape: tuple[int, ...]) -> torch.Tensor:
        noise = super().draw(frames, shape)
        return noise + noise.flip(-1)


def test_where_most_votes_agree_the_others_have_no_say() -> None:
    colours = torch.tensor([0.5, 0.52, -0.9]).view(1, 3, 1, 1, 1).expand(-1, -1, 3, 1, 2)
    votes = torch.tensor([[0.5, 0.3, 0.2], [0.4, 0.2, 0.4]]).T.view(1, 3, 1, 2)
    mixture = Mixture(colours, votes)
    expected = (0.5 * 0.5 + 0.3 * 0.52) / 0.8, 0.4 * 0.5 + 0.2 * 0.52 - 0.4 * 0.9
    colours, share = mixture.agreed()
    assert torch.allclose(colours[0, :, 0], torch.tensor(expected).expand(3, 2))
    assert torch.allclose(share[0, 0, 0], torch.tensor([0.8, 0.6]))
    assert torch.allclose(mixture.mean()[0, 0, 0], torch.tensor([0.226, -0.056]))


def test_sampling_is_the_programs_not_the_weights() -> None:
    file = {**asdict(PRESETS["opdm-small"]), "steps": 7, "mirrored": False, "blocks": 2}
    settings = build("opdm-small", file).settings
    assert (settings.blocks, settings.steps, settings.mirrored) == (2, 1, True)


def test_a_single_keyframe_is_given_twice(colorizer: OpdmColorizer) -> None:
    torch.nn.init.normal_(colorizer.network.unet.leave.weight, std=0.1)
    (one,) = references(0)
    alone = colorizer.colorize(request_of((one,)), FrameNoise(0)).frames
    assert torch.equal(alone, colorizer.colorize(request_of((one, one)), FrameNoise(0)).frames)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("count", [1, 3])
def test_a_model_may_be_built_for_any_number_of_keyframes(name: str, count: int) -> None:
    torch.manual_seed(0)
    colorizer = OpdmColorizer(replace(TINY[name], references=count))
    assert (colorizer.traits.keyframes, colorizer.traits.anchors) == (count, "between" if count < 3 else "any")
    torch.nn.init.normal_(colorizer.network.unet.leave.weight, std=0.1)
    whole = colorizer.colorize(request_of(references(0, 3, 9)[:count]), FrameNoise(0)).frames
    given = references(0, 3, 9)[: min(count, 2)]
    fewer = colorizer.colorize(request_of(given), FrameNoise(0)).frames
    assert torch.equal(fewer, whole) == (count < 3)
    again = colorizer.colorize(request_of((*given, *given[-1:] * (count - len(given)))), FrameNoise(0)).frames
    assert torch.equal(fewer, again)


def test_the_default_number_of_steps_is_the_settings_own(colorizer: OpdmColorizer) -> None:
    torch.nn.init.normal_(colorizer.network.unet.leave.weight, std=0.1)
    request = request_of(references(0, 3))
    default = colorizer.colorize(request, FrameNoise(0)).frames
    assert torch.equal(default, colorizer.colorize(request, FrameNoise(0), colorizer.settings.steps).frames)
    assert not torch.equal(default, colorizer.colorize(request, FrameNoise(0), 5).frames)
