"""``anicolor lines``: line art from finished frames, or its distance field."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from anicolor.cli import console, options

__all__ = ["command"]


@click.command("lines")
@click.argument("film", type=options.FilmPath, metavar="INPUT")
@options.out
@click.option(
    "--method",
    type=click.Choice(["xdog", "distance"]),
    default="xdog",
    show_default=True,
    help="xdog: lines of finished frames; distance: the distance field of line art.",
)
@options.rate
@options.matrix
@options.overwrite
@options.quiet
def command(
    film: Path, out: Path, method: str, rate: Fraction | None, matrix: Any, overwrite: bool, quiet: bool
) -> None:
    """Take the lines out of a film: a video, a folder of numbered images, or a pattern like A.%04d.png."""
    from anicolor.lines.extract import extract
    from anicolor.media.open import open_film
    from anicolor.media.picture import from_frame, to_frame
    from anicolor.media.write import create

    with (
        open_film(film, rate=rate, matrix=matrix) as source,
        create(out, source, overwrite=overwrite) as sink,
        console.bar("lines", source.info.frames, quiet=quiet) as move,
    ):
        for index, picture in enumerate(source.read()):
            lines = extract(to_frame(picture)[None], method)[0]
            sink.write(index, from_frame(lines.expand(3, -1, -1), source.info.bits))
            move(index + 1, "")
    for remark in (*source.info.notes, *sink.notes):
        console.note(f"note: {remark}", quiet=quiet)
