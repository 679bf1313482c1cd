"""``anicolor`` with the tiny networks, for processes of their own: ``torchrun team_runs.py CLIPS train ...``."""

import sys
from functools import partial
from pathlib import Path

import torch

from anicolor.cli.main import main
from anicolor.data.clips import FolderClips
from anicolor.models.lineflow import flow
from anicolor.models.opdm import colorizer
from anicolor.training import loop

colorizer.PRESETS.update(colorizer.TINY)
torch.manual_seed(0)
tiny = flow.LineFlow(flow.TINY[flow.NAME])
flow.load_weights = lambda *_: tiny
loop.VALIDATION = FolderClips(Path(sys.argv.pop(1)))
loop.validate = partial(loop.validate, examples=1)
loop.samples = partial(loop.samples, examples=2)
main()
