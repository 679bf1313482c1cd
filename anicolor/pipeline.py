"""Colour a film: line art and painted keyframes in, painted frames out, one shot at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from anicolor.delivery import Delivery, beside, check_beside
from anicolor.diffusion.noise import FrameNoise
from anicolor.errors import AnicolorError, InputError, OverwriteError, PartialError
from anicolor.frames import FrameRange, Hold, Shot
from anicolor.journal import Journal
from anicolor.keyframes import KeyframeFile, ShotPlan, assign, find_keyframes, find_reference, load
from anicolor.lines.extract import drawn_lines, extract, looks_like_line_art
from anicolor.media.film import Film
from anicolor.media.picture import Picture, from_frame, to_frame
from anicolor.media.sequence import read_picture
from anicolor.media.write import Preset, Sink, check_output, create
from anicolor.models.box import Box, Extent
from anicolor.models.cache import PaintCache, digest_of
from anicolor.models.colorizer import Colorizer, Colours, Reference
from anicolor.models.windows import Precision, fit, network_size, paint
from anicolor.painting.borders import CLEAN
from anicolor.painting.finish import covers_drawing, opacity
from anicolor.painting.ink import InkSamples
from anicolor.painting.layers import Layer
from anicolor.painting.painter import Finish, Look, Painted, Painter
from anicolor.painting.palette import ColourModel, PaletteSamples
from anicolor.painting.trace import Trace
from anicolor.quality.notes import Stranger
from anicolor.shots.detect import find_shots
from anicolor.shots.holds import film_holds, held_in
from anicolor.temporal.refiner import Refiner, refined
from anicolor.temporal.sight import Sight
from anicolor.temporal.steady import steadied

__all__ = [
    "Finish",
    "LineColour",
    "Plan",
    "Progress",
    "Settings",
    "check_model",
    "check_target",
    "colorize",
    "make_plan",
]

_SMALLEST = 32  # the least network size that the command line takes
_FAR = -(10**6)  # the drawing that a foreign picture shows: beside none
_GPU_BATCH = 8  # frames: on a CPU more than one at once only costs memory


LineColour = Literal["keyframe", "multiply"]


@dataclass(frozen=True)
class Settings:
    """How a film is painted: line extraction, sampling steps (None: the model's), seed, network size (longer side).

    ``lines`` names an extractor; ``auto`` takes the frames as line art, and refuses finished colour frames. With
    ``holds`` a drawing that is held is painted once, and written for each of its frames. ``line_colour`` is
    ``keyframe`` (lines look as the keyframes show them) or ``multiply`` (the drawing multiplied with the paint).
    ``finish`` is ``flat`` (the keyframes' exact colours, where they are painted flat; else as ``soft``), ``soft``
    (raised to the frame's size without crossing a line) or ``raw``; ``gap`` is the widest gap in the lines, in pixels,
    that it closes (None: by the frame's size). With ``steady`` what flickers is given the colours around it in time,
    before any finish but ``raw``. With ``box`` networks see of large frames only the part that something is drawn or
    painted in. ``trace`` is what becomes of colour-trace lines: as the keyframes show,
    ``keep`` or ``paint`` (they take the darker fill beside them). ``references`` keyframes at most are given to the
    model for one frame (None: as many as it takes). ``batch`` frames are painted at once where a model can (None:
    several on a GPU, one elsewhere), with networks that calculate in ``precision``. ``layers`` go into folders beside
    the output; ``model`` is the colour model that fills are locked to; with ``report`` a report and its page are
    written beside the output. Colours that the colorizer made are kept in the folder ``cache``, and not made again from
    the same drawings, keyframes and settings.
    """

    lines: str = "auto"
    steps: int | None = None
    seed: int = 0
    size: int = 640
    borrow: bool = False
    preset: Preset | None = None
    holds: bool = True
    line_colour: LineColour = "keyframe"
    finish: Finish = "flat"
    gap: int | None = None
    steady: bool = True
    box: bool = True
    trace: Trace = "keyframe"
    references: int | None = None
    batch: int | None = None
    precision: Precision = "float32"
    layers: tuple[Layer, ...] = ()
    model: ColourModel | None = None
    report: bool = False
    cache: Path | None = None


@dataclass(frozen=True)
class Plan:
    """What will be done: shots with their keyframes, the drawings of each, remarks.

    ``size`` (height, width) is that of whole frames for the network.
    """

    shots: tuple[ShotPlan, ...]
    holds: tuple[tuple[Hold, ...], ...]
    size: tuple[int, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """Progress: frames done of all, the shot at work, and whether it was found finished by an earlier run.

    ``notes`` is what the user should be told of the result; if there is anything, one last step says it.
    """

    done: int
    frames: int
    shot: int
    resumed: bool = False
    notes: tuple[str, ...] = ()


def make_plan(
    film: Film,
    keyframes: Path,
    settings: Settings,
    seen: Callable[[int], None] | None = None,
    *,
    shots: Sequence[Shot] | None = None,
    holds: Sequence[Hold] | None = None,
    foreign: bool = False,
) -> Plan:
    """Return what :func:`colorize` will do; ``seen`` is told how many frames have been looked at, first for cuts.

    ``shots`` is where an editor has the film's shots, ``holds`` what a time sheet says, each frame in one of them;
    without them they are looked for. ``foreign``: ``keyframes`` is one picture that shows none of the film's frames,
    and every shot is painted from it.

    Raises:
        InputError: keyframes that do not fit the film, shots without one, finished film given as line art.
        AnicolorError: a frame or a keyframe cannot be read.
    """
    files = (find_reference(keyframes),) if foreign else find_keyframes(keyframes, film.info)
    for file in files:
        read_picture(file.path)  # a damaged one would only show when its shot is painted
    shots = find_shots(film, seen=seen) if shots is None else shots
    own = [ShotPlan(shot, files) for shot in shots]
    plans = own if foreign else assign(files, shots, film.info, borrow=settings.borrow)
    if settings.lines == "auto":
        _expect_line_art(film)
    elif foreign:
        _expect_finished(film)
    if holds is None:
        holds = list(film_holds(film, shots, seen)) if settings.holds else [Hold(span) for span in _ones(film)]
    size = network_size(film.info.height, film.info.width, settings.size)
    borrowed = [
        f"frames {_named(plan.shot, film)} have no keyframe of their own: painted from {plan.keyframes[0].path.name}"
        for plan in plans
        if plan.borrowed
    ]
    drawings = tuple(held_in(shot.frames, holds) for shot in shots)
    return Plan(tuple(plans), drawings, size, (*film.info.notes, *borrowed))


def check_target(out: Path, film: Film, settings: Settings, *, overwrite: bool = False, resume: bool = False) -> None:
    """Check, before any work, that :func:`colorize` can put the painted film into ``out``; raises as it does."""
    begun = Journal.begun(out)
    if begun and not (overwrite or resume):
        raise OverwriteError(f"{out}: holds an unfinished run: --resume goes on, --overwrite starts again")
    check_output(out, film, overwrite or (resume and begun))
    free = overwrite or (resume and begun)
    check_beside(out, film, settings.layers, report=settings.report, overwrite=free)
    create(out, film, preset=settings.preset, overwrite=True)


def check_model(colorizer: Colorizer, settings: Settings) -> None:
    """Check that ``colorizer`` can do what the settings ask of it.

    Raises:
        InputError: it cannot.
    """
    if "confidence" in settings.layers and not colorizer.traits.confident:
        raise InputError("the layer confidence needs a model that can tell how sure it is, such as opdm-small")


def colorize(
    film: Film,
    plan: Plan,
    colorizer: Colorizer,
    out: Path,
    settings: Settings,
    *,
    refiner: Refiner | None = None,
    overwrite: bool = False,
    resume: bool = False,
    name: str = "",
) -> Iterator[Progress]:
    """Paint ``film`` into ``out`` and yield after every frame; finished shots outlive a failure.

    What the colorizer makes goes through ``refiner``, if there is one. ``name`` is the model's, for the report.

    Raises:
        InputError: ``out`` cannot take the film, or ``resume`` finds a run with other settings.
        OverwriteError: ``out`` exists, and neither ``overwrite`` nor ``resume`` is set.
        PartialError: some shots are painted and kept, then one failed.
        AnicolorError: the first shot failed already.
    """
    check_target(out, film, settings, overwrite=overwrite, resume=resume)
    given = {file.path.parent.resolve() for shot in plan.shots for file in shot.keyframes if not file.foreign}
    for target in (out, *(beside(out, layer) for layer in settings.layers)):
        if target.resolve() in given:
            raise InputError(f"{target}: holds the keyframes: name another output")
    check_model(colorizer, settings)
    identity = _identity(film, plan, (colorizer, *((refiner,) if refiner else ())), settings)
    spans = [shot.shot.frames for shot in plan.shots]
    layers = [beside(out, layer) for layer in settings.layers]
    journal = Journal.open(film, out, settings.preset, identity, spans, layers, resume=resume)
    done = 0
    networks = _Networks(colorizer, refiner, _cache(colorizer, settings))
    delivery = Delivery(film, out, spans, settings.layers, settings.gap, report=settings.report)
    with journal as sink, delivery:
        for number, shot in enumerate(plan.shots):
            resumed = number in journal.finished
            if resumed:
                done += len(shot.shot.frames)
                delivery.resume(journal, number)
                yield Progress(done, film.info.frames, number, resumed=True)
                continue
            with _partial(f"shot {number} (frames {_named(shot.shot, film)})", journal.finished, plan):
                write = _Write(delivery, sink, number)
                for _ in _paint_shot(film, shot, plan.holds[number], networks, write, plan.size, settings):
                    done += 1
                    yield Progress(done, film.info.frames, number)
                delivery.finish(journal, number)
        with _partial("putting the film together", journal.finished, plan):
            delivery.report(name, _strangers(film, plan, settings), plan.notes)  # while it can be resumed
            notes = journal.close()
    if notes:
        yield Progress(done, film.info.frames, len(plan.shots) - 1, notes=notes)


@contextmanager
def _partial(what: str, finished: set[int], plan: Plan) -> Iterator[None]:
    """Turn a failure after finished shots into one that says that they are kept."""
    try:
        yield
    except AnicolorError as error:
        if not finished:
            raise
        kept = f"{len(finished)} of {len(plan.shots)} shots are kept: --resume goes on with the same settings"
        raise PartialError(f"{what} failed: {error}; {kept}") from error


def _paint_shot(
    film: Film,
    plan: ShotPlan,
    holds: tuple[Hold, ...],
    networks: _Networks,
    write: _Write,
    size: tuple[int, int],
    settings: Settings,
) -> Iterator[int]:
    """Paint each drawing of a shot once, write it for all frames that it is held, and yield after each frame."""
    files = {_FAR if file.foreign else _drawing(file.index, holds): file for file in reversed(plan.keyframes)}
    inks, paints, drawing_of = InkSamples(), PaletteSamples(), partial(_drawing_of, settings=settings)
    references: dict[int, Reference] = {}
    with _memory(size):
        box, paper = _box(film, plan, holds, size, settings)
        for drawing, file in files.items():
            image = load(file, film.info).image
            picture = _under(file, film)
            seen = box.cut(fit(image[None], box.canvas))[0]
            references[drawing] = Reference(drawing, seen, _lines(picture, box, settings))
            if settings.finish == "flat":
                paints.add(image, drawing_of(picture))
        plain = Painter(Look(None, paints.colours()), settings.finish, settings.gap)
        for drawing, file in files.items() if settings.line_colour == "keyframe" else ():
            drawn, blank = drawing_of(_under(file, film)), torch.ones(1)
            colours, lines = references[drawing].image, box.laid_on(references[drawing].lines, blank)
            made = plain.paint(box.laid_on(colours, paper), torch.ones_like(lines), lines, drawn)
            inks.add(load(file, film.info).image, made.paint, drawn)
    look = replace(plain.look, ink=inks.colours())
    painter = replace(plain, look=look, model=settings.model, trace=settings.trace)
    window = _Reader(film, holds, box, settings)
    noise = FrameNoise(settings.seed)
    colorizer, refiner = networks.colorizer, networks.refiner
    painted = paint(
        colorizer,
        len(holds),
        window.lines,
        references,
        noise,
        shot=plan.shot.frames.start,
        steps=settings.steps,
        most=settings.references,
        batch=settings.batch or (_GPU_BATCH if colorizer.device.type == "cuda" else 1),
        precision=settings.precision,
        cache=networks.cache,
    )
    whole = _covers(film, plan)

    def given(file: KeyframeFile) -> Painted:
        return painter.given(load(file, film.info).image, drawing_of(_under(file, film)))

    with _memory(box.size):
        sights = _sights(len(holds), references, painted, window)
        if refiner is not None:
            sights = refined(sights, len(holds), references, refiner, settings.precision)
        for sight in steadied(sights) if settings.steady and settings.finish != "raw" else sights:
            number, shown = sight.thing
            if shown is None:
                yield from _write_given(write, plan.keyframes, holds[number], given)
                continue
            blank = torch.ones(1)
            sure = None if sight.confidence is None else box.laid_on(sight.confidence, blank)
            colours, lines = box.laid_on(sight.colours, paper), box.laid_on(sight.lines, blank)
            finished = painter.paint(colours, sure, lines, drawing_of(shown))
            finished = replace(finished, corrected=sight.corrected)
            yield from write.painted(holds[number].frames, _picture(finished, shown, covered=whole), finished)


def _sights(
    length: int,
    references: Mapping[int, Reference],
    painted: Iterable[tuple[FrameRange, Colours]],
    window: _Reader,
) -> Iterator[Sight[tuple[int, Picture | None]]]:
    """Yield all drawings of a shot in order, each with its number and its picture; keyframes with none."""
    keyframes = iter(sorted(number for number in references if 0 <= number < length))
    key = next(keyframes, length)

    def before(number: int) -> Iterator[Sight[tuple[int, Picture | None]]]:
        nonlocal key
        while key < number:
            yield Sight(references[key].image, None, references[key].lines, True, (key, None))
            key = next(keyframes, length)

    for new, made in painted:
        yield from before(new.start)
        for place, number in enumerate(new):
            confidence = None if made.confidence is None else made.confidence[place]
            picture, lines = window.picture(number)
            yield Sight(made.frames[place], confidence, lines, False, (number, picture))
    yield from before(length)


def _drawing(frame: int, holds: Sequence[Hold]) -> int:
    """Return which drawing of a shot ``frame`` (of the film) shows; beyond the shot, drawings are frames."""
    if frame < holds[0].frames.start:
        return frame - holds[0].frames.start
    if frame >= holds[-1].frames.stop:
        return len(holds) + frame - holds[-1].frames.stop
    return next(index for index, hold in enumerate(holds) if frame in hold.frames)


@dataclass(frozen=True, eq=False)
class _Networks:
    """What makes the colours of a shot, and where they are kept."""

    colorizer: Colorizer
    refiner: Refiner | None
    cache: PaintCache | None


@dataclass(frozen=True, eq=False)
class _Write:
    """Where the frames of a shot go."""

    delivery: Delivery
    sink: Sink
    shot: int

    def painted(self, frames: FrameRange, picture: Picture, painted: Painted) -> Iterator[int]:
        return self.delivery.painted(self.sink, self.shot, frames, picture, painted)

    def given(self, frames: FrameRange, picture: Picture, painted: Callable[[], Painted]) -> Iterator[int]:
        return self.delivery.given(self.sink, self.shot, frames, picture, painted)


def _write_given(
    write: _Write, keyframes: Sequence[KeyframeFile], hold: Hold, given: Callable[[KeyframeFile], Painted]
) -> Iterator[int]:
    """Write a drawing that is a keyframe; of several of one drawing each has its own frame and those after it."""
    inside = sorted((file for file in keyframes if file.index in hold.frames), key=lambda file: file.index)
    borders = [hold.frames.start, *(file.index for file in inside[1:]), hold.frames.stop]
    for file, (start, stop) in zip(inside, pairwise(borders), strict=True):
        yield from write.given(FrameRange(start, stop), read_picture(file.path), partial(given, file))


def _picture(painted: Painted, drawn: Picture, *, covered: bool) -> Picture:
    """Return a ``painted`` frame as its drawing was ``drawn``: as many bits, and opaque where there is paint."""
    alpha = drawn.alpha
    if alpha is not None and not covered:
        alpha = opacity(painted.paint, painted.drawing, painted.frame, alpha)
    return from_frame(painted.frame, drawn.bits, alpha)


def _under(file: KeyframeFile, film: Film) -> Picture:
    """Return the film's frame that a keyframe paints; of a foreign picture, itself."""
    if file.foreign:
        return from_frame(load(file, film.info).image)
    return next(film.read(FrameRange(file.index, file.index + 1)))


def _drawing_of(picture: Picture, settings: Settings) -> Tensor:
    """Return the drawing ``[3, H, W]`` that is laid over the paint."""
    frame = to_frame(picture)
    return extract(frame[None], settings.lines)[0].expand(3, -1, -1) if _extracted(settings) else frame


class _Reader:
    """Drawings of one shot, read in order: only the window at work is held."""

    def __init__(self, film: Film, holds: tuple[Hold, ...], box: Box, settings: Settings) -> None:
        self._film, self._holds, self._box, self._settings = film, holds, box, settings
        self._held: dict[int, tuple[Picture, Tensor]] = {}
        self._start_at(0)

    def lines(self, drawings: FrameRange) -> Tensor:
        """Return the lines ``[T, 1, h, w]`` of the drawings, counted from the shot, at the network's size."""
        self._held = {index: held for index, held in self._held.items() if index in drawings}
        missing = [index for index in drawings if index not in self._held]
        if missing and missing[0] < self._next:
            self._start_at(missing[0])
        while self._next < drawings.stop:
            picture = next(self._pictures)
            if self._next in drawings:
                self._held[self._next] = picture, _lines(picture, self._box, self._settings)
            self._next += 1
        return torch.stack([self._held[index][1] for index in drawings])

    def picture(self, index: int) -> tuple[Picture, Tensor]:
        """Return a drawing, of the window at work without reading it again, and its lines ``[1, h, w]``."""
        if index not in self._held:
            self.lines(FrameRange(index, index + 1))
        return self._held[index]

    def _start_at(self, index: int) -> None:
        holds = self._holds[index:]
        firsts = {hold.frames.start for hold in holds}
        span = FrameRange(holds[0].frames.start, holds[-1].frames.stop)
        frames = zip(span, self._film.read(span), strict=True)
        self._pictures = (picture for frame, picture in frames if frame in firsts)
        self._next = index


def _lines(picture: Picture, box: Box, settings: Settings) -> Tensor:
    frame = to_frame(picture)[None]
    lines = extract(frame, settings.lines) if _extracted(settings) else drawn_lines(frame)
    return box.cut(fit(lines, box.canvas))[0]


def _box(
    film: Film, plan: ShotPlan, holds: tuple[Hold, ...], size: tuple[int, int], settings: Settings
) -> tuple[Box, Tensor]:
    """Return the part of a shot's frames that networks are shown, and the one colour ``[3]`` that is around it.

    It is the whole frame where that is not made smaller, where keyframes have other papers or are of another film, and
    where lines must be extracted.
    """
    whole, white = Box.whole(size), torch.ones(3)
    height, width = film.info.height, film.info.width
    strange = _extracted(settings) or any(file.foreign for file in plan.keyframes)
    if not settings.box or strange or size == (height, width):
        return whole, white
    extent, paper = Extent(height, width), None
    for file in plan.keyframes:
        image = load(file, film.info).image
        corner = image[:, 0, 0]
        paper = corner if paper is None else paper
        if not torch.equal(paper, corner):
            return whole, white
        extent.see_keyframe((image != paper[:, None, None]).any(dim=0), _marks(_under(file, film)))
    firsts = {hold.frames.start for hold in holds}
    for frame, picture in zip(plan.shot.frames, film.read(plan.shot.frames), strict=True):
        if frame in firsts:
            extent.see_drawing(_marks(picture))
    assert paper is not None, "a shot that is painted has a keyframe"
    return extent.box(settings.size), paper


def _marks(picture: Picture) -> Tensor:
    """Return where a drawing has lines, however faint, ``[H, W]``."""
    return drawn_lines(to_frame(picture)[None])[0, 0] < CLEAN


def _extracted(settings: Settings) -> bool:
    return settings.lines not in ("auto", "none")


def _covers(film: Film, plan: ShotPlan) -> bool:
    if not film.info.alpha:
        return False
    first = plan.shot.frames.start
    picture = next(film.read(FrameRange(first, first + 1)))
    return picture.alpha is not None and covers_drawing(picture.alpha, to_frame(picture))


def _strangers(film: Film, plan: Plan, settings: Settings) -> tuple[Stranger, ...]:
    """Return the colours of keyframes that are not in the colour model."""
    if settings.model is None or not settings.report:
        return ()
    found = []
    every = {file.index: file for shot in plan.shots for file in shot.keyframes}  # a borrowed one is of several shots
    for file in every.values():
        drawing = _drawing_of(_under(file, film), settings)
        strangers = settings.model.strangers(load(file, film.info).image, drawing)
        found += [Stranger(colour, file.number, pixels) for colour, pixels in strangers]
    return tuple(found)


def _cache(colorizer: Colorizer, settings: Settings) -> PaintCache | None:
    if settings.cache is None:
        return None
    how = settings.steps, settings.seed, settings.precision, settings.references, colorizer.device.type
    return PaintCache(settings.cache, digest_of(colorizer, *how))


def _identity(film: Film, plan: Plan, makers: Iterable[Colorizer | Refiner], settings: Settings) -> str:
    """Return a digest of all that the painted frames depend on, but for the pixels of the line art."""
    digest = hashlib.sha256()
    shots = [[str(hold.frames) for hold in holds] for holds in plan.holds]
    wishes = asdict(replace(settings, batch=None, model=None, cache=None))
    given = [[file.index for file in shot.keyframes] for shot in plan.shots]
    facts = [str(film.info.path.resolve()), film.info.numbers, wishes, plan.size, shots, given]
    digest.update(json.dumps(facts).encode())
    if settings.model is not None:
        digest.update(settings.model.colours.numpy().tobytes())
    for maker in makers:
        digest.update(digest_of(maker))
    for file in (file for shot in plan.shots for file in shot.keyframes):
        digest.update(file.path.read_bytes())
    return digest.hexdigest()


@contextmanager
def _memory(size: tuple[int, int]) -> Iterator[None]:
    """Turn a lack of memory into an error that names the size to try."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "alloc" not in str(error).lower():
            raise
        smaller = max(size) * 3 // 4 // 16 * 16
        cure = f"try --size {smaller} --overwrite" if smaller >= _SMALLEST else "free some, or try --device cpu"
        raise AnicolorError(f"out of memory at a network size of {max(size)}: {cure}") from error


def _ones(film: Film) -> Iterator[FrameRange]:
    return (FrameRange(frame, frame + 1) for frame in range(film.info.frames))


def _expect_line_art(film: Film) -> None:
    middle = film.info.frames // 2
    picture = next(film.read(FrameRange(middle, middle + 1)))
    if not looks_like_line_art(to_frame(picture)[None]):
        raise InputError(
            f"{film.info.path}: expected line art, found finished colour frames:"
            " --lines xdog takes the lines out of them first, --lines none paints them as they are"
        )


def _expect_finished(film: Film) -> None:
    middle = film.info.frames // 2
    if looks_like_line_art(to_frame(next(film.read(FrameRange(middle, middle + 1))))[None]):
        raise InputError(f"{film.info.path}: expected a finished film, found line art: anicolor colorize paints it")


def _named(shot: Shot, film: Film) -> str:
    numbers = film.info.numbers
    return f"{numbers[shot.frames.start]} to {numbers[shot.frames.stop - 1]}"
