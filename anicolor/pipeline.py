"""Colour a film: line art and painted keyframes in, painted frames out, one shot at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from anicolor.diffusion.noise import FrameNoise
from anicolor.errors import AnicolorError, InputError, OverwriteError, PartialError
from anicolor.frames import FrameRange, Shot, rebase
from anicolor.journal import Journal
from anicolor.keyframes import KeyframeFile, ShotPlan, assign, find_keyframes, load
from anicolor.lines.extract import drawn_lines, extract, looks_like_line_art
from anicolor.media.film import Film
from anicolor.media.picture import Picture, from_frame, to_frame
from anicolor.media.sequence import read_picture
from anicolor.media.write import Preset, Sink, check_output, create
from anicolor.models.colorizer import Colorizer, Reference
from anicolor.models.windows import fit, network_size, paint
from anicolor.painting.finish import covers_drawing, finish, opacity, paint_layer
from anicolor.shots.detect import detect

__all__ = ["Painted", "Plan", "Settings", "check_target", "colorize", "make_plan"]

_SMALLEST = 32  # the least network size that the command line takes


@dataclass(frozen=True)
class Settings:
    """How a film is painted: line extraction, sampling steps (None: the model's), seed, network size (longer side).

    ``lines`` names an extractor; ``auto`` takes the frames as line art, and refuses finished colour frames.
    """

    lines: str = "auto"
    steps: int | None = None
    seed: int = 0
    size: int = 640
    borrow: bool = False
    preset: Preset | None = None


@dataclass(frozen=True)
class Plan:
    """What will be done: the shots with their keyframes, the network's frame size (height, width), remarks."""

    shots: tuple[ShotPlan, ...]
    size: tuple[int, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Painted:
    """Progress: frames done of all, the shot at work, and whether it was found finished by an earlier run.

    ``notes`` is what the user should be told of the result; if there is anything, one last step says it.
    """

    done: int
    frames: int
    shot: int
    resumed: bool = False
    notes: tuple[str, ...] = ()


def make_plan(film: Film, keyframes: Path, settings: Settings, seen: Callable[[int], None] | None = None) -> Plan:
    """Return what :func:`colorize` will do; ``seen`` is told how many frames have been looked at for cuts.

    Raises:
        InputError: keyframes that do not fit the film, shots without one, finished film given as line art.
        AnicolorError: a frame or a keyframe cannot be read.
    """
    files = find_keyframes(keyframes, film.info)
    for file in files:
        read_picture(file.path)  # a damaged one would only show when its shot is painted
    shots = list(detect(_counted(film.read(), seen)))
    plans = assign(files, shots, film.info, borrow=settings.borrow)
    if settings.lines == "auto":
        _expect_line_art(film)
    size = network_size(film.info.height, film.info.width, settings.size)
    borrowed = [
        f"frames {_named(plan.shot, film)} have no keyframe of their own: painted from {plan.keyframes[0].path.name}"
        for plan in plans
        if plan.borrowed
    ]
    return Plan(tuple(plans), size, (*film.info.notes, *borrowed))


def check_target(out: Path, film: Film, settings: Settings, *, overwrite: bool = False, resume: bool = False) -> None:
    """Check, before any work, that :func:`colorize` can put the painted film into ``out``; raises as it does."""
    begun = Journal.begun(out)
    if begun and not (overwrite or resume):
        raise OverwriteError(f"{out}: holds an unfinished run: --resume goes on, --overwrite starts again")
    check_output(out, film, overwrite or (resume and begun))
    create(out, film, preset=settings.preset, overwrite=True)


def colorize(
    film: Film,
    plan: Plan,
    colorizer: Colorizer,
    out: Path,
    settings: Settings,
    *,
    overwrite: bool = False,
    resume: bool = False,
) -> Iterator[Painted]:
    """Paint ``film`` into ``out`` and yield after every frame; finished shots outlive a failure.

    Raises:
        InputError: ``out`` cannot take the film, or ``resume`` finds a run with other settings.
        OverwriteError: ``out`` exists, and neither ``overwrite`` nor ``resume`` is set.
        PartialError: some shots are painted and kept, then one failed.
        AnicolorError: the first shot failed already.
    """
    check_target(out, film, settings, overwrite=overwrite, resume=resume)
    if any(file.path.parent.resolve() == out.resolve() for shot in plan.shots for file in shot.keyframes):
        raise InputError(f"{out}: holds the keyframes: name another output")
    identity = _identity(film, plan, colorizer, settings)
    spans = [shot.shot.frames for shot in plan.shots]
    journal = Journal.open(film, out, settings.preset, identity, spans, resume=resume)
    done = 0
    with journal as sink:
        for number, shot in enumerate(plan.shots):
            resumed = number in journal.finished
            if resumed:
                done += len(shot.shot.frames)
                yield Painted(done, film.info.frames, number, resumed=True)
                continue
            with _partial(f"shot {number} (frames {_named(shot.shot, film)})", journal.finished, plan):
                for _ in _paint_shot(film, shot, colorizer, sink, plan.size, settings):
                    done += 1
                    yield Painted(done, film.info.frames, number)
                journal.finish(number)
        with _partial("putting the film together", journal.finished, plan):
            notes = journal.close()
    if notes:
        yield Painted(done, film.info.frames, len(plan.shots) - 1, notes=notes)


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
    film: Film, plan: ShotPlan, colorizer: Colorizer, sink: Sink, size: tuple[int, int], settings: Settings
) -> Iterator[int]:
    span = plan.shot.frames
    files = {file.index - span.start: file for file in plan.keyframes}
    given = {index: file for index, file in files.items() if 0 <= index < len(span)}
    references = {index: _reference(film, file, index, size, settings) for index, file in files.items()}
    window = _Reader(film, span, size, settings)
    noise = FrameNoise(settings.seed)
    painted = paint(colorizer, len(span), window.lines, references, noise, first=span.start, steps=settings.steps)
    whole = _covers(film, plan)
    written = 0
    with _memory(size):
        for new, colours in painted:
            yield from _write_given(sink, given, range(written, new.start), span)
            for index, colour in zip(new, colours, strict=True):
                sink.write(span.start + index, _finished(colour, *window.picture(index), settings, covered=whole))
                yield index
            written = new.stop
        yield from _write_given(sink, given, range(written, len(span)), span)


def _write_given(sink: Sink, given: dict[int, KeyframeFile], indices: range, span: FrameRange) -> Iterator[int]:
    for index in indices:
        sink.write(span.start + index, read_picture(given[index].path))
        yield index


def _finished(colour: Tensor, picture: Picture, lines: Tensor, settings: Settings, *, covered: bool) -> Picture:
    frame = to_frame(picture)
    drawing = extract(frame[None], settings.lines)[0].expand(3, -1, -1) if _extracted(settings) else frame
    layer = paint_layer(colour, lines, (picture.height, picture.width))
    alpha = picture.alpha
    if alpha is not None and not covered:
        alpha = opacity(layer, drawing, alpha)
    return from_frame(finish(layer, drawing), picture.bits, alpha)


class _Reader:
    """Pictures of one shot, read in order: only the window at work is held."""

    def __init__(self, film: Film, span: FrameRange, size: tuple[int, int], settings: Settings) -> None:
        self._film, self._span, self._size, self._settings = film, span, size, settings
        self._held: dict[int, tuple[Picture, Tensor]] = {}
        self._start_at(0)

    def lines(self, frames: FrameRange) -> Tensor:
        """Return the lines ``[T, 1, h, w]`` of the frames, counted from the shot, at the network's size."""
        self._held = {index: held for index, held in self._held.items() if index in frames}
        missing = [index for index in frames if index not in self._held]
        if missing and missing[0] < self._next:
            self._start_at(missing[0])
        while self._next < frames.stop:
            picture = next(self._pictures)
            if self._next in frames:
                self._held[self._next] = picture, _lines(picture, self._size, self._settings)
            self._next += 1
        return torch.stack([self._held[index][1] for index in frames])

    def picture(self, index: int) -> tuple[Picture, Tensor]:
        """Return a picture of the window at work and its lines ``[1, h, w]``."""
        return self._held[index]

    def _start_at(self, index: int) -> None:
        whole = FrameRange(0, self._film.info.frames)
        start = rebase(index, self._span, whole)
        self._pictures = self._film.read(FrameRange(start, self._span.stop))
        self._next = index


def _reference(film: Film, file: KeyframeFile, index: int, size: tuple[int, int], settings: Settings) -> Reference:
    picture = next(film.read(FrameRange(file.index, file.index + 1)))
    return Reference(index, fit(load(file).image[None], size)[0], _lines(picture, size, settings))


def _lines(picture: Picture, size: tuple[int, int], settings: Settings) -> Tensor:
    frame = to_frame(picture)[None]
    lines = extract(frame, settings.lines) if _extracted(settings) else drawn_lines(frame)
    return fit(lines, size)[0]


def _extracted(settings: Settings) -> bool:
    return settings.lines not in ("auto", "none")


def _covers(film: Film, plan: ShotPlan) -> bool:
    if not film.info.alpha:
        return False
    first = plan.shot.frames.start
    picture = next(film.read(FrameRange(first, first + 1)))
    return picture.alpha is not None and covers_drawing(picture.alpha, to_frame(picture))


def _identity(film: Film, plan: Plan, colorizer: Colorizer, settings: Settings) -> str:
    """Return a digest of all that the painted frames depend on, but for the pixels of the line art."""
    digest = hashlib.sha256()
    shots = [str(shot.shot.frames) for shot in plan.shots]
    facts = [str(film.info.path.resolve()), film.info.numbers, asdict(settings), plan.size, shots]
    digest.update(json.dumps(facts).encode())
    digest.update(repr(colorizer.settings).encode())  # all that tells one colorizer without weights from another
    for file in (file for shot in plan.shots for file in shot.keyframes):
        digest.update(file.path.read_bytes())
    for network in colorizer.networks.values():
        for value in network.state_dict().values():
            digest.update(value.cpu().numpy().tobytes())
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


def _counted(pictures: Iterator[Picture], seen: Callable[[int], None] | None) -> Iterator[Picture]:
    for count, picture in enumerate(pictures, 1):
        yield picture
        if seen is not None:
            seen(count)


def _expect_line_art(film: Film) -> None:
    middle = film.info.frames // 2
    picture = next(film.read(FrameRange(middle, middle + 1)))
    if not looks_like_line_art(to_frame(picture)[None]):
        raise InputError(
            f"{film.info.path}: expected line art, found finished colour frames:"
            " --lines xdog takes the lines out of them first, --lines none paints them as they are"
        )


def _named(shot: Shot, film: Film) -> str:
    numbers = film.info.numbers
    return f"{numbers[shot.frames.start]} to {numbers[shot.frames.stop - 1]}"
