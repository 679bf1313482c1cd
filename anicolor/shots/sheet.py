"""A contact sheet: one page with the first, middle and last frame of every shot, which asks for nothing outside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

from anicolor.frames import FrameRange, Shot
from anicolor.media.film import Film
from anicolor.media.picture import Picture
from anicolor.pages.image import Thumbnail, fit, img, levels, thumbnail
from anicolor.pages.page import Page, write_page
from anicolor.pages.words import counted, span
from anicolor.shots.timecode import clock, is_variable, to_timecode

__all__ = ["Sheet"]

# The drawing is stretched to the page, so its own unit is a thousandth of the width and a hundredth of the height.
_WIDTH, _HEIGHT = 1000, 100
_COLUMNS = 500
# A shot's number needs about this share of a wide page.
_NAMED = 30
# Pictures are as long as this; smaller where there are many, or the page would be too big for a browser.
_SIDE, _SMALL_SIDE, _MANY = 320, 200, 150
_STYLES = (("anicolor.shots", "sheet.css"),)
_QUALITY, _LOSSLESS = 82, 0.15  # three for each shot, so few bytes for each


@dataclass(frozen=True)
class _Curve:
    """Every frame's change, and the least that makes a cut, where one number says so."""

    changes: tuple[float, ...]
    least: float | None

    @property
    def top(self) -> float:
        return max(*self.changes, self.least or 0.0)


class Sheet:
    """Keeps small pictures of some frames while the film streams by, and makes the page of them.

    Args:
        film: whose shots these are.
        shots: its shots in order.
        changes: how much each frame differs from the one before, for the curve; without it the cuts' scores are drawn.
        least: the change that makes a cut, in the curve; None where no single number does.
    """

    def __init__(
        self, film: Film, shots: Sequence[Shot], changes: Sequence[float] = (), least: float | None = None
    ) -> None:
        self._film, self._shots = film, tuple(shots)
        self._curve = _Curve(tuple(changes), least) if changes else None
        self._clock = clock(film)
        self._side = _SIDE if len(self._shots) <= _MANY else _SMALL_SIDE
        self._seen: dict[int, Thumbnail] = {}
        self.wanted = frozenset(frame for shot in self._shots for frame in _shown(shot))
        """The ordinals of the frames that the page shows."""

    def see(self, frame: int, picture: Picture) -> None:
        """Look at a frame of the film; keep it small if the page shows it."""
        if frame in self.wanted:
            small = levels(fit(picture.on_paper(), self._side, self._film.pixel_aspect))
            self._seen[frame] = thumbnail(small, _QUALITY, _LOSSLESS)

    def write(self, path: Path, settings: Mapping[str, str]) -> None:
        """Write the page; ``settings`` is how the shots were found, name and value.

        Raises:
            ValueError: a frame that the page shows was not seen.
            AnicolorError: the page cannot be written.
        """
        missing = sorted(self.wanted - self._seen.keys())
        if missing:
            raise ValueError(f"the contact sheet has not seen frame {missing[0]}")
        name, facts = self._film.info.path.name, tuple(_facts(self._film, self._shots))
        rows = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in settings.items())
        cards = "".join(self._card(index, shot) for index, shot in enumerate(self._shots))
        film = f'<section id="film">{_overview(self._film, self._shots, self._curve)}</section>'
        main = f'{film}<section id="shots" class="shots">{cards}</section>'
        write_page(path, Page(f"{name}: shots", name, facts, f'<dl class="settings">{rows}</dl>', main, _STYLES))

    def _card(self, index: int, shot: Shot) -> str:
        pictures = "".join(self._figure(frame) for frame in _shown(shot))
        code = to_timecode(shot.frames.start, self._film.info.rate)
        return (
            f'<article class="shot" id="shot-{index}"><header><h3>{index}</h3>'
            f'<b>{_numbers(self._film, shot.frames)}</b><span class="soft">{self._long(shot)}</span>'
            f'<span class="cut-in"><span class="soft">{code}</span>{_opening(self._film, index, shot)}</span></header>'
            f'<div class="strip">{pictures}</div></article>'
        )

    def _long(self, shot: Shot) -> str:
        shown, start, stop = self._clock, shot.frames.start, shot.frames.stop
        info = self._film.info
        # Nothing says how long the last frame lasts: as long as the rate has it.
        end = shown(stop) if stop < info.frames else shown(stop - 1) + 1 / info.rate
        return f"{counted(len(shot.frames), 'frame')}, {float(end - shown(start)):.2f} s"

    def _figure(self, frame: int) -> str:
        seen, number = self._seen[frame], self._film.info.numbers[frame]
        picture = img(seen.file, seen.width, seen.height, f"frame {number}")
        return f"<figure>{picture}<figcaption>{number}</figcaption></figure>"


def _shown(shot: Shot) -> list[int]:
    """Return the first, middle and last frame of a shot, each once."""
    first, last = shot.frames.start, shot.frames.stop - 1
    return sorted({first, (first + last) // 2, last})


def _facts(film: Film, shots: Sequence[Shot]) -> Iterator[str]:
    info = film.info
    yield f"<b>{counted(len(shots), 'shot')}</b>"
    yield counted(info.frames, "frame")
    rate = f"{info.rate.numerator}/{info.rate.denominator}" if info.rate.denominator > 1 else str(info.rate)
    yield f"{'about ' if is_variable(film) else ''}{rate} frames a second"
    yield to_timecode(info.frames, info.rate)
    yield f"{info.width}\N{MULTIPLICATION SIGN}{info.height}"
    for kind in ("dissolve", "fade"):
        count = sum(shot.kind == kind for shot in shots)
        if count:
            yield counted(count, kind)


def _numbers(film: Film, frames: FrameRange) -> str:
    return span(film.info.numbers[frames.start : frames.stop])


def _opening(film: Film, index: int, shot: Shot) -> str:
    if index == 0:
        return ""
    blend = f" {_numbers(film, shot.blend)}" if shot.blend else ""
    return f'<span class="kind {shot.kind}">{shot.kind}{blend} <span class="score">{shot.score:.3g}</span></span>'


def _overview(film: Film, shots: Sequence[Shot], curve: _Curve | None) -> str:
    """Return the film from left to right: its shots, what opened them, and how much changed there."""
    count = film.info.frames
    top = max([shot.score for shot in shots] + [curve.top if curve else 0.0]) or 1.0
    drawn = [
        *(_band(film, index, shot) for index, shot in enumerate(shots)),
        *(_mixed(shot, count) for shot in shots if shot.blend),
        _drawn(curve, top) if curve else "",
        *(_stems(kind, shots, count, top) for kind in ("cut", "dissolve", "fade")),
    ]
    svg = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
    svg += f'aria-label="the shots of the film">{"".join(drawn)}</svg>'
    named = "".join(
        f'<a href="#shot-{index}" style="left:{_percent(shot.frames.start, count)}">{index}</a>'
        for index, shot in enumerate(shots)
        if len(shot.frames) * _NAMED >= count
    )
    ticks = "".join(
        f'<span style="left:{_percent(frame, count)}">{to_timecode(frame, film.info.rate)}</span>'
        for frame in _ticks(film)
    )
    level = f'<span class="level">{top:.3g}</span>' if top != 1.0 or any(shot.score for shot in shots) else ""
    return (
        f'<div class="area">{level}<div class="names">{named}</div>{svg}</div>'
        f'<div class="axis" aria-hidden="true">{ticks}</div>{_legend(shots, curve)}'
    )


def _legend(shots: Sequence[Shot], curve: _Curve | None) -> str:
    kinds = [kind for kind in ("cut", "dissolve", "fade") if any(shot.kind == kind for shot in shots[1:])]
    marks = [f'<span><i class="{kind}"></i>{kind}</span>' for kind in kinds]
    if marks:
        marks.append("<span>a line is as high as its score</span>")
    if curve:
        marks.insert(0, '<span><i class="change"></i>change from frame to frame</span>')
    if curve and curve.least is not None:
        marks.append(f'<span><i class="least"></i>{curve.least:g}, the least change of a cut</span>')
    return f'<p class="legend">{"".join(marks)}</p>' if marks else ""


def _band(film: Film, index: int, shot: Shot) -> str:
    count, frames = film.info.frames, shot.frames
    title = f"shot {index}: {_numbers(film, frames)}, {counted(len(frames), 'frame')}"
    place = f'x="{_x(frames.start, count)}" width="{_x(len(frames), count)}" height="{_HEIGHT}"'
    shade = "odd" if index % 2 else "even"
    return f'<a href="#shot-{index}"><rect class="band {shade}" {place}><title>{title}</title></rect></a>'


def _mixed(shot: Shot, count: int) -> str:
    assert shot.blend is not None
    place = f'x="{_x(shot.blend.start, count)}" width="{_x(len(shot.blend), count)}" height="{_HEIGHT}"'
    return f'<rect class="mixed {shot.kind}" {place}/>'


def _stems(kind: str, shots: Sequence[Shot], count: int, top: float) -> str:
    steps = "".join(
        f"M{_x(shot.frames.start, count)} {_HEIGHT}V{_y(shot.score / top)}" for shot in shots[1:] if shot.kind == kind
    )
    return f'<path class="stem {kind}" d="{steps}"/>' if steps else ""


def _drawn(curve: _Curve, top: float) -> str:
    """Draw the greatest change of each column: more columns than a screen has would only swell the page."""
    changes, count = curve.changes, len(curve.changes)
    columns = min(_COLUMNS, count)
    edges = [count * i // columns for i in range(columns + 1)]
    points = [
        f"{_x((start + stop) / 2, count)} {_y(max(changes[start:stop]) / top)}" for start, stop in pairwise(edges)
    ]
    least = "" if curve.least is None else f'<path class="least" d="M0 {_y(curve.least / top)}H{_WIDTH}"/>'
    return f'{least}<path class="change" d="M{"L".join(points)}"/>'


def _ticks(film: Film) -> range:
    """Return the frames to name on the axis: round times, six at most."""
    second = max(1, round(film.info.rate))
    steps = (*(second * n for n in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)),)
    step = next((step for step in steps if film.info.frames <= 6 * step), -(-film.info.frames // 6))
    return range(0, film.info.frames, step)


def _x(place: float, count: int) -> str:
    return f"{_WIDTH * place / count:.2f}".rstrip("0").rstrip(".")


def _y(share: float) -> str:
    return f"{_HEIGHT * (1 - share):.1f}"


def _percent(place: float, count: int) -> str:
    return f"{100 * place / count:.2f}%"
