"""The loop: examples to turns to optimizer steps, with a moving average, validation and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from anicolor.data.clips import ClipSource, DrawnClips, Example, clip_source
from anicolor.diffusion.noise import FrameNoise
from anicolor.errors import AnicolorError, InputError
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.media.picture import Picture
from anicolor.models.catalog import entry
from anicolor.models.colorizer import Colorizer, Reference, Request
from anicolor.models.objective import Objective
from anicolor.models.tracks import passage_tracks
from anicolor.models.weights import load_colorizer, save_weights
from anicolor.training.recipe import ADAPT, Recipe, recipes
from anicolor.training.run import Position, Run
from anicolor.training.team import Team

__all__ = ["Order", "Precision", "Progress", "check_shares", "samples", "train", "train_stage", "validate"]

_WARM_UP = 100  # steps in which the rate rises to its full value
_COOL_DOWN = 0.3  # share of the steps, at the end, in which it falls to zero
_EMA = 0.998
_CLIP = 1.0  # largest norm of a gradient
_CHECKPOINT, _VALIDATE = 50, 200  # steps between two checkpoints, two validations
VALIDATION = DrawnClips(sizes=(256, 256), first=0, count=100_000)
"""Drawn scenes that training never sees (its own start at a million)."""


_Tensors = tuple[Tensor, ...] | list[Tensor]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Progress:
    """One optimizer step done: its losses, or the validation score (PSNR in dB) when there was one.

    Step 0 is where trained weights stood when they were taken up.
    """

    stage: str
    step: int
    steps: int
    losses: dict[str, float] = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True)
class Order:
    """What to train: the model, its data, and what departs from the recipe (None: the recipe's own).

    With ``init``, a weights file, those weights are adapted to the data, and judged on frames of it that are held back.
    The examples of a step are worked through in ``accumulate`` parts, which takes less memory and changes no step. In
    ``bfloat16`` the networks calculate in half precision where torch's autocast does; weights and losses stay whole.
    ``references`` is how many keyframes the model is built for, where it can be built for several.
    """

    model: str
    data: tuple[str, ...] = ("drawn",)
    steps: int | None = None
    batch: int | None = None
    rate: float | None = None
    side: int | None = None
    vgg: str | None = None
    seed: int = 0
    init: str | None = None
    accumulate: int = 1
    precision: Precision = "float32"
    references: int | None = None

    def stages(self) -> tuple[Recipe, ...]:
        """Return the model's stages with what this order changes."""
        return tuple(
            replace(
                row,
                steps=self.steps or row.steps,
                batch=self.batch or row.batch,
                rate=self.rate or row.rate,
                side=self.side or row.side,
            )
            for row in recipes(self.model)
            if (row.stage == ADAPT) == (self.init is not None)
        )


def train(run: Run, order: Order, team: Team, workers: int = 1) -> Iterator[Progress]:
    """Train every stage of ``order`` from where ``run`` stands, and yield after each optimizer step.

    Every process of ``team`` does, each on its part of the examples; the first alone writes and validates.

    Raises:
        InputError: no recipe trains the model; no such data; no such VGG19 weights; crops that do not fit the model;
            examples of a step that cannot be shared out.
        AnicolorError: the loss is no number any more; the disk is full.
    """
    model = entry(order.model)
    torch.manual_seed(order.seed)
    source, held = clip_source(order.data), None
    perceptual = PerceptualLoss(Path(order.vgg)).to(team.device) if order.vgg else None
    if perceptual is None and team.leads:
        run.log(note="no VGG19 weights given: the perceptual term is off")
    colorizer = _built(order).to(team.device)
    references = colorizer.traits.keyframes
    if order.init:
        source, held = source.parted(references)
        if held is None and team.leads:
            run.log(note="no clip is long enough to hold frames back: judged on drawn scenes")
    source.check(references)
    check_shares(order, team)
    stages = order.stages()
    for row in stages:
        if row.side % colorizer.traits.size_multiple:
            raise InputError(
                f"a crop of {row.side} pixels: {row.model} needs a multiple of {colorizer.traits.size_multiple}"
            )
    position = run.position()
    done = [row.stage for row in stages].index(position.stage) if position else 0
    for row in stages[done:]:
        objective = model.part("objective").build_objective(row.stage, colorizer, row.side, row.unroll, perceptual)
        yield from train_stage(run, row, colorizer, objective, source, order, team, workers, held)


def check_shares(order: Order, team: Team) -> None:
    """Check that the examples of every step can be shared out.

    Raises:
        InputError: they cannot.
    """
    shares = team.count * order.accumulate
    for row in order.stages():
        if row.batch % shares:
            raise InputError(
                f"{row.batch} examples a step in {team.count} processes and {order.accumulate} parts: "
                f"expected a multiple of {shares}"
            )


def _built(order: Order) -> Colorizer:
    """Return the colorizer to train, with the weights to go on from or with random ones."""
    build = entry(order.model).part("colorizer").build
    colorizer: Colorizer = load_colorizer(order.model, Path(order.init)) if order.init else build(order.model)
    wanted, taken = order.references, colorizer.traits.keyframes
    if wanted is None or wanted == taken:
        return colorizer
    settings = colorizer.settings
    if order.init or not is_dataclass(settings) or isinstance(settings, type) or not hasattr(settings, "references"):
        raise InputError(f"{order.init or order.model} takes {taken} keyframes: leave --references out")
    built: Colorizer = build(order.model, asdict(settings) | {"references": wanted})
    return built


class _Examples(Dataset[dict[str, Tensor]]):
    def __init__(self, source: ClipSource, objective: Objective, seed: int, references: int) -> None:
        self.source, self.objective, self.seed, self.references = source, objective, seed, references

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        return self.objective.prepare(
            self.source.example(self.seed, number, self.references), np.random.default_rng((self.seed, number, 1))
        )


def train_stage(
    run: Run,
    recipe: Recipe,
    colorizer: Colorizer,
    objective: Objective,
    source: ClipSource,
    order: Order,
    team: Team,
    workers: int,
    unseen: ClipSource | None = None,
) -> Iterator[Progress]:
    """Train one stage from where ``run`` stands and yield after every step.

    The best weights by validation (on ``unseen``, else on drawn scenes) are written to ``run.best``: stages that sample
    pictures only, and of adapted weights those that are better than before. The checkpoint is written now and then, at
    the end, and when the iteration is closed.
    """
    averages = {name: _average(network) for name, network in colorizer.networks.items()}
    modules: dict[str, nn.Module] = {f"train.{k}": v for k, v in objective.networks.items()}
    trained = list(objective.networks.values())
    modules |= {f"whole.{k}": v for k, v in colorizer.networks.items() if v not in trained}
    modules |= {f"average.{k}": v for k, v in averages.items()}
    for network in trained:
        network.to(team.device).train()
    optimizers = {
        name: torch.optim.Adam([p for p in network.parameters() if p.requires_grad], recipe.rate, objective.betas)
        for name, network in objective.networks.items()
    }
    team.wait()  # the first may still be writing the state of the stage before
    position = run.position()
    best, step = (position.best, 0) if position else (float("-inf"), 0)
    if position is not None and position.stage == recipe.stage:
        step = position.step
        run.restore(modules, dict(optimizers))
    elif order.init and team.leads:
        best = validate(colorizer, averages, unseen)
        run.log(stage=recipe.stage, step=0, score=best)
        yield Progress(recipe.stage, 0, recipe.steps, score=best)
    team.align(modules.values())
    started = time.monotonic()
    between = True  # two steps: half a step, or a loss that is no number, is no state to go on from
    examples = _begun(_parts(source, objective, recipe, order, team, step, workers, colorizer.traits.keyframes))
    try:
        while step < recipe.steps:
            parts = [{k: v.to(team.device) for k, v in next(examples).items()} for _ in range(order.accumulate)]
            losses: dict[str, float] = {}
            for name, found in _turns(objective, parts, optimizers, team, order.precision):
                losses |= found
                if not np.isfinite(losses["loss"]):
                    between = False
                    raise AnicolorError(f"the loss is {losses['loss']} at step {step}: train again with a lower --rate")
                optimizer = optimizers[name]
                _set_rate(optimizer, _rate(recipe, step) * objective.rates.get(name, 1.0))
                nn.utils.clip_grad_norm_(objective.networks[name].parameters(), _CLIP)
                between = False
                optimizer.step()
            for name, average in averages.items():
                average.update_parameters(colorizer.networks[name])
            step += 1
            score = None
            if team.leads and recipe.unroll and (step % _VALIDATE == 0 or step == recipe.steps):
                score = validate(colorizer, averages, unseen)
                run.picture(recipe.stage, step, samples(colorizer, averages, unseen))
                if score > best:
                    best = score
                    networks = {name: average.module for name, average in averages.items()}
                    facts = {"data": order.data, "steps": step, "validation_psnr": round(score, 3), "init": order.init}
                    save_weights(run.best, recipe.model, colorizer.settings, networks, facts)
            between = True
            if team.leads and step % _CHECKPOINT == 0:
                run.save(Position(recipe.stage, step, best), modules, dict(optimizers))
            if team.leads and (step % 10 == 0 or score is not None):
                seconds = round(time.monotonic() - started, 1)
                run.log(stage=recipe.stage, step=step, seconds=seconds, score=score, **losses)
            yield Progress(recipe.stage, step, recipe.steps, losses, score)
    finally:
        if between and team.leads:
            run.save(Position(recipe.stage, step, best), modules, dict(optimizers))


def _turns(
    objective: Objective,
    parts: list[dict[str, Tensor]],
    optimizers: dict[str, torch.optim.Adam],
    team: Team,
    precision: Precision,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield, turn by turn, the network that is to move and the losses; its gradients are there, over all examples."""
    turns = [iter(objective.turns(part)) for part in parts]
    while True:
        for optimizer in optimizers.values():
            optimizer.zero_grad()
        losses: dict[str, float] = {}
        name = None
        for part in turns:
            with torch.autocast(team.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                turn = next(part, None)
            if turn is None:
                continue
            name = turn.network
            (turn.loss / len(parts)).backward()  # type: ignore[no-untyped-call]
            for key, value in {"loss": turn.loss.item(), **turn.parts}.items():
                losses[key] = losses.get(key, 0.0) + value / len(parts)
        if name is None:
            return
        team.average_gradients(objective.networks[name])
        yield name, team.mean(losses)


def validate(
    colorizer: Colorizer, averages: dict[str, AveragedModel], source: ClipSource | None = None, examples: int = 24
) -> float:
    """Return the mean PSNR in dB of the averaged weights on ``source``, else on drawn frames of unseen seeds."""
    with _averaged(colorizer, averages):
        scores = []
        for number in range(examples):
            example = (source or VALIDATION).example(0, number, colorizer.traits.keyframes)
            error = (_painted(colorizer, example, number) - example.target).square().mean()
            scores.append(float(-10 * error.log10()))
    return float(np.mean(scores))


def samples(
    colorizer: Colorizer, averages: dict[str, AveragedModel], source: ClipSource | None = None, examples: int = 4
) -> Picture:
    """Return what the averaged weights make of the first examples that they are judged on, a row for each.

    From left to right: the references, the lines, the painted frame, the true one.
    """
    rows = []
    with _averaged(colorizer, averages):
        for number in range(examples):
            example = (source or VALIDATION).example(0, number, colorizer.traits.keyframes)
            painted = _painted(colorizer, example, number)
            rows.append(torch.cat((*example.references, example.lines.expand_as(painted), painted, example.target), 2))
    width = max(row.shape[2] for row in rows)
    sheet = torch.cat([F.pad(row, (0, width - row.shape[2]), value=1.0) for row in rows], dim=1)
    return Picture((sheet.permute(1, 2, 0) * 255).round().byte().numpy())


@contextmanager
def _averaged(colorizer: Colorizer, averages: dict[str, AveragedModel]) -> Iterator[None]:
    """Let the networks of ``colorizer`` have the averaged weights for a while."""
    kept = {name: _copy(network) for name, network in colorizer.networks.items()}
    try:
        for name, average in averages.items():
            colorizer.networks[name].load_state_dict(average.module.state_dict())
            colorizer.networks[name].eval()
        yield
    finally:
        for name, state in kept.items():
            colorizer.networks[name].load_state_dict(state)
            colorizer.networks[name].train()


def _painted(colorizer: Colorizer, example: Example, number: int) -> Tensor:
    references = tuple(
        Reference(2 * n, image, lines)
        for n, (image, lines) in enumerate(zip(example.references, example.reference_lines, strict=True))
    )
    *ends, at = example.places
    tracks = passage_tracks(example.drawings, at, ends)[None] if colorizer.traits.tracked else None
    nothing = torch.zeros(0, 3, *example.lines.shape[-2:])
    request = Request(example.lines[None], references, 1, (number,), nothing, tracks)
    return colorizer.colorize(request, FrameNoise(0)).frames[0].cpu().clamp(0, 1)


def _parts(
    source: ClipSource,
    objective: Objective,
    recipe: Recipe,
    order: Order,
    team: Team,
    done: int,
    workers: int,
    references: int,
) -> DataLoader[dict[str, Tensor]]:
    """Return this process's parts of the examples of every step from ``done`` on, in order."""
    share = recipe.batch // (team.count * order.accumulate)
    numbers = [
        step * recipe.batch + (part * team.count + team.rank) * share + number
        for step in range(done, recipe.steps)
        for part in range(order.accumulate)
        for number in range(share)
    ]
    options: dict[str, Any] = {"prefetch_factor": 3, "worker_init_fn": _one_thread} if workers else {}
    return DataLoader(
        _Examples(source, objective, order.seed, references),
        batch_size=share,
        sampler=numbers,
        num_workers=workers,
        **options,
    )


def _begun(parts: DataLoader[dict[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
    """Start the workers. They have none of OpenCV's threads that are there already, and would wait for them forever."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return iter(parts)
    finally:
        cv2.setNumThreads(threads)


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _rate(recipe: Recipe, step: int) -> float:
    rising = min(1.0, (step + 1) / _WARM_UP)
    falling = min(1.0, (recipe.steps - step) / max(1.0, _COOL_DOWN * recipe.steps))
    return recipe.rate * rising * falling


def _average(network: nn.Module) -> AveragedModel:
    return AveragedModel(network, multi_avg_fn=_follow)


@torch.no_grad()
def _follow(averages: _Tensors, weights: _Tensors, updates: Tensor | int) -> None:
    """Move the averages towards the weights: quickly at first, so that the random start is soon forgotten."""
    keep = min(_EMA, (1 + int(updates)) / (10 + int(updates)))
    torch._foreach_lerp_(averages, weights, 1 - keep)


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
