"""The table of metrics, and how each is taken from a film frame by frame."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from anicolor.evaluation import color, image
from anicolor.evaluation.scores import mean
from anicolor.evaluation.temporal import ColourConsistency, motion, pair_error
from anicolor.motion import FlowEstimator

__all__ = ["METRICS", "Group", "Meter", "Metric", "Score", "Tools", "View"]

Group = Literal["psnr", "ssim", "ms-ssim", "qssim", "lpips", "fid", "cdc", "warp-error", "segment-accuracy"]
"""What is asked for together: a flag of the command line."""

HIGHEST_PSNR = 100.0
"""What identical frames count, in dB: infinity would hide all the others in a mean."""


@dataclass(frozen=True, eq=False)
class View:
    """One frame as the metrics see it: pictures ``[1, C, H, W]`` in [0, 1].

    ``reference`` is what the flow is taken from; ``lines`` bound the segments; ``mask`` is bool ``[1, 1, H, W]``;
    ``counts`` is False for a frame that was given as a keyframe.
    """

    result: Tensor
    truth: Tensor | None
    lines: Tensor | None
    reference: Tensor | None
    mask: Tensor | None
    counts: bool

    @property
    def true(self) -> Tensor:
        """The ground truth, for the metrics that have it."""
        assert self.truth is not None
        return self.truth


@dataclass(frozen=True)
class Score:
    """Of the result, and of the ground truth itself where that says something; None where there is none."""

    result: float | None = None
    truth: float | None = None


class Meter(ABC):
    """Takes one metric of a film, frame by frame."""

    @abstractmethod
    def see(self, view: View) -> Score:
        """Take the next frame of the shot and return its own score."""

    @abstractmethod
    def close(self) -> Score:
        """End the shot and return its score."""


@dataclass(frozen=True)
class Tools:
    """What some metrics are computed with."""

    flow: FlowEstimator | None = None
    lpips: image.Lpips | None = None


@dataclass(frozen=True)
class Metric:
    """A row of the table: what it is called, what it needs, and how it is taken.

    ``name`` and ``variant`` have places for what was used: flow estimator, where the flow is from, whose lines.

    ``smallest`` is the least side of a frame in pixels, ``shortest`` the fewest frames of a film; ``masked`` whether it
    has a form inside a mask.
    """

    group: Group
    name: str
    variant: str
    meter: Callable[[Tools], Meter]
    higher_is_better: bool = True
    truth: bool = True
    masked: bool = True
    smallest: int = 1
    shortest: int = 1


class _Each(Meter):
    """A metric that each frame has by itself; a shot has the mean of its frames."""

    def __init__(self, of: Callable[[View], Tensor]) -> None:
        self._of = of
        self._values: list[float | None] = []

    def see(self, view: View) -> Score:
        value = float(self._of(view)) if view.counts else math.nan
        score = Score(None if math.isnan(value) else value)
        self._values.append(score.result)
        return score

    def close(self) -> Score:
        values, self._values = self._values, []
        return Score(mean(values))


class _Consistency(Meter):
    """CDC; a frame's own score is its divergence from the frame before it."""

    def __init__(self) -> None:
        self._result, self._truth = ColourConsistency(), ColourConsistency()

    def see(self, view: View) -> Score:
        mask = None if view.mask is None else view.mask[0]
        return Score(*(_consistency(of, frame, mask, view.counts) for of, frame in self._pairs(view)))

    def close(self) -> Score:
        score = Score(self._result.value(), self._truth.value())
        self._result, self._truth = ColourConsistency(), ColourConsistency()
        return score

    def _pairs(self, view: View) -> tuple[tuple[ColourConsistency, Tensor | None], ...]:
        return (self._result, view.result), (self._truth, view.truth)


def _consistency(of: ColourConsistency, frame: Tensor | None, mask: Tensor | None, counts: bool) -> float | None:
    if frame is None:
        return None
    if counts and (mask is None or bool(mask.any())):
        return of.see(frame[0], mask)
    of.skip()
    return None


class _WarpError(Meter):
    """Warp error; a frame's own score is that of the frame before it and itself."""

    def __init__(self, flow: FlowEstimator) -> None:
        self._flow = flow
        self._past: View | None = None
        self._scores: list[Score] = []

    def see(self, view: View) -> Score:
        past, self._past = self._past, view
        if past is None or not (past.counts and view.counts):
            return Score()
        assert past.reference is not None
        assert view.reference is not None
        moved = motion(past.reference, view.reference, self._flow)
        result = pair_error(past.result, view.result, moved, past.mask)
        truth = pair_error(past.true, view.true, moved, past.mask) if past.truth is not None else None
        self._scores.append(Score(result, truth))
        return self._scores[-1]

    def close(self) -> Score:
        scores, self._scores, self._past = self._scores, [], None
        return Score(mean([s.result for s in scores]), mean([s.truth for s in scores]))


def _psnr(view: View) -> Tensor:
    return image.psnr(view.result, view.true, view.mask).clamp(max=HIGHEST_PSNR)


def _ssim(view: View) -> Tensor:
    return image.ssim(view.result, view.true, view.mask)


def _ms_ssim(view: View) -> Tensor:
    return image.ms_ssim(view.result, view.true)


def _qssim(view: View) -> Tensor:
    return image.qssim(view.result, view.true, view.mask)


def _lpips(tools: Tools) -> Meter:
    measure = tools.lpips
    assert measure is not None
    return _Each(lambda view: measure(view.result, view.true))


def _warp_error(tools: Tools) -> Meter:
    assert tools.flow is not None
    return _WarpError(tools.flow)


def _each(of: Callable[[View], Tensor]) -> Callable[[Tools], Meter]:
    return lambda _: _Each(of)


def _share(of: Callable[[Tensor, Tensor, Tensor | None, int], Tensor], tolerance: int) -> Callable[[Tools], Meter]:
    return _each(lambda view: of(view.result, view.true, view.mask, tolerance))


def _segments(tolerance: int, over: int) -> Callable[[Tools], Meter]:
    def of(view: View) -> Tensor:
        assert view.lines is not None
        return color.segment_accuracy(view.result, view.true, view.lines, view.mask, tolerance, over)

    return _each(of)


METRICS = (
    Metric("psnr", "psnr", "rgb", _each(_psnr)),
    Metric("ssim", "ssim", "gaussian 11, sigma 1.5", _each(_ssim), smallest=image.SSIM_SMALLEST),
    Metric("ms-ssim", "ms_ssim", "5 scales", _each(_ms_ssim), masked=False, smallest=image.MS_SSIM_SMALLEST),
    Metric("qssim", "qssim", "gaussian 11, sigma 1.5", _each(_qssim), smallest=image.SSIM_SMALLEST),
    Metric("lpips", "lpips", "alexnet", _lpips, higher_is_better=False, masked=False, smallest=image.LPIPS_SMALLEST),
    Metric("cdc", "cdc", "strides 1, 2, 4", lambda _: _Consistency(), False, truth=False, shortest=5),
    Metric("warp-error", "warp_error[{flow}]", "flow from {flow_from}", _warp_error, False, truth=False, shortest=2),
    Metric("segment-accuracy", "segment_accuracy", "exact, {segments} lines", _segments(0, 0)),
    Metric("segment-accuracy", "segment_accuracy", "exact, {segments} lines, over 10 px", _segments(0, 10)),
    Metric("segment-accuracy", "segment_accuracy", "within 2 levels, {segments} lines", _segments(2, 0)),
    Metric("segment-accuracy", "segment_accuracy", "within 2 levels, {segments} lines, over 10 px", _segments(2, 10)),
    Metric("segment-accuracy", "pixel_accuracy", "exact", _share(color.pixel_accuracy, 0)),
    Metric("segment-accuracy", "pixel_accuracy", "within 2 levels", _share(color.pixel_accuracy, 2)),
    Metric("segment-accuracy", "foreground_accuracy", "exact", _share(color.foreground_accuracy, 0)),
    Metric("segment-accuracy", "foreground_accuracy", "within 2 levels", _share(color.foreground_accuracy, 2)),
    Metric("segment-accuracy", "background_iou", "exact", _share(color.background_iou, 0)),
    Metric("segment-accuracy", "background_iou", "within 2 levels", _share(color.background_iou, 2)),
)
"""Every metric that a film has frame by frame; FID, which has no frames, is taken beside them."""
