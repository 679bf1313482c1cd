"""Cards with pictures for the report's page: the worst frames, and the shots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from anicolor.evaluation.curve import sparkline
from anicolor.evaluation.gallery import HEAT_TICKS, Thumbnail, WorstFrame, heat_colours
from anicolor.evaluation.scores import Evaluation, Series
from anicolor.evaluation.words import score, short_name
from anicolor.pages.curve import Scale, scale_of, there
from anicolor.pages.image import img
from anicolor.pages.words import counted, span

__all__ = ["shot_cards", "worst_frames"]

# As many scores as fit beside the pictures of a frame, and as many as a shot's card shows at once.
_BESIDE, _ON_CARD = 6, 4


def worst_frames(evaluations: Sequence[Evaluation], frames: Sequence[WorstFrame]) -> str:
    """Return a card for each frame, in the order given; nothing where there is none."""
    if not frames:
        return ""
    has_truth = any(frame.truth is not None for frame in frames)
    cards = "".join(
        _frame(place, evaluations[frame.film], frame, is_named=len(evaluations) > 1)
        for place, frame in enumerate(frames, 1)
    )
    legend = f'<div class="legend">{_ranked(evaluations)}{_heat_legend() if has_truth else ""}</div>'
    return f'{legend}<div class="frames{"" if has_truth else " alone"}">{cards}</div>'


def shot_cards(evaluations: Sequence[Evaluation], thumbnails: Mapping[tuple[int, int], Thumbnail]) -> str:
    """Return a card for each shot, by film; nothing where there is none."""
    groups = []
    for index, film in enumerate(evaluations):
        scale = scale_of(film.series[0].frames) if film.series else None
        cards = "".join(_shot(film, shot, thumbnails.get((index, shot)), scale) for shot in range(len(film.shots)))
        title = f"<h3>{escape(film.name)}</h3>" if len(evaluations) > 1 else ""
        groups.append(f'{title}<div class="shots">{cards}</div>' if cards else "")
    return "".join(groups)


def _ranked(evaluations: Sequence[Evaluation]) -> str:
    """Say what the frames are ranked by, where that is the same for all films."""
    first = {film.series[0].metric for film in evaluations if film.series}
    return f"<span>ranked by {escape(first.pop())}</span>" if len(first) == 1 else ""


def _heat_legend() -> str:
    ticks = "".join(f"<span>{level}</span>" for level in HEAT_TICKS)
    ramp = f"background:linear-gradient(to right, {', '.join(heat_colours())})"
    return (
        '<span class="heat">error: largest difference of a channel, in levels'
        f'<span><i class="ramp" style="{ramp}"></i><span class="levels">{ticks}</span></span></span>'
    )


def _frame(place: int, film: Evaluation, frame: WorstFrame, *, is_named: bool) -> str:
    title = f'<p class="film">{escape(film.name)}</p>' if is_named else ""
    at = film.numbers[frame.frame]
    shown = {"Truth": frame.truth, "Result": frame.result, "Error": frame.error}
    pictures = "".join(
        f'<figure class="{kind.lower()}">{img(image, frame.width, frame.height, f"{kind}, frame {at}")}'
        f"<figcaption>{kind}</figcaption></figure>"
        for kind, image in shown.items()
        if image is not None
    )
    scored = [one for one in film.series if _at(one.frames, frame.frame) is not None]
    return (
        f'<article class="frame{" many" if len(scored) > _BESIDE else ""}">'
        f'<header>{title}<h3><span class="place">{place}</span> Frame {at}</h3>'
        f"<p>shot {frame.shot}<br>{_distance(film, frame)}</p></header>{pictures}"
        f'<dl class="numbers">{"".join(_frame_row(one, film, frame.frame) for one in scored)}</dl></article>'
    )


def _distance(film: Evaluation, frame: WorstFrame) -> str:
    """Say how far the nearest keyframe of the same shot is: one beyond a cut says nothing of this frame."""
    near = [key for key in film.keyframes if key in film.shots[frame.shot]]
    if not near:
        return "no keyframe in this shot"
    key = min(near, key=lambda one: (abs(one - frame.frame), one))
    return f"{counted(abs(key - frame.frame), 'frame')} from keyframe {film.numbers[key]}"


def _frame_row(series: Series, film: Evaluation, frame: int) -> str:
    own = _at(series.truth_frames, frame)
    truth = "" if own is None else f' <span class="own">truth {score(series.metric, own)}</span>'
    return _row(series, film, _at(series.frames, frame), truth)


def _at(values: Sequence[float | None], frame: int) -> float | None:
    return values[frame] if values else None


def _row(series: Series, film: Evaluation, value: float | None, more: str = "") -> str:
    return f"<div><dt>{short_name(series, film)}</dt><dd>{score(series.metric, value)}{more}</dd></div>"


def _shot(film: Evaluation, shot: int, thumbnail: Thumbnail | None, scale: Scale | None) -> str:
    frames = film.shots[shot]
    picture, worst = '<span class="none">no scored frame</span>', ""
    if thumbnail is not None:
        worst = f"worst: frame {film.numbers[thumbnail.frame]}"
        picture = img(thumbnail.image, thumbnail.width, thumbnail.height, f"shot {shot}, {worst}")
    values = film.series[0].frames[frames.start : frames.stop] if film.series else ()
    spark = sparkline(values, scale) if scale is not None and any(there(values)) else ""
    numbers = span(film.numbers[frames.start : frames.stop])
    return (
        f'<article class="shot"><div class="mount">{picture}</div><h4>Shot {shot} <span>frames {numbers}</span></h4>'
        f'<p class="at">{worst}</p><div class="spark">{spark}</div>{_means(film, shot)}</article>'
    )


def _means(film: Evaluation, shot: int) -> str:
    rows = [_row(one, film, _at(one.shots, shot)) for one in film.series]
    first, more = "".join(rows[:_ON_CARD]), "".join(rows[_ON_CARD:])
    shown = f'<dl class="numbers">{first}</dl>'
    if not more:
        return shown
    count = len(rows) - _ON_CARD
    return f'{shown}<details><summary>{count} more</summary><dl class="numbers">{more}</dl></details>'
