"""``anicolor lines``: every method, line art that passes, trace lines apart, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny_cuts import cut, files_in, pixels_of, save, save_video

from anicolor.lines.extract import FROM_PAINT, binarize
from anicolor.lines.xdog import PRESETS, xdog
from anicolor.media.picture import Picture, from_frame, to_frame

PASSED = "note: line art already, passed through unchanged: --force takes lines out all the same\n"


@pytest.fixture
def colour(tmp_path):
    return save(tmp_path / "colour", [drawing.colours for drawing in cut()], range(1, 5))


@pytest.fixture
def traced(tmp_path):
    """Black lines with a red and a blue one."""
    pages = [drawing.lines.copy() for drawing in cut()]
    for page in pages:
        cv2.line(page, (2, 4), (60, 44), (255, 0, 0), 1, cv2.LINE_AA)
        cv2.line(page, (50, 2), (62, 30), (0, 0, 255), 1)
    return save(tmp_path / "traced", pages, range(1, 5))


def by_hand(pixels, settings=None):
    return from_frame(xdog(to_frame(Picture(pixels))[None], settings)[0].expand(3, -1, -1)).pixels


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(anicolor, colour, out, preset):
    assert anicolor("lines", colour, "-o", out, "--preset", preset).code == 0
    assert np.array_equal(pixels_of(out)[1], by_hand(cut()[1].colours, PRESETS[preset]))


def test_binary_has_two_levels(anicolor, colour, out):
    assert anicolor("lines", colour, "-o", out, "--preset", "soft", "--binary").code == 0
    soft = xdog(to_frame(Picture(cut()[1].colours))[None], PRESETS["soft"])
    expected = from_frame(binarize(soft)[0].expand(3, -1, -1)).pixels
    assert set(np.unique(expected)) == {0, 255}
    assert np.array_equal(pixels_of(out)[1], expected)


@pytest.mark.parametrize("method", sorted(FROM_PAINT))
def test_line_art_passes_unchanged_and_says_so(anicolor, film, out, weights_of_lines, method):
    more = ("--weights", weights_of_lines) if method == "anime2sketch" else ()
    outcome = anicolor("lines", film, "-o", out, "--method", method, *more)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", PASSED)
    assert all(np.array_equal(a, b) for a, b in zip(pixels_of(out), pixels_of(film), strict=True))


def test_line_art_with_alpha_keeps_it(anicolor, tmp_path, out):
    film = save(tmp_path / "cel", [drawing.on_nothing for drawing in cut()], range(1, 5))
    anicolor("lines", film, "-o", out)
    assert np.array_equal(pixels_of(out)[2], pixels_of(film)[2])


def test_line_art_in_sixteen_bits_keeps_them(anicolor, tmp_path, out):
    film = save(tmp_path / "deep", [np.uint16(250) * drawing.lines for drawing in cut()], range(1, 5))
    anicolor("lines", film, "-o", out)
    assert np.array_equal(pixels_of(out)[2], pixels_of(film)[2])


def test_force_takes_lines_out_of_lines(anicolor, film, out):
    outcome = anicolor("lines", film, "-o", out, "--force")
    assert (outcome.code, outcome.err) == (0, "")
    assert np.array_equal(pixels_of(out)[0], by_hand(cut()[0].lines))


def test_json(anicolor, film, colour, out):
    outcome = anicolor("lines", colour, "-o", out, "--binary", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out) == {
        "schema_version": 1,
        "input": str(colour),
        "output": str(out),
        "trace": None,
        "frames": 4,
        "method": "xdog",
        "preset": "animediffusion-0.5",
        "binary": True,
        "passed_through": False,
        "notes": [],
    }
    facts = json.loads(anicolor("lines", film, "-o", out, "--overwrite", "--json").out)
    assert (facts["method"], facts["preset"], facts["passed_through"]) == ("none", None, True)
    assert "passed through unchanged" in facts["notes"][0]


def test_clean_takes_the_paper_out_of_a_scan(anicolor, tmp_path, out):
    paper = np.array([0.9, 0.87, 0.8]) * np.linspace(1, 0.75, 64)[None, :, None]
    scans = [np.rint(drawing.lines * paper).astype(np.uint8) for drawing in cut()]
    film = save(tmp_path / "scans", scans, range(1, 5))
    assert anicolor("lines", film, "-o", out, "--method", "clean").code == 0
    found = pixels_of(out)[2][..., 0]
    assert (found[cut()[2].ink == 0] >= 250).all()
    assert (found[cut()[2].ink > 0] < 40).all()


@pytest.mark.parametrize("method", ["xdog", "none", "clean"])
def test_trace_lines_go_into_a_film_of_their_own(anicolor, traced, tmp_path, out, method):
    trace = tmp_path / "trace"
    assert anicolor("lines", traced, "-o", out, "--method", method, "--trace", trace).code == 0
    ink = cut()[1].ink > 0
    pages, lines, traces = pixels_of(traced), pixels_of(out), pixels_of(trace)
    assert len(lines) == len(traces) == 4
    brightest, darkest = pages[1].max(axis=2).astype(int), pages[1].min(axis=2)
    coloured = (brightest - darkest > 100) & (brightest > 200)  # and no mixture with black
    assert coloured.sum() > 60
    assert np.array_equal(traces[1][coloured], pages[1][coloured])
    assert (lines[1][coloured] == 255).mean() > 0.9  # but where it crosses black
    black = ink & (pages[1].max(axis=2) < 60)
    assert (traces[1][black] == 255).all()
    assert (lines[1][black] < 100).all()


def test_trace_may_be_a_video(anicolor, traced, tmp_path, out):
    assert anicolor("lines", traced, "-o", out, "--trace", tmp_path / "trace.mkv").code == 0
    assert len(pixels_of(tmp_path / "trace.mkv")) == 4


@pytest.fixture(scope="session")
def weights_of_lines(tmp_path_factory):
    from anicolor.lines.anime2sketch import Anime2SketchNetwork

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("lines") / "netG.pth"
    torch.save(Anime2SketchNetwork().state_dict(), path)
    return path


def test_the_learned_extractor(anicolor, tmp_path, weights_of_lines):
    film = save_video(tmp_path / "film.mkv", [cut()[0].colours])
    arguments = ("--method", "anime2sketch", "--weights", weights_of_lines, "--size", 256, "--device", "cpu")
    outcome = anicolor("lines", film, "-o", tmp_path / "lines.mkv", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    (lines,) = pixels_of(tmp_path / "lines.mkv")
    assert np.array_equal(lines[..., 0], lines[..., 2])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--preset", "bold"), "no XDoG preset 'bold': choose one of animediffusion-0.3"),
        (("--method", "clean", "--preset", "soft"), "--preset is of xdog"),
        (("--method", "xdog", "--size", "512"), "--weights and --size are of anime2sketch"),
        (("--method", "anime2sketch", "--weights", "gone.pth"), "gone.pth: no such file: expected Anime2Sketch"),
        (("--method", "distance", "--binary"), "a distance field has no ink and paper only"),
        (("--trace", "OUT"), "is the output itself"),
        (("--trace", "TRACE"), "--trace parts the lines of line art, found finished colour frames"),
        (("--trace", "INPUT/trace"), "lies inside the input"),
        (("--device", "tpu"), "tpu"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_fit_is_refused_and_writes_nothing(anicolor, colour, out, tmp_path, more, words):
    before = files_in(tmp_path)
    places = {"OUT": out, "TRACE": tmp_path / "trace", "INPUT/trace": colour / "trace"}
    force = ("--method", "clean") if "INPUT/trace" in more else ()
    outcome = anicolor("lines", colour, "-o", out, *(places.get(one, one) for one in more), *force)
    assert outcome.code == 2, outcome
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert files_in(tmp_path) == before


def test_a_trace_that_exists_is_kept(anicolor, film, out, tmp_path):
    trace = save(tmp_path / "trace", [cut()[0].lines], [1])
    before = files_in(tmp_path)
    outcome = anicolor("lines", film, "-o", out, "--trace", trace)
    assert outcome.code == 4
    assert "trace: exists" in outcome.err
    assert files_in(tmp_path) == before


def test_damaged_weights_are_told(anicolor, colour, out, tmp_path):
    bad = tmp_path / "netG.pth"
    Path(bad).write_bytes(b"no weights")
    outcome = anicolor("lines", colour, "-o", out, "--method", "anime2sketch", "--weights", bad)
    assert outcome.code == 1
    assert "damaged, or not Anime2Sketch's weights" in outcome.err
    assert not out.exists()
