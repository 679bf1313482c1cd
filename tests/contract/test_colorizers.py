"""What every colorizer of the catalog promises, on tiny networks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_requests import SIZE, keyframe, line_art

from anicolor.diffusion.noise import FrameNoise
from anicolor.models.catalog import Entry
from anicolor.models.colorizer import Colorizer, Request
from anicolor.models.weights import load_colorizer, save_weights
from anicolor.models.windows import paint

Ask = Callable[..., Request]
NOISE = FrameNoise(0)

pytestmark = pytest.mark.usefixtures("quick_tracks")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_colours_have_the_shape_range_type_and_device_of_the_contract(
    colorizer: Colorizer, ask: Ask, device: str
) -> None:
    colours = colorizer.to(device).colorize(ask(frames=2), NOISE).frames
    assert colours.shape == (2, 3, *SIZE)
    assert colours.dtype == torch.float32
    assert colours.device.type == colorizer.device.type == (device if colorizer.networks else "cpu")
    assert colours.isfinite().all()
    assert colours.min() >= 0
    assert colours.max() <= 1


def test_lines_and_keyframes_reach_the_picture(colorizer: Colorizer, ask: Ask) -> None:
    request = ask(frames=1)
    painted = colorizer.colorize(request, NOISE).frames
    other_art = colorizer.colorize(ask(frames=1, seed=2), NOISE).frames
    inverted = tuple(replace(given, image=1 - given.image) for given in request.references)
    other_paint = colorizer.colorize(replace(request, references=inverted), NOISE).frames
    assert not torch.allclose(painted, other_art, atol=1e-3)
    assert not torch.allclose(painted, other_paint, atol=1e-3)


@pytest.mark.parametrize("size", [SIZE, (37, 53), (64, 16), (5, 7)], ids=str)
def test_any_size_is_painted(colorizer: Colorizer, size: tuple[int, int]) -> None:
    lines = line_art(4, size)
    references = {0: keyframe(0, size), 3: keyframe(3, size)}
    painted = list(paint(colorizer, 4, lambda r: lines[r.start : r.stop], references, NOISE))
    assert [index for frames, _ in painted for index in frames] == [1, 2]
    colours = torch.cat([made.frames for _, made in painted])
    assert colours.shape == (2, 3, *size)
    assert colours.isfinite().all()


def test_one_seed_is_one_picture(colorizer: Colorizer, ask: Ask) -> None:
    first, again, other = (colorizer.colorize(ask(), FrameNoise(seed)).frames for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert torch.equal(first, other) != colorizer.traits.stochastic


def test_frames_do_not_depend_on_their_window(colorizer: Colorizer, ask: Ask) -> None:
    if colorizer.traits.fixed or colorizer.traits.overlap:
        pytest.skip("its frames are painted together, on purpose")
    whole = ask(frames=3)
    together = colorizer.colorize(whole, NOISE).frames
    for number in range(3):
        alone = replace(
            whole, lines=whole.lines[number : number + 1], first=1 + number, seeds=whole.seeds[number : number + 1]
        )
        assert torch.allclose(colorizer.colorize(alone, NOISE).frames[0], together[number], atol=1e-5)


def test_one_keyframe_is_enough(colorizer: Colorizer, ask: Ask) -> None:
    colours = colorizer.colorize(ask(frames=1, keyframes=1), NOISE).frames
    assert colours.isfinite().all()


def test_the_references_of_one_request_are_not_kept_for_the_next(colorizer: Colorizer, ask: Ask) -> None:
    request = ask(frames=1)
    before = colorizer.colorize(request, NOISE).frames
    colorizer.colorize(replace(request, references=(keyframe(7), keyframe(8))[: len(request.references)]), NOISE)
    assert torch.equal(colorizer.colorize(request, NOISE).frames, before)


def test_weights_survive_the_file(known: Entry, colorizer: Colorizer, ask: Ask, tmp_path: Path) -> None:
    if not known.learned:
        pytest.skip("it has no weights")
    for network in colorizer.networks.values():
        network.half().float()  # what the file keeps of them
    save_weights(tmp_path / "w.safetensors", known.name, colorizer.settings, colorizer.networks, {})
    loaded = load_colorizer(known.name, tmp_path / "w.safetensors")
    assert loaded.settings == colorizer.settings
    assert loaded.traits == colorizer.traits
    assert torch.equal(loaded.colorize(ask(), NOISE).frames, colorizer.colorize(ask(), NOISE).frames)
