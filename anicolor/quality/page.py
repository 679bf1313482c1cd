"""The page of a painted cut: how sure the model is, what needs an artist's eye, and which frames to paint next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from html import escape
from itertools import accumulate
from pathlib import Path

from anicolor.frames import FrameRange
from anicolor.media.picture import Picture
from anicolor.pages import curve as draw
from anicolor.pages.curve import Column, Scale, thin
from anicolor.pages.image import Floats
from anicolor.pages.page import READING, Page, sections, table, write_page
from anicolor.pages.words import counted, percent, span
from anicolor.quality.cards import eye_cards, shot_cards, swatch
from anicolor.quality.gallery import Gallery, Worst, needs_an_eye
from anicolor.quality.notes import CutReport, FrameNote, Stranger
from anicolor.quality.suggest import suggest

__all__ = ["QualityPage"]

_STYLES = (READING, ("anicolor.quality", "page.css"))
_SUGGESTED = 3
_NAMED_KEYFRAMES = 12
# Rows of a table, at most: all are in the JSON.
_ROWS = 20
_SCALE = Scale(0, 100, (0, 25, 50, 75, 100))
_SQUARE = Fraction(1)


class QualityPage:
    """Keeps some pictures while a film is painted, and makes the page of them.

    Args:
        shots: all shots of the film.
        pixel_aspect: width of a pixel over its height.
    """

    def __init__(self, shots: Sequence[FrameRange], pixel_aspect: Fraction = _SQUARE) -> None:
        self._shots = tuple(shots)
        self._gallery = Gallery(shots, pixel_aspect)

    def see(self, note: FrameNote, picture: Picture, confidence: Floats | None) -> None:
        """Look at a frame as it is written; raises as :meth:`Gallery.see` does."""
        self._gallery.see(note, picture, confidence)

    def write(self, path: Path, report: CutReport) -> None:
        """Write the page; frames that were not seen are there without pictures.

        Raises:
            ValueError: the report has other shots.
            AnicolorError: the page cannot be written.
        """
        if report.shots != self._shots:
            raise ValueError("the report has other shots than the page")
        worst = Worst()
        for frame in report.frames:
            worst.see(frame)
        links, main = sections(
            {
                "Paint next": _next(report),
                "Confidence": _confidence(report),
                "Frames that need an eye": eye_cards(report, worst.frames, self._gallery.looks),
                "Shots": shot_cards(report, self._gallery.small),
                "Flicker": _flicker(report),
                "Colours": _colours(report),
            }
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
        header = (f'<ul class="notes">{notes}</ul>' if notes else "") + links
        main = main.replace(" %", "&nbsp;%")  # no line begins with the sign
        write_page(path, Page(f"{report.film}: report", report.film, tuple(_facts(report)), header, main, _STYLES))


def _facts(report: CutReport) -> Sequence[str]:
    frames = report.frames
    given = [frame.number for frame in frames if frame.keyframe]
    named = ", ".join(map(str, given[:_NAMED_KEYFRAMES]))
    more = len(given) - _NAMED_KEYFRAMES
    facts = [
        f"painted by <b>{escape(report.model)}</b>",
        f"{counted(len(frames), 'frame')} ({span([frame.number for frame in frames])})",
        counted(len(report.shots), "shot"),
        counted(len(given), "keyframe") + (f": {named}" if named else "") + (f" and {more:,} more" if more > 0 else ""),
    ]
    known = _known(frames)
    if known:
        facts.append(f"<b>{percent(sum(known) / len(known))}</b> sure on average")
    eyes = sum(map(needs_an_eye, frames))
    return [*facts, f"<b>{counted(eyes, 'frame')}</b> {'needs' if eyes == 1 else 'need'} an eye"]


def _known(frames: Sequence[FrameNote]) -> list[float]:
    """Return the confidences of painted frames, where the model can tell."""
    return [frame.confidence for frame in frames if not frame.keyframe and frame.confidence is not None]


def _next(report: CutReport) -> str:
    found = suggest(report, _SUGGESTED)
    if not found:
        return "<p>Nothing: every frame is a keyframe, or painted without a doubt.</p>"
    rows = "".join(
        f'<tr><th scope="row"><b>{one.number}</b></th><td>{one.shot}</td><td class="value">{one.gain:.1f}</td>'
        f"<td>{escape(one.reason)}</td></tr>"
        for one in found
    )
    heads = '<th>Frame</th><th>Shot</th><th class="value">Gain</th><th>Why</th>'
    fine = "Gain: by how much the expected error of all frames falls, in frames. Each as if those above were painted."
    return f'{table("next", heads, (), rows)}<p class="fine">{fine}</p>'


def _confidence(report: CutReport) -> str:
    frames = report.frames
    known = _known(frames)
    if not known:
        return "<p>This model cannot tell how sure it is.</p>" if frames else ""
    numbers, shots = [frame.number for frame in frames], _spans(report)
    # Keyframes are as they were given: there is no doubt of them.
    values = [100.0 if frame.keyframe else _percent(frame.confidence) for frame in frames]
    given = [place for place, frame in enumerate(frames) if frame.keyframe]
    cuts, columns = sorted({shot.start for shot in shots if shot} - {0}), thin(values)
    drawn = [
        draw.rules(_SCALE),
        draw.cuts(cuts, len(frames)),
        draw.keyframes(given, len(frames)),
        draw.curve("result", columns, len(frames), _SCALE, cuts),
        draw.dots(values, _SCALE),
        *(
            draw.hover(column.frames, len(frames), _title(column, draw.where(column.frames, numbers, shots), frames))
            for column in columns
        ),
    ]
    plot = draw.area(f"confidence over {len(frames)} frames", _SCALE, drawn)
    axis = draw.axis(numbers, given, shots)
    return f'{_legend(report)}<div class="plots"><figure class="plot">{_lead(frames, known)}{plot}</figure>{axis}</div>'


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _spans(report: CutReport) -> list[FrameRange]:
    """Return where the shots are among the frames that are there: nowhere, if none of a shot is."""
    lengths = Counter(frame.shot for frame in report.frames)
    stops = [*accumulate(lengths[shot] for shot in range(len(report.shots)))]
    return [FrameRange(stop - lengths[shot], stop) for shot, stop in enumerate(stops)]


def _lead(frames: Sequence[FrameNote], known: Sequence[float]) -> str:
    least = min((f for f in frames if not f.keyframe and f.confidence is not None), key=lambda f: f.confidence or 0.0)
    words = [
        f"mean <b>{percent(sum(known) / len(known))}</b>",
        f"least <b>{percent(min(known))}</b> at frame {least.number}",
    ]
    said = "".join(f"<span>{word}</span>" for word in words)
    return f'<figcaption><span>mean inside the drawing, %</span><span class="stats">{said}</span></figcaption>'


def _legend(report: CutReport) -> str:
    marks = {"swatch": "confidence", "diamond": "keyframe"}
    marks |= {"swatch cut": "cut"} if len(report.shots) > 1 else {}
    return '<p class="legend">' + "".join(f'<span><i class="{k}"></i>{v}</span>' for k, v in marks.items()) + "</p>"


def _title(column: Column, at: str, frames: Sequence[FrameNote]) -> str:
    inside = frames[column.frames.start : column.frames.stop]
    known = _known(inside)
    if not known:
        return f"{at}: {'keyframe' if all(frame.keyframe for frame in inside) else 'not known'}"
    ends = dict.fromkeys(percent(value) for value in (min(known), max(known)))
    return f"{at}: {' to '.join(ends)} sure"


def _flicker(report: CutReport) -> str:
    found = [frame for frame in report.frames if frame.corrected]
    if not found:
        return ""
    most = sorted(found, key=lambda frame: -frame.corrected)
    lead = "regions changed colour for a frame, and were given that of the frames around it."
    rows = _frames_table(most, "Regions", [frame.corrected for frame in most])
    return f"<p>In {counted(len(found), 'frame')} {lead}</p>{rows}"


def _colours(report: CutReport) -> str:
    strangers = _strangers(report.strangers)
    most = sorted((frame for frame in report.frames if frame.moved), key=lambda frame: -frame.moved)
    if not most:
        return strangers
    lead = (
        "<h3>Paint that moved far</h3><p>These frames had to change most to have the colours of the colour model.</p>"
    )
    return f"{strangers}{lead}{_frames_table(most, 'Pixels', [frame.moved for frame in most])}"


def _strangers(strangers: Sequence[Stranger]) -> str:
    if not strangers:
        return ""
    most = sorted(strangers, key=lambda one: -one.pixels)
    rows = "".join(
        f'<tr><td>{swatch(one.colour)}</td><td class="value">{one.keyframe}</td>'
        f'<td class="value">{one.pixels:,}</td></tr>'
        for one in most[:_ROWS]
    )
    lead = "<h3>Not in the colour model</h3><p>Keyframes have these colours, the colour model does not.</p>"
    return f"{lead}{table('strangers', '<th>Colour</th>', ('Keyframe', 'Pixels'), rows)}{_more(len(most))}"


def _frames_table(frames: Sequence[FrameNote], head: str, values: Sequence[int]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{frame.number}</th><td>{frame.shot}</td><td class="value">{value:,}</td></tr>'
        for frame, value in zip(frames[:_ROWS], values, strict=False)
    )
    return f"{table('frames', '<th>Frame</th><th>Shot</th>', (head,), rows)}{_more(len(frames))}"


def _more(count: int) -> str:
    return f'<p class="fine">{count - _ROWS:,} more are in the JSON.</p>' if count > _ROWS else ""
