"""How AnimeDiffusion samples, and what its two stages minimise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.data.clips import DrawnClips
from anicolor.diffusion.noise import FrameNoise
from anicolor.lines.xdog import XDoG, xdog
from anicolor.models.animediffusion import objective as module
from anicolor.models.animediffusion.colorizer import PRESETS, TINY, AnimeColorizer
from anicolor.models.animediffusion.network import AnimeSettings
from anicolor.models.animediffusion.objective import NoiseObjective, PictureObjective
from anicolor.models.colorizer import Reference, Request

SIDE = 16


def colorizer(**changes: object) -> AnimeColorizer:
    torch.manual_seed(0)
    made = AnimeColorizer(replace(TINY["animediffusion-small"], **changes))  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in made.network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return made


def request(seed: int = 1) -> Request:
    made = torch.Generator().manual_seed(0)
    image, lines = torch.rand(3, SIDE, SIDE, generator=made), torch.rand(2, 1, SIDE, SIDE, generator=made)
    return Request(lines, (Reference(0, image, lines[0]),), 1, (seed, seed + 1), torch.zeros(0, 3, SIDE, SIDE))


def test_an_inverted_reference_needs_no_noise() -> None:
    made = colorizer()
    assert not made.traits.stochastic
    frames = [made.colorize(request(seed), FrameNoise(seed)).frames for seed in (1, 5)]
    assert torch.equal(*frames)


@pytest.mark.parametrize("changes", [{"inverted": False}, {"eta": 1.0}])
def test_noise_belongs_to_the_frame(changes: dict[str, object]) -> None:
    made = colorizer(**changes)
    assert made.traits.stochastic
    one, again, other = (made.colorize(request(seed), FrameNoise(0)).frames for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other, atol=1e-4)
    assert not torch.allclose(one, made.colorize(request(1), FrameNoise(3)).frames, atol=1e-4)


@pytest.mark.parametrize(("name", "steps"), [("animediffusion", 10), ("animediffusion-small", 4)])
def test_as_many_steps_lead_to_noise_as_back(name: str, steps: int) -> None:
    made, calls = colorizer(steps=PRESETS[name].steps), []
    made.network.register_forward_hook(lambda *_: calls.append(1))
    made.colorize(request(), FrameNoise(0))
    assert len(calls) == 2 * steps


def test_the_published_inversion_is_told_no_time() -> None:
    frames = [colorizer(timeless=timeless).colorize(request(), FrameNoise(0)).frames for timeless in (False, True)]
    assert not torch.allclose(*frames, atol=1e-5)


def test_given_lines_are_brought_to_the_style_that_was_trained() -> None:
    seen: list[Tensor] = []
    for extracted in (False, True):
        made = colorizer(extracted=extracted)
        made.network.register_forward_pre_hook(lambda _, given: seen.append(given[2]))
        made.colorize(request(), FrameNoise(0), steps=1)
    lines = request().lines
    assert torch.equal(seen[0], 2 * lines - 1)
    assert torch.equal(seen[-1], 2 * xdog(lines.expand(-1, 3, -1, -1), XDoG(sigma=0.3)) - 1)


def rows(settings: AnimeSettings, count: int = 6) -> list[dict[str, Tensor]]:
    objective, clips = NoiseObjective(AnimeColorizer(settings), SIDE), DrawnClips(sizes=(64, 64))
    return [objective.prepare(clips.example(0, n, 1), np.random.default_rng(n)) for n in range(count)]


def test_the_paper_learns_from_distorted_copies_and_extracted_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    bends: list[tuple[object, ...]] = []
    widths = set()
    bend, extract = module.bend, module.xdog
    monkeypatch.setattr(module, "bend", lambda *given: (bends.append(given[2:]), bend(*given))[1])
    monkeypatch.setattr(module, "xdog", lambda picture, how: (widths.add(how.sigma), extract(picture, how))[1])
    made = rows(TINY["animediffusion"], 12)
    assert bends == [(((0.3, 0.7), (0.3, 0.7)), 0.25)] * 12
    assert widths == {0.3, 0.4, 0.5}
    for row in made:
        assert not torch.equal(row["reference"], row["target"])
        for name in ("target", "reference", "lines"):
            assert row[name].abs().max() < 1 + 1e-5


def test_the_small_one_learns_from_keyframes_and_drawn_lines() -> None:
    clips = DrawnClips(sizes=(64, 64))
    for number, row in enumerate(rows(TINY["animediffusion-small"], 3)):
        keyframe = clips.example(0, number, 1).references
        small = torch.nn.functional.interpolate(keyframe, (SIDE, SIDE), mode="bilinear", antialias=True)[0]
        assert torch.allclose(row["reference"], 2 * small - 1, atol=1e-5)


@pytest.mark.parametrize("inverted", [True, False])
def test_gradients_go_through_all_steps_and_none_through_the_inversion(inverted: bool) -> None:
    made = colorizer(inverted=inverted)
    objective = PictureObjective(made, SIDE, 3)
    graded: list[bool] = []
    made.network.register_forward_hook(lambda _module, _given, out: graded.append(out.requires_grad))
    (row,) = rows(made.settings, 1)
    (turn,) = objective.turns({name: value[None] for name, value in row.items()})
    turn.loss.backward()
    assert graded == [False] * 3 * inverted + [True] * 3
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.network.parameters())


@pytest.mark.parametrize(("timeless", "upwards"), [(False, [0, 6, 12]), (True, [None] * 3)])
def test_training_inverts_as_painting_does(timeless: bool, upwards: list[int | None]) -> None:
    made = colorizer(timeless=timeless)
    told: list[int | None] = []
    made.network.register_forward_pre_hook(lambda _, given: told.append(None if given[1] is None else int(given[1])))
    (row,) = rows(made.settings, 1)
    next(PictureObjective(made, SIDE, 3).turns({name: value[None] for name, value in row.items()}))
    assert told == [*upwards, 19, 12, 6]


def test_lines_are_extracted_in_whole_precision() -> None:
    made = colorizer(extracted=True)
    with torch.autocast("cpu", torch.bfloat16):
        frames = made.colorize(request(), FrameNoise(0), steps=1).frames
    assert torch.isfinite(frames).all()
