"""``report.json``: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cut_reports import cut, full, region, spans

from anicolor.errors import AnicolorError, InputError
from anicolor.quality.notes import (
    CutReport,
    FrameNote,
    frame_facts,
    frame_note,
    hex_colour,
    read_report,
    save_report,
)


@pytest.mark.parametrize("report", [full(), cut(3, 2), CutReport("a", "b", (), ())], ids=["full", "bare", "empty"])
def test_a_report_comes_back(tmp_path: Path, report: CutReport) -> None:
    save_report(tmp_path / "report.json", report)
    assert read_report(tmp_path / "report.json") == report


def test_the_file_is_json_with_a_line_for_each_frame(tmp_path: Path) -> None:
    save_report(tmp_path / "report.json", full())
    text = (tmp_path / "report.json").read_text()
    facts = json.loads(text)
    assert facts["schema_version"] == 1
    assert facts["shots"] == [{"start": 0, "stop": 2}, {"start": 2, "stop": 3}]
    assert facts["strangers"] == [{"colour": "#eec4a0", "keyframe": 10, "pixels": 1240}]
    assert facts["frames"][1]["regions"][0] == {
        "box": [10, 20, 22, 30],
        "area": 120,
        "confidence": 0.25,
        "colour": "#ff8000",
    }
    lines = [json.loads(line.strip().rstrip(",")) for line in text.splitlines() if line.startswith("  ")]
    assert lines == facts["frames"]


def test_the_notes_of_a_finished_shot_come_back_one_by_one() -> None:
    for frame in full().frames:
        assert frame_note(json.loads(json.dumps(frame_facts(frame)))) == frame


def test_colours_are_named() -> None:
    assert hex_colour((255, 128, 0)) == "#ff8000"


def test_what_cannot_be_so_is_refused() -> None:
    with pytest.raises(ValueError, match="8 regions at most, got 9"):
        FrameNote(0, 1, 0, False, regions=(region(),) * 9)
    first, second = cut(2).frames
    with pytest.raises(ValueError, match="frame 0 comes after frame 1"):
        CutReport("a", "b", spans(2), (second, first))
    with pytest.raises(ValueError, match="frame 1 is not in shot 0"):
        CutReport("a", "b", spans(1, 1), (first, second))
    with pytest.raises(ValueError, match="frame 1 is not in shot 2"):
        CutReport("a", "b", spans(1, 1), (first, replace(second, shot=2)))


def damaged(change) -> str:
    facts = {
        "schema_version": 1,
        "film": "a",
        "model": "b",
        "notes": [],
        "shots": [{"start": 0, "stop": 1}],
        "strangers": [],
        "frames": [frame_facts(FrameNote(0, 1, 0, False, 0.5, 0.5, 1, 1, (region(),)))],
    }
    change(facts)
    return json.dumps(facts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is damaged, or no report"),
        ("{", "is damaged, or no report"),
        ("\xff\xfe\xfa", "is damaged, or no report"),
        ("[" * 100_000, "is damaged, or no report"),
        ("[]", "is no report of a painted cut"),
        ('{"schema_version": 1, "shots": []}', "is no report of a painted cut"),
        (damaged(lambda f: f.update(schema_version=2)), "expected schema_version 1, got 2"),
        (damaged(lambda f: f.pop("model")), "model is missing"),
        (damaged(lambda f: f.update(frames=None)), "frames: expected list"),
        (damaged(lambda f: f["frames"].append(3)), "index is missing"),
        (damaged(lambda f: f["frames"].append(f["frames"][0])), "expected them in order"),
        (damaged(lambda f: f["shots"][0].update(start=4)), "start <= stop"),
        (damaged(lambda f: f["frames"][0].update(shot=True)), "shot: expected int, got True"),
        (damaged(lambda f: f["frames"][0].update(shot=-1)), "shot: expected 0 or more"),
        (damaged(lambda f: f["frames"][0].update(shot=1)), "frame 0 is not in shot 1"),
        (damaged(lambda f: f["frames"][0].update(confidence=1.5)), "confidence: expected 0 to 1"),
        (damaged(lambda f: f["frames"][0].update(confidence=float("nan"))), "confidence: expected 0 to 1"),
        (damaged(lambda f: f["frames"][0].update(confidence="much")), "confidence: expected int or float"),
        (damaged(lambda f: f["frames"][0]["regions"][0].update(box=[1, 2, 3])), "box: expected 4 numbers, got 3"),
        (damaged(lambda f: f["frames"][0]["regions"][0].update(colour="red")), "expected one like #ff8000"),
        (damaged(lambda f: f["frames"][0]["regions"][0].update(confidence=None)), "confidence: expected a number"),
        (damaged(lambda f: f["frames"][0].update(regions=9 * f["frames"][0]["regions"])), "8 regions at most"),
    ],
)
def test_a_damaged_or_foreign_file_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as error:
        read_report(path)
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_report(tmp_path / "report.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_report(tmp_path)
    with pytest.raises(AnicolorError, match="cannot be written"):
        save_report(tmp_path / "gone" / "report.json", cut(1))


def test_a_mean_may_be_off_by_its_last_bit(tmp_path: Path) -> None:
    report = cut(1, confidence=lambda _: 1.0000001)
    save_report(tmp_path / "report.json", report)
    assert read_report(tmp_path / "report.json") == report
