"""Values of a film's frames as curves over time: inline SVG, thinned to what a screen can show."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from anicolor.frames import FrameRange
from anicolor.pages.words import MINUS

__all__ = [
    "COLUMNS",
    "DOTTED",
    "Column",
    "Scale",
    "area",
    "axis",
    "curve",
    "cuts",
    "dots",
    "hover",
    "keyframes",
    "level",
    "rules",
    "scale_of",
    "svg",
    "there",
    "thin",
    "where",
]

Values = Sequence[float | None]

# About as many as a screen shows apart: two pixels each on a wide page.
COLUMNS = 500
# Longer films have no dot for each frame.
DOTTED = 120

# The drawing is stretched to the page, so its own unit is a thousandth of the width and a hundredth of the height.
_WIDTH, _HEIGHT = 1000, 100
# More cuts than these are drawn faintly, or they would hide the curve.
_SPARSE = 40


@dataclass(frozen=True)
class Column:
    """The frames that one column of a curve stands for, and its least and greatest value in order of time."""

    frames: FrameRange
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Scale:
    """The values' axis: its ends, and the round numbers to label."""

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


def thin(values: Values, columns: int = COLUMNS) -> list[Column]:
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


def area(what: str, scale: Scale, drawn: Iterable[str]) -> str:
    """Return a curve's field: the labels of its axis, and what is drawn in it (SVG); ``what`` it is, as text."""
    labels = "".join(
        f'<span class="level" style="top:{_short(scale.y(tick))}%">{_label(tick, scale)}</span>' for tick in scale.ticks
    )
    return f'<div class="area">{labels}{svg(what, drawn)}</div>'


def axis(numbers: Sequence[int], given: Iterable[int], shots: Sequence[FrameRange]) -> str:
    """Return the axis below a film's curves: frames' ``numbers``, keyframes (ordinals), and the shots' own numbers."""
    count = len(numbers)
    ticks = "".join(_mark("tick", i + 0.5, count, str(numbers[i])) for i in _ticks(numbers))
    keys = "".join(_mark("key", frame + 0.5, count, "") for frame in sorted(given))
    # A number needs about this share of a wide page; narrower shots are told by the points' own titles.
    named = "".join(
        _mark("shot", shot.start, count, f"shot {number}")
        for number, shot in enumerate(shots)
        if len(shot) * 16 >= count
    )
    return f'<div class="axis" aria-hidden="true">{keys}{ticks}{named}</div>'


def svg(what: str, drawn: Iterable[str]) -> str:
    """Return the drawing, stretched to where it is put; ``what`` it is as text, nothing for mere ornament."""
    name = f'role="img" aria-label="{escape(what)}"' if what else 'aria-hidden="true"'
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" {name}>{"".join(drawn)}</svg>'


def rules(scale: Scale) -> str:
    """Draw a line across at each label of the axis."""
    return _path("grid", "".join(f"M0 {_short(scale.y(tick))}h{_WIDTH}" for tick in scale.ticks))


def level(kind: str, value: float, scale: Scale) -> str:
    """Draw one line across at ``value``."""
    return _path(kind, f"M0 {_short(scale.y(value))}h{_WIDTH}")


def cuts(places: Sequence[int], count: int) -> str:
    """Draw a line from top to bottom before each of the frames that open a shot, of ``count`` frames."""
    return _uprights("cut" if len(places) <= _SPARSE else "cut dense", places, count, 0)


def keyframes(given: Iterable[int], count: int) -> str:
    """Draw a short line at the bottom for each of the frames that were given, of ``count`` frames."""
    return _uprights("given", [frame + 0.5 for frame in sorted(given)], count, 93)


def curve(kind: str, columns: Iterable[Column], count: int, scale: Scale, cuts: Sequence[int] = ()) -> str:
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


def dots(values: Values, scale: Scale) -> str:
    """Draw a dot for every frame of a short film, and for the extremes of a long one; nothing where no value is."""
    points = list(there(values))
    if not points:
        return ""
    ends = [min(points, key=lambda point: point[1]), max(points, key=lambda point: point[1])]
    count = len(values)

    def drawn(kind: str, of: Iterable[tuple[int, float]]) -> str:
        return _path(kind, "".join(f"M{_x(i + 0.5, count)} {_short(scale.y(value))}h0" for i, value in of))

    return drawn("dot", points if count <= DOTTED else ()) + drawn("end", ends)


def hover(frames: FrameRange, count: int, title: str) -> str:
    """Return a column of a curve that shows a title under the pointer."""
    start, stop = frames.start, frames.stop
    place = f'x="{_x(start, count)}" width="{_x(stop - start, count)}" height="{_HEIGHT}"'
    return f'<rect class="hit" {place}><title>{escape(title)}</title></rect>'


def where(frames: FrameRange, numbers: Sequence[int], shots: Sequence[FrameRange]) -> str:
    """Say which frames of which shots a column stands for."""
    ends = frames.start, frames.stop - 1
    inside = [bisect_right([shot.start for shot in shots], i) - 1 for i in ends]
    return f"{_from_to('frame', *(numbers[i] for i in ends))}, {_from_to('shot', *inside)}"


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


def _path(kind: str, steps: str) -> str:
    return f'<path class="{kind}" d="{steps}"/>' if steps else ""


def _uprights(kind: str, places: Iterable[float], count: int, top: int) -> str:
    return _path(kind, "".join(f"M{_x(place, count)} {top}V{_HEIGHT}" for place in places))


def _from_to(what: str, first: int, last: int) -> str:
    return f"{what} {first}" if first == last else f"{what}s {first} to {last}"
