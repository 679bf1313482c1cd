"""What a run leaves behind: painted frames, layers in folders beside them, a report and its page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from anicolor.errors import AnicolorError, InputError, OverwriteError
from anicolor.frames import FrameRange
from anicolor.journal import Journal
from anicolor.media.film import Film
from anicolor.media.picture import Picture
from anicolor.media.write import ImageSink, Sink, check_output
from anicolor.painting.layers import Layer, layer_picture
from anicolor.painting.painter import Painted
from anicolor.painting.review import review
from anicolor.quality.notes import CutReport, FrameNote, Stranger, frame_facts, frame_note, save_report
from anicolor.quality.page import QualityPage

__all__ = ["Delivery", "beside", "check_beside"]


def beside(out: Path, what: str, suffix: str = "") -> Path:
    """Return what goes beside ``out``: ``painted-paint``, ``cut.mov-report.json``."""
    place = out if out.name not in ("", "..") else out.resolve()
    return place.with_name(f"{place.name}-{what}{suffix}")


def check_beside(out: Path, film: Film, layers: Sequence[Layer], *, report: bool, overwrite: bool) -> None:
    """Check that the layers and the report can be written beside ``out``.

    Raises:
        InputError: a layer's folder holds ``film`` or cannot be written; something else has the report's name.
        OverwriteError: they are there, and ``overwrite`` is not set.
    """
    for layer in layers:
        check_output(beside(out, layer), film, overwrite)
    for path in [beside(out, "report", suffix) for suffix in (".json", ".html") if report]:
        if path.is_dir():
            raise InputError(f"{path}: is a folder: name another output, or --no-report")
        if path.exists() and not overwrite:
            raise OverwriteError(f"{path}: exists: name another output, or --overwrite")
        if not os.access(next(folder for folder in path.absolute().parents if folder.exists()), os.W_OK):
            raise InputError(f"{path}: cannot be written: name another output, or --no-report")


class Delivery:
    """Writes frames, their layers and their notes, shot by shot.

    Args:
        film: the line art.
        out: where the painted frames go.
        shots: all shots of the film.
        layers: those to be written; each goes into a folder beside ``out``.
        gap: of regions, in layers and notes; see :func:`~anicolor.painting.regions.regions`.
        report: whether a report and its page are made.
    """

    def __init__(
        self,
        film: Film,
        out: Path,
        shots: Sequence[FrameRange],
        layers: Sequence[Layer] = (),
        gap: int | None = None,
        *,
        report: bool = False,
    ) -> None:
        self._film, self._out, self._shots, self._gap = film, out, tuple(shots), gap
        self._layers: dict[Layer, Sink] = {layer: ImageSink(beside(out, layer), film) for layer in layers}
        self._page = QualityPage(shots, film.pixel_aspect) if report else None
        self._notes: dict[int, tuple[FrameNote, ...]] = {}
        self._new: list[FrameNote] = []

    def __enter__(self) -> Delivery:
        for sink in self._layers.values():
            sink.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for sink in self._layers.values():
            sink.__exit__(None, None, None)

    def painted(self, sink: Sink, shot: int, frames: FrameRange, picture: Picture, painted: Painted) -> Iterator[int]:
        """Write a drawing that was painted for each of its ``frames``, and yield after each."""
        seen = review(painted, self._gap) if self._page else None
        for frame in self._each(sink, frames, picture, lambda: painted):
            if self._page and seen:
                number = self._film.info.numbers[frame]
                sure = seen.confidence, seen.unsure, painted.corrected
                note = FrameNote(frame, number, shot, False, *sure, moved=painted.moved, regions=seen.regions)
                self._page.see(note, picture, seen.doubt)
                self._new.append(note)
            yield frame

    def given(
        self, sink: Sink, shot: int, frames: FrameRange, picture: Picture, painted: Callable[[], Painted]
    ) -> Iterator[int]:
        """Write a keyframe for each of its ``frames``, and yield after each; ``painted`` is asked for layers alone."""
        for frame in self._each(sink, frames, picture, painted):
            if self._page:
                note = FrameNote(frame, self._film.info.numbers[frame], shot, True)
                self._page.see(note, picture, None)
                self._new.append(note)
            yield frame

    def finish(self, journal: Journal, shot: int) -> None:
        """Note that a shot is finished."""
        journal.finish(shot, [frame_facts(note) for note in self._new])
        self._notes[shot], self._new = tuple(self._new), []

    def resume(self, journal: Journal, shot: int) -> None:
        """Take over the notes of a shot that an earlier run finished.

        Raises:
            AnicolorError: they are damaged.
        """
        try:
            self._notes[shot] = tuple(frame_note(facts) for facts in journal.facts(shot))
        except ValueError as error:
            came = f"what an earlier run noted of shot {shot} is damaged ({error})"
            raise AnicolorError(f"{self._out}: {came}: begin again with --overwrite") from error

    def report(self, model: str, strangers: Sequence[Stranger], notes: Sequence[str]) -> None:
        """Write the report and its page, if they are asked for.

        Raises:
            AnicolorError: they cannot be written.
        """
        if self._page is None:
            return
        frames = tuple(note for shot in sorted(self._notes) for note in self._notes[shot])
        name = self._film.info.path.name
        report = CutReport(name, model, self._shots, frames, tuple(strangers), tuple(notes))
        save_report(beside(self._out, "report", ".json"), report)
        self._page.write(beside(self._out, "report", ".html"), report)

    def _each(self, sink: Sink, frames: FrameRange, picture: Picture, painted: Callable[[], Painted]) -> Iterator[int]:
        pictures = {}
        if self._layers:
            shown = painted()
            bits = self._film.info.bits  # a keyframe may have fewer
            pictures = {layer: layer_picture(layer, shown, bits, self._gap) for layer in self._layers}
        for frame in frames:
            for layer, one in pictures.items():
                self._layers[layer].write(frame, one)
            sink.write(frame, picture)  # last: where it is, all else is
            yield frame
