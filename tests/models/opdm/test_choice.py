"""The choice between the picture that was made and what keyframes are followed to."""

import numpy as np
import pytest
import torch
from torch import Tensor

from anicolor.data.clips import Example
from anicolor.diffusion.noise import FrameNoise
from anicolor.layers.mixture import Mixture
from anicolor.lines.distance import proximity
from anicolor.models.colorizer import Reference, Request
from anicolor.models.opdm.choice import SOURCE, Choice, followed, own_source, rivals, shares
from anicolor.models.opdm.colorizer import TINY, OpdmColorizer
from anicolor.models.opdm.conditions import Conditions, condition
from anicolor.models.opdm.objective import build_objective
from anicolor.motion import DisFlow

SIDE = 32
WIDTHS = (8, 8, 8)


@pytest.fixture
def choice() -> Choice:
    torch.manual_seed(0)
    made = Choice(WIDTHS)
    for parameter in made.say.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made


def box(left: int) -> Tensor:
    """Line art ``[1, 1, H, W]``: a box of twelve pixels."""
    lines = torch.ones(1, 1, SIDE, SIDE)
    lines[..., 8:20, left : left + 12] = 0
    lines[..., 9:19, left + 1 : left + 11] = 1
    return lines


def seen(left: int, keyframes: tuple[int, ...]) -> Conditions:
    """A frame with the box at ``left``; in keyframe k it is at ``keyframes[k]``, and all is painted 0.2 (k + 1)."""
    drawn = torch.cat([box(at) for at in keyframes])
    colours = torch.stack([torch.full((3, SIDE, SIDE), 0.2 * (k + 1)) for k in range(len(keyframes))])
    structures = torch.cat((drawn, proximity(drawn)), dim=1)
    return condition(box(left), proximity(box(left)), colours, structures, DisFlow())


def any_sources(count: int) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    sources = torch.rand(1, count, SOURCE, SIDE, SIDE, generator=draw)
    sources[:, :, -1] = 0
    sources[:, -1, -1] = 1
    return sources


def test_a_choice_that_has_not_learned_leaves_the_picture_as_it_was_made() -> None:
    sources = any_sources(5)
    colours, share = Choice(WIDTHS)(sources, torch.rand(1, 2, SIDE, SIDE)).agreed()
    assert torch.allclose(colours, sources[:, -1, :3], atol=0.04)
    assert share.min() > 0.8


@pytest.mark.parametrize("count", [1, 3, 7])
def test_sources_may_come_in_any_number_and_order(choice: Choice, count: int) -> None:
    sources, structure = any_sources(count), torch.rand(1, 2, SIDE, SIDE)
    order = torch.randperm(count)
    made, turned = choice(sources, structure), choice(sources[:, order], structure)
    assert torch.allclose(made.votes.sum(dim=1), torch.ones(1, SIDE, SIDE))
    assert torch.allclose(made.votes[:, order], turned.votes, atol=1e-5)
    assert torch.allclose(made.mean(), turned.mean(), atol=1e-5)


def test_it_calculates_in_whole_precision_whatever_the_rest_does(choice: Choice) -> None:
    sources, structure = any_sources(3), torch.rand(1, 2, SIDE, SIDE)
    whole = choice(sources, structure)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(choice(sources, structure).votes, whole.votes)


def test_places_that_lead_to_the_same_one_are_rivals() -> None:
    """The right half leads to what the left half shows, but is less like it."""
    ways, unlike = torch.zeros(1, 2, SIDE, SIDE), torch.zeros(1, 1, SIDE, SIDE)
    ways[:, 0, :, 16:], unlike[..., 16:] = -16, 0.5
    off = rivals(ways, unlike)
    assert off[..., :16].max() <= 4 * 2**0.5, "what is most like it has none but its neighbours"
    assert (off[..., 16:] - 16).abs().max() <= 4 * 2**0.5


@pytest.mark.parametrize("size", [(8, 12), (30, 17), (4, 4)])
def test_rivals_are_found_at_any_size_and_ways_out_of_the_picture(size: tuple[int, int]) -> None:
    ways = torch.full((2, 2, *size), 100.0)
    assert rivals(ways, torch.rand(2, 1, *size)).max() <= (size[0] ** 2 + size[1] ** 2) ** 0.5


def test_keyframes_are_followed_straight_and_along_tracks() -> None:
    conditions = seen(10, (8, 10))
    tracks = torch.zeros(1, 2, 3, SIDE, SIDE)
    tracks[:, 0, 0], tracks[:, :, 2] = -2, torch.tensor([0.3, 0.1])[None, :, None, None]
    sources = followed(conditions, tracks, shares([1], [0, 4]))
    assert sources.shape == (1, 4, SOURCE, SIDE, SIDE)
    assert [round(float(share), 2) for share in sources[0, :, 9, 0, 0]] == [0.25, 0.75, 0.25, 0.75]
    assert sources[0, :, 10, 0, 0].tolist() == [0, 0, 1, 1]
    assert sources[:, :, 11].max() == 0
    assert sources[0, 2:, 5, 0, 0].tolist() == pytest.approx([0.3, 0.1]), "tracks tell how unlike they are"
    for first in (0, 2):
        assert torch.allclose(sources[0, first : first + 2, 0, 0, 0], torch.tensor([-0.6, -0.2]))
    line = sources[0, 2, 3, 8:20, 10:22]
    assert torch.equal(line, box(10)[0, 0, 8:20, 10:22]), "along the track the box is where the frame has it"
    assert sources[0, 1, 5].max() < 0.01, "nothing is unlike what did not move"
    assert len(followed(conditions, None, shares([1], [0, 4]))[0]) == 2


def test_the_picture_itself_is_a_source() -> None:
    conditions, colours = seen(10, (8, 12)), torch.rand(1, 3, SIDE, SIDE)
    own = own_source(conditions, colours, torch.full((1, 1, SIDE, SIDE), 0.75))
    assert own.shape == (1, 1, SOURCE, SIDE, SIDE)
    assert torch.equal(own[0, 0, :3], colours[0])
    assert torch.equal(own[0, 0, 3:4], box(10)[0])
    assert own[0, 0, 5].unique().item() == 0.25
    assert own[0, 0, 11].unique().item() == 1


def test_how_far_keyframes_are_in_time() -> None:
    assert shares([4, 12], [0, 16]).tolist() == [[0.25, 0.75], [0.75, 0.25]]
    assert shares([3], [3]).tolist() == [[0]]


def example() -> Example:
    """A frame of which the keyframes show nothing at its place, but tracks lead to its colours."""
    rows = torch.arange(SIDE) // 8 % 2
    target = rows.float().expand(3, SIDE, SIDE).clone()
    moved = target.roll(8, 2)
    lines = torch.ones(3, 1, SIDE, SIDE)
    lines[:, :, ::8] = 0
    tracks = torch.zeros(1, 2, 3, SIDE, SIDE)
    tracks[:, :, 0] = 8
    references = torch.stack((moved, moved))
    return Example(target, references, target, references, lines, (0, 2, 1), tracks)


def test_a_choice_learns_what_is_right_and_nothing_else_does() -> None:
    torch.manual_seed(0)
    colorizer = OpdmColorizer(TINY["opdm-small"])
    before = {key: value.clone() for key, value in colorizer.network.state_dict().items()}
    objective = build_objective("choice", colorizer, SIDE, 1, None)
    assert list(objective.networks) == ["choice"]
    rng = np.random.default_rng(0)
    rows = [objective.prepare(example(), rng) for _ in range(4)]
    batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    optimizer, losses = torch.optim.Adam(objective.networks["choice"].parameters(), lr=1e-2), []
    for _ in range(40):
        (turn,) = objective.turns(batch)
        assert turn.network == "choice"
        assert turn.loss.item() == pytest.approx(sum(turn.parts.values()), rel=1e-5)
        optimizer.zero_grad()
        turn.loss.backward()
        optimizer.step()
        losses.append(turn.loss.item())
    assert losses[-1] < 0.6 * losses[0]
    request = Request(
        example().lines[None],
        tuple(Reference(2 * k, one, example().lines) for k, one in enumerate(example().references)),
        1,
        (0,),
        torch.zeros(0, 3, SIDE, SIDE),
        example().tracks,
    )
    painted, paper = colorizer.colorize(request, FrameNoise(0)).frames[0], example().lines[0] > 0.5
    paper[:, 24:] = False  # there tracks lead out of the picture
    assert (painted - example().target).abs()[:, paper].mean() < 0.1
    assert all(torch.equal(value, before[key]) for key, value in colorizer.network.state_dict().items())


def test_the_colours_that_were_chosen_are_painted() -> None:
    """A choice that is for tracks, whatever it sees."""
    torch.manual_seed(0)
    colorizer = OpdmColorizer(TINY["opdm-small"])
    assert colorizer.choice is not None
    shown = torch.zeros(2, 3, SIDE, SIDE)
    shown[1] = 1
    references = tuple(Reference(2 * k, image, box(8)[0]) for k, image in enumerate(shown))
    tracks = torch.zeros(1, 2, 3, SIDE, SIDE)
    request = Request(box(8), references, 1, (0,), torch.zeros(0, 3, SIDE, SIDE), tracks)
    made = colorizer.colorize(request, FrameNoise(0)).frames

    class Forced(torch.nn.Module):
        def forward(self, sources: Tensor, structure: Tensor) -> Mixture:  # noqa: ARG002
            votes = torch.zeros(1, 5, SIDE, SIDE)
            votes[:, 3] = 1
            return Mixture(sources[:, :, :3], votes)

    colorizer.choice = Forced()  # type: ignore[assignment]
    chosen = colorizer.colorize(request, FrameNoise(0))
    paper = box(8)[0, 0] > 0.5
    assert torch.equal(chosen.frames[0, :, paper], torch.ones_like(chosen.frames[0, :, paper]))
    assert chosen.confidence is not None
    assert chosen.confidence.min() > 0.99
    assert not torch.equal(made, chosen.frames)
