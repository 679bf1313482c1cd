"""What the user sees: bars and notes on stderr, tables and JSON on stdout. Only this file knows rich."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

__all__ = ["bar", "note", "print_json", "print_table"]


@contextmanager
def bar(title: str, total: int | None, *, quiet: bool = False) -> Iterator[Callable[[int, str], None]]:
    """Give a function that moves the bar to a count and sets the words behind it; nothing shows in a pipe."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, expand=True) as progress:
        task = progress.add_task(title, total=total, words="")
        yield lambda done, words: progress.update(task, completed=done, words=words)


def note(text: str, *, quiet: bool = False) -> None:
    """Say something on stderr."""
    if not quiet:
        click.echo(text, err=True)


def print_json(facts: object) -> None:
    """Print facts as JSON on stdout."""
    click.echo(json.dumps(facts, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on stdout: ruled on a terminal, one line a row with tabs between in a pipe.

    Where the terminal is narrow words are wrapped, and never a number.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in (columns, *cells):
            click.echo("\t".join(row))
        return
    table = Table()
    for title, *column in zip(columns, *cells, strict=True):
        figures = any(column) and all(map(_is_number, filter(None, column)))
        width = max(map(len, column)) if figures else None
        table.add_column(title, overflow="fold", min_width=width, justify="right" if figures else "left")
    for row in cells:
        table.add_row(*row)
    Console().print(table)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
