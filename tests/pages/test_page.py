"""Pages: whole, self-contained, and with pictures that do not swell them."""

from __future__ import annotations

import base64
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from strict_page import StrictPage

from anicolor.errors import AnicolorError
from anicolor.pages.image import fit, img, levels, thumbnail, webp
from anicolor.pages.page import READING, Page, sections, table, write_page
from anicolor.pages.words import counted, percent, span

_NASTY = "<script>alert(\"x\")</script> & 'a'\nb $title \udce4"


def page(**more: str) -> Page:
    return Page(
        more.get("title", "A"), more.get("heading", "B"), ("<b>1</b> frame",), "", more.get("main", ""), (READING,)
    )


def test_a_page_asks_for_nothing_and_its_names_are_text(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", page(title=_NASTY, heading=_NASTY, main="<p>whole $main</p>"))
    read = StrictPage((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "default-src 'none'" in read.source
    assert not any(tag == "script" for tag, _ in read.tags)
    said = {tag: text for tag, text in read.texts if text.strip()}
    assert said["title"] == said["h1"] == _NASTY.replace("\udce4", "?")
    assert said["p"] == "whole $main"
    assert said["b"] == "1"


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(AnicolorError, match="cannot be written"):
        write_page(tmp_path / "gone" / "page.html", page())


def test_sections_without_a_body_are_left_out() -> None:
    links, main = sections({"Worst frames": "<p>1</p>", "Nothing": "", "Shots": "<p>2</p>"})
    assert links == '<nav><a href="#worst-frames">Worst frames</a><a href="#shots">Shots</a></nav>'
    assert main.startswith('<section id="worst-frames"><h2>Worst frames</h2><p>1</p></section>')
    assert "Nothing" not in links + main


def test_a_table_has_its_heads() -> None:
    StrictPage(table("films", "<th>Film</th>", ("Frames",), "<tr><th>a</th><td>1</td></tr>"))


@pytest.mark.parametrize(
    ("shape", "side", "aspect", "expected"),
    [
        ((90, 160, 3), 80, Fraction(1), (45, 80, 3)),
        ((90, 160), 80, Fraction(1), (45, 80)),
        ((20, 30, 3), 80, Fraction(1), (20, 30, 3)),
        ((20, 30, 3), 80, Fraction(4, 3), (20, 40, 3)),
        ((900, 1, 3), 80, Fraction(1), (80, 1, 3)),
    ],
)
def test_a_picture_is_made_small_and_never_large(shape, side, aspect, expected) -> None:
    assert fit(np.zeros(shape, np.float32), side, aspect).shape == expected


def test_flat_colours_are_exact_and_noise_is_not() -> None:
    flat = np.zeros((64, 64, 3), np.uint8)
    flat[:, 20:] = 10, 200, 30
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for picture, is_exact in ((flat, True), (noise, False)):
        file = webp(picture, 80, 0.2)
        read = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.array_equal(read, picture) == is_exact
    assert len(webp(noise, 80, 0.2)) < noise.size / 2
    small = thumbnail(flat[:32], 80, 0.2)
    assert (small.width, small.height) == (64, 32)


def test_a_picture_is_in_the_page() -> None:
    file = webp(levels(np.full((4, 6, 3), 0.5, np.float32)), 80, 1.0)
    ((tag, attributes),) = StrictPage(img(file, 6, 4, '"<frame>')).tags
    assert (tag, attributes["width"], attributes["height"], attributes["alt"]) == ("img", "6", "4", '"<frame>')
    assert base64.b64decode(str(attributes["src"]).removeprefix("data:image/webp;base64,")) == file


def test_counts_and_shares() -> None:
    assert [counted(count, "frame") for count in (0, 1, 1000)] == ["0 frames", "1 frame", "1,000 frames"]
    assert [span(numbers) for numbers in ([], [7], [7, 9])] == ["none", "7", "7 to 9"]
    shares = {0: "0 %", 0.001: "under 1 %", 0.624: "62 %", 0.9999: "over 99 %", 0.9999999: "100 %", 1: "100 %"}
    assert {share: percent(share) for share in shares} == shares
