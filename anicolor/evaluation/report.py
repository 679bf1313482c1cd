"""The report of an evaluation: one page that carries its pictures and asks for nothing outside itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from anicolor.evaluation.cards import shot_cards, worst_frames
from anicolor.evaluation.curve import axis, lead, plot
from anicolor.evaluation.gallery import Gallery
from anicolor.evaluation.scores import Evaluation, Series, Total
from anicolor.evaluation.words import better, name, number, score
from anicolor.pages.curve import there
from anicolor.pages.page import READING, Page, sections, table, write_page
from anicolor.pages.words import counted, span

__all__ = ["write_report"]

_NAMED_KEYFRAMES = 12
# More films than these have their curves folded.
_OPEN_FILMS = 4
_STYLES = (READING, ("anicolor.evaluation", "report.css"))


def write_report(
    path: Path,
    title: str,
    evaluations: Sequence[Evaluation],
    totals: Sequence[Total],
    gallery: Gallery,
    settings: Mapping[str, str],
) -> None:
    """Write the evaluations of one or several films as one HTML page.

    Args:
        path: the page, replaced if it is there, whole or not at all.
        title: what was compared.
        evaluations: one a film; its first series is what the gallery ranks by and what the shots' cards draw.
        totals: every metric over all films.
        gallery: the pictures; its films and shots are indices into ``evaluations`` and their shots.
        settings: what the scores depend on, name and value, in the order to be read.

    Raises:
        ValueError: the gallery knows a film, shot or frame that no evaluation has.
        AnicolorError: the page cannot be written.
    """
    _check(evaluations, gallery)
    bodies = {
        "Scores": _scores(evaluations, totals),
        "Curves": _curves(evaluations),
        "Worst frames": worst_frames(evaluations, gallery.worst),
        "Shots": shot_cards(evaluations, gallery.shots),
    }
    links, main = sections(bodies)
    header = _settings(settings) + links
    write_page(path, Page(title, title, tuple(_facts(evaluations)), header, main, _STYLES))


def _check(evaluations: Sequence[Evaluation], gallery: Gallery) -> None:
    known = {(f, s): shot for f, film in enumerate(evaluations) for s, shot in enumerate(film.shots)}
    frames = [(at, thumbnail.frame) for at, thumbnail in gallery.shots.items()]
    frames += [((one.film, one.shot), one.frame) for one in gallery.worst]
    for (film, shot), frame in frames:
        if frame not in known.get((film, shot), ()):
            raise ValueError(f"the gallery has film {film}, shot {shot}, frame {frame}, which no evaluation has")


def _facts(evaluations: Sequence[Evaluation]) -> Sequence[str]:
    frames = counted(sum(len(film.numbers) for film in evaluations), "frame")
    shots = counted(sum(len(film.shots) for film in evaluations), "shot")
    keyframes = counted(sum(len(film.keyframes) for film in evaluations), "keyframe")
    first = counted(len(evaluations), "film")
    if len(evaluations) == 1:
        (film,) = evaluations
        first = f"<b>{escape(film.name)}</b>"
        frames += f" ({span(film.numbers)})"
        keyframes += _which(film)
    return first, frames, shots, keyframes


def _which(film: Evaluation) -> str:
    ordinals = sorted(film.keyframes)
    named = ", ".join(str(film.numbers[i]) for i in ordinals[:_NAMED_KEYFRAMES])
    more = len(ordinals) - _NAMED_KEYFRAMES
    return (f": {named}" if named else "") + (f" and {more:,} more" if more > 0 else "")


def _settings(settings: Mapping[str, str]) -> str:
    rows = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in settings.items())
    return f'<dl class="settings">{rows}</dl>' if rows else ""


def _scores(evaluations: Sequence[Evaluation], totals: Sequence[Total]) -> str:
    left_out = [[f"<b>{escape(one.metric)}</b>: {escape(one.why)}" for one in film.left_out] for film in evaluations]
    notes = [[escape(note) for note in film.notes] for film in evaluations]
    films = [film.name for film in evaluations]
    aside = _remarks("Left out", films, left_out) + _remarks("Notes", films, notes)
    scored = _totals(totals) if totals else ""
    below = _films(evaluations) if len(evaluations) > 1 else ""
    return f'<div class="sides"><div>{scored}</div><div>{aside}</div></div>{below}' if scored or aside else ""


def _totals(totals: Sequence[Total]) -> str:
    has_truth = any(total.truth is not None for total in totals)
    heads = ["Mean", "Truth's own", "Difference"] if has_truth else ["Mean"]
    foot = "Mean of the shots; keyframes are not scored."
    foot += " Truth's own: what the ground truth itself scores." if has_truth else ""
    rows = "".join(f"<tr>{_total(total, has_truth)}</tr>" for total in totals)
    return table("scores", '<th>Metric</th><th class="better"><span>Better</span></th>', heads, rows) + (
        f'<p class="fine">{foot}</p>'
    )


def _total(total: Total, has_truth: bool) -> str:
    values = [f"<b>{score(total.metric, total.mean)}</b>"]
    if has_truth:
        values += [score(total.metric, total.truth), _against(total)]
    return f'<th scope="row">{name(total)}</th><td>{better(total)}</td>{_values(values)}'


def _against(total: Total) -> str:
    """Say how far the result is from the truth's own score: the difference, and the ratio where there is one."""
    if total.mean is None or total.truth is None:
        return number(None)
    apart = total.mean - total.truth
    said = ("+" if apart > 0 else "") + number(apart)
    if total.truth <= 0 or total.mean <= 0:
        return said
    return f'{said} <span class="ratio">\N{MULTIPLICATION SIGN}{total.mean / total.truth:.2f}</span>'


def _films(evaluations: Sequence[Evaluation]) -> str:
    keys = [*dict.fromkeys((s.metric, s.variant) for film in evaluations for s in film.series)]
    heads = ["Frames", "Shots", "Keyframes"] + [escape(metric) for metric, _ in keys]
    rows = "".join(f"<tr>{_film(film, keys)}</tr>" for film in evaluations)
    return f"<h3>Films</h3>{table('films', '<th>Film</th>', heads, rows)}"


def _film(film: Evaluation, keys: Iterable[tuple[str, str]]) -> str:
    means = {(one.metric, one.variant): one.mean for one in film.series}
    values = [f"{count:,}" for count in (len(film.numbers), len(film.shots), len(film.keyframes))]
    values += [score(key[0], means.get(key)) for key in keys]
    return f'<th scope="row">{escape(film.name)}</th>{_values(values)}'


def _values(values: Iterable[str]) -> str:
    return "".join(f'<td class="value">{value}</td>' for value in values)


def _remarks(title: str, films: Sequence[str], remarks: Sequence[Sequence[str]]) -> str:
    """Say each remark once, with the films that it is about when these are not all."""
    about: dict[str, list[str]] = {}
    for film, mine in zip(films, remarks, strict=True):
        for remark in dict.fromkeys(mine):
            about.setdefault(remark, []).append(film)
    items = "".join(
        f"<li>{remark}</li>" if len(of) == len(films) else f"<li>{remark} ({escape(', '.join(of))})</li>"
        for remark, of in about.items()
    )
    return f"<h3>{title}</h3><ul>{items}</ul>" if items else ""


def _curves(evaluations: Sequence[Evaluation]) -> str:
    drawn = [(film, [one for one in film.series if any(there(one.frames))]) for film in evaluations]
    drawn = [(film, series) for film, series in drawn if series]
    if not drawn:
        return ""
    if len(evaluations) == 1:
        return _legend(drawn) + _film_curves(*drawn[0])
    is_open = " open" if len(drawn) <= _OPEN_FILMS else ""
    return _legend(drawn) + "".join(
        f"<details{is_open}><summary>{escape(film.name)}</summary>{_film_curves(film, series)}</details>"
        for film, series in drawn
    )


def _legend(drawn: Iterable[tuple[Evaluation, Sequence[Series]]]) -> str:
    marks = {"swatch result": "result", "swatch truth": "truth's own", "swatch mean": "mean of the shots"}
    marks |= {"swatch cut": "cut", "diamond": "keyframe"}
    if not any(any(there(one.truth_frames)) for _, series in drawn for one in series):
        del marks["swatch truth"]
    return (
        '<p class="legend">' + "".join(f'<span><i class="{k}"></i>{said}</span>' for k, said in marks.items()) + "</p>"
    )


def _film_curves(film: Evaluation, series: Sequence[Series]) -> str:
    plots = "".join(
        f'<figure class="plot"><figcaption><span>{name(one)} {better(one)}</span>'
        f'<span class="stats">{lead(one, film.numbers)}</span></figcaption>{plot(film, one)}</figure>'
        for one in series
    )
    return f'<div class="plots">{plots}{axis(film)}</div>'
