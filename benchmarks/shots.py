"""Find the shots of a cel film and of joined drawn clips, with anicolor and with PySceneDetect beside it.

    python benchmarks/shots.py                 # everything, JSON on stdout: some 10 minutes on two cores
    python benchmarks/shots.py --films 8 --only joined

PySceneDetect is in the extra ``dev``. All detectors read the same files in one process, with their default settings;
PySceneDetect also with ``min_scene_len`` 1, without which it merges short shots.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from anicolor.data.synthetic import DrawnScene, DrawnSettings
from anicolor.frames import Shot
from anicolor.media.open import open_film
from anicolor.shots.detect import Detector, find_shots

Pixels = NDArray[np.uint8]
Pair = tuple[Pixels, Pixels]  # colour [H, W, 3] and line art [H, W]

ROOT = Path(__file__).parents[1]
SIZE = (180, 320)


# ------------------------------------------------------------------------------------------------ joined clips


@dataclass(frozen=True)
class Truth:
    """Where a joined film changes: the first frames after cuts; mixtures as (kind, first frame, stop)."""

    frames: int
    cuts: tuple[int, ...]
    blends: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Take:
    """One shot: what is drawn, what happens in it, and how it is left.

    ``speed`` is how many frames the motion of the scene would last; ``event`` and ``flash`` are (what, first frame,
    number of frames); ``blend`` frames mix the shot with the next one. Takes with the same ``backdrop`` share it.
    """

    seed: int
    length: int
    speed: int
    hold: int
    backdrop: int | None = None
    flash: tuple[str, int, int] | None = None
    event: tuple[str, int, int] | None = None
    kind: str = "cut"
    blend: int = 0


def plan(seed: int, shots: int = 12) -> tuple[Take, ...]:
    """Return the takes of film ``seed``: what a production does to mislead a detector."""
    rng = np.random.default_rng(seed)
    takes: list[Take] = []
    backdrop: int | None = None
    for number in range(shots):
        own = 1_000_000_000 + 100 * seed + number
        length = int(rng.integers(4, 41))
        kind = str(rng.choice(["cut"] * 5 + ["dissolve", "dissolve", "fade"]))
        shared = kind == "cut" and rng.random() < 0.3
        here = backdrop if backdrop is not None else own if shared else None
        takes.append(
            Take(
                seed=own,
                length=length,
                speed=int(rng.integers(20, 60)),
                hold=int(rng.choice([1, 1, 2, 3])),
                backdrop=here,
                **_happenings(rng, length),
                kind=kind,
                blend=0 if kind == "cut" else int(rng.integers(4, 25)),
            )
        )
        backdrop = here if shared else None
    return tuple(takes)


def _happenings(rng: np.random.Generator, length: int) -> dict[str, tuple[str, int, int] | None]:
    chance = rng.random()
    if length >= 14 and chance < 0.35:
        what = str(rng.choice(["white", "black", "negative"]))
        return {"flash": (what, int(rng.integers(5, length - 6)), int(rng.integers(1, 3)))}
    if length >= 24 and chance < 0.8:
        what = str(rng.choice(["whip", "wipe", "pan"]))
        last = int(rng.integers(5, 9)) if what == "whip" else int(rng.integers(9, 14))
        return {"event": (what, int(rng.integers(5, length - last - 4)), last)}
    return {}


def truth(takes: tuple[Take, ...]) -> Truth:
    """Return where the film of ``takes`` changes."""
    ends = list(accumulate(take.length + (take.blend if n + 1 < len(takes) else 0) for n, take in enumerate(takes)))
    left = list(zip(takes[:-1], ends, strict=False))
    cuts = tuple(end for take, end in left if take.kind == "cut")
    return Truth(ends[-1], cuts, tuple((take.kind, end - take.blend, end) for take, end in left if take.kind != "cut"))


def draw(takes: tuple[Take, ...], size: tuple[int, int] = SIZE) -> Iterator[Pair]:
    """Yield the frames of the film, in colour and as line art."""
    before = 0  # frames of the take at work that its predecessor's mixture showed
    for take, after in zip(takes, [*takes[1:], None], strict=True):
        scene = _Scene(take, size, before)
        for t in range(take.length):
            yield scene.draw(before + t)
        if after is None or not take.blend:
            before = 0
            continue
        coming, steps = _Scene(after, size, take.blend), take.blend + 1
        through = (0, 255) if take.seed % 2 else (255, 255)
        for step in range(1, steps):
            old, new = scene.draw(before + take.length + step - 1), coming.draw(step - 1)
            mix = _mixed if take.kind == "dissolve" else _faded
            yield mix(old[0], new[0], step / steps, through[0]), mix(old[1], new[1], step / steps, through[1])
        before = take.blend


def _mixed(old: Pixels, new: Pixels, share: float, _: int) -> Pixels:
    return np.asarray(cv2.addWeighted(old, 1 - share, new, share, 0), np.uint8)


def _faded(old: Pixels, new: Pixels, share: float, through: int) -> Pixels:
    picture, weight = (old, 1 - 2 * share) if share < 0.5 else (new, 2 * share - 1)
    return _mixed(np.full_like(picture, through), picture, weight, 0)


class _Scene:
    """A take drawn frame by frame; the first ``lead`` frames belong to the mixture before it."""

    def __init__(self, take: Take, size: tuple[int, int], lead: int = 0) -> None:
        # A figure that is there at once, in the middle of a shot, is a cut over the same background to any eye.
        settings = DrawnSettings(frames=take.speed, size=size, late=0)
        self._take, self._lead = take, lead
        self._drawn = DrawnScene(take.seed, settings)
        self._beside = DrawnScene(take.seed + 50, settings) if take.event else None
        if take.backdrop is not None:
            other = DrawnScene(take.backdrop, replace(settings, painted_background=1, camera=0))
            _furnish(other.background.painting, take.backdrop)
            self._drawn.background, self._drawn.camera = other.background, other.camera

    def draw(self, t: int) -> Pair:
        take = self._take
        held = take.speed - 1 - abs(t // take.hold * take.hold % (2 * take.speed - 2) - take.speed + 1)  # to and fro
        pair = self._drawn.draw(held)
        t -= self._lead
        if take.flash and 0 <= t - take.flash[1] < take.flash[2]:
            return _flash(pair[0], take.flash[0]), _flash(pair[1], take.flash[0])
        if take.event is None or t < take.event[1]:
            return pair
        what, start, last = take.event
        share = min((t - start + 1) / last, 1.0)
        if what == "wipe":
            return pair if share == 1 else _wiped(pair, share, take.seed)
        assert self._beside is not None
        return _panned(pair, self._beside.draw(held), share, 1 / last, blurred=what == "whip")


def _furnish(painting: Pixels | None, seed: int) -> None:
    """Draw a room's lines on a painted background, so that the line art has a background too."""
    assert painting is not None
    rng = np.random.default_rng(seed)
    height, width = painting.shape[:2]
    thick = max(1, round(min(height, width) / 250))
    for _ in range(int(rng.integers(3, 9))):
        x, y = rng.integers(0, width), rng.integers(0, height)
        w, h = rng.integers(width // 12, width // 2), rng.integers(height // 12, height // 2)
        cv2.rectangle(painting, (int(x), int(y)), (int(x + w), int(y + h)), (30, 25, 20, 0), thick, cv2.LINE_AA)


def _flash(picture: Pixels, what: str) -> Pixels:
    return 255 - picture if what == "negative" else np.full_like(picture, 255 if what == "white" else 0)


def _panned(left: Pair, right: Pair, share: float, step: float, *, blurred: bool) -> Pair:
    """Look from one side of a wide drawing to the other; a whip blurs along the way."""
    width = left[0].shape[1]
    reach = 2 * width if blurred else width
    eased = [s * s * (3 - 2 * s) for s in (share - step, share)]
    place, speed = round(eased[1] * reach), round((eased[1] - eased[0]) * reach)
    views = []
    for a, b in zip(left, right, strict=True):
        wide = np.concatenate([a, a[:, ::-1], b] if blurred else [a, b], axis=1)
        if blurred and share < 1:
            wide = cv2.blur(wide, (max(speed // 2, 1), 1))
        views.append(np.ascontiguousarray(wide[:, place : place + width], np.uint8))
    return views[0], views[1]


def _wiped(pair: Pair, share: float, seed: int) -> Pair:
    """Let something large pass before the picture: it covers nearly all of it for some frames."""
    rng = np.random.default_rng(seed)
    height, width = pair[1].shape
    radius = int(rng.uniform(0.55, 0.9) * width)
    middle = round(-radius + share * (width + 2 * radius)), int(rng.uniform(0.3, 0.7) * height)
    paint = [int(level) for level in rng.integers(0, 120, 3)]
    solid = 0 if rng.random() < 0.3 else 255
    color, line = pair[0].copy(), pair[1].copy()
    for picture, fill, ink in ((color, paint, (0, 0, 0)), (line, solid, 0)):
        cv2.circle(picture, middle, radius, fill, -1, cv2.LINE_AA)
        cv2.circle(picture, middle, radius, ink, 1, cv2.LINE_AA)
    return color, line


# ------------------------------------------------------------------------------------------------- detectors

Found = tuple[set[int], list[int] | None]  # cuts, and the middles of mixtures from a detector that tells them apart


def ours(path: Path) -> Found:
    """Return what anicolor finds."""
    return _found(find_shots(open_film(path)))


def papers(path: Path) -> Found:
    """Return what the papers' rule finds."""
    return _found(find_shots(open_film(path), Detector(rule="histogram")))


def _found(shots: list[Shot]) -> Found:
    opened = shots[1:]
    cuts = {shot.frames.start for shot in opened if shot.kind == "cut"}
    return cuts, [shot.frames.start for shot in opened if shot.kind != "cut"]


def scenedetect(name: str, path: Path, **settings: int) -> Found:
    """Return what a detector of PySceneDetect finds."""
    import scenedetect as other

    detectors = {
        "content": other.ContentDetector,
        "adaptive": other.AdaptiveDetector,
        "histogram": other.HistogramDetector,
        "hash": other.HashDetector,
    }
    manager = other.SceneManager()
    manager.add_detector(detectors[name](**settings))
    manager.detect_scenes(other.open_video(str(path)))
    return {scene[0].frame_num for scene in manager.get_scene_list()[1:]}, None


def detectors() -> dict[str, Callable[[Path], Found]]:
    """Return every detector by name; PySceneDetect's only where it is installed."""
    found: dict[str, Callable[[Path], Found]] = {"anicolor": ours, "anicolor histogram": papers}
    if find_spec("scenedetect") is None:
        return found
    for name in ("content", "adaptive", "histogram", "hash"):
        found[f"scenedetect {name}"] = partial(scenedetect, name)
        found[f"scenedetect {name}, min_scene_len 1"] = partial(scenedetect, name, min_scene_len=1)
    return found


# --------------------------------------------------------------------------------------------------- measures


@dataclass
class Count:
    """Cuts found at the very frame, found where there is none, and missed; the same for mixtures, inside them."""

    hits: int = 0
    false: int = 0
    missed: int = 0
    mixtures: int = 0
    mixtures_false: int = 0
    mixtures_missed: int = 0

    def add(self, found: Found, true: Truth, ignored: list[tuple[int, int]]) -> None:
        """Count one film; a cut inside a mixture is false only from a detector that tells them apart."""
        cuts, middles = found[0], found[1] or []
        inside = [range(start - 1, stop + 1) for _, start, stop in true.blends]
        free = {cut for cut in cuts if not any(a <= cut <= b for a, b in ignored)}
        false = free - set(true.cuts)
        self.hits += len(cuts & set(true.cuts))
        self.false += sum(found[1] is not None or not any(cut in span for span in inside) for cut in false)
        self.missed += len(set(true.cuts) - cuts)
        met = [any(middle in span for middle in middles) for span in inside]
        self.mixtures += sum(met)
        self.mixtures_missed += len(met) - sum(met)
        shown = [middle for middle in middles if not any(a <= middle <= b for a, b in ignored)]
        self.mixtures_false += sum(not any(middle in span for span in inside) for middle in shown)

    def row(self) -> dict[str, float]:
        """Return the counts with precision, recall and F1 of the cuts."""
        precision = self.hits / max(self.hits + self.false, 1)
        recall = self.hits / max(self.hits + self.missed, 1)
        score = 2 * precision * recall / max(precision + recall, 1e-9)
        return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(score, 4), **vars(self)}


@dataclass(frozen=True)
class Clip:
    """A film on disk with its truth."""

    path: Path
    true: Truth
    ignored: list[tuple[int, int]]


def write_film(path: Path, frames: Iterable[Pixels], quality: int = 18) -> None:
    """Encode frames as H.264, 24 a second."""
    with av.open(str(path), "w") as target:
        video = target.add_stream("libx264", rate=24, options={"crf": str(quality)})
        for index, pixels in enumerate(frames):
            if index == 0:
                video.height, video.width = pixels.shape[:2]
                video.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index
            target.mux(video.encode(frame))
        target.mux(video.encode(None))


def film_paths(folder: Path, seed: int) -> dict[str, Path]:
    """Return where :func:`joined` puts the films of ``seed``: in colour and as line art."""
    return {kind: folder / f"joined-{seed}-{kind.replace(' ', '-')}.mp4" for kind in ("colour", "line art")}


def joined(folder: Path, seeds: Iterable[int]) -> dict[str, list[Clip]]:
    """Draw the films of ``seeds`` into ``folder``: in colour and as line art."""
    sets: dict[str, list[Clip]] = {"joined, colour": [], "joined, line art": []}
    for seed in seeds:
        takes = plan(seed)
        pairs = list(draw(takes))
        kinds = ([color for color, _ in pairs], [np.repeat(line[..., None], 3, axis=2) for _, line in pairs])
        for clips, path, frames in zip(sets.values(), film_paths(folder, seed).values(), kinds, strict=True):
            write_film(path, frames)
            clips.append(Clip(path, truth(takes), []))
    return sets


def cel_film(folder: Path) -> dict[str, list[Clip]]:
    """Return the cel film beside the repository, where it is."""
    notes = folder / "cuts.json"
    if not notes.exists():
        return {}
    facts = json.loads(notes.read_text())
    true = Truth(facts["frames"], tuple(facts["cuts"]), ())
    return {"cel film": [Clip(folder / facts["file"], true, [(a, b) for a, b in facts["dont_care"]])]}


def score(sets: dict[str, list[Clip]]) -> list[dict[str, object]]:
    """Let every detector read every film."""
    rows = []
    for name, clips in sets.items():
        for who, detector in detectors().items():
            count = Count()
            for clip in clips:
                count.add(detector(clip.path), clip.true, clip.ignored)
            rows.append({"set": name, "detector": who, "films": len(clips), **count.row()})
    return rows


def speed(path: Path, repeats: int) -> dict[str, object]:
    """Measure CPU time a frame, side by side: the medians of interleaved repeats, and their ratio to decoding."""
    frames = open_film(path).info.frames
    runs: dict[str, Callable[[Path], object]] = {"decoding alone, PyAV": _decode, "anicolor": ours}
    if find_spec("scenedetect") is not None:
        for name in ("content", "adaptive", "histogram", "hash"):
            runs[f"scenedetect {name}"] = partial(scenedetect, name)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            started = time.process_time()
            run(path)
            times[name].append((time.process_time() - started) / frames * 1000)
    middles = {name: statistics.median(values) for name, values in times.items()}
    floor = middles["decoding alone, PyAV"]
    rows = {name: {"cpu_ms": round(value, 3), "ratio": round(value / floor, 3)} for name, value in middles.items()}
    return {"film": "1280x720 H.264", "frames": frames, "repeats": repeats, "a_frame": rows}


def _decode(path: Path) -> int:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=16, help="joined films")
    parser.add_argument(
        "--first", type=int, default=1500, help="seed of the first; some below were used to fit or to choose"
    )
    parser.add_argument("--repeats", type=int, default=7, help="of the speed test")
    parser.add_argument("--only", choices=("film", "joined", "speed"))
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    report: dict[str, object] = {"schema_version": 1, "seeds": [asked.first, asked.first + asked.films]}
    with tempfile.TemporaryDirectory(prefix="anicolor-shots-") as scratch:
        folder, sets = Path(scratch), {}
        if asked.only in (None, "film"):
            sets |= cel_film(ROOT.parent / "shared" / "data" / "film")
        if asked.only in (None, "joined"):
            sets |= joined(folder, range(asked.first, asked.first + asked.films))
        report["scores"] = score(sets)
        if asked.only in (None, "speed"):
            write_film(folder / "speed.mp4", (color for color, _ in draw(plan(asked.first, 18), (720, 1280))), 20)
            report["speed"] = speed(folder / "speed.mp4", asked.repeats)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
