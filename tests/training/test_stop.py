"""A training that is told to stop, with all its processes, as a queue does it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anicolor.training.run import Run

SCRIPT = Path(__file__).with_name("team_runs.py")
STOPPED = 130


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_group_that_is_stopped_keeps_its_steps(clips: Path, tmp_path: Path, sent: signal.Signals) -> None:
    run = Run(tmp_path / "run")
    asked = ["train", "opdm-small", "--data", str(clips), "--steps", "9999", "--batch", "1", "--crop", "32"]
    asked += ["--out", str(run.folder), "--workers", "1", "--device", "cpu"]
    # A shell that starts the tests in the background makes them deaf to Ctrl-C, and their children too.
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    group = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(clips), *asked],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    signal.signal(signal.SIGINT, heard)
    log = run.folder / "log.jsonl"
    until = time.monotonic() + 120
    while time.monotonic() < until and not (log.exists() and '"step": 10' in log.read_text()):
        time.sleep(0.2)
    os.killpg(group.pid, sent)
    _, said = group.communicate(timeout=60)
    assert group.returncode == STOPPED, said
    assert said.splitlines()[-1].startswith("stopped: what is finished is kept")
    position = run.position()
    assert position is not None
    assert position.step >= 10
