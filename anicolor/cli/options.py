"""Options that several commands share, declared once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import click

__all__ = ["FilmPath", "Rate", "as_json", "device", "out", "overwrite", "quiet", "rate"]

FilmPath = click.Path(path_type=Path)


class Rate(click.ParamType[Fraction]):
    """A frame rate such as ``24``, ``23.976`` or ``24000/1001``."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Return the rate as an exact fraction."""
        try:
            rate = Fraction(value)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is no frame rate: expected one like 24 or 24000/1001", param, ctx)
        if rate <= 0:
            self.fail(f"{value} is no frame rate: expected one above 0", param, ctx)
        return rate


as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
quiet = click.option("--quiet", "-q", is_flag=True, help="No bar and no remarks.")
out = click.option("--output", "-o", "out", type=FilmPath, required=True, help="Folder, or video by its suffix.")
overwrite = click.option("--overwrite", is_flag=True, help="Replace what is in the way.")
rate = click.option("--rate", type=Rate(), help="Frames a second of an image sequence. [default: 24]")
device = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.", metavar="NAME"
)
