"""``python -m anicolor``."""

from anicolor.cli.main import main

main()
