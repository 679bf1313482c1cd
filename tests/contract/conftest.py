"""Every colorizer of the catalog, as a tiny network with random weights if it has any."""

from collections.abc import Callable
from dataclasses import asdict

import pytest
import torch
from tiny_requests import SIZE, keyframe, line_art

from anicolor.models.catalog import CATALOG, Entry
from anicolor.models.colorizer import Colorizer, Request


@pytest.fixture(params=CATALOG, ids=lambda known: known.name)
def known(request: pytest.FixtureRequest) -> Entry:
    return request.param


@pytest.fixture
def fresh(known: Entry) -> Colorizer:
    """The colorizer as a training starts with it: some layers are zero."""
    torch.manual_seed(0)
    part = known.part("colorizer")
    return part.build(known.name, asdict(part.TINY[known.name]))


@pytest.fixture
def colorizer(fresh: Colorizer) -> Colorizer:
    """The colorizer with every weight stirred: no layer is zero, everything it is told reaches the picture."""
    for network in fresh.networks.values():
        for parameter in network.parameters():
            with torch.no_grad():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return fresh


Ask = Callable[..., Request]


@pytest.fixture
def ask(colorizer: Colorizer) -> Ask:
    """Make a request for ``frames`` between as many keyframes as the model takes, or ``keyframes`` of them."""

    def make(frames: int = 2, keyframes: int | None = None, seed: int = 1) -> Request:
        count = colorizer.traits.window if colorizer.traits.fixed else frames
        given = colorizer.traits.keyframes if keyframes is None else keyframes
        return Request(
            lines=line_art(count, seed=seed),
            references=tuple(keyframe(index) for index in (0, *range(count + 1, count + given))),
            first=1,
            seeds=tuple(range(1, count + 1)),
            painted=torch.zeros(0, 3, *SIZE),
        )

    return make
