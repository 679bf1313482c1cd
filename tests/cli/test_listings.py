"""``shots``, ``lines``, ``models`` and ``doctor``: what they print, and in which form."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_cuts import cut, files_in, pixels_of, save, save_video

from anicolor.lines.xdog import xdog
from anicolor.media.picture import Picture, from_frame, to_frame
from anicolor.models.catalog import CATALOG


def test_shots_json(anicolor, long_film):
    outcome = anicolor("shots", long_film, "--json")
    facts = json.loads(outcome.out)
    scores = [shot.pop("score") for shot in facts["shots"]]
    assert facts == {
        "schema_version": 1,
        "input": str(long_film),
        "rate": "24/1",
        "frames": 8,
        "shots": [
            {"index": 0, "start": 0, "stop": 4, "kind": "cut", "blend": None},
            {"index": 1, "start": 4, "stop": 8, "kind": "cut", "blend": None},
        ],
    }
    assert scores[0] == 0
    assert 0 < scores[1] <= 1
    assert (outcome.code, outcome.err) == (0, "")


def test_shots_as_a_table_has_a_line_a_shot_with_the_drawings_numbers(anicolor, long_film):
    rows = [line.split("\t") for line in anicolor("shots", long_film).out.splitlines()]
    assert rows[0] == ["shot", "start", "stop", "frames", "numbers", "score", "kind"]
    assert [row[:5] for row in rows[1:]] == [["0", "0", "4", "4", "1-4"], ["1", "4", "8", "4", "5-8"]]
    assert [row[6] for row in rows[1:]] == ["cut", "cut"]


def test_shots_by_the_papers_rule(anicolor, tmp_path):
    colour = save(tmp_path / "colour", [drawing.colours for drawing in cut(2)], range(8))
    facts = json.loads(anicolor("shots", colour, "--detector", "histogram", "--json").out)
    assert [(shot["start"], shot["stop"]) for shot in facts["shots"]] == [(0, 4), (4, 8)]
    assert facts["shots"][1]["score"] > 200


def test_rate_is_exact(anicolor, long_film, tmp_path):
    assert json.loads(anicolor("shots", long_film, "--json", "--rate", "23.976").out)["rate"] == "2997/125"
    video = save_video(tmp_path / "film.mkv", [drawing.lines for drawing in cut()])
    assert json.loads(anicolor("shots", video, "--json").out)["rate"] == "4/1"


def test_lines_by_xdog(anicolor, tmp_path, out):
    drawings = cut()
    colour = save(tmp_path / "colour", [drawing.colours for drawing in drawings], range(4))
    outcome = anicolor("lines", colour, "-o", out)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    expected = xdog(to_frame(Picture(drawings[2].colours))[None])[0]
    assert np.array_equal(pixels_of(out)[2], from_frame(expected.expand(3, -1, -1)).pixels)


def test_lines_as_distance_field(anicolor, film, out):
    assert anicolor("lines", film, "-o", out, "--method", "distance").code == 0
    field = pixels_of(out)[1]
    assert (field[cut()[1].ink > 0] == 0).all()
    assert field.max() > 200
    assert len(np.unique(field)) > 8


def test_lines_of_drawings_of_two_depths_go_into_one_video(anicolor, tmp_path):
    drawings = [drawing.lines for drawing in cut()]
    drawings[2] = np.uint16(257) * drawings[2]
    film = save(tmp_path / "mixed", drawings, range(4))
    assert anicolor("lines", film, "-o", tmp_path / "out.mkv").code == 0
    assert len(pixels_of(tmp_path / "out.mkv")) == 4


def test_lines_says_nothing_when_quiet(anicolor, film, out):
    (film / "cover.png").write_bytes((film / "A_0001.png").read_bytes())
    assert "cover.png" in anicolor("lines", film, "-o", out).err
    assert anicolor("lines", film, "-o", out, "--overwrite", "--quiet").err == ""
    assert len(files_in(out)) == 4


def test_models_json(anicolor):
    import torch

    expected = {}
    for known in CATALOG:
        with torch.device("meta"):
            networks = known.part("colorizer").build(known.name).networks.values()
        expected[known.name] = sum(p.numel() for network in networks for p in network.parameters())
    outcome = anicolor("models", "--json")
    facts = json.loads(outcome.out)
    assert facts["schema_version"] == 1
    assert [model["name"] for model in facts["models"]] == [entry.name for entry in CATALOG]
    for model in facts["models"]:
        assert set(model) == {"name", "paper", "licence", "parameters", "learned", "weights", "missing", "traits"}
        total, *parts = model["parameters"].values()
        assert total == sum(parts) == expected[model["name"]], "every parameter is counted"
        assert {"window", "keyframes", "anchors", "size_multiple", "steps"} <= set(model["traits"])
    counts = {refiner["name"]: refiner["parameters"] for refiner in facts["refiners"]}
    assert counts == {"refiner": 6_220_792, "refiner-small": 440_944}
    assert facts["lineflow"] == {"name": "lineflow", "parameters": 857_508, "weights": "shipped"}
    assert (outcome.code, outcome.err) == (0, "")


def test_models_as_a_table(anicolor):
    rows = [line.split("\t") for line in anicolor("models").out.splitlines()]
    assert rows[0] == ["model", "paper", "parameters", "licence", "weights"]
    assert [row[0] for row in rows[1:]] == [*(entry.name for entry in CATALOG), "refiner", "refiner-small", "lineflow"]
    told = {row[0]: (row[2], row[4]) for row in rows[1:]}
    assert told["opdm-small"][1] == "shipped"
    assert told["opdm"][1] == told["refiner"][1] == "none"
    assert told["copy"] == ("0", "none needed")


@pytest.mark.parametrize("error", [None, "damaged weights"])
def test_doctor(anicolor, monkeypatch, error):
    from anicolor.errors import AnicolorError

    def load(_):
        if error:
            raise AnicolorError(error)

    monkeypatch.setattr("anicolor.models.weights.load_colorizer", load)
    outcome = anicolor("doctor", "--json")
    facts = json.loads(outcome.out)
    assert facts["schema_version"] == 1
    findings = {finding["what"]: finding for finding in facts["findings"]}
    assert all(set(finding) == {"what", "found", "ok", "cure"} for finding in findings.values())
    assert {"python", "torch", "av", "device", "weights"} <= set(findings)
    assert findings["weights"]["ok"] is (error is None)
    assert all(finding["ok"] or finding["cure"] for finding in findings.values())
    assert outcome.code == (0 if all(finding["ok"] for finding in findings.values()) else 1)


def test_doctor_as_a_table(anicolor, monkeypatch):
    monkeypatch.setattr("anicolor.models.weights.load_colorizer", lambda _: None)
    rows = [line.split("\t") for line in anicolor("doctor").out.splitlines()]
    assert ["ok", "weights", "opdm-small", ""] in rows
