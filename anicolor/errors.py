"""Errors that name what was expected, what came, and the cure; each knows its exit code."""

from __future__ import annotations

__all__ = ["AnicolorError", "InputError", "OverwriteError", "PartialError"]


class AnicolorError(Exception):
    """The work was started and failed: unreadable media, a full disk, no memory left.

    The message is one line for a person: what was expected, what came, the cure.
    """

    exit_code = 1


class InputError(AnicolorError):
    """What the user named cannot be used: a missing file, a keyframe that is not in the cut."""

    exit_code = 2


class PartialError(AnicolorError):
    """Some shots are done and kept, others failed."""

    exit_code = 3


class OverwriteError(AnicolorError):
    """The output exists, and nobody said that it may be replaced."""

    exit_code = 4
