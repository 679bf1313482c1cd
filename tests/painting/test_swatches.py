"""Colour models in every format come back in their exact levels; what is none, or a damaged one, is one clear line."""

from __future__ import annotations

import colorsys
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from anicolor.errors import AnicolorError, InputError
from anicolor.painting.swatches import Swatch, read_swatches

Read = Callable[..., tuple[Swatch, ...]]

SKIN, HAIR, WHITE, INK = (255, 218, 185), (93, 64, 55), (255, 255, 255), (0, 0, 0)
GPL = "GIMP Palette\nName: Aoi\nColumns: 4\n# daylight\n255 218 185\tSkin\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(data: bytes | str, suffix: str = "") -> tuple[Swatch, ...]:
        path = tmp_path / f"model{suffix}"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return read_swatches(path)

    return read


def levels(*colour: int, top: int = 255) -> tuple[float, ...]:
    return tuple(level / top for level in colour)


def rgb(swatches: tuple[Swatch, ...]) -> list[tuple[float, ...]]:
    return [swatch.rgb for swatch in swatches]


# GIMP palettes


def test_a_gimp_palette(read) -> None:
    text = (
        "GIMP Palette\nName: 葵\nColumns: 4\n# daylight\n\n"
        "255 218 185\tSkin\n 93  64  55  Hår, mörkt  2 \n#0 0 1 left out\n  0   0   0\n255 255 255 "
    )
    assert read(text, ".gpl") == (
        Swatch("Skin", levels(255, 218, 185)),
        Swatch("Hår, mörkt  2", levels(93, 64, 55)),
        Swatch("", (0.0, 0.0, 0.0)),
        Swatch("", (1.0, 1.0, 1.0)),
    )


def test_gimp_palettes_of_other_programs(read) -> None:
    skin = (Swatch("Skin", levels(*SKIN)),)
    assert read(f"\ufeff{GPL}") == skin
    assert read(GPL.replace("\n", "\r\n")) == skin
    assert read("GIMP Palette\n255 218 185 Skin") == skin  # the format's first version
    assert read("GIMP Palette\nName: x\n255 218 185 Skin") == skin
    assert [swatch.name for swatch in read(b"GIMP Palette\n1 2 3 \x94\xa7\n4 5 6 hair")] == ["\ufffd\ufffd", "hair"]


# Adobe Swatch Exchange


def ase_block(kind: int, content: bytes = b"") -> bytes:
    return struct.pack(">HI", kind, len(content)) + content


def ase_name(name: str) -> bytes:
    text = name.encode("utf-16-be") + b"\0\0"
    return struct.pack(">H", len(text) // 2) + text


def ase_colour(name: str, model: bytes, *values: float) -> bytes:
    return ase_block(1, ase_name(name) + model + struct.pack(f">{len(values)}f", *values) + b"\0\2")


def ase(*blocks: bytes, count: int | None = None) -> bytes:
    return b"ASEF\0\1\0\0" + struct.pack(">I", len(blocks) if count is None else count) + b"".join(blocks)


def test_adobe_swatches_byte_by_byte(read) -> None:
    data = bytes.fromhex(
        "41534546 0001 0000 00000004"  # ASEF, version 1.0, four blocks
        "C001 00000008 0003 0041 00F6 0000"  # a group named Aö
        "0001 0000001A 0003 808C 0031 0000 52474220 3B810000 3F800000 00000000 0002"  # 肌1, RGB 1 255 0 of Photoshop
        "0001 00000010 0002 006B 0000 47726179 3F000000 0000"  # k, Gray 0.5
        "C002 00000000"
    )
    assert read(data, ".ase") == (Swatch("肌1", levels(1, 255, 0)), Swatch("k", (0.5, 0.5, 0.5)))


def test_every_level_comes_back_from_adobe_swatches(read) -> None:
    every = [levels(level, level, 0) for level in range(256)]
    assert rgb(read(ase(*(ase_colour("", b"RGB ", *colour) for colour in every)))) == every
    steps = [round(red * 32768) / 32768 for red, _, _ in every]  # as Photoshop writes them
    assert rgb(read(ase(*(ase_colour("", b"RGB ", step, step, 0) for step in steps)))) == every


def test_between_the_levels_adobe_swatches_keep_what_they_say(read) -> None:
    (swatch,) = read(ase(ase_colour("", b"RGB ", 0.125, 100.25 / 255, 100.02 / 255)))
    assert swatch.rgb == (0.125, pytest.approx(100.25 / 255, abs=1e-7), 100 / 255)


@pytest.mark.parametrize(
    ("model", "values", "expected", "within"),
    [
        (b"RGB ", (1.00003, -0.00003, 0.5), (1, 0, 0.5), 0),
        (b"Gray", (0.0,), (0, 0, 0), 0),
        (b"GRAY", (1.0,), (1, 1, 1), 0),
        (b"CMYK", (0, 0, 0, 0), (1, 1, 1), 0),
        (b"CMYK", (1, 0, 0, 0), (0, 1, 1), 0),
        (b"CMYK", (0.2, 0.4, 0.6, 0.5), (0.8 * 0.5, 0.6 * 0.5, 0.4 * 0.5), 1e-7),
        (b"CMYK", (0, 0.3, 0.6, 1), (0, 0, 0), 0),
        (b"LAB ", (1, 0, 0), (1, 1, 1), 0),
        (b"LAB ", (0, 0, 0), (0, 0, 0), 0),
        # Y = (66/116)^3 = 0.184187; 1.055 Y^(1/2.4) - 0.055 = 0.466327
        (b"LAB ", (0.5, 0, 0), (0.466327, 0.466327, 0.466327), 2e-5),
        # CSS Color 4 gives these for sRGB red and green: its Lab is from D50 too
        (b"LAB ", (0.542905, 80.8049, 69.8910), (1, 0, 0), 1 / 1000),
        (b"LAB ", (0.462775, -47.5621, 48.5837), (0, 128 / 255, 0), 1 / 1000),
        (b"LAB ", (0.1, 0, 127), (0.164, 0.103, 0), 1 / 1000),  # no light has it
    ],
)
def test_the_colour_models_of_adobe_swatches(read, model, values, expected, within) -> None:
    (swatch,) = read(ase(ase_colour("x", model, *values)))
    assert swatch.rgb == pytest.approx(expected, abs=within)


def test_what_is_no_colour_is_skipped_by_its_length(read) -> None:
    blocks = (ase_block(0x7777, b"\0\1ABC"), ase_colour("", b"Gray", 1), ase_block(0xC002), ase_block(0))
    assert rgb(read(ase(*blocks))) == [(1, 1, 1)]
    longer = ase_block(1, ase_name("") + b"Gray" + struct.pack(">f", 1) + b"\0\2" + b"more")
    assert rgb(read(ase(longer, *blocks, count=0))) == [(1, 1, 1), (1, 1, 1)]
    nameless = ase_block(1, b"\0\0" + b"Gray" + struct.pack(">f", 1))
    assert read(ase(nameless)) == (Swatch("", (1, 1, 1)),)


# Photoshop swatches


def aco(*colours: tuple[int, ...], names: tuple[str, ...] = (), count: int | None = None) -> bytes:
    """A list of version 2 with names, else of version 1; a colour is its space and its words."""
    data = struct.pack(">2H", 2 if names else 1, len(colours) if count is None else count)
    for index, colour in enumerate(colours):
        data += struct.pack(">5H", *colour, *[0] * (5 - len(colour)))
        if names:
            text = names[index].encode("utf-16-be") + b"\0\0"
            data += struct.pack(">I", len(text) // 2) + text
    return data


def test_photoshop_swatches_byte_by_byte(read) -> None:
    first = "0001 0002  0000 FFFF 0000 0101 0000  0008 2710 0000 0000 0000"  # RGB 255 0 1; grey 10000
    second = (
        "0002 0002  0000 FFFF 0000 0101 0000 00000004 52E4 0020 00E9 0000"  # the same, named 勤 é
        "0008 2710 0000 0000 0000 00000001 0000"  # with no name
    )
    expected = (Swatch("勤 é", levels(255, 0, 1)), Swatch("", (1.0, 1.0, 1.0)))
    assert read(bytes.fromhex(first + second), ".aco") == expected
    assert read(bytes.fromhex(second), ".aco") == expected
    assert read(bytes.fromhex(first), ".aco") == tuple(Swatch("", swatch.rgb) for swatch in expected)
    folders = b"8BIMphry\0\0\0\1\0"
    assert read(bytes.fromhex(first + second) + folders, ".aco") == expected


def test_every_level_comes_back_from_photoshop_swatches(read) -> None:
    eight = [(0, level * 257, 0, level * 257) for level in range(256)]
    assert rgb(read(aco(*eight))) == [levels(level, 0, level) for level in range(256)]
    sixteen = [(0, level, 1, 65535) for level in range(0, 65536, 13)]
    assert rgb(read(aco(*sixteen))) == [levels(*words, top=65535) for _, *words in sixteen]


@pytest.mark.parametrize(
    ("colour", "expected", "within"),
    [
        ((1, 0, 65535, 65535), (1, 0, 0), 0),  # HSB, once around the circle in 65536 steps less one
        ((1, 65535, 65535, 65535), (1, 0, 0), 0),
        ((1, 21845, 65535, 65535), (0, 1, 0), 0),
        ((1, 32768, 32768, 65535), (127.5 / 255, 1, 1), 1e-4),
        ((2, 65535, 65535, 65535, 65535), (1, 1, 1), 0),  # CMYK, 0 is the most ink
        ((2, 0, 65535, 65535, 65535), (0, 1, 1), 0),
        ((2, 65535, 65535, 65535, 0), (0, 0, 0), 0),
        ((2, 52428, 26214, 0, 32768), (0.4, 0.2, 0), 1e-4),
        ((7, 10000, 0, 0), (1, 1, 1), 0),  # Lab
        ((7, 4628, 65536 - 4756, 4858), (0, 128 / 255, 0), 1 / 500),
        ((7, 2957, 6830, 65536 - 11203), (0, 0, 1), 1 / 250),
        ((8, 0), (0, 0, 0), 0),  # grey
        ((8, 5020), levels(128, 128, 128), 0),
        ((8, 5000), (0.5, 0.5, 0.5), 0),
    ],
)
def test_the_spaces_of_photoshop_swatches(read, colour, expected, within) -> None:
    (swatch,) = read(aco(colour))
    assert swatch.rgb == pytest.approx(expected, abs=within)


def test_a_level_survives_hue_and_grey_of_photoshop_swatches(read) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (500, 3)).tolist()
    hues = [[round(65535 * part) for part in colorsys.rgb_to_hsv(*levels(*colour))] for colour in colours]
    assert rgb(read(aco(*((1, *hue) for hue in hues)))) == [levels(*colour) for colour in colours]
    greys = [(8, round(10000 * level / 255)) for level in range(256)]
    assert rgb(read(aco(*greys))) == [levels(level, level, level) for level in range(256)]


# Painted model sheets


def sheet(tmp_path: Path, pixels: np.ndarray, name: str = "model.png") -> list[tuple[float, ...]]:
    path = tmp_path / name
    if pixels.dtype == np.uint16:
        cv2.imwrite(str(path), np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]))
    else:
        Image.fromarray(pixels).save(path)
    swatches = read_swatches(path)
    assert {swatch.name for swatch in swatches} == {""}
    return rgb(swatches)


def page(colour: tuple[int, ...] = WHITE, side: int = 96) -> np.ndarray:
    return np.full((side, side, len(colour)), colour, np.uint8)


def test_the_fills_of_a_model_sheet(tmp_path: Path) -> None:
    drawn = page()
    cv2.circle(drawn, (40, 48), 25, SKIN, -1, cv2.LINE_AA)
    cv2.circle(drawn, (75, 30), 12, HAIR, -1, cv2.LINE_AA)
    cv2.circle(drawn, (40, 48), 25, INK, 1, cv2.LINE_AA)
    cv2.line(drawn, (5, 90), (90, 80), (200, 0, 0), 1)
    drawn[4:6, 5:90] = (0, 0, 200)
    assert sheet(tmp_path, drawn) == [levels(*colour) for colour in (WHITE, SKIN, HAIR)]
    drawn[80:83, 30:60] = INK  # black hair, or a wide line
    assert sheet(tmp_path, drawn) == [levels(*colour) for colour in (WHITE, SKIN, HAIR, INK)]


@pytest.mark.parametrize(
    ("height", "width", "counts"), [(4, 4, True), (3, 6, True), (3, 5, False), (2, 40, False), (1, 1, False)]
)
def test_the_smallest_patch_that_counts(tmp_path: Path, height: int, width: int, counts: bool) -> None:
    drawn = page()
    drawn[20 : 20 + height, 20 : 20 + width] = HAIR
    assert (levels(*HAIR) in sheet(tmp_path, drawn)) == counts


def test_transparent_pixels_have_no_colour(tmp_path: Path) -> None:
    drawn = page((0, 255, 0, 0))
    drawn[10:40, 10:40] = (*SKIN, 255)
    drawn[50:80, 10:40] = (*HAIR, 254)
    assert sheet(tmp_path, drawn) == [levels(*SKIN)]
    assert sheet(tmp_path, drawn.astype(np.uint16) * 257) == [levels(*SKIN)]
    drawn[..., 3] = 0
    with pytest.raises(InputError, match="no flat colour in it: expected opaque patches"):
        sheet(tmp_path, drawn)


def test_a_sheet_of_16_bits_keeps_them(tmp_path: Path) -> None:
    drawn = page().astype(np.uint16) * 257
    drawn[10:20, 10:20], drawn[30:40, 10:20] = (12345, 1, 65534), (12346, 1, 65534)
    expected = [(1.0, 1.0, 1.0), levels(12345, 1, 65534, top=65535), levels(12346, 1, 65534, top=65535)]
    assert sheet(tmp_path, drawn) == expected
    assert sheet(tmp_path, drawn, "model.tif") == expected


def test_a_tga_with_a_colour_map_is_a_picture(tmp_path: Path) -> None:
    drawn = Image.fromarray(page(SKIN)).quantize(4)
    drawn.save(tmp_path / "model.tga")
    assert (tmp_path / "model.tga").read_bytes()[:2] == b"\0\1"  # as Photoshop's swatches begin
    assert rgb(read_swatches(tmp_path / "model.tga")) == [levels(*SKIN)]


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 50), (50, 2), (3, 3), (40, 40)])
def test_a_picture_without_flat_colours(tmp_path: Path, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    with pytest.raises(InputError, match=r"model.png: no flat colour in it"):
        sheet(tmp_path, noise)


# Which kind it is, and what is none


@pytest.mark.parametrize("suffix", [".gpl", ".ase", ".aco", ".png", ".txt", ""])
def test_the_content_tells_the_kind(read, suffix: str) -> None:
    assert rgb(read(GPL, suffix)) == [levels(*SKIN)]
    assert rgb(read(ase(ase_colour("", b"Gray", 1)), suffix)) == [(1, 1, 1)]
    if suffix != ".png":
        assert rgb(read(aco((8, 10000)), suffix)) == [(1, 1, 1)]


@pytest.mark.parametrize(
    ("suffix", "data", "said"),
    [
        (".gpl", b"", "is empty: expected a GIMP palette"),
        (".png", b"", "is empty: expected a GIMP palette"),
        (".gpl", b"255 0 0 red", r"no colour model: expected a GIMP palette .* or a painted picture \(\.bmp, "),
        ("", b"\0\3\0\0", "no colour model"),
        (".ase", b"\0\0\0\0\xe0\xa5", "no colour model"),
        (".gpl", b"GIMP Palette\n# nothing", "no colour in it: expected at least one"),
        (".gpl", b"GIMP Palettes\n1 2 3", "its first line is 'GIMP Palettes': expected GIMP Palette alone"),
        (".gpl", b"GIMP Palette\n1 2 3\n1 256 3 red", "line 3 is '1 256 3 red': expected red, green, blue"),
        (".gpl", b"GIMP Palette\n1 2", "line 2 is '1 2'"),
        (".gpl", b"GIMP Palette\n1 -2 3", "line 2 is '1 -2 3'"),
        (".gpl", b"GIMP Palette\nName: x\nColumns: 2\n\n0.1 0.2 0.3", "line 5 is '0.1 0.2 0.3'"),
        (".gpl", b"GIMP Palette\n" + b"9" * 9999, r"line 2 is '9{40}\.\.\.'"),
        (".gpl", "GIMP Palette\n\u0661 \u0662 \u0663".encode(), "line 2 is"),
        (".ase", ase(), "no colour in it"),
        (".ase", b"ASEF\0\2\0\1\0\0\0\0", r"\(ASE\) of version 2.1: expected version 1"),
        (".ase", ase(count=3), r"the file ends too early \(6 bytes expected, 0 left\): save it again"),
        (".ase", ase(ase_colour("é", b"HSB ", 1, 1, 1)), r"block 1 \('é'\) has the colour model 'HSB '"),
        (".ase", ase(ase_block(1, ase_name("é") + b"RGB " + bytes(11))), "block 1 ends too early"),
        (".ase", ase(ase_block(1, b"\xff\xff")), r"block 1 ends too early \(131070 bytes expected, 0 left\)"),
        (".ase", ase(ase_colour("é", b"RGB ", 0, 1.5, 0)), r"block 1 \('é'\) has green 1.5, expected 0 to 1"),
        (".ase", ase(ase_colour("a\nb", b"Gray", float("nan"))), r"block 1 \('a\\nb'\) has grey nan, expected"),
        (".ase", ase(ase_colour("", b"CMYK", 0, float("inf"), 0, 0)), "has magenta inf, expected 0 to 1"),
        (".ase", ase(ase_colour("", b"CMYK", 0, 0, 0, -3)), "has black -3, expected 0 to 1"),
        (".ase", ase(ase_colour("", b"LAB ", 53, 0, 0)), "has lightness 53, expected 0 to 1:"),
        (".ase", ase(ase_colour("", b"LAB ", 0.5, 0, 300)), "has b 300, expected -128 to 128"),
        (".aco", aco(), "no colour in it"),
        (".aco", b"\0\0\0\1" + bytes(10), r"\(ACO\) of version 0: expected version 1 or 2"),
        (".aco", b"\0", r"the file ends too early \(4 bytes expected, 1 left\)"),
        (".aco", aco((0, 1), count=65535), "the file ends too early"),
        (".aco", aco((0, 1)) + aco((0, 1)), "others of version 1: expected version 2, with their names"),
        (".aco", aco((0, 1)) + b"\0\4\0\0", "of version 4"),
        (".aco", aco((0, 1), (3, 9), names=("", "Röd")), r"colour 2 \('Röd'\) is a Pantone ink: .*: save it as RGB"),
        (".aco", aco((9, 1)), r"colour 1 \(''\) has the colour space 9: expected RGB, HSB, CMYK, Lab or greyscale"),
        (".aco", aco((65535,)), "has the colour space 65535"),
        (".aco", aco((8, 10002)), "has grey 1.0002, expected 0 to 1"),
        (".aco", aco((7, 60000, 0, 0)), "has lightness 600, expected 0 to 100"),
        (".aco", aco((7, 0, 32768, 0)), "has a -327.68, expected -128 to 128"),
        (".png", b"\0\1\0\1" + bytes(10), "not a whole, readable image"),
        (".png", b"\x89PNG\r\n\x1a\n\0\0", "not a whole, readable image"),
    ],
)
def test_what_is_no_colour_model_is_one_clear_line(read, suffix: str, data: bytes, said: str) -> None:
    with pytest.raises(AnicolorError, match=said) as error:
        read(data, suffix)
    assert "\n" not in str(error.value)
    assert f"model{suffix}: " in str(error.value)
    assert isinstance(error.value, InputError) == ("readable image" not in said)


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cases = [(tmp_path / "gone.aco", "no such file", 2), (tmp_path, "is a folder", 2), (tmp_path / "file/x", "read", 1)]
    for path, said, code in cases:
        with pytest.raises(AnicolorError, match=said) as error:
            read_swatches(path)
        assert error.value.exit_code == code


# Damage


WHOLE = {
    ".gpl": GPL.encode() + "12 34 56 Hår\n".encode(),
    ".ase": ase(
        ase_block(0xC001, ase_name("葵")),
        ase_colour("Hår", b"RGB ", 0.2, 0.4, 0.6),
        ase_colour("", b"CMYK", 0.2, 0.4, 0.6, 0.8),
        ase_colour("skin", b"LAB ", 0.5, 20, 30),
        ase_colour("", b"Gray", 0.2),
        ase_block(0xC002),
    ),
    ".aco": aco((0, 1, 2, 3), (1, 9, 9, 9)) + aco((0, 1, 2, 3), (1, 9, 9, 9), names=("Hår", "")),
    ".bmp": bytes.fromhex("424d 5a000000 00000000 36000000 28000000 04000000 04000000 0100 1800") + bytes(24 + 48),
}


def survives(read: Read, data: bytes, suffix: str) -> bool:
    """Whether it is a colour model; if not, one line has said so."""
    swatches, said = (), ""
    try:
        swatches = read(data, suffix)
    except AnicolorError as error:
        said = str(error)
    assert bool(swatches) != bool(said)
    assert "\n" not in said
    assert all(0 <= level <= 1 for swatch in swatches for level in swatch.rgb)
    return bool(swatches)


@pytest.mark.parametrize("suffix", WHOLE)
def test_a_file_cut_anywhere(read, suffix: str) -> None:
    whole = WHOLE[suffix]
    assert survives(read, whole, suffix)
    left = {size for size in range(len(whole)) if survives(read, whole[:size], suffix)}
    # Photoshop's first list is a file of its own, and text cut behind the third number is only shorter.
    assert left == {".aco": {24}, ".ase": set(), ".bmp": set()}.get(suffix, left)


@pytest.mark.parametrize("suffix", [*WHOLE, ".png", ".tga", ".tif", ""])
def test_random_bytes(read, suffix: str) -> None:
    random = np.random.default_rng(0)
    starts = [b"", b"ASEF\0\1\0\0", b"GIMP Palette\n", b"\0\1", b"\0\2", b"\0\2\0\1\0\7"]
    for turn in range(300):
        survives(read, starts[turn % len(starts)] + random.bytes(turn), suffix)


@pytest.mark.parametrize("suffix", [".gpl", ".ase", ".aco"])
def test_changed_bytes(read, suffix: str) -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(WHOLE[suffix])
        for place in random.integers(0, len(data), random.integers(1, 5)):
            data[place] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.integers(256)])
        survives(read, bytes(data), suffix)


@pytest.mark.parametrize(
    "data",
    [
        ase(ase_colour("", b"Gray", 1), count=2**32 - 1),
        ase(struct.pack(">HI", 1, 2**32 - 1)),
        ase(struct.pack(">HI", 0x7777, 2**32 - 1)),
        aco((0, 1), count=65535),
        struct.pack(">2H5HI", 2, 1, 0, 0, 0, 0, 0, 2**32 - 1),
    ],
)
def test_a_huge_count_takes_no_memory(read, data: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(InputError, match="the file ends too early"):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
