"""Processes that train together make the steps that one makes alone."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from anicolor.cli.main import main
from anicolor.errors import InputError
from anicolor.training.loop import Order, train
from anicolor.training.run import Run
from anicolor.training.team import Team

SCRIPT = Path(__file__).with_name("team_runs.py")
STEPS = 10


def asked(folder: Path, clips: Path, *options: str) -> list[str]:
    """Return a training's command line, as a user gives it."""
    order = ["train", "opdm-small", "--data", str(clips), "--steps", str(STEPS), "--batch", "2", "--crop", "32"]
    return [*order, "--rate", "0.02", "--out", str(folder), "--workers", "0", "--device", "cpu", *options]


def found(folder: Path) -> tuple[list[dict[str, float]], Run]:
    """Return the log's steps, and the run."""
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("step")], Run(folder)


def trained(folder: Path, clips: Path, *options: str) -> tuple[list[dict[str, float]], Run]:
    """Train in this process."""
    with pytest.raises(SystemExit) as stop:
        main(asked(folder, clips, *options))
    assert stop.value.code == 0
    return found(folder)


@pytest.fixture(scope="module")
def alone(_tiny: None, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, float]], Run]:
    return trained(tmp_path_factory.mktemp("alone") / "run", clips)


def check_alike(one: list[dict[str, float]], other: list[dict[str, float]]) -> None:
    times = ("seconds", "stage")
    assert [row["stage"] for row in one] == [row["stage"] for row in other] == ["offsets", "joint", "choice"]
    for row, expected in zip(one, other, strict=True):
        assert {k: v for k, v in row.items() if k not in times} == pytest.approx(
            {k: v for k, v in expected.items() if k not in times}, abs=1e-4
        )


def test_two_processes_make_the_losses_of_one(
    alone: tuple[list[dict[str, float]], Run], clips: Path, tmp_path: Path
) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, str(SCRIPT), str(clips), *asked(tmp_path / "run", clips)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    rows, run = found(tmp_path / "run")
    check_alike(rows, alone[0])
    one, two = (load_file(made.folder / "state.safetensors") for made in (alone[1], run))
    assert one.keys() == two.keys()
    free = "say.bias"  # the same for all sources, it changes no choice: rounding alone moves it
    assert all(torch.allclose(one[key], two[key], 0, 1e-3) for key in one if not key.endswith(free))
    assert "2 processes on cpu" in done.stderr
    assert done.stderr.count("joint step 10: validation") == 1


def test_examples_in_parts_make_the_same_losses(
    alone: tuple[list[dict[str, float]], Run], clips: Path, tmp_path: Path
) -> None:
    check_alike(trained(tmp_path / "run", clips, "--accumulate", "2")[0], alone[0])


def test_half_precision_learns_nearly_the_same(
    alone: tuple[list[dict[str, float]], Run], clips: Path, tmp_path: Path
) -> None:
    rows, run = trained(tmp_path / "run", clips, "--precision", "bfloat16")
    assert rows[-1]["loss"] != alone[0][-1]["loss"]
    assert rows[-1]["loss"] == pytest.approx(alone[0][-1]["loss"], rel=0.15)
    assert all(value.dtype != torch.bfloat16 for value in load_file(run.folder / "state.safetensors").values())


def test_examples_that_cannot_be_shared_out_are_refused(clips: Path, tmp_path: Path) -> None:
    order = replace(Order("opdm-small", (str(clips),), steps=1, batch=4, side=32), accumulate=3)
    with pytest.raises(InputError, match="4 examples a step in 1 processes and 3 parts: expected a multiple of 3"):
        next(train(Run(tmp_path), order, Team(torch.device("cpu")), workers=0))
