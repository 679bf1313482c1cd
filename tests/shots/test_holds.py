"""Holds: exact in files of drawings, by tolerance after a lossy codec, never across a cut; time sheets say them."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anicolor.data.synthetic import DrawnScene, DrawnSettings
from anicolor.errors import InputError
from anicolor.frames import FrameRange, Hold, Shot
from anicolor.media.film import FilmInfo
from anicolor.media.open import open_film
from anicolor.media.picture import Picture
from anicolor.shots.holds import film_holds, find_holds
from anicolor.shots.xdts import read_xdts, xdts


def page(step: int, height: int = 40, width: int = 60) -> Picture:
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[10:20, 5 + step : 15 + step] = (200, 60, 60)
    return Picture(pixels)


def holds_of(lengths: list[int]) -> list[Hold]:
    return [Hold(FrameRange(*span)) for span in pairwise([0, *accumulate(lengths)])]


def film_of(lengths: list[int]) -> list[Picture]:
    return [page(step) for step, length in enumerate(lengths) for _ in range(length)]


def info(frames: int, kind: str = "video", numbers: tuple[int, ...] | None = None) -> FilmInfo:
    return FilmInfo(
        Path("cut"),
        kind,
        60,
        40,
        frames,
        numbers or tuple(range(frames)),
        Fraction(24),
        False,
        8,
        False,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("exact", [True, False])
def test_runs_of_one_drawing_are_found(exact: bool) -> None:
    lengths = [2, 2, 3, 1, 1, 5]
    assert list(find_holds(film_of(lengths), exact=exact)) == holds_of(lengths)


def test_a_film_of_nothing_has_no_holds_and_one_of_a_frame_has_one() -> None:
    assert list(find_holds([], exact=True)) == []
    assert list(find_holds([page(0)], exact=False)) == holds_of([1])


def test_no_drawing_is_held_across_a_cut() -> None:
    assert list(find_holds(film_of([6]), exact=True, starts=[0, 4])) == holds_of([4, 2])


def test_in_files_a_single_pixel_is_another_drawing_and_after_a_codec_it_is_not() -> None:
    speck = page(0)
    speck.pixels[0, 0] = 0
    for exact, expected in ((True, [1, 1]), (False, [2])):
        assert list(find_holds([page(0), speck], exact=exact)) == holds_of(expected)


def test_slow_motion_does_not_creep_through_the_tolerance() -> None:
    faint = [Picture(np.full((40, 60, 3), 100 + 5 * step, np.uint8)) for step in range(9)]  # 5 levels a frame
    found = list(find_holds(faint, exact=False))
    assert found == holds_of([3, 3, 3])  # 0, 5 and 10 levels are alike, 15 are not


def test_drawings_of_two_depths_are_two_drawings() -> None:
    deep = Picture(page(0).pixels.astype(np.uint16) * 257)
    assert len(list(find_holds([page(0), deep], exact=True))) == 2
    assert len(list(find_holds([page(0), deep], exact=False))) == 1


@pytest.mark.parametrize("kind", ["line", "color"])
def test_holds_survive_h264(tmp_path: Path, kind: str) -> None:
    lengths = [2, 2, 3, 3, 2, 1, 1, 3, 3, 2]
    scene = DrawnScene(7, DrawnSettings(frames=len(lengths), size=(360, 640), painted_background=0, camera=0))
    drawings = [scene.draw(step) for step in range(len(lengths))]
    with av.open(str(tmp_path / "film.mp4"), "w") as target:
        stream = target.add_stream("libx264", rate=24, options={"crf": "23"})
        stream.height, stream.width, stream.pix_fmt = 360, 640, "yuv420p"
        for (color, line), length in zip(drawings, lengths, strict=True):
            pixels = color if kind == "color" else np.repeat(line[..., None], 3, axis=2)
            for _ in range(length):
                target.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        target.mux(stream.encode(None))
    with open_film(tmp_path / "film.mp4") as film:
        found = list(film_holds(film, [Shot(FrameRange(0, sum(lengths)))]))
    assert found == holds_of(lengths)


def test_a_time_sheet_is_one_line_and_json_that_lists_the_changes() -> None:
    title, body = xdts(info(7), holds_of([2, 2, 3])).split("\n", 1)
    assert title == "exchangeDigitalTimeSheet Save Data"
    (table,) = json.loads(body)["timeTables"]
    assert table["duration"] == 7
    (field,) = table["fields"]
    assert field["fieldId"] == 0
    rows = [(row["frame"], row["data"][0]["values"]) for row in field["tracks"][0]["frames"]]
    assert rows == [(0, ["1"]), (2, ["2"]), (4, ["3"])]


def test_a_time_sheet_of_files_has_their_own_numbers() -> None:
    text = xdts(info(4, "sequence", (10, 12, 14, 20)), holds_of([1, 3]))
    rows = json.loads(text.split("\n", 1)[1])["timeTables"][0]["fields"][0]["tracks"][0]["frames"]
    assert [row["data"][0]["values"] for row in rows] == [["10"], ["12"]]


@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read(lengths: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sheet") / "cut.xdts"
    path.write_text(xdts(info(sum(lengths)), holds_of(lengths)))
    assert list(read_xdts(path, info(sum(lengths)))) == holds_of(lengths)


def sheet(*tracks: list[tuple[int, str]], duration: int = 8) -> str:
    columns = [
        {"trackNo": n, "frames": [{"frame": f, "data": [{"id": 0, "values": [v]}]} for f, v in track]}
        for n, track in enumerate(tracks)
    ]
    table = {"duration": duration, "fields": [{"fieldId": 0, "tracks": columns}, {"fieldId": 3, "tracks": []}]}
    return "exchangeDigitalTimeSheet Save Data\r\n" + json.dumps({"timeTables": [table], "version": 5})


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        (sheet([(0, "1"), (3, "2")]), [3, 5]),
        (sheet([(0, "1"), (1, "SYMBOL_HYPHEN"), (2, "SYMBOL_TICK_1"), (4, "2")]), [4, 4]),
        (sheet([(0, "1"), (4, "SYMBOL_NULL_CELL")]), [4, 4]),
        (sheet([(0, "1"), (2, "1"), (6, "2")]), [6, 2]),  # the same cell again is no change
        (sheet([(0, "1"), (2, "2")], [(0, "1"), (5, "2")]), [2, 3, 3]),  # two columns
        (sheet([(4, "2"), (0, "1")]), [4, 4]),  # in any order
        (sheet([(-3, "1"), (4, "2"), (20, "3")]), [4, 4]),  # before and behind the cut
    ],
)
def test_sheets_of_other_programs_are_read(text: str, lengths: list[int], tmp_path: Path) -> None:
    (path := tmp_path / "cut.xdts").write_text(text)
    assert list(read_xdts(path, info(8))) == holds_of(lengths)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such time sheet"),
        ("", "expected an XDTS time sheet"),
        ("exchangeDigitalTimeSheet Save Data\n{", "expected an XDTS time sheet"),
        ("exchangeDigitalTimeSheet Save Data\n{}", "expected an XDTS time sheet"),
        ("exchangeDigitalTimeSheet Save Data\n[]", "expected an XDTS time sheet"),
        (sheet([(0, "1")]).replace('"frames"', '"rows"'), "expected an XDTS time sheet"),
        (sheet([(0, "1")], duration=9), "lasts 9 frames"),
        (sheet(), "no cells"),
        ("\x00\xff", "expected an XDTS time sheet"),
    ],
)
def test_what_is_no_sheet_of_the_film_is_one_line(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "cut.xdts"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=said) as error:
        read_xdts(path, info(8))
    assert "\n" not in str(error.value)
