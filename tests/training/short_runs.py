"""Trainings of a few steps on the CPU: begun, stopped, gone on with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file

from anicolor.training.loop import Order, Progress, train
from anicolor.training.run import Run
from anicolor.training.team import Team


def started(folder: Path, order: Order) -> Run:
    """Return a run that has been started, and has trained nothing."""
    run = Run(folder)
    run.start(asdict(order))
    return run


def go_on(run: Run, order: Order) -> list[Progress]:
    """Train to the end; return what was reported on the way."""
    return list(train(run, order, Team(torch.device("cpu")), workers=0))


def go_on_until(run: Run, order: Order, step: int) -> None:
    """Train, and stop after so many steps."""
    steps = train(run, order, Team(torch.device("cpu")), workers=0)
    while next(steps).step < step:
        pass
    steps.close()


def same(one: Run, other: Run) -> bool:
    """Return whether both stand at the same place, to the last bit."""
    ours, theirs = (load_file(run.folder / "state.safetensors") for run in (one, other))
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
