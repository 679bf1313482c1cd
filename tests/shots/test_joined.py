"""Joined drawn clips: cuts, mixtures, flashes, whip pans and things that pass, in colour and as line art."""

import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from anicolor.frames import FrameRange, Shot
from anicolor.media.open import open_film
from anicolor.media.picture import Picture, shrunk
from anicolor.shots.detect import detect, find_shots

ROOT = Path(__file__).parents[2]
CEL_FILM = ROOT.parent / "shared" / "data" / "film" / "cel-film.mkv"
SIZE = (90, 160)


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_shots", ROOT / "benchmarks" / "shots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_shots"] = module
    spec.loader.exec_module(module)
    return module


@lru_cache(maxsize=1)  # each film is asked for in colour, then as line art
def pairs_of(bench: ModuleType, takes: tuple[object, ...]) -> list[tuple[Any, Any]]:
    return list(bench.draw(takes, SIZE))


def drawn(bench: ModuleType, takes: tuple[object, ...], line: bool) -> list[Picture]:
    return [picture(pair, line) for pair in pairs_of(bench, takes)]


def picture(pair: tuple[Any, Any], line: bool) -> Picture:
    color, art = pair
    return Picture(np.repeat(art[..., None], 3, axis=2) if line else color)


def opened(shots: list[Shot]) -> list[tuple[int, str]]:
    return [(shot.frames.start, shot.kind) for shot in shots[1:]]


LINE = pytest.mark.parametrize("line", [False, True], ids=["colour", "line art"])


@LINE
@pytest.mark.parametrize("hold", [1, 2, 3])
@pytest.mark.parametrize("shared", [None, 7], ids=["own background", "same background"])
def test_cuts_of_short_shots(bench: ModuleType, line: bool, hold: int, shared: int | None) -> None:
    lengths = (9, 4, 12, 8)
    takes = tuple(bench.Take(40 + n, length, 48, hold, shared) for n, length in enumerate(lengths))
    shots = list(detect(drawn(bench, takes, line)))
    assert opened(shots) == [(9, "cut"), (13, "cut"), (25, "cut")]


@LINE
@pytest.mark.parametrize("kind", ["dissolve", "fade"])
@pytest.mark.parametrize("length", [4, 8, 16, 24])
def test_mixtures_are_told_with_their_frames(bench: ModuleType, line: bool, kind: str, length: int) -> None:
    takes = (bench.Take(61, 14, 60, 1, kind=kind, blend=length), bench.Take(62, 16, 60, 1))
    shots = list(detect(drawn(bench, takes, line)))
    ((start, found),) = opened(shots)
    blend = shots[1].blend
    assert found == kind
    assert blend is not None
    assert abs(blend.start - 14) <= 2
    assert abs(blend.stop - 14 - length) <= 2
    assert start == blend.start + len(blend) // 2


@LINE
@pytest.mark.parametrize("what", ["white", "black", "negative"])
@pytest.mark.parametrize("frames", [1, 2])
def test_flashes_open_no_shot(bench: ModuleType, line: bool, what: str, frames: int) -> None:
    takes = (bench.Take(81, 20, 60, 1, flash=(what, 9, frames)),)
    assert opened(list(detect(drawn(bench, takes, line)))) == []


@LINE
@pytest.mark.parametrize("what", ["whip", "wipe", "pan"])
def test_what_moves_before_the_camera_opens_no_shot(bench: ModuleType, line: bool, what: str) -> None:
    takes = (bench.Take(91, 30, 60, 1, event=(what, 10, 7 if what == "whip" else 11)),)
    assert opened(list(detect(drawn(bench, takes, line)))) == []


@pytest.fixture(scope="module")
def films(bench: ModuleType) -> list[tuple[Any, list[tuple[Any, Any]]]]:
    """Eight whole films of twelve shots each, with their truth, by seeds that no rule was made for."""
    plans = [bench.plan(seed) for seed in range(1300, 1308)]
    return [(bench.truth(takes), list(bench.draw(takes, SIZE))) for takes in plans]


@LINE
def test_whole_films_have_their_cuts_and_hardly_any_other(bench: ModuleType, films: Any, line: bool) -> None:
    count = bench.Count()
    for truth, pairs in films:
        shots = list(detect(picture(pair, line) for pair in pairs))
        middles = [shot.frames.start for shot in shots[1:] if shot.kind != "cut"]
        count.add(({start for start, kind in opened(shots) if kind == "cut"}, middles), truth, [])
    assert count.hits + count.missed == 55
    assert min(count.row()["precision"], count.row()["recall"]) >= 0.98


@LINE
@pytest.mark.parametrize("length", [4, 6, 9])
def test_the_panels_of_an_animatic_are_shots(bench: ModuleType, line: bool, length: int) -> None:
    panels = drawn(bench, tuple(bench.Take(seed, 1, 40, 1) for seed in range(120, 132)), line)
    shots = list(detect(panel for panel in panels for _ in range(length)))
    assert opened(shots) == [(start, "cut") for start in range(length, 12 * length, length)]


@pytest.mark.parametrize("rows", [1, 4, 12])
def test_line_art_between_black_bars_has_cuts(bench: ModuleType, rows: int) -> None:
    takes = tuple(bench.Take(40 + n, length, 48, 1) for n, length in enumerate((9, 14, 12, 18)))
    frames = drawn(bench, takes, True)
    for frame in frames:
        frame.pixels[:rows] = frame.pixels[-rows:] = 0
    assert opened(list(detect(frames))) == [(9, "cut"), (23, "cut"), (35, "cut")]


@LINE
def test_drawings_held_on_fours_open_no_shot(bench: ModuleType, line: bool) -> None:
    takes = (bench.Take(107, 30, 40, 1), bench.Take(106, 48, 40, hold=4), bench.Take(108, 30, 40, 1))
    assert opened(list(detect(drawn(bench, takes, line)))) == [(30, "cut"), (78, "cut")]


def test_a_small_figure_that_changes_over_the_same_background_is_a_cut(bench: ModuleType) -> None:
    changes: list[float] = []
    shots = list(detect(drawn(bench, bench.plan(711)[:3], False), changed=changes.append))
    assert [start for start, _ in opened(shots)] == [16, 31]
    assert changes[31] < 0.1


def test_a_cut_between_drawings_that_look_alike_is_nothing_that_passes(bench: ModuleType) -> None:
    shots = list(detect(drawn(bench, bench.plan(805)[:3], True)))
    assert opened(shots) == [(14, "cut"), (21, "cut")]


@LINE
def test_shots_cover_every_frame_once_and_small_pictures_are_enough(bench: ModuleType, line: bool) -> None:
    frames = drawn(bench, bench.plan(900, 5), line)
    shots = list(detect(frames))
    assert [index for shot in shots for index in shot.frames] == list(range(len(frames)))
    assert shots == list(detect(shrunk(frame, 64) for frame in frames))


def test_a_video_read_small_has_the_same_shots(bench: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    bench.write_film(path, (color for color, _ in bench.draw(bench.plan(901, 4), (180, 320))))
    with open_film(path) as film:
        counts: list[int] = []
        small, full = find_shots(film, seen=counts.append), list(detect(film.read()))
    assert [shot.kind for shot in small] == [shot.kind for shot in full]
    for one, other in zip(small, full, strict=True):
        assert abs(one.frames.start - other.frames.start) <= (0 if one.kind == "cut" else 2)
    assert counts == list(range(1, film.info.frames + 1))


@pytest.mark.slow
@pytest.mark.skipif(not CEL_FILM.exists(), reason="the cel film is not beside the repository")
def test_every_cut_of_a_cel_film_and_none_else(bench: ModuleType) -> None:
    ((clip,),) = bench.cel_film(CEL_FILM.parent).values()
    count = bench.Count()
    count.add(bench.ours(clip.path), clip.true, clip.ignored)
    assert (count.hits, count.false, count.missed, count.mixtures_false) == (6, 0, 0, 0)


def test_pages_with_nothing_on_them_are_one_shot() -> None:
    blank = Picture(np.full((48, 64, 3), 255, np.uint8))
    assert [shot.frames for shot in detect([blank] * 30)] == [FrameRange(0, 30)]
    assert [shot.frames for shot in detect([blank])] == [FrameRange(0, 1)]
