"""Scores as curves over time: the result's, the truth's own, their mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from anicolor.evaluation.scores import Evaluation, Series, mean
from anicolor.evaluation.words import score
from anicolor.pages import curve as draw
from anicolor.pages.curve import COLUMNS, DOTTED, Column, Scale, scale_of, there, thin

__all__ = ["axis", "lead", "plot", "sparkline"]

Values = Sequence[float | None]


def lead(series: Series, numbers: Sequence[int]) -> str:
    """Return what stands above a curve: mean, least and greatest value, and the truth's own mean."""
    points = list(there(series.frames))
    words = [f"mean <b>{score(series.metric, series.mean)}</b>"]
    for name, pick in ("min", min), ("max", max):
        at, value = pick(points, key=lambda point: point[1])
        words.append(f"{name} <b>{score(series.metric, value)}</b> at frame {numbers[at]}")
    if series.truth is not None:
        words.append(f"truth's own <b>{score(series.metric, series.truth)}</b>")
    return " ".join(f"<span>{word}</span>" for word in words)


def plot(evaluation: Evaluation, series: Series) -> str:
    """Return one metric over the frames of a film: labels of its axis, and the drawing."""
    scale = scale_of(series.frames, series.truth_frames, (series.mean,))
    count = len(series.frames)
    columns = thin(series.frames)
    cuts = [shot.start for shot in evaluation.shots[1:]]
    drawn = [
        draw.rules(scale),
        draw.cuts(cuts, count),
        draw.keyframes(evaluation.keyframes, count),
        _mean_line(series, scale),
        *_truth(series, scale, cuts),
        draw.curve("result", columns, count, scale, cuts),
        draw.dots(series.frames, scale),
        *(draw.hover(column.frames, count, _title(evaluation, series, column)) for column in columns),
    ]
    return draw.area(f"{series.metric} over {count} frames", scale, drawn)


def axis(evaluation: Evaluation) -> str:
    """Return the axis that all curves of a film share: frame numbers, keyframes, and the shots' own numbers."""
    return draw.axis(evaluation.numbers, evaluation.keyframes, evaluation.shots)


def sparkline(values: Values, scale: Scale) -> str:
    """Return a curve without words, on the film's own ``scale``."""
    return draw.svg("", [draw.curve("result", thin(values, 80), len(values), scale)])


def _mean_line(series: Series, scale: Scale) -> str:
    if series.mean is None or not math.isfinite(series.mean):
        return ""
    return draw.level("mean", series.mean, scale)


def _truth(series: Series, scale: Scale, cuts: Sequence[int]) -> Iterator[str]:
    """Draw the truth's own curve dashed; of a long film its course, over all of it drawn faintly."""
    values, count = series.truth_frames, len(series.truth_frames)
    if count <= COLUMNS:
        yield draw.curve("truth", thin(values), count, scale, cuts)
        return
    yield draw.curve("truth all", thin(values), count, scale, cuts)
    yield draw.curve("truth", _course(values), count, scale)


def _course(values: Values) -> Iterator[Column]:
    """Yield the mean of each of some columns, in its middle."""
    for column in thin(values, DOTTED):
        start, stop = column.frames.start, column.frames.stop
        middle = mean([value for _, value in there(values[start:stop]) if math.isfinite(value)])
        yield Column(column.frames, () if middle is None else (((start + stop) // 2, middle),))


def _title(evaluation: Evaluation, series: Series, column: Column) -> str:
    frames = [*column.frames]
    at = draw.where(column.frames, evaluation.numbers, evaluation.shots)
    values = [score(series.metric, value) for _, value in sorted(column.points, key=lambda point: point[1])]
    if not values:
        return f"{at}: {'keyframe' if evaluation.keyframes.issuperset(frames) else 'no value'}"
    said = f"{at}: {' to '.join(values)}"
    own = series.truth_frames[frames[0]] if series.truth_frames and len(frames) == 1 else None
    return said if own is None else f"{said}, truth's own {score(series.metric, own)}"
