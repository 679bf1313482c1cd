"""``anicolor lines``: line art from finished frames or scans, its distance field, its colour-trace lines."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anicolor.cli import console, options
from anicolor.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from anicolor.media.film import Film
    from anicolor.media.picture import Picture

    Work = Callable[[Picture], tuple[Picture, Picture | None]]

__all__ = ["command"]

_METHODS = ("xdog", "anime2sketch", "clean", "distance", "none")


@click.command("lines")
@click.argument("film", type=options.FilmPath, metavar="INPUT")
@options.out
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default="xdog",
    show_default=True,
    help="Of finished frames: xdog, or anime2sketch (learned). Of scans: clean. Of line art: distance, or none.",
)
@click.option("--preset", help="Parameters of xdog: animediffusion-0.3, -0.4, -0.5 (the default), or soft.")
@click.option("--binary", is_flag=True, help="Ink and paper only, no grey.")
@click.option("--trace", type=options.FilmPath, help="Colour-trace lines go here, and out of the output.")
@click.option("--force", is_flag=True, help="Take lines out of line art too: without this it passes unchanged.")
@click.option("--weights", type=options.FilmPath, help="netG.pth of anime2sketch.")
@click.option("--size", type=click.IntRange(256), help="Shorter side that anime2sketch sees. [default: 512]")
@options.rate
@options.matrix
@options.device
@options.overwrite
@options.quiet
@options.as_json
def command(
    film: Path, out: Path, rate: Fraction | None, matrix: Any, overwrite: bool, quiet: bool, as_json: bool, **wish: Any
) -> None:
    """Take the lines out of a film: a video, a folder of numbered images, or a pattern like A.%04d.png.

    Line art passes unchanged; --method clean takes the paper out of scanned drawings, and --trace parts red, blue and
    green trace lines from the others.
    """
    from anicolor.media.open import open_film
    from anicolor.media.write import create

    trace: Path | None = wish["trace"]
    if trace is not None and trace.resolve() == out.resolve():
        raise InputError(f"{trace}: is the output itself: name another place for the trace lines")
    with open_film(film, rate=rate, matrix=matrix) as source, ExitStack() as stack:
        passed, work = _work(source, wish)
        sinks = [create(place, source, overwrite=overwrite) for place in (out, trace) if place is not None]
        for sink in sinks:
            stack.enter_context(sink)
        move = stack.enter_context(console.bar("lines", source.info.frames, quiet=quiet))
        for index, picture in enumerate(source.read()):
            for sink, result in zip(sinks, work(picture), strict=False):
                if result is not None:
                    sink.write(index, result)
            move(index + 1, "")
    told = ("line art already, passed through unchanged: --force takes lines out all the same",) if passed else ()
    notes = dict.fromkeys((*source.info.notes, *told, *(note for sink in sinks for note in sink.notes)))
    for remark in notes:
        console.note(f"note: {remark}", quiet=quiet)
    if as_json:
        console.print_json(_facts(source, out, wish, passed, list(notes)))


def _facts(source: Film, out: Path, wish: dict[str, Any], passed: bool, notes: list[str]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "input": str(source.info.path),
        "output": str(out),
        "trace": None if wish["trace"] is None else str(wish["trace"]),
        "frames": source.info.frames,
        "method": "none" if passed else wish["method"],
        "preset": _preset(wish) if not passed else None,
        "binary": wish["binary"],
        "passed_through": passed,
        "notes": notes,
    }


def _preset(wish: dict[str, Any]) -> str | None:
    from anicolor.lines.xdog import DEFAULT

    return (wish["preset"] or DEFAULT) if wish["method"] == "xdog" else None


def _work(source: Film, wish: dict[str, Any]) -> tuple[bool, Work]:
    """Return whether the film passes as it is, and what is done with each picture: its lines, and its trace lines."""
    from anicolor.lines.extract import FROM_PAINT, Wish, binarize, extractor, is_drawn
    from anicolor.lines.trace import traced, untraced
    from anicolor.media.picture import from_frame, to_frame
    from anicolor.models.device import pick_device

    method, binary, trace = wish["method"], wish["binary"], wish["trace"] is not None
    if binary and method == "distance":
        raise InputError("--binary: a distance field has no ink and paper only: leave it out")
    # What is no network is done before its frames have come to a GPU and back.
    where = pick_device("cpu" if wish["device"] == "auto" and method != "anime2sketch" else wish["device"])
    take = extractor(Wish(method, wish["preset"], wish["weights"], wish["size"], str(where)))
    passed = method in FROM_PAINT and not wish["force"] and is_drawn(source)
    if trace and method in FROM_PAINT and not passed:
        raise InputError(f"{source.info.path}: --trace parts the lines of line art, found finished colour frames")
    if passed:
        take = extractor(Wish())
    bits = source.info.bits

    def work(picture: Picture) -> tuple[Picture, Picture | None]:
        frame = to_frame(picture)[None]
        parted = from_frame(traced(frame)[0], bits) if trace else None
        if passed and not binary:
            return (from_frame(untraced(frame)[0], bits) if trace else _alike(picture, source)), parted
        lines = take((untraced(frame) if trace else frame).to(where))
        return _page(binarize(lines) if binary else lines, bits), parted

    return passed, work


def _alike(picture: Picture, source: Film) -> Picture:
    """Return a drawing as it is, in the film's depth, with alpha if the film has it: a video takes no mixture."""
    import numpy as np

    from anicolor.media.picture import Picture

    pixels = picture.pixels
    if picture.bits < source.info.bits:
        pixels = np.uint16(257) * pixels
    if picture.alpha is None and source.info.alpha:
        pixels = np.dstack([pixels, np.full_like(pixels[..., :1], np.iinfo(pixels.dtype).max)])
    return Picture(pixels)


def _page(lines: Tensor, bits: int) -> Picture:
    """Return lines ``[1, 1, H, W]`` as a grey picture: one channel is counted out, not three."""
    import numpy as np

    from anicolor.media.picture import Picture

    top = (1 << bits) - 1
    levels = np.rint(lines[0, 0].double().clamp(0, 1).cpu().numpy() * top).astype(np.uint8 if bits == 8 else np.uint16)
    return Picture(np.repeat(levels[..., None], 3, axis=2))
