"""The main job through the command line: what comes in, what comes out, and what is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_cuts import HEIGHT, WIDTH, audio_of, cut, files_in, pixels_of, save, save_picture, save_video

from anicolor.frames import FrameRange, Hold
from anicolor.media.images import read_header
from anicolor.media.open import open_film
from anicolor.models.colorizer import Colours
from anicolor.models.yardsticks.colorizer import YardstickColorizer
from anicolor.shots.xdts import xdts


def on_white(pixels):
    cover = pixels[..., 3:] / 255
    return pixels[..., :3] * cover + 255 * (1 - cover)


# Sequences


def test_every_drawing_is_painted_and_keyframes_come_out_as_given(colorize, film, keyframes, out):
    outcome = colorize(film, keyframes, out)
    assert outcome.code == 0
    assert outcome.out == ""
    assert "out: 4 frames painted" in outcome.err
    assert list(files_in(out)) == [f"A_{number:04d}.png" for number in range(1, 5)]
    painted, drawings = pixels_of(out), cut()
    for index in (0, 3):
        assert np.array_equal(painted[index], drawings[index].colours)
    for index in (1, 2):
        assert not np.array_equal(painted[index], drawings[index].lines)
        assert (painted[index][drawings[index].ink > 0] == 0).all()


def test_lines_take_the_colour_that_keyframes_show(anicolor, film, tmp_path, out):
    brown, drawings = (110, 60, 20), cut()
    painted = [np.where(d.ink[..., None] > 0, np.uint8(brown), d.colours) for d in (drawings[0], drawings[3])]
    keyframes = save(tmp_path / "brown", painted, (1, 4))
    order = ("colorize", film, "--keyframes", keyframes, "--model", "flow", "-o")
    assert anicolor(*order, out).code == 0
    assert anicolor(*order, tmp_path / "black", "--line-colour", "multiply").code == 0
    for index in (1, 2):
        ink = drawings[index].ink > 0
        assert np.abs(pixels_of(out)[index][ink].astype(int) - brown).max() <= 1
        assert (pixels_of(tmp_path / "black")[index][ink] == 0).all()


def test_fills_have_the_keyframes_colours_unless_raw_ones_are_asked_for(anicolor, film, tmp_path, out, monkeypatch):
    keyframes = save(tmp_path / "one", [cut()[0].colours], (1,))
    order = ("colorize", film, "--keyframes", keyframes, "--model", "copy", "-o")
    network = YardstickColorizer.colorize
    darker = lambda *asked: Colours(network(*asked).frames * 0.98)  # noqa: E731
    monkeypatch.setattr(YardstickColorizer, "colorize", darker)
    assert anicolor(*order, out).code == 0
    assert anicolor(*order, tmp_path / "raw", "--finish", "raw").code == 0
    centre = (26, 19)
    assert tuple(pixels_of(out)[1][centre]) == (220, 60, 50)
    assert tuple(pixels_of(tmp_path / "raw")[1][centre]) == (216, 59, 49)


def test_all_frames_are_keyframes(colorize, film, tmp_path, out):
    drawings = cut()
    keyframes = save(tmp_path / "all", [drawing.colours for drawing in drawings], range(1, 5))
    assert colorize(film, keyframes, out).code == 0
    for painted, drawing in zip(pixels_of(out), drawings, strict=True):
        assert np.array_equal(painted, drawing.colours)


def test_a_single_image_as_keyframe(colorize, film, keyframes, out):
    assert colorize(film, keyframes / "A_0004.png", out).code == 0
    assert np.array_equal(pixels_of(out)[3], cut()[3].colours)


@pytest.mark.parametrize("suffix", ["tga", "tif", "png"])
def test_gaps_and_names_are_kept(colorize, tmp_path, keyframes, out, suffix):
    name = f"A_{{:04d}}.{suffix}"
    film = save(tmp_path / "gaps", [drawing.lines for drawing in cut()], (1, 4, 7, 12), name)
    assert colorize(film, keyframes, out).code == 0
    assert list(files_in(out)) == ["A_0001.png", "A_0004.png", "A_0007.png", "A_0012.png"]
    assert np.array_equal(pixels_of(out)[1], cut()[3].colours)  # keyframe 4 is drawing 4, the second frame


def test_a_pattern_takes_its_own_drawings(colorize, film, keyframes, out):
    save(film, [drawing.lines for drawing in cut()], range(1, 5), "B_{:04d}.png")
    assert colorize(film / "A_%04d.png", keyframes, out).code == 0
    assert list(files_in(out)) == [f"A_{number:04d}.png" for number in range(1, 5)]


def test_other_files_of_the_output_folder_stay(colorize, film, keyframes, out):
    out.mkdir()
    (out / "notes.txt").write_text("dear")
    assert colorize(film, keyframes, out, "--overwrite").code == 0
    assert (out / "notes.txt").read_text() == "dear"
    assert len(files_in(out)) == 5


def test_16_bits_stay_16(colorize, tmp_path, out):
    drawings = cut()
    film = save(tmp_path / "deep", [np.uint16(257) * drawing.lines for drawing in drawings], range(1, 5))
    keyframe = np.uint16(257) * drawings[0].colours - np.uint16(3) * (drawings[0].colours > 0)
    keyframes = save(tmp_path / "deep-painted", [keyframe], [1])
    assert colorize(film, keyframes, out).code == 0
    painted = pixels_of(out)
    assert {(pixels.dtype, pixels.shape) for pixels in painted} == {(np.dtype(np.uint16), (HEIGHT, WIDTH, 3))}
    assert np.array_equal(painted[0], keyframe)
    assert len(np.unique(painted[1] % 257)) > 1  # not merely 8 bits, widened


# Alpha


@pytest.fixture
def three_ways(colorize, tmp_path):
    """Paint the same drawings on white, on nothing and as cels; frames 2 and 3, which are no keyframes."""
    drawings = cut()
    keyframes = save(tmp_path / "k", [drawings[0].colours], [1])
    kinds = {
        "white": [drawing.lines for drawing in drawings],
        "nothing": [drawing.on_nothing for drawing in drawings],
        "cel": [drawing.cel for drawing in drawings],
    }
    painted = {}
    for kind, pictures in kinds.items():
        film = save(tmp_path / kind, pictures, range(1, 5))
        assert colorize(film, keyframes, tmp_path / f"out-{kind}").code == 0
        painted[kind] = pixels_of(tmp_path / f"out-{kind}")[1:3]
    return painted


def test_ink_on_nothing_comes_out_with_alpha_and_the_same_colours(three_ways):
    for white, clear in zip(three_ways["white"], three_ways["nothing"], strict=True):
        assert clear.shape == (HEIGHT, WIDTH, 4)
        assert np.abs(on_white(clear) - white).max() <= 1


def test_opaque_black_ink_stays_exactly_so(three_ways):
    for index, drawing in enumerate(cut()[1:3]):
        ink = drawing.ink > 0
        assert (three_ways["white"][index][ink] == 0).all()
        for kind in ("nothing", "cel"):
            assert (three_ways[kind][index][ink] == (0, 0, 0, 255)).all()


def test_a_cel_keeps_its_own_alpha(three_ways):
    for index, drawing in enumerate(cut()[1:3]):
        cel = three_ways["cel"][index]
        assert np.array_equal(cel[..., 3], drawing.cel[..., 3])
        inside = drawing.cel[..., 3] > 0
        assert np.array_equal(cel[inside][:, :3], three_ways["white"][index][inside])


def test_a_keyframe_with_alpha_comes_out_with_it(colorize, tmp_path, out):
    drawings = cut()
    film = save(tmp_path / "clear", [drawing.on_nothing for drawing in drawings], range(1, 5))
    cover = drawings[0].cel[..., 3:]
    keyframe = np.dstack([drawings[0].colours, cover])
    assert colorize(film, save(tmp_path / "k", [keyframe], [1]), out).code == 0
    assert np.array_equal(pixels_of(out)[0], keyframe)


def test_a_preview_video_says_that_it_has_no_alpha(colorize, tmp_path, keyframes):
    film = save(tmp_path / "clear", [drawing.on_nothing for drawing in cut()], range(1, 5))
    outcome = colorize(film, keyframes, tmp_path / "out.mp4", "--json")
    assert outcome.code == 0
    assert "note: H.264 has no alpha: laid on white paper" in outcome.err
    assert "H.264 has no alpha: laid on white paper" in json.loads(outcome.out)["notes"]


# Videos


@pytest.fixture
def video(tmp_path):
    return save_video(tmp_path / "film.mkv", [drawing.lines for drawing in cut()], audio="aac")


@pytest.fixture
def video_keyframes(tmp_path):
    """Frames 0 and 3: a video's frames are counted from 0."""
    return save(tmp_path / "video-painted", [cut()[0].colours, cut()[3].colours], (0, 3), "{}.png")


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_video_to_video_keeps_frames_times_and_sound(colorize, video, video_keyframes, tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    assert colorize(video, video_keyframes, target).code == 0
    before, after = open_film(video), open_film(target)
    assert (after.info.frames, after.info.rate) == (before.info.frames, before.info.rate) == (4, 4)
    assert [t * after.time_base for t in after.times] == [t * before.time_base for t in before.times]
    assert audio_of(target) == audio_of(video)
    painted = list(after.read())
    exact = suffix == ".mkv"
    for index in (0, 3):
        keyframe, frame = cut()[index].colours.astype(int), painted[index].pixels / (2 ** (painted[index].bits - 8))
        assert np.abs(frame - keyframe).max() == 0 if exact else np.abs(frame - keyframe).mean() < 6
    assert [path.name for path in tmp_path.glob("*out*")] == [target.name]


def test_video_to_folder(colorize, video, video_keyframes, out):
    assert colorize(video, video_keyframes, out).code == 0
    assert list(files_in(out)) == [f"frame_{index:06d}.png" for index in range(4)]
    assert np.array_equal(pixels_of(out)[3], cut()[3].colours)


def test_folder_to_video(colorize, film, keyframes, tmp_path):
    target = tmp_path / "out.mkv"
    assert colorize(film, keyframes, target, "--rate", "24000/1001").code == 0
    after = open_film(target)
    assert (after.info.frames, str(after.info.rate)) == (4, "24000/1001")
    assert np.array_equal(next(after.read()).pixels, cut()[0].colours)


def test_a_keyframe_of_another_depth_goes_into_a_video(colorize, film, tmp_path):
    drawings = cut()
    deep = np.dstack([np.uint16(257) * drawings[0].colours, np.full((HEIGHT, WIDTH), 65535, np.uint16)])
    keyframes = save(tmp_path / "deep", [deep], [1])
    assert colorize(film, keyframes, tmp_path / "out.mkv").code == 0
    assert np.array_equal(pixels_of(tmp_path / "out.mkv")[0], drawings[0].colours)


def test_a_video_is_replaced_when_told(colorize, film, keyframes, tmp_path):
    target = tmp_path / "out.mkv"
    target.write_bytes(b"old")
    assert colorize(film, keyframes, target, "--overwrite").code == 0
    assert len(pixels_of(target)) == 4


# Finished colour film


def test_lines_of_a_finished_film_are_taken_out_first(colorize, tmp_path, keyframes, out):
    colour = save(tmp_path / "colour", [drawing.colours for drawing in cut()], range(1, 5))
    assert colorize(colour, keyframes, out, "--lines", "xdog").code == 0
    painted = pixels_of(out)
    assert np.array_equal(painted[0], cut()[0].colours)
    assert not np.array_equal(painted[1], cut()[1].colours)


# Shots


def test_each_shot_is_painted_from_its_own_keyframes(colorize, long_film, long_keyframes, out):
    outcome = colorize(long_film, long_keyframes, out, "--json")
    shots = json.loads(outcome.out)["shots"]
    assert [(shot["start"], shot["stop"], shot["keyframes"]) for shot in shots] == [(0, 4, [1]), (4, 8, [5])]
    first = pixels_of(out)
    # The other shot's keyframe plays no part.
    changed = long_keyframes / "A_0005.png"
    save_picture(changed, np.full((HEIGHT, WIDTH, 3), (0, 90, 0), np.uint8))
    assert colorize(long_film, long_keyframes, out, "--overwrite").code == 0
    again = pixels_of(out)
    assert all(np.array_equal(a, b) for a, b in zip(first[:4], again[:4], strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first[4:], again[4:], strict=True))


def test_borrowed_keyframes_work_and_are_said(colorize, long_film, long_keyframes, out):
    (long_keyframes / "A_0005.png").unlink()
    outcome = colorize(long_film, long_keyframes, out, "--borrow-keyframes", "--json")
    assert outcome.code == 0
    note = "frames 5 to 8 have no keyframe of their own: painted from A_0001.png"
    assert outcome.err.splitlines() == [f"note: {note}"]
    facts = json.loads(outcome.out)
    assert facts["notes"] == [note]
    assert [(shot["keyframes"], shot["borrowed"]) for shot in facts["shots"]] == [([1], False), ([1], True)]
    assert len(pixels_of(out)) == 8


# What is said


def test_keyframes_may_be_named_by_a_pattern(colorize, film, keyframes, out):
    (keyframes / "B_0001.png").write_bytes((keyframes / "A_0001.png").read_bytes())
    assert colorize(film, keyframes, out).code == 2
    assert colorize(film, keyframes / "A_%04d.png", out).code == 0


def test_json(colorize, film, keyframes, out, weights):
    outcome = colorize(film, keyframes, out, "--json")
    facts = json.loads(outcome.out)
    assert facts.pop("seconds") >= 0
    assert outcome.err == ""
    assert facts == {
        "schema_version": 1,
        "input": str(film),
        "output": str(out),
        "refiner": "none",
        "model": "opdm-small",
        "weights": str(weights),
        "steps": 1,
        "seed": 0,
        "device": "cpu",
        "size": [64, 48],
        "rate": "24/1",
        "frames": 4,
        "shots": [{"index": 0, "start": 0, "stop": 4, "drawings": 4, "keyframes": [1, 4], "borrowed": False}],
        "notes": [],
    }


def test_the_plan_is_what_is_done_and_writes_nothing(colorize, long_film, long_keyframes, out, tmp_path):
    before = files_in(tmp_path)
    planned = json.loads(colorize(long_film, long_keyframes, out, "--dry-run", "--json", "--size", 32).out)
    assert files_in(tmp_path) == before
    done = json.loads(colorize(long_film, long_keyframes, out, "--json", "--size", 32).out)
    assert done.pop("seconds") >= 0
    assert planned == done
    assert planned["size"] == [32, 24]


def test_the_plan_as_a_table(colorize, long_film, long_keyframes, out, tmp_path):
    before = files_in(tmp_path)
    outcome = colorize(long_film, long_keyframes, out, "--dry-run")
    assert outcome.code == 0
    rows = ["shot\tstart\tstop\tdrawings\tkeyframes", "0\t0\t4\t4\t1", "1\t4\t8\t4\t5"]
    assert outcome.out.splitlines() == [*rows, f"8 frames, opdm-small at 64x48 on cpu, into {out}"]
    assert outcome.err == ""
    assert files_in(tmp_path) == before


def test_the_plan_meets_an_output_in_the_way(colorize, film, keyframes, out):
    out.mkdir()
    (out / "dear.txt").touch()
    assert colorize(film, keyframes, out, "--dry-run").code == 4
    assert colorize(film, keyframes, out, "--dry-run", "--overwrite").code == 0


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_quiet(colorize, long_film, long_keyframes, out, more):
    (long_keyframes / "A_0005.png").unlink()
    outcome = colorize(long_film, long_keyframes, out, "--borrow-keyframes", "--quiet", *more)
    assert (outcome.code, outcome.err) == (0, "")
    assert (outcome.out != "") == bool(more)


def test_remarks_about_the_film_are_passed_on(colorize, film, keyframes, out):
    save_picture(film / "cover.png", cut()[0].colours)
    outcome = colorize(film, keyframes, out)
    assert "note: images without a number left out: cover.png" in outcome.err


# The same command, the same frames


def test_seed(colorize, film, keyframes, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert colorize(film, keyframes, tmp_path / name, "--seed", seed, "--steps", 2).code == 0
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")
    assert files_in(tmp_path / "a") != files_in(tmp_path / "c")


def test_a_tall_odd_size_goes_through(colorize, tmp_path, out):
    drawings = cut()
    film = save(tmp_path / "tall", [drawing.lines.transpose(1, 0, 2)[:, :37] for drawing in drawings], range(4))
    keyframes = save(tmp_path / "k", [drawings[0].colours.transpose(1, 0, 2)[:, :37]], [0])
    outcome = colorize(film, keyframes, out, "--size", 40, "--json")
    assert json.loads(outcome.out)["size"] == [23, 40]
    header = read_header(out / "A_0001.png")
    assert (header.width, header.height) == (37, WIDTH)


def test_a_time_sheet_replaces_what_is_found(colorize, film, keyframes, out, tmp_path):
    with open_film(film) as source:
        text = xdts(source.info, [Hold(FrameRange(0, 3)), Hold(FrameRange(3, 4))])
    (sheet := tmp_path / "cut.xdts").write_text(text)
    outcome = colorize(film, keyframes, out, "--xdts", sheet, "--json")
    assert json.loads(outcome.out)["shots"][0]["drawings"] == 2
    frames = pixels_of(out)
    assert all(np.array_equal(frame, cut()[0].colours) for frame in frames[:3])
    sheet.write_text("no sheet")
    refused = colorize(film, keyframes, out, "--xdts", sheet, "--overwrite")
    assert refused.code == 2
    assert "expected an XDTS time sheet" in refused.err
