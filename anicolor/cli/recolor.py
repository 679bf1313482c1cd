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
@options.holds
@options.model
@options.weights
@options.steps
@options.seed
@options.batch
@options.precision
@options.size
@options.finish
@options.gap
@options.refine
@options.refiner
@options.steady
@options.layers
@options.report
@options.cache
@options.preset
@options.rate
@options.matrix
@options.device
@options.dry_run
@options.overwrite
@options.resume
@options.quiet
@options.as_json
def command(
    film: Path,
    reference: Path,
    out: Path,
    shots: Path | None,
    holds: bool,
    model: str,
    weights: Path | None,
    steps: int | None,
    seed: int,
    batch: int | None,
    precision: Any,
    size: int,
    finish: Any,
    gap: int | None,
    refine: bool | None,
    refiner: Path | None,
    steady: bool,
    layers: Any,
    report: bool,
    cache: bool,
    preset: Any,
    rate: Fraction | None,
    matrix: Any,
    device: str,
    dry_run: bool,
    overwrite: bool,
    resume: bool,
    quiet: bool,
    as_json: bool,
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
        holds=holds,
        finish=finish,
        gap=gap,
        steady=steady,
        batch=batch,
        precision=precision,
        layers=layers,
        report=report,
        cache=default_folder() if cache else None,
    )
    order = Order(
        film=film,
        keyframes=reference,
        out=out,
        model=model,
        weights=weights,
        device=device,
        overwrite=overwrite,
        resume=resume,
        quiet=quiet,
        as_json=as_json,
        rate=rate,
        matrix=matrix,
        shots=shots,
        refine=refine,
        refiner=refiner,
        dry_run=dry_run,
        foreign=True,
    )
    paint(order, settings)
