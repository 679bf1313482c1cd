from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_films import RATE, burned, flat, make_video, noise, ordinal_of, pixels_of, save

from anicolor.errors import AnicolorError, InputError, OverwriteError
from anicolor.media.film import Film
from anicolor.media.open import open_film
from anicolor.media.picture import Picture
from anicolor.media.write import Preset, Sink, check_output, create


def copy(film: Film, out: Path, preset: Preset | None = None) -> Film:
    with create(out, film, preset=preset) as sink:
        for index, picture in enumerate(film.read()):
            sink.write(index, picture)
    return open_film(out)


def sequence(folder: Path, pictures: list[Picture]) -> Film:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        save(folder / f"A.{number:04d}.png", picture)
    return open_film(folder, rate=RATE)


def tags(path: Path) -> tuple[int, int, int, int]:
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        return context.colorspace, context.color_primaries, context.color_trc, context.color_range


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("out", ["folder", "a.mkv"])
def test_folder_and_lossless_video_are_bit_exact(tmp_path: Path, out: str, channels: int, dtype: type) -> None:
    pictures = [noise(seed, channels, dtype) for seed in range(3)]
    film = sequence(tmp_path / "line", pictures)
    again = copy(film, tmp_path / out)
    assert (again.info.bits, again.info.alpha) == (film.info.bits, channels == 4)
    for one, other in zip(pictures, again.read(), strict=True):
        assert np.array_equal(one.pixels, other.pixels)


def test_drawings_keep_their_names_in_a_folder(tmp_path: Path, drawings: Path) -> None:
    save(drawings / "A_0008a.png", noise(8, 4, width=32, height=24))
    copy(open_film(drawings), tmp_path / "deep" / "painted")
    names = sorted(path.name for path in (tmp_path / "deep" / "painted").iterdir())
    assert names == ["A_0001.png", "A_0002.png", "A_0007.png", "A_0008a.png", "A_0012.png"]


def test_gaps_give_one_video_frame_a_drawing(tmp_path: Path, drawings: Path) -> None:
    again = copy(open_film(drawings), tmp_path / "a.mkv")
    assert (again.info.frames, again.info.rate) == (4, 24)


def test_frames_of_a_video_are_named_by_ordinal(tmp_path: Path) -> None:
    copy(open_film(make_video(tmp_path / "a.mp4", 3)), tmp_path / "painted")
    names = sorted(path.name for path in (tmp_path / "painted").iterdir())
    assert names == ["frame_000000.png", "frame_000001.png", "frame_000002.png"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_prores_is_exact_to_one_level(tmp_path: Path, channels: int, dtype: type) -> None:
    top = np.iinfo(dtype).max
    colours = np.random.default_rng(1).integers(0, top + 1, (8, 8, channels)).astype(dtype)
    colours[0, 0], colours[0, 1] = top, 0
    picture = Picture(colours.repeat(16, 0).repeat(16, 1))
    again = copy(sequence(tmp_path / "line", [picture] * 2), tmp_path / "a.mov")
    assert again.info.alpha == (channels == 4)
    for read in again.read():
        error = np.abs(read.pixels / 257 - picture.pixels * (255 / top))
        assert error[..., :3].max() <= 1.2
        assert channels == 3 or error[..., 3].max() <= 0.5
    assert tags(tmp_path / "a.mov") == (1, 1, 1, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colour", [(255, 255, 255), (220, 60, 30), (20, 90, 200), (40, 200, 60), (0, 0, 0)])
def test_preview_keeps_flat_colours_and_says_how_to_read_them(
    tmp_path: Path, colour: tuple[int, ...], dtype: type
) -> None:
    scale = np.iinfo(dtype).max // 255
    film = sequence(tmp_path / "line", [flat([scale * c for c in colour], dtype=dtype)] * 3)
    again = copy(film, tmp_path / "a.mp4")
    assert tags(tmp_path / "a.mp4") == (1, 1, 1, 1)
    assert again.info.notes == ()
    for picture in again.read():
        assert np.abs(picture.pixels.astype(int) - colour).max() <= 3
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].pix_fmt == "yuv420p"


def test_lossless_is_tagged_as_rgb(tmp_path: Path) -> None:
    copy(sequence(tmp_path / "line", [noise(0)]), tmp_path / "a.mkv")
    assert tags(tmp_path / "a.mkv") == (0, 1, 13, 2)


def test_preview_of_odd_sizes_and_alpha_says_what_it_does(tmp_path: Path) -> None:
    film = sequence(tmp_path / "line", [noise(0, 4, width=21, height=13)] * 2)
    with create(tmp_path / "a.mp4", film) as sink:
        for index, picture in enumerate(film.read()):
            sink.write(index, picture)
    assert "4:4:4" in sink.notes[0]
    assert sink.notes[1] == "H.264 has no alpha: laid on white paper"
    info = open_film(tmp_path / "a.mp4").info
    assert (info.width, info.height, info.alpha) == (21, 13, False)


@pytest.mark.parametrize("out", ["b.mp4", "b.mov"])
@pytest.mark.parametrize("source", ["a.mp4", "a.mkv"])
def test_times_of_a_video_are_kept(tmp_path: Path, source: str, out: str) -> None:
    film = open_film(make_video(tmp_path / source, 30, options={"bf": "2"}))
    again = copy(film, tmp_path / out)
    assert [t * again.time_base for t in again.times] == [t * film.time_base for t in film.times]
    assert source == "a.mkv" or again.info.rate == RATE
    assert [ordinal_of(picture) for picture in again.read()] == list(range(30))


@pytest.mark.parametrize("out", ["b.mp4", "b.mov", "b.mkv"])
def test_variable_times_are_kept(tmp_path: Path, out: str) -> None:
    times = [0, 42, 83, 300, 342, 1000]
    film = open_film(make_video(tmp_path / "a.mp4", 6, times=times, time_base=Fraction(1, 1000)))
    again = copy(film, tmp_path / out)
    assert [t * again.time_base for t in again.times] == [Fraction(t, 1000) for t in times]


def test_matroska_keeps_the_exact_rate_and_tells_of_milliseconds(tmp_path: Path) -> None:
    film = open_film(make_video(tmp_path / "a.mp4", 30))
    with create(tmp_path / "b.mkv", film) as sink:
        for index, picture in enumerate(film.read()):
            sink.write(index, picture)
    again = open_film(tmp_path / "b.mkv")
    assert "nearest millisecond" in sink.notes[0]
    assert again.info.rate == RATE
    late = [abs(a * again.time_base - b * film.time_base) for a, b in zip(again.times, film.times, strict=True)]
    assert max(late) <= Fraction(1, 2000)


def sound(path: Path) -> list[tuple[bytes, Fraction]]:
    with av.open(str(path)) as container:
        packets = container.demux(audio=0)
        return [(bytes(p), round(p.pts * p.time_base, 3)) for p in packets if p.size]


@pytest.mark.parametrize(("source", "codec"), [("a.mp4", "aac"), ("a.mov", "pcm_s16le"), ("a.mkv", "flac")])
@pytest.mark.parametrize("out", ["b.mp4", "b.mkv", "b.mov"])
def test_sound_is_passed_through_bit_for_bit(tmp_path: Path, source: str, codec: str, out: str) -> None:
    if (codec, out) == ("flac", "b.mov"):
        pytest.skip("QuickTime holds no FLAC: refused, see below")
    film = open_film(make_video(tmp_path / source, 12, audio=codec))
    assert film.info.audio
    assert copy(film, tmp_path / out).info.audio
    before, after = sound(film.info.path), sound(tmp_path / out)
    assert b"".join(data for data, _ in before) == b"".join(data for data, _ in after)
    delay = after[0][1] - before[0][1]
    assert abs(delay - (first_time(tmp_path / out) - first_time(film.info.path))) <= Fraction(1, 500)
    # Matroska cannot start before 0, as AAC in MP4 does: picture and sound move together.
    assert abs(delay) <= (Fraction(22, 1000) if (codec, out) == ("aac", "b.mkv") else Fraction(1, 500))


def first_time(path: Path) -> Fraction:
    film = open_film(path)
    return film.times[0] * film.time_base


def test_sound_before_the_picture_is_told(tmp_path: Path) -> None:
    film = open_film(make_video(tmp_path / "a.mp4", 2, audio="aac"))
    with create(tmp_path / "b.mkv", film) as sink:
        for index, picture in enumerate(film.read()):
            sink.write(index, picture)
    assert "both are 0.021 s later" in sink.notes[0]


@pytest.mark.parametrize(
    ("codec", "out", "cure"), [("tta", "b.mp4", "mkv"), ("tta", "b.mov", "mkv"), ("flac", "b.mov", "mp4")]
)
def test_sound_that_does_not_fit_is_refused_before_any_work(tmp_path: Path, codec: str, out: str, cure: str) -> None:
    film = open_film(make_video(tmp_path / "a.mkv", 3, audio=codec))
    with pytest.raises(InputError, match=rf"cannot hold the {codec} audio as it is: use \.{cure}"):
        create(tmp_path / out, film)


def test_a_turned_video_is_written_upright(tmp_path: Path) -> None:
    film = open_film(make_video(tmp_path / "a.mp4", 2, rotation=90))
    again = copy(film, tmp_path / "b.mov")
    assert (again.info.width, again.info.height) == (48, 64)


def test_an_existing_output_is_not_replaced_unasked(tmp_path: Path, drawings: Path) -> None:
    film = open_film(drawings)
    out = tmp_path / "a.mkv"
    out.write_bytes(b"mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "empty").mkdir()
    for taken in (out, tmp_path / "full"):
        with pytest.raises(OverwriteError, match="exists") as raised:
            create(taken, film)
        assert raised.value.exit_code == 4
        check_output(taken, film, overwrite=True)
    check_output(tmp_path / "empty", film)
    with create(out, film, overwrite=True) as sink:
        for index, picture in enumerate(film.read()):
            sink.write(index, picture)
            assert out.read_bytes() == b"mine"
    assert open_film(out).info.frames == 4


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("line", "is the input itself"),
        ("line/painted", "lies inside the input"),
        ("line/a.mkv", "lies inside the input"),
        (".", "holds the input"),
        ("a.gif", r"unknown suffix .gif: expected a folder or .mp4, .m4v, .mkv, .mov"),
        ("missing/a.mkv", "there is no folder"),
        ("file", "is a file, expected a folder"),
        ("file/painted", "is a file, expected a folder"),
    ],
)
def test_outputs_that_cannot_be_are_refused(tmp_path: Path, drawings: Path, out: str, message: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message):
        check_output(tmp_path / out, open_film(drawings), overwrite=True)


def test_outputs_beside_a_pattern_or_a_video(tmp_path: Path, drawings: Path) -> None:
    pattern = open_film(drawings / "A_%04d.png")
    check_output(drawings / "a.mkv", pattern)
    check_output(drawings / "painted", pattern)
    with pytest.raises(InputError, match="is the input itself"):
        check_output(drawings, pattern)
    video = open_film(make_video(tmp_path / "a.mp4", 2))
    check_output(tmp_path / "b.mp4", video)
    with pytest.raises(InputError, match="is the input itself"):
        check_output(tmp_path / "a.mp4", video, overwrite=True)
    with pytest.raises(InputError, match="holds the input"):
        check_output(tmp_path, video, overwrite=True)


@pytest.mark.parametrize(("out", "preset"), [("a.mp4", "comp"), ("a.mp4", "lossless"), ("painted", "master")])
def test_presets_that_do_not_fit_are_refused(tmp_path: Path, drawings: Path, out: str, preset: Preset) -> None:
    with pytest.raises(InputError, match=f"got {preset}: {preset} goes into "):
        create(tmp_path / out, open_film(drawings), preset=preset)


@pytest.mark.parametrize(("out", "preset", "codec"), [("a.mkv", "master", "prores"), ("a.mov", "preview", "h264")])
def test_presets_override_the_suffix(tmp_path: Path, drawings: Path, out: str, preset: Preset, codec: str) -> None:
    copy(open_film(drawings), tmp_path / out, preset)
    with av.open(str(tmp_path / out)) as container:
        assert container.streams.video[0].codec_context.name == codec


def test_frames_come_in_order_and_all_of_them(tmp_path: Path, drawings: Path) -> None:
    film = open_film(drawings)
    picture = next(film.read())
    with (
        pytest.raises(ValueError, match="expected frame 0 of 4, got 1"),
        create(tmp_path / "a.mkv", film) as sink,
    ):
        sink.write(1, picture)
    with (
        pytest.raises(ValueError, match="expected 4 frames, got 1"),
        create(tmp_path / "a.mkv", film) as sink,
    ):
        sink.write(0, picture)
    with create(tmp_path / "a.mkv", film, overwrite=True) as sink:
        sink.write(0, picture)
        with pytest.raises(ValueError, match="expected uint8"):
            sink.write(1, noise(0, 4))
        for index, good in list(enumerate(film.read()))[1:]:
            sink.write(index, good)
    (tmp_path / "a.mkv").unlink()
    with (
        pytest.raises(ValueError, match="expected a frame of 0:4"),
        create(tmp_path / "painted", film) as sink,
    ):
        sink.write(4, picture)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line", "painted"]


def test_drawings_with_and_without_alpha_share_a_video(tmp_path: Path) -> None:
    film = sequence(tmp_path / "line", [noise(0, 3), noise(1, 4)])
    first, second = copy(film, tmp_path / "a.mkv").read()
    assert np.array_equal(first.pixels, np.dstack([noise(0, 3).pixels, np.full((13, 21), 255, np.uint8)]))
    assert np.array_equal(second.pixels, noise(1, 4).pixels)


def write_and_stop(sink: Sink, film: Film, count: int) -> None:
    with sink:
        for index, picture in list(enumerate(film.read()))[:count]:
            sink.write(index, picture)
        raise KeyboardInterrupt


@pytest.mark.parametrize("out", ["a.mp4", "a.mkv", "a.mov", "painted"])
@pytest.mark.parametrize("written", [0, 2])
def test_an_interrupt_leaves_whole_files_only(tmp_path: Path, drawings: Path, out: str, written: int) -> None:
    film = open_film(drawings)
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(create(tmp_path / out, film), film, written)
    left = sorted(path.name for path in tmp_path.rglob("*") if path.parent != drawings and path != drawings)
    assert left == ([*["A_0001.png", "A_0002.png"][:written], "painted"] if out == "painted" else [])


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let the system refuse to make any file larger than ``size`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("size", [0, 3000, 30000])
@pytest.mark.parametrize("out", ["a.mp4", "a.mkv", "a.mov", "painted"])
def test_a_full_disk_is_told_and_leaves_nothing_partial(tmp_path: Path, out: str, size: int) -> None:
    film = sequence(tmp_path / "line", [noise(seed, width=160, height=120) for seed in range(4)])
    with pytest.raises(AnicolorError, match="disk full: "), room_for(size):
        copy(film, tmp_path / out)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []
    assert not (tmp_path / "painted").exists() or not list((tmp_path / "painted").iterdir())


def refuse(error: OSError) -> Callable[..., None]:
    def refusing(*_: object) -> None:
        raise error

    return refusing


@pytest.mark.parametrize("out", ["a.mp4", "painted"])
def test_a_full_disk_found_at_the_last_moment(
    tmp_path: Path, drawings: Path, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", refuse(OSError(28, "No space left on device")))
    with pytest.raises(AnicolorError, match=r"disk full: .*make room"):
        copy(open_film(drawings), tmp_path / out)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != drawings]


def test_a_long_film_passes_every_frame(tmp_path: Path) -> None:
    film = open_film(make_video(tmp_path / "a.mp4", 200, frames=[burned(i) for i in range(200)]))
    assert len(pixels_of(copy(film, tmp_path / "b.mkv").info.path)) == 200
