"""The page of an evaluation: whole, self-contained, in order, and small."""

from __future__ import annotations

import base64
import math
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from strict_page import StrictPage
from torch import Tensor

from anicolor.errors import AnicolorError
from anicolor.evaluation.gallery import Gallery, heat, heat_colours
from anicolor.evaluation.report import write_report
from anicolor.evaluation.scores import Evaluation, LeftOut, Series, Total, mean
from anicolor.evaluation.words import number, score
from anicolor.frames import FrameRange

_NASTY = "<script>alert(\"x\")</script> & 'a'\nb $title"


class Page(StrictPage):
    """An evaluation's page."""

    def attributes(self, name: str) -> list[str]:
        return [str(attrs[name]) for _, attrs in self.tags if name in attrs]

    def of_class(self, name: str, tag: str = "") -> list[dict[str, str | None]]:
        return [a for t, a in self.tags if name in str(a.get("class", "")).split() and tag in ("", t)]

    def text(self, *tags: str) -> str:
        return " ".join(text for tag, text in self.texts if not tags or tag in tags)


def flat(*colour: float, size: int = 32) -> Tensor:
    return torch.tensor(colour).view(3, 1, 1).expand(3, size, size)


def series(
    metric: str,
    values: Sequence[float | None],
    shots: Sequence[FrameRange],
    truth: Sequence[float | None] = (),
    *,
    higher: bool = False,
    variant: str = "",
) -> Series:
    def means(of: Sequence[float | None]) -> tuple[float | None, ...]:
        return tuple(mean(of[shot.start : shot.stop]) for shot in shots) if of else ()

    return Series(metric, variant, higher, tuple(values), means(values), tuple(truth), means(truth))


def evaluation(name: str = "film", count: int = 48, shot: int = 24, *, has_truth: bool = True) -> Evaluation:
    """A film of ``count`` frames, with a keyframe every 16 frames and a worst frame in the middle of each shot."""
    shots = tuple(FrameRange(i, min(i + shot, count)) for i in range(0, count, shot))
    keyframes = frozenset(range(0, count, 16))
    psnr = [None if i in keyframes else 40.0 - (i % shot) for i in range(count)]
    cdc = [None if i in keyframes else 0.02 + 0.001 * (i % 7) for i in range(count)]
    found = [series("cdc", cdc, shots, [0.01 + 0.0001 * i for i in range(count)] if has_truth else ())]
    if has_truth:
        found.insert(0, series("psnr", psnr, shots, higher=True, variant="rgb"))
    return Evaluation(name, tuple(range(count)), shots, keyframes, tuple(found))


def totals(evaluations: Sequence[Evaluation]) -> list[Total]:
    names = dict.fromkeys((s.metric, s.variant) for e in evaluations for s in e.series)
    return [Total.of([s for e in evaluations for s in e.series if (s.metric, s.variant) == name]) for name in names]


def write(path: Path, *evaluations: Evaluation, gallery: Gallery | None = None, title: str = "A film") -> Page:
    file = path / "report.html"
    write_report(file, title, evaluations, totals(evaluations), gallery or Gallery(), {"mask": "none", "flow": "dis"})
    return Page(file.read_text(encoding="utf-8"))


def seen(film: Evaluation, index: int = 0, *, has_truth: bool = True, worst: int = 12) -> Gallery:
    gallery = Gallery(worst)
    for shot, frames in enumerate(film.shots):
        for frame in frames:
            if frame not in film.keyframes:
                truth = flat(1.0, 1.0, 1.0) if has_truth else None
                gallery.see(index, shot, frame, float(frame * 7919 % 10_007), flat(0.9, 0.2, 0.1), truth)
    return gallery


def test_asks_for_nothing_outside_itself(tmp_path: Path) -> None:
    film = evaluation()
    page = write(tmp_path, film, gallery=seen(film))
    assert all(source.startswith("data:image/webp;base64,") for source in page.attributes("src"))
    assert all(link.startswith(("#", "data:")) for link in page.attributes("href"))
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object"}
    assert not any(word in page.source for word in ("http:", "https:", "url(", "@import", "srcset"))
    assert "default-src 'none'" in page.source
    assert all(f"#{link[1:]}" == link and f'id="{link[1:]}"' in page.source for link in page.attributes("href")[1:])


def test_escapes_what_comes_from_outside(tmp_path: Path) -> None:
    films = []
    for name in (_NASTY, "lone \udce9 surrogate"):
        shots = (FrameRange(0, 3),)
        one = series(_NASTY, (1.0, 2.0, 3.0), shots, (1.0, 1.0, 1.0), variant=_NASTY)
        films.append(Evaluation(name, (0, 1, 2), shots, frozenset(), (one,), (LeftOut(_NASTY, _NASTY),), (_NASTY,)))
    file = tmp_path / "report.html"
    gallery = Gallery()
    gallery.see(0, 0, 1, 1.0, flat(0, 0, 0), None)
    write_report(file, _NASTY, films, totals(films), gallery, {_NASTY: _NASTY})
    page = Page(file.read_text(encoding="utf-8"))
    assert not any(tag == "script" for tag, _ in page.tags)
    # Title twice, setting twice, film in table, curves, worst frame and shots, metric and variant, remarks.
    assert page.text().count('alert("x")') >= 12
    for tag in ("title", "h1", "dt", "dd", "th", "summary", "h3", "li"):
        assert _NASTY in page.text(tag), tag
    assert "lone ? surrogate" in page.text("summary")


def test_says_what_was_compared_and_found(tmp_path: Path) -> None:
    film = evaluation()
    film = Evaluation(
        film.name, film.numbers, film.shots, film.keyframes, film.series, (LeftOut("fid", "too few frames"),), ("odd",)
    )
    text = write(tmp_path, film).text()
    for said in ("A film", "48 frames (0 to 47)", "2 shots", "3 keyframes: 0, 16, 32", "mask", "dis", "too few", "odd"):
        assert said in text
    psnr, cdc = totals([film])
    assert psnr.mean is not None
    assert cdc.mean is not None
    assert cdc.truth is not None
    assert f"{psnr.mean:.2f} dB" in text
    assert f"+{number(cdc.mean - cdc.truth)}" in text
    assert f"\N{MULTIPLICATION SIGN}{cdc.mean / cdc.truth:.2f}" in text


def test_the_worst_frames_come_first(tmp_path: Path) -> None:
    film = evaluation()
    order = [frame for frame in range(48) if frame not in film.keyframes]
    random.Random(0).shuffle(order)
    gallery = Gallery(worst=5)
    for frame in order:
        bad = -math.inf if frame == 1 else float(frame % 20)
        gallery.see(0, frame // 24, frame, bad, flat(0.5, 0.5, 0.5), flat(0.5, 0.5, 0.5))
    ranks = [frame.frame % 20 for frame in gallery.worst]
    assert ranks == [19, 19, 18, 18, 17]
    page = write(tmp_path, film, gallery=gallery)
    headings = [text.split()[-1] for tag, text in page.texts if tag == "h3" and " Frame " in text]
    assert headings == [str(frame.frame) for frame in gallery.worst]
    assert f"{min(abs(gallery.worst[0].frame - key) for key in (0, 16, 32))} frames from keyframe" in page.text()


def test_equals_keep_the_order_of_the_film() -> None:
    gallery = Gallery(worst=3)
    for frame in range(9):
        gallery.see(0, 0, frame, 1.0, flat(0, 0, 0), None)
    assert [frame.frame for frame in gallery.worst] == [0, 1, 2]
    assert gallery.shots[0, 0].frame == 0
    gallery.see(0, 0, 9, math.nan, flat(math.nan, 0, 0), None)
    assert gallery.worst[0].frame == 9


def test_a_keyframe_beyond_the_cut_is_not_near(tmp_path: Path) -> None:
    shots = (FrameRange(0, 2), FrameRange(2, 4))
    film = Evaluation("film", (5, 6, 7, 8), shots, frozenset({1}), (series("cdc", (1, None, 2, 3), shots),))
    text = write(tmp_path, film, gallery=seen(film)).text()
    assert "no keyframe in this shot" in text
    assert "1 frame from keyframe 6" in text
    assert "frames 7 to 8" in text


def test_marks_keyframes_and_cuts(tmp_path: Path) -> None:
    page = write(tmp_path, evaluation())
    assert len(page.of_class("key")) == 3
    assert all(path["d"] and path["d"].count("V") == 3 for path in page.of_class("given"))
    assert all(path["d"] and path["d"].count("M") == 1 for path in page.of_class("cut", "path"))
    titles = [text for tag, text in page.texts if tag == "title"]
    assert titles.count("frame 16, shot 0: keyframe") == 2
    assert "frame 1, shot 0: 39.00 dB" in titles
    assert any(title.startswith("frame 1, shot 0: 0.02100, truth's own") for title in titles)


def test_a_curve_has_gaps_where_there_is_no_value_and_at_cuts(tmp_path: Path) -> None:
    shots = (FrameRange(0, 4), FrameRange(4, 8))
    values = (None, 1.0, 2.0, 3.0, 4.0, None, 6.0, None)
    film = Evaluation("film", tuple(range(8)), shots, frozenset({0}), (series("cdc", values, shots),))
    page = write(tmp_path, film)
    curve = page.of_class("result", "path")[0]["d"]
    assert curve is not None
    assert (curve.count("M"), curve.count("L")) == (3, 2)
    assert "frame 5, shot 1: no value" in [text for tag, text in page.texts if tag == "title"]
    assert "infinity" not in page.source
    assert "nan" not in page.source.split("</style>")[1]


def test_infinity_and_nothing_are_drawn(tmp_path: Path) -> None:
    shots = (FrameRange(0, 3),)
    found = (series("psnr", (math.inf, math.inf, 30.0), shots), series("ssim", (None, None, None), shots))
    page = write(tmp_path, Evaluation("film", (0, 1, 2), shots, frozenset(), found))
    assert "frame 0, shot 0: \N{INFINITY}" in page.text("title")
    assert "\N{EN DASH}" in page.text("td", "b")
    assert len(page.of_class("plot")) == 1


def test_without_truth_there_is_just_the_result(tmp_path: Path) -> None:
    film = evaluation(has_truth=False)
    page = write(tmp_path, film, gallery=seen(film, has_truth=False, worst=4))
    captions = [text for tag, text in page.texts if tag == "figcaption" and text.strip()]
    assert captions == ["Result"] * 4
    assert not page.of_class("truth")
    assert not page.of_class("heat")
    assert "Truth" not in page.text()


def test_films_are_told_apart(tmp_path: Path) -> None:
    films = [evaluation("one"), evaluation("two", 20), evaluation("three", has_truth=False)]
    gallery = Gallery(worst=6)
    for index, film in enumerate(films):
        gallery.see(index, 0, 3, 5.0 - index, flat(0.1, 0.2, 0.3), None)
        last = len(film.numbers) - 1
        gallery.see(index, len(film.shots) - 1, last, float(index), flat(0.1, 0.2, 0.3), None)
    page = write(tmp_path, *films, gallery=gallery)
    assert [text for tag, text in page.texts if tag == "summary"] == ["one", "two", "three"]
    assert "3 films" in page.text()
    titles = page.text("h3").split("Notes")[-1]
    assert titles.index("one") < titles.index("two") < titles.index("three")
    assert len(page.of_class("shot", "article")) == 5
    assert page.text().count("no scored frame") == 0
    with pytest.raises(ValueError, match="film 2"):
        write(tmp_path, *films[:2], gallery=gallery)


def test_a_long_film_is_a_small_page(tmp_path: Path) -> None:
    count = 10_000
    rng = random.Random(0)
    film = evaluation(count=count, shot=100)
    noise = [[rng.random() for _ in range(count)] for _ in range(12)]
    more = [series(f"metric_{i}", noise[2 * i], film.shots, noise[2 * i + 1]) for i in range(6)]
    film = Evaluation("long", film.numbers, film.shots, film.keyframes, (*film.series, *more))
    gallery = seen(film)
    assert len(gallery.worst) == 12
    assert len(gallery.shots) == len(film.shots)
    page = write(tmp_path, film, gallery=gallery)
    assert len(page.source) < 2_000_000
    assert len(page.of_class("hit")) <= 8 * 500
    assert "10,000 frames" in page.text()


def test_pictures_are_shrunk_and_the_error_is_in_levels() -> None:
    gallery = Gallery(side=40, thumbnail=10)
    result, truth = flat(0.5, 0.5, 0.5, size=80).clone(), flat(0.5, 0.5, 0.5, size=80)
    result[1, :, 40:] += 64 / 255
    gallery.see(0, 0, 0, 1.0, result[:, :60], truth[:, :60])
    (kept,) = gallery.worst
    assert (kept.width, kept.height) == (40, 30)
    assert (gallery.shots[0, 0].width, gallery.shots[0, 0].height) == (10, 8)
    assert kept.error is not None
    error = cv2.imdecode(np.frombuffer(kept.error, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert error.shape == (30, 40, 3)
    assert np.array_equal(error, heat(np.repeat([[0.0] * 20 + [64.0] * 20], 30, axis=0).astype(np.float32)))
    assert heat_colours(5)[2] == "#{:02x}{:02x}{:02x}".format(*error[0, -1])


def test_noise_does_not_swell_the_page() -> None:
    torch.manual_seed(0)
    gallery = Gallery()
    gallery.see(0, 0, 0, 1.0, torch.rand(3, 480, 480), torch.rand(3, 480, 480))
    (kept,) = gallery.worst
    assert kept.truth is not None
    assert len(kept.truth) < 480 * 480


def test_refuses_what_is_no_frame() -> None:
    gallery = Gallery()
    with pytest.raises(ValueError, match=r"expected \[3, H, W\]"):
        gallery.see(0, 0, 0, 1.0, torch.zeros(1, 3, 8, 8), None)
    with pytest.raises(ValueError, match="as the result has"):
        gallery.see(0, 0, 0, 1.0, torch.zeros(3, 8, 8), torch.zeros(3, 8, 9))
    with pytest.raises(ValueError, match="sides >= 1"):
        Gallery(side=0)


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(AnicolorError, match="cannot be written"):
        write(tmp_path / "missing", evaluation())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "\N{EN DASH}"),
        (math.nan, "\N{EN DASH}"),
        (math.inf, "∞"),
        (0.0, "0"),
        (0.123456, "0.1235"),
        (9.99996, "10.00"),
        (-12.5, "\N{MINUS SIGN}12.50"),
        (12345.6, "12346"),
        (1.5e-7, "1.500e\N{MINUS SIGN}7"),
    ],
)
def test_numbers_have_four_digits(value: float | None, said: str) -> None:
    assert number(value) == said


def test_psnr_is_in_decibels() -> None:
    assert score("psnr", 30.0) == "30.00 dB"
    assert score("psnr", math.inf) == "∞"
    assert score("ssim", 0.5) == "0.5000"


def browse(chromium: str, folder: Path, *more: str) -> str:
    quiet = ("gpu", "background-networking", "component-update", "sync")
    flags = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{one}" for one in quiet)]
    flags += [f"--user-data-dir={folder / 'profile'}", "--hide-scrollbars", "--force-color-profile=srgb"]
    page = (folder / "report.html").as_uri()
    return subprocess.run(
        [chromium, *flags, *more, page], capture_output=True, text=True, timeout=120, check=True
    ).stdout


def test_a_browser_shows_it(tmp_path: Path, chromium: str) -> None:
    film = evaluation()
    page = write(tmp_path, film, gallery=seen(film, worst=2))
    shot = tmp_path / "page.png"
    shown = browse(chromium, tmp_path, "--window-size=1280,2600", f"--screenshot={shot}", "--dump-dom")
    pixels = cv2.imread(str(shot))[..., ::-1].astype(int)
    assert pixels.shape == (2600, 1280, 3)
    assert len(np.unique(pixels @ [65536, 256, 1])) > 50
    for colour in ((230, 51, 26), (255, 255, 255), (31, 95, 174)):  # the result, the truth, the curve
        assert (np.abs(pixels - colour).max(axis=2) <= 3).sum() > 100, colour
    for source in page.attributes("src"):
        assert source in shown
    assert base64.b64decode(page.attributes("src")[0].split(",")[1])[8:12] == b"WEBP"
    assert shown.count('class="frame"') == 2
    assert shown.count('<figure class="plot"') == 2
