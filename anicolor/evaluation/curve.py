"""Scores as curves over time: inline SVG, thinned to what a screen can show."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from anicolor.evaluation.scores import Evaluation, Series, mean
from anicolor.evaluation.words import MINUS, score
from anicolor.frames import FrameRange

__all__ = ["Column", "Scale", "axis", "lead", "plot", "scale_of", "sparkline", "there", "thin"]

Values = Sequence[float | None]

# The drawing is stretched to the page, so its own unit is a thousandth of the width and a hundredth of the height.
_WIDTH, _HEIGHT = 1000, 100
# About as many as a screen shows apart: two pixels each on a wide page.
_COLUMNS = 500
# Longer films have no dot for each frame, and no more points than this in the dashed line of their truth.
_DOTTED = 120
# More cuts than these are drawn faintly, or they would hide the curve.
_SPARSE = 40


@dataclass(frozen=True)
class Column:
    """The frames that one column of a curve stands for, and its least and greatest value in order of time."""

    frames: FrameRange
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Scale:
    """A metric's axis: its ends, and the round numbers to label."""

    low: float
    high: float
    ticks: tuple[float, ...] = ()
    places: int = 0

    def y(self, value: float) -> float:
        """Return how far below the top ``value`` is drawn, in [0, 100]; what is off the axis lies on its end."""
        inside = min(max(value, self.low), self.high)
        return _HEIGHT * (self.high - inside) / (self.high - self.low)


def there(values: Values) -> Iterator[tuple[int, float]]:
    """Yield the values that are there, each after its index."""
    return ((i, value) for i, value in enumerate(values) if value is not None and not math.isnan(value))


def thin(values: Values, columns: int = _COLUMNS) -> list[Column]:
    """Return at most ``columns`` columns that keep the extremes of ``values``, and gaps two columns wide."""
    count = max(1, min(columns, len(values)))
    edges = [len(values) * i // count for i in range(count + 1)]
    return [_column(values, FrameRange(start, stop)) for start, stop in pairwise(edges)]


def scale_of(*curves: Values) -> Scale:
    """Return the axis that holds all the finite values of ``curves``."""
    values = [value for curve in curves for _, value in there(curve) if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(values), max(values)
    room = (high - low or abs(low) or 1) / 12
    low = max(low - room, 0) if low >= 0 else low - room
    high += room
    if low < high / 3 and low > 0:
        low = 0.0  # an axis that nearly begins at zero may as well
    step = _step((high - low) / 5)
    ticks = tuple(step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1))
    return Scale(low, high, ticks, max(0, -math.floor(math.log10(step) + 1e-9)))


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
    labels = "".join(
        f'<span class="level" style="top:{_short(scale.y(tick))}%">{_label(tick, scale)}</span>' for tick in scale.ticks
    )
    drawn = [
        _rules("grid", scale),
        _uprights("cut" if len(cuts) <= _SPARSE else "cut dense", cuts, count, 0),
        _uprights("given", [frame + 0.5 for frame in sorted(evaluation.keyframes)], count, 93),
        _mean_line(series, scale),
        *_truth(series, scale, cuts),
        _curve("result", columns, count, scale, cuts),
        _dots(series, scale),
        *(_hover(evaluation, series, column) for column in columns),
    ]
    what = escape(f"{series.metric} over {count} frames")
    return f'<div class="area">{labels}{_svg(what, drawn)}</div>'


def axis(evaluation: Evaluation) -> str:
    """Return the axis that all curves of a film share: frame numbers, keyframes, and the shots' own numbers."""
    count = len(evaluation.numbers)
    ticks = "".join(_mark("tick", i + 0.5, count, str(evaluation.numbers[i])) for i in _ticks(evaluation.numbers))
    given = "".join(_mark("key", frame + 0.5, count, "") for frame in sorted(evaluation.keyframes))
    # A number needs about this share of a wide page; narrower shots are told by the points' own titles.
    shots = "".join(
        _mark("shot", shot.start, count, f"shot {number}")
        for number, shot in enumerate(evaluation.shots)
        if len(shot) * 16 >= count
    )
    return f'<div class="axis" aria-hidden="true">{given}{ticks}{shots}</div>'


def sparkline(values: Values, scale: Scale) -> str:
    """Return a curve without words, on the film's own ``scale``."""
    return _svg("", [_curve("result", thin(values, 80), len(values), scale)])


def _column(values: Values, frames: FrameRange) -> Column:
    points = [(frames.start + i, value) for i, value in there(values[frames.start : frames.stop])]
    if len(points) > 2:
        ends = {min(points, key=lambda point: point[1]), max(points, key=lambda point: point[1])}
        points = sorted(ends)
    return Column(frames, tuple(points))


def _step(least: float) -> float:
    """Return the least of 1, 2, 5, 10, ... times a power of ten that is no smaller than ``least``."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * round_ for round_ in (1, 2, 5, 10) if power * round_ >= least * 0.999)


def _ticks(numbers: Sequence[int]) -> Iterable[int]:
    """Return the ordinals to label, at most nine: round frame numbers where the numbers have no gaps."""
    step = max(1, round(_step(len(numbers) / 8)))
    is_whole = numbers[-1] - numbers[0] == len(numbers) - 1
    return range(-numbers[0] % step if is_whole else 0, len(numbers), step)


def _label(tick: float, scale: Scale) -> str:
    size = abs(tick)
    if max(abs(scale.low), abs(scale.high)) >= 1e5 or scale.places > 5:
        return f"{tick:.2g}".replace("-", MINUS)
    return f"{MINUS if tick < 0 else ''}{size:.{scale.places}f}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _x(place: float, count: int) -> str:
    return _short(_WIDTH * place / count)


def _mark(kind: str, place: float, count: int, text: str) -> str:
    return f'<span class="{kind}" style="left:{100 * place / count:.2f}%">{text}</span>'


def _svg(what: str, drawn: Iterable[str]) -> str:
    name = f'role="img" aria-label="{what}"' if what else 'aria-hidden="true"'
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" {name}>{"".join(drawn)}</svg>'


def _path(kind: str, steps: str) -> str:
    return f'<path class="{kind}" d="{steps}"/>' if steps else ""


def _rules(kind: str, scale: Scale) -> str:
    return _path(kind, "".join(f"M0 {_short(scale.y(tick))}h{_WIDTH}" for tick in scale.ticks))


def _uprights(kind: str, places: Iterable[float], count: int, top: int) -> str:
    return _path(kind, "".join(f"M{_x(place, count)} {top}V{_HEIGHT}" for place in places))


def _mean_line(series: Series, scale: Scale) -> str:
    if series.mean is None or not math.isfinite(series.mean):
        return ""
    return _path("mean", f"M0 {_short(scale.y(series.mean))}h{_WIDTH}")


def _curve(kind: str, columns: Iterable[Column], count: int, scale: Scale, cuts: Sequence[int] = ()) -> str:
    """Draw a line through the columns' points, with a gap where a column has none, and at every cut."""
    steps, shot = [], -1
    for column in columns:
        shot = shot if column.points else -1
        for frame, value in column.points:
            before, shot = shot, bisect_right(cuts, frame)
            place = f"{_x(frame + 0.5, count)} {_short(scale.y(value))}"
            # h0: a point between two gaps is seen as a dot.
            steps.append(f"L{place}" if shot == before else f"M{place}h0")
    return _path(kind, "".join(steps))


def _truth(series: Series, scale: Scale, cuts: Sequence[int]) -> Iterator[str]:
    """Draw the truth's own curve dashed; of a long film its course, over all of it drawn faintly."""
    values, count = series.truth_frames, len(series.truth_frames)
    if count <= _COLUMNS:
        yield _curve("truth", thin(values), count, scale, cuts)
        return
    yield _curve("truth all", thin(values), count, scale, cuts)
    yield _curve("truth", _course(values), count, scale)


def _course(values: Values) -> Iterator[Column]:
    """Yield the mean of each of some columns, in its middle."""
    for column in thin(values, _DOTTED):
        start, stop = column.frames.start, column.frames.stop
        middle = mean([value for _, value in there(values[start:stop]) if math.isfinite(value)])
        yield Column(column.frames, () if middle is None else (((start + stop) // 2, middle),))


def _dots(series: Series, scale: Scale) -> str:
    """Draw a dot for every frame of a short film, and for the extremes of a long one."""
    points = list(there(series.frames))
    ends = [min(points, key=lambda point: point[1]), max(points, key=lambda point: point[1])]
    count = len(series.frames)

    def dots(kind: str, of: Iterable[tuple[int, float]]) -> str:
        return _path(kind, "".join(f"M{_x(i + 0.5, count)} {_short(scale.y(value))}h0" for i, value in of))

    return dots("dot", points if count <= _DOTTED else ()) + dots("end", ends)


def _hover(evaluation: Evaluation, series: Series, column: Column) -> str:
    count = len(series.frames)
    start, stop = column.frames.start, column.frames.stop
    place = f'x="{_x(start, count)}" width="{_x(stop - start, count)}" height="{_HEIGHT}"'
    return f'<rect class="hit" {place}><title>{escape(_title(evaluation, series, column))}</title></rect>'


def _from_to(what: str, first: int, last: int) -> str:
    return f"{what} {first}" if first == last else f"{what}s {first} to {last}"


def _title(evaluation: Evaluation, series: Series, column: Column) -> str:
    frames = [*column.frames]
    shots = [bisect_right([shot.start for shot in evaluation.shots], i) - 1 for i in (frames[0], frames[-1])]
    numbers = [evaluation.numbers[i] for i in (frames[0], frames[-1])]
    at = f"{_from_to('frame', *numbers)}, {_from_to('shot', *shots)}"
    values = [score(series.metric, value) for _, value in sorted(column.points, key=lambda point: point[1])]
    if not values:
        return f"{at}: {'keyframe' if evaluation.keyframes.issuperset(frames) else 'no value'}"
    said = f"{at}: {' to '.join(values)}"
    own = series.truth_frames[frames[0]] if series.truth_frames and len(frames) == 1 else None
    return said if own is None else f"{said}, truth's own {score(series.metric, own)}"
