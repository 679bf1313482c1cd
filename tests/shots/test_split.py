"""A film cut into its shots: nothing lost, no frame in the wrong file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from reels import video
from tiny_cuts import cut, files_in, pixels_of, save

from anicolor.errors import InputError, OverwriteError
from anicolor.frames import FrameRange, Shot
from anicolor.media.film import Film
from anicolor.media.open import open_film
from anicolor.media.write import create
from anicolor.shots.split import check_split, leftovers, pictures_of

SHOTS = [Shot(FrameRange(0, 4)), Shot(FrameRange(4, 5)), Shot(FrameRange(5, 12))]


def divide(film: Film, folder: Path, shots: list[Shot] = SHOTS) -> list[int]:
    return [frame for frame, _ in pictures_of(film, shots, (), folder)]


@pytest.mark.parametrize("rate", [24, Fraction(24000, 1001), 25, Fraction(30000, 1001)], ids=str)
def test_the_shots_of_a_video_are_its_frames(tmp_path: Path, rate: Fraction) -> None:
    frames = [drawing.colours for drawing in cut(3)]
    film = open_film(video(tmp_path / "film.mkv", frames, Fraction(rate)))
    assert divide(film, tmp_path / "shots") == list(range(12))
    assert sorted(files_in(tmp_path / "shots")) == ["shot_000.mkv", "shot_001.mkv", "shot_002.mkv"]
    for index, shot in enumerate(SHOTS):
        path = tmp_path / "shots" / f"shot_{index:03d}.mkv"
        found = pixels_of(path)
        assert len(found) == len(shot.frames)
        assert all(np.array_equal(*pair) for pair in zip(found, frames[shot.frames.start :], strict=False))
        assert open_film(path).info.rate == rate


def test_a_shot_keeps_the_times_of_a_variable_rate(tmp_path: Path) -> None:
    times = [0, 42, 125, 167, 250, 292, 417, 458, 500, 583, 625, 667]
    film = open_film(video(tmp_path / "film.mkv", [drawing.lines for drawing in cut(3)], Fraction(24), times))
    divide(film, tmp_path / "shots")
    part = open_film(tmp_path / "shots" / "shot_002.mkv")
    assert [time * part.time_base * 1000 for time in part.times] == [0, 125, 166, 208, 291, 333, 375]


def test_16_bits_and_alpha_stay(tmp_path: Path) -> None:
    deep = [np.uint16(257) * drawing.on_nothing - np.uint16(3) * (drawing.on_nothing > 0) for drawing in cut(3)]
    source = open_film(save(tmp_path / "deep", deep, range(12)))
    with_alpha = tmp_path / "film.mkv"
    with create(with_alpha, source) as sink:
        for index, picture in enumerate(source.read()):
            sink.write(index, picture)
    divide(open_film(with_alpha), tmp_path / "shots")
    found = pixels_of(tmp_path / "shots" / "shot_002.mkv")
    assert found[0].dtype == np.uint16
    assert all(np.array_equal(*pair) for pair in zip(found, pixels_of(with_alpha)[5:], strict=True))


@pytest.mark.parametrize("suffix", ["png", "tga"])
def test_drawings_are_copied_as_they_are_with_their_gaps(tmp_path: Path, suffix: str) -> None:
    numbers = (1, 2, 5, 6, 7, 8, 9, 12, 13, 20, 21, 30)
    folder = save(tmp_path / "cut", [drawing.on_nothing for drawing in cut(3)], numbers, f"A_{{:04d}}.{suffix}")
    before = files_in(folder)
    assert divide(open_film(folder), tmp_path / "shots") == list(range(12))
    for index, shot in enumerate(SHOTS):
        names = [f"A_{numbers[frame]:04d}.{suffix}" for frame in shot.frames]
        assert files_in(tmp_path / "shots" / f"shot_{index:03d}") == {name: before[name] for name in names}
    assert files_in(folder) == before


def test_a_new_split_leaves_no_drawing_in_the_wrong_shot(tmp_path: Path) -> None:
    folder = save(tmp_path / "cut", [drawing.lines for drawing in cut(3)], range(12))
    film, shots = open_film(folder), tmp_path / "shots"
    divide(film, shots)
    (shots / "shot_000" / "note.txt").write_text("mine")
    other = [Shot(FrameRange(0, 2)), Shot(FrameRange(2, 12))]
    divide(film, shots, other)
    assert sorted(files_in(shots / "shot_000")) == ["A_0000.png", "A_0001.png", "note.txt"]
    assert sorted(files_in(shots / "shot_001")) == [f"A_{number:04d}.png" for number in range(2, 12)]
    assert leftovers(shots, film, other) == ["shot_002"]


def test_a_video_that_breaks_off_leaves_whole_files_only(tmp_path: Path) -> None:
    film = open_film(video(tmp_path / "film.mkv", [drawing.lines for drawing in cut(3)], Fraction(24)))
    steps = pictures_of(film, SHOTS, (), tmp_path / "shots")
    while next(steps)[0] < 7:
        pass
    steps.close()
    assert sorted(files_in(tmp_path / "shots")) == ["shot_000.mkv", "shot_001.mkv"]


def test_pictures_come_once_and_only_where_they_are_wanted(tmp_path: Path) -> None:
    film = open_film(save(tmp_path / "cut", [drawing.lines for drawing in cut(3)], range(12)))
    for folder in (None, tmp_path / "shots"):
        seen = list(pictures_of(film, SHOTS, {4, 9}, folder))
        assert [frame for frame, _ in seen] == list(range(12))
        assert [frame for frame, picture in seen if picture is not None] == [4, 9]


def test_where_no_shots_go(tmp_path: Path) -> None:
    folder = save(tmp_path / "cut", [drawing.lines for drawing in cut()], range(4))
    film = open_film(folder)
    for place, said in ((folder, "is the input"), (folder / "x", "lies inside"), (tmp_path / "x.mkv", "into a folder")):
        with pytest.raises(InputError, match=said):
            check_split(place, film)
    with pytest.raises(InputError, match="holds the input"):
        check_split(tmp_path, film, overwrite=True)
    (tmp_path / "shots").mkdir()
    check_split(tmp_path / "shots", film)
    (tmp_path / "shots" / "x").touch()
    with pytest.raises(OverwriteError, match="exists"):
        check_split(tmp_path / "shots", film)
    check_split(tmp_path / "shots", film, overwrite=True)
