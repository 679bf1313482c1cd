"""How counts, frame numbers and shares are said on a page."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MINUS", "counted", "percent", "span"]

MINUS = "\N{MINUS SIGN}"


def counted(count: int, what: str) -> str:
    """Return ``1 frame``, ``1,000 frames``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share, 0 to 1, as ``62 %``; what is next to nothing or nearly all is not said to be just that."""
    whole = round(100 * share)
    if whole in (0, 100) and abs(whole - 100 * share) > 1e-4:
        return "under 1 %" if whole == 0 else "over 99 %"
    return f"{whole} %"


def span(numbers: Sequence[int]) -> str:
    """Return the first and the last of the frame numbers."""
    if not numbers:
        return "none"
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
