"""``anicolor shots``: where a film cuts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from anicolor.cli import console, options

__all__ = ["command"]


@click.command("shots")
@click.argument("film", type=options.FilmPath, metavar="INPUT")
@click.option(
    "--detector",
    type=click.Choice(["structure", "histogram"]),
    default="structure",
    show_default=True,
    help="structure: line art and colour; histogram: the papers' rule, for finished film.",
)
@options.rate
@options.matrix
@options.quiet
@options.as_json
def command(film: Path, detector: str, rate: Fraction | None, matrix: Any, quiet: bool, as_json: bool) -> None:
    """List the shots of a film: a video, a folder of numbered images, or a pattern like A.%04d.png."""
    from anicolor.media.open import open_film
    from anicolor.shots.detect import Detector, detect
    from anicolor.shots.lists import shots_json

    with (
        open_film(film, rate=rate, matrix=matrix) as source,
        console.bar("shots", source.info.frames, quiet=quiet) as move,
    ):
        rule = Detector(rule="histogram" if detector == "histogram" else "structure")
        shots = []
        for shot in detect(source.read(), rule):
            shots.append(shot)
            move(shot.frames.stop, "")
    for remark in source.info.notes:
        console.note(f"note: {remark}", quiet=quiet)
    if as_json:
        console.print_json(shots_json(source.info, shots))
        return
    numbers = source.info.numbers
    rows = [
        (
            n,
            s.frames.start,
            s.frames.stop,
            len(s.frames),
            f"{numbers[s.frames.start]}-{numbers[s.frames.stop - 1]}",
            f"{s.score:.3g}",
        )
        for n, s in enumerate(shots)
    ]
    console.print_table(("shot", "start", "stop", "frames", "numbers", "score"), rows)
