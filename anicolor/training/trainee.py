"""What is trained: a colorizer, a refiner of its pictures, or the line flow that keyframes are followed by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from functools import partial
from math import ceil, lcm
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Generic

import torch
from torch import Tensor, nn

from anicolor.data.clips import ClipSource, Example
from anicolor.data.motion import MotionPair
from anicolor.diffusion.noise import FrameNoise
from anicolor.errors import InputError
from anicolor.layers.perceptual import PerceptualLoss
from anicolor.models.cache import digest_of
from anicolor.models.catalog import DEFAULT, entry
from anicolor.models.colorizer import Colorizer, Reference, Request
from anicolor.models.lineflow.flow import NAME as LINEFLOW
from anicolor.models.lineflow.flow import LineFlow, shipped
from anicolor.models.lineflow.flow import build as build_lineflow
from anicolor.models.lineflow.objective import FlowObjective
from anicolor.models.objective import Objective, Shown
from anicolor.models.tracks import passage_tracks
from anicolor.models.weights import load_colorizer, load_weights
from anicolor.motion import DisFlow, warp
from anicolor.temporal.objective import Asked, RefineObjective, painted, prepared
from anicolor.temporal.refiner import PRESETS, Refiner
from anicolor.temporal.refiner import build as build_refiner
from anicolor.training.pool import Pool
from anicolor.training.recipe import Recipe

if TYPE_CHECKING:
    from anicolor.training.loop import Order

__all__ = [
    "ColorizerTrainee",
    "LineFlowTrainee",
    "Painting",
    "RefinerTrainee",
    "Trainee",
    "check_options",
    "trainee_of",
]

_JUDGED = 192  # pixels a side: of the stretches that a refiner is judged on
_EPOCHS = 10  # times that a refiner sees each stretch (Shi et al., section 4.1)


@dataclass(frozen=True, eq=False)
class Painting:
    """What the weights make of an example, all in [0, 1] on the CPU.

    ``references`` ``[K, 3, H, W]``, ``lines`` ``[T, 1, H, W]``; ``given`` (what is to be bettered), ``painted`` and
    ``truth`` ``[T, 3, H, W]``.
    """

    references: Tensor
    lines: Tensor
    given: Tensor
    painted: Tensor
    truth: Tensor


class Trainee(ABC, Generic[Shown]):
    """Networks to train, what they learn from, and how they are judged.

    ``references`` and ``targets`` are how many keyframes, and how many frames in a row, an example has. A trainee that
    ``beats`` is to be better than what it is given: only such weights are kept.
    """

    settings: object
    networks: Mapping[str, nn.Module]
    references: int
    targets: int = 1
    size_multiple: int
    beats: bool = False
    remarks: tuple[str, ...] = ()
    """What a user should know of how the networks were built, a line each."""

    @abstractmethod
    def to(self, device: torch.device) -> Trainee[Shown]:
        """Move the networks to ``device`` and return the trainee."""

    @abstractmethod
    def objective(self, recipe: Recipe, perceptual: PerceptualLoss | None) -> Objective[Shown]:
        """Return what one stage of the training minimises."""

    @abstractmethod
    def example(self, source: ClipSource, seed: int, number: int) -> Shown:
        """Return example ``number`` of the endless series ``seed``."""

    def finish(self) -> None:
        """Clear away what only the training needed."""

    @abstractmethod
    def painting(self, source: ClipSource, number: int) -> Painting:
        """Return what the networks make of example ``number`` of those that they are judged on."""


class ColorizerTrainee(Trainee[Example]):
    """A colorizer of the catalog. It learns from the examples of ``pool``, or from ever new ones."""

    def __init__(self, name: str, colorizer: Colorizer, pool: Pool | None = None) -> None:
        self.name, self.colorizer, self.pool = name, colorizer, pool
        self.settings, self.networks, self.remarks = colorizer.settings, colorizer.networks, colorizer.remarks
        self.references, self.size_multiple = colorizer.traits.keyframes, colorizer.traits.size_multiple

    def to(self, device: torch.device) -> ColorizerTrainee:
        self.colorizer.to(device)
        return self

    def objective(self, recipe: Recipe, perceptual: PerceptualLoss | None) -> Objective[Example]:
        built: Objective[Example] = (
            entry(self.name)
            .part("objective")
            .build_objective(recipe.stage, self.colorizer, recipe.side, recipe.unroll, perceptual)
        )
        return built

    def example(self, source: ClipSource, seed: int, number: int) -> Example:
        draw = partial(source.example, seed, references=self.references)
        return self.pool.example(number, draw) if self.pool else draw(number)

    def finish(self) -> None:
        if self.pool:
            self.pool.clear()

    def painting(self, source: ClipSource, number: int) -> Painting:
        example = source.example(0, number, self.references)
        references = tuple(
            Reference(2 * n, image, lines)
            for n, (image, lines) in enumerate(zip(example.references, example.reference_lines, strict=True))
        )
        *ends, at = example.places
        tracks = None
        if self.colorizer.traits.tracked:
            tracks = passage_tracks(example.drawings, at, ends, shipped(str(self.colorizer.device)))
        nothing = torch.zeros(0, 3, *example.lines.shape[-2:])
        request = Request(example.lines[None], references, 1, (number,), nothing, tracks)
        made = self.colorizer.colorize(request, FrameNoise(0)).frames.cpu().clamp(0, 1)
        return Painting(example.references, example.lines[None], made, made, example.target[None])


class RefinerTrainee(Trainee[Asked]):
    """A refiner, and the colorizer whose pictures it refines; that one stays as it is.

    It learns from ``pool`` stretches. They, and what the colorizer makes of them, are kept in the folder ``kept`` until
    the training is done.
    """

    beats = True

    def __init__(self, refiner: Refiner, colorizer: Colorizer, pool: int, kept: Path) -> None:
        self.refiner, self.colorizer, self.pool, self.kept = refiner, colorizer, pool, kept
        self.settings, self.networks = refiner.settings, refiner.networks
        self.references, self.targets = 2, refiner.settings.window
        self.size_multiple = lcm(refiner.settings.size_multiple, colorizer.traits.size_multiple)
        self._given: dict[tuple[ClipSource, int], tuple[dict[str, Tensor], Tensor, Tensor]] = {}

    def to(self, device: torch.device) -> RefinerTrainee:
        self.refiner.to(device)
        self.colorizer.to(device)
        return self

    def objective(self, recipe: Recipe, perceptual: PerceptualLoss | None) -> Objective[Asked]:
        kept = self.kept / digest_of(self.colorizer, recipe.side).hex()[:16]
        return RefineObjective(self.refiner, self.colorizer, recipe.side, kept, perceptual=perceptual)

    def example(self, source: ClipSource, seed: int, number: int) -> Asked:
        asked = number % self.pool
        return Asked(asked, partial(source.stretch, seed, asked, self.references, self.targets))

    def finish(self) -> None:
        rmtree(self.kept, ignore_errors=True)

    def painting(self, source: ClipSource, number: int) -> Painting:
        row, given, confidence = self._judged(source, number)
        references, targets = ((row[name] + 1) / 2 for name in ("references", "targets"))
        ends = (
            Reference(0, references[0], row["reference_lines"][0]),
            Reference(len(targets) + 1, references[-1], row["reference_lines"][-1]),
        )
        refined = self.refiner.refine(given, row["lines"], confidence, ends)
        return Painting(references, row["lines"], given, refined, targets)

    def _judged(self, source: ClipSource, number: int) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Return a stretch, and what the colorizer makes of it: always the same, and so made once."""
        key = source, number
        if key not in self._given:
            stretch = source.stretch(0, number, self.references, self.targets)
            row = prepared(stretch, _JUDGED, tracked=self.colorizer.traits.tracked)
            colours, confidence = painted(self.colorizer, row, number)
            row.pop("tracks", None)  # large, and not needed again
            self._given[key] = row, colours.cpu(), confidence.cpu()
        return self._given[key]


class LineFlowTrainee(Trainee[MotionPair]):
    """Line flow, which is to carry paint better than optical flow does, to all places that show in both frames."""

    beats = True
    references = 1

    def __init__(self, flow: LineFlow) -> None:
        self.flow = flow
        self.settings, self.networks = flow.settings, flow.networks
        self.size_multiple = flow.settings.size_multiple

    def to(self, device: torch.device) -> LineFlowTrainee:
        self.flow.to(device)
        return self

    def objective(self, recipe: Recipe, perceptual: PerceptualLoss | None) -> Objective[MotionPair]:  # noqa: ARG002
        return FlowObjective(self.flow, recipe.side)

    def example(self, source: ClipSource, seed: int, number: int) -> MotionPair:
        return source.motion(seed, number)

    def painting(self, source: ClipSource, number: int) -> Painting:
        pair = source.motion(0, number)
        here, there = (self.flow.describe(pair.drawings[at : at + 1]) for at in (0, len(pair.drawings) - 1))
        flows = (DisFlow().estimate(here.field, there.field).cpu(), self.flow.follow(here, there).flow.cpu())
        visible, truth = torch.from_numpy(pair.truth.visible), pair.paint[:1]
        given, painted = (torch.where(visible, warp(pair.paint[1:], flow), truth) for flow in flows)
        return Painting(pair.colours[1:], pair.drawings[:1], given, painted, truth)


def check_options(order: Order) -> None:
    """Check that the model of ``order`` has a use for each of its options.

    Raises:
        InputError: it has not.
    """
    if order.model not in PRESETS and (order.painter or order.weights):
        raise InputError(f"{order.model} learns from no other model: leave --colorizer and --weights out")
    for option, wish in (("--references", order.references), ("--pool", order.pool)):
        if order.model in (*PRESETS, LINEFLOW) and wish is not None:
            raise InputError(f"{order.model} is no colorizer: leave {option} out")


def trainee_of(order: Order, kept: Path) -> Trainee[Any]:
    """Return what ``order`` trains, with the weights to go on from or with random ones.

    What it makes only to learn from goes into the folder ``kept``.

    Raises:
        InputError: no such model, colorizer or weights; a number of keyframes that it does not take.
        AnicolorError: damaged weights, or weights of another model.
    """
    init = Path(order.init) if order.init else None
    if order.model == LINEFLOW:
        return LineFlowTrainee(load_weights(init, LINEFLOW, build_lineflow) if init else build_lineflow(LINEFLOW))
    if order.model not in PRESETS:
        colorizer = _colorizer(order, init)
        pool = Pool(kept, order.pool, tracked=colorizer.traits.taught_tracked) if order.pool else None
        return ColorizerTrainee(order.model, colorizer, pool)
    refiner = load_weights(init, order.model, build_refiner) if init else build_refiner(order.model)
    colorizer = load_colorizer(order.painter or DEFAULT, Path(order.weights) if order.weights else None)
    (recipe,) = order.stages()
    return RefinerTrainee(refiner, colorizer, ceil(recipe.steps * recipe.batch / _EPOCHS), kept)


def _colorizer(order: Order, init: Path | None) -> Colorizer:
    build = entry(order.model).part("colorizer").build
    colorizer: Colorizer = load_colorizer(order.model, init) if init else build(order.model)
    wanted, taken = order.references, colorizer.traits.keyframes
    if wanted is None or wanted == taken:
        return colorizer
    settings = colorizer.settings
    if order.init or not is_dataclass(settings) or isinstance(settings, type) or not hasattr(settings, "references"):
        raise InputError(f"--references {wanted}: {order.init or order.model} is built for {taken}: leave it out")
    built: Colorizer = build(order.model, asdict(settings) | {"references": wanted})
    return built
