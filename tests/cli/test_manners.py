"""The command as a process: quick help, no colour in a pipe, exit codes, a real Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tiny_cuts import files_in

import anicolor as package

COMMANDS = ("colorize", "keyframes", "shots", "lines", "data", "train", "eval", "models", "doctor")


def anicolor_process(*arguments, **more):
    command = [sys.executable, "-m", "anicolor", *map(str, arguments)]
    environment = {**os.environ, "FORCE_COLOR": "", "OMP_NUM_THREADS": "1"}
    environment.pop("FORCE_COLOR")
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **more)


def modules_after(*arguments):
    code = (
        "import sys; from anicolor.cli.main import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit as stop: assert stop.code == 0, stop.code\n"
        "print('modules:', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split("modules:")[1].split())


@pytest.mark.parametrize("arguments", [("--help",), ("colorize", "--help"), ("--version",)], ids=" ".join)
def test_help_imports_nothing_heavy(arguments):
    assert not modules_after(*arguments) & {"torch", "av", "cv2", "numpy", "diffusers", "kornia"}


def test_help_lists_the_commands(anicolor):
    asked, bare = anicolor("--help"), anicolor()
    assert asked == bare
    assert asked.code == 0
    assert all(f"  {command} " in asked.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(anicolor, command):
    outcome = anicolor(command, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: anicolor {command}")


def test_version(anicolor):
    assert package.__version__ in anicolor("--version").out


def test_a_pipe_gets_no_bars_and_no_colour(film, keyframes, out, weights):
    tiny = ("--weights", weights, "--steps", 1, "--size", 64, "--device", "cpu")
    done = anicolor_process("colorize", film, "-k", keyframes, "-o", out, *tiny)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    painted, page = done.stderr.splitlines()
    assert painted.startswith(f"{out}: 4 frames painted in ")
    assert page == f"{out.with_name('out-report.html')}: what needs an eye"
    assert "\x1b" not in done.stderr
    assert len(files_in(out)) == 4


def test_an_error_is_one_line_and_its_code_reaches_the_shell(tmp_path):
    done = anicolor_process("shots", tmp_path / "gone.mp4")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"error: {tmp_path / 'gone.mp4'}: no such file or folder: check the name\n"
