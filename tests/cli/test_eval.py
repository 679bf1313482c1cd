"""``anicolor eval``: what it prints, what it leaves out and why, and how it refuses."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
from tiny_cuts import WIDTH, cut, draw, files_in, save, save_video

SINGLE = ("--psnr", "--ssim", "--qssim", "--cdc", "--warp-error", "--segment-accuracy")


@pytest.fixture
def truth(tmp_path):
    """Two shots of six frames, numbered from 1."""
    return save(tmp_path / "truth", [drawing.colours for drawing in cut(2, 6)], range(1, 13))


@pytest.fixture
def art(tmp_path):
    return save(tmp_path / "art", [drawing.lines for drawing in cut(2, 6)], range(1, 13))


@pytest.fixture
def painted(tmp_path):
    """As the truth, but for a block of 8x6 pixels in frames 3 and 9, which is off by 40 levels in red."""
    frames = [drawing.colours.copy() for drawing in cut(2, 6)]
    for index in (2, 8):
        frames[index][:6, :8, 0] -= 40
    return save(tmp_path / "painted", frames, range(1, 13))


@pytest.fixture
def clips(tmp_path):
    """Two clips to paint: line art and colours."""
    for name, shot in (("disc", 0), ("house", 1)):
        drawings = [draw(shot, step) for step in range(6)]
        for kind, pictures in (("line", [d.lines for d in drawings]), ("color", [d.colours for d in drawings])):
            (tmp_path / "clips" / name).mkdir(parents=True, exist_ok=True)
            save(tmp_path / "clips" / name / kind, pictures, range(6))
    return tmp_path / "clips"


def scores(outcome):
    assert outcome.code == 0, outcome.err
    facts = json.loads(outcome.out)
    return facts, {(row["metric"], row["variant"]): row for row in facts["metrics"]}


def test_json_has_every_metric_by_frame_and_by_shot(anicolor, painted, truth):
    facts, rows = scores(anicolor("eval", painted, truth, "--json"))
    assert facts["schema_version"] == 1
    psnr = rows["psnr", "rgb"]
    off = 10 * math.log10(255**2 / (40**2 * 48 / (64 * 48 * 3)))
    assert psnr["frames"] == pytest.approx([100, 100, off, *[100] * 5, off, *[100] * 3])
    assert psnr["shots"] == pytest.approx([(500 + off) / 6] * 2)
    assert psnr["mean"] == pytest.approx((500 + off) / 6)
    assert psnr["truth"] is None
    assert rows["pixel_accuracy", "exact"]["frames"][2] == pytest.approx(1 - 48 / 3072)
    for metric in (("cdc", "strides 1, 2, 4"), ("warp_error[dis]", "flow from truth")):
        row = rows[metric]
        assert len(row["frames"]) == 12
        assert [index for index, value in enumerate(row["frames"]) if value is None] == [0, 6]  # no frame before them
        assert row["mean"] > row["truth"] >= 0
    (film,) = facts["films"]
    assert film["shots"] == [{"start": 0, "stop": 6}, {"start": 6, "stop": 12}]
    assert film["numbers"] == list(range(1, 13))
    left_out = {row["metric"]: row["why"] for row in film["left_out"]}
    assert set(left_out) == {"ms-ssim", "lpips", "fid"}
    assert "161 pixels" in left_out["ms-ssim"]
    assert "alexnet-owt-7be5be79.pth" in left_out["lpips"]
    assert "weights-inception" in left_out["fid"]


def test_a_table_and_why_metrics_were_left_out(anicolor, painted, truth):
    outcome = anicolor("eval", painted, truth)
    rows = [line.split("\t") for line in outcome.out.splitlines()]
    assert rows[0] == ["metric", "variant", "mean", "truth", "better", "frames"]
    named = {row[0]: row for row in rows[1:]}
    assert {"psnr", "ssim", "qssim", "cdc", "warp_error[dis]", "segment_accuracy"} <= set(named)
    assert named["psnr"][4:] == ["higher", "12"]
    assert named["cdc"][3] != ""
    assert "left out: lpips: " in outcome.err
    assert anicolor("eval", painted, truth, "--quiet").err == ""


@pytest.mark.parametrize("flag", SINGLE)
def test_a_flag_chooses_its_metrics_alone(anicolor, painted, truth, flag):
    facts, rows = scores(anicolor("eval", painted, truth, flag, "--json"))
    names = {metric.split("[")[0] for metric, _ in rows}
    bucket = {"segment_accuracy", "pixel_accuracy", "foreground_accuracy", "background_iou"}
    assert names == (bucket if flag == "--segment-accuracy" else {flag.strip("-").replace("-", "_")})
    assert facts["films"][0]["left_out"] == []


@pytest.mark.parametrize("form", ["list", "folder"])
def test_keyframes_are_not_scored(anicolor, tmp_path, painted, truth, form):
    given = "3,9" if form == "list" else save(tmp_path / "keys", [d.colours for d in cut(1, 2)], (3, 9))
    facts, rows = scores(anicolor("eval", painted, truth, "-k", given, "--json"))
    psnr = rows["psnr", "rgb"]
    assert [index for index, value in enumerate(psnr["frames"]) if value is None] == [2, 8]
    assert psnr["mean"] == 100
    assert facts["films"][0]["keyframes"] == [3, 9]
    warp = rows["warp_error[dis]", "flow from truth"]
    assert warp["mean"] == warp["truth"]
    assert [index for index, value in enumerate(warp["frames"]) if value is None] == [0, 2, 3, 6, 8, 9]


def test_inside_the_drawing_the_paper_does_not_flatter(anicolor, painted, truth):
    _, whole = scores(anicolor("eval", painted, truth, "--psnr", "--json"))
    _, inside = scores(anicolor("eval", painted, truth, "--psnr", "--mask", "drawing", "--json"))
    whole, inside = whole["psnr", "rgb"], inside["psnr", "rgb, inside the drawing"]
    assert inside["frames"][2] < whole["frames"][2] - 1


def test_pred_alone_has_what_needs_no_truth(anicolor, painted, art):
    facts, rows = scores(anicolor("eval", painted, "--json"))
    assert [metric for metric, _ in rows] == ["cdc"]
    assert "give TRUTH, or --lines" in {r["metric"]: r["why"] for r in facts["films"][0]["left_out"]}["warp-error"]
    _, rows = scores(anicolor("eval", painted, "--lines", art, "--json"))
    assert set(rows) == {("cdc", "strides 1, 2, 4"), ("warp_error[dis]", "flow from lines")}
    assert all(row["truth"] is None for row in rows.values())


def test_the_flow_of_line_art_and_its_segments(anicolor, painted, truth, art):
    asked = ("--lines", art, "--flow-from", "lines", "--warp-error", "--segment-accuracy", "--json")
    _, rows = scores(anicolor("eval", painted, truth, *asked))
    assert ("warp_error[dis]", "flow from lines") in rows
    assert rows["segment_accuracy", "exact, drawn lines"]["mean"] == 1
    assert rows["segment_accuracy", "exact, drawn lines, over 10 px"]["frames"][0] == 1


def test_resized_frames_may_differ_in_size_and_say_so(anicolor, tmp_path, truth):
    small = save(tmp_path / "small", [d.colours[::2, ::2] for d in cut(2, 6)], range(1, 13))
    _, rows = scores(anicolor("eval", small, truth, "--psnr", "--ms-ssim", "--resize", "168x176", "--json"))
    assert set(rows) == {("psnr", "rgb, at 168x176"), ("ms_ssim", "5 scales, at 168x176")}
    _, rows = scores(anicolor("eval", small, truth, "--psnr", "--resize", "32", "--json"))
    assert set(rows) == {("psnr", "rgb, at 32x32")}


def test_videos_are_scored_as_images_are(anicolor, tmp_path, painted, truth):
    frames = [drawing.colours for drawing in cut(2, 6)]
    video = save_video(tmp_path / "truth.mkv", frames)
    _, rows = scores(anicolor("eval", painted, video, "--psnr", "--json"))
    _, expected = scores(anicolor("eval", painted, truth, "--psnr", "--json"))
    assert rows == expected


def test_one_shot_is_one_shot(anicolor, painted, truth):
    facts, rows = scores(anicolor("eval", painted, truth, "--cdc", "--shots", "one", "--json"))
    (row,) = rows.values()
    assert len(row["shots"]) == 1
    assert None not in row["frames"][1:]
    _, cut_apart = scores(anicolor("eval", painted, truth, "--cdc", "--json"))
    assert row["mean"] > next(iter(cut_apart.values()))["mean"]  # the cut inflates it
    assert facts["films"][0]["shots"] == [{"start": 0, "stop": 12}]


@pytest.mark.parametrize("model", ["copy", "flow", "region"])
def test_a_model_paints_the_clips_and_is_scored(anicolor, clips, model):
    asked = ("--model", model, "--data", clips, "--every", "3", "--device", "cpu", "--json")
    facts, rows = scores(anicolor("eval", *asked))
    assert [film["name"] for film in facts["films"]] == ["disc", "house"]
    assert all(film["keyframes"] == [0, 3, 5] for film in facts["films"])
    psnr = rows["psnr", "rgb"]
    assert len(psnr["shots"]) == 2
    assert len(psnr["frames"]) == 12
    assert psnr["mean"] == pytest.approx(np.mean(psnr["shots"]))
    assert psnr["mean"] > 15
    assert facts["settings"]["model"] == model


def test_keyframes_of_a_model_may_be_named_and_its_frames_kept(anicolor, clips, tmp_path):
    kept = tmp_path / "kept"
    asked = ("--model", "copy", "--data", clips / "disc", "-k", "2", "--keep", kept, "--device", "cpu", "--json")
    facts, _ = scores(anicolor("eval", *asked, "--psnr"))
    assert facts["films"][0]["keyframes"] == [2]
    assert sorted(files_in(kept)) == ["disc", *(f"disc/A_{n:04d}.png" for n in range(6))]
    again = anicolor("eval", *asked, "--psnr")
    assert again.code == 4
    assert str(kept / "disc") in again.err


def test_a_model_is_scored_with_the_finish_that_is_asked_for(anicolor, clips, weights, tmp_path):
    asked = ("--model", "opdm-small", "--weights", weights, "--data", clips / "disc", "--size", 64, "--psnr", "--json")
    psnr = {}
    for finish in ("flat", "raw"):
        kept = ("--finish", finish, "--keep", tmp_path / finish, "--device", "cpu")
        _, rows = scores(anicolor("eval", *asked, *kept))
        psnr[finish] = rows["psnr", "rgb"]["mean"]
    assert psnr["flat"] != psnr["raw"]
    assert files_in(tmp_path / "flat") != files_in(tmp_path / "raw")


@pytest.mark.slow
def test_drawn_scenes_are_data(anicolor):
    facts, rows = scores(anicolor("eval", "--model", "copy", "--data", "drawn", "--clips", "2", "--psnr", "--json"))
    assert [film["name"] for film in facts["films"]] == ["drawn-00", "drawn-01"]
    assert rows["psnr", "rgb"]["mean"] > 5


def test_html_is_one_page(anicolor, painted, truth, tmp_path):
    page = tmp_path / "page.html"
    asked = ("eval", painted, truth, "--psnr", "--cdc", "--html", page)
    assert anicolor(*asked).code == 0
    text = page.read_text()
    assert "<svg" in text
    assert "data:image" in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    refused = anicolor(*asked)
    assert refused.code == 4
    assert str(page) in refused.err
    assert anicolor(*asked, "--overwrite").code == 0


@pytest.mark.parametrize("name", ["truth/A_0001.png", "gone/page.html", "folder.html"])
def test_a_page_never_lies_on_a_frame_or_nowhere(anicolor, truth, tmp_path, name):
    (tmp_path / "folder.html").mkdir()
    before = files_in(tmp_path)
    outcome = anicolor("eval", truth, truth, "--psnr", "--html", tmp_path / name, "--overwrite")
    assert outcome.code == 2
    assert files_in(tmp_path) == before


def test_clips_of_one_name_in_two_folders_are_two_and_may_be_painted_again(anicolor, clips, tmp_path):
    for scene in ("one", "two"):
        shutil.copytree(clips / "disc", tmp_path / "nest" / scene / "cut")
    kept = tmp_path / "kept"
    asked = ("eval", "--model", "copy", "--data", tmp_path / "nest", "--psnr", "--keep", kept, "--json")
    facts, _ = scores(anicolor(*asked))
    assert [film["name"] for film in facts["films"]] == ["one-cut", "two-cut"]
    assert anicolor(*asked).code == 4
    assert anicolor(*asked, "--overwrite").code == 0


def test_a_clip_that_does_not_fit_itself_is_named_by_its_own_files(anicolor, clips):
    (clips / "disc" / "line" / "A_0005.png").unlink()
    outcome = anicolor("eval", "--model", "copy", "--data", clips / "disc", "--psnr")
    assert outcome.code == 2
    assert f"{clips / 'disc' / 'color'} has 6 frames" in outcome.err


@pytest.mark.parametrize("given", ["3,9", "3, 9", "3 9", "3,9,"])
def test_lists_of_keyframes_may_have_spaces(anicolor, painted, truth, given):
    facts, _ = scores(anicolor("eval", painted, truth, "--psnr", "-k", given, "--json"))
    assert facts["films"][0]["keyframes"] == [3, 9]


def test_a_blank_film_has_no_scores_inside_its_drawing(anicolor, tmp_path):
    blank = save(tmp_path / "blank", [np.full((48, 64, 3), 255, np.uint8)] * 6, range(6))
    outcome = anicolor("eval", blank, blank, "--mask", "drawing", "--json")
    _, rows = scores(outcome)
    assert not any(metric in ("cdc", "psnr", "pixel_accuracy") for metric, _ in rows)


def test_pixels_are_counted_where_there_are_no_segments(anicolor, tmp_path):
    black = save(tmp_path / "black", [np.zeros((48, 64, 3), np.uint8)] * 3, range(3))
    facts, rows = scores(anicolor("eval", black, black, "--lines", black, "--segment-accuracy", "--json"))
    assert rows["pixel_accuracy", "exact"]["mean"] == 1
    assert "segment_accuracy" in {row["metric"] for row in facts["films"][0]["left_out"]}


@pytest.mark.parametrize("flag", ["lpips", "fid"])
def test_damaged_weights_are_one_line(anicolor, truth, tmp_path, flag):
    (tmp_path / "text.pth").write_text("hi\n")
    outcome = anicolor("eval", truth, truth, f"--{flag}", f"--{flag}-weights", tmp_path / "text.pth")
    assert outcome.code == 1
    assert outcome.err.startswith("error: ")
    assert "damaged" in outcome.err


def spoil(tmp_path, kind):
    frames = [drawing.colours for drawing in cut(2, 6)]
    if kind == "length":
        return save(tmp_path / kind, frames[:-1], range(1, 12))
    if kind == "numbers":
        return save(tmp_path / kind, frames, range(12))
    if kind == "size":
        return save(tmp_path / kind, [frame[:, 2:] for frame in frames], range(1, 13))
    return save(tmp_path / kind, frames[:4], range(1, 5))


@pytest.mark.parametrize(
    ("kind", "asked", "said"),
    [
        ("length", (), "has 11 frames"),
        ("numbers", (), "has number 0 where"),
        ("size", (), f"is {WIDTH - 2}x48"),
        ("short", ("--cdc",), "--cdc: expected 5 frames or more, got 4"),
        ("same", ("--ms-ssim",), "--ms-ssim: expected frames of 161 pixels a side or more, got 64x48"),
        ("same", ("--lpips",), "--lpips: "),
        ("same", ("--fid",), "--fid: "),
        ("same", ("--warp-error", "--flow", "raft"), "--warp-error: "),
        ("same", ("--lpips", "--mask", "drawing"), "no form inside a mask"),
        ("same", ("--warp-error", "--flow-from", "lines"), "give --lines"),
        ("same", ("-k", "99"), "number 99 is not in"),
        ("same", ("-k", ",".join(map(str, range(1, 13)))), "every frame is a keyframe"),
        ("same", ("-k", "nowhere"), "nowhere"),
        ("same", ("--resize", "0x3"), "no size"),
        ("same", ("--resize", "big"), "no size"),
        ("same", ("--resize", "100000000"), "no size"),
        ("same", ("--resize", "\u00b2"), "no size"),
        ("same", ("-k", ""), "expected keyframes"),
        ("same", ("-k", "\u00b2"), "no such keyframe folder"),
        ("same", ("--cdc", "-k", "1,2,3,7,8,9"), "--cdc: expected frames one, two and four apart"),
        ("same", ("--model", "copy"), "--model"),
        ("same", ("--data", "drawn"), "give --model"),
    ],
)
def test_what_cannot_be_is_one_clear_line(anicolor, tmp_path, truth, monkeypatch, kind, asked, said):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    painted = truth if kind == "same" else spoil(tmp_path, kind)
    other = painted if kind == "short" else truth
    outcome = anicolor("eval", painted, other, *asked)
    assert outcome.code == 2, outcome
    assert said in outcome.err
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""


@pytest.mark.parametrize("asked", [(), ("--model", "copy"), ("--model", "copy", "--data", "gone")])
def test_nothing_to_score_is_said(anicolor, asked):
    outcome = anicolor("eval", *asked)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1


def test_four_frames_are_scored_but_for_cdc(anicolor, tmp_path):
    short = save(tmp_path / "short", [drawing.colours for drawing in cut()], range(4))
    facts, rows = scores(anicolor("eval", short, short, "--json"))
    assert ("psnr", "rgb") in rows
    assert not any(metric == "cdc" for metric, _ in rows)
    assert {"metric": "cdc", "why": "expected 5 frames or more, got 4"} in facts["films"][0]["left_out"]
