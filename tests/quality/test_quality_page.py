"""The page of a painted cut: self-contained, the worst first, small however long the film, as a browser shows it."""

from __future__ import annotations

import base64
import random
import subprocess
from collections.abc import Collection
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from cut_reports import NASTY, cut, full, region, spans
from strict_page import StrictPage

from anicolor.errors import AnicolorError
from anicolor.media.picture import Picture
from anicolor.quality.gallery import Gallery, Worst, needs_an_eye, strips
from anicolor.quality.notes import CutReport, FrameNote
from anicolor.quality.page import QualityPage

PAINT = (230, 60, 30)


class Read(StrictPage):
    """A cut's page."""

    def attributes(self, name: str, tag: str = "") -> list[str]:
        return [str(attrs[name]) for one, attrs in self.tags if name in attrs and tag in ("", one)]

    def of_class(self, name: str, tag: str = "") -> list[dict[str, str | None]]:
        return [a for t, a in self.tags if name in str(a.get("class", "")).split() and tag in ("", t)]

    def text(self, *tags: str) -> str:
        return " ".join(text for tag, text in self.texts if not tags or tag in tags).replace("\xa0", " ")


def picture(frame: int = 0, width: int = 64, height: int = 48) -> Picture:
    pixels = np.full((height, width, 3), PAINT, np.uint8)
    pixels[:, : 1 + frame % width] = 255  # tells the frames apart
    return Picture(pixels)


def doubt() -> np.ndarray:
    confidence = np.full((24, 32), np.nan, np.float32)
    confidence[6:18, 8:16], confidence[6:18, 16:24] = 1, 0
    return confidence


def write(folder: Path, report: CutReport, earlier: Collection[int] = ()) -> Read:
    """Write the page of ``report``, of which the shots ``earlier`` were painted by an earlier run."""
    page = QualityPage(report.shots)
    for frame in report.frames:
        if frame.shot not in earlier:
            known = frame.confidence is not None
            page.see(frame, picture(frame.index), doubt() if known else None)
    page.write(folder / "report.html", report)
    return Read((folder / "report.html").read_text(encoding="utf-8"))


def doubtful(*unsure: float | None, keyframes: Collection[int] = ()) -> CutReport:
    """A shot whose frames are unsure in so much of the drawing, with a region where there is any."""
    frames = [
        FrameNote(i, i + 1, 0, i in keyframes)
        if i in keyframes or share is None
        else FrameNote(i, i + 1, 0, False, 1 - share, share, 0, 0, (region(1 + i),) if share else ())
        for i, share in enumerate(unsure)
    ]
    return CutReport("cut", "opdm-small", spans(len(unsure)), tuple(frames))


def test_asks_for_nothing_outside_itself(tmp_path: Path) -> None:
    page = write(tmp_path, full())
    assert all(source.startswith("data:image/webp;base64,") for source in page.attributes("src"))
    assert all(link.startswith(("#", "data:")) for link in page.attributes("href"))
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object"}
    assert not any(word in page.source for word in ("http:", "https:", "url(", "@import", "srcset"))
    assert "default-src 'none'" in page.source
    assert {f"#{name}" for name in page.attributes("id")} >= set(page.attributes("href", "a"))


def test_names_from_outside_are_text(tmp_path: Path) -> None:
    page = write(tmp_path, full())
    for tag in ("title", "h1", "b", "li"):
        assert NASTY.replace("\udce4", "?") in page.text(tag), tag


def test_says_what_there_is(tmp_path: Path) -> None:
    said = write(tmp_path, full()).text()
    for fact in (
        "3 frames (10 to 14)",
        "2 shots",
        "1 keyframe: 10",
        "50 %  sure on average",
        "2 frames  need an eye",
        "1 frame from keyframe 10",
        "no keyframe in this shot",
        "25 % of the drawing is unsure",
        "2 regions flickered",
        "777 pixels moved far",
        "#ff8000",
        "120 px",
        "#eec4a0",
        "1,240",
        "In 1 frame regions changed colour",
        "The shot of 1 frame has no keyframe of its own",
    ):
        assert fact in said, fact


def test_the_frames_to_paint_next(tmp_path: Path) -> None:
    page = write(tmp_path, cut(9, 30, keyframes=(4, 10)))
    rows = [text for tag, text in page.texts if tag == "b" and text.isdigit()][:3]
    assert len(rows) == 3
    assert "after keyframe 11" in page.text("td")
    assert "Nothing: every frame" in write(tmp_path, cut(2, keyframes=(0, 1))).text("p")


def test_the_worst_frames_come_first_each_with_its_doubt(tmp_path: Path) -> None:
    page = write(tmp_path, doubtful(0.0, 0.1, 0.3, 0.2, 0.9, 0.8, 0.0, 0.0, 0.5, None, None, None, keyframes=(0,)))
    titles = [text.split()[-1] for tag, text in page.texts if tag == "h3" and " Frame " in text]
    assert titles == ["5", "9", "3"]  # the worst of each four
    assert page.attributes("alt", "img")[:2] == ["frame 5, painted", "frame 5, doubt"]
    assert [str(box["style"]) for box in page.of_class("box")] == [
        "left:25.00%;top:52.08%;width:18.75%;height:20.83%"
    ] * 3
    heat = cv2.imdecode(np.frombuffer(base64.b64decode(page.attributes("src")[1].split(",")[1]), np.uint8), 1)[
        ..., ::-1
    ]
    left, right = heat[24, 22].astype(int), heat[24, 42].astype(int)
    assert np.ptp(left) < 20  # sure: grey
    assert np.ptp(right) > 100  # unsure: red
    assert np.ptp(heat[24, 60].astype(int)) < 20  # outside the drawing


def test_boxes_are_where_they_are_whatever_the_pixels_aspect(tmp_path: Path) -> None:
    report = doubtful(0.5)
    page = QualityPage(report.shots, Fraction(2))
    page.see(report.frames[0], picture(), None)
    page.write(tmp_path / "report.html", report)
    read = Read((tmp_path / "report.html").read_text())
    assert [(image["width"], image["height"]) for tag, image in read.tags if tag == "img"] == [("128", "48")] * 2
    assert "left:25.00%" in str(read.of_class("box")[0]["style"])


@pytest.mark.parametrize("seed", range(4))
def test_what_streams_by_ends_as_what_is_sorted(seed: int) -> None:
    rng = random.Random(seed)
    notes = doubtful(*(rng.choice([0.0, rng.random()]) for _ in range(60))).frames
    worst = Worst(5)
    kept = {note.index for note in notes if worst.see(note)}
    stretches = [notes[start : start + 4] for start in range(0, 60, 4)]
    peaks = [max(four, key=lambda note: note.unsure or 0) for four in stretches]
    expected = sorted(peaks, key=lambda note: -(note.unsure or 0))[:5]
    assert list(worst.frames) == expected
    assert kept >= {note.index for note in expected}


def test_who_needs_an_eye() -> None:
    plain = FrameNote(0, 0, 0, False, 0.9, 0.0)
    assert not needs_an_eye(plain)
    assert not needs_an_eye(replace(plain, moved=5))
    assert not needs_an_eye(replace(plain, keyframe=True, unsure=0.5))
    assert not needs_an_eye(replace(plain, unsure=0.0002))
    assert needs_an_eye(replace(plain, unsure=0.001))
    assert needs_an_eye(replace(plain, corrected=1))
    assert needs_an_eye(replace(plain, confidence=None, unsure=None, moved=5))


def test_a_held_drawing_is_there_once() -> None:
    worst = Worst()
    note = FrameNote(3, 3, 0, False, 0.5, 0.5, 0, 0, (region(),))
    assert [worst.see(replace(note, index=i, number=i)) for i in (3, 4, 5)] == [True, False, False]
    assert worst.see(replace(note, index=6, number=6, shot=1))


def test_some_pictures_of_each_shot_and_never_too_many() -> None:
    assert strips(spans(3, 40)) == {0: (0, 1, 2), 1: tuple(3 + (2 * i + 1) * 40 // 32 for i in range(16))}
    assert strips(()) == {}
    for count in (1, 30, 399, 400, 401, 3000):
        found = strips(spans(*[20] * count))
        assert sum(map(len, found.values())) <= 400
        assert len(found) >= min(count, 200)


def test_keyframes_and_cuts_are_marked(tmp_path: Path) -> None:
    page = write(tmp_path, cut(4, 4, keyframes=(1, 6), confidence=lambda i: 0.5 + 0.05 * i))
    assert len(page.of_class("key")) == 2
    assert len(page.of_class("whole")) == 2
    titles = [text.replace("\xa0", " ") for tag, text in page.texts if tag == "title"][1:]
    assert titles[1] == "frame 2, shot 0: keyframe"
    assert titles[7] == "frame 8, shot 1: 85 % sure"
    (curve,) = page.of_class("result", "path")
    assert str(curve["d"]).count("M") == 2  # a line for each shot
    assert str(curve["d"]).split("L")[1] == "187.5 0"  # a keyframe is sure


def test_a_model_that_cannot_tell(tmp_path: Path) -> None:
    page = write(tmp_path, cut(5, keyframes=(0,)))
    assert "cannot tell how sure it is" in page.text("p")
    assert not page.of_class("plot")
    assert "sure" not in page.text("header", "figcaption")
    assert "Frames that need an eye" not in page.text()


def test_frames_without_doubt_stand_side_by_side(tmp_path: Path) -> None:
    report = cut(9, keyframes=(0,))
    frames = tuple(replace(frame, moved=9 - frame.index) for frame in report.frames)
    page = write(tmp_path, replace(report, frames=frames))
    assert len(page.of_class("alone")) == 1
    assert page.attributes("alt", "img")[:3] == ["frame 2, painted", "frame 5, painted", "frame 9, painted"]
    assert not page.of_class("ramp")


def test_an_earlier_run_left_no_pictures(tmp_path: Path) -> None:
    report = cut(4, 4, confidence=lambda _: 0.4)
    frames = tuple(replace(frame, unsure=0.9 - 0.1 * frame.shot) for frame in report.frames)
    page = write(tmp_path, replace(report, frames=frames), earlier=(0,))
    assert page.text("p").count("painted by an earlier run") == 2  # the worst frame, and the shot
    assert [text.split()[-1] for tag, text in page.texts if tag == "h3" and " Frame " in text] == ["1", "5"]
    assert len(page.attributes("src", "img")) == 2 + 4


def test_a_shot_that_failed(tmp_path: Path) -> None:
    page = write(tmp_path, cut(4, 4, 4, keyframes=(0, 8), confidence=lambda _: 0.4, missing=(1,)))
    assert page.text("p").count("not painted") == 1
    assert "frame 9, shot 2: keyframe" in page.text("title")
    assert "shot 2" in page.text("span")
    write(tmp_path, cut(3, missing=(0,)))  # nothing at all


def test_a_long_film_is_a_small_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    report = cut(*[2] * 1500, keyframes=range(0, 3000, 2), confidence=lambda i: (i * 7919 % 1000) / 1000)
    frames = tuple(f if f.keyframe else replace(f, unsure=f.confidence, corrected=1, moved=9) for f in report.frames)
    report = replace(report, frames=frames)
    page = QualityPage(report.shots)
    noise = Picture(rng.integers(0, 65536, (90, 160, 3), dtype=np.uint16))
    for frame in report.frames:
        page.see(frame, noise, doubt())
    page.write(tmp_path / "report.html", report)
    read = Read((tmp_path / "report.html").read_text())
    assert len(read.source) < 4_000_000
    assert len(read.attributes("src", "img")) < 500
    assert "375 of the shots are shown" in read.text("p")
    assert "3,000 frames" in read.text()


def test_nothing_is_kept_that_the_page_does_not_show() -> None:
    gallery = Gallery(spans(400))
    for index in range(400):
        gallery.see(FrameNote(index, index, 0, False, 0.5, index / 400), picture(), None)
    assert len(gallery.small) == 16
    assert len(gallery.looks) == 24
    assert min(gallery.looks) >= 300


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    page = QualityPage(spans(3))
    with pytest.raises(ValueError, match="other shots"):
        page.write(tmp_path / "report.html", cut(4))
    with pytest.raises(ValueError, match=r"expected \[h, w\], got \[1, 4, 4\]"):
        page.see(cut(3).frames[0], picture(), np.zeros((1, 4, 4), np.float32))
    with pytest.raises(AnicolorError, match="cannot be written"):
        page.write(tmp_path / "gone" / "report.html", cut(3))


@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_shows_it(tmp_path: Path, chromium: str, width: int) -> None:
    report = cut(24, 8, keyframes=(0, 20, 26), confidence=lambda i: 0.3 + i / 60)
    frames = [f if f.keyframe else replace(f, unsure=0.4, corrected=1, regions=(region(),) * 8) for f in report.frames]
    write(tmp_path, replace(report, frames=tuple(frames)))
    shot = tmp_path / "page.png"
    quiet = ("gpu", "background-networking", "component-update", "sync")
    flags = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{one}" for one in quiet)]
    flags += [f"--user-data-dir={tmp_path / 'profile'}", "--hide-scrollbars", "--force-color-profile=srgb"]
    flags += [f"--window-size={width},3000", f"--screenshot={shot}"]
    page = (tmp_path / "report.html").as_uri()
    subprocess.run([chromium, *flags, page], capture_output=True, timeout=120, check=True)
    pixels = cv2.imread(str(shot))[..., ::-1].astype(int)
    assert pixels.shape == (3000, width, 3)
    for colour in (PAINT, (31, 95, 174), (196, 122, 0), (208, 20, 60)):  # paint, curve, keyframes, boxes
        assert (np.abs(pixels - colour).max(axis=2) <= 3).sum() > 50, colour
    right = pixels[:, -6:]  # nothing runs out of the page
    assert (np.abs(right - 242).max(axis=2) <= 3).all()
