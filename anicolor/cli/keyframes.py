"""``anicolor keyframes``: which frames to paint by hand."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from anicolor.cli import console, options

__all__ = ["command"]


@click.group("keyframes", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Choose the frames to paint by hand."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("suggest")
@click.argument("report", type=options.FilmPath, metavar="REPORT")
@click.option("--count", "-n", type=click.IntRange(1), default=1, show_default=True, help="How many, the best first.")
@options.as_json
def suggest(report: Path, count: int, as_json: bool) -> None:
    """Name the frames to paint next: those expected to raise the score of the whole cut most.

    REPORT is the OUT-report.json that anicolor colorize wrote.
    """
    from anicolor.quality.notes import read_report
    from anicolor.quality.suggest import suggest as find

    found = find(read_report(report), count)
    if as_json:
        console.print_json({"schema_version": 1, "report": str(report), "suggestions": [asdict(one) for one in found]})
        return
    if found:
        rows = [(one.number, one.shot, f"{one.gain:.2f}", one.reason) for one in found]
        console.print_table(("frame", "shot", "gain", "why"), rows)
    if len(found) < count:
        said = "no more to paint: every other frame" if found else "nothing to paint: every frame"
        console.note(f"{said} is a keyframe, or without a doubt")
