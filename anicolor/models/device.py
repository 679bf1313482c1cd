"""Devices by name."""

from __future__ import annotations

import torch

from anicolor.errors import InputError

__all__ = ["pick_device"]


def pick_device(name: str = "auto") -> torch.device:
    """Return the device ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` takes the fastest there is.

    Raises:
        InputError: there is no such device here.
    """
    there = _devices()
    if name == "auto":
        return torch.device(there[0])
    if name not in (*there, *({"cuda"} if "cuda:0" in there else ())):
        raise InputError(f"no device {name!r} here: expected auto or one of {', '.join(there)}")
    return torch.device(name)


def _devices() -> list[str]:
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [*gpus, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]
