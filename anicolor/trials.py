"""Paint clips whose truth is known, from some of their own frames, so that a model can be scored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from anicolor.data.clips import ClipFolder
from anicolor.errors import InputError
from anicolor.media.atomic import write_errors
from anicolor.media.open import open_film
from anicolor.media.sequence import list_numbered
from anicolor.models.colorizer import Colorizer
from anicolor.pipeline import Settings, colorize, make_plan
from anicolor.temporal.refiner import Refiner

__all__ = ["paint_clip", "spaced"]


def spaced(numbers: Sequence[int], every: int) -> tuple[int, ...]:
    """Return the first of ``numbers``, every so many after it, and the last."""
    return tuple(sorted({*numbers[::every], numbers[-1]}))


def paint_clip(
    clip: ClipFolder,
    keyframes: Sequence[int],
    colorizer: Colorizer,
    out: Path,
    settings: Settings,
    *,
    refiner: Refiner | None = None,
    overwrite: bool = False,
) -> Iterator[int]:
    """Paint the line art of ``clip`` into ``out``, given its own colours at ``keyframes``; yield the frames done.

    Raises:
        InputError: a keyframe's number is not in the clip, or ``out`` cannot take the frames.
        AnicolorError: a frame cannot be read, or painting failed.
    """
    given = out.with_name(f".{out.name}.keyframes")
    truth = {image.number: image.path for image in list_numbered(clip.color)}
    missing = [number for number in keyframes if number not in truth]
    if missing:
        raise InputError(f"{clip.color}: no frame {missing[0]} in it to take as a keyframe")
    with ExitStack() as after, open_film(clip.line) as film:
        with write_errors(given):
            given.mkdir(parents=True, exist_ok=True)
            after.callback(shutil.rmtree, given, ignore_errors=True)
            for number in keyframes:
                shutil.copy(truth[number], given)
        plan = make_plan(film, given, settings)
        for step in colorize(film, plan, colorizer, out, settings, refiner=refiner, overwrite=overwrite):
            yield step.done
