"""Keyframes: which frame each paints, which shot each serves, and every way to get it wrong."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from anicolor.errors import AnicolorError, InputError
from anicolor.frames import FrameRange, Shot
from anicolor.keyframes import KeyframeFile, assign, find_keyframes, find_reference, load
from anicolor.media.film import FilmInfo

VIDEO = FilmInfo(Path("cut.mov"), "video", 8, 6, 30, tuple(range(30)), Fraction(24), False, 8, False)
DRAWINGS = replace(VIDEO, path=Path("cut"), kind="sequence", frames=3, numbers=(1, 4, 7))


def paint(path: Path, size: tuple[int, int] = (8, 6)) -> Path:
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), (0, 0, 255), np.uint8))
    return path


def keyframe(index: int) -> KeyframeFile:
    return KeyframeFile(Path(f"{index:04d}.png"), index, index)


def shots(*stops: int) -> list[Shot]:
    return [Shot(FrameRange(a, b)) for a, b in zip((0, *stops), stops, strict=False)]


def test_a_number_is_the_drawings_own_or_the_frame_of_a_video(tmp_path: Path) -> None:
    for name in ("A.0004.png", "A.0001.png"):
        paint(tmp_path / name)
    assert [(k.number, k.index) for k in find_keyframes(tmp_path, DRAWINGS)] == [(1, 0), (4, 1)]
    assert [(k.number, k.index) for k in find_keyframes(tmp_path, VIDEO)] == [(1, 1), (4, 4)]
    single = find_keyframes(tmp_path / "A.0004.png", DRAWINGS)
    assert [(k.number, k.index) for k in single] == [(4, 1)]


def test_load_gives_rgb_and_the_frame(tmp_path: Path) -> None:
    loaded = load(KeyframeFile(paint(tmp_path / "0004.png"), 4, 1), DRAWINGS)
    assert loaded.index == 1
    assert loaded.image.shape == (3, 6, 8)
    assert loaded.image[:, 0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("size", [(8, 6), (4, 3), (16, 4), (3, 12)], ids=str)
def test_a_foreign_picture_is_brought_to_the_films_size(tmp_path: Path, size: tuple[int, int]) -> None:
    reference = find_reference(paint(tmp_path / "cover.png", size))
    assert reference.foreign
    image = load(reference, DRAWINGS).image
    assert image.shape == (3, 6, 8)
    assert torch.equal(image, torch.tensor([1.0, 0, 0]).view(3, 1, 1).expand(3, 6, 8))
    with pytest.raises(InputError, match=r"gone\.png: no such picture"):
        find_reference(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "no numbered image"),
        (("cover.png",), "no numbered image"),
        (("A.0001.png", "A.001.png"), "number 1 is there twice"),
        (
            ("A.0005.png",),
            r"0005\.png: number 5 is not in the cut, which has 1 to 7 with 4 left out: .*4\)",
        ),
    ],
)
def test_wrong_folders(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    for name in names:
        paint(tmp_path / name)
    with pytest.raises(InputError, match=message) as error:
        find_keyframes(tmp_path, DRAWINGS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", [(4, 3), (8, 8)], ids=["size", "aspect"])
def test_another_size(tmp_path: Path, size: tuple[int, int]) -> None:
    paint(tmp_path / "0001.png", size)
    with pytest.raises(InputError, match=rf"expected 8x6 as cut has, got {size[0]}x{size[1]}: export"):
        find_keyframes(tmp_path, DRAWINGS)


def test_nothing_there_or_no_number(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such keyframe folder or image"):
        find_keyframes(tmp_path / "gone", DRAWINGS)
    with pytest.raises(InputError, match="expected an image with its frame's number"):
        find_keyframes(paint(tmp_path / "cover.png"), DRAWINGS)


def test_unreadable(tmp_path: Path) -> None:
    broken = tmp_path / "0001.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(AnicolorError, match=r"0001\.png"):
        load(KeyframeFile(broken, 1, 0), DRAWINGS)
    with pytest.raises(AnicolorError, match=r"0001\.png"):
        find_keyframes(tmp_path, DRAWINGS)


def test_each_shot_gets_its_own() -> None:
    plans = assign([keyframe(12), keyframe(0), keyframe(9)], shots(10, 30), VIDEO)
    assert [[k.index for k in plan.keyframes] for plan in plans] == [[0, 9], [12]]
    assert not any(plan.borrowed for plan in plans)


def test_names_every_shot_without_a_keyframe_and_what_to_paint() -> None:
    with pytest.raises(InputError) as error:
        assign([keyframe(12)], shots(10, 20, 30), VIDEO)
    assert str(error.value) == (
        "2 of 3 shots have no keyframe: frames 0 to 9: paint 4 (the middle); "
        "frames 20 to 29: paint 24 (the middle); or use --borrow-keyframes"
    )
    with pytest.raises(InputError, match=r"frames 4 to 7: paint 4 \(the middle\)"):
        assign([KeyframeFile(Path("1.png"), 1, 0)], shots(1, 3), DRAWINGS)


def test_borrows_the_nearest() -> None:
    plans = assign([keyframe(2), keyframe(19)], shots(5, 12, 30), VIDEO, borrow=True)
    assert [plan.borrowed for plan in plans] == [False, True, False]
    assert [k.index for k in plans[1].keyframes] == [2]


def test_no_keyframe_at_all() -> None:
    with pytest.raises(InputError, match="no keyframe"):
        assign([], shots(30), VIDEO, borrow=True)
