from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tiny_films import noise, save

from anicolor.errors import AnicolorError, InputError
from anicolor.frames import FrameRange
from anicolor.media.open import open_film
from anicolor.media.sequence import list_numbered, parse_name, picture_size, read_picture


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("A0001.tga", ("A", "", "0001", "")),
        ("A.0001.png", ("A", ".", "0001", "")),
        ("A_0007a.png", ("A", "_", "0007", "a")),
        ("0001.png", ("", "", "0001", "")),
        ("cut012_A-12.TIF", ("cut012_A", "-", "12", "")),
    ],
)
def test_names_are_taken_apart(name: str, parts: tuple[str, ...]) -> None:
    image = parse_name(Path(name))
    assert image is not None
    assert (image.stem, image.separator, image.digits, image.letter) == parts


@pytest.mark.parametrize("name", ["model_sheet.png", "A.0001.txt", "A0001", ".png"])
def test_other_names_are_not_numbered_images(name: str) -> None:
    assert parse_name(Path(name)) is None


def test_gaps_numbers_and_names_are_kept(drawings: Path) -> None:
    (drawings / ".A_0003.png").write_bytes(b"hidden")
    (drawings / "notes.txt").write_text("not an image")
    with open_film(drawings) as film:
        assert film.info.numbers == (1, 2, 7, 12)
        assert (film.info.kind, film.info.frames, film.info.rate) == ("sequence", 4, 24)
        assert (film.info.width, film.info.height, film.info.alpha, film.info.bits) == (32, 24, True, 8)
        assert film.name(2) == "A_0007.png"
        for number, picture in zip(film.info.numbers, film.read(), strict=True):
            assert np.array_equal(picture.pixels, noise(number, 4, width=32, height=24).pixels)
        (one,) = film.read(FrameRange(2, 3))
        assert np.array_equal(one.pixels, noise(7, 4, width=32, height=24).pixels)
        with pytest.raises(ValueError, match="has frames 0:4, got 2:5"):
            film.read(FrameRange(2, 5))


def test_numbers_sort_as_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 100):
        save(tmp_path / f"{number}.png", noise(number))
    assert [image.number for image in list_numbered(tmp_path)] == [9, 10, 100]


def test_a_pattern_picks_one_series(tmp_path: Path) -> None:
    for name in ("A.0001.png", "A.0003.png", "B.0001.png", "A.00012.png"):
        save(tmp_path / name, noise(0))
    film = open_film(tmp_path / "A.%04d.png", rate=Fraction(25))
    assert (film.info.numbers, film.name(1), film.info.rate) == ((1, 3), "A.0003.png", 25)
    with pytest.raises(InputError, match=r"2 series in one folder: .*A.%04d.png, B.%04d.png"):
        open_film(tmp_path)
    with pytest.raises(InputError, match="no image fits"):
        open_film(tmp_path / "C.%04d.png")


def test_images_without_a_number_are_told(drawings: Path) -> None:
    save(drawings / "model_sheet.png", noise(0))
    assert open_film(drawings).info.notes == ("images without a number left out: model_sheet.png",)


@pytest.mark.parametrize("other", ["1.png", "0001.tga", "0001a.png"])
def test_a_number_twice_is_refused(tmp_path: Path, other: str) -> None:
    save(tmp_path / "0001.png", noise(0))
    Image.fromarray(noise(0).pixels).save(tmp_path / other)
    with pytest.raises(InputError, match="number 1 is there twice"):
        open_film(tmp_path)


def test_other_sizes_are_refused_by_name(tmp_path: Path) -> None:
    save(tmp_path / "1.png", noise(0, width=20, height=10))
    save(tmp_path / "2.png", noise(0, width=20, height=12))
    with pytest.raises(InputError, match=r"2\.png: 20x12, but 1\.png is 20x10"):
        open_film(tmp_path)


def test_nothing_to_open_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no numbered image"):
        open_film(tmp_path)
    with pytest.raises(InputError, match="no such file or folder"):
        open_film(tmp_path / "missing")
    with pytest.raises(InputError, match="a single image is no film"):
        open_film(save(tmp_path / "1.png", noise(0)))
    with pytest.raises(InputError, match="no such file"):
        read_picture(tmp_path / "2.png")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_kept(tmp_path: Path, suffix: str, channels: int) -> None:
    pixels = noise(3, max(channels, 3), np.uint16).pixels
    stored = pixels[..., 0] if channels == 1 else pixels[..., [2, 1, 0, 3][:channels]]
    assert cv2.imwrite(str(tmp_path / f"1{suffix}"), np.ascontiguousarray(stored))
    expected = pixels[..., :1].repeat(3, 2) if channels == 1 else pixels
    assert np.array_equal(read_picture(tmp_path / f"1{suffix}").pixels, expected)
    info = open_film(tmp_path).info
    assert (info.bits, info.alpha) == (16, channels == 4)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tga", ".webp", ".bmp"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_eight_bit_mode_is_read_exactly(tmp_path: Path, suffix: str, mode: str) -> None:
    if (suffix, mode) in {(".bmp", "LA"), (".bmp", "RGBA")}:
        pytest.skip("BMP has no such mode")
    image = Image.fromarray(noise(4, 4).pixels, "RGBA").convert("RGB" if mode == "P" else mode)
    image = image.quantize(16) if mode == "P" else image
    image.save(tmp_path / f"1{suffix}", **({"lossless": True, "exact": True} if suffix == ".webp" else {}))
    has_alpha = mode in ("LA", "RGBA")
    picture = read_picture(tmp_path / f"1{suffix}")
    assert np.array_equal(picture.pixels, np.array(image.convert("RGBA" if has_alpha else "RGB")))
    assert picture_size(tmp_path / f"1{suffix}") == (21, 13)
    assert open_film(tmp_path).info.alpha == has_alpha


def test_transparent_palette_entry_becomes_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(noise(4).pixels, "RGB").quantize(4)
    image.save(tmp_path / "1.png", transparency=2)
    alpha = read_picture(tmp_path / "1.png").alpha
    assert alpha is not None
    assert np.array_equal(alpha == 0, np.array(image) == 2)


def test_tga_without_alpha_bits_is_opaque(tmp_path: Path) -> None:
    path = tmp_path / "A0001.tga"
    Image.fromarray(noise(4, 4).pixels, "RGBA").save(path)
    data = bytearray(path.read_bytes())
    data[17] &= 0xF0
    path.write_bytes(data)
    assert np.array_equal(read_picture(path).pixels, noise(4, 4).pixels[..., :3])
    assert not open_film(tmp_path).info.alpha


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tga", ".jpg", ".webp", ".bmp"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.95])
def test_an_image_cut_short_is_refused(tmp_path: Path, suffix: str, part: float) -> None:
    path = tmp_path / f"A0001{suffix}"
    Image.fromarray(noise(5, width=60, height=50).pixels).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(AnicolorError, match=r"A0001\.\w+: not a whole, readable image"):
        read_picture(path)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("cut", [1, 13, 900])
def test_a_deep_image_cut_short_is_refused(tmp_path: Path, suffix: str, cut: int) -> None:
    path = tmp_path / f"A0001{suffix}"
    assert cv2.imwrite(str(path), noise(5, 4, np.uint16).pixels)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(AnicolorError, match="not a whole, readable image"):
        read_picture(path)


def test_a_flipped_bit_in_a_png_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "1.png", noise(5))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(AnicolorError, match="checksum"):
        read_picture(path)


def test_text_named_as_an_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001.png").write_text("hello")
    with pytest.raises(AnicolorError, match=r"0001\.png: not a whole, readable image"):
        open_film(tmp_path)


def test_a_damaged_tag_of_a_tiff_is_an_error_of_ours(tmp_path):
    path = tmp_path / "A_0001.tif"
    Image.new("RGB", (4, 4)).save(path)
    whole = path.read_bytes()
    told = 0
    for place in range(56, len(whole)):  # of its tags, those of the size left out: memory
        path.write_bytes(whole[:place] + b"\x02" + whole[place + 1 :])
        try:
            read_picture(path)
        except AnicolorError as error:
            told += "save it again" in str(error)
    assert told
