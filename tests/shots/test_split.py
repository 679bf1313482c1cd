"""A film cut into its shots: nothing lost, no frame in the wrong file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from reels import beep, video
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


SPOKEN = [Shot(FrameRange(0, 24)), Shot(FrameRange(24, 41)), Shot(FrameRange(41, 72))]
NTSC = Fraction(24000, 1001)
# The file, its codec, and how long a packet of it lasts at most.
SOUNDS = [
    ("film.mp4", "aac", 1024),
    ("film.mkv", "aac", 1024),
    ("film.mov", "pcm_s16le", 1024),
    ("film.mkv", "pcm_s24le", 1024),
    ("film.mkv", "flac", 4608),
    ("film.mkv", "libopus", 960),
    ("film.mp4", "libmp3lame", 1152),
]


def spoken(path: Path, codec: str | None = "pcm_s16le", seconds: float = 3.2, times: list[int] | None = None) -> Film:
    """A film of 72 frames (3.003 s) with one beep, 1.3 s from its start."""
    frames = [drawing.lines for drawing in cut(3)] * 6
    return open_film(video(path, frames, NTSC, times, audio=codec, wave=beep(seconds, 1.3)))


def seconds_of(film: Film, frame: int) -> Fraction:
    return film.times[frame] * film.time_base


def packets_of(path: Path, track: int = 0) -> list[tuple[Fraction, Fraction, bytes]]:
    """When each packet of the sound begins and ends, and what is in it."""
    with av.open(str(path)) as source:
        packets = [packet for packet in source.demux(audio=track) if packet.size]
        return [(p.pts * p.time_base, (p.pts + p.duration) * p.time_base, bytes(p)) for p in packets]


def loud(path: Path) -> list[Fraction]:
    """When the sound begins and ends to be loud, in seconds after the first frame; empty: it never is."""
    found = []
    with av.open(str(path)) as source:
        for frame in source.decode(audio=0):
            samples = frame.to_ndarray().reshape(-1)
            scale = np.iinfo(samples.dtype).max if samples.dtype.kind == "i" else 1
            above = np.flatnonzero(np.abs(samples / scale) > 0.3)
            found += [frame.pts * frame.time_base + Fraction(int(n), frame.sample_rate) for n in above]
    return [time - seconds_of(open_film(path), 0) for time in found[:1] + found[-1:]]


@pytest.mark.parametrize(("name", "codec", "packet"), SOUNDS)
def test_each_shot_has_its_sound(tmp_path: Path, name: str, codec: str, packet: int) -> None:
    film, longest = spoken(tmp_path / name, codec), Fraction(packet, 48000) + Fraction(1, 1000)
    divide(film, tmp_path / "shots", SPOKEN)
    paths = [tmp_path / "shots" / f"shot_{index:03d}.mkv" for index in range(3)]
    for path, shot in zip(paths, SPOKEN, strict=True):
        packets, lasting = packets_of(path), len(shot.frames) / NTSC
        assert open_film(path).times[0] == 0
        assert -Fraction(1, 100) <= packets[0][0] <= longest
        assert lasting - Fraction(1, 100) <= packets[-1][1] <= lasting + longest
    start, stop = 1.3 - 24 * 1001 / 24000, 1.4 - 24 * 1001 / 24000
    assert loud(paths[1]) == pytest.approx([start, stop], abs=0.003)
    assert loud(paths[0]) == loud(paths[2]) == []


@pytest.mark.parametrize(("name", "codec", "_"), SOUNDS)
def test_every_packet_is_in_one_shot(tmp_path: Path, name: str, codec: str, _: int) -> None:
    film = spoken(tmp_path / name, codec)
    divide(film, tmp_path / "shots", SPOKEN)
    cut_up = [data for path in sorted((tmp_path / "shots").iterdir()) for *_, data in packets_of(path)]
    first, end = seconds_of(film, 0), seconds_of(film, 71) + 1 / NTSC
    assert cut_up == [data for start, _, data in packets_of(film.info.path) if first <= start < end]


def test_the_sound_follows_a_variable_rate(tmp_path: Path) -> None:
    # Frame 24 is shown 1.2 s from the start, where a steady rate would show it after 1 s.
    times = [50 * frame if frame < 24 else 200 + 42 * frame for frame in range(72)]
    divide(spoken(tmp_path / "film.mkv", times=times), tmp_path / "shots", SPOKEN)
    assert loud(tmp_path / "shots" / "shot_001.mkv") == pytest.approx([1.3 - 1.208, 1.4 - 1.208], abs=0.003)


def test_a_film_that_begins_late_keeps_sound_and_picture_together(tmp_path: Path) -> None:
    times = [500 + round(1000 * frame / NTSC) for frame in range(72)]
    film = spoken(tmp_path / "film.mkv", times=times)
    divide(film, tmp_path / "shots", SPOKEN)
    assert loud(tmp_path / "shots" / "shot_000.mkv") == pytest.approx([0.8, 0.9], abs=0.003)
    assert open_film(tmp_path / "shots" / "shot_000.mkv").times[0] == 0


@pytest.mark.parametrize("seconds", [1.5, 0.5])
def test_sound_shorter_than_the_picture(tmp_path: Path, seconds: float) -> None:
    film = spoken(tmp_path / "film.mkv", seconds=seconds)
    assert divide(film, tmp_path / "shots", SPOKEN) == list(range(72))
    ends = [packets[-1][1] for path in sorted((tmp_path / "shots").iterdir()) if (packets := packets_of(path))]
    whole = [1.001] if seconds > 1 else []
    assert ends == pytest.approx([*whole, seconds - sum(whole)], abs=1 / 40)
    assert [len(pixels_of(path)) for path in sorted((tmp_path / "shots").iterdir())] == [24, 17, 31]


def test_a_film_without_sound_has_silent_shots(tmp_path: Path) -> None:
    divide(spoken(tmp_path / "film.mkv", None), tmp_path / "shots", SPOKEN)
    assert not any(open_film(path).info.audio for path in (tmp_path / "shots").iterdir())


def with_second_track(film: Film, path: Path) -> Film:
    """The film with its sound once more, 300 ms later."""
    with av.open(str(film.info.path)) as source, av.open(str(path), "w") as target:
        streams = [target.add_stream_from_template(source.streams[index]) for index in (0, 1, 1)]
        for packet in source.demux():
            if packet.size and packet.stream.index == 1:
                again = av.Packet(bytes(packet))
                again.pts = again.dts = packet.pts + 300
                again.time_base, again.stream = packet.time_base, streams[2]
                target.mux(again)
            if packet.size:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return open_film(path)


def test_two_tracks_are_cut_alike(tmp_path: Path) -> None:
    film = with_second_track(spoken(tmp_path / "one.mkv"), tmp_path / "film.mkv")
    divide(film, tmp_path / "shots", SPOKEN)
    for track in (0, 1):
        paths = sorted((tmp_path / "shots").iterdir())
        cut_up = [data for path in paths for *_, data in packets_of(path, track)]
        end = seconds_of(film, 71) + 1 / NTSC
        assert cut_up == [data for start, _, data in packets_of(film.info.path, track) if start < end]
        starts = [start for start, *_ in packets_of(paths[1], track)]
        assert 0 <= starts[0] <= Fraction(22, 1000)
        assert starts[-1] < 17 / NTSC


def test_sound_that_matroska_does_not_hold_is_refused_before_any_work(tmp_path: Path) -> None:
    film = spoken(tmp_path / "film.mov", "pcm_s8")
    with pytest.raises(
        InputError, match=r"a .mkv file cannot hold the pcm_s8 audio as it is: convert the film's sound"
    ):
        check_split(tmp_path / "shots", film)


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
