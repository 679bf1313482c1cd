"""Every way to get it wrong: one clear line with the cure, the right exit code, and nothing lost or left."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tiny_cuts import HEIGHT, WIDTH, cut, files_in, pixels_of, save, save_picture, save_video

from anicolor.media.write import ImageSink
from anicolor.models.opdm.colorizer import OpdmColorizer

FAILED, USAGE, PARTIAL, EXISTS, STOPPED = 1, 2, 3, 4, 130


def assert_error(outcome, code, *words):
    assert outcome.code == code, outcome
    assert outcome.out == ""
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line


@pytest.fixture
def refused(colorize, film, keyframes, out, tmp_path):
    """Check that a command line is refused with a code and words, and changes nothing on disk."""

    def check(code, *words, film=film, keyframes=keyframes, out=out, more=()):
        before = files_in(tmp_path)
        assert_error(colorize(film, keyframes, out, *more), code, *words)
        assert files_in(tmp_path) == before

    return check


def spoil_png(path):
    path.write_bytes(path.read_bytes()[:-30])


# What is to be painted


def no_file(folder):
    return folder / "gone.mp4"


def empty_folder(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def empty_pattern(folder):
    return folder / "cut" / "B_%04d.png"


def single_image(folder):
    return folder / "cut" / "A_0001.png"


def no_media(folder):
    (folder / "notes.mp4").write_text("not a film at all\n" * 100)
    return folder / "notes.mp4"


def empty_file(folder):
    (folder / "empty.mkv").touch()
    return folder / "empty.mkv"


def truncated_video(folder):
    path = save_video(folder / "film.mkv", [drawing.lines for drawing in cut()])
    path.write_bytes(path.read_bytes()[:-200])
    return path


def truncated_drawing(folder):
    spoil_png(folder / "cut" / "A_0003.png")
    return folder / "cut"


def two_sizes(folder):
    save_picture(folder / "cut" / "A_0003.png", np.full((32, 32, 3), 255, np.uint8))
    return folder / "cut"


def number_twice(folder):
    save_picture(folder / "cut" / "A_003.png", cut()[2].lines)
    return folder / "cut"


def two_series(folder):
    save_picture(folder / "cut" / "B_0003.png", cut()[2].lines)
    return folder / "cut"


def finished_colour(folder):
    return save(folder / "colour", [drawing.colours for drawing in cut()], range(1, 5))


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        (no_file, USAGE, ("gone.mp4", "no such file or folder", "check the name")),
        (empty_folder, USAGE, ("no numbered image", "expected names like A.0001.png")),
        (empty_pattern, USAGE, ("no image fits this pattern", "check the name")),
        (single_image, USAGE, ("a single image is no film", "name its folder")),
        (no_media, FAILED, ("notes.mp4", "not a video that can be read", "export it again")),
        (empty_file, FAILED, ("empty.mkv", "not a video that can be read", "export it again")),
        (truncated_video, FAILED, ("truncated: expected", "bytes, got", "export or copy it again")),
        (truncated_drawing, FAILED, ("A_0003.png", "ends too early", "save it again")),
        (two_sizes, USAGE, ("A_0003.png: 32x32", "A_0001.png is 64x48", "one size")),
        (number_twice, USAGE, ("number 3 is there twice", "A_0003.png and A_003.png", "keep one")),
        (two_series, USAGE, ("2 series in one folder", "A_%04d.png, B_%04d.png")),
        (finished_colour, USAGE, ("expected line art, found finished colour", "--lines xdog")),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_film(refused, tmp_path, build, code, words):
    refused(code, *words, film=build(tmp_path))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi"])
@pytest.mark.parametrize("size", [1, 3, 4, 5, 7, 12, 40, 300])
def test_a_video_cut_off_anywhere_in_its_header(anicolor, tmp_path, suffix, size):
    starts = {".mkv": b"\x1a\x45\xdf\xa3", ".mp4": b"\0\0\0\x20ftypisom", ".avi": b"RIFF"}
    path = tmp_path / f"film{suffix}"
    path.write_bytes((starts[suffix] + b"\xff" * 300)[:size])
    assert_error(anicolor("shots", path), FAILED, path.name, "export")


# Keyframes


def keyframes_gone(folder):
    return folder / "gone"


def no_keyframe(folder):
    return empty_folder(folder)


def keyframe_of_another_size(folder):
    save_picture(folder / "painted" / "A_0004.png", np.zeros((HEIGHT // 2, WIDTH // 2, 3), np.uint8))
    return folder / "painted"


def keyframe_of_another_aspect(folder):
    save_picture(folder / "painted" / "A_0004.png", np.zeros((WIDTH, WIDTH, 3), np.uint8))
    return folder / "painted"


def keyframe_not_in_the_cut(folder):
    save_picture(folder / "painted" / "A_0009.png", cut()[0].colours)
    return folder / "painted"


def keyframe_twice(folder):
    save_picture(folder / "painted" / "A_004.png", cut()[3].colours)
    return folder / "painted"


def keyframe_without_a_number(folder):
    return save_picture(folder / "cover.png", cut()[0].colours)


def keyframe_truncated(folder):
    spoil_png(folder / "painted" / "A_0004.png")
    return folder / "painted"


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        (keyframes_gone, USAGE, ("no such keyframe folder or image", "check the name")),
        (no_keyframe, USAGE, ("no numbered image", "expected names like A.0001.png")),
        (keyframe_of_another_size, USAGE, ("A_0004.png: expected 64x48", "got 32x24", "at the cut's size")),
        (keyframe_of_another_aspect, USAGE, ("A_0004.png: expected 64x48", "got 64x64", "at the cut's size")),
        (keyframe_not_in_the_cut, USAGE, ("number 9 is not in the cut", "has 1 to 4", "nearest: 4")),
        (keyframe_twice, USAGE, ("number 4 is there twice", "keep one")),
        (keyframe_without_a_number, USAGE, ("cover.png: expected an image with its frame's number",)),
        (keyframe_truncated, FAILED, ("A_0004.png", "ends too early", "save it again")),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_keyframes(refused, tmp_path, build, code, words):
    refused(code, *words, keyframes=build(tmp_path))


def test_shots_without_a_keyframe_are_all_listed(refused, tmp_path):
    drawings = cut(3)
    film = save(tmp_path / "three", [drawing.lines for drawing in drawings], range(1, 13))
    keyframes = save(tmp_path / "one", [drawings[5].colours], [6])
    words = ("2 of 3 shots have no keyframe", "frames 1 to 4: paint 2", "frames 9 to 12: paint 10")
    refused(USAGE, *words, "--borrow-keyframes", film=film, keyframes=keyframes)


# The output


def test_out_exists(refused, out):
    out.mkdir()
    (out / "dear.txt").write_text("keep me")
    refused(EXISTS, "exists", "--overwrite")
    refused(EXISTS, "exists", more=["--resume"])


def test_out_exists_as_a_video(refused, tmp_path):
    video = tmp_path / "out.mkv"
    video.write_bytes(b"dear")
    refused(EXISTS, "exists", "--overwrite", out=video)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("cut/out", ("lies inside the input", "name an output outside it")),
        ("cut/deep/out.mkv", ("lies inside the input", "name an output outside it")),
        ("cut", ("is the input itself", "name another output")),
        (".", ("holds the input", "name a folder of its own")),
        ("painted", ("holds the keyframes", "name another output")),
        ("out.gif", ("unknown suffix .gif", "expected a folder or .mp4")),
        ("gone/out.mkv", ("there is no folder", "make it first")),
        ("file/out", ("is a file, expected a folder", "name another")),
    ],
)
def test_places_that_are_no_output(refused, tmp_path, place, words):
    (tmp_path / "file").touch()
    refused(USAGE, *words, out=tmp_path / place, more=["--overwrite"])


def test_a_preset_that_the_output_cannot_hold(refused, tmp_path):
    words = (".mp4 takes preview, got lossless", "goes into .mkv")
    refused(USAGE, *words, out=tmp_path / "a.mp4", more=["--preset", "lossless"])


def test_audio_that_the_output_cannot_hold(refused, tmp_path):
    film = save_video(tmp_path / "film.mkv", [drawing.lines for drawing in cut()], audio="opus")
    keyframes = save(tmp_path / "video-painted", [cut()[0].colours], [0], "{}.png")
    refused(
        USAGE,
        "cannot hold the opus audio",
        "use .mp4 or .m4v or .mkv",
        film=film,
        keyframes=keyframes,
        out=tmp_path / "a.mov",
    )


# A full disk


@pytest.fixture
def fill_disk(monkeypatch):
    """Make the disk full at the n-th file that is flushed to it (the journal, frames, and so on)."""
    flush = os.fsync

    def full_from(file):
        left = [file]

        def fsync(descriptor):
            left[0] -= 1
            if left[0] <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            flush(descriptor)

        monkeypatch.setattr("anicolor.media.atomic.os.fsync", fsync)

    def room():
        monkeypatch.setattr("anicolor.media.atomic.os.fsync", flush)

    full_from.room = room
    return full_from


BEGUN, SHOT, NOTED = 1, 4, 1  # files: the journal at first, a shot's frames, the journal after it


def test_disk_full_at_once(refused, fill_disk):
    fill_disk(1)
    refused(FAILED, "disk full", "make room, then run it again")


def test_disk_full_in_the_first_shot(colorize, fill_disk, long_film, long_keyframes, out):
    fill_disk(BEGUN + 2)
    assert_error(colorize(long_film, long_keyframes, out), FAILED, "disk full", "A_0002.png", "make room")
    assert set(files_in(out)) == {".anicolor.json", "A_0001.png"}
    fill_disk.room()
    assert_error(colorize(long_film, long_keyframes, out), EXISTS, "unfinished run", "--resume goes on")
    assert colorize(long_film, long_keyframes, out, "--resume").code == 0
    assert set(files_in(out)) == {f"A_{number:04d}.png" for number in range(1, 9)}


def test_disk_full_in_a_later_shot(colorize, fill_disk, long_film, long_keyframes, out):
    fill_disk(BEGUN + SHOT + NOTED + 2)
    outcome = colorize(long_film, long_keyframes, out)
    assert_error(outcome, PARTIAL, "frames 5 to 8", "disk full", "1 of 2 shots are kept", "--resume goes on")
    kept = {path.name: path.stat().st_ino for path in out.glob("*.png")}
    assert sorted(kept) == [f"A_{number:04d}.png" for number in range(1, 6)]
    fill_disk.room()
    assert colorize(long_film, long_keyframes, out, "--resume").code == 0
    assert [path.name for path in sorted(out.iterdir())] == [f"A_{number:04d}.png" for number in range(1, 9)]
    painted_again = {name for name, inode in kept.items() if (out / name).stat().st_ino != inode}
    assert painted_again == {"A_0005.png"}


def test_disk_full_while_a_shot_is_noted_as_finished(colorize, fill_disk, long_film, long_keyframes, out):
    fill_disk(BEGUN + SHOT + NOTED)
    assert_error(colorize(long_film, long_keyframes, out), FAILED, "disk full")
    fill_disk.room()
    assert colorize(long_film, long_keyframes, out, "--resume").code == 0
    assert len(pixels_of(out)) == 8


def test_disk_full_while_the_video_is_put_together(colorize, fill_disk, long_film, long_keyframes, tmp_path):
    video = tmp_path / "out.mkv"
    fill_disk(BEGUN + 2 * (SHOT + NOTED) + 1)
    outcome = colorize(long_film, long_keyframes, video)
    assert_error(outcome, PARTIAL, "disk full", "2 of 2 shots are kept", "--resume goes on")
    assert not video.exists()
    fill_disk.room()
    assert_error(colorize(long_film, long_keyframes, video), EXISTS, "unfinished run", "--resume goes on")
    assert colorize(long_film, long_keyframes, video, "--resume").code == 0
    assert len(pixels_of(video)) == 8
    assert [path.name for path in tmp_path.glob("*out*")] == ["out.mkv"]


# Weights


def other_model(weights, folder):
    with safe_open(weights, framework="pt") as file:
        header, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(tensors, folder / "other.safetensors", {**header, "model": "opdm"})
    return folder / "other.safetensors"


def other_settings(weights, folder):
    with safe_open(weights, framework="pt") as file:
        header, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    wider = header["settings"].replace('"widths": [8, 8, 8, 8]', '"widths": [8, 8, 8, 16]')
    assert wider != header["settings"]
    save_file(tensors, folder / "wider.safetensors", {**header, "settings": wider})
    return folder / "wider.safetensors"


def unknown_settings(_, folder):
    save_file({}, folder / "newer.safetensors", {"model": "opdm-small", "settings": '{"wings": 2}'})
    return folder / "newer.safetensors"


def truncated_weights(weights, folder):
    (folder / "short.safetensors").write_bytes(weights.read_bytes()[:-1000])
    return folder / "short.safetensors"


def corrupted_weights(_, folder):
    (folder / "noise.safetensors").write_bytes(bytes(range(256)) * 8)
    return folder / "noise.safetensors"


def empty_weights(_, folder):
    (folder / "empty.safetensors").touch()
    return folder / "empty.safetensors"


def foreign_weights(_, folder):
    save_file({"layer": torch.zeros(3)}, folder / "foreign.safetensors")
    return folder / "foreign.safetensors"


def pickled_weights(_, folder):
    torch.save({"layer": torch.zeros(3)}, folder / "model.ckpt")
    return folder / "model.ckpt"


def missing_weights(_, folder):
    return folder / "gone.safetensors"


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        (other_model, FAILED, ("expected weights of opdm-small, found those of opdm", "use --model opdm")),
        (other_settings, FAILED, ("do not fit their own settings", "take a whole copy")),
        (unknown_settings, FAILED, ("settings that this version does not know", "take weights of this version")),
        (truncated_weights, FAILED, ("damaged weights", "take a whole copy")),
        (corrupted_weights, FAILED, ("damaged weights", "take a whole copy")),
        (empty_weights, FAILED, ("damaged weights", "take a whole copy")),
        (foreign_weights, FAILED, ("expected weights written by anicolor train",)),
        (pickled_weights, FAILED, ("no safetensors file",)),
        (missing_weights, USAGE, ("no such weights file", "expected a .safetensors file")),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_weights(refused, weights, tmp_path, build, code, words):
    refused(code, *words, more=["--weights", build(weights, tmp_path)])


def test_a_model_that_ships_no_weights(anicolor, film, keyframes, out):
    outcome = anicolor("colorize", film, "-k", keyframes, "-o", out, "--model", "opdm", "--device", "cpu")
    assert_error(outcome, USAGE, "opdm ships without weights", "--weights FILE", "anicolor train opdm")
    assert not out.exists()


# Devices and memory


@pytest.mark.parametrize("name", ["cuda:97", "toaster"])
def test_no_such_device(refused, name):
    refused(USAGE, f"no device '{name}' here", "expected auto or one of", "cpu", more=["--device", name])


def run_out(monkeypatch, error, at=0):
    paint = OpdmColorizer.colorize

    def colorize(self, request, noise, steps=None):
        if request.seeds[-1] >= at:
            raise error
        return paint(self, request, noise, steps)

    monkeypatch.setattr(OpdmColorizer, "colorize", colorize)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "numpy"],
)
def test_out_of_memory_names_a_size(refused, monkeypatch, error):
    run_out(monkeypatch, error)
    refused(FAILED, "out of memory at a network size of 64", "try --size 48")
    refused(FAILED, "out of memory at a network size of 32", "--device cpu", more=["--size", 32])


def test_the_size_named_after_a_lack_of_memory_works(colorize, monkeypatch, film, keyframes, out):
    with monkeypatch.context() as patch:
        run_out(patch, torch.OutOfMemoryError())
        assert colorize(film, keyframes, out).code == FAILED
    assert colorize(film, keyframes, out, "--size", 48).code == 0


def test_out_of_memory_in_a_later_shot(colorize, monkeypatch, long_film, long_keyframes, out):
    with monkeypatch.context() as patch:
        run_out(patch, torch.OutOfMemoryError(), at=SHOT)
        outcome = colorize(long_film, long_keyframes, out)
    assert_error(outcome, PARTIAL, "out of memory", "try --size 48", "1 of 2 shots are kept")
    assert colorize(long_film, long_keyframes, out, "--resume").code == 0


def test_other_errors_of_a_model_are_not_called_a_lack_of_memory(colorize, monkeypatch, film, keyframes, out):
    run_out(monkeypatch, RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        colorize(film, keyframes, out)


# Ctrl-C, and the end of a job in a queue


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["out", "out.mkv"])
@pytest.mark.parametrize(("frame", "finished"), [(1, []), (5, [0])], ids=["first", "second"])
def test_interrupted(request, colorize, monkeypatch, long_film, long_keyframes, tmp_path, name, frame, finished, sent):
    out = tmp_path / name
    frames = tmp_path / (name if name == "out" else f".{name}.anicolor")
    write = ImageSink.write
    # A shell that starts the tests in the background makes them deaf to Ctrl-C.
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, heard))

    def interrupted(self, index, picture):
        if index == frame:
            signal.raise_signal(sent)
        write(self, index, picture)

    with monkeypatch.context() as patch:
        patch.setattr(ImageSink, "write", interrupted)
        outcome = colorize(long_film, long_keyframes, out)
    assert outcome.code == STOPPED
    assert outcome.err.strip() == "stopped: what is finished is kept; --resume goes on (data prepare does so by itself)"
    kept = {path.name: path.stat().st_ino for path in frames.glob("*.png")}
    assert len(kept) == frame
    assert not list(frames.glob("*.part"))

    assert_error(colorize(long_film, long_keyframes, out), EXISTS, "unfinished run", "--resume goes on")
    others = colorize(long_film, long_keyframes, out, "--resume", "--seed", 7)
    assert_error(others, USAGE, "begun with other keyframes, settings or weights", "repeat that command")
    assert {path.name: path.stat().st_ino for path in frames.glob("*.png")} == kept

    repainted = []
    with monkeypatch.context() as patch:
        patch.setattr(ImageSink, "write", lambda *call: (repainted.append(call[1]), write(*call)))
        assert colorize(long_film, long_keyframes, out, "--resume").code == 0
    assert repainted == list(range(SHOT * len(finished), 8))
    assert len(pixels_of(out)) == 8
    assert [path.name for path in tmp_path.glob("*out*")] == [name]


def test_overwrite_starts_an_unfinished_run_again(colorize, monkeypatch, long_film, long_keyframes, out):
    with monkeypatch.context() as patch:
        run_out(patch, torch.OutOfMemoryError(), at=SHOT)
        assert colorize(long_film, long_keyframes, out).code == PARTIAL
    before = (out / "A_0001.png").stat().st_ino
    assert colorize(long_film, long_keyframes, out, "--overwrite").code == 0
    assert (out / "A_0001.png").stat().st_ino != before


# Usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["colorize"], ("INPUT", "anicolor colorize --help")),
        (["colorize", "x", "-o", "y"], ("--keyframes", "anicolor colorize --help")),
        (["colorize", "x", "-k", "y", "-o", "z", "--model", "nobody"], ("nobody", "opdm-small")),
        (["colorize", "x", "-k", "y", "-o", "z", "--steps", "0"], ("--steps", "1<=x<=500")),
        (["shots", "x", "--rate", "fast"], ("'fast' is no frame rate", "24 or 24000/1001")),
        (["shots", "x", "--rate", "-1"], ("no frame rate: expected one above 0",)),
        (["paint"], ("paint", "anicolor --help")),
        (["shots", "--colour"], ("--colour", "anicolor shots --help")),
    ],
)
def test_usage(anicolor, arguments, words):
    assert_error(anicolor(*arguments), USAGE, *words)


def test_rate_of_a_video(anicolor, tmp_path):
    film = save_video(tmp_path / "film.mkv", [drawing.lines for drawing in cut()])
    assert_error(anicolor("shots", film, "--rate", 24), USAGE, "a video has its own frame rate", "leave 24 out")


@pytest.mark.parametrize("command", ["shots", "lines"])
def test_the_other_commands_name_a_missing_film_too(anicolor, tmp_path, command):
    more = ["-o", tmp_path / "out"] if command == "lines" else []
    assert_error(anicolor(command, tmp_path / "gone", *more), USAGE, "no such file or folder")
    assert not (tmp_path / "out").exists()


def test_lines_out_exists(anicolor, film, out):
    out.mkdir()
    (out / "dear.txt").write_text("keep me")
    assert_error(anicolor("lines", film, "-o", out, "--method", "distance"), EXISTS, "exists", "--overwrite")
    assert set(files_in(out)) == {"dear.txt"}


def test_a_bad_path_with_a_line_break_is_still_one_line(anicolor, tmp_path: Path):
    assert_error(anicolor("shots", tmp_path / "two\nlines"), USAGE, "no such file or folder")


def test_examples_that_cannot_be_shared_out_leave_no_run_behind(anicolor, tmp_path):
    outcome = anicolor(
        "train", "opdm-small", "--out", tmp_path / "run", "--batch", 4, "--accumulate", 3, "--device", "cpu"
    )
    assert_error(outcome, USAGE, "4 examples a step in 1 processes and 3 parts: expected a multiple of 3")
    assert files_in(tmp_path) == {}
