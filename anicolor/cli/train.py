"""``anicolor train``: train a model, resumable at any step."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from anicolor.cli import console, options

__all__ = ["command"]


@click.command("train")
@click.argument("model")
@click.option(
    "--data",
    multiple=True,
    default=("drawn",),
    show_default=True,
    help="drawn, or a folder of clips; several are mixed, with shares as in drawn:0.6.",
)
@click.option("--init", type=options.FilmPath, help="Weights to go on from: they are adapted to the data.")
@click.option("--out", "folder", type=options.FilmPath, help="Folder of the run. [default: runs/MODEL]")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, as it was asked for.")
@click.option("--steps", type=click.IntRange(1), help="Optimizer steps of each stage. [default: the recipe's]")
@click.option("--budget", type=click.IntRange(1), help="Optimizer steps of all stages, shared out as the recipe does.")
@click.option("--batch", type=click.IntRange(1), help="Examples a step. [default: the recipe's]")
@click.option(
    "--accumulate",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Parts of a step's examples: saves memory.",
)
@click.option("--pool", type=click.IntRange(1), help="Examples to draw once and to learn from again and again.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Learning rate. [default: the recipe's]")
@click.option("--crop", "side", type=click.IntRange(32), help="Side of the training crops. [default: the recipe's]")
@click.option("--references", type=click.IntRange(1, 9), help="Keyframes for one frame. [default: the model's]")
@click.option("--colorizer", "painter", help="Whose pictures a refiner refines. [default: opdm-small]")
@click.option("--weights", type=options.FilmPath, help="Weights of that colorizer. [default: the shipped ones]")
@click.option(
    "--vgg",
    type=options.FilmPath,
    help="torchvision's VGG19 weights; without them the perceptual term is off.",
)
@click.option(
    "--precision",
    type=click.Choice(("float32", "bfloat16")),
    default="float32",
    show_default=True,
    help="Of the networks' arithmetic; weights and losses stay float32.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that draw examples.")
@options.device
@options.quiet
def command(
    model: str,
    init: Path | None,
    weights: Path | None,
    vgg: Path | None,
    folder: Path | None,
    resume: bool,
    workers: int,
    device: str,
    quiet: bool,
    **wishes: Any,
) -> None:
    """Train MODEL: stage after stage of its recipe, with checkpoints, a log and the best weights in one folder.

    In several processes: torchrun --nproc-per-node 4 -m anicolor train MODEL --batch 8. The batch is shared out.
    """
    from anicolor.errors import InputError
    from anicolor.models.device import pick_device
    from anicolor.training.loop import Order, check, train
    from anicolor.training.run import Run
    from anicolor.training.team import Team

    wishes |= {name: str(path) for name, path in {"vgg": vgg, "init": init, "weights": weights}.items() if path}
    order = Order(model, **wishes)
    stages = order.stages()
    team = Team(pick_device(device))
    quiet = quiet or not team.leads
    run = Run(folder or Path("runs") / model)
    if resume:
        found = run.settings()
        order = Order(**{**found, "data": tuple(found["data"])})  # type: ignore[arg-type]
        stages = order.stages()
    else:
        for path in (init, weights):
            if path is not None and not path.is_file():
                raise InputError(
                    f"{path}: no such weights file: expected a .safetensors file written by anicolor train"
                )
        check(order, team)
        if team.leads:
            run.start(asdict(order))
    titles = ", ".join(f"{row.stage} {row.steps} steps" for row in stages)
    where = f"{team.count} processes on {team.device.type}" if team.count > 1 else str(team.device)
    console.note(f"{order.model} on {where}, into {run.folder}: {titles}", quiet=quiet)
    with closing(team), console.bar("train", sum(row.steps for row in stages), quiet=quiet) as move:
        before = {row.stage: sum(r.steps for r in stages[:n]) for n, row in enumerate(stages)}
        for step in train(run, order, team, workers, lambda note: console.note(f"note: {note}", quiet=quiet)):
            if step.losses:
                move(before[step.stage] + step.step, f"{step.stage} loss {step.losses['loss']:.4f}")
            if step.score is not None:
                console.note(f"{step.stage} step {step.step}: validation {step.score:.2f} dB", quiet=quiet)
    nothing = f"no weights better than {order.init}" if order.init else f"no weights yet in {run.folder}"
    console.note(f"weights: {run.best}" if run.best.exists() else nothing, quiet=quiet)
