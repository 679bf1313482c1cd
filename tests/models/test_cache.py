"""Frames that were painted before are not painted again, and are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_cuts import draw, files_in, save

from anicolor.media.open import open_film
from anicolor.models.cache import PaintCache, default_folder, digest_of
from anicolor.models.colorizer import Colours
from anicolor.models.opdm.colorizer import OpdmColorizer
from anicolor.models.weights import load_colorizer
from anicolor.pipeline import Settings, colorize, make_plan


@pytest.fixture
def asked(monkeypatch):
    """The ordinals of the frames that the network was asked for."""
    seen = []
    paint = OpdmColorizer.colorize

    def watched(self, request, noise, steps=None):
        seen.extend(range(request.first, request.first + len(request.lines)))
        return paint(self, request, noise, steps)

    monkeypatch.setattr(OpdmColorizer, "colorize", watched)
    return seen


@pytest.fixture
def order(tmp_path, weights):
    """Paint a cut of nine drawings from keyframes into a folder."""
    drawings = [draw(0, step) for step in range(9)]
    film = save(tmp_path / "film", [drawing.lines for drawing in drawings], range(9))
    colorizer = load_colorizer("opdm-small", weights)

    def run(name, numbers, settings):
        keyframes = save(tmp_path / f"k{name}", [drawings[n].colours for n in numbers], numbers)
        source = open_film(film)
        plan = make_plan(source, keyframes, settings)
        list(colorize(source, plan, colorizer, tmp_path / name, settings))
        return files_in(tmp_path / name)

    return run


def wishes(folder: Path) -> Settings:
    return Settings(steps=1, size=64, cache=folder)


def test_a_corrected_frame_repaints_only_what_depends_on_it(order, asked, tmp_path):
    settings = wishes(tmp_path / "cache")
    first = order("a", (0, 4, 8), settings)
    assert sorted(asked) == [1, 2, 3, 5, 6, 7]
    asked.clear()
    assert order("b", (0, 4, 8), settings) == first
    assert asked == []
    more = order("c", (0, 4, 6, 8), settings)
    assert sorted(asked) == [5, 7]
    assert more == order("d", (0, 4, 6, 8), replace(settings, cache=None))


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"steps": 2}, {"size": 48}, {"references": 1}, {"precision": "bfloat16"}]
)
def test_other_wishes_are_painted_anew(order, asked, tmp_path, change):
    settings = wishes(tmp_path / "cache")
    order("a", (0, 8), settings)
    asked.clear()
    order("b", (0, 8), replace(settings, **change))
    assert len(asked) == 7


def test_the_batch_and_the_finish_do_not_matter(order, asked, tmp_path):
    settings = wishes(tmp_path / "cache")
    order("a", (0, 8), settings)
    asked.clear()
    for name, change in (("b", {"batch": 3}), ("c", {"finish": "raw"}), ("d", {"layers": ("paint",)})):
        order(name, (0, 8), replace(settings, **change))
    assert asked == []


def test_damaged_files_are_painted_again(order, asked, tmp_path):
    settings = wishes(tmp_path / "cache")
    first = order("a", (0, 8), settings)
    for number, path in enumerate(sorted((tmp_path / "cache").glob("*/*.paint"))):
        path.write_bytes((b"", b"none of ours", path.read_bytes()[:-9])[number % 3])
    asked.clear()
    assert order("b", (0, 8), settings) == first
    assert len(asked) == 7
    assert order("c", (0, 8), settings) == first
    assert len(asked) == 7


def test_a_folder_that_cannot_be_written_keeps_nothing(order, asked, tmp_path):
    (tmp_path / "cache").write_text("a file")
    order("a", (0, 8), wishes(tmp_path / "cache"))
    assert len(asked) == 7


def test_what_was_not_used_for_longest_goes(tmp_path):
    colours = Colours(torch.rand(1, 3, 40, 40), torch.rand(1, 1, 40, 40))
    small = PaintCache(tmp_path / "c", b"x", most=60_000)
    for frame in range(200):
        small.put(b"gap", frame, 0, colours)
    held = sum(path.stat().st_size for path in (tmp_path / "c").glob("*/*.paint"))
    assert held < 65 * 26_000
    assert small.get(b"gap", 0, 0) is None
    kept = small.get(b"gap", 199, 0)
    assert kept is not None
    assert torch.equal(kept.frames, colours.frames)
    assert torch.equal(kept.confidence, colours.confidence)


def test_the_digest_tells_weights_and_facts_apart(weights):
    colorizer = load_colorizer("opdm-small", weights)
    before = digest_of(colorizer, 1)
    assert before == digest_of(colorizer, 1) != digest_of(colorizer, 2)
    next(iter(colorizer.network.parameters())).data += 1
    assert digest_of(colorizer, 1) != before


def test_the_default_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "anicolor"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert default_folder() == tmp_path / "me" / ".cache" / "anicolor"
