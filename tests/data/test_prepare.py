"""Films to training shots: the rule, resume, damage, and what training reads of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny_cuts import cut, files_in, pixels_of, save, save_video

from anicolor.data import prepare as module
from anicolor.data.clips import FolderClips, find_clips
from anicolor.data.prepare import Rule, Settings, prepare, read_index
from anicolor.errors import AnicolorError, InputError, OverwriteError, PartialError
from anicolor.frames import FrameRange, Shot
from anicolor.lines.xdog import PRESETS, xdog
from anicolor.media.picture import Picture, from_frame, to_frame

FRAMES = 10
HEIGHT, WIDTH = 72, 96


def shot(kind: str, frames: int = FRAMES) -> list[np.ndarray]:
    """A disc that wanders and grows over a painted ground; ``kind`` is how it is unfit, or the hue of the ground."""
    grounds = {"red": (210, 90, 80), "blue": (70, 110, 200), "green": (90, 180, 100)}
    pictures = []
    for step in range(frames):
        pixels = np.full((HEIGHT, WIDTH, 3), grounds.get(kind, (150, 150, 150)), np.uint8)
        pixels[: HEIGHT // 3] = 235
        # It grows: a histogram does not see what only moves.
        place, radius = ((20, 40), 15) if kind == "uniform" else ((20 + 4 * step, 40), 10 + step)
        cv2.circle(pixels, place, radius, (250, 220, 60), -1)
        cv2.circle(pixels, place, radius, (20, 20, 20), 2)
        if kind == "dark":
            pixels = (pixels * 0.2).astype(np.uint8)
        if kind == "faded":
            pixels = (pixels * 0.15 + 200).astype(np.uint8)
        pictures.append(pixels)
    return pictures


def film(folder: Path, *kinds: str | tuple[str, int], name: str = "reel.mkv") -> tuple[Path, list[Shot]]:
    """A video of such shots, and where they lie."""
    pictures: list[np.ndarray] = []
    shots = []
    for one in kinds:
        kind, frames = (one, FRAMES) if isinstance(one, str) else one
        shots.append(Shot(FrameRange(len(pictures), len(pictures) + frames), 0.5))
        pictures += shot(kind, frames)
    folder.mkdir(exist_ok=True, parents=True)
    return save_video(folder / name, pictures), shots


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sequence[Shot]]:
    """Shots as they are told by the name of the film's folder, so that only the rule is on trial."""
    known: dict[str, Sequence[Shot]] = {}
    monkeypatch.setattr(module, "_film_shots", lambda film: iter(known[film.info.path.parent.name]))
    return known


def rows_of(out: Path) -> list[dict]:
    (found,) = out.glob("*/index.json")
    return json.loads(found.read_text())["shots"]


def test_cuts_a_film_into_pairs_that_training_reads(tmp_path: Path) -> None:
    path, _ = film(tmp_path, "red", "blue", "green")
    steps = list(prepare([path], tmp_path / "out"))
    assert (steps[-1].done, steps[-1].of, steps[-1].kept) == (60, 60, 3)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    clips = find_clips(tmp_path / "out")
    assert [clip.path.name for clip in clips] == ["shot_0000", "shot_0001", "shot_0002"]
    expected = shot("red") + shot("blue") + shot("green")
    for number, clip in enumerate(clips):
        colours, lines = pixels_of(clip.color), pixels_of(clip.line)
        assert np.array_equal(colours, expected[FRAMES * number : FRAMES * (number + 1)])
        by_hand = xdog(torch.stack([to_frame(Picture(colour)) for colour in colours]))
        assert np.array_equal(lines, [from_frame(page.expand(3, -1, -1)).pixels for page in by_hand])
        assert sorted(path.name for path in clip.color.iterdir())[0] == f"{FRAMES * number:06d}.png"
    example = FolderClips(tmp_path / "out").example(0, 0)
    assert example.target.shape == (3, HEIGHT, WIDTH)


def test_the_index_says_what_became_of_every_shot(tmp_path: Path, told: dict) -> None:
    path, told["film"] = film(tmp_path / "film", "red", ("blue", 7), "uniform", "dark", "faded", "green")
    list(prepare([path], tmp_path / "out"))
    rows = rows_of(tmp_path / "out")
    assert [row["dropped"] for row in rows] == [None, "short", "uniform", "dark", "faded", None]
    assert [row["folder"] for row in rows] == ["shot_0000", None, None, None, None, "shot_0005"]
    assert [(row["start"], row["stop"]) for row in rows][:3] == [(0, 10), (10, 17), (17, 27)]
    index = read_index(tmp_path / "out")
    (summary,) = index["films"]
    assert index["schema_version"] == 1
    assert summary["dropped"] == {"short": 1, "uniform": 1, "dark": 1, "faded": 1}
    assert (summary["shots"], summary["kept"], summary["frames"], summary["finished"]) == (6, 2, 20, True)
    inside = json.loads((tmp_path / "out" / summary["folder"] / "shot_0005" / "index.json").read_text())
    assert (inside["source"], inside["start"], inside["kind"], inside["frames"]) == (str(path), 47, "cut", 10)
    assert sorted(p.name for p in (tmp_path / "out" / summary["folder"]).iterdir()) == [
        "index.json",
        "shot_0000",
        "shot_0005",
    ]


def test_dark_frames_are_left_out_and_their_numbers_kept(tmp_path: Path, told: dict) -> None:
    pictures = shot("red", 12)
    pictures[4:6] = shot("dark", 6)[4:]
    path = save_video(tmp_path / "reel.mkv", pictures)
    told[tmp_path.name] = [Shot(FrameRange(0, 12))]
    list(prepare([path], tmp_path / "out"))
    (row,) = rows_of(tmp_path / "out")
    assert (row["frames"], row["left_out"], row["dropped"]) == (10, {"dark": 2}, None)
    (clip,) = find_clips(tmp_path / "out")
    numbers = [int(path.stem) for path in sorted(clip.line.iterdir())]
    assert numbers == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]


def test_frames_of_a_dissolve_are_in_neither_shot(tmp_path: Path, told: dict) -> None:
    path, _ = film(tmp_path, ("red", 14), ("blue", 14), ("green", 12))
    blends = (FrameRange(11, 17), FrameRange(20, 36))
    told[tmp_path.name] = [
        Shot(FrameRange(0, 14)),
        Shot(FrameRange(14, 28), 0.5, "dissolve", blends[0]),
        Shot(FrameRange(28, 40), 0.5, "fade", blends[1]),
    ]
    list(prepare([path], tmp_path / "out"))
    rows = rows_of(tmp_path / "out")
    assert [row["dropped"] for row in rows] == [None, "blend", "blend"]
    assert (rows[0]["frames"], rows[0]["left_out"], rows[1]["kind"]) == (11, {"blend": 3}, "dissolve")
    assert np.array_equal(pixels_of(find_clips(tmp_path / "out")[0].color), shot("red", 14)[:11])


@pytest.mark.parametrize(
    ("rule", "kept"),
    [(Rule(), 0), (Rule(dark=0.05, faded=0.05), 1), (Rule(least=12, dark=0.05, faded=0.05), 0)],
    ids=["default", "night", "long"],
)
def test_thresholds_are_options(tmp_path: Path, told: dict, rule: Rule, kept: int) -> None:
    path, told["film"] = film(tmp_path / "film", "dark")
    list(prepare([path], tmp_path / "out", Settings(rule=rule)))
    assert read_index(tmp_path / "out")["films"][0]["kept"] == kept


@pytest.mark.parametrize(("size", "expected"), [(48, (36, 48)), (512, (HEIGHT, WIDTH))])
def test_frames_are_made_smaller_never_larger(tmp_path: Path, size: int, expected: tuple[int, int]) -> None:
    path, _ = film(tmp_path, "red")
    list(prepare([path], tmp_path / "out", Settings(size=size, preset="soft")))
    (clip,) = find_clips(tmp_path / "out")
    colour, line = pixels_of(clip.color)[0], pixels_of(clip.line)[0]
    assert colour.shape[:2] == line.shape[:2] == expected
    by_hand = xdog(to_frame(Picture(colour))[None], PRESETS["soft"])[0]
    assert np.array_equal(line, from_frame(by_hand.expand(3, -1, -1)).pixels)


def test_drawings_keep_their_numbers(tmp_path: Path) -> None:
    numbers = range(101, 121, 2)
    folder = save(tmp_path / "cut", shot("red"), numbers)
    list(prepare([folder], tmp_path / "out"))
    (clip,) = find_clips(tmp_path / "out")
    assert [int(path.stem) for path in sorted(clip.color.iterdir())] == list(numbers)


def test_films_of_one_name_do_not_collide(tmp_path: Path) -> None:
    films = [film(tmp_path / kind, kind)[0] for kind in ("red", "blue")]
    list(prepare(films, tmp_path / "out"))
    assert len(find_clips(tmp_path / "out")) == 2
    assert len({clip.path.parent for clip in find_clips(tmp_path / "out")}) == 2


def test_a_second_run_changes_nothing_and_takes_more_films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = film(tmp_path / "a", "red", "blue")[0], film(tmp_path / "b", "green")[0]
    list(prepare([first], tmp_path / "out"))
    before = files_in(tmp_path / "out")
    monkeypatch.setattr(module, "write_bytes", unchanged(module.write_bytes))
    assert list(prepare([first], tmp_path / "out")) == []
    assert files_in(tmp_path / "out") == before
    list(prepare([second], tmp_path / "out"))
    assert [row["kept"] for row in read_index(tmp_path / "out")["films"]] == [2, 1]


def unchanged(write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
    """Let no picture be written again."""

    def checked(path: Path, data: bytes) -> None:
        assert path.suffix == ".json" or not path.exists()
        write(path, data)

    return checked


@pytest.mark.parametrize("writes", [3, 21, 22, 23, 30, 45])
def test_goes_on_after_any_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    path, _ = film(tmp_path / "film", "red", "blue", "green")
    list(prepare([path], tmp_path / "whole"))
    write, seen = module.write_bytes, []

    def stopping(where: Path, data: bytes) -> None:
        seen.append(where)
        if len(seen) == writes:
            raise KeyboardInterrupt
        write(where, data)

    monkeypatch.setattr(module, "write_bytes", stopping)
    with pytest.raises(KeyboardInterrupt):
        list(prepare([path], tmp_path / "out"))
    assert not list((tmp_path / "out").rglob(".shot_*"))
    for clip in (tmp_path / "out").rglob("shot_*"):
        assert len(list((clip / "color").iterdir())) == len(list((clip / "line").iterdir())) == FRAMES
    monkeypatch.setattr(module, "write_bytes", write)
    list(prepare([path], tmp_path / "out"))
    assert files_in(tmp_path / "out") == files_in(tmp_path / "whole")


def test_what_a_killed_run_left_is_no_clip_and_goes(tmp_path: Path) -> None:
    path, _ = film(tmp_path, "red")
    list(prepare([path], tmp_path / "out"))
    (clip,) = find_clips(tmp_path / "out")
    whole = files_in(tmp_path / "out")
    record = clip.path.parent / "index.json"
    facts = json.loads(record.read_text())
    facts["shots"][0].update(folder=None, frames=0)
    record.write_text(json.dumps(facts))
    part = clip.path.rename(clip.path.parent / ".shot_0000")
    (part / "line").rename(part / "line.part")
    with pytest.raises(InputError, match="no clip found"):
        find_clips(tmp_path / "out")
    list(prepare([path], tmp_path / "out"))
    assert files_in(tmp_path / "out") == whole


def damaged(folder: Path) -> Path:
    path, _ = film(folder, "red", name="damaged.mkv")
    path.write_bytes(path.read_bytes()[:-500])
    return path


def test_a_damaged_film_does_not_keep_the_others_from_being_done(tmp_path: Path) -> None:
    films = [film(tmp_path / "a", "red")[0], damaged(tmp_path / "b"), film(tmp_path / "c", "blue")[0]]
    with pytest.raises(PartialError, match=r"1 of 3 films cannot be prepared, the others are done: .*damaged\.mkv"):
        list(prepare(films, tmp_path / "out"))
    rows = read_index(tmp_path / "out")["films"]
    assert [row["finished"] for row in rows] == [True, False, True]
    assert "truncated" in rows[1]["error"]
    assert len(find_clips(tmp_path / "out")) == 2


def test_the_only_film_fails_with_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(AnicolorError, match="truncated") as one:
        list(prepare([damaged(tmp_path / "a")], tmp_path / "out"))
    assert one.value.exit_code == 1
    films = [damaged(tmp_path / "a"), save_video(tmp_path / "lines.mkv", [d.lines for d in cut(1, 8)])]
    with pytest.raises(AnicolorError, match=r"none of 2 films can be prepared: .*damaged.*found line art") as both:
        list(prepare(films, tmp_path / "out"))
    assert both.value.exit_code == 1


def test_line_art_is_no_finished_film(tmp_path: Path) -> None:
    path = save_video(tmp_path / "lines.mkv", [drawing.lines for drawing in cut(1, 8)])
    with pytest.raises(AnicolorError, match="expected finished colour film, found line art") as error:
        list(prepare([path], tmp_path / "out"))
    assert error.value.exit_code == 2


def test_refuses_what_it_cannot_do_and_writes_nothing(tmp_path: Path) -> None:
    path, _ = film(tmp_path / "film", "red")
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(path.read_bytes())
    folder = save(tmp_path / "cut", shot("red"), range(FRAMES))
    full = save(tmp_path / "full", shot("red")[:1], range(1))
    before = files_in(tmp_path)
    for films, out, error, words in (
        ([tmp_path / "gone.mkv"], tmp_path / "out", InputError, "no such file or folder"),
        ([path, copy], tmp_path / "out", InputError, "is the same film as"),
        ([path, path], tmp_path / "out", InputError, "name it once"),
        ([folder], folder / "out", InputError, "lies in the film"),
        ([path], copy, InputError, "is a file, expected a folder"),
        ([path], full, OverwriteError, "holds no prepared films"),
    ):
        with pytest.raises(error, match=words):
            list(prepare(films, out))
    with pytest.raises(InputError, match="no XDoG preset"):
        list(prepare([path], tmp_path / "out", Settings(preset="bold")))
    assert files_in(tmp_path) == before


def test_other_settings_want_another_folder(tmp_path: Path) -> None:
    path, _ = film(tmp_path, "red")
    list(prepare([path], tmp_path / "out"))
    with pytest.raises(InputError, match=r"prepared with other settings \(size 512, least 8\)"):
        list(prepare([path], tmp_path / "out", Settings(size=64, rule=Rule(least=9))))


def test_a_damaged_index_is_told(tmp_path: Path) -> None:
    path, _ = film(tmp_path, "red")
    list(prepare([path], tmp_path / "out"))
    (tmp_path / "out" / "index.json").write_text("{")
    with pytest.raises(AnicolorError, match="no index of prepared films"):
        list(prepare([path], tmp_path / "out"))


def test_uniform_is_all_pairs() -> None:
    """Frames that drift: neighbours are alike, the ends are not."""
    rows = [np.array([4.0 * step, 0.0]) for step in range(4)]
    assert not module._is_uniform(rows, 10)
    assert module._is_uniform(rows[:2], 10)
    assert module._is_uniform(rows[:1] * 5, 10)
    middle_first = [rows[1], rows[0], rows[2]]  # either end is near the middle, and far from the other
    assert not module._is_uniform(middle_first, 10)
