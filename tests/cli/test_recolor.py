"""``anicolor recolor``: a finished film in the colours of a picture that is none of its frames."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_cuts import HEIGHT, WIDTH, audio_of, cut, draw, files_in, pixels_of, save, save_picture, save_video

USAGE, WOULD_OVERWRITE = 2, 4
DISC, NEW = (220, 60, 50), (50, 220, 60)


@pytest.fixture
def finished(tmp_path):
    """Two shots of painted frames: a red disc that wanders, a blue house that does."""
    return save(tmp_path / "finished", [drawing.colours for drawing in cut(2)], range(1, 9))


@pytest.fixture
def reference(tmp_path):
    """The disc in green, elsewhere: no frame of the film."""
    colours = draw(0, 2).colours
    colours[(colours == DISC).all(axis=2)] = NEW
    return save_picture(tmp_path / "cover.png", colours)


@pytest.fixture
def recolor(anicolor):
    def run(film, reference, out, *more):
        tiny = ("--model", "flow", "--size", 64, "--device", "cpu", "--no-report", "--no-cache")
        return anicolor("recolor", film, "--reference", reference, "-o", out, *tiny, *more)

    return run


def test_every_frame_takes_the_colours_of_the_reference(recolor, finished, reference, out):
    outcome = recolor(finished, reference, out)
    assert outcome.code == 0
    assert "out: 8 frames painted" in outcome.err
    assert "no keyframe" not in outcome.err
    assert list(files_in(out)) == [f"A_{number:04d}.png" for number in range(1, 9)]
    for painted, drawing in zip(pixels_of(out)[:4], cut(), strict=True):
        inside = (drawing.colours == DISC).all(axis=2)
        near = np.abs(painted[inside].astype(int) - NEW).max(axis=1) <= 2
        assert near.mean() > 0.7
        assert not (np.abs(painted.astype(int) - DISC).max(axis=2) <= 2).any()


def test_shots_are_painted_from_it_each(recolor, finished, reference, out):
    outcome = recolor(finished, reference, out, "--json")
    facts = json.loads(outcome.out)
    assert facts["reference"] == str(reference)
    shots = facts["shots"]
    assert [(shot["start"], shot["stop"], shot["keyframes"], shot["borrowed"]) for shot in shots] == [
        (0, 4, [], False),
        (4, 8, [], False),
    ]


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (200, 150), (31, 64)])
def test_a_reference_may_have_any_size(anicolor, weights, finished, reference, tmp_path, out, size):
    other = tmp_path / "other.png"
    Image.open(reference).resize(size).save(other)
    tiny = ("--weights", weights, "--steps", 1, "--size", 64, "--no-report", "--no-cache")
    assert anicolor("recolor", finished, "--reference", other, "-o", out, *tiny).code == 0
    assert {frame.shape for frame in pixels_of(out)} == {(HEIGHT, WIDTH, 3)}


def test_a_stopped_run_goes_on(anicolor, weights, tmp_path, reference, monkeypatch):
    from anicolor.models.opdm.colorizer import OpdmColorizer

    film = save(tmp_path / "long", [drawing.colours for drawing in cut(3)], range(1, 13))
    paint, seen = OpdmColorizer.colorize, []

    def watched(self, request, noise, steps=None):
        if len(seen) == 6:
            raise MemoryError
        seen.append(request.seeds)
        return paint(self, request, noise, steps)

    monkeypatch.setattr(OpdmColorizer, "colorize", watched)
    order = ("recolor", film, "--reference", reference, "--weights", weights, "--steps", 1, "--size", 64, "--no-report")
    stopped = anicolor(*order, "-o", tmp_path / "out", "--no-cache")
    assert "1 of 3 shots are kept" in stopped.err
    assert seen == [(0,)] * 4 + [(4,)] * 2, "each shot has its own noise"
    seen.clear()
    monkeypatch.setattr(OpdmColorizer, "colorize", paint)
    assert anicolor(*order, "-o", tmp_path / "out", "--no-cache", "--resume").code == 0
    assert anicolor(*order, "-o", tmp_path / "whole", "--no-cache").code == 0
    assert files_in(tmp_path / "out") == files_in(tmp_path / "whole")


def test_a_video_keeps_its_sound(recolor, tmp_path, reference):
    film = save_video(tmp_path / "in.mkv", [drawing.colours for drawing in cut()], audio="aac")
    assert recolor(film, reference, tmp_path / "out.mkv").code == 0
    assert len(pixels_of(tmp_path / "out.mkv")) == 4
    assert audio_of(tmp_path / "out.mkv") == audio_of(film)


def test_bad_orders_say_what_is_wrong(recolor, finished, reference, tmp_path, out):
    gone = recolor(finished, tmp_path / "gone.png", out)
    assert (gone.code, gone.err.count("\n")) == (USAGE, 1)
    assert "gone.png: no such picture" in gone.err
    drawn = save(tmp_path / "drawn", [drawing.lines for drawing in cut()], range(4))
    assert "expected a finished film, found line art: anicolor colorize" in recolor(drawn, reference, out).err
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    assert "broken.png" in recolor(finished, broken, out).err
    assert not out.exists()
    assert recolor(finished, reference, out).code == 0
    before = files_in(out)
    assert recolor(finished, reference, out).code == WOULD_OVERWRITE
    assert files_in(out) == before
