"""ColorizeDiffusion's networks: their published sizes, and what reaches what."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from anicolor.layers.unet import groups
from anicolor.models.colorizediffusion.colorizer import PRESETS, TINY, LatentColorizer, build
from anicolor.models.colorizediffusion.network import LatentNetwork, LatentSettings, SketchEncoder
from anicolor.models.colorizediffusion.parts import Autoencoder, VisionTower


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def whole(name: str = "colorizediffusion") -> LatentColorizer:
    """The published sizes, without weights."""
    with torch.device("meta"):
        return build(name)


def test_the_published_parameters_part_by_part() -> None:
    colorizer = whole()
    assert count(colorizer.network.unet) == 865_910_724
    assert count(colorizer.vision) == 632_076_800
    assert count(colorizer.vae) == 83_653_863
    assert count(colorizer.network.sketch) == 64_231_904
    assert abs(count(colorizer.network.sketch) / 64.0e6 - 1) < 0.01
    assert colorizer.networks.keys() == {"network"}  # the frozen parts are not in the weights file
    assert count(colorizer.network) == 865_910_724 + 64_231_904


def test_the_small_one_is_small() -> None:
    colorizer = whole("colorizediffusion-small")
    assert colorizer.networks.keys() == {"network", "vae"}
    assert 4.5e6 < count(colorizer.network) < 5.5e6
    assert count(colorizer.vae) < 1e6


def test_shapes_at_every_level() -> None:
    colorizer, seen = whole(), []
    unet = colorizer.network.unet
    for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks):
        block.register_forward_hook(
            lambda _module, _given, made: seen.append(tuple((made[0] if isinstance(made, tuple) else made).shape[1:]))
        )
    with torch.device("meta"):
        latents = colorizer.vae.encode(torch.zeros(1, 3, 512, 512))
        tokens = colorizer.vision(torch.zeros(2, 3, 512, 300))
        features = colorizer.network.sketch(torch.zeros(1, 1, 512, 512))
        assert colorizer.network(latents, torch.zeros(1), features, tokens[:1]).shape == latents.shape
        assert colorizer.vae.decode(latents).shape == (1, 3, 512, 512)
    assert latents.shape == (1, 4, 64, 64)
    assert tokens.shape == (2, 256, 1024)
    levels = [(320, 64, 64), (320, 32, 32), (640, 16, 16), (1280, 8, 8), (1280, 8, 8)]
    assert [tuple(feature.shape[1:]) for feature in features] == levels
    up = [(1280, 16, 16), (1280, 32, 32), (640, 64, 64), (320, 64, 64)]
    assert seen == [*levels[1:], levels[-1], *up]


@pytest.mark.parametrize(
    ("name", "last", "known"),
    [
        ("colorizediffusion", 0.012, (0.99915, 0.276333, 0.00466010)),  # Stable Diffusion 2.1's
        ("colorizediffusion-small", 0.02, (0.99915, 0.168906, 0.000230013)),
    ],
)
def test_how_much_of_a_picture_each_schedule_leaves(name: str, last: float, known: tuple[float, ...]) -> None:
    first = 0.00085
    betas = [(first**0.5 + t / 999 * (last**0.5 - first**0.5)) ** 2 for t in range(1000)]
    bars = whole(name).schedule.scheduler().alphas_cumprod
    assert len(bars) == 1000
    for t, expected in zip((0, 500, 999), known, strict=True):
        by_hand = math.prod(1 - beta for beta in betas[: t + 1])
        assert by_hand == pytest.approx(expected, rel=1e-5)
        assert bars[t].item() == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize(("widths", "expected"), [((320, 640, 1280), 32), ((64, 96), 16), ((8, 12), 2), ((8,), 4)])
def test_a_group_has_two_channels_at_least(widths: tuple[int, ...], expected: int) -> None:
    assert groups(*widths) == expected
    assert all(width % expected == 0 and width // expected >= 2 for width in widths)


SETTINGS = replace(TINY["colorizediffusion-small"], widths=(8, 8, 16), attended=(False, True, True))


def stirred(network: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network.eval()


@torch.no_grad()
def test_everything_that_goes_in_counts() -> None:
    torch.manual_seed(0)
    network = stirred(LatentNetwork(SETTINGS))
    noisy, time, tokens = torch.randn(1, 4, 8, 8), torch.tensor([3]), torch.randn(1, 5, 8)
    features = network.sketch(torch.rand(1, 1, 16, 16))
    assert len(features) == 4
    made = network(noisy, time, features, tokens)
    others = [
        network(noisy + 1, time, features, tokens),
        network(noisy, time + 5, features, tokens),
        network(noisy, time, features, -tokens),
        *(
            network(noisy, time, [f + 1 if n == level else f for n, f in enumerate(features)], tokens)
            for level in range(4)
        ),
    ]
    for other in others:
        assert not torch.allclose(other, made, atol=1e-4)


@torch.no_grad()
def test_the_network_without_sketch_is_diffusers_own() -> None:
    torch.manual_seed(0)
    network = stirred(LatentNetwork(SETTINGS))
    noisy, time, tokens = torch.randn(2, 4, 8, 8), torch.tensor([3, 11]), torch.randn(2, 5, 8)
    blank = [torch.zeros_like(feature) for feature in network.sketch(torch.rand(2, 1, 16, 16))]
    expected = network.unet(noisy, time, tokens).sample
    assert torch.allclose(network(noisy, time, blank, tokens), expected, atol=1e-6)


@torch.no_grad()
def test_features_of_the_sketch_go_on_and_into_the_skips() -> None:
    torch.manual_seed(0)
    network, skips, passed = stirred(LatentNetwork(SETTINGS)), [], []
    network.unet.up_blocks[0].register_forward_pre_hook(lambda _module, given: skips.append(given[1]))
    network.unet.mid_block.register_forward_pre_hook(lambda _module, given: passed.append(given[0]))
    noisy, time, tokens = torch.randn(1, 4, 8, 8), torch.tensor([3]), torch.randn(1, 5, 8)
    blank = [torch.zeros_like(feature) for feature in network.sketch(torch.rand(1, 1, 16, 16))]
    for last in (blank[-1], torch.ones_like(blank[-1])):
        network(noisy, time, [*blank[:-1], last], tokens)
    assert torch.allclose(passed[1], passed[0] + 1, atol=1e-5)
    assert torch.allclose(skips[1][-1], skips[0][-1] + 1, atol=1e-5)
    assert torch.allclose(skips[1][0], skips[0][0], atol=1e-5)


@torch.no_grad()
def test_training_starts_from_what_the_unet_knows() -> None:
    for features in SketchEncoder(SETTINGS)(torch.rand(1, 1, 16, 16)):
        assert not features.any()


@torch.no_grad()
def test_all_references_tokens_are_one_set() -> None:
    torch.manual_seed(0)
    network = stirred(LatentNetwork(SETTINGS))
    noisy, time, (one, other) = torch.randn(1, 4, 8, 8), torch.tensor([3]), torch.randn(2, 1, 5, 8)
    features = network.sketch(torch.rand(1, 1, 16, 16))
    both = network(noisy, time, features, torch.cat((one, other), 1))
    assert torch.allclose(both, network(noisy, time, features, torch.cat((other, one), 1)), atol=1e-5)
    assert not torch.allclose(both, network(noisy, time, features, one), atol=1e-4)


@torch.no_grad()
def test_local_tokens_go_the_way_of_clips_own_class_token() -> None:
    torch.manual_seed(0)
    tower = stirred(VisionTower(SETTINGS.vision))
    seen: list[Tensor] = []
    tower.model.vision_model.embeddings.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    pictures = torch.rand(2, 3, 32, 32)
    tower.normed = False
    tokens = tower(pictures)
    assert tokens.shape == (2, 16, 8)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.4815, 0.4578, 0.4082), (0.2686, 0.2613, 0.2758)))
    assert torch.allclose(seen[0], (pictures - mean) / std, atol=1e-3)
    asked = tower.model(pixel_values=seen[0])
    head = nn.Sequential(tower.model.vision_model.post_layernorm, tower.model.visual_projection)
    assert torch.allclose(head(asked.last_hidden_state[:, 0]), asked.image_embeds, atol=1e-5)
    assert torch.allclose(head(asked.last_hidden_state[:, 1:]), tokens, atol=1e-5)
    tower.normed = True
    for told in (tower(pictures), tower(pictures / 9)):
        assert told.mean(-1).abs().max() < 1e-5
        assert torch.allclose(told.var(-1, correction=0), torch.ones(2, 16), atol=1e-2)


@torch.no_grad()
def test_measured_latents_are_normal_and_come_back() -> None:
    torch.manual_seed(0)
    vae = Autoencoder(SETTINGS.vae).eval()
    pictures = torch.rand(16, 3, 16, 16) * 0.5 + 0.3
    raw = vae.model.encode(pictures).latent_dist.mode()
    assert torch.allclose(vae.encode(pictures), raw, atol=1e-6)
    for _ in range(400):
        vae.measure(raw)
    latents = vae.encode(pictures)
    assert latents.mean((0, 2, 3)).abs().max() < 1e-2
    assert torch.allclose(latents.std((0, 2, 3)), torch.ones(4), atol=1e-2)
    assert torch.allclose(vae.decode(latents), vae.model.decode(raw).sample, atol=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_sizes_fit(name: str) -> None:
    settings: LatentSettings = PRESETS[name]
    assert settings.vae.factor == 2 ** len(settings.stem)
    assert settings.size_multiple == {"colorizediffusion": 64, "colorizediffusion-small": 16}[name]
    assert settings.vision.count == 256
    assert len(settings.widths) == len(settings.attended)
    assert all(width % settings.head == 0 for width in settings.widths)
