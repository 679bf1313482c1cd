"""``anicolor`` with the tiny networks, for processes of their own: ``torchrun team_runs.py CLIPS train ...``."""

import sys
from functools import partial
from pathlib import Path

from anicolor.cli.main import main
from anicolor.data.clips import FolderClips
from anicolor.models.opdm import colorizer
from anicolor.training import loop

colorizer.PRESETS.update(colorizer.TINY)
loop.VALIDATION = FolderClips(Path(sys.argv.pop(1)))
loop.validate = partial(loop.validate, examples=2)
main()
