"""The tables of scores in README and docs say what the JSON beside the benchmarks does."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from anicolor.diffusion.noise import FrameNoise
from anicolor.models.colorizer import Reference, Request

ROOT = Path(__file__).parents[1]


def benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def scoreboard() -> ModuleType:
    return benchmark("scoreboard")


def test_the_table_of_papers_is_the_json() -> None:
    papers = benchmark("papers")
    page, board = papers.PAGE.read_text(), json.loads(papers.SCORES.read_text())
    assert papers.with_table(page, board) == page
    board["rows"][0]["scores"][0]["mean"] += 1
    assert papers.with_table(page, board) != page


def test_all_five_papers_are_scored_on_one_budget() -> None:
    papers = benchmark("papers")
    rows = json.loads(papers.SCORES.read_text())["rows"]
    assert [row["model"] for row in rows] == [*papers.PAPERS, papers.YARDSTICK]
    wanted = {(metric, variant) for metric, variant, *_ in papers.COLUMNS.values()}
    assert all(wanted <= {(score["metric"], score["variant"]) for score in row["scores"]} for row in rows)
    for same in ("budget", "device"):
        assert len({row[same] for row in rows}) == 1, same
    assert {row["train"].split("--budget")[1] for row in rows if "train" in row} == {
        f" {rows[0]['budget']} --batch {papers.BATCH} --crop {papers.SIDE} --pool {papers.POOL}"
    }


def test_the_table_is_the_json(scoreboard: ModuleType) -> None:
    page = (ROOT / "README.md").read_text()
    assert scoreboard.with_table(page, json.loads(scoreboard.SCORES.read_text())) == page


def test_every_model_is_scored_on_every_set(scoreboard: ModuleType) -> None:
    rows = json.loads(scoreboard.SCORES.read_text())["rows"]
    assert [(row["set"], row["model"]) for row in rows] == [
        (data, model) for data in scoreboard.SETS for model in scoreboard.MODELS
    ]
    wanted = set(scoreboard.COLUMNS.values())
    assert all(wanted <= {(score["metric"], score["variant"]) for score in row["scores"]} for row in rows)


def test_a_number_that_was_changed_by_hand_is_seen(scoreboard: ModuleType) -> None:
    board = json.loads(scoreboard.SCORES.read_text())
    board["rows"][0]["scores"][0]["mean"] += 1
    page = (ROOT / "README.md").read_text()
    assert scoreboard.with_table(page, board) != page


def test_every_row_of_shi_et_al_s_table_1_paints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    deep = benchmark("deep")
    keyframe = Reference(0, torch.rand(3, 32, 32), torch.ones(1, 32, 32))
    request = Request(torch.ones(1, 1, 32, 32), (keyframe,), 1, (1,), torch.zeros(0, 3, 32, 32))
    for name in ("all", "without Sim", "without Emb", "without line art"):
        assert deep.built(name).colorize(request, FrameNoise(0)).frames.shape == (1, 3, 32, 32)
