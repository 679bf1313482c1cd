"""Options that several commands share, declared once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import click

from anicolor.models.catalog import CATALOG, DEFAULT

__all__ = [
    "FilmPath",
    "as_json",
    "batch",
    "box",
    "cache",
    "device",
    "dry_run",
    "finish",
    "gap",
    "holds",
    "layers",
    "matrix",
    "model",
    "out",
    "overwrite",
    "palette",
    "precision",
    "preset",
    "quiet",
    "rate",
    "references",
    "refine",
    "refiner",
    "report",
    "resume",
    "seed",
    "shots",
    "size",
    "steady",
    "steps",
    "trace",
    "weights",
]

FilmPath = click.Path(path_type=Path)
LAYERS = ("paint", "lines", "regions", "confidence")


def _rate(_: click.Context, __: click.Parameter, value: str | None) -> Fraction | None:
    """Return a frame rate such as ``24``, ``23.976`` or ``24000/1001`` as an exact fraction."""
    if value is None:
        return None
    try:
        rate = Fraction(value)
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{value!r} is no frame rate: expected one like 24 or 24000/1001") from None
    if rate <= 0:
        raise click.BadParameter(f"{value} is no frame rate: expected one above 0")
    return rate


as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
quiet = click.option("--quiet", "-q", is_flag=True, help="No bar and no remarks.")
out = click.option("--output", "-o", "out", type=FilmPath, required=True, help="Folder, or video by its suffix.")
overwrite = click.option("--overwrite", is_flag=True, help="Replace what is in the way.")
rate = click.option(
    "--rate", callback=_rate, metavar="RATE", help="Frames a second of an image sequence. [default: 24]"
)
matrix = click.option(
    "--matrix", type=click.Choice(["bt601", "bt709"]), help="Colour matrix of a video that names none."
)
device = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.", metavar="NAME"
)
steps = click.option("--steps", type=click.IntRange(1, 500), help="Sampling steps. [default: the model's]")
references = click.option(
    "--references", type=click.IntRange(1), help="Keyframes for one frame, at most. [default: the model's]"
)
model = click.option("--model", type=click.Choice([e.name for e in CATALOG]), default=DEFAULT, show_default=True)
weights = click.option("--weights", type=FilmPath, help="Weights of the model. [default: the shipped ones]")
size = click.option(
    "--size",
    type=click.IntRange(32),
    default=640,
    show_default=True,
    help="Longer side of what the network sees of a frame.",
)
shots = click.option("--shots", type=FilmPath, metavar="FILE", help="Cuts: JSON, CSV, EDL or OTIO. [default: found]")
preset = click.option(
    "--preset",
    type=click.Choice(["comp", "preview", "lossless", "master"]),
    help="What to write. [default: by the output's suffix]",
)
batch = click.option("--batch", type=click.IntRange(1), help="Frames painted at once. [default: 8 on CUDA, else 1]")
precision = click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="Of the networks: a GPU is faster in 16 bits.",
)
holds = click.option("--holds/--no-holds", default=True, show_default=True, help="Paint a drawing that is held once.")
dry_run = click.option("--dry-run", is_flag=True, help="Show the plan and paint nothing.")
resume = click.option("--resume", is_flag=True, help="Go on where an unfinished run stopped.")
seed = click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
finish = click.option(
    "--finish",
    type=click.Choice(["flat", "soft", "raw"]),
    default="flat",
    show_default=True,
    help="flat: the keyframes' exact colours, where they are painted flat; soft: shading, kept inside the lines;"
    " raw: the network's.",
)


def _layers(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Return layers such as ``paint,lines``, each once; the composite is always there."""
    names = [] if value is None else [name.strip() for name in value.split(",")]
    for name in names:
        if name not in ("composite", *LAYERS):
            raise click.BadParameter(f"{name!r} is no layer: expected some of composite,{','.join(LAYERS)}")
    return tuple(name for name in LAYERS if name in names)


refine = click.option(
    "--refine/--no-refine",
    default=None,
    help="A network makes the colours agree in time. [default: if there are weights]",
)
refiner = click.option("--refiner", type=FilmPath, metavar="FILE", help="Weights of that network.")
trace = click.option(
    "--trace",
    type=click.Choice(["keyframe", "keep", "paint"]),
    default="keyframe",
    show_default=True,
    help="Red, green and blue trace lines: as the keyframes show; as drawn; painted over in the darker fill.",
)
layers = click.option(
    "--layers",
    callback=_layers,
    metavar="LIST",
    help=f"Folders beside the output: some of {','.join(LAYERS)}. The composite is the output itself.",
)
palette = click.option(
    "--palette", type=FilmPath, metavar="FILE", help="Colour model that fills are locked to: GPL, ASE, ACO or a sheet."
)
cache = click.option(
    "--cache/--no-cache",
    default=True,
    show_default=True,
    help="What is painted is kept in the user's cache folder, 4 GiB at most: only what changed is painted again.",
)
report = click.option(
    "--report/--no-report", default=True, show_default=True, help="A report and its page beside the output."
)
steady = click.option(
    "--steady/--no-steady",
    default=True,
    show_default=True,
    help="What flickers is given the colours around it in time; never with --finish raw.",
)
box = click.option(
    "--box/--no-box",
    default=True,
    show_default=True,
    help="Of large frames the network sees only the part that something is drawn or painted in.",
)
gap = click.option(
    "--gap",
    type=click.IntRange(0, 4096),
    help="Widest gap in the lines that bounds a fill, in pixels. [default: by size]",
)
