"""``anicolor keyframes suggest``: what it prints, and what it refuses."""

from __future__ import annotations

import json

import pytest

from anicolor.frames import FrameRange
from anicolor.quality.notes import CutReport, FrameNote, save_report


@pytest.fixture
def report(tmp_path):
    """A cut of 20 drawings, 101 to 120, with a keyframe at its begin."""
    frames = [FrameNote(i, 101 + i, 0, i == 0, None if i == 0 else 0.5) for i in range(20)]
    save_report(tmp_path / "report.json", CutReport("cut", "opdm-small", (FrameRange(0, 20),), tuple(frames)))
    return tmp_path / "report.json"


def test_one_frame_with_its_drawings_number(anicolor, report):
    outcome = anicolor("keyframes", "suggest", report)
    head, row = (line.split("\t") for line in outcome.out.splitlines())
    assert head == ["frame", "shot", "gain", "why"]
    assert 105 < int(row[0]) < 115
    assert row[1] == "0"
    assert 0 < float(row[2]) < 9.5
    assert "19 frames after keyframe 101 are 50 % sure" in row[3]
    assert (outcome.code, outcome.err) == (0, "")


def test_as_json(anicolor, report):
    outcome = anicolor("keyframes", "suggest", report, "--count", 3, "--json")
    facts = json.loads(outcome.out)
    assert (facts["schema_version"], facts["report"]) == (1, str(report))
    gains = [one["gain"] for one in facts["suggestions"]]
    assert gains == sorted(gains, reverse=True)
    assert len(gains) == 3
    for one in facts["suggestions"]:
        assert set(one) == {"index", "number", "shot", "gain", "reason"}
        assert one["number"] == one["index"] + 101
    assert (outcome.code, outcome.err) == (0, "")


def test_when_nothing_is_left_it_says_so(anicolor, report):
    outcome = anicolor("keyframes", "suggest", report, "--count", 50)
    assert len(outcome.out.splitlines()) == 1 + 19
    assert outcome.err == "no more to paint: every other frame is a keyframe, or without a doubt\n"
    shots = (FrameRange(0, 1),)
    save_report(report, CutReport("cut", "opdm-small", shots, (FrameNote(0, 0, 0, True),)))
    outcome = anicolor("keyframes", "suggest", report)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "nothing to paint: every frame is a keyframe, or without a doubt\n"
    assert json.loads(anicolor("keyframes", "suggest", report, "--json").out)["suggestions"] == []


def test_bare_it_shows_its_help(anicolor):
    assert anicolor("keyframes").out.startswith("Usage: anicolor keyframes")
    assert "suggest" in anicolor("keyframes", "--help").out


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot be read"), ("{", "is damaged"), ('{"schema_version": 1}', "is no report")]
)
def test_a_bad_report_is_one_line(anicolor, tmp_path, text, words):
    if text is not None:
        (tmp_path / "bad.json").write_text(text)
    outcome = anicolor("keyframes", "suggest", tmp_path / "bad.json")
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'bad.json'}: ")
    assert words in line


def test_a_bad_count_is_one_line(anicolor, report):
    outcome = anicolor("keyframes", "suggest", report, "--count", 0)
    assert (outcome.code, outcome.out, len(outcome.err.splitlines())) == (2, "", 1)
