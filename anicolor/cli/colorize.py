"""``anicolor colorize``: the main job."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from anicolor.cli import options

__all__ = ["command"]


@click.command("colorize")
@click.argument("film", type=options.FilmPath, metavar="INPUT")
@click.option(
    "--keyframes",
    "-k",
    type=options.FilmPath,
    required=True,
    help="Folder of painted frames named by number, or a pattern, or one image.",
)
@options.out
@click.option(
    "--lines",
    type=click.Choice(["auto", "none", "xdog"]),
    default="auto",
    show_default=True,
    help="auto: INPUT is line art, checked; none: unchecked; xdog: finished film, its lines are taken out.",
)
@options.shots
@options.holds
@click.option("--xdts", type=options.FilmPath, metavar="FILE", help="Time sheet that says the holds. [default: found]")
@click.option("--borrow-keyframes", is_flag=True, help="Paint a shot without a keyframe from the nearest elsewhere.")
@options.model
@options.weights
@options.steps
@options.references
@options.seed
@options.batch
@options.precision
@options.size
@options.finish
@options.gap
@options.refine
@options.refiner
@options.steady
@options.box
@options.trace
@options.palette
@options.layers
@options.report
@options.cache
@click.option(
    "--line-colour",
    type=click.Choice(["keyframe", "multiply"]),
    default="keyframe",
    show_default=True,
    help="keyframe: lines as the keyframes show them; multiply: the drawing as it is, multiplied with the paint.",
)
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
    keyframes: Path,
    out: Path,
    lines: str,
    shots: Path | None,
    holds: bool,
    xdts: Path | None,
    borrow_keyframes: bool,
    model: str,
    weights: Path | None,
    steps: int | None,
    references: int | None,
    seed: int,
    batch: int | None,
    precision: Any,
    size: int,
    finish: Any,
    gap: int | None,
    refine: bool | None,
    refiner: Path | None,
    steady: bool,
    box: bool,
    trace: Any,
    palette: Path | None,
    layers: Any,
    report: bool,
    cache: bool,
    line_colour: Any,
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
    """Paint a cut of line art from a few painted keyframes.

    INPUT is a video, a folder of numbered images, or a pattern like A.%04d.png. A keyframe's number says which frame it
    is: the drawing's own number, or the 0-based frame of a video.
    """
    from anicolor.cli.painting import Order, paint
    from anicolor.models.cache import default_folder
    from anicolor.painting.palette import ColourModel
    from anicolor.painting.swatches import read_swatches
    from anicolor.pipeline import Settings

    settings = Settings(
        lines=lines,
        steps=steps,
        seed=seed,
        size=size,
        borrow=borrow_keyframes,
        preset=preset,
        holds=holds or xdts is not None,
        line_colour=line_colour,
        finish=finish,
        gap=gap,
        steady=steady,
        box=box,
        trace=trace,
        references=references,
        batch=batch,
        precision=precision,
        layers=layers,
        model=None if palette is None else ColourModel.of(swatch.rgb for swatch in read_swatches(palette)),
        report=report,
        cache=default_folder() if cache else None,
    )
    order = Order(
        film=film,
        keyframes=keyframes,
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
        xdts=xdts,
        refine=refine,
        refiner=refiner,
        dry_run=dry_run,
    )
    paint(order, settings)
