"""Find the shots of a film, frame by frame: nothing but small sketches of a few frames is held."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from anicolor.frames import FrameRange, Shot, Transition
from anicolor.media.film import Film
from anicolor.media.picture import Picture, shrunk
from anicolor.shots.blends import LONGEST, Blend, blends_before
from anicolor.shots.evidence import REACH, SHORTEST, Surroundings, probability, stands_out
from anicolor.shots.histogram import Histogram, histogram, mse
from anicolor.shots.structure import (
    SIDE,
    Sketch,
    change,
    difference,
    distance,
    mixed,
    rearranged,
    sketch,
    tint,
    unsearched,
)

__all__ = ["Detector", "Rule", "candidates", "detect", "find_shots"]

Rule = Literal["structure", "histogram"]
Changed = Callable[[float], None]

_AHEAD = LONGEST + 9  # frames read before one is decided: the longest mixture, and what tells how good it is
_BEHIND = LONGEST + 9
_BACK = 16  # frames on either side of a mixture that may show the same again
_LONGEST_GAP = 3  # frames; motion does not go on for ever
_ALIKE = 0.12  # pictures that differ by less are one
_TRIES = 8  # mixtures that overlap


@dataclass(frozen=True)
class Detector:
    """How shots are found; the defaults were measured (docs/decisions/0003-shots-on-line-art.md).

    ``structure``, for line art and colour: a frame opens a shot when that is at least ``sure`` by how its change stands
    out from those around it (:mod:`anicolor.shots.evidence`); fast motion, flashes and held drawings do not stand out.
    A dissolve or a fade is a mixture whose ends differ by at least ``blend``. A shot has 4 frames or more.

    ``histogram``, the papers' rule for finished film (Shi et al., section 4.1): the mean squared difference
    of neighbouring histograms is greater than ``mse``.
    """

    rule: Rule = "structure"
    sure: float = 0.4
    blend: float = 0.2
    mse: float = 200.0

    @property
    def least(self) -> float | None:
        """The score that opens a shot whatever is around it; None where there is none."""
        return self.mse if self.rule == "histogram" else None


@dataclass(frozen=True)
class _Opening:
    """A frame that opens a shot."""

    index: int
    score: float
    kind: Transition = "cut"
    blend: FrameRange | None = None


def detect(
    pictures: Iterable[Picture], detector: Detector | None = None, changed: Changed | None = None
) -> Iterator[Shot]:
    """Yield the shots of a film in order, each as soon as it is known; together they cover every frame.

    A shot's score is that of the transition that opened it: the change in [0, 1], or the histograms' mean squared
    difference. ``changed`` is told every frame's own change, in order; that takes longer, most are not needed.
    For progress, count ``pictures`` as they are taken; pictures of 64x64 pixels are enough.
    """
    detector = detector or Detector()
    counted = _Counted(pictures)
    rule = _by_histogram if detector.rule == "histogram" else _by_structure
    last = _Opening(0, 0.0)
    for opening in rule(counted, detector, changed):
        yield _shot(last, opening.index)
        last = opening
    if counted.count:
        yield _shot(last, counted.count)


def find_shots(
    film: Film,
    detector: Detector | None = None,
    seen: Callable[[int], None] | None = None,
    changed: Changed | None = None,
) -> list[Shot]:
    """Return the shots of ``film``, read small; ``seen`` is told how many frames have been looked at.

    ``changed`` is told every frame's change, as by :func:`detect`.

    Raises:
        AnicolorError: a frame cannot be read.
    """
    detector = detector or Detector()
    # Histograms count pixels: theirs must be the film's own.
    pictures = film.read() if detector.rule == "histogram" else film.small(SIDE)
    return list(detect(_told(pictures, seen), detector, changed))


def _told(pictures: Iterator[Picture], seen: Callable[[int], None] | None) -> Iterator[Picture]:
    for count, picture in enumerate(pictures, 1):
        yield picture
        if seen is not None:
            seen(count)


def _shot(opening: _Opening, stop: int) -> Shot:
    return Shot(FrameRange(opening.index, stop), opening.score, opening.kind, opening.blend)


class _Counted:
    """Pictures, and how many were taken."""

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self._pictures = iter(pictures)
        self.count = 0

    def __iter__(self) -> Iterator[Picture]:
        for picture in self._pictures:
            self.count += 1
            yield picture


def _by_histogram(pictures: Iterable[Picture], detector: Detector, changed: Changed | None) -> Iterator[_Opening]:
    before: Histogram | None = None
    for index, picture in enumerate(pictures):
        now = histogram(picture.rgb8())
        score = 0.0 if before is None else mse(before, now)
        if changed is not None:
            changed(score)
        if score > detector.mse:
            yield _Opening(index, score)
        before = now


def _by_structure(pictures: Iterable[Picture], detector: Detector, changed: Changed | None) -> Iterator[_Opening]:
    reel, blends = _Reel(), _Blends(detector)
    for index in _ready(pictures, reel, blends):
        if changed is not None:
            changed(reel.step(index))
        yield from _opening(reel, blends, detector, index)


def candidates(pictures: Iterable[Picture]) -> Iterator[tuple[int, Surroundings]]:
    """Yield the frames that stand out, whether or not they open a shot, with their surroundings: to fit the rule."""
    reel = _Reel()
    for index in _ready(pictures, reel, _Blends(Detector())):
        around = _surroundings(reel, index)
        if around is not None:
            yield index, around


def _ready(pictures: Iterable[Picture], reel: _Reel, blends: _Blends) -> Iterator[int]:
    """Fill the reel; yield every frame in order, once enough of what follows it is there."""
    for picture in pictures:
        reel.add(shrunk(picture, SIDE))
        blends.look(reel)
        if reel.stop > _AHEAD:
            yield reel.stop - 1 - _AHEAD
    blends.close(reel)
    yield from range(max(0, reel.stop - _AHEAD), reel.stop)


def _opening(reel: _Reel, blends: _Blends, detector: Detector, index: int) -> Iterator[_Opening]:
    blend = blends.at(index)
    if blend is None:
        score = _cut(reel, detector, index)
        if score > 0:
            yield _Opening(index, score)
    elif index == blend.middle:
        ends = change(reel[blend.frames.start - 1], reel[blend.frames.stop])
        yield _Opening(index, ends, blend.kind, blend.frames)


class _Reel:
    """The sketches of the frames around the one at work, and how much each differs from what was seen before it."""

    def __init__(self) -> None:
        self.stop = 0
        length = _BEHIND + 1 + _AHEAD
        self._sketches: deque[Sketch] = deque(maxlen=length)
        self._before: deque[Sketch | None] = deque(maxlen=length)
        self._changes: deque[float] = deque(maxlen=length)
        self._rearranged: deque[float] = deque(maxlen=length)
        self._gaps: deque[int] = deque(maxlen=length)
        self._details: deque[float] = deque(maxlen=LONGEST + 2)
        self._searched: dict[int, float] = {}
        self._visible: Sketch | None = None
        self._gap = 1

    @property
    def start(self) -> int:
        """The first frame that is still held."""
        return self.stop - len(self._sketches)

    def __getitem__(self, index: int) -> Sketch:
        return self._sketches[index - self.start]

    def add(self, picture: Picture) -> None:
        """Add the next frame, 64x64 pixels; an empty page differs from nothing."""
        drawn = sketch(picture.pixels)
        before = None if drawn.blank else self._visible
        self._sketches.append(drawn)
        self._details.append(drawn.detail)
        self._before.append(before)
        self._changes.append(0.0 if before is None else difference(before, drawn))
        self._rearranged.append(0.0 if before is None else rearranged(before, drawn))
        self._gaps.append(self._gap)
        self._searched.pop(self.start - 1, None)
        self._gap = self._gap + 1 if drawn.blank else 1
        self._visible = self._visible if drawn.blank else drawn
        self.stop += 1

    def held(self, first: int, stop: int) -> range:
        """Return those of the frames ``first:stop`` that are held."""
        return range(max(first, self.start), min(stop, self.stop))

    def step(self, index: int) -> float:
        """Return the change of frame ``index`` since the last frame that shows anything, after the search."""
        if index not in self._searched:
            before = self._before[index - self.start]
            self._searched[index] = 0.0 if before is None else change(before, self[index])
        return self._searched[index]

    def most(self, index: int) -> float:
        """Return what :meth:`step` does not exceed; cheap."""
        return self._searched.get(index, self._changes[index - self.start])

    def changes(self, index: int) -> list[float]:
        """Return the changes around frame ``index`` without the search."""
        return self._around(self._changes, index)

    def rearranged(self, index: int) -> list[float]:
        """Return how detail is rearranged around frame ``index``."""
        return self._around(self._rearranged, index)

    def _around(self, values: deque[float], index: int) -> list[float]:
        reach = range(index - REACH, index + REACH + 1)
        return [values[i - self.start] if self.start <= i < self.stop else 0.0 for i in reach]

    def gap(self, index: int) -> int:
        """Return how many steps of motion :meth:`step` holds: more than one behind empty pages."""
        return min(self._gaps[index - self.start], _LONGEST_GAP)

    def details(self) -> npt.NDArray[np.float64]:
        """Return the details of the last frames, enough for the longest mixture."""
        return np.array(self._details)


class _Blends:
    """Mixtures: of those that overlap, the one that fits best."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._open: list[Blend] = []
        self._found: deque[Blend] = deque()

    def look(self, reel: _Reel) -> None:
        """Look for mixtures that end in front of the newest frame."""
        newest = reel.stop - 1
        if self._open:
            # The first half of a fade looks like a dissolve: wait for the second.
            ended = newest > max(blend.frames.stop + len(blend.frames) for blend in self._open) + 2
            waited = newest - min(blend.frames.start for blend in self._open) >= _AHEAD - 2
            if ended or waited:
                self.close(reel)
        self._open.extend(blends_before(reel.details(), newest))

    def close(self, reel: _Reel) -> None:
        """Decide between the mixtures that were found."""
        taken: list[Blend] = []
        for blend in sorted(self._open, key=lambda blend: blend.cost)[:_TRIES]:
            if not any(map(blend.overlaps, (*self._found, *taken))) and _is_mixture(reel, self._detector, blend):
                taken.append(blend)
        self._found.extend(sorted(taken, key=lambda blend: blend.frames))
        self._open.clear()

    def at(self, index: int) -> Blend | None:
        """Return the mixture that frame ``index`` belongs to or ends; frames are asked for in order."""
        while self._found and self._found[0].frames.stop < index:
            self._found.popleft()
        return self._found[0] if self._found and self._found[0].frames.start <= index else None


def _is_mixture(reel: _Reel, detector: Detector, blend: Blend) -> bool:
    """Say whether a mixture leads to another picture, by small steps, and looks like one of both."""
    first, stop = blend.frames.start - 1, blend.frames.stop
    old, new = reel[first], reel[stop]
    ends = change(old, new)
    if ends <= detector.blend:
        return False
    whole, middle = distance(old, new), reel[blend.middle]
    halves = distance(old, middle), distance(middle, new)
    if blend.kind == "dissolve" and min(halves) < 0.12 * whole:
        return False
    quarters = (first + round((stop - first) * quarter / 4) for quarter in (1, 2, 3))
    if sum(distance(_mixture(reel, blend, i), reel[i]) for i in quarters) > 3 * 0.45 * whole:
        return False
    far = max(whole, *halves)  # a fade goes through black, which may be further away than the next shot
    if not (_small_steps(reel, unsearched, first, stop, far) or _small_steps(reel, distance, first, stop, far)):
        return False
    return not _seen_again(reel, first, stop)


def _small_steps(reel: _Reel, measure: Callable[[Sketch, Sketch], float], first: int, last: int, far: float) -> bool:
    """Say whether what lies between frames ``first`` and ``last`` leads there by small steps, as ``measure`` has it."""
    steps = [measure(reel[i], reel[i + 1]) for i in range(first, last)]
    return max(steps) <= 0.7 * far and sum(steps) <= 0.3 * far * len(steps)


def _mixture(reel: _Reel, blend: Blend, index: int) -> Sketch:
    """Return what frame ``index`` of a mixture should look like."""
    old, new = reel[blend.frames.start - 1], reel[blend.frames.stop]
    share = (index - blend.frames.start + 1) / (len(blend.frames) + 1)
    if blend.kind == "dissolve":
        return mixed(old, new, share)
    # The flat colour is not known: only the structure is compared.
    flat = replace(old, picture=np.zeros_like(old.picture))
    faded = mixed(old, flat, 2 * share) if share < 0.5 else mixed(flat, new, 2 * share - 1)
    return replace(faded, mean=reel[index].mean)


def _cut(reel: _Reel, detector: Detector, index: int) -> float:
    """Return the score of the cut in front of frame ``index``, 0 where there is none."""
    around = _surroundings(reel, index)
    return 0.0 if around is None or probability(around) < detector.sure else around.searched


def _surroundings(reel: _Reel, index: int) -> Surroundings | None:
    """Return what changes around frame ``index``, None where it cannot open a shot."""
    if index < SHORTEST or reel.stop - index < SHORTEST:
        return None
    changes, moved = reel.changes(index), reel.rearranged(index)
    if not stands_out(changes, moved):
        return None
    return Surroundings(changes, moved, reel.step(index), _beside(reel, index), reel.gap(index))


def _beside(reel: _Reel, index: int) -> float:
    """Return the largest change after the search next to frame ``index``; few are searched."""
    most = 0.0
    near = [i for i in reel.held(index + 1 - SHORTEST, index + SHORTEST) if i != index]
    for i in sorted(near, key=reel.most, reverse=True):
        if reel.most(i) <= most:
            break
        most = max(most, reel.step(i))
    return most


def _seen_again(reel: _Reel, last: int, first: int) -> bool:
    """Say whether a frame up to ``last`` looks like one soon from ``first`` on: something passed."""
    before = [i for i in reversed(reel.held(last + 1 - _BACK, last + 1)) if not reel[i].blank]
    after = [i for i in reel.held(first, first + _BACK) if not reel[i].blank]
    pairs = product(before[::3], after[::3])
    return any(tint(reel[i], reel[j]) < _ALIKE and change(reel[i], reel[j]) < _ALIKE for i, j in pairs)
