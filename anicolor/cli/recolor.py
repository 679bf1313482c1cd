"""``anicolor recolor``: a finished film in the colours of another picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from anicolor.cli import options

__all__ = ["command"]


@click.command("recolor")
@click.argument("film", type=options.FilmPath, metavar="INPUT")
@click.option("--reference", type=options.FilmPath, required=True, help="A painted picture: its colours are taken.")
@options.out
@options.shots
@options.model
@options.weights
@options.steps
@options.seed
@options.size
@options.finish
@options.refine
@options.refiner
@options.steady
@options.report
@options.cache
@options.preset
@options.rate
@options.matrix
@options.device
@options.overwrite
@options.resume
@options.quiet
@options.as_json
def command(
    reference: Path,
    steps: int | None,
    seed: int,
    size: int,
    finish: Any,
    steady: bool,
    report: bool,
    cache: bool,
    preset: Any,
    rate: Fraction | None,
    **more: Any,
) -> None:
    """Paint a finished film anew, in the colours of a picture that need not be one of its frames.

    The lines are taken out of INPUT, and every frame of every shot is painted from the reference.
    """
    from anicolor.cli.painting import Order, paint
    from anicolor.models.cache import default_folder
    from anicolor.pipeline import Settings

    settings = Settings(
        lines="xdog",
        steps=steps,
        seed=seed,
        size=size,
        preset=preset,
        finish=finish,
        steady=steady,
        report=report,
        cache=default_folder() if cache else None,
    )
    paint(Order(keyframes=reference, rate=rate, foreign=True, **more), settings)
