"""``anicolor data prepare``: what it says, in which form, and with which code it ends."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_cuts import cut, files_in, save, save_video

FRAMES = 10


def pictures(hue):
    """A tower that rises from a painted ground."""
    pages = []
    for step in range(FRAMES):
        page = np.full((48, 64, 3), hue, np.uint8)
        page[:16] = 240
        page[30 - 2 * step :, 20:40] = (250, 220, 60)
        page[30 - 2 * step, 20:40] = 10
        pages.append(page)
    return pages


@pytest.fixture
def reel(tmp_path):
    return save_video(tmp_path / "reel.mkv", pictures((210, 90, 80)) + pictures((70, 110, 200)))


def test_bare_shows_help(anicolor):
    outcome = anicolor("data")
    assert outcome.code == 0
    assert outcome.out == anicolor("data", "--help").out
    assert "  prepare " in outcome.out


def test_a_table_of_what_was_kept_and_why_not(anicolor, reel, out):
    outcome = anicolor("data", "prepare", reel, "-o", out, "--dark", 0, "--faded", 0)
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line.split("\t") for line in outcome.out.splitlines()]
    assert rows[0] == [
        "film", "shots", "kept", "frames", "short", "uniform", "dark", "faded", "blend", "frames left out",
    ]  # fmt: skip
    assert rows[1][0].startswith("reel-")
    assert rows[1][1:] == ["2", "2", "20", "0", "0", "0", "0", "0", "0"]
    assert sorted(path.name for path in (out / rows[1][0]).iterdir()) == ["index.json", "shot_0000", "shot_0001"]


def test_json_is_the_index(anicolor, reel, out):
    outcome = anicolor("data", "prepare", reel, "-o", out, "--json", "--least", 11, "--size", 32)
    facts = json.loads(outcome.out)
    assert facts.pop("output") == str(out)
    assert facts == json.loads((out / "index.json").read_text())
    assert facts["settings"] == {
        "size": 32,
        "preset": "animediffusion-0.5",
        "rule": {"least": 11, "uniform": 10.0, "dark": 0.3, "faded": 0.3},
    }
    (film,) = facts["films"]
    assert (film["film"], film["kept"], film["dropped"]) == (str(reel), 0, {"short": 2})


def test_the_same_command_goes_on(anicolor, reel, out):
    first = anicolor("data", "prepare", reel, "-o", out)
    before = files_in(out)
    assert anicolor("data", "prepare", reel, "-o", out) == first
    assert files_in(out) == before


def test_what_is_prepared_can_be_trained_on(anicolor, reel, out):
    from anicolor.data.clips import clip_source

    anicolor("data", "prepare", reel, "-o", out, "--quiet")
    assert clip_source((str(out),)).example(0, 1).lines.shape == (1, 48, 64)


def test_a_damaged_film_among_good_ones_ends_with_3(anicolor, reel, tmp_path, out):
    bad = tmp_path / "bad.mkv"
    bad.write_bytes(reel.read_bytes()[:-300])
    outcome = anicolor("data", "prepare", bad, reel, "-o", out, "--json")
    assert outcome.code == 3
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: 1 of 2 films cannot be prepared, the others are done: ")
    assert "bad.mkv: truncated" in line
    assert [film["finished"] for film in json.loads(outcome.out)["films"]] == [False, True]


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        (lambda folder: folder / "gone.mkv", 2, "no such file or folder"),
        (lambda folder: folder, 2, "no numbered image"),
        (lambda folder: save(folder / "lines", [d.lines for d in cut()], range(4)), 2, "found line art"),
        (lambda folder: save(folder / "one", pictures((9, 99, 200)), range(10)) / "A_0001.png", 2, "a single image"),
    ],
    ids=["gone", "empty", "line art", "image"],
)
def test_what_is_no_film_is_one_line(anicolor, tmp_path, out, build, code, words):
    outcome = anicolor("data", "prepare", build(tmp_path), "-o", out)
    assert (outcome.code, outcome.out) == (code, "")
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert not list(out.rglob("*.png"))


def test_a_folder_of_something_else_is_left_alone(anicolor, reel, film):
    before = files_in(film)
    outcome = anicolor("data", "prepare", reel, "-o", film)
    assert outcome.code == 4
    assert "holds no prepared films" in outcome.err
    assert files_in(film) == before


def test_no_film_is_a_usage_error(anicolor, out):
    outcome = anicolor("data", "prepare", "-o", out)
    assert outcome.code == 2
    assert "see anicolor data prepare --help" in outcome.err
