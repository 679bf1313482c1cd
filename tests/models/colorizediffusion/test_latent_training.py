"""The small ColorizeDiffusion from nothing to painted frames: the stages of its recipe, a weights file, a request."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from anicolor.data.clips import FolderClips, draw_clips
from anicolor.data.synthetic import DrawnSettings
from anicolor.diffusion.noise import FrameNoise
from anicolor.models.colorizediffusion import colorizer as module
from anicolor.models.colorizer import Reference, Request
from anicolor.models.weights import load_colorizer
from anicolor.training import loop
from anicolor.training.loop import Order, Progress, train
from anicolor.training.run import Run
from anicolor.training.team import Team

NAME = "colorizediffusion-small"
STAGES = ("autoencoder", "noisy", "refine")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    list(draw_clips(folder, 1, DrawnSettings(frames=4, size=64)))
    return folder


@pytest.fixture(scope="module")
def order(clips: Path) -> Iterator[Order]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(module.PRESETS, NAME, module.TINY[NAME])
        patch.setattr(loop, "VALIDATION", FolderClips(clips))
        patch.setattr(loop, "validate", partial(loop.validate, examples=1))
        patch.setattr(loop, "samples", partial(loop.samples, examples=1))
        yield Order(NAME, (str(clips),), steps=2, batch=2, rate=0.01, side=32)


def started(folder: Path, order: Order) -> Run:
    run = Run(folder)
    run.start(asdict(order))
    return run


def go_on(run: Run, order: Order) -> Iterator[Progress]:
    return train(run, order, Team(torch.device("cpu")), workers=0)


@pytest.fixture(scope="module")
def whole(order: Order, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Progress]]:
    """A training without interruption."""
    run = started(tmp_path_factory.mktemp("whole"), order)
    return run, list(go_on(run, order))


def test_from_nothing_to_painted_frames(whole: tuple[Run, list[Progress]]) -> None:
    run, steps = whole
    assert [(step.stage, step.step) for step in steps] == [(stage, n) for stage in STAGES for n in (1, 2)]
    assert [step.stage for step in steps if step.score is not None] == ["refine"]
    colorizer = load_colorizer(NAME, run.best)
    draw = torch.Generator().manual_seed(0)
    image, lines = torch.rand(3, 32, 32, generator=draw), torch.rand(2, 1, 32, 32, generator=draw)
    request = Request(lines, (Reference(0, image, lines[0]),), 1, (1, 2), torch.zeros(0, 3, 32, 32))
    frames = colorizer.colorize(request, FrameNoise(0)).frames
    assert frames.shape == (2, 3, 32, 32)
    assert frames.std() > 0


@pytest.mark.parametrize("stop", [1, 2, 3, 5])
def test_a_training_that_is_stopped_goes_on_as_if_it_had_not(
    order: Order, whole: tuple[Run, list[Progress]], tmp_path: Path, stop: int
) -> None:
    """The measure of the latents goes on too, in the stage that takes it and beyond."""
    expected = [step.losses for step in whole[1]]
    run = started(tmp_path / "run", order)
    steps = go_on(run, order)
    found = [next(steps).losses for _ in range(stop)]
    steps.close()
    found += [step.losses for step in go_on(run, order)]
    assert found == expected
    tensors = [load_file(one.best) for one in (whole[0], run)]
    assert (tensors[0]["vae.deviation"] != 1).all()
    assert all(torch.equal(tensors[1][key], value) for key, value in tensors[0].items())
