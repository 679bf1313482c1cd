"""The folder of a run."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from anicolor.errors import AnicolorError, InputError, OverwriteError
from anicolor.training.run import Position, Run


def trained(steps: int = 3) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    module = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(module.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        module(torch.rand(1, 2)).sum().backward()
        optimizer.step()
    return module, optimizer


def test_a_used_folder_is_not_started_again(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.start({"model": "zeroth"})
    run.start({"model": "first"})  # the zeroth could not begin
    run.begin()
    with pytest.raises(OverwriteError, match="holds a run already: --resume goes on with it"):
        Run(tmp_path / "run").start({"model": "second"})
    assert run.settings() == {"model": "first"}


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a run to resume, found no run\.json: start without --resume"):
        Run(tmp_path).settings()
    assert Run(tmp_path).position() is None


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(AnicolorError, match="cannot be written"):
        Run(tmp_path / "run").start({})


def test_the_log_is_json_lines(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.log(step=1, loss=0.5)
    Run(tmp_path).log(note="again")
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows == [{"step": 1, "loss": 0.5}, {"note": "again"}]


@pytest.mark.parametrize("best", [float("-inf"), 0.1 + 0.2])
def test_a_checkpoint_is_restored_to_the_last_bit(best: float, tmp_path: Path) -> None:
    module, optimizer = trained()
    run = Run(tmp_path)
    run.save(Position("joint", 7, best), {"a": module}, {"a": optimizer})
    other, its_optimizer = trained(0)
    run.restore({"a": other}, {"a": its_optimizer})
    assert run.position() == Position("joint", 7, best)
    assert all(torch.equal(x, y) for x, y in zip(module.parameters(), other.parameters(), strict=True))
    for one, two in zip(optimizer.state.values(), its_optimizer.state.values(), strict=True):
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_checkpoint_of_another_network(tmp_path: Path) -> None:
    module, optimizer = trained()
    run = Run(tmp_path)
    run.save(Position("joint", 1, 0.0), {"a": module}, {"a": optimizer})
    with pytest.raises(AnicolorError, match="the checkpoint is of another network: start a new run with --out"):
        run.restore({"a": nn.Linear(3, 2)}, {})
