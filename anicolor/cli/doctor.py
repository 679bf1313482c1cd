"""``anicolor doctor``: what is installed here, and what to do about it."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import NamedTuple

import click

from anicolor.cli import console, options

__all__ = ["command"]

_PACKAGES = (
    "torch",
    "torchvision",
    "av",
    "numpy",
    "opencv-python-headless",
    "kornia",
    "diffusers",
    "torchmetrics",
)
_TOGETHER = "install them together: pip install --force-reinstall torch torchvision"


class _Finding(NamedTuple):
    what: str
    found: str
    ok: bool
    cure: str = ""


@click.command("doctor")
@options.as_json
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check this installation: packages, devices, weights. Exit 1 if something is wrong."""
    findings = [_Finding("python", platform.python_version(), True), *map(_package, _PACKAGES)]
    findings += [_clash(), _torchvision(), _device(), _weights()]
    if as_json:
        console.print_json({"schema_version": 1, "findings": [finding._asdict() for finding in findings]})
    else:
        rows = [("ok" if f.ok else "WRONG", f.what, f.found, f.cure) for f in findings if f.found]
        console.print_table(("", "what", "found", "what to do"), rows)
    if not all(finding.ok for finding in findings):
        ctx.exit(1)


def _package(name: str) -> _Finding:
    try:
        return _Finding(name, metadata.version(name), True)
    except metadata.PackageNotFoundError:
        return _Finding(name, "missing", False, f"pip install {name}")


def _clash() -> _Finding:
    try:
        found = metadata.version("opencv-python")
    except metadata.PackageNotFoundError:
        return _Finding("opencv", "headless only", True)
    return _Finding("opencv", f"opencv-python {found} beside the headless one", False, "pip uninstall opencv-python")


def _torchvision() -> _Finding:
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError) as error:
        return _Finding("torch and torchvision", f"do not fit: {error}".splitlines()[0], False, _TOGETHER)
    return _Finding("torch and torchvision", "fit", True)


def _device() -> _Finding:
    try:
        from anicolor.models.device import pick_device

        return _Finding("device", str(pick_device()), True)
    except ImportError as error:
        return _Finding("device", f"no torch: {error}", False, _TOGETHER)


def _weights() -> _Finding:
    from anicolor.errors import AnicolorError
    from anicolor.models.catalog import DEFAULT

    try:
        from anicolor.models.weights import load_colorizer

        load_colorizer(DEFAULT)
    except (ImportError, AnicolorError) as error:
        return _Finding("weights", str(error), False, "pip install --force-reinstall anicolor")
    return _Finding("weights", DEFAULT, True)
