"""The contact sheet: whole, self-contained, every shot on it, and as a browser shows it."""

from __future__ import annotations

import base64
import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from reels import Reel, uneven
from strict_page import StrictPage

from anicolor.errors import AnicolorError
from anicolor.frames import FrameRange, Shot
from anicolor.media.film import Film
from anicolor.media.picture import Picture
from anicolor.shots.sheet import Sheet

_NASTY = "<script>alert(\"x\")<\x7fscript> & 'a'\nb $title \udce4.mov"

SHOTS = [
    Shot(FrameRange(0, 10)),
    Shot(FrameRange(10, 11), 0.4),
    Shot(FrameRange(11, 13), 0.3),
    Shot(FrameRange(13, 40), 0.8, "dissolve", FrameRange(11, 16)),
    Shot(FrameRange(40, 48), 0.2, "fade", FrameRange(36, 45)),
]
COLOURS = [(230, 60, 30), (40, 160, 60), (30, 60, 200), (200, 180, 30), (120, 40, 140)]


class Page(StrictPage):
    """A contact sheet."""

    def attributes(self, name: str, tag: str = "") -> list[str]:
        return [str(attrs[name]) for one, attrs in self.tags if name in attrs and tag in ("", one)]

    def text(self, *tags: str) -> list[str]:
        return [text.strip() for tag, text in self.texts if tag in tags and text.strip()]

    def pictures(self) -> list[np.ndarray]:
        data = [base64.b64decode(source.split(",")[1]) for source in self.attributes("src", "img")]
        return [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for one in data]


def write(
    folder: Path,
    film: Film | None = None,
    shots: list[Shot] = SHOTS,
    changes: tuple[float, ...] = (),
    least: float = 0.1,
    side: int = 48,
) -> Page:
    film = film or Reel(48)
    sheet = Sheet(film, shots, changes, least)
    for index, shot in enumerate(shots):
        for frame in shot.frames:
            pixels = np.full((side, side * 4 // 3, 3), COLOURS[index % 5], np.uint8)
            pixels[:, : 1 + frame] = 255  # tells the frames of a shot apart
            sheet.see(frame, Picture(pixels))
    path = folder / "sheet.html"
    sheet.write(path, {"detector": "structure"})
    return Page(path.read_text(encoding="utf-8"))


def test_asks_for_nothing_outside_itself(tmp_path: Path) -> None:
    page = write(tmp_path, changes=tuple(0.01 * (i % 7) for i in range(48)))
    assert all(source.startswith("data:image/webp;base64,") for source in page.attributes("src"))
    assert all(link.startswith(("#", "data:")) for link in page.attributes("href"))
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object"}
    assert not any(word in page.source for word in ("http:", "https:", "url(", "@import", "srcset"))
    assert "default-src 'none'" in page.source
    assert {f"#{name}" for name in page.attributes("id")} >= set(page.attributes("href", "a"))


def test_first_middle_and_last_frame_of_each_shot(tmp_path: Path) -> None:
    page = write(tmp_path)
    expected = [0, 4, 9, 10, 11, 12, 13, 26, 39, 40, 43, 47]
    assert page.attributes("alt", "img") == [f"frame {frame}" for frame in expected]
    assert page.text("figcaption") == [str(frame) for frame in expected]
    for frame, picture in zip(expected, page.pictures(), strict=True):
        assert picture.shape == (48, 64, 3)
        assert (picture[:, : 1 + frame] == 255).all()
        assert not (picture[:, 1 + frame] == 255).all()


def test_says_what_there_is(tmp_path: Path) -> None:
    page = write(tmp_path)
    for fact in ("5 shots", "48 frames", "24 frames a second", "00:00:02:00", "1 dissolve", "1 fade", "structure"):
        assert fact in page.text("b", "span", "dd"), fact
    assert page.text("h3") == ["0", "1", "2", "3", "4"]
    assert page.text("header", "b")[-5:] == ["0 to 9", "10", "11 to 12", "13 to 39", "40 to 47"]
    said = " ".join(page.text("span"))
    assert "27 frames, 1.12 s" in said
    assert "dissolve 11 to 15 0.8" in said
    assert "fade 36 to 44 0.2" in said
    titles = page.text("title")[1:]
    assert titles[1:3] == ["shot 1: 10, 1 frame", "shot 2: 11 to 12, 2 frames"]
    stems = {attrs["class"]: attrs["d"] for tag, attrs in page.tags if tag == "path"}
    assert stems["stem cut"] == "M208.33 100V50.0M229.17 100V62.5"
    assert stems["stem dissolve"] == "M270.83 100V0.0"
    assert "change" not in stems


def test_drawings_are_named_by_their_numbers_and_variable_rates_are_told(tmp_path: Path) -> None:
    numbers = tuple(2 * frame + 1 for frame in range(48))
    assert "1 to 19" in write(tmp_path, Reel(48, numbers=numbers)).text("b")
    page = write(tmp_path, Reel(48, Fraction(12), times=uneven(48)))
    assert "about 12 frames a second" in page.text("span")
    assert "10 frames, 0.80 s" in page.text("span")


def test_names_from_outside_are_text(tmp_path: Path) -> None:
    page = write(tmp_path, Reel(48, path=_NASTY))
    assert not any(tag == "script" for tag, _ in page.tags)
    assert "<script>" in page.text("h1")[0]


def test_a_curve_of_changes(tmp_path: Path) -> None:
    count = 3000
    shots = [Shot(FrameRange(0, 1000)), Shot(FrameRange(1000, count), 0.5)]
    changes = tuple(1.0 if frame == 1234 else 0.1 for frame in range(count))
    page = write(tmp_path, Reel(count), shots, changes)
    (curve,) = [attrs["d"] for tag, attrs in page.tags if tag == "path" and attrs["class"] == "change"]
    assert curve is not None
    assert curve.count("L") == 499
    assert curve.count(" 0.0") == 1  # the one great change is not thinned out


def test_the_curve_has_the_least_change_of_a_cut(tmp_path: Path) -> None:
    def level(*changes: float, least: float) -> str | None:
        page = write(tmp_path, Reel(2), [Shot(FrameRange(0, 2))], changes, least)
        assert f"{least:g}, the least change of a cut" in page.text("span")
        (line,) = [attrs["d"] for tag, attrs in page.tags if tag == "path" and attrs["class"] == "least"]
        return line

    assert level(0, 0.4, least=0.1) == "M0 75.0H1000"
    assert level(0, 0.1, least=0.2) == "M0 0.0H1000"  # a calm film is not blown up
    assert "the least change of a cut" not in write(tmp_path).source


def test_pictures_are_small_however_large_the_film(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sheet = Sheet(Reel(3), [Shot(FrameRange(0, 3))])
    for frame in range(3):
        sheet.see(frame, Picture(rng.integers(0, 65536, (900, 1600, 4), dtype=np.uint16)))
    sheet.write(tmp_path / "sheet.html", {})
    page = Page((tmp_path / "sheet.html").read_text())
    assert [picture.shape for picture in page.pictures()] == [(180, 320, 3)] * 3
    assert len(page.source) < 300_000


def test_a_film_of_many_shots_is_a_page_that_opens(tmp_path: Path) -> None:
    shots = [Shot(FrameRange(4 * i, 4 * i + 4), 0.5 * (i > 0)) for i in range(400)]
    page = write(tmp_path, Reel(1600), shots, side=360)
    assert page.attributes("width", "img")[0] == "200"
    assert len(page.text("h3")) == 400
    assert len(page.source) < 1_600_000


def test_a_frame_that_was_not_seen_and_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    sheet = Sheet(Reel(3), [Shot(FrameRange(0, 3))])
    with pytest.raises(ValueError, match="frame 0"):
        sheet.write(tmp_path / "sheet.html", {})
    with pytest.raises(AnicolorError, match="cannot be written"):
        write(tmp_path / "gone")


@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_shows_it(tmp_path: Path, chromium: str, width: int) -> None:
    write(tmp_path, side=240)
    shot = tmp_path / "page.png"
    quiet = ("gpu", "background-networking", "component-update", "sync")
    flags = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{one}" for one in quiet)]
    flags += [f"--user-data-dir={tmp_path / 'profile'}", "--hide-scrollbars", "--force-color-profile=srgb"]
    flags += [f"--window-size={width},1600", f"--screenshot={shot}"]
    subprocess.run([chromium, *flags, (tmp_path / "sheet.html").as_uri()], capture_output=True, timeout=120, check=True)
    pixels = cv2.imread(str(shot))[..., ::-1].astype(int)
    assert pixels.shape == (1600, width, 3)
    for colour in (*COLOURS, (31, 95, 174), (184, 110, 0), (122, 63, 157)):  # the shots, and the kinds' own
        assert (np.abs(pixels - colour).max(axis=2) <= 3).sum() > 50, colour
    right = pixels[:, -8:]  # nothing runs out of the page
    assert (np.abs(right - 242).max(axis=2) <= 3).all()
