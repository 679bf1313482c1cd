"""``anicolor data``: training data from films."""

from __future__ import annotations

from itertools import chain, groupby
from pathlib import Path
from typing import Any

import click

from anicolor.cli import console, options
from anicolor.errors import AnicolorError

__all__ = ["command"]


@click.group("data", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Make data to train on."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("prepare")
@click.argument("films", type=options.FilmPath, nargs=-1, required=True, metavar="FILM...")
@click.option("--output", "-o", "out", type=options.FilmPath, required=True, help="Folder of shots.")
@click.option("--size", type=click.IntRange(32), default=512, show_default=True, help="Longer side, never enlarged.")
@click.option("--preset", default="animediffusion-0.5", show_default=True, help="XDoG's parameters for the lines.")
@click.option("--least", type=click.IntRange(3), default=8, show_default=True, help="Frames of the shortest shot.")
@click.option(
    "--uniform",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="Shots whose frames' histograms all lie closer than this are dropped.",
)
@click.option(
    "--dark",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Frames whose brightest hundredth is darker than this are left out.",
)
@click.option(
    "--faded",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Frames with less than this between dark and bright are left out.",
)
@options.quiet
@options.as_json
def prepare(
    films: tuple[Path, ...], out: Path, size: int, preset: str, quiet: bool, as_json: bool, **rule: Any
) -> None:
    """Cut finished films into shots to train on: colour and lines, ready for anicolor train --data DIR.

    What is there already is not done again: the same command goes on after a stop, and takes more films.
    """
    from anicolor.data.prepare import Rule, Settings, read_index
    from anicolor.data.prepare import prepare as run

    failure: AnicolorError | None = None
    settings = Settings(size, preset, Rule(**rule))
    try:
        for film, steps in groupby(run(films, out, settings), key=lambda step: step.film):
            first = next(steps)
            with console.bar(film.name, first.of, quiet=quiet) as move:
                for step in chain((first,), steps):
                    move(step.done, f"{step.kept} of {step.shots} shots kept")
    except AnicolorError as error:
        if error.exit_code != 3:
            raise
        failure = error
    index = read_index(out)
    if as_json:
        console.print_json({**index, "output": str(out)})
    else:
        console.print_table(_COLUMNS, map(_row, index["films"]))
    if failure is not None:
        raise failure


_COLUMNS = ("film", "shots", "kept", "frames", "short", "uniform", "dark", "faded", "blend", "frames left out")


def _row(film: dict[str, Any]) -> tuple[object, ...]:
    dropped = (film["dropped"].get(reason, 0) for reason in ("short", "uniform", "dark", "faded", "blend"))
    return (film["folder"], film["shots"], film["kept"], film["frames"], *dropped, sum(film["left_out"].values()))
