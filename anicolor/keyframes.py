"""Painted keyframes: found by their numbers, checked against the cut, given each to its shot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from anicolor.errors import InputError
from anicolor.frames import Keyframe, Shot
from anicolor.media.film import FilmInfo
from anicolor.media.picture import to_frame
from anicolor.media.sequence import Numbered, list_numbered, list_pattern, parse_name, picture_size, read_picture

__all__ = ["KeyframeFile", "ShotPlan", "assign", "find_keyframes", "find_reference", "load", "ordinals"]


_LIST = re.compile(r"[0-9, ]*[0-9][0-9, ]*")


@dataclass(frozen=True)
class KeyframeFile:
    """A painted frame on disk, the number in its name, and the film's frame (0-based) that it paints.

    Of a ``foreign`` picture, which shows none of the film's frames, both are -1.
    """

    path: Path
    number: int
    index: int

    @property
    def foreign(self) -> bool:
        """Whether it shows none of the film's frames."""
        return self.index < 0


@dataclass(frozen=True)
class ShotPlan:
    """A shot and what it is painted from; ``borrowed`` when no keyframe lies in the shot itself."""

    shot: Shot
    keyframes: tuple[KeyframeFile, ...]
    borrowed: bool = False


def find_keyframes(where: Path, info: FilmInfo) -> tuple[KeyframeFile, ...]:
    """Return the keyframes of ``where`` (a folder, a pattern, or one image), by frame.

    A keyframe's number is the drawing's own in a sequence, the 0-based frame of a video.

    Raises:
        InputError: nothing there, no number in a name, a number twice or not in the cut, another size.
        AnicolorError: an image that cannot be read.
    """
    found = tuple(_place(image, info) for image in _numbered(where))
    for keyframe in found:
        _check_size(keyframe, info)
    return found


def ordinals(where: str, info: FilmInfo) -> frozenset[int]:
    """Return which frames (0-based) of the film were given as keyframes: a folder of them, or numbers like 0,16,32.

    Raises:
        InputError: no such folder, no list of numbers, or a number that is not in the film.
    """
    if not where.strip():
        raise InputError("expected keyframes: a folder of them, or numbers like 0,16,32")
    path = Path(where)
    if path.exists() or not _LIST.fullmatch(where):
        numbers = [image.number for image in _numbered(path)]
    else:
        numbers = [int(number) for number in where.replace(",", " ").split()]
    for number in numbers:
        if number not in info.numbers:
            raise InputError(f"{where}: number {number} is not in {info.path}, which has {_range(info)}")
    return frozenset(info.numbers.index(number) for number in numbers)


def find_reference(path: Path) -> KeyframeFile:
    """Return the picture at ``path`` as a foreign keyframe.

    Raises:
        InputError: it is not there, or a folder.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such picture: expected one painted image")
    return KeyframeFile(path, -1, -1)


def load(file: KeyframeFile, info: FilmInfo) -> Keyframe:
    """Read a keyframe: its image ``[3, H, W]`` on paper white, and its frame in the film.

    A foreign picture is brought to the film's size: it fits inside, and its border goes on to the film's.

    Raises:
        AnicolorError: the image cannot be read.
    """
    image = to_frame(read_picture(file.path))
    return Keyframe(file.index, _inside(image, info.height, info.width) if file.foreign else image)


def assign(
    keyframes: Sequence[KeyframeFile], shots: Sequence[Shot], info: FilmInfo, *, borrow: bool = False
) -> list[ShotPlan]:
    """Give each shot its own keyframes; with ``borrow``, a shot without any the nearest from elsewhere.

    Raises:
        InputError: there is no keyframe, or shots have none and may not borrow; it names all of them.
    """
    if not keyframes:
        raise InputError("no keyframe: paint one frame of each shot at least")
    plans = [_own(keyframes, shot) for shot in shots]
    if borrow:
        return [plan if plan.keyframes else _borrow(keyframes, plan.shot) for plan in plans]
    bare = [plan.shot for plan in plans if not plan.keyframes]
    if bare:
        wanted = "; ".join(_what_to_paint(shot, info) for shot in bare)
        raise InputError(f"{len(bare)} of {len(plans)} shots have no keyframe: {wanted}; or use --borrow-keyframes")
    return plans


def _inside(image: Tensor, height: int, width: int) -> Tensor:
    scale = min(height / image.shape[-2], width / image.shape[-1])
    size = tuple(max(1, round(side * scale)) for side in image.shape[-2:])
    fitted = F.interpolate(image[None], size, mode="bilinear", antialias=True).clamp(0, 1)
    below, beside = height - size[0], width - size[1]
    sides = (beside // 2, beside - beside // 2, below // 2, below - below // 2)
    return F.pad(fitted, sides, mode="replicate")[0]


def _numbered(where: Path) -> tuple[Numbered, ...]:
    if where.is_dir():
        return list_numbered(where)
    if "%" in where.name and not where.exists():
        return list_pattern(where)
    if not where.exists():
        raise InputError(f"{where}: no such keyframe folder or image: check the name")
    image = parse_name(where)
    if image is None:
        raise InputError(f"{where}: expected an image with its frame's number at the end, like A.0001.png")
    return (image,)


def _place(image: Numbered, info: FilmInfo) -> KeyframeFile:
    if image.number not in info.numbers:
        nearest = min(info.numbers, key=lambda number: abs(number - image.number))
        raise InputError(
            f"{image.path}: number {image.number} is not in the cut, which has {_range(info)}: "
            f"give it the number of the frame that it paints (nearest: {nearest})"
        )
    return KeyframeFile(image.path, image.number, info.numbers.index(image.number))


def _range(info: FilmInfo) -> str:
    first, last = info.numbers[0], info.numbers[-1]
    gaps = last - first + 1 - len(info.numbers)
    return f"{first} to {last}" + (f" with {gaps} left out" if gaps else "")


def _check_size(keyframe: KeyframeFile, info: FilmInfo) -> None:
    width, height = picture_size(keyframe.path)
    if (width, height) != (info.width, info.height):
        raise InputError(
            f"{keyframe.path}: expected {info.width}x{info.height} as {info.path} has, got {width}x{height}: "
            "export the keyframe at the cut's size"
        )


def _own(keyframes: Sequence[KeyframeFile], shot: Shot) -> ShotPlan:
    inside = (keyframe for keyframe in keyframes if keyframe.index in shot.frames)
    return ShotPlan(shot, tuple(sorted(inside, key=lambda keyframe: keyframe.index)))


def _borrow(keyframes: Sequence[KeyframeFile], shot: Shot) -> ShotPlan:
    first, last = shot.frames.start, shot.frames.stop - 1
    nearest = min(keyframes, key=lambda keyframe: max(first - keyframe.index, keyframe.index - last))
    return ShotPlan(shot, (nearest,), borrowed=True)


def _what_to_paint(shot: Shot, info: FilmInfo) -> str:
    first, last = shot.frames.start, shot.frames.stop - 1
    middle = (first + last) // 2
    numbers = info.numbers
    return f"frames {numbers[first]} to {numbers[last]}: paint {numbers[middle]} (the middle)"
