"""Painting a film from the command line: the plan, the bars, the facts; for every command that paints one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anicolor.cli import console
from anicolor.models.catalog import entry

if TYPE_CHECKING:
    from anicolor.media.film import Film
    from anicolor.pipeline import Plan, Settings

__all__ = ["Order", "paint"]


@dataclass(frozen=True)
class Order:
    """What to paint from what, into what, and by whom; lists of shots and time sheets where they are given.

    ``foreign``: ``keyframes`` is one picture that shows none of the film's frames.
    """

    film: Path
    keyframes: Path
    out: Path
    model: str
    weights: Path | None
    device: str
    overwrite: bool
    resume: bool
    quiet: bool
    as_json: bool
    rate: Fraction | None
    matrix: Any
    shots: Path | None = None
    xdts: Path | None = None
    refine: bool | None = None
    refiner: Path | None = None
    dry_run: bool = False
    foreign: bool = False


def paint(order: Order, settings: Settings) -> None:
    """Paint, or with ``dry_run`` only show the plan."""
    from anicolor.delivery import beside
    from anicolor.media.open import open_film
    from anicolor.models.device import pick_device
    from anicolor.models.weights import load_colorizer
    from anicolor.pipeline import check_model, check_target, colorize, make_plan
    from anicolor.shots.lists import read_shots
    from anicolor.shots.xdts import read_xdts
    from anicolor.temporal.refiner import wanted

    started = time.monotonic()
    where, out, quiet = str(pick_device(order.device)), order.out, order.quiet
    begin = {"overwrite": order.overwrite, "resume": order.resume}
    with open_film(order.film, rate=order.rate, matrix=order.matrix) as source:
        check_target(out, source, settings, **begin)
        listed = None if order.shots is None else read_shots(order.shots, source.info)
        colorizer = load_colorizer(order.model, order.weights, where)
        check_model(colorizer, settings)
        refined_by = wanted(order.refiner, where, refine=order.refine)
        held = None if order.xdts is None else read_xdts(order.xdts, source.info)
        with console.bar("look", source.info.frames, quiet=quiet) as move:
            plan = make_plan(
                source,
                order.keyframes,
                settings,
                lambda seen: move(seen, ""),
                shots=listed,
                holds=held,
                foreign=order.foreign,
            )
        for remark in plan.notes:
            console.note(f"note: {remark}", quiet=quiet)
        facts = _facts(source, plan, out)
        if order.foreign:
            facts["reference"] = str(order.keyframes)
        facts |= {"model": order.model, "weights": str(order.weights or entry(order.model).supply)}
        facts["device"] = str(colorizer.device)
        facts["refiner"] = "none" if refined_by is None else str(order.refiner or "shipped")
        facts["steps"] = colorizer.traits.steps and (settings.steps or colorizer.traits.steps)
        facts["seed"] = settings.seed
        if settings.report:
            facts["report"] = str(beside(out, "report", ".json"))
        if order.dry_run:
            _show(facts, as_json=order.as_json)
            return
        with console.bar("paint", source.info.frames, quiet=quiet) as move:
            work = colorize(source, plan, colorizer, out, settings, refiner=refined_by, **begin, name=order.model)
            for step in work:
                move(step.done, f"shot {step.shot + 1} of {len(plan.shots)}")
                facts["notes"] += step.notes
        for remark in facts["notes"][len(plan.notes) :]:
            console.note(f"note: {remark}", quiet=quiet)
    facts["seconds"] = round(time.monotonic() - started, 1)
    if order.as_json:
        console.print_json(facts)
    else:
        console.note(f"{out}: {source.info.frames} frames painted in {facts['seconds']} s", quiet=quiet)
        if settings.report:
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
                "keyframes": [file.number for file in shot.keyframes if not file.foreign],
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
