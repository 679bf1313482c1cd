"""``anicolor shots`` in every form at once, and lists of shots in place of detection."""

from __future__ import annotations

import csv
import json
import re
from fractions import Fraction

import numpy as np
import opentimelineio as otio
import pytest
from tiny_cuts import cut, files_in, pixels_of, save, save_video

from anicolor.errors import InputError
from anicolor.media.open import open_film
from anicolor.models.weights import load_colorizer
from anicolor.pipeline import Settings, make_plan
from anicolor.pipeline import colorize as paint
from anicolor.shots.lists import read_shots
from anicolor.shots.xdts import read_xdts

LISTS = ["csv", "edl", "otio"]


@pytest.fixture
def video(tmp_path):
    """A video of two shots, with sound."""
    return save_video(tmp_path / "film.mkv", [drawing.lines for drawing in cut(2)], audio="pcm_s16le")


def asked(folder, *kinds):
    return [part for kind in kinds for part in (f"--{kind}", folder / f"cut.{kind}")]


def written(anicolor, film, folder, kind):
    """A list of the film's shots in a file of that kind."""
    path = folder / f"cut.{kind}"
    if kind == "json":
        path.write_text(anicolor("shots", film, "--json").out)
    else:
        assert anicolor("shots", film, f"--{kind}", path).code == 0
    return path


@pytest.mark.parametrize("carrier", ["long_film", "video"])
def test_everything_at_once(anicolor, request, tmp_path, carrier):
    film = request.getfixturevalue(carrier)
    split = tmp_path / "shots"
    outcome = anicolor("shots", film, *asked(tmp_path, *LISTS, "html"), "--split", split, "--json")
    assert outcome.code == 0, outcome.err
    facts = json.loads(outcome.out)
    assert [(shot["start"], shot["stop"]) for shot in facts["shots"]] == [(0, 4), (4, 8)]
    with open_film(film) as source:
        for kind in LISTS:
            shots = read_shots(tmp_path / f"cut.{kind}", source.info)
            assert [shot.score for shot in shots] == [shot["score"] for shot in facts["shots"]]
    assert [row["stop"] for row in csv.DictReader((tmp_path / "cut.csv").open())] == ["4", "8"]
    page = (tmp_path / "cut.html").read_text()
    assert page.count("<img") == 6
    assert [len(pixels_of(path)) for path in sorted(split.iterdir())] == [4, 4]
    frames = [pixels for path in sorted(split.iterdir()) for pixels in pixels_of(path)]
    assert all(np.array_equal(*pair) for pair in zip(frames, pixels_of(film), strict=True))
    assert ("silent" in outcome.err) is (carrier == "video")


def test_the_table_is_printed_beside_the_files(anicolor, long_film, tmp_path):
    plain = anicolor("shots", long_film)
    outcome = anicolor("shots", long_film, *asked(tmp_path, "csv"))
    assert (outcome.code, outcome.out, outcome.err) == (0, plain.out, "")


@pytest.mark.parametrize("detector", ["structure", "histogram"])
def test_the_page_draws_the_change_of_every_frame(anicolor, long_film, tmp_path, detector):
    assert anicolor("shots", long_film, *asked(tmp_path, "html"), "--detector", detector).code == 0
    page = (tmp_path / "cut.html").read_text()
    (curve,) = re.findall('<path class="change" d="([^"]*)"', page)
    assert curve.count("L") == 7
    assert ("200, the least change of a cut" in page) is (detector == "histogram")


def test_the_rate_of_images_is_that_of_their_lists(anicolor, long_film, tmp_path):
    assert anicolor("shots", long_film, *asked(tmp_path, "otio"), "--rate", "24000/1001").code == 0
    timeline = otio.adapters.read_from_file(str(tmp_path / "cut.otio"))
    assert timeline.global_start_time.rate == 24000 / 1001


@pytest.mark.parametrize("kind", [*LISTS, "html"])
def test_nothing_is_replaced_unasked(anicolor, long_film, tmp_path, kind):
    path = tmp_path / f"cut.{kind}"
    path.write_text("mine")
    refused = anicolor("shots", long_film, f"--{kind}", path, "--split", tmp_path / "shots")
    assert (refused.code, refused.out) == (4, "")
    assert str(path) in refused.err
    assert refused.err.count("\n") == 1
    assert path.read_text() == "mine"
    assert not (tmp_path / "shots").exists()
    assert anicolor("shots", long_film, f"--{kind}", path, "--overwrite").code == 0
    assert path.read_text() != "mine"


def test_a_split_is_not_replaced_unasked(anicolor, video, tmp_path):
    split = tmp_path / "shots"
    assert anicolor("shots", video, "--split", split).code == 0
    (split / "shot_009.mkv").touch()
    before = files_in(split)
    assert anicolor("shots", video, "--split", split).code == 4
    assert files_in(split) == before
    outcome = anicolor("shots", video, "--split", split, "--overwrite")
    assert outcome.code == 0
    assert "left from before: shot_009.mkv" in outcome.err


@pytest.mark.parametrize(
    ("option", "place", "said"),
    [
        ("--csv", "gone/cut.csv", "there is no folder"),
        ("--edl", ".", "is a folder, expected a file"),
        ("--otio", "long/A_0001.png", "is the input itself"),
        ("--html", "file/cut.html", "there is no folder"),
        ("--split", "long", "is the input itself"),
        ("--split", "long/shots", "lies inside the input"),
        ("--split", "file", "is a file"),
        ("--split", "shots.mkv", "into a folder"),
    ],
)
def test_where_nothing_can_be_written(anicolor, long_film, tmp_path, option, place, said):
    (tmp_path / "file").write_text("mine")
    before = files_in(tmp_path)
    outcome = anicolor("shots", long_film, option, tmp_path / place, "--overwrite")
    assert outcome.code == 2, outcome
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
    assert files_in(tmp_path) == before


def test_a_video_is_not_replaced_by_its_list(anicolor, video):
    before = video.read_bytes()
    outcome = anicolor("shots", video, "--csv", video, "--overwrite")
    assert (outcome.code, "is the input itself" in outcome.err) == (2, True)
    assert video.read_bytes() == before


def test_two_forms_in_one_file(anicolor, long_film, tmp_path):
    outcome = anicolor("shots", long_film, "--csv", tmp_path / "cut", "--edl", tmp_path / "cut")
    assert (outcome.code, "asked for twice" in outcome.err) == (2, True)


# In place of detection


@pytest.mark.parametrize("kind", ["json", *LISTS])
@pytest.mark.parametrize("carrier", ["long_film", "video"])
def test_colorize_takes_an_editors_list(anicolor, colorize, request, tmp_path, long_keyframes, out, kind, carrier):
    film = request.getfixturevalue(carrier)
    path = written(anicolor, film, tmp_path, kind)
    text = path.read_text()
    if kind == "csv":  # the editor moves the cut
        path.write_text(text.replace("0,0,4,", "0,0,3,").replace("1,4,8,", "1,3,8,"))
    keyframes = long_keyframes
    if carrier == "video":
        drawings = cut(2)
        keyframes = save(tmp_path / "k", [drawings[0].colours, drawings[4].colours], (0, 4), "f_{:06d}.png")
    outcome = colorize(film, keyframes, out, "--shots", path, "--dry-run", "--json")
    assert outcome.code == 0, outcome.err
    place = 3 if kind == "csv" else 4
    assert [(shot["start"], shot["stop"]) for shot in json.loads(outcome.out)["shots"]] == [(0, place), (place, 8)]


def test_colorize_paints_by_the_list(colorize, long_film, long_keyframes, tmp_path, out):
    one = tmp_path / "one.csv"
    one.write_text("start,stop\n0,8\n")
    assert colorize(long_film, long_keyframes, out, "--shots", one).code == 0
    assert len(files_in(out)) == 8
    found = files_in(out)
    assert colorize(long_film, long_keyframes, out, "--overwrite").code == 0
    assert files_in(out) != found  # with a cut, frame 4 is painted from the first shot's keyframe alone


def test_resume_with_another_list_is_refused(long_film, long_keyframes, tmp_path, out):
    film, settings, path = open_film(long_film), Settings(size=64), tmp_path / "cut.csv"

    def run(cut_at, **more):
        path.write_text(f"start,stop\n0,{cut_at}\n{cut_at},8\n")
        plan = make_plan(film, long_keyframes, settings, shots=read_shots(path, film.info))
        return paint(film, plan, load_colorizer("copy"), out, settings, **more)

    steps = run(4)
    while next(steps).shot == 0:
        pass
    steps.close()
    with pytest.raises(InputError, match="begun with other keyframes, settings or weights"):
        next(run(3, resume=True))
    assert next(run(4, resume=True)).resumed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("start,stop\n0,4\n", "no shot has frames 4 to 7 (drawings 5 to 8)"),
        ("start,stop\n0,4\n4,9\n", "ends after frame 8"),
        ('{"rate": "25/1", "shots": [{"start": 0, "stop": 8}]}', "counts at 25/1"),
        (None, "no such file"),
    ],
)
def test_a_list_that_does_not_fit_is_one_line_before_any_work(
    colorize, long_film, long_keyframes, tmp_path, out, text, said
):
    path = tmp_path / "list.txt"
    if text is not None:
        path.write_text(text)
    outcome = colorize(long_film, long_keyframes, out, "--shots", path)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
    assert not out.exists()


def test_eval_scores_the_shots_of_a_list(anicolor, tmp_path):
    film = save(tmp_path / "film", [drawing.colours for drawing in cut(2, 6)], range(12))
    path = tmp_path / "cut.edl"
    assert anicolor("shots", film, "--edl", path, "--rate", "25").code == 0
    outcome = anicolor("eval", film, "--cdc", "--shots", path, "--rate", "25", "--json")
    facts = json.loads(outcome.out)
    assert facts["films"][0]["shots"] == [{"start": 0, "stop": 6}, {"start": 6, "stop": 12}]
    assert facts["settings"]["shots"] == str(path)
    wrong = anicolor("eval", film, "--cdc", "--shots", path)
    assert (wrong.code, "counts at 25/1" in wrong.err) == (2, True)
    many = anicolor("eval", "--model", "copy", "--data", "drawn", "--shots", path)
    assert (many.code, "lists one film" in many.err) == (2, True)


def test_a_list_at_24000_1001_fits_a_video_of_that_rate(anicolor, tmp_path):
    from anicolor.media.write import create

    folder = save(tmp_path / "cut", [drawing.lines for drawing in cut(2)], range(8))
    path = tmp_path / "film.mkv"
    with open_film(folder, rate=Fraction(24000, 1001)) as source, create(path, source) as sink:
        for index, picture in enumerate(source.read()):
            sink.write(index, picture)
    for kind in LISTS:
        written(anicolor, path, tmp_path, kind)
        with open_film(path) as film:
            assert [shot.frames.start for shot in read_shots(tmp_path / f"cut.{kind}", film.info)] == [0, 4]


def test_holds_are_listed_and_written_as_a_time_sheet(anicolor, tmp_path):
    frames = [drawing.lines for drawing in cut(2) for _ in range(2)]
    film = save(tmp_path / "twos", frames, range(1, 17))
    sheet = tmp_path / "cut.xdts"
    outcome = anicolor("shots", film, "--json", "--xdts", sheet)
    shots = json.loads(outcome.out)["shots"]
    assert [shot["holds"] for shot in shots] == [
        [[s, s + 2] for s in range(0, 8, 2)],
        [[s, s + 2] for s in range(8, 16, 2)],
    ]
    with open_film(film) as source:
        assert [str(hold.frames) for hold in read_xdts(sheet, source.info)] == [f"{s}:{s + 2}" for s in range(0, 16, 2)]
    rows = [line.split("\t") for line in anicolor("shots", film, "--holds").out.splitlines()]
    assert [row[-1] for row in rows] == ["drawings", "4", "4"]
    assert "holds" not in json.loads(anicolor("shots", film, "--json").out)["shots"][0]
    again = anicolor("shots", film, "--xdts", sheet)
    assert again.code == 4
    assert str(sheet) in again.err
