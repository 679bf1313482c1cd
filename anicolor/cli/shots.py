"""``anicolor shots``: where a film cuts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anicolor.cli import console, options

if TYPE_CHECKING:
    from anicolor.frames import Hold, Shot
    from anicolor.media.film import Film
    from anicolor.shots.detect import Detector
    from anicolor.shots.sheet import Sheet

__all__ = ["command"]


@dataclass(frozen=True)
class _Targets:
    """What is to be written beside the list on stdout, each where it is asked for."""

    csv: Path | None
    edl: Path | None
    otio: Path | None
    html: Path | None
    xdts: Path | None
    split: Path | None

    @property
    def files(self) -> list[Path]:
        return [path for path in (self.csv, self.edl, self.otio, self.html, self.xdts) if path is not None]


@dataclass(frozen=True)
class _Found:
    """The shots, how they were found, and every frame's change if a curve is asked for."""

    detector: Detector
    shots: Sequence[Shot]
    changes: Sequence[float]


@click.command("shots")
@click.argument("film", type=options.FilmPath, metavar="INPUT")
@click.option(
    "--detector",
    type=click.Choice(["structure", "histogram"]),
    default="structure",
    show_default=True,
    help="structure: line art and colour; histogram: the papers' rule, for finished film.",
)
@click.option("--csv", type=options.FilmPath, metavar="FILE", help="Write a table.")
@click.option("--edl", type=options.FilmPath, metavar="FILE", help="Write an edit list (CMX 3600).")
@click.option("--otio", type=options.FilmPath, metavar="FILE", help="Write an OpenTimelineIO timeline.")
@click.option("--html", type=options.FilmPath, metavar="FILE", help="Write a contact sheet: one page with pictures.")
@click.option("--holds", is_flag=True, help="List the drawings that are held for several frames, too.")
@click.option("--xdts", type=options.FilmPath, metavar="FILE", help="Write a time sheet of the holds.")
@click.option(
    "--split", type=options.FilmPath, metavar="DIR", help="Write each shot: FFV1 of a video, the images of a sequence."
)
@options.rate
@options.matrix
@options.overwrite
@options.quiet
@options.as_json
def command(
    film: Path,
    detector: str,
    holds: bool,
    rate: Fraction | None,
    matrix: Any,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    **targets: Any,
) -> None:
    """List the shots of a film: a video, a folder of numbered images, or a pattern like A.%04d.png.

    The list is printed, and written in as many forms as are asked for.
    """
    from anicolor.media.open import open_film
    from anicolor.shots.detect import Detector
    from anicolor.shots.lists import shots_json

    wanted = _Targets(**targets)
    with open_film(film, rate=rate, matrix=matrix) as source:
        _check(wanted, source, overwrite=overwrite)
        rule = Detector(rule="histogram" if detector == "histogram" else "structure")
        found = _find(source, rule, curve=wanted.html is not None, quiet=quiet)
        held = _holds(source, found.shots, wanted.xdts, quiet=quiet) if holds or wanted.xdts else None
        remarks = [*source.info.notes, *_write(wanted, source, found, quiet=quiet)]
    for remark in remarks:
        console.note(f"note: {remark}", quiet=quiet)
    if as_json:
        console.print_json(shots_json(source.info, found.shots, held))
    else:
        columns = ("shot", "start", "stop", "frames", "numbers", "score", "kind", *(("drawings",) * (held is not None)))
        console.print_table(columns, _rows(source, found.shots, held))


def _find(film: Film, detector: Detector, *, curve: bool, quiet: bool) -> _Found:
    from anicolor.shots.detect import find_shots

    changes: list[float] = []
    with console.bar("shots", film.info.frames, quiet=quiet) as move:
        shots = find_shots(film, detector, lambda seen: move(seen, ""), changes.append if curve else None)
    return _Found(detector, shots, changes)


def _rows(film: Film, shots: Sequence[Shot], holds: Sequence[Hold] | None) -> Iterator[tuple[object, ...]]:
    from anicolor.shots.holds import held_in

    numbers = film.info.numbers
    for index, shot in enumerate(shots):
        start, stop = shot.frames.start, shot.frames.stop
        named = f"{numbers[start]}-{numbers[stop - 1]}"
        drawings = () if holds is None else (len(held_in(shot.frames, holds)),)
        yield index, start, stop, len(shot.frames), named, f"{shot.score:.3g}", shot.kind, *drawings


def _holds(film: Film, shots: Sequence[Shot], sheet: Path | None, *, quiet: bool) -> list[Hold]:
    """Find the holds, and write them as a time sheet if that is asked for."""
    from anicolor.media.atomic import write_bytes
    from anicolor.shots.holds import film_holds
    from anicolor.shots.xdts import xdts

    with console.bar("holds", film.info.frames, quiet=quiet) as move:
        holds = list(film_holds(film, shots, lambda seen: move(seen, "")))
    if sheet is not None:
        write_bytes(sheet, xdts(film.info, holds).encode())
    return holds


def _check(targets: _Targets, film: Film, *, overwrite: bool) -> None:
    """Refuse, before any work, what cannot be written."""
    from anicolor.shots.lists import check_list
    from anicolor.shots.split import check_split

    for number, path in enumerate(targets.files):
        check_list(path, film, overwrite=overwrite)
        if any(path.resolve() == other.resolve() for other in targets.files[:number]):
            raise click.UsageError(f"{path} is asked for twice: name two files")
    if targets.split is not None:
        check_split(targets.split, film, overwrite=overwrite)


def _write(targets: _Targets, film: Film, found: _Found, *, quiet: bool) -> list[str]:
    """Write what is asked for, and return what the user should be told."""
    from anicolor.media.atomic import write_bytes
    from anicolor.shots.edl import MOST_EVENTS, shots_edl
    from anicolor.shots.sheet import Sheet
    from anicolor.shots.table import shots_csv
    from anicolor.shots.timecode import is_variable
    from anicolor.shots.timeline import shots_otio

    shots, remarks = found.shots, []
    if targets.csv is not None:
        write_bytes(targets.csv, shots_csv(film, shots).encode())
    if targets.edl is not None:
        write_bytes(targets.edl, shots_edl(film.info, shots).encode("utf-8", "replace"))
        if len(shots) > MOST_EVENTS:
            remarks.append(f"{targets.edl}: {len(shots)} events, and CMX 3600 numbers {MOST_EVENTS}: some refuse more")
    if targets.otio is not None:
        write_bytes(targets.otio, shots_otio(film, shots).encode())
    if (targets.edl or targets.otio) and is_variable(film):
        remarks.append("the edit list counts frames as if all lasted equally long; --csv has their times")
    sheet = Sheet(film, shots, found.changes, found.detector.least) if targets.html is not None else None
    if sheet is not None or targets.split is not None:
        remarks += _pass(film, shots, sheet, targets.split, quiet=quiet)
    if sheet is not None and targets.html is not None:
        sheet.write(targets.html, {"detector": found.detector.rule})
    return remarks


def _pass(film: Film, shots: Sequence[Shot], sheet: Sheet | None, split: Path | None, *, quiet: bool) -> list[str]:
    """Go through the pictures once, for the contact sheet and the shots' files alike."""
    from anicolor.shots.split import leftovers, pictures_of

    wanted = sheet.wanted if sheet is not None else frozenset()
    with console.bar("pictures", film.info.frames, quiet=quiet) as move:
        for frame, picture in pictures_of(film, shots, wanted, split):
            if sheet is not None and picture is not None:
                sheet.see(frame, picture)
            move(frame + 1, "")
    if split is None:
        return []
    remarks = [f"{split}: the shots are silent, their sound is not cut"] if film.info.audio else []
    left = leftovers(split, film, shots)
    return [*remarks, f"{split}: left from before: {', '.join(left)}"] if left else remarks
