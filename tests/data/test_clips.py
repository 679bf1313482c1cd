"""Clips on disk and drawn ones, and the examples that follow from their number."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from anicolor.data import clips as module
from anicolor.data.augment import Passage
from anicolor.data.clips import (
    ClipSource,
    DrawnClips,
    Example,
    FolderClips,
    MixedClips,
    Pixels,
    clip_source,
    draw_clips,
)
from anicolor.data.synthetic import DrawnSettings
from anicolor.errors import InputError
from anicolor.lines.distance import distance_field


def save_clip(folder: Path, frames: int, value: int = 0) -> None:
    """Colours (value, frame, 9) and line art of one dark column, at the frame's number."""
    for kind in ("color", "line"):
        (folder / kind).mkdir(parents=True)
    for frame in range(frames):
        colour = np.full((24, 40, 3), (value, frame, 9), np.uint8)
        line = np.full((24, 40), 255, np.uint8)
        line[:, frame] = 0
        cv2.imwrite(str(folder / "color" / f"{frame + 5:03}.png"), colour[..., ::-1])
        cv2.imwrite(str(folder / "line" / f"x{frame + 5}.png"), line)


def same(one: Example, two: Example) -> bool:
    tensors = [name for name in Example.__dataclass_fields__ if name not in ("places", "tracks")]
    return one.places == two.places and all(torch.equal(getattr(one, name), getattr(two, name)) for name in tensors)


def test_a_folder_gives_two_keyframes_a_frame_between_and_all_line_art_from_one_to_the_other(tmp_path: Path) -> None:
    save_clip(tmp_path / "deep" / "one", 9, value=1)
    save_clip(tmp_path / "two", 3, value=2)
    source = FolderClips(tmp_path)
    seen = set()
    for seed in range(40):
        colours, lines, places = source.draw(np.random.default_rng(seed))
        assert colours.shape == (3, 24, 40, 3)
        assert colours.dtype == lines.dtype == np.uint8
        (clip,) = set(colours[..., 0].flat)
        first, last, middle = (int(frame[0, 0, 1]) for frame in colours)  # in RGB order, not BGR
        assert first < middle < last
        assert [int(line[0].argmin()) for line in lines] == list(range(first, last + 1))
        assert places == (0, last - first, middle - first)
        seen.add((int(clip), last - first))
    assert {clip for clip, _ in seen} == {1, 2}
    assert {gap for clip, gap in seen if clip == 1} == set(range(2, 9))


@pytest.mark.parametrize("references", [1, 2, 3, 5])
def test_keyframes_lie_evenly_and_the_frame_is_none_of_them(tmp_path: Path, references: int) -> None:
    save_clip(tmp_path / "short", 4)
    save_clip(tmp_path / "long", 15)
    source = FolderClips(tmp_path)
    seen = set()
    for seed in range(60):
        colours, lines, places = source.draw(np.random.default_rng(seed), references)
        *keyframes, at = places
        assert len(colours) == references + 1
        assert keyframes[0] == 0
        assert len(set(np.diff(keyframes))) <= 1
        assert 0 < at < len(lines)
        assert at not in keyframes
        if references > 1:
            assert keyframes[-1] == len(lines) - 1
        assert [int(frame[0, 0, 1]) for frame in colours] == [int(lines[place][0].argmin()) for place in places]
        seen.add(sum(keyframe < at for keyframe in keyframes))
    assert seen == set(range(1, max(references, 2)))


@pytest.mark.parametrize("references", [1, 3, 4])
def test_an_example_has_as_many_references_as_are_asked_for(tmp_path: Path, references: int) -> None:
    save_clip(tmp_path / "long", 15)
    for source, examples in ((FolderClips(tmp_path), 12), (DrawnClips(sizes=(64, 64)), 4)):
        for number in range(examples):
            example = source.example(0, number, references)
            assert len(example.references) == len(example.reference_paint) == len(example.places) - 1 == references
            assert len(example.reference_lines) == references


def test_as_many_frames_are_held_back_as_the_keyframes_need(tmp_path: Path) -> None:
    save_clip(tmp_path / "one", 16)
    assert FolderClips(tmp_path).parted(3)[1] is None
    _, held = FolderClips(tmp_path).parted(2)
    assert held is not None
    assert held.longest == 3
    save_clip(tmp_path / "two", 25)
    _, held = FolderClips(tmp_path).parted(3)
    assert held is not None
    assert len(held.example(0, 0, 3).references) == 3


def test_clips_too_short_for_so_many_keyframes_are_told(tmp_path: Path) -> None:
    save_clip(tmp_path / "one", 6)
    source = clip_source(("drawn", str(tmp_path)))
    source.check(3)
    with pytest.raises(InputError, match="clips of 6 frames at most: 4 keyframes and a frame between need 7"):
        source.check(4)


def test_numbers_without_a_partner_are_left_out(tmp_path: Path) -> None:
    save_clip(tmp_path / "one", 5)
    (tmp_path / "one" / "line" / "x7.png").unlink()
    (clip,) = FolderClips(tmp_path).clips
    assert [colour.stem for colour, _ in clip] == ["005", "006", "008", "009"]


@pytest.mark.parametrize(("frames", "said"), [(None, "no clip found: each clip is a folder"), (2, "three frames")])
def test_a_folder_without_clips(frames: int | None, said: str, tmp_path: Path) -> None:
    if frames:
        save_clip(tmp_path / "short", frames)
    with pytest.raises(InputError, match=said):
        FolderClips(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder of clips, found no folder"):
        clip_source(("drawn", str(tmp_path / "none")))


def test_a_frame_of_another_size_is_named(tmp_path: Path) -> None:
    save_clip(tmp_path / "one", 3)
    cv2.imwrite(str(tmp_path / "one" / "color" / "006.png"), np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(InputError, match=r"006\.png: expected 40x24 pixels like the rest of its clip, found 10x10"):
        FolderClips(tmp_path)


@dataclass(frozen=True)
class Plain(ClipSource):
    value: int

    def draw(self, rng: np.random.Generator, references: int = 2, targets: int = 1) -> Passage:  # noqa: ARG002
        lines = np.full((3, 8, 8), rng.integers(256), np.uint8)
        return Passage(np.full((3, 8, 8, 3), self.value, np.uint8), lines, (0, 2, 1))


def test_sources_are_mixed_by_their_shares() -> None:
    source = MixedClips((Plain(1), Plain(2)), (3.0, 1.0))
    drawn = [source.draw(np.random.default_rng(seed)).colours.max() for seed in range(400)]
    assert drawn.count(1) == pytest.approx(300, abs=40)
    assert set(drawn) == {1, 2}


def test_the_last_fifth_of_long_clips_is_held_back_and_left_as_it_is(tmp_path: Path) -> None:
    save_clip(tmp_path / "long", 20, value=1)
    save_clip(tmp_path / "short", 14, value=2)
    rest, held = FolderClips(tmp_path).parted()
    assert isinstance(rest, FolderClips)
    assert isinstance(held, FolderClips)
    assert sorted(len(clip) for clip in rest.clips) == [14, 16]
    assert [[path.stem for path, _ in clip] for clip in held.clips] == [["021", "022", "023", "024"]]
    for number in range(12):
        target = (held.example(0, number).target * 255).round()
        assert {int(level) for level in target[0].flatten()} == {1}  # no channels exchanged, no hue turned
        assert {int(level) for level in target[1].flatten()} <= {17, 18}
        assert (held.example(0, number).lines[..., 15:20] != 1).any()


def test_sources_that_hold_nothing_back(tmp_path: Path) -> None:
    save_clip(tmp_path / "clip", 14)
    assert DrawnClips().parted() == (DrawnClips(), None)
    assert FolderClips(tmp_path).parted()[1] is None
    save_clip(tmp_path / "clip2", 15)
    rest, held = clip_source(("drawn:0.75", f"{tmp_path}:0.25")).parted()
    assert isinstance(rest, MixedClips)
    assert rest.shares == (0.75, 0.25)
    assert isinstance(held, MixedClips)
    assert (len(held.sources), held.augmented) == (1, False)


def test_names_of_sources(tmp_path: Path) -> None:
    save_clip(tmp_path / "one", 3)
    assert clip_source(("drawn",)) == DrawnClips(unlined=0.3)
    mixed = clip_source(("drawn", str(tmp_path)))
    assert isinstance(mixed, MixedClips)
    assert [type(source) for source in mixed.sources] == [DrawnClips, FolderClips]
    assert mixed.shares == (1.0, 1.0)


def test_an_example_follows_from_its_number(tmp_path: Path) -> None:
    save_clip(tmp_path / "one", 9)
    source = MixedClips((FolderClips(tmp_path), Plain(7)), (1.0, 1.0))
    examples = [source.example(0, number) for number in range(8)]
    assert all(same(source.example(0, number), example) for number, example in reversed(list(enumerate(examples))))
    assert not all(same(source.example(1, number), example) for number, example in enumerate(examples))
    assert len({tuple(example.target[:, 0, 0].tolist()) for example in examples}) > 1


def test_an_example_is_in_zero_to_one() -> None:
    example = DrawnClips(sizes=(64, 64)).example(0, 0)
    shapes = {
        "target": (3, 64, 64),
        "references": (2, 3, 64, 64),
        "paint": (3, 64, 64),
        "reference_paint": (2, 3, 64, 64),
        "drawings": (len(example.drawings), 1, 64, 64),
        "lines": (1, 64, 64),
        "reference_lines": (2, 1, 64, 64),
    }
    for name, shape in shapes.items():
        values = getattr(example, name)
        assert values.shape == shape
        assert values.dtype == torch.float32
        assert 0 <= values.min() < values.max() <= 1


def test_the_line_art_of_an_example_reaches_from_reference_to_reference() -> None:
    alone = 0
    for number in range(12):
        example = DrawnClips(sizes=(64, 64)).example(0, number)
        first, second, at = example.places
        assert torch.equal(example.reference_lines[1], example.drawings[second])
        assert torch.equal(example.lines, example.drawings[at])
        assert first in {0, len(example.drawings) - 1}
        alone += first == second
        assert first == second or (first, second) == (0, len(example.drawings) - 1)
    assert 0 < alone < 6


def test_paint_is_the_picture_without_its_ink() -> None:
    for number in range(6):
        example = DrawnClips(sizes=(96, 96)).example(0, number)
        away = distance_field(example.lines[None])[0, 0] > 6  # a degradation moves and blurs the lines
        assert torch.equal(example.paint[:, away], example.target[:, away])
        assert not torch.equal(example.paint, example.target)


def test_clips_are_found_below_a_folder_and_drawn_ones_are_the_same_again(tmp_path: Path) -> None:
    settings = module.DrawnSettings(frames=3, size=64)
    drawn = [list(module.draw_clips(tmp_path / name, 2, settings)) for name in ("a", "b")]
    found = module.find_clips(tmp_path)
    assert list(found) == [*drawn[0], *drawn[1]]
    for one, other in zip(*drawn, strict=True):
        assert len(FolderClips(one.path).clips[0]) == 3
        files = [[path.read_bytes() for path in sorted(clip.path.rglob("*.png"))] for clip in (one, other)]
        assert files[0] == files[1]
    assert drawn[0][0].color.joinpath("0000.png").read_bytes() != drawn[0][1].color.joinpath("0000.png").read_bytes()


def test_drawn_scenes_come_from_the_range_of_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes: list[tuple[int, int, int]] = []

    class Scene:
        def __init__(self, seed: int, settings: module.DrawnSettings) -> None:
            self.size, self.frames = settings.shape[0], settings.frames
            scenes.append((seed, self.size, self.frames))

        def draw(self, t: float) -> tuple[Pixels, Pixels]:
            assert 0 <= t < self.frames
            return np.zeros((self.size, self.size, 3), np.uint8), np.zeros((self.size, self.size), np.uint8)

    monkeypatch.setattr(module, "DrawnScene", Scene)
    source = DrawnClips(sizes=(64, 128), first=50, count=3)
    for number in range(120):
        source.draw(np.random.default_rng(number))
    assert {seed for seed, _, _ in scenes} == {50, 51, 52}
    assert {size for _, size, _ in scenes} == {64, 96, 128}
    assert {frames - 1 for _, _, frames in scenes} == set(range(module.GAPS[0], module.GAPS[1] + 1))


def test_shares_stand_behind_the_names(tmp_path: Path) -> None:
    save_clip(tmp_path / "clip", 3)
    mixed = clip_source(("drawn:0.75", f"{tmp_path}:0.25"))
    assert isinstance(mixed, MixedClips)
    assert mixed.shares == (0.75, 0.25)
    assert [type(source) for source in mixed.sources] == [DrawnClips, FolderClips]


@pytest.mark.parametrize("references", [1, 2, 4])
def test_a_stretch_is_frames_in_a_row_between_two_keyframes(tmp_path: Path, references: int) -> None:
    (root,) = draw_clips(tmp_path, 1, DrawnSettings(frames=31, size=64))
    source = FolderClips(root.path)
    source.augmented = False
    for number in range(12):
        stretch = source.stretch(0, number, references, 5)
        keyframes, frames = stretch.places[:references], stretch.places[references:]
        assert frames == tuple(range(frames[0], frames[0] + 5))
        assert not set(frames) & set(keyframes)
        assert references == 1 or sum(key < frames[0] for key in keyframes) == 1 + sum(
            key < frames[-1] for key in keyframes[1:]
        )
        assert stretch.targets.shape[0] == 5
        assert stretch.references.shape[0] == references
        for colour, at in zip((*stretch.references, *stretch.targets), stretch.places, strict=True):
            drawn = (colour.amin(dim=0) < 0.2) & (stretch.drawings[at, 0] < 0.2)
            assert drawn.sum() > 0.5 * (stretch.drawings[at, 0] < 0.2).sum(), "the line art is of this frame"


def test_a_stretch_runs_either_way_and_follows_from_its_number() -> None:
    clips = DrawnClips(sizes=(64, 64))
    ways = set()
    for number in range(4):
        one, two = clips.stretch(3, number), clips.stretch(3, number)
        assert torch.equal(one.targets, two.targets)
        assert one.places == two.places
        assert one.places[2:] == tuple(range(one.places[2], one.places[2] + 8))
        ways.add(one.places[:2])
    assert len(ways) > 1


def test_clips_too_short_for_a_stretch_are_told(tmp_path: Path) -> None:
    (root,) = draw_clips(tmp_path, 1, DrawnSettings(frames=9, size=64))
    with pytest.raises(InputError, match="clips of 9 frames at most: 2 keyframes and 8 frames between need 10"):
        FolderClips(root.path).check(2, 8)
