"""``anicolor colorize``: the main job."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anicolor.cli import console, options
from anicolor.models.catalog import CATALOG, DEFAULT, entry

if TYPE_CHECKING:
    from anicolor.media.film import Film
    from anicolor.pipeline import Plan

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
@click.option("--shots", type=options.FilmPath, metavar="FILE", help="Cuts: JSON, CSV, EDL or OTIO. [default: found]")
@click.option("--holds/--no-holds", default=True, show_default=True, help="Paint a drawing that is held once.")
@click.option("--xdts", type=options.FilmPath, metavar="FILE", help="Time sheet that says the holds. [default: found]")
@click.option("--borrow-keyframes", is_flag=True, help="Paint a shot without a keyframe from the nearest elsewhere.")
@click.option("--model", type=click.Choice([e.name for e in CATALOG]), default=DEFAULT, show_default=True)
@click.option("--weights", type=options.FilmPath, help="Weights of the model. [default: the shipped ones]")
@options.steps
@options.references
@options.seed
@click.option("--batch", type=click.IntRange(1), help="Frames painted at once. [default: 8 on CUDA, else 1]")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="Of the networks: a GPU is faster in 16 bits.",
)
@click.option(
    "--size",
    type=click.IntRange(32),
    default=640,
    show_default=True,
    help="Longer side of the frames that the network sees.",
)
@options.finish
@options.gap
@options.refine
@options.refiner
@options.steady
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
@click.option(
    "--preset",
    type=click.Choice(["comp", "preview", "lossless", "master"]),
    help="What to write. [default: by the output's suffix]",
)
@options.rate
@options.matrix
@options.device
@click.option("--dry-run", is_flag=True, help="Show the plan and paint nothing.")
@options.overwrite
@click.option("--resume", is_flag=True, help="Go on where an unfinished run stopped.")
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
    from anicolor.delivery import beside
    from anicolor.media.open import open_film
    from anicolor.models.cache import default_folder
    from anicolor.models.device import pick_device
    from anicolor.models.weights import load_colorizer
    from anicolor.painting.palette import ColourModel
    from anicolor.painting.swatches import read_swatches
    from anicolor.pipeline import Settings, check_model, check_target, colorize, make_plan
    from anicolor.shots.lists import read_shots
    from anicolor.shots.xdts import read_xdts
    from anicolor.temporal.refiner import wanted

    started = time.monotonic()
    where = pick_device(device)
    held_once = holds or xdts is not None
    settings = Settings(
        lines=lines,
        steps=steps,
        seed=seed,
        size=size,
        borrow=borrow_keyframes,
        preset=preset,
        holds=held_once,
        line_colour=line_colour,
        finish=finish,
        gap=gap,
        steady=steady,
        trace=trace,
        references=references,
        batch=batch,
        precision=precision,
        layers=layers,
        model=None if palette is None else ColourModel.of(swatch.rgb for swatch in read_swatches(palette)),
        report=report,
        cache=default_folder() if cache else None,
    )
    with open_film(film, rate=rate, matrix=matrix) as source:
        check_target(out, source, settings, overwrite=overwrite, resume=resume)
        listed = None if shots is None else read_shots(shots, source.info)
        colorizer = load_colorizer(model, weights, str(where))
        check_model(colorizer, settings)
        refined_by = wanted(refiner, str(where), refine=refine)
        held = None if xdts is None else read_xdts(xdts, source.info)
        with console.bar("look", source.info.frames, quiet=quiet) as move:
            plan = make_plan(source, keyframes, settings, lambda seen: move(seen, ""), shots=listed, holds=held)
        for remark in plan.notes:
            console.note(f"note: {remark}", quiet=quiet)
        facts = _facts(source, plan, out)
        facts |= {"model": model, "weights": str(weights or entry(model).supply), "device": str(colorizer.device)}
        facts["refiner"] = "none" if refined_by is None else str(refiner or "shipped")
        facts |= {"steps": colorizer.traits.steps and (steps or colorizer.traits.steps), "seed": seed}
        if report:
            facts["report"] = str(beside(out, "report", ".json"))
        if dry_run:
            _show(facts, as_json=as_json)
            return
        with console.bar("paint", source.info.frames, quiet=quiet) as move:
            begin = {"overwrite": overwrite, "resume": resume}
            for step in colorize(source, plan, colorizer, out, settings, refiner=refined_by, **begin, name=model):
                move(step.done, f"shot {step.shot + 1} of {len(plan.shots)}")
                facts["notes"] += step.notes
        for remark in facts["notes"][len(plan.notes) :]:
            console.note(f"note: {remark}", quiet=quiet)
    facts["seconds"] = round(time.monotonic() - started, 1)
    if as_json:
        console.print_json(facts)
    else:
        console.note(f"{out}: {source.info.frames} frames painted in {facts['seconds']} s", quiet=quiet)
        if report:
            console.note(f"{beside(out, 'report', '.html')}: what needs an eye", quiet=quiet)


def _facts(film: Film, plan: Plan, out: Path) -> dict[str, Any]:
    info = film.info
    return {
        "schema_version": 1,
        "input": str(info.path),
        "output": str(out),
        "size": [plan.size[1], plan.size[0]],
        "rate": f"{info.rate.numerator}/{info.rate.denominator}",
        "frames": info.frames,
        "shots": [
            {
                "index": index,
                "start": shot.shot.frames.start,
                "stop": shot.shot.frames.stop,
                "drawings": len(plan.holds[index]),
                "keyframes": [file.number for file in shot.keyframes],
                "borrowed": shot.borrowed,
            }
            for index, shot in enumerate(plan.shots)
        ],
        "notes": list(plan.notes),
    }


def _show(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        console.print_json(facts)
        return
    rows = [
        (
            s["index"],
            s["start"],
            s["stop"],
            s["drawings"],
            " ".join(map(str, s["keyframes"])) + " (borrowed)" * s["borrowed"],
        )
        for s in facts["shots"]
    ]
    console.print_table(("shot", "start", "stop", "drawings", "keyframes"), rows)
    width, height = facts["size"]
    click.echo(
        f"{facts['frames']} frames, {facts['model']}{'' if facts['refiner'] == 'none' else ' and a refiner'}"
        f" at {width}x{height} on {facts['device']}, into {facts['output']}"
    )
