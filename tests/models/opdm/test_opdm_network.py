"""The network has the paper's sizes and parts."""

from collections import defaultdict
from dataclasses import replace

import pytest
import torch

from anicolor.models.opdm.colorizer import PRESETS, TINY
from anicolor.models.opdm.conditions import Conditions
from anicolor.models.opdm.network import Opdm, OpdmSettings

FORMS = pytest.mark.parametrize("settings", TINY.values(), ids=TINY.keys())


def parameters(settings: OpdmSettings) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Opdm(settings).parameters())


def conditions(settings: OpdmSettings, height: int = 32, width: int = 48) -> Conditions:
    draw = torch.Generator().manual_seed(0)
    k = settings.references
    return Conditions(
        lines=torch.rand(1, 1, height, width, generator=draw),
        proximity=torch.rand(1, 1, height, width, generator=draw),
        references=2 * torch.rand(1, k, 3, height, width, generator=draw) - 1,
        reference_structure=torch.rand(1, k, 2, height, width, generator=draw),
        flows=torch.zeros(1, k, 2, height, width),
        aligned=torch.rand(1, k, 5, height, width, generator=draw),
        tracked=torch.rand(1, k, 5, height, width, generator=draw),
        between=torch.rand(1, 5, height, width, generator=draw),
    )


def test_the_paper_s_network_has_the_paper_s_size() -> None:
    whole = parameters(PRESETS["opdm"])
    assert whole == pytest.approx(205.58e6, rel=0.02)
    assert whole - parameters(replace(PRESETS["opdm"], references=1)) == pytest.approx(0.58e6, abs=0.1e6)


def test_shapes_at_every_level() -> None:
    settings, seen = PRESETS["opdm"], defaultdict(list)
    with torch.device("meta"):
        network = Opdm(settings)
    unet, estimator = network.unet, network.adapter.estimators[1]
    parts = {
        "reference": network.encoder.levels,
        "lines of the estimator": (estimator.lines.stem, *estimator.lines.down),
        "its reference": (estimator.reference.stem, *estimator.reference.down),
        "its offsets": estimator.levels,
        "adapter": network.adapter.align,
        "down": [blocks[-1] for blocks in unet.down],
        "middle": [unet.middle],
        "up": [blocks[-1] for blocks in unet.up],
        "shrink": unet.shrink,
    }
    for name, layers in parts.items():
        for layer in layers:
            layer.register_forward_hook(lambda _m, _g, made, name=name: seen[name].append(tuple(made.shape[1:])))
    given = Conditions(*(part.to("meta") for part in conditions(settings, 224, 320)))
    guidance, noisy = network.guide(given), torch.zeros(1, 3, 224, 320, device="meta")
    assert network(noisy, torch.zeros(1, device="meta"), guidance).shape == noisy.shape
    sizes = [(224, 320), (112, 160), (56, 80), (28, 40)]
    levels = [(width, *size) for width, size in zip((128, 256, 512, 832), sizes, strict=True)]
    assert [tuple(features.shape[1:]) for features in guidance.features] == levels
    assert [tuple(offsets.shape[1:]) for offsets in guidance.offsets] == [(100, *size) for size in sizes]
    assert seen == {
        "reference": levels,
        "lines of the estimator": [(52, *size) for size in sizes],
        "its reference": [(52, *size) for size in sizes],
        "its offsets": [(50, *size) for size in sizes],
        "adapter": levels,
        "down": levels,
        "middle": levels[-1:],
        "up": levels[::-1],
        "shrink": [(512, 28, 40), (256, 56, 80), (128, 112, 160), (128, 224, 320)],
    }


def test_the_paper_s_network_has_no_additions() -> None:
    settings = PRESETS["opdm"]
    assert (settings.timesteps, settings.steps, settings.kernel, settings.patch) == (500, 10, 5, 1)
    assert settings.prediction == "epsilon"
    assert (settings.aligned, settings.matching, settings.carried) == (False, 0, False)


def test_the_shipped_weights_fit_in_32_mib() -> None:
    assert 2 * parameters(PRESETS["opdm-small"]) < 32 * 2**20 - 2**18  # a quarter of a MiB for the header


@FORMS
def test_offsets_are_two_numbers_a_tap_a_reference_at_four_levels(settings: OpdmSettings) -> None:
    offsets = Opdm(settings).offsets(conditions(settings))
    channels = settings.references * 2 * settings.kernel**2
    fold = settings.patch
    assert [tuple(level.shape) for level in offsets] == [
        (1, channels, 32 // (fold * 2**n), 48 // (fold * 2**n)) for n in range(4)
    ]


@FORMS
def test_reference_and_offset_features_are_added_at_four_levels(settings: OpdmSettings) -> None:
    network = Opdm(settings)
    for align in network.adapter.align:
        torch.nn.init.ones_(align.weight)
        torch.nn.init.constant_(align.bias, 0.25)
    given = conditions(settings)
    guidance = network.guide(given)
    with_lines = [feature.detach().clone() for feature in guidance.features]
    for align in network.adapter.align:
        torch.nn.init.zeros_(align.weight)
        torch.nn.init.zeros_(align.bias)
    alone = network.guide(given).features
    assert [f.shape[1] for f in alone] == list(settings.widths)
    for both, reference, offsets in zip(with_lines, alone, guidance.offsets, strict=True):
        assert torch.allclose(both - reference, (offsets.sum(1, keepdim=True) + 0.25).expand_as(both), atol=1e-4)


@FORMS
def test_every_level_of_guidance_moves_the_prediction(settings: OpdmSettings) -> None:
    network = Opdm(settings)
    torch.nn.init.normal_(network.unet.leave.weight)
    guidance = network.guide(conditions(settings))
    noisy, time = torch.zeros(1, 3, 32, 48), torch.tensor([100])
    before = network(noisy, time, guidance)
    for level in range(4):
        features = tuple(f + (n == level) for n, f in enumerate(guidance.features))
        assert not torch.allclose(network(noisy, time, guidance._replace(features=features)), before, atol=1e-3)


def test_carried_colours_are_mixed_never_made_up() -> None:
    """With all votes for the candidates the picture lies between them, whatever the network paints itself."""
    settings = TINY["opdm-small"]
    network = Opdm(settings)
    bias = network.unet.leave.bias
    assert bias is not None
    with torch.no_grad():
        votes = bias.view(-1, settings.patch**2)[3:]
        bias.view(-1, settings.patch**2)[:3] = 50
        votes[-1] = -50  # its own colour
    guidance = network.guide(conditions(settings))
    picture = network(torch.zeros(1, 3, 32, 48), torch.tensor([0]), guidance)
    assert torch.allclose(picture, guidance.candidates.mean(1), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "multiple"), [("opdm", 8), ("opdm-small", 16)], ids=["four levels", "four levels of patches"]
)
def test_sizes_are_multiples_of_the_smallest_level(name: str, multiple: int) -> None:
    assert PRESETS[name].size_multiple == multiple
