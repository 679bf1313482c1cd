from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_films import RATE, burned, flat, make_video, ordinal_of

from anicolor.errors import AnicolorError, InputError
from anicolor.frames import FrameRange
from anicolor.media.film import Film
from anicolor.media.open import open_film
from anicolor.media.picture import shrunk

B_FRAMES = {"bf": "3", "g": "10", "b_strategy": "0"}
MAKINGS = {
    "mp4": ("a.mp4", {"options": B_FRAMES}),
    "open gop": ("a.mp4", {"options": B_FRAMES | {"x264-params": "open-gop=1:bframes=3:b-adapt=0:keyint=8"}}),
    "mkv": ("a.mkv", {"options": B_FRAMES}),
    "mov": ("a.mov", {"codec": "prores_ks", "pixel_format": "yuv422p10le"}),
    "ts": (
        "a.ts",
        {"options": B_FRAMES, "time_base": Fraction(1, 90000), "times": range(9000, 9000 + 40 * 3754, 3754)},
    ),
    "avi": ("a.avi", {"codec": "mpeg4", "options": {"bf": "2"}, "time_base": Fraction(1, 24)}),
    "webm": ("a.webm", {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}}),
}


def ordinals(film: Film, span: FrameRange | None = None) -> list[int]:
    return [ordinal_of(picture) for picture in film.read(span)]


@pytest.mark.parametrize("making", MAKINGS)
def test_ordinals_are_exact_whole_and_from_the_middle(tmp_path: Path, making: str) -> None:
    name, how = MAKINGS[making]
    with open_film(make_video(tmp_path / name, 40, **how)) as film:
        assert film.info.frames == 40
        assert ordinals(film) == list(range(40))
        for start in (1, 7, 9, 10, 11, 23, 39):
            stop = min(start + 4, 40)
            assert ordinals(film, FrameRange(start, stop)) == list(range(start, stop))
        assert ordinals(film, FrameRange(5, 5)) == []


@pytest.mark.parametrize("making", MAKINGS)
def test_small_pictures_are_the_frames_made_small(tmp_path: Path, making: str) -> None:
    name, how = MAKINGS[making]
    film = open_film(make_video(tmp_path / name, 40, **how))
    pairs = zip(film.small(16), film.read(), strict=True)
    assert max(np.abs(small.pixels - shrunk(full, 16).pixels.astype(int)).max() for small, full in pairs) <= 8


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_rates_are_exact_and_frames_counted(tmp_path: Path, suffix: str) -> None:
    info = open_film(make_video(tmp_path / f"a{suffix}", 30)).info
    assert (info.kind, info.rate, info.frames, info.numbers) == ("video", RATE, 30, tuple(range(30)))
    assert (info.width, info.height, info.alpha, info.bits, info.audio) == (64, 48, False, 8, False)


def test_variable_times_are_kept(tmp_path: Path) -> None:
    times = [0, 3003, 6006, 20000, 22000, 90000]
    film = open_film(make_video(tmp_path / "a.mp4", 6, times=times, time_base=Fraction(1, 90000)))
    assert [time * film.time_base for time in film.times] == [Fraction(time, 90000) for time in times]
    assert "variable frame rate: each frame keeps its own time" in film.info.notes
    assert film.name(3) == "frame_000003"


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, degrees: int) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32] = (255, 0, 0)
    film = open_film(make_video(tmp_path / "a.mp4", frames=[pixels], pixel_format="yuv444p", rotation=degrees))
    (picture,) = film.read()
    # The tests' writer turns counter-clockwise, as numpy does.
    expected = np.rot90(pixels, degrees // 90)
    assert (film.info.height, film.info.width) == picture.pixels.shape[:2] == expected.shape[:2]
    assert np.abs(picture.pixels.astype(int) - expected).mean() < 5


@pytest.mark.parametrize("pixel_format", ["yuv422p10le", "yuv444p10le", "yuv420p10le"])
def test_white_and_black_of_ten_bits_are_white_and_black(tmp_path: Path, pixel_format: str) -> None:
    frames = [flat(255).pixels, flat(0).pixels]
    path = make_video(tmp_path / "a.mkv", frames=frames, codec="ffv1", pixel_format=pixel_format)
    film = open_film(path)
    white, black = film.read()
    assert film.info.bits == white.bits == 16
    assert (white.pixels == 65535).all()
    assert (black.pixels == 0).all()


def colour_error(film: Film, colour: tuple[int, int, int]) -> int:
    (picture,) = film.read()
    return int(np.abs(picture.pixels.astype(int) - colour).max())


@pytest.mark.parametrize("tag", [1, 6])
def test_tagged_colour_uses_its_matrix(tmp_path: Path, tag: int) -> None:
    colour = (220, 60, 30)
    path = make_video(tmp_path / "a.mkv", frames=[flat(colour).pixels], codec="ffv1", pixel_format="yuv444p", tag=tag)
    film = open_film(path)
    assert film.info.notes == ()
    assert colour_error(film, colour) <= 3
    told = open_film(path, matrix="bt601" if tag == 1 else "bt709")
    assert "is not used" in told.info.notes[0]
    assert colour_error(told, colour) <= 3


def test_untagged_colour_is_assumed_by_size_and_told(tmp_path: Path) -> None:
    colour = (220, 60, 30)
    small = make_video(tmp_path / "a.mkv", frames=[flat(colour).pixels], codec="ffv1", pixel_format="yuv444p")
    film = open_film(small)
    assert film.info.notes == ("untagged colour: BT.601 assumed; --matrix names another",)
    assert colour_error(film, colour) <= 3
    assert colour_error(open_film(small, matrix="bt709"), colour) > 10
    assert open_film(small, matrix="bt709").info.notes == ()
    large = make_video(tmp_path / "b.mkv", frames=[flat(colour, 64, 720).pixels], codec="ffv1", pixel_format="yuv444p")
    assert open_film(large).info.notes == ("untagged colour: BT.709 assumed; --matrix names another",)


def test_options_of_the_other_kind_are_refused(tmp_path: Path, drawings: Path) -> None:
    with pytest.raises(InputError, match="its own frame rate"):
        open_film(make_video(tmp_path / "a.mp4", 2), rate=Fraction(24))
    with pytest.raises(InputError, match="no colour matrix"):
        open_film(drawings, matrix="bt601")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi"])
@pytest.mark.parametrize("cut", [0.05, 0.5, 0.95])
def test_a_video_cut_short_is_refused(tmp_path: Path, suffix: str, cut: float) -> None:
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    path = make_video(tmp_path / f"a{suffix}", 40, codec=codec, time_base=Fraction(1, 24))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(AnicolorError, match=r"a\.\w+: ") as raised:
        open_film(path)
    assert "\n" not in str(raised.value)


def test_a_video_with_its_index_in_front_cut_short_is_refused(tmp_path: Path) -> None:
    whole, front = make_video(tmp_path / "a.mp4", 40), tmp_path / "b.mp4"
    with av.open(str(whole)) as source, av.open(str(front), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    assert ordinals(open_film(front)) == list(range(40))
    data = front.read_bytes()
    front.write_bytes(data[:-500])
    with pytest.raises(AnicolorError, match="truncated"):
        open_film(front)


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"not media at all" * 100)
    with pytest.raises(AnicolorError, match=r"a\.mp4: not a video that can be read"):
        open_film(tmp_path / "a.mp4")
    (tmp_path / "empty.mov").write_bytes(b"")
    with pytest.raises(AnicolorError, match=r"empty\.mov: not a video that can be read"):
        open_film(tmp_path / "empty.mov")
    (tmp_path / "a.txt").write_text("hello, hello\n" * 50)
    with pytest.raises(AnicolorError, match=r"a\.txt: not a"):
        open_film(tmp_path / "a.txt")
    with pytest.raises(InputError, match="no such file"):
        open_film(tmp_path / "missing.mp4")


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as target:
        stream = target.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        target.mux(stream.encode(frame) + stream.encode(None))
    with pytest.raises(AnicolorError, match="no video stream"):
        open_film(tmp_path / "a.m4a")


def test_two_readers_do_not_disturb_each_other(tmp_path: Path) -> None:
    film = open_film(make_video(tmp_path / "a.mp4", 12, options=B_FRAMES))
    pairs = zip(film.read(FrameRange(0, 6)), film.read(FrameRange(6, 12)), strict=True)
    assert [(ordinal_of(a), ordinal_of(b)) for a, b in pairs] == [(i, i + 6) for i in range(6)]
    assert (burned(5) > 0).any()
