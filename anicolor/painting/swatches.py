"""A department's colour model from a file: GIMP palettes, Adobe swatches, painted model sheets.

Sources: GIMP developer documentation, "GIMP Palette Format Version 2"; Adobe, "Photoshop File Formats Specification",
2016, "Color Swatches" (ACO); C. Camera, "ASE File Specification" (Adobe has published none).

All RGB is taken as sRGB; no ICC profile is looked at.
"""

from __future__ import annotations

import codecs
import colorsys
import re
import struct
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from skimage.color import lab2xyz, xyz2rgb

from anicolor.errors import AnicolorError, InputError
from anicolor.media.picture import Picture, Pixels
from anicolor.media.sequence import IMAGE_SUFFIXES, read_picture

__all__ = ["Swatch", "read_swatches"]

_RGB: TypeAlias = tuple[float, float, float]

_GPL, _ASE = b"GIMP Palette", b"ASEF"
_ACO = (b"\x00\x01", b"\x00\x02")
_EXPECTED = (
    "expected a GIMP palette (begins with the line GIMP Palette), Adobe swatches (.ase begins with ASEF, .aco with its "
    f"version) or a painted picture ({', '.join(sorted(IMAGE_SUFFIXES))})"
)
_ENTRY = re.compile(r"\s*([0-9]{1,3})\s+([0-9]{1,3})\s+([0-9]{1,3})(?:\s+(.*))?")
_LINES = re.compile(r"\r\n|\r|\n")
_SHOWN = 40  # characters of a line that cannot be read
_COLOUR = 0x0001  # the block of ASE that is one; groups (0xC001 to 0xC002) only sort them
_WORD = 65535
_NEAR = 1e-4  # Photoshop keeps channels in steps of 1/32768, and prints others with four digits
_INKS = {3: "Pantone", 4: "Focoltone", 5: "Trumatch", 6: "Toyo", 10: "HKS"}
_FEWEST = 4  # squares of 3x3 pixels in one colour: a patch of 4x4 has them
# XYZ under D50 to what looks the same under D65, after Bradford (B. Lindbloom, "Chromatic Adaptation").
_D50_TO_D65 = np.array(
    [
        [0.9555766, -0.0230393, 0.0631636],
        [-0.0282895, 1.0099416, 0.0210077],
        [0.0122982, -0.0204830, 1.3299098],
    ]
)


@dataclass(frozen=True)
class Swatch:
    """One colour of a colour model: its name as in the file, "" where it has none, and sRGB in [0, 1].

    A level v of 8 bits is exactly v/255, one of 16 bits exactly v/65535.
    """

    name: str
    rgb: tuple[float, float, float]


def read_swatches(path: Path) -> tuple[Swatch, ...]:
    """Return the colours of a file, at least one, in the file's order: GPL, ASE, ACO or a painted picture.

    The kind is told by the content, by the suffix where that says nothing. Lab is from D50 (as Adobe means it) adapted
    to sRGB's white, what sRGB has not is clipped; CMYK is (1 - ink)(1 - black), no profile: its colours are coarse.

    Of a picture every colour counts that fills at least four squares of 3x3 opaque pixels (a patch of 4x4, say), the
    largest first: the mixtures that smooth a border and lines of one or two pixels do not. Paper and wide black lines
    do: nobody can tell them from the white of an eye and from black hair. JPEG gives the colours that it shows.

    Raises:
        InputError: no such file; none of these kinds, or a damaged one; no colour in it; colours of an ink maker, which
            only the maker knows.
        AnicolorError: the file or the picture cannot be read.
    """
    data = _bytes(path)
    try:
        return _read(path, data)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: check the name") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, expected a colour model: name one file") from None
    except OSError as error:
        raise AnicolorError(f"{path}: cannot be read ({error.strerror or error})") from error


def _read(path: Path, data: bytes) -> tuple[Swatch, ...]:
    suffix = path.suffix.lower()
    if not data:
        raise ValueError(f"is empty: {_EXPECTED}")
    if data.startswith(_ASE):
        return _filled(_read_ase(data))
    if data.removeprefix(codecs.BOM_UTF8).startswith(_GPL):
        return _filled(_read_gpl(data))
    if suffix in IMAGE_SUFFIXES:  # before the version of ACO: a TGA with a colour map begins with these bytes too
        return _flat_colours(read_picture(path))
    if suffix == ".aco" or data.startswith(_ACO):
        return _filled(_read_aco(data))
    raise ValueError(f"no colour model: {_EXPECTED}")


def _filled(swatches: Sequence[Swatch]) -> tuple[Swatch, ...]:
    if not swatches:
        raise ValueError("no colour in it: expected at least one")
    return tuple(swatches)


# GIMP palette


def _read_gpl(data: bytes) -> list[Swatch]:
    # The format is UTF-8; old files have names in other encodings, and their levels are as good.
    lines = _LINES.split(data.decode("utf-8-sig", "replace"))
    if lines[0].strip() != _GPL.decode():
        raise ValueError(f"its first line is {_shown(lines[0])}: expected GIMP Palette alone")
    body = 1
    for field in ("Name:", "Columns:"):
        body += body < len(lines) and lines[body].startswith(field)
    entries = enumerate(lines[body:], body + 1)
    return [_gpl_entry(number, line) for number, line in entries if line.strip() and not line.startswith("#")]


def _gpl_entry(number: int, line: str) -> Swatch:
    match = _ENTRY.fullmatch(line)
    levels = [int(level) for level in match.groups()[:3]] if match else [256]
    if match is None or max(levels) > 255:
        raise ValueError(f"line {number} is {_shown(line)}: expected red, green, blue (0 to 255 each) and a name")
    red, green, blue = (level / 255 for level in levels)
    return Swatch((match[4] or "").strip(), (red, green, blue))


def _shown(line: str) -> str:
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}...")


# Adobe's formats


class _Bytes:
    """What is left of a file, or of a block of one; all numbers are big-endian.

    Raises:
        ValueError: more is taken than is left.
    """

    def __init__(self, data: bytes, what: str = "the file") -> None:
        self._data, self._place, self._what = data, 0, what

    @property
    def left(self) -> int:
        """How many bytes."""
        return len(self._data) - self._place

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        if count > self.left:
            raise ValueError(f"{self._what} ends too early ({count} bytes expected, {self.left} left): save it again")
        self._place += count
        return self._data[self._place - count : self._place]

    def numbers(self, layout: str) -> tuple[Any, ...]:
        """Return the next numbers, laid out as :mod:`struct` says it."""
        return struct.unpack(f">{layout}", self.take(struct.calcsize(f">{layout}")))

    def name(self, length: int) -> str:
        """Return a name of ``length`` units of UTF-16, the zero that ends it among them."""
        return self.take(2 * length).decode("utf-16-be", "replace").partition("\0")[0]


def _read_ase(data: bytes) -> list[Swatch]:
    file = _Bytes(data)
    _, major, minor, count = file.numbers("4sHHI")
    if major != 1:
        raise ValueError(f"Adobe swatches (ASE) of version {major}.{minor}: expected version 1")
    swatches = []
    block = 0
    while file.left or block < count:
        block += 1
        kind, size = file.numbers("HI")
        content = _Bytes(file.take(size), f"block {block}")
        if kind == _COLOUR:
            swatches.append(_ase_swatch(content, f"block {block}"))
    return swatches


def _ase_swatch(block: _Bytes, what: str) -> Swatch:
    name = block.name(*block.numbers("H"))
    model = block.take(4)
    if model.upper() not in _MODELS:  # Adobe writes Gray, others GRAY
        raise ValueError(
            f"{what} ({name!r}) has the colour model {model.decode('latin-1')!r}: expected RGB, CMYK, LAB or Gray"
        )
    count, convert = _MODELS[model.upper()]
    return _swatch(f"{what} ({name!r})", name, convert, block.numbers(f"{count}f"))


def _read_aco(data: bytes) -> list[Swatch]:
    file = _Bytes(data)
    version, entries = _aco_entries(file)
    if version == 1 and file.left:  # the same colours again, with names
        version, entries = _aco_entries(file)
        if version != 2:
            raise ValueError("after its colours come others of version 1: expected version 2, with their names")
    # After version 2 newer Photoshops write which folder a colour is in.
    return [_aco_swatch(number, *entry) for number, entry in enumerate(entries, 1)]


def _aco_entries(file: _Bytes) -> tuple[int, list[tuple[int, tuple[int, ...], str]]]:
    """Return the version of a list, and for each colour its space, its four words and its name."""
    version, count = file.numbers("HH")
    if version not in (1, 2):
        raise ValueError(f"Photoshop swatches (ACO) of version {version}: expected version 1 or 2")
    entries = []
    for _ in range(count):
        space, *words = file.numbers("5H")
        entries.append((space, tuple(words), file.name(*file.numbers("I")) if version == 2 else ""))
    return version, entries


def _aco_swatch(number: int, space: int, words: tuple[int, ...], name: str) -> Swatch:
    what = f"colour {number} ({name!r})"
    if space not in _SPACES:
        kind = f"is a {_INKS[space]} ink" if space in _INKS else f"has the colour space {space}"
        raise ValueError(f"{what} {kind}: expected RGB, HSB, CMYK, Lab or greyscale: save it as RGB")
    return _swatch(what, name, _SPACES[space], words)


def _swatch(what: str, name: str, convert: Callable[..., _RGB], values: Iterable[float]) -> Swatch:
    try:
        return Swatch(name, convert(*values))
    except ValueError as error:
        raise ValueError(f"{what} has {error}: save it again") from error


# Colour models: each raises ValueError for a value outside its range


def _rgb(red: float, green: float, blue: float) -> _RGB:
    return _level("red", red), _level("green", green), _level("blue", blue)


def _grey(value: float) -> _RGB:
    level = _level("grey", value)
    return level, level, level


def _cmyk(cyan: float, magenta: float, yellow: float, black: float) -> _RGB:
    light = 1 - _inside("black", black, 0, 1)
    inks = {"cyan": cyan, "magenta": magenta, "yellow": yellow}
    red, green, blue = (_level(name, (1 - _inside(name, ink, 0, 1)) * light) for name, ink in inks.items())
    return red, green, blue


def _lab(lightness: float, a: float, b: float) -> _RGB:
    """Return the colour of L* in [0, 100] and a*, b* in [-128, 128] under D50."""
    lab = [_inside("lightness", lightness, 0, 100), _inside("a", a, -128, 128), _inside("b", b, -128, 128)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a colour that no light has: it is clipped
        xyz = lab2xyz(np.array(lab, np.float64), illuminant="D50")
    red, green, blue = xyz2rgb(_D50_TO_D65 @ xyz).tolist()
    return _rgb(red, green, blue)


def _level(name: str, value: float) -> float:
    """Return ``value``, or the level of 8 bits that it is meant to be: it was rounded on its way through the file."""
    value = min(max(_inside(name, value, 0, 1), 0.0), 1.0)
    level = round(value * 255) / 255
    return level if abs(value - level) <= _NEAR else value


def _inside(name: str, value: float, low: float, high: float) -> float:
    if not low - _NEAR <= value <= high + _NEAR:  # so that no number is outside too
        raise ValueError(f"{name} {value:g}, expected {low} to {high}")
    return value


def _ase_lab(lightness: float, a: float, b: float) -> _RGB:
    return _lab(100 * _inside("lightness", lightness, 0, 1), a, b)


def _aco_rgb(red: int, green: int, blue: int, _: int) -> _RGB:
    return red / _WORD, green / _WORD, blue / _WORD


def _aco_hsb(hue: int, saturation: int, brightness: int, _: int) -> _RGB:
    return _rgb(*colorsys.hsv_to_rgb(hue / _WORD, saturation / _WORD, brightness / _WORD))


def _aco_cmyk(*words: int) -> _RGB:
    cyan, magenta, yellow, black = (1 - word / _WORD for word in words)  # 0 is the most ink
    return _cmyk(cyan, magenta, yellow, black)


def _aco_lab(lightness: int, a: int, b: int, _: int) -> _RGB:
    # The specification calls all words unsigned, and then gives these two from -12800 on.
    return _lab(lightness / 100, *((word - 65536 if word > 32767 else word) / 100 for word in (a, b)))


def _aco_grey(value: int, *_: int) -> _RGB:
    # The specification's "gray value": light, and not ink as CMYK's words are (GIMP takes it for ink).
    return _grey(value / 10000)


_MODELS: dict[bytes, tuple[int, Callable[..., _RGB]]] = {
    b"RGB ": (3, _rgb),
    b"CMYK": (4, _cmyk),
    b"LAB ": (3, _ase_lab),
    b"GRAY": (1, _grey),
}
_SPACES: dict[int, Callable[..., _RGB]] = {0: _aco_rgb, 1: _aco_hsb, 2: _aco_cmyk, 7: _aco_lab, 8: _aco_grey}


# Painted model sheets


def _flat_colours(picture: Picture) -> tuple[Swatch, ...]:
    keys, counts = np.unique(_solid(picture), return_counts=True)
    largest = np.argsort(-counts, kind="stable")
    kept = keys[largest[counts[largest] >= _FEWEST]]
    if not len(kept):
        raise ValueError("no flat colour in it: expected opaque patches of at least 4x4 pixels in one colour each")
    levels = (kept[:, None] >> np.array([32, 16, 0])) & _WORD
    top = (1 << picture.bits) - 1
    return tuple(Swatch("", (red / top, green / top, blue / top)) for red, green, blue in levels.tolist())


def _solid(picture: Picture) -> npt.NDArray[np.int64]:
    """Return the colours ``[N]``, as keys, of all opaque pixels whose eight neighbours are the same."""
    rows = picture.pixels
    across = _same(rows[:, :-2], rows[:, 1:-1], rows[:, 2:])
    inner = rows[:, 1:-1]
    down = _same(inner[:-2], inner[1:-1], inner[2:])
    solid = inner[1:-1][across[:-2] & across[1:-1] & across[2:] & down].astype(np.int64)
    if picture.alpha is not None:
        solid = solid[solid[:, 3] == (1 << picture.bits) - 1]
    keys: npt.NDArray[np.int64] = solid[:, 0] << 32 | solid[:, 1] << 16 | solid[:, 2]
    return keys


def _same(one: Pixels, other: Pixels, third: Pixels) -> npt.NDArray[np.bool_]:
    """Return where the pixels ``[H, W, C]`` of all three are the same, ``[H, W]``."""
    same: npt.NDArray[np.bool_] = ((one == other) & (other == third)).all(axis=2)
    return same
