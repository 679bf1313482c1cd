"""The loop: examples to turns to optimizer steps, with a moving average, validation and checkpoints."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset, default_collate

from anicolor.data.clips import ClipSource, DrawnClips, clip_source
from anicolor.errors import AnicolorError, InputError
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.media.picture import Picture
from anicolor.models.objective import Objective
from anicolor.models.weights import save_weights
from anicolor.training.recipe import ADAPT, Recipe, recipes
from anicolor.training.run import Position, Run
from anicolor.training.team import Team
from anicolor.training.trainee import Painting, Trainee, check_options, trainee_of

__all__ = ["Order", "Precision", "Progress", "check", "samples", "to_beat", "train", "train_stage", "validate"]

_WARM_UP = 100  # steps in which the rate rises to its full value
_COOL_DOWN = 0.3  # share of the steps, at the end, in which it falls to zero
_EMA = 0.998
_CLIP = 1.0  # largest norm of a gradient
_STOPS = (signal.SIGINT, signal.SIGTERM)
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
    ``references`` is how many keyframes the model is built for, where it can be built for several. A refiner learns
    from what the colorizer ``painter`` makes, with its shipped weights or those of the file ``weights``. ``steps`` are
    those of each stage; ``budget`` those of all together, shared out as the recipe does. With ``pool`` a colorizer
    learns from so many examples again and again, kept on disk until the training is done.
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
    painter: str | None = None
    weights: str | None = None
    budget: int | None = None
    pool: int | None = None

    def stages(self) -> tuple[Recipe, ...]:
        """Return the model's stages with what this order changes.

        Raises:
            InputError: there is no such model; both ``steps`` and ``budget`` are given.
        """
        if self.steps and self.budget:
            raise InputError("--steps is of each stage, --budget of all together: give one of them")
        rows = [row for row in recipes(self.model) if (row.stage == ADAPT) == (self.init is not None)]
        share = self.budget / sum(row.steps for row in rows) if self.budget else 1
        return tuple(
            replace(
                row,
                steps=self.steps or max(1, round(share * row.steps)),
                batch=self.batch or row.batch,
                rate=self.rate or row.rate,
                side=self.side or row.side,
            )
            for row in rows
        )


def train(
    run: Run, order: Order, team: Team, workers: int = 1, tell: Callable[[str], None] | None = None
) -> Iterator[Progress]:
    """Train every stage of ``order`` from where ``run`` stands, and yield after each optimizer step.

    Every process of ``team`` does, each on its part of the examples; the first alone writes and validates, and tells
    what a user should know.

    Raises:
        InputError: no recipe trains the model; no such data; no such weights; crops that do not fit the model;
            examples of a step that cannot be shared out.
        AnicolorError: the loss is no number any more; the disk is full.
    """
    check(order, team)
    torch.manual_seed(order.seed)
    source, held = clip_source(order.data), None
    perceptual = PerceptualLoss(Path(order.vgg)).to(team.device) if order.vgg else None
    trainee = trainee_of(order, run.folder / "kept").to(team.device)
    notes = list(trainee.remarks)
    if order.init:
        source, held = source.parted(trainee.references, trainee.targets)
        if held is None:
            notes.append("no clip is long enough to hold frames back: judged on drawn scenes")
    source.check(trainee.references, trainee.targets)
    stages = order.stages()
    for row in stages:
        if row.side % trainee.size_multiple:
            raise InputError(f"a crop of {row.side} pixels: {row.model} needs a multiple of {trainee.size_multiple}")
    if team.leads:
        run.begin()
    position = run.position()
    done = [row.stage for row in stages].index(position.stage) if position else 0
    for row in stages[done:]:
        objective = trainee.objective(row, perceptual)
        if objective.lacks_vgg:
            notes.append("no --vgg weights: the perceptual term is off")
        while notes:
            note = notes.pop(0)
            if team.leads:
                run.log(note=note)
                if tell:
                    tell(note)
        yield from train_stage(run, row, trainee, objective, source, order, team, workers, held)
    team.wait()
    if team.leads:
        trainee.finish()


def check(order: Order, team: Team) -> None:
    """Check what can be checked of ``order`` before anything is built: its options, and how examples are shared out.

    Raises:
        InputError: the model has no use for an option; the examples of a step cannot be shared out.
    """
    check_options(order)
    shares = team.count * order.accumulate
    for row in order.stages():
        if row.batch % shares:
            raise InputError(
                f"{row.batch} examples a step in {team.count} processes and {order.accumulate} parts: "
                f"expected a multiple of {shares}"
            )


class _Examples(Dataset["dict[str, Tensor] | AnicolorError"]):
    """Examples by number. One that failed is handed over: raised in a worker it would come with its traceback."""

    def __init__(self, source: ClipSource, trainee: Trainee[Any], objective: Objective[Any], seed: int) -> None:
        self.source, self.trainee, self.objective, self.seed = source, trainee, objective, seed

    def __getitem__(self, number: int) -> dict[str, Tensor] | AnicolorError:
        try:
            example = self.trainee.example(self.source, self.seed, number)
            return self.objective.prepare(example, np.random.default_rng((self.seed, number, 1)))
        except AnicolorError as error:
            return error


def _collated(examples: list[dict[str, Tensor] | AnicolorError]) -> dict[str, Tensor] | AnicolorError:
    failed = next((one for one in examples if isinstance(one, AnicolorError)), None)
    return failed or cast("dict[str, Tensor]", default_collate(examples))


def _taken(part: dict[str, Tensor] | AnicolorError, device: torch.device) -> dict[str, Tensor]:
    if isinstance(part, AnicolorError):
        raise part
    return {name: rows.to(device) for name, rows in part.items()}


def train_stage(
    run: Run,
    recipe: Recipe,
    trainee: Trainee[Any],
    objective: Objective[Any],
    source: ClipSource,
    order: Order,
    team: Team,
    workers: int,
    unseen: ClipSource | None = None,
) -> Iterator[Progress]:
    """Train one stage from where ``run`` stands and yield after every step.

    The best weights by validation (on ``unseen``, else on drawn scenes) are written to ``run.best``: stages that sample
    pictures only, of adapted weights those that are better than before, of a refiner's those that make pictures better.
    The checkpoint is written now and then, at the end, and when the iteration is closed.
    """
    averages = {name: _average(network) for name, network in trainee.networks.items()}
    modules: dict[str, nn.Module] = {f"train.{k}": v for k, v in objective.networks.items()}
    trained = list(objective.networks.values())
    modules |= {f"whole.{k}": v for k, v in trainee.networks.items() if v not in trained}
    modules |= {f"average.{k}": v for k, v in averages.items()}
    for network in trained:
        network.to(team.device).to(memory_format=torch.channels_last).train()  # convolutions are faster so
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
    elif team.leads and (order.init or trainee.beats):
        best = max(
            validate(trainee, averages, unseen) if order.init else float("-inf"),
            to_beat(trainee, averages, unseen) if trainee.beats else float("-inf"),
        )
        run.log(stage=recipe.stage, step=0, score=best)
        yield Progress(recipe.stage, 0, recipe.steps, score=best)
    team.align(modules.values())
    started = time.monotonic()
    between = True  # two steps: half a step, or a loss that is no number, is no state to go on from
    examples = _begun(_parts(source, objective, recipe, order, team, step, workers, trainee))
    try:
        while step < recipe.steps:
            parts = [_taken(next(examples), team.device) for _ in range(order.accumulate)]
            losses: dict[str, float] = {}
            with ExitStack() as late:
                for name, found in _turns(objective, parts, optimizers, team, order.precision):
                    losses |= found
                    if not np.isfinite(losses["loss"]):
                        between = False
                        raise AnicolorError(
                            f"the loss is {losses['loss']} at step {step}: train again with a lower --rate"
                        )
                    optimizer = optimizers[name]
                    _set_rate(optimizer, _rate(recipe, step) * objective.rates.get(name, 1.0))
                    nn.utils.clip_grad_norm_(objective.networks[name].parameters(), _CLIP)
                    if between:
                        between = False
                        late.enter_context(_undisturbed())
                    optimizer.step()
                for name, average in averages.items():
                    average.update_parameters(trainee.networks[name])
                step += 1
                judged = team.leads and recipe.unroll > 0 and (step % _VALIDATE == 0 or step == recipe.steps)
                between = not judged
            score = None
            if judged:
                score = validate(trainee, averages, unseen)
                run.picture(recipe.stage, step, samples(trainee, averages, unseen))
                if score > best:
                    best = score
                    networks = {name: average.module for name, average in averages.items()}
                    facts = {"data": order.data, "steps": step, "validation_psnr": round(score, 3), "init": order.init}
                    save_weights(run.best, recipe.model, trainee.settings, networks, facts)
            between = True
            if team.leads and step % _CHECKPOINT == 0:
                run.save(Position(recipe.stage, step, best), modules, dict(optimizers))
            if team.leads and (step % 10 == 0 or score is not None):
                seconds = round(time.monotonic() - started, 1)
                run.log(stage=recipe.stage, step=step, seconds=seconds, score=score, **losses)
            yield Progress(recipe.stage, step, recipe.steps, losses, score)
    finally:
        try:
            if between and team.leads:
                run.save(Position(recipe.stage, step, best), modules, dict(optimizers))
        finally:
            _end(examples)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a signal to stop wait: half a step is no state to go on from."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    ours = [sent for sent in _STOPS if signal.getsignal(sent) is not None]  # None: not set from Python
    before = {sent: signal.signal(sent, lambda number, _: waiting.append(number)) for sent in ours}
    try:
        yield
    finally:
        for sent, handler in before.items():
            signal.signal(sent, handler)
        for number in waiting:
            signal.raise_signal(number)


def _turns(
    objective: Objective[Any],
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
    trainee: Trainee[Any],
    averages: dict[str, AveragedModel],
    source: ClipSource | None = None,
    examples: int = 24,
) -> float:
    """Return the mean PSNR in dB of the averaged weights on ``source``, else on drawn frames of unseen seeds."""
    paintings = _paintings(trainee, averages, source, examples)
    return float(np.mean([_psnr(one.painted, one.truth) for one in paintings]))


def to_beat(
    trainee: Trainee[Any], averages: dict[str, AveragedModel], source: ClipSource | None = None, examples: int = 24
) -> float:
    """Return what :func:`validate` would of pictures that a refiner left as they are given."""
    paintings = _paintings(trainee, averages, source, examples)
    return float(np.mean([_psnr(one.given, one.truth) for one in paintings]))


def samples(
    trainee: Trainee[Any], averages: dict[str, AveragedModel], source: ClipSource | None = None, examples: int = 4
) -> Picture:
    """Return what the averaged weights make of the first examples that they are judged on, a row for each.

    From left to right: the references, the lines, what a refiner is given, the painted frame, the true one. Of several
    frames the one in the middle is shown.
    """
    rows = []
    for one in _paintings(trainee, averages, source, examples):
        middle = len(one.truth) // 2
        lines, given, painted, truth = (part[middle] for part in (one.lines, one.given, one.painted, one.truth))
        shown = (given, painted) if trainee.beats else (painted,)
        rows.append(torch.cat((*one.references, lines.expand_as(painted), *shown, truth), 2))
    width = max(row.shape[2] for row in rows)
    sheet = torch.cat([F.pad(row, (0, width - row.shape[2]), value=1.0) for row in rows], dim=1)
    return Picture((sheet.permute(1, 2, 0) * 255).round().byte().numpy())


def _paintings(
    trainee: Trainee[Any], averages: dict[str, AveragedModel], source: ClipSource | None, examples: int
) -> list[Painting]:
    with _averaged(trainee, averages):
        return [trainee.painting(source or VALIDATION, number) for number in range(examples)]


def _psnr(painted: Tensor, truth: Tensor) -> float:
    """Return the mean PSNR in dB of frames ``[T, 3, H, W]``."""
    errors = (painted - truth).square().mean(dim=(1, 2, 3))
    return float((-10 * errors.log10()).mean())


@contextmanager
def _averaged(trainee: Trainee[Any], averages: dict[str, AveragedModel]) -> Iterator[None]:
    """Let the networks of ``trainee`` have the averaged weights for a while."""
    kept = {name: _copy(network) for name, network in trainee.networks.items()}
    try:
        for name, average in averages.items():
            trainee.networks[name].load_state_dict(average.module.state_dict())
            trainee.networks[name].eval()
        yield
    finally:
        for name, state in kept.items():
            trainee.networks[name].load_state_dict(state)
            trainee.networks[name].train()


def _parts(
    source: ClipSource,
    objective: Objective[Any],
    recipe: Recipe,
    order: Order,
    team: Team,
    done: int,
    workers: int,
    trainee: Trainee[Any],
) -> DataLoader[dict[str, Tensor] | AnicolorError]:
    """Return this process's parts of the examples of every step from ``done`` on, in order."""
    share = recipe.batch // (team.count * order.accumulate)
    numbers = [
        step * recipe.batch + (part * team.count + team.rank) * share + number
        for step in range(done, recipe.steps)
        for part in range(order.accumulate)
        for number in range(share)
    ]
    options: dict[str, Any] = {"prefetch_factor": 3, "worker_init_fn": _begin_worker} if workers else {}
    return DataLoader(
        _Examples(source, trainee, objective, order.seed),
        batch_size=share,
        sampler=numbers,
        num_workers=workers,
        collate_fn=_collated,
        **options,
    )


def _begun(
    parts: DataLoader[dict[str, Tensor] | AnicolorError],
) -> Iterator[dict[str, Tensor] | AnicolorError]:
    """Start the workers. They have none of OpenCV's threads that are there already, and would wait for them forever."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return iter(parts)
    finally:
        cv2.setNumThreads(threads)


def _end(examples: Iterator[dict[str, Tensor] | AnicolorError]) -> None:
    """Send the workers home. Torch does when nothing holds ``examples`` any more, but an exception on its way does.

    At exit they would then be told to by a signal, which they are deaf to, and be waited for forever.
    """
    if end := getattr(examples, "_shutdown_workers", None):
        end()


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


def _begin_worker(_: int) -> None:
    for sent in _STOPS:  # they reach the whole group; the first process ends the others
        signal.signal(sent, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
