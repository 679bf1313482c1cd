"""The README's table of scores says what benchmarks/scoreboard.json does."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def scoreboard() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scoreboard", ROOT / "benchmarks" / "scoreboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
