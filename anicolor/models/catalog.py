"""The table of colorizers. It imports no torch, so that help texts and listings come at once."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from anicolor.errors import InputError

__all__ = ["CATALOG", "DEFAULT", "Entry", "entry"]


@dataclass(frozen=True)
class Entry:
    """One colorizer: its name, its paper, the folder that holds it, and its shipped weights, if any.

    One that is not ``learned`` has no weights at all. ``extra`` names what pip installs beside anicolor for it, and
    ``needs`` the packages that come with that.
    """

    name: str
    folder: str
    paper: str
    licence: str
    weights: str | None = None
    learned: bool = True
    extra: str | None = None
    needs: tuple[str, ...] = ()

    @property
    def shipped(self) -> Path | None:
        """Path of the shipped weights."""
        return Path(__file__).parent / self.folder / self.weights if self.weights else None

    @property
    def supply(self) -> str:
        """Whether its weights are ``shipped``: if not, there are ``none``, or ``none needed``."""
        if not self.learned:
            return "none needed"
        return "shipped" if self.weights else "none"

    @property
    def cure(self) -> str | None:
        """What installs the packages that it lacks; None: it lacks none."""
        return f"pip install 'anicolor[{self.extra}]'" if any(find_spec(need) is None for need in self.needs) else None

    def part(self, name: str) -> ModuleType:
        """Import a file of the paper's folder: ``colorizer`` or ``objective``.

        Raises:
            InputError: it needs packages that are not installed.
        """
        if self.cure:
            raise InputError(f"{self.name} needs {' and '.join(self.needs)}, not installed here: {self.cure}")
        return import_module(f"anicolor.models.{self.folder}.{name}")


_OPDM = "Line Art Colorization with Offset Prior-based Diffusion Model"

_DEEP = "Deep Line Art Video Colorization with a Few References"

_ANIME = "AnimeDiffusion: Anime Face Line Drawing Colorization via Diffusion Models"

_PSC = "Sketch Colorization Using Diffusion Models and Photo-Sketch Correspondence"

_LATENT = "ColorizeDiffusion: Improving Reference-based Sketch Colorization with Latent Diffusion Model"

_TOWER = ("transformers",)

CATALOG = (
    Entry("opdm-small", "opdm", _OPDM, "Apache-2.0", "opdm-small.safetensors"),
    Entry("opdm", "opdm", _OPDM, "Apache-2.0"),
    Entry("deepcolorization-small", "deepcolorization", _DEEP, "Apache-2.0", "deepcolorization-small.safetensors"),
    Entry("deepcolorization", "deepcolorization", _DEEP, "Apache-2.0"),
    Entry("animediffusion-small", "animediffusion", _ANIME, "Apache-2.0"),
    Entry("animediffusion", "animediffusion", _ANIME, "Apache-2.0"),
    Entry("pscdiffusion-small", "pscdiffusion", _PSC, "Apache-2.0"),
    Entry("pscdiffusion", "pscdiffusion", _PSC, "Apache-2.0"),
    Entry("colorizediffusion-small", "colorizediffusion", _LATENT, "Apache-2.0", extra="latent", needs=_TOWER),
    Entry("colorizediffusion", "colorizediffusion", _LATENT, "Apache-2.0", extra="latent", needs=_TOWER),
    Entry("copy", "yardsticks", "yardstick: nearest keyframe", "Apache-2.0", learned=False),
    Entry("flow", "yardsticks", "yardstick: nearest keyframe, warped by optical flow", "Apache-2.0", learned=False),
    Entry("region", "yardsticks", "yardstick: regions in their most frequent colour", "Apache-2.0", learned=False),
)
DEFAULT = "opdm-small"


def entry(name: str) -> Entry:
    """Return the entry of colorizer ``name``.

    Raises:
        InputError: there is no such colorizer.
    """
    for candidate in CATALOG:
        if candidate.name == name:
            return candidate
    names = ", ".join(c.name for c in CATALOG)
    raise InputError(f"no model named {name!r}: expected one of {names}")
