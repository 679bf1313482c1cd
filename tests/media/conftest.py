"""Fixtures of the media tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_films import noise, save


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    """A folder with drawings 1, 2, 7 and 12: gaps kept."""
    folder = tmp_path / "line"
    folder.mkdir()
    for number in (1, 2, 7, 12):
        save(folder / f"A_{number:04d}.png", noise(number, 4, width=32, height=24))
    return folder
