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
from anicolor.media.picture import Picture, Pixels, shrunk
from anicolor.shots.blends import LONGEST, Blend, blends_before
from anicolor.shots.explained import NOTHING, Rest, rest
from anicolor.shots.histogram import Histogram, histogram, mse
from anicolor.shots.structure import SIDE, Sketch, change, difference, distance, mixed, sketch, tint, unsearched

__all__ = ["Detector", "Rule", "detect", "find_shots"]

Rule = Literal["structure", "histogram"]
Changed = Callable[[float], None]

_AHEAD = LONGEST + 9  # frames read before one is decided: the longest mixture, and what tells how good it is
_BEHIND = LONGEST + 9
_LONGEST_GAP = 3  # frames; motion does not go on for ever
_LONGEST_HOLD = 8  # frames of a drawing in limited animation; longer ones are shots of an animatic
_OTHER = 0.7  # motion that leaves this share of a change explains nothing
_STILL = 0.02  # less than this is the noise of coding
_TRIES = 8  # mixtures that overlap


@dataclass(frozen=True)
class Detector:
    """How shots are found; the defaults were measured (docs/decisions/0003-shots-on-line-art.md).

    ``structure``, for line art and colour: a frame opens a shot when at least ``change`` of it is not found
    in the frame before, more than of any other within ``window`` frames: fast motion and flashes do not stand
    alone. When dense motion is taken out, at least ``new`` of the change must be left, or ``left`` of the pictures: a
    pose that jumps opens no shot; nor do several in the rhythm of held drawings. Where the change is 1.5 times
    ``clean`` those beside it, ``faint`` of it is enough: cuts over the same background. Where it is not even ``clean``
    times those, what motion leaves must stand alone as well (``apart`` is the least product of both ratios,
    ``apart_from_calm`` where hardly anything moves on one side), and the pictures must be sharp, not amid a movement,
    and not come back within ``back`` frames: pans and things that pass in front open no shot.

    A dissolve or a fade is a mixture whose ends differ by at least ``blend``. A shot has ``window + 1`` frames or more.

    ``histogram``, the papers' rule for finished film (Shi et al., section 4.1): the mean squared difference
    of neighbouring histograms is greater than ``mse``.
    """

    rule: Rule = "structure"
    change: float = 0.12
    window: int = 3
    new: float = 0.35
    left: float = 0.27
    apart: float = 2.0
    apart_from_calm: float = 1.7
    clean: float = 3.0
    faint: float = 0.045
    back: int = 16
    blend: float = 0.2
    mse: float = 200.0

    @property
    def least(self) -> float:
        """The change that opens a shot where nothing else speaks for or against it."""
        return self.mse if self.rule == "histogram" else self.change


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
    reel, blends = _Reel(detector.new), _Blends(detector)
    for index in _ready(pictures, reel, blends):
        if changed is not None:
            changed(reel.step(index))
        yield from _opening(reel, blends, detector, index)


def _ready(pictures: Iterable[Picture], reel: _Reel, blends: _Blends) -> Iterator[int]:
    """Fill the reel; yield every frame in order, once enough of what follows it is there."""
    for picture in pictures:
        reel.add(shrunk(picture, SIDE).pixels)
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


@dataclass(frozen=True, eq=False)
class _Frame:
    """A frame, uint8 RGB ``[64, 64, 3]``, and its sketch."""

    pixels: Pixels
    sketch: Sketch


class _Reel:
    """The sketches of the frames around the one at work, and how much each differs from what was seen before it."""

    def __init__(self, new: float) -> None:
        self.stop = 0
        self._new = new
        self._frames: deque[_Frame] = deque(maxlen=_BEHIND + 1 + _AHEAD)
        self._steps: deque[float] = deque(maxlen=_BEHIND + 1 + _AHEAD)
        self._before: deque[_Frame | None] = deque(maxlen=_BEHIND + 1 + _AHEAD)
        self._details: deque[float] = deque(maxlen=LONGEST + 2)
        self._gaps: deque[int] = deque(maxlen=_BEHIND + 1 + _AHEAD)
        self._exact: dict[int, float] = {}
        self._rests: dict[int, Rest] = {}
        self._visible: _Frame | None = None
        self._gap = 1

    @property
    def start(self) -> int:
        """The first frame that is still held."""
        return self.stop - len(self._frames)

    def __contains__(self, index: int) -> bool:
        return self.start <= index < self.stop

    def __getitem__(self, index: int) -> Sketch:
        return self._frames[index - self.start].sketch

    def add(self, picture: Pixels) -> None:
        """Add the next frame, uint8 RGB ``[64, 64, 3]``; an empty page differs from nothing."""
        drawn = sketch(picture)
        frame = _Frame(picture, drawn)
        before = None if drawn.blank else self._visible
        self._frames.append(frame)
        self._details.append(drawn.detail)
        self._before.append(before)
        self._steps.append(0.0 if before is None else difference(before.sketch, drawn))
        self._gaps.append(self._gap)
        self._exact.pop(self.start - 1, None)
        self._rests.pop(self.start - 1, None)
        self._gap = self._gap + 1 if drawn.blank else 1
        self._visible = self._visible if drawn.blank else frame
        self.stop += 1

    def held(self, first: int, stop: int) -> range:
        """Return those of the frames ``first:stop`` that are held."""
        return range(max(first, self.start), min(stop, self.stop))

    def most(self, index: int) -> float:
        """Return what :meth:`step` does not exceed; cheap."""
        return self._exact.get(index, self._steps[index - self.start])

    def step(self, index: int) -> float:
        """Return the change of frame ``index`` since the last frame that shows anything."""
        if index not in self._exact:
            before = self._before[index - self.start]
            self._exact[index] = 0.0 if before is None else change(before.sketch, self[index])
        return self._exact[index]

    def rest(self, index: int) -> Rest:
        """Return what of that change motion does not explain; slow."""
        if index not in self._rests:
            place = index - self.start
            before, now = self._before[place], self._frames[place]
            self._rests[index] = NOTHING if before is None else rest(before.pixels, now.pixels, self._new)
        return self._rests[index]

    def known(self, index: int) -> float:
        """Return what :meth:`step` is at least: 0 where it was not searched for yet; free."""
        return self._exact.get(index, 0.0)

    def rest_of(self, old: int, new: int) -> Rest:
        """Return what motion does not explain of the change from one frame to another; slow."""
        before, after = (self._frames[index - self.start] for index in (old, new))
        return rest(before.pixels, after.pixels, self._new)

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
    return next(_seen_again(reel, detector, first, stop, 0.0), None) is None


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
    shortest = detector.window + 1
    if reel.most(index) <= detector.faint or index < shortest or reel.stop - index < shortest:
        return 0.0
    # Motion is told cheaply: by what is known of the frames before.
    if reel.most(index) < max(map(reel.known, reel.held(index - detector.window, index))):
        return 0.0
    score = reel.step(index)
    if score <= detector.faint:
        return 0.0
    beside = _beside(reel, detector, index, score)
    if score >= detector.clean * beside and (score > detector.change or score >= 1.5 * detector.clean * beside):
        here = reel.rest(index)
        explained = here.of_change < detector.new and here.of_pictures < detector.left
        return 0.0 if explained or _held(reel, index) else score
    if score <= detector.change or score < beside:
        return 0.0
    if min(reel.step(index - 1), reel.step(index + 1)) > 0.5 * score or _blurred(reel, index):
        return 0.0
    least = detector.apart_from_calm if _calm(reel, detector, index, score) else detector.apart
    if not _stands_alone(reel, detector, index, least * beside / score) or _held(reel, index):
        return 0.0
    left = 0.5 * reel.rest(index).of_pictures
    again = _seen_again(reel, detector, index - 1, index, 0.5 * score)
    return 0.0 if any(reel.rest_of(i, j).of_pictures < left for i, j in again) else score


def _calm(reel: _Reel, detector: Detector, index: int, score: float) -> bool:
    """Say whether hardly anything moves on one side of frame ``index``."""
    sides = range(index - detector.window, index), range(index + 1, index + 1 + detector.window)
    return any(all(reel.step(i) < score / (2 * detector.clean) for i in side) for side in sides)


def _held(reel: _Reel, index: int) -> bool:
    """Say whether the change at ``index`` is one of several as large in one rhythm: of drawings held on twos, say."""
    for hold in range(2, _LONGEST_HOLD + 1):
        near, far = ([index - turn * hold, index + turn * hold] for turn in (1, 2))
        if any(reel.most(i) > _STILL for i in near if i in reel):
            here = reel.rest(index)
            least = 0.5 * here.of_pictures
            moved = here.of_change < _OTHER and all(_leaves(reel, i, least) for i in near)
            return moved and any(_leaves(reel, i, least) for i in far)
    return False


def _leaves(reel: _Reel, index: int, least: float) -> bool:
    """Say whether motion leaves more than ``least`` of what changes at ``index``."""
    # That is never much more than all that changes: most need no search.
    return index in reel and reel.most(index) > 0.5 * least and reel.rest(index).of_pictures > least


def _stands_alone(reel: _Reel, detector: Detector, index: int, ratio: float) -> bool:
    """Say whether motion leaves much of the change at ``index``, and ``ratio`` times more than of any other near it."""
    here = reel.rest(index)
    if here.of_change < detector.new:
        return False
    least = here.of_pictures / (ratio * reel.gap(index))
    return not any(_leaves(reel, i, least) for i in _others(reel, detector, index))


def _others(reel: _Reel, detector: Detector, index: int) -> list[int]:
    """Return the frames near ``index``, first those whose change may be largest: they tell most."""
    others = (i for i in reel.held(index - detector.window, index + detector.window + 1) if i != index)
    return sorted(others, key=reel.most, reverse=True)


def _beside(reel: _Reel, detector: Detector, index: int, score: float) -> float:
    """Return the largest other change near ``index``, for as many steps; what does not matter is not searched for.

    One that is too large for a cut is enough.
    """
    most, gap = 0.0, reel.gap(index)
    for other in _others(reel, detector, index):
        if reel.most(other) * gap <= max(most, score / detector.clean) or score < most:
            break
        most = max(most, reel.step(other) * gap)
    return most


def _blurred(reel: _Reel, index: int) -> bool:
    """Say whether the pictures on both sides have much less detail than others near them."""
    before = [reel[i].detail for i in reel.held(index - 8, index)]
    after = [reel[i].detail for i in reel.held(index, index + 8)]
    return before[-1] < 0.45 * max(before) and after[0] < 0.45 * max(after)


def _seen_again(reel: _Reel, detector: Detector, last: int, first: int, alike: float) -> Iterator[tuple[int, int]]:
    """Yield frames up to ``last`` and soon from ``first`` on that differ by less than ``alike``: something passed."""
    before = [i for i in reversed(reel.held(last + 1 - detector.back, last + 1)) if not reel[i].blank]
    after = [i for i in reel.held(first, first + detector.back) if not reel[i].blank]
    alike = max(alike, detector.change)
    for i, j in product(before[::3], after[::3]):
        if tint(reel[i], reel[j]) < alike and change(reel[i], reel[j]) < alike:
            yield i, j
