"""The colour transform network has the paper's parts, and its similarity layer the paper's equations."""

from __future__ import annotations

from collections import defaultdict

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.parametrize import is_parametrized

from anicolor.models.deepcolorization.colorizer import PRESETS, TINY
from anicolor.models.deepcolorization.network import (
    AdaptiveBlock,
    Brought,
    ColourTransform,
    DeepSettings,
    Discriminator,
    Memory,
    SimilarityTransform,
)

HEIGHT, WIDTH = 32, 48


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


@pytest.fixture(scope="module")
def network() -> ColourTransform:
    torch.manual_seed(0)
    return ColourTransform(TINY["deepcolorization"]).eval()


def references(count: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    lines, fields = (torch.rand(1, count, 1, HEIGHT, WIDTH, generator=draw) for _ in range(2))
    return lines, fields, 2 * torch.rand(1, count, 3, HEIGHT, WIDTH, generator=draw) - 1


def target() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(9)
    return torch.rand(1, 1, HEIGHT, WIDTH, generator=draw), torch.rand(1, 1, HEIGHT, WIDTH, generator=draw)


def test_the_layers_are_those_of_section_3_5() -> None:
    with torch.device("meta"):
        network, discriminator = ColourTransform(PRESETS["deepcolorization"]), Discriminator()
    for encoder in (network.lines, network.fields, network.colours):
        assert len(convolutions(encoder)) == 3
        assert all(map(is_parametrized, convolutions(encoder))), "spectral norm"
        assert sum(isinstance(module, nn.InstanceNorm2d) for module in encoder) == 3
    assert len(network.middle) == 8
    assert len(convolutions(network.decoder)) == 4
    assert all(map(is_parametrized, convolutions(network.decoder)))
    assert [module.mode for module in network.decoder if isinstance(module, nn.Upsample)] == ["nearest"] * 2
    assert len(convolutions(network.embedder)) == 5
    assert sum(isinstance(module, nn.Linear) for module in network.affine) == 2
    assert [is_parametrized(one) for one in convolutions(discriminator)] == [True] * 4 + [False]
    for part in (network.embedder, network.middle, network.similarity):
        assert not any(map(is_parametrized, convolutions(part)))
    count = sum(parameter.numel() for parameter in network.parameters())
    assert 9.5e6 < count < 28.9e6, "as ports of the paper have"


def test_parameters_part_by_part() -> None:
    """Counted here, so that no change goes unseen: the paper gives none."""
    with torch.device("meta"):
        network, discriminator = ColourTransform(PRESETS["deepcolorization"]), Discriminator()
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert counts == {
        "lines": 659_392,
        "fields": 659_392,
        "colours": 665_664,
        "embedder": 1_551_552,
        "similarity": 2_392_864,
        "affine": 2_171_136,
        "middle": 9_437_184,
        "decoder": 1_070_787,
        "see_similar": 6_915,
        "see_middle": 6_915,
    }
    assert sum(counts.values()) == 18_621_801
    assert sum(p.numel() for p in discriminator.parameters()) == 2_762_177


def test_shapes_at_every_level() -> None:
    seen: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    with torch.device("meta"):
        network = ColourTransform(PRESETS["deepcolorization"])
        discriminator = Discriminator(network.width)
        parts = {name: getattr(network, name)[2::3] for name in ("lines", "fields", "colours")}
        parts |= {
            "embedder": network.embedder[::2],
            "similarity": [network.similarity],
            "middle": network.middle,
            "decoder": convolutions(network.decoder),
            "discriminator": convolutions(discriminator),
        }
        for name, layers in parts.items():
            for layer in layers:
                layer.register_forward_hook(lambda _m, _g, made, name=name: seen[name].append(tuple(made.shape[1:])))
        lines, colours = torch.zeros(1, 2, 1, 256, 384), torch.zeros(1, 2, 3, 256, 384)
        memory = network.remember(lines, lines, colours)
        assert memory.structures.shape == memory.colours.shape == (1, 2, 256, 64, 96)
        assert memory.style.shape == (1, 256)
        made = network(lines[:, 0], lines[:, 0], memory)
        assert made.picture.shape == (1, 3, 256, 384)
        assert made.similar.shape == made.middle.shape == (1, 3, 64, 96)
        discriminator(torch.cat((lines[:, 0], made.picture), dim=1))
    levels = [(64, 256, 384), (128, 128, 192), (256, 64, 96)]
    references_then_frame = [*levels, *levels]
    assert seen == {
        "lines": levels,
        "fields": references_then_frame,
        "colours": levels,
        "embedder": [(64, 128, 192), (128, 64, 96), (256, 32, 48), (256, 16, 24), (256, 8, 12)],
        "similarity": levels[-1:],
        "middle": 8 * levels[-1:],
        "decoder": [(128, 128, 192), (64, 256, 384), (64, 256, 384), (3, 256, 384)],
        "discriminator": [(64, 128, 192), (128, 64, 96), (256, 32, 48), (512, 16, 24), (1, 16, 24)],
    }


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_any_number_of_references(network: ColourTransform, count: int) -> None:
    memory = network.remember(*references(count))
    made = network(*target(), memory)
    assert memory.structures.shape == memory.colours.shape == (1, count, 16, HEIGHT // 4, WIDTH // 4)
    assert memory.style.shape == (1, 8)
    assert made.picture.shape == (1, 3, HEIGHT, WIDTH)
    assert made.similar.shape == made.middle.shape == (1, 3, HEIGHT // 4, WIDTH // 4)
    assert all(part.abs().max() <= 1 for part in (made.picture, made.similar, made.middle))


def test_each_of_a_batch_has_its_own_references(network: ColourTransform) -> None:
    alone = [network.remember(*references(3, seed)) for seed in (0, 1)]
    both = network.remember(*(torch.cat(parts) for parts in zip(references(3, 0), references(3, 1), strict=True)))
    pictures = network(*(part.expand(2, -1, -1, -1) for part in target()), both).picture
    for picture, memory in zip(pictures, alone, strict=True):
        assert torch.allclose(picture, network(*target(), memory).picture[0], atol=1e-5)
    assert not torch.allclose(*pictures, atol=1e-3)


def test_their_order_says_nothing(network: ColourTransform) -> None:
    given = references(3)
    turned = network.remember(*(part.flip(1) for part in given))
    one, other = (network(*target(), memory).picture for memory in (network.remember(*given), turned))
    assert torch.allclose(one, other, atol=1e-5)


def test_the_similarity_layer_is_equations_3_to_5() -> None:
    torch.manual_seed(1)
    layer, width, h, w, count = SimilarityTransform(16).eval(), 16, 3, 4, 2
    memory = Memory(torch.randn(1, count, width, h, w), torch.randn(1, count, width, h, w), torch.zeros(1, 8))
    features = torch.randn(1, width, h, w)
    # Written out: one matrix M for each reference, softmax over all places of all of them.
    queries = layer.query(features)[0].flatten(1)
    matrices = [queries.T @ layer.key(memory.structures[:, k])[0].flatten(1) for k in range(count)]
    matching = torch.cat(matrices, dim=1).softmax(dim=1)
    colours = torch.cat([layer.value(memory.colours[:, k])[0].flatten(1) for k in range(count)], dim=1)
    matched = layer.bring((colours @ matching.T).view(1, -1, h, w))
    expected = torch.zeros(1, width, h, w)
    for k in range(count):
        pair = torch.cat((memory.structures[:, k], features), dim=1)
        m, n = layer.select(pair).sigmoid(), layer.combine(pair).sigmoid()
        expected += ((1 - n) * matched + memory.colours[:, k] * m * n) / count
    assert torch.allclose(layer(features, memory, memory), expected, atol=1e-5)


def test_a_block_without_style_is_a_residual_block_of_normed_convolutions() -> None:
    torch.manual_seed(2)
    block, features = AdaptiveBlock(8), torch.randn(1, 8, 5, 6)
    plain = block(features, torch.zeros(1, 4, 8))
    assert (plain - features).mean(dim=(2, 3)).abs().max() < 1e-5
    shifted = block(features, torch.tensor([0.0, 0.0, 0.0, 2.0])[None, :, None].expand(1, 4, 8))
    assert torch.allclose(shifted, plain + 2, atol=1e-5)


@pytest.mark.parametrize("side", [32, 128])
def test_the_discriminator_judges_patches(side: int) -> None:
    judged = Discriminator(8)(torch.rand(2, 4, side, side))
    assert judged.shape == (2, 1, side // 16, side // 16)


def test_sizes_are_kept_with_the_weights() -> None:
    assert DeepSettings().size_multiple == 8
    assert PRESETS["deepcolorization"] == DeepSettings()


def chooses_what_is_brought(network: ColourTransform) -> None:
    """Let the choice go by one thing alone: that the colours are not the network's own."""
    choice = network.choice
    assert choice is not None
    for parameter in choice.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        choice.of_each.weight[0, 5, 1, 1] = 1  # says that they are its own
        choice.hidden.weight[0, 0, 1, 1] = 1
        choice.say.weight[0, 0] = -1000


def test_a_tracked_network_chooses_among_what_it_is_brought_and_its_own() -> None:
    torch.manual_seed(0)
    network = ColourTransform(TINY["deepcolorization-small"]).eval()
    lines, fields, colours = references(3)
    memory = network.remember(lines, fields, colours)
    brought = Brought(colours, fields, torch.rand_like(fields))
    made = network(*target(), memory, brought)
    assert made.choice.colours.shape == (1, 4, 3, HEIGHT, WIDTH)
    assert torch.allclose(made.choice.votes.sum(dim=1), torch.ones(1, HEIGHT, WIDTH), atol=1e-5)
    turned = network(*target(), memory, Brought(*(part.flip(1) for part in brought)))
    assert torch.allclose(turned.picture, made.picture, atol=1e-5)
    chooses_what_is_brought(network)
    assert torch.allclose(network(*target(), memory, brought).picture, colours.mean(dim=1), atol=1e-5)


def test_the_small_network_s_masks_weigh_what_it_is_brought() -> None:
    torch.manual_seed(0)
    network = ColourTransform(TINY["deepcolorization-small"]).eval()
    lines, fields, colours = references(2)
    memory = network.remember(lines, fields, colours)
    still = network(*target(), memory, Brought(colours, fields, torch.zeros_like(fields)))
    moved = network(*target(), memory, Brought(colours.roll(8, dims=-1), fields, torch.zeros_like(fields)))
    assert not torch.allclose(still.similar, moved.similar, atol=1e-3)
    unmoved = network.see_similar(network.similarity(network.fields(target()[1]), memory, memory)).tanh()
    assert torch.allclose(still.similar, unmoved, atol=1e-5)


def test_a_tracked_network_needs_what_it_is_brought() -> None:
    network = ColourTransform(TINY["deepcolorization-small"]).eval()
    with pytest.raises(ValueError, match="brought along tracks"):
        network(*target(), network.remember(*references(2)))


def test_what_is_matched_is_never_held_whole() -> None:
    """The kernel that holds all pairs of places at once takes gigabytes at 640 pixels."""
    torch.manual_seed(1)
    layer, width, count = SimilarityTransform(16).eval(), 16, 2
    memory = Memory(torch.randn(1, count, width, 3, 4), torch.randn(1, count, width, 3, 4), torch.zeros(1, 8))
    features = torch.randn(1, width, 3, 4)
    with torch.inference_mode():
        whole = layer(features, memory, memory)
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            assert torch.allclose(layer(features, memory, memory), whole, atol=1e-5)
