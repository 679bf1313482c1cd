"""How scores and names are said on the report's page; what comes from outside is escaped."""

from __future__ import annotations

import math
from html import escape

from anicolor.evaluation.scores import Evaluation, Series, Total
from anicolor.pages.words import MINUS

__all__ = ["better", "name", "number", "score", "short_name"]


def number(value: float | None) -> str:
    """Return ``value`` with four significant digits, a dash for none."""
    if value is None or math.isnan(value):
        return "\N{EN DASH}"
    sign, size = MINUS if value < 0 else "", abs(value)
    if math.isinf(size):
        return f"{sign}\N{INFINITY}"
    if size == 0:
        return "0"
    # Rounded first, so that 9.9999 has as many digits as 10.
    digits, exponent = f"{size:.3e}".split("e")
    if not -4 <= int(exponent) <= 6:
        return f"{sign}{digits}e{int(exponent)}".replace("-", MINUS)
    return f"{sign}{size:.{max(0, 3 - int(exponent))}f}"


def score(metric: str, value: float | None) -> str:
    """Return a value of ``metric`` as it is read: PSNR in dB, the others with four significant digits."""
    if value is not None and math.isfinite(value) and metric.lower().startswith("psnr"):
        return f"{value:.2f} dB".replace("-", MINUS)
    return number(value)


def name(of: Series | Total) -> str:
    """Return a metric's name and variant, as HTML."""
    variant = f' <span class="variant">{escape(of.variant)}</span>' if of.variant else ""
    return f'<span class="metric">{escape(of.metric)}</span>{variant}'


def short_name(series: Series, film: Evaluation) -> str:
    """Return a metric's name, with its variant only where the film has more than one, as HTML."""
    is_alone = sum(other.metric == series.metric for other in film.series) == 1
    return f'<span class="metric">{escape(series.metric)}</span>' if is_alone else name(series)


def better(of: Series | Total) -> str:
    """Return an arrow to where better values are, as HTML."""
    arrow, word = ("↑", "higher") if of.higher_is_better else ("↓", "lower")
    return f'<span class="better" title="{word} is better">{arrow} <span>{word}</span></span>'
