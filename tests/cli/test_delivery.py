"""What `anicolor colorize` leaves beside the painted frames: layers, a report and its page; and the colour model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from strict_page import StrictPage
from tiny_cuts import cut, files_in, pixels_of, save, save_video

from anicolor.errors import AnicolorError, PartialError
from anicolor.media.open import open_film
from anicolor.models.opdm.colorizer import OpdmColorizer
from anicolor.models.weights import load_colorizer
from anicolor.pipeline import Settings, colorize, make_plan
from anicolor.quality.notes import read_report

RED, OTHER = (220, 60, 50), (10, 200, 30)


def swatches(path: Path, *colours: tuple[int, int, int]) -> Path:
    path.write_text("GIMP Palette\n#\n" + "".join("{} {} {} fill\n".format(*colour) for colour in colours))
    return path


def test_a_report_and_its_page_lie_beside_the_frames(colorize, anicolor, film, keyframes, out):
    outcome = colorize(film, keyframes, out, "--report")
    assert outcome.code == 0
    assert "out-report.html: what needs an eye" in outcome.err
    report = read_report(out.with_name("out-report.json"))
    assert [frame.number for frame in report.frames] == [1, 2, 3, 4]
    assert [frame.keyframe for frame in report.frames] == [True, False, False, True]
    assert all(0 <= frame.confidence <= 1 for frame in report.frames if not frame.keyframe)
    assert report.model == "opdm-small"
    StrictPage(out.with_name("out-report.html").read_text())
    suggested = json.loads(anicolor("keyframes", "suggest", out.with_name("out-report.json"), "--json").out)
    assert suggested["suggestions"][0]["number"] in (2, 3)


def test_a_second_run_takes_what_the_first_painted(anicolor, weights, film, keyframes, tmp_path, monkeypatch):
    tiny = ("--weights", weights, "--steps", 1, "--size", 64, "--device", "cpu", "--no-report")
    order = ("colorize", film, "-k", keyframes, *tiny, "-o")
    assert anicolor(*order, tmp_path / "a").code == 0
    asked = []
    paint = OpdmColorizer.colorize
    monkeypatch.setattr(OpdmColorizer, "colorize", lambda *given: asked.append(given) or paint(*given))
    assert anicolor(*order, tmp_path / "b").code == 0
    assert not asked
    assert anicolor(*order, tmp_path / "c", "--no-cache").code == 0
    assert len(asked) == 2
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b") == files_in(tmp_path / "c")


def test_no_report(colorize, film, keyframes, out):
    assert colorize(film, keyframes, out).code == 0
    assert sorted(path.name for path in out.parent.glob("out*")) == ["out"]


def test_the_report_of_a_video_and_of_a_model_that_cannot_tell(anicolor, tmp_path):
    film = save_video(tmp_path / "cut.mkv", [drawing.lines for drawing in cut()])
    keyframes = save(tmp_path / "k", [cut()[0].colours], (0,))
    out = tmp_path / "new.mkv"
    assert anicolor("colorize", film, "-k", keyframes, "-o", out, "--model", "copy").code == 0
    report = read_report(tmp_path / "new.mkv-report.json")
    assert [frame.confidence for frame in report.frames] == [None] * 4
    StrictPage((tmp_path / "new.mkv-report.html").read_text())


def test_layers_lie_beside_the_frames(colorize, film, keyframes, out):
    order = "--layers", "confidence,paint, composite,regions,lines"
    assert colorize(film, keyframes, out, *order).code == 0
    plain = out.with_name("plain")
    assert colorize(film, keyframes, plain).code == 0
    assert files_in(out) == files_in(plain), "the composite is what it is without layers"
    for layer in ("paint", "lines", "regions", "confidence"):
        assert list(files_in(out.with_name(f"out-{layer}"))) == list(files_in(out))
    composite, paint, lines = (pixels_of(out.with_name(name)) for name in ("out", "out-paint", "out-lines"))
    for index in range(4):
        whole = np.full(composite[index].shape, 255.0)
        for layer in (paint, lines):
            cover = layer[index][..., 3:] / 255
            whole = whole * (1 - cover) + layer[index][..., :3] * cover
        assert np.abs(whole - composite[index]).max() <= 2
    assert (paint[1][..., 3] == 0).any()
    assert (paint[1][..., 3] == 255).any()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--layers", "paint,ink"), "'ink' is no layer: expected some of composite,paint,lines,regions,confidence"),
        (("--palette", "none.gpl"), "none.gpl"),
        (("--gap", "-1"), "-1"),
    ],
)
def test_bad_wishes(colorize, film, keyframes, out, more, said):
    outcome = colorize(film, keyframes, out, *more)
    assert outcome.code in (1, 2)
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert not out.exists()


def test_a_model_that_cannot_tell_has_no_confidence_layer(anicolor, film, keyframes, out):
    order = ("colorize", film, "-k", keyframes, "-o", out, "--model", "copy", "--layers", "confidence")
    for more in ((), ("--dry-run",)):
        outcome = anicolor(*order, *more)
        assert outcome.code == 2
    assert "needs a model that can tell how sure it is" in outcome.err
    assert not out.exists()


@pytest.mark.parametrize("kind", ["report.json", "report.html", "paint"])
def test_what_is_in_the_way_is_not_overwritten_unless_told(colorize, film, keyframes, out, kind):
    there = out.with_name(f"out-{kind}")
    if kind == "paint":
        there.mkdir()
        (there / "mine.txt").write_text("mine")
    else:
        there.write_text("mine")
    order = (film, keyframes, out, "--report", "--layers", "paint")
    outcome = colorize(*order)
    assert outcome.code == 4
    assert f"out-{kind}: exists" in outcome.err
    assert not out.exists()
    assert colorize(*order, "--overwrite").code == 0
    assert kind != "paint" or (there / "mine.txt").read_text() == "mine"


def test_a_resumed_run_has_the_report_and_layers_of_a_whole_one(long_film, long_keyframes, weights, out):
    colorizer, source = load_colorizer("opdm-small", weights), open_film(long_film)
    settings = Settings(steps=1, size=64, layers=("paint", "confidence"), report=True)
    plan = make_plan(source, long_keyframes, settings)

    def run(target, **more):
        return colorize(source, plan, colorizer, target, settings, name="tiny", **more)

    steps = run(out)
    while next(steps).shot == 0:
        pass
    steps.close()
    assert not out.with_name("out-report.json").exists()
    assert next(run(out, resume=True)).resumed
    list(run(out, resume=True))
    whole = out.with_name("whole")
    list(run(whole))
    assert read_report(out.with_name("out-report.json")) == read_report(whole.with_name("whole-report.json"))
    for layer in ("", "-paint", "-confidence"):
        assert files_in(out.with_name(f"out{layer}")) == files_in(whole.with_name(f"whole{layer}"))


def test_a_failed_run_keeps_its_notes(long_film, long_keyframes, weights, out):
    colorizer, source = load_colorizer("opdm-small", weights), open_film(long_film)
    settings = Settings(steps=1, size=64, report=True)
    plan = make_plan(source, long_keyframes, settings)
    lost = long_film / "A_0006.png"
    kept = lost.read_bytes()
    lost.unlink()
    with pytest.raises(PartialError):
        list(colorize(source, plan, colorizer, out, settings))
    lost.write_bytes(kept)
    list(colorize(source, plan, colorizer, out, settings, resume=True))
    assert len(read_report(out.with_name("out-report.json")).frames) == 8
    assert not list(out.glob(".anicolor*"))


def test_fills_are_locked_to_a_colour_model(colorize, film, keyframes, tmp_path, out):
    model = swatches(tmp_path / "model.gpl", OTHER)
    assert colorize(film, keyframes, out, "--palette", model, "--report", "--layers", "paint").code == 0
    for index in (1, 2):
        pixels = pixels_of(out.with_name("out-paint"))[index]
        assert {tuple(map(int, colour)) for colour in pixels[pixels[..., 3] > 0][:, :3]} <= {OTHER, (255, 255, 255)}
    report = read_report(out.with_name("out-report.json"))
    assert {(stranger.colour, stranger.keyframe) for stranger in report.strangers} == {(RED, 1), (RED, 4)}


def test_layers_never_go_where_the_input_lies(colorize, film, keyframes, tmp_path):
    film.rename(tmp_path / "x-lines")
    keyframes.rename(tmp_path / "x-paint")
    before = files_in(tmp_path / "x-lines"), files_in(tmp_path / "x-paint")
    for layer in ("lines", "paint"):
        order = (tmp_path / "x-lines", tmp_path / "x-paint", tmp_path / "x", "--layers", layer, "--overwrite")
        outcome = colorize(*order)
        assert outcome.code == 2, outcome.err
        assert f"x-{layer}" in outcome.err
    assert (files_in(tmp_path / "x-lines"), files_in(tmp_path / "x-paint")) == before


def test_a_master_and_a_preview_have_each_their_report(anicolor, tmp_path):
    film = save_video(tmp_path / "cut.mkv", [drawing.lines for drawing in cut()])
    keyframes = save(tmp_path / "k", [cut()[0].colours], (0,))
    for name in ("x.mkv", "x.mp4", "x"):
        assert anicolor("colorize", film, "-k", keyframes, "-o", tmp_path / name, "--model", "copy").code == 0
        assert (tmp_path / f"{name}-report.html").exists()


def test_the_folder_at_hand_as_output(colorize, film, keyframes, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert colorize(film, keyframes, Path(), "--report").code == 0
    assert (tmp_path / "here-report.json").exists()
    assert colorize(film, keyframes, tmp_path / "new" / "deep", "--report").code == 0
    assert (tmp_path / "new" / "deep-report.json").exists()


def test_a_report_that_cannot_be_written_is_said_before_anything_is_painted(colorize, film, keyframes, out):
    out.with_name("out-report.json").mkdir()
    outcome = colorize(film, keyframes, out, "--report", "--overwrite")
    assert outcome.code == 2
    assert "out-report.json: is a folder" in outcome.err
    assert not out.exists()


@pytest.fixture
def half_done(long_film, long_keyframes, weights, out):
    """A run that was stopped after its first shot, and how it goes on."""
    colorizer, source = load_colorizer("opdm-small", weights), open_film(long_film)
    settings = Settings(steps=1, size=64, layers=("paint",), report=True)
    plan = make_plan(source, long_keyframes, settings)
    steps = colorize(source, plan, colorizer, out, settings)
    while next(steps).shot == 0:
        pass
    steps.close()
    return lambda: list(colorize(source, plan, colorizer, out, settings, resume=True))


def test_a_shot_whose_layers_are_lost_is_painted_again(half_done, out):
    layer = out.with_name("out-paint")
    lost = sorted(layer.glob("*.png"))[1]
    kept = lost.read_bytes()
    lost.unlink()
    assert not any(step.resumed for step in half_done())
    assert lost.read_bytes() == kept
    assert len(list(layer.glob("*.png"))) == 8


@pytest.mark.parametrize("damage", [{"frames": [{}]}, {"frames": [{"index": -1}]}])
def test_damaged_notes_of_an_earlier_run_are_one_line(half_done, out, damage):
    facts = out / ".anicolor.frames.jsonl"
    facts.write_text(json.dumps({"shot": 0, **damage}) + "\n")
    with pytest.raises(AnicolorError, match=r"shot 0 is damaged \(.*\): begin again with --overwrite"):
        half_done()


def test_layers_of_a_deep_cut_are_as_deep_where_a_keyframe_is_not(colorize, keyframes, tmp_path, out):
    deep = save(tmp_path / "deep", [np.uint16(257) * drawing.lines for drawing in cut()], range(1, 5))
    assert colorize(deep, keyframes, out, "--layers", "paint").code == 0
    assert {pixels.dtype for pixels in pixels_of(out.with_name("out-paint"))} == {np.dtype(np.uint16)}
