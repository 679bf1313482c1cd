"""``anicolor eval``: how good a painted film is, or a model."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anicolor.cli import console, options
from anicolor.errors import InputError, OverwriteError
from anicolor.models.catalog import CATALOG

if TYPE_CHECKING:
    from anicolor.data.clips import ClipFolder
    from anicolor.evaluation.evaluate import Cut, Evaluator
    from anicolor.evaluation.metrics import Group
    from anicolor.evaluation.scores import Evaluation, Total
    from anicolor.frames import Shot
    from anicolor.media.film import Film
    from anicolor.temporal.refiner import Refiner

__all__ = ["command"]

_LARGEST = 8192  # pixels a side
_DRAWN_FRAMES, _DRAWN_SIZE = 33, 512  # of the scenes of --data drawn

_SHOTS = {"detect": "detected", "one": "one"}

_GROUPS: dict[Group, str] = {
    "psnr": "Peak signal-to-noise ratio.",
    "ssim": "Structural similarity.",
    "ms-ssim": "Structural similarity at five scales.",
    "qssim": "Structural similarity of colour (quaternion).",
    "lpips": "Learned perceptual distance (AlexNet).",
    "fid": "Frechet inception distance of all frames.",
    "cdc": "Colour distribution consistency; needs no truth.",
    "warp-error": "Temporal warp error; its flow is the truth's.",
    "segment-accuracy": "Segments, pixels, foreground with the exact colour.",
}


def _metrics(command: Any) -> Any:
    for group, text in reversed(_GROUPS.items()):
        command = click.option(f"--{group}", group.replace("-", "_"), is_flag=True, help=text)(command)
    return command


def _size(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Return ``224`` or ``640x360`` (width x height) as (height, width)."""
    if value is None:
        return None
    sides = value.lower().split("x")
    whole = len(sides) <= 2 and all(side.isascii() and side.isdecimal() for side in sides)
    if not whole or not all(1 <= int(side) <= _LARGEST for side in sides):
        raise click.BadParameter(f"{value!r} is no size: expected one like 224 or 640x360, {_LARGEST} at most")
    return int(sides[-1]), int(sides[0])


@click.command("eval")
@click.argument("result", type=options.FilmPath, metavar="[PRED]", required=False)
@click.argument("truth", type=options.FilmPath, metavar="[TRUTH]", required=False)
@_metrics
@click.option("--keyframes", "-k", help="Frames that were given: their folder, or numbers like 0,16,32.")
@click.option("--lines", type=options.FilmPath, help="The line art: bounds segments, and has flow without TRUTH.")
@click.option(
    "--mask", type=click.Choice(["none", "drawing"]), default="none", show_default=True, help="Score inside it only."
)
@click.option("--flow", type=click.Choice(["dis", "raft"]), default="dis", show_default=True)
@click.option("--flow-from", type=click.Choice(["truth", "lines"]), help="[default: truth, if it is there]")
@click.option("--resize", callback=_size, metavar="SIZE", help="Bring frames to 224 (a square) or 640x360 first.")
@click.option(
    "--shots",
    default="detect",
    show_default=True,
    metavar="[detect|one|FILE]",
    help="Found, one for the whole film, or a list: JSON, CSV, EDL or OTIO.",
)
@click.option("--lpips-weights", type=options.FilmPath, help="AlexNet's weights, for LPIPS.")
@click.option("--fid-weights", type=options.FilmPath, help="Inception's weights, for FID.")
@click.option("--raft-weights", type=options.FilmPath, help="RAFT's weights, for --flow raft.")
@click.option(
    "--model", type=click.Choice([e.name for e in CATALOG]), help="Paint clips with this model, and score it."
)
@click.option("--data", help="What --model paints: a folder of clips, or drawn: scenes of unseen seeds.")
@click.option("--clips", type=click.IntRange(1), default=8, show_default=True, help="Scenes of --data drawn.")
@click.option(
    "--every", type=click.IntRange(1), default=16, show_default=True, help="Frames between the keyframes of a clip."
)
@options.weights
@options.steps
@options.references
@options.seed
@click.option("--size", type=click.IntRange(32), default=640, show_default=True, help="As in colorize.")
@options.finish
@options.refine
@options.refiner
@options.steady
@options.box
@click.option("--keep", type=options.FilmPath, help="Folder for what --model paints. [default: thrown away]")
@click.option("--html", type=options.FilmPath, help="Write a page with curves, worst frames and shots.")
@options.rate
@options.matrix
@options.device
@options.overwrite
@options.quiet
@options.as_json
def command(
    result: Path | None,
    truth: Path | None,
    keyframes: str | None,
    lines: Path | None,
    shots: str,
    model: str | None,
    data: str | None,
    html: Path | None,
    device: str,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Score PRED, a painted film, against TRUTH; or paint clips with a model and score it.

    Both are videos or numbered images of the same frames. Without a metric's flag all that can be computed are. CDC
    needs no TRUTH, the warp error TRUTH or --lines. Frames given as --keyframes are not scored.
    """
    from anicolor.evaluation.evaluate import Evaluator, Wish
    from anicolor.evaluation.gallery import Gallery
    from anicolor.evaluation.report import write_report
    from anicolor.models.device import pick_device
    from anicolor.temporal.refiner import wanted

    started = time.monotonic()
    _check_form(result, truth, lines, model, data, refine=bool(more["refine"] or more["refiner"]))
    if model is not None and shots not in _SHOTS:
        raise InputError(f"--shots {shots} lists one film: with --model it is {' or '.join(_SHOTS)}")
    if html is not None:
        _check_page(html, overwrite=overwrite)
    device = str(pick_device(device))
    refiner = wanted(more["refiner"], device, refine=more["refine"]) if model is not None else None
    ways = ("mask", "flow", "flow_from", "resize", "raft_weights", "lpips_weights", "fid_weights")
    gallery = Gallery() if html else None
    groups = tuple(group for group in _GROUPS if more[group.replace("-", "_")])
    evaluator = Evaluator(Wish(groups, device=device, **{way: more[way] for way in ways}), gallery)
    with ExitStack() as after:
        if model is None:
            assert result is not None
            cuts = iter((_given(result, truth, lines, keyframes, more, after),))
        else:
            wishes = more | {"overwrite": overwrite, "refiner": refiner}
            cuts = _painted(model, str(data), keyframes, wishes, device, after, quiet=quiet)
        for cut in cuts:
            _score(evaluator, cut, shots, quiet=quiet)
    totals = evaluator.totals()
    for remark in _remarks(evaluator.evaluations):
        console.note(remark, quiet=quiet)
    settings = _settings(model, keyframes, more, refiner) | {"shots": _SHOTS.get(shots, shots)}
    if html is not None and gallery is not None:
        title = f"{model} on {data}" if model is not None else " against ".join(map(str, filter(None, (result, truth))))
        write_report(html, title, evaluator.evaluations, totals, gallery, settings)
    if as_json:
        facts = {"schema_version": 1, "settings": settings, "seconds": round(time.monotonic() - started, 1)}
        console.print_json(facts | _facts(evaluator.evaluations, totals))
    else:
        console.print_table(("metric", "variant", "mean", "truth", "better", "frames"), _rows(totals))


def _check_form(
    result: Path | None, truth: Path | None, lines: Path | None, model: str | None, data: str | None, *, refine: bool
) -> None:
    if model is None and data is not None:
        raise InputError("--data is what a model paints: give --model too")
    if model is None and refine:
        raise InputError("--refine and --refiner are for what --model paints: give --model too")
    if model is None and result is None:
        raise InputError("expected PRED, a painted film, or --model with --data: see anicolor eval --help")
    if model is not None and data is None:
        raise InputError("--model needs clips to paint: give --data")
    if model is not None and any(path is not None for path in (result, truth, lines)):
        raise InputError("--model paints the clips of --data: leave PRED, TRUTH and --lines out")


def _check_page(page: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, a page that cannot be written, or that has the name of a frame or a video."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{page}: expected a name that ends in .html")
    if page.is_dir() or not page.parent.is_dir():
        raise InputError(f"{page}: expected a file, in a folder that is there")
    if page.exists() and not overwrite:
        raise OverwriteError(f"{page}: exists: --overwrite replaces it")


def _given(
    result: Path,
    truth: Path | None,
    lines: Path | None,
    keyframes: str | None,
    more: dict[str, Any],
    after: ExitStack,
) -> Cut:
    from anicolor.evaluation.evaluate import Cut
    from anicolor.keyframes import ordinals
    from anicolor.media.open import open_film

    mine, true, art = (
        None
        if path is None
        else after.enter_context(
            open_film(path, matrix=more["matrix"]) if path.is_file() else open_film(path, rate=more["rate"])
        )
        for path in (result, truth, lines)
    )
    assert mine is not None
    given = ordinals(keyframes, mine.info) if keyframes is not None else frozenset()
    return Cut(str(result), mine, true, art, given, more["resize"])


def _painted(
    model: str, data: str, keyframes: str | None, more: dict[str, Any], device: str, after: ExitStack, *, quiet: bool
) -> Iterator[Cut]:
    """Paint every clip, and yield each as a cut to score."""
    from anicolor.evaluation.evaluate import Cut
    from anicolor.keyframes import ordinals
    from anicolor.media.open import open_film
    from anicolor.models.weights import load_colorizer
    from anicolor.pipeline import Settings
    from anicolor.trials import paint_clip, spaced

    colorizer = load_colorizer(model, more["weights"], device)
    wishes = {name: more[name] for name in ("steps", "seed", "size", "finish", "steady", "box", "references")}
    settings = Settings("none", borrow=True, **wishes)
    scratch = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="anicolor-eval-")))
    for clip, name in _clips(data, scratch, more):
        with open_film(clip.color) as true, open_film(clip.line) as art:
            info = true.info
            Cut(name, true, lines=art)  # says which of the clip's own files do not fit
            given = ordinals(keyframes, info) if keyframes is not None else None
            numbers = [info.numbers[index] for index in sorted(given)] if given else spaced(info.numbers, more["every"])
            out = (more["keep"] or scratch / "painted") / name
            with console.bar(f"paint {name}", info.frames, quiet=quiet) as move:
                begin = {"refiner": more["refiner"], "overwrite": more["overwrite"]}
                for done in paint_clip(clip, numbers, colorizer, out, settings, **begin):
                    move(done, "")
            with open_film(out) as mine:
                places = frozenset(info.numbers.index(number) for number in numbers)
                yield Cut(name, mine, true, art, places, more["resize"])


def _clips(data: str, scratch: Path, more: dict[str, Any]) -> Iterator[tuple[ClipFolder, str]]:
    """Yield the clips and their names, which tell those of two folders apart."""
    from anicolor.data.clips import draw_clips, find_clips
    from anicolor.data.synthetic import DrawnSettings

    if data == "drawn":
        drawn = DrawnSettings(frames=_DRAWN_FRAMES, size=_DRAWN_SIZE)
        yield from ((clip, clip.path.name) for clip in draw_clips(scratch / "drawn", more["clips"], drawn))
        return
    for clip in find_clips(Path(data)):
        inside = clip.path.relative_to(data).parts
        yield clip, "-".join(inside) or clip.path.resolve().name


def _score(evaluator: Evaluator, cut: Cut, shots: str, *, quiet: bool) -> None:
    found = _shots(cut.truth or cut.result, shots, quiet=quiet)
    with console.bar(f"score {Path(cut.name).name}", cut.result.info.frames, quiet=quiet) as move:
        for done in evaluator.score(cut, found):
            move(done, "")


def _shots(film: Film, which: str, *, quiet: bool) -> list[Shot]:
    from anicolor.frames import FrameRange, Shot
    from anicolor.shots.detect import find_shots
    from anicolor.shots.lists import read_shots

    if which == "one":
        return [Shot(FrameRange(0, film.info.frames))]
    if which != "detect":
        return read_shots(Path(which), film.info)
    with console.bar("shots", film.info.frames, quiet=quiet) as move:
        return find_shots(film, seen=lambda seen: move(seen, ""))


def _settings(
    model: str | None, keyframes: str | None, more: dict[str, Any], refiner: Refiner | None
) -> dict[str, str]:
    """Return what the scores depend on, as words."""
    height, width = more["resize"] or (None, None)
    found = {
        "mask": more["mask"],
        "flow": more["flow"] + (f", from {more['flow_from']}" if more["flow_from"] else ""),
        "frames": f"resized to {width}x{height}" if width else "at their own size",
        "keyframes": keyframes or (f"every {more['every']} frames, and the last" if model else "none given"),
    }
    if model is not None:
        weights = more["weights"] or "the shipped ones"
        found |= {"model": model, "weights": str(weights), "size": str(more["size"]), "seed": str(more["seed"])}
        found["steps"] = str(more["steps"] or "the model's")
        found["refiner"] = "none" if refiner is None else str(more["refiner"] or "the shipped one")
    return found


def _remarks(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return what was left out and what is to be known, each once."""
    left_out = [f"left out: {out.metric}: {out.why}" for e in evaluations for out in e.left_out]
    return list(dict.fromkeys(left_out + [f"note: {note}" for e in evaluations for note in e.notes]))


def _rows(totals: Sequence[Total]) -> Iterator[tuple[object, ...]]:
    for total in totals:
        better = "higher" if total.higher_is_better else "lower"
        frames = sum(value is not None for value in total.frames)
        yield total.metric, total.variant, _number(total.mean), _number(total.truth), better, frames


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _facts(evaluations: Sequence[Evaluation], totals: Sequence[Total]) -> dict[str, Any]:
    return {
        "metrics": [
            {
                "metric": total.metric,
                "variant": total.variant,
                "better": "higher" if total.higher_is_better else "lower",
                "mean": total.mean,
                "shots": total.shots,
                "frames": total.frames,
                "truth": total.truth,
            }
            for total in totals
        ],
        "films": [_film(evaluation) for evaluation in evaluations],
    }


def _film(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "name": evaluation.name,
        "numbers": evaluation.numbers,
        "shots": [{"start": span.start, "stop": span.stop} for span in evaluation.shots],
        "keyframes": [evaluation.numbers[index] for index in sorted(evaluation.keyframes)],
        "metrics": [
            {"metric": s.metric, "variant": s.variant, "mean": s.mean, "truth": s.truth} for s in evaluation.series
        ],
        "left_out": [{"metric": out.metric, "why": out.why} for out in evaluation.left_out],
        "notes": evaluation.notes,
    }
