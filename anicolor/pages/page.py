"""One HTML page that carries its pictures and its look, and asks for nothing outside itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from anicolor.media.atomic import write_bytes

__all__ = ["READING", "Page", "sections", "table", "write_page"]

READING = ("anicolor.pages", "reading.css")
"""The look of pages that are read: sections, tables, curves."""

_LOOK = ("anicolor.pages", "look.css")


@dataclass(frozen=True)
class Page:
    """What is on a page.

    ``title`` (the browser's) and ``heading`` are text, the rest is HTML. ``styles`` are style sheets, each a package
    and a file in it; every page has ``look.css`` before them.
    """

    title: str
    heading: str
    facts: tuple[str, ...]
    header: str
    main: str
    styles: tuple[tuple[str, str], ...]


def write_page(path: Path, page: Page) -> None:
    """Write ``page``, whole or not at all; what has its name is replaced.

    Raises:
        AnicolorError: the page cannot be written.
    """
    text = Template(_read("anicolor.pages", "page.html")).substitute(
        title=escape(page.title),
        style="\n".join(_read(*style) for style in (_LOOK, *page.styles)),
        heading=escape(page.heading),
        facts="".join(f"<span>{fact}</span>" for fact in page.facts),
        header=page.header,
        main=page.main,
    )
    # A file name that is no UTF-8 comes as lone surrogates, which no page can carry.
    write_bytes(path, text.encode("utf-8", "replace"))


def sections(bodies: Mapping[str, str]) -> tuple[str, str]:
    """Return the links to the sections, and the sections (title and HTML); those without a body are left out."""
    there = {title: body for title, body in bodies.items() if body}
    links = "".join(f'<a href="#{_anchor(title)}">{title}</a>' for title in there)
    main = "".join(f'<section id="{_anchor(title)}"><h2>{title}</h2>{body}</section>' for title, body in there.items())
    return f"<nav>{links}</nav>", main


def table(kind: str, first: str, heads: Iterable[str], rows: str) -> str:
    """Return a table of class ``kind``: HTML of its first heads and its rows, and the heads of its figures."""
    head = first + "".join(f'<th class="value">{title}</th>' for title in heads)
    body = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="wide">{body}</div>'


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _read(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
