"""What the documents tell a reader to type is what the commands take."""

import re
import shlex
from pathlib import Path

import click
import pytest

from anicolor.cli.main import command_line

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOLD = [
    (page.name, found.strip())
    for page in PAGES
    for found in re.findall(r"(?:^|[`/])anicolor ([a-z][^`#\n]*)", page.read_text(), re.MULTILINE)
]


def test_the_documents_name_commands() -> None:
    told = {told.split()[0] for _, told in TOLD}
    assert told >= {"colorize", "recolor", "keyframes", "shots", "lines", "data", "train", "eval", "models", "doctor"}


@pytest.mark.parametrize(("page", "told"), TOLD)
def test_a_command_in_the_documents_parses(page: str, told: str) -> None:
    name, *arguments = shlex.split(told)
    command = command_line.get_command(click.Context(command_line), name)
    assert command is not None, f"{page}: no command {name}"
    if arguments:
        command.make_context(name, arguments)
