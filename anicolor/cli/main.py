"""The ``anicolor`` command: a group that imports a command only when it is asked for."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from anicolor import __version__
from anicolor.errors import AnicolorError

__all__ = ["command_line", "main"]

_COMMANDS = ("colorize", "recolor", "keyframes", "shots", "lines", "data", "train", "eval", "models", "doctor")
_INTERRUPTED = 130


class _LazyGroup(click.Group):
    def list_commands(self, _: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"anicolor.cli.{name}").command
        return command


@click.group(cls=_LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="anicolor")
@click.pass_context
def command_line(ctx: click.Context) -> None:
    """Paint line-art animation from a few painted keyframes.

    \b
    anicolor colorize LINES --keyframes PAINTED -o OUT
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 usage, 3 some shots failed, 4 would overwrite, 130 stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a queue that ends a job: as if by hand
    try:
        code = command_line.main(arguments, prog_name="anicolor", standalone_mode=False)
    except AnicolorError as error:
        click.echo(f"error: {_line(str(error))}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"error: {_line(_usage(error))}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("stopped: what is finished is kept; --resume goes on (data prepare does so by itself)", err=True)
        sys.exit(_INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: click.ClickException) -> str:
    """Return what click says, and where to read on."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    said = error.format_message()
    return said if context is None else f"{said.rstrip('.')}: see {context.command_path} --help"


def _line(text: str) -> str:
    """Return ``text`` on one line: file names and choices may bring line breaks."""
    return " ".join(part.strip() for part in text.splitlines())
