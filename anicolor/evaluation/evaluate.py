"""Score painted films: frame by frame in flat memory, shot by shot, and as the mean of all shots.

Only the current and the previous frame are held, and four histograms for CDC; FID keeps sums of its features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from anicolor.errors import AnicolorError, InputError
from anicolor.evaluation.distribution import Fid
from anicolor.evaluation.gallery import Gallery
from anicolor.evaluation.image import Lpips
from anicolor.evaluation.mask import drawing
from anicolor.evaluation.metrics import METRICS, Group, Meter, Metric, Score, Tools, View
from anicolor.evaluation.scores import Evaluation, LeftOut, Series, Total
from anicolor.frames import Shot
from anicolor.lines.distance import normalized_distance
from anicolor.lines.extract import drawn_lines, extract
from anicolor.media.film import Film
from anicolor.media.picture import Picture, to_frame
from anicolor.motion import DisFlow, FlowEstimator, RaftFlow
from anicolor.pretrained import ALEXNET, INCEPTION, RAFT, find_pretrained

__all__ = ["Cut", "Evaluator", "Wish"]

_REACH = 1 / 16  # of the shorter side: how far lines spread in the field that the flow is found in


@dataclass(frozen=True)
class Wish:
    """What to compute: ``groups`` of metrics (empty: all that can be), and how.

    ``mask``: score inside the drawing only. ``flow_from``: what the flow of the warp error is found in (None: the
    ground truth if there is one). ``resize``: (height, width) that frames are brought to before they are scored.
    ``..._weights``: their paths (None: torch hub's cache).
    """

    groups: tuple[Group, ...] = ()
    mask: Literal["none", "drawing"] = "none"
    flow: Literal["dis", "raft"] = "dis"
    flow_from: Literal["truth", "lines"] | None = None
    resize: tuple[int, int] | None = None
    raft_weights: Path | None = None
    lpips_weights: Path | None = None
    fid_weights: Path | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Cut:
    """A painted film, with the ground truth and the line art if they are there.

    ``keyframes`` are the ordinals of the frames that were given as keyframes: they are not scored.

    Raises:
        InputError: films of different lengths or sizes (sizes may differ when they are resized), or frames that
            are numbered differently; nothing is left to score.
    """

    name: str
    result: Film
    truth: Film | None = None
    lines: Film | None = None
    keyframes: frozenset[int] = frozenset()
    resize: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for film in (self.truth, self.lines):
            if film is not None:
                _check_alike(self.result, film, sizes=self.resize is None)
        if len(self.keyframes) == self.result.info.frames:
            raise InputError(f"{self.name}: every frame is a keyframe: nothing is left to score")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) at which frames are scored."""
        return self.resize or (self.result.info.height, self.result.info.width)


class Evaluator:
    """Scores cuts one after the other; weights are loaded once."""

    def __init__(self, wish: Wish, gallery: Gallery | None = None) -> None:
        """Take the wish; metrics that were asked for by name must be possible.

        Raises:
            InputError: weights that a metric asked for needs are missing, or it has no form inside a mask.
            AnicolorError: weights are damaged.
        """
        self.wish, self._gallery = wish, gallery
        self.evaluations: list[Evaluation] = []
        self._no = {metric.group: why for metric in METRICS if (why := self._impossible(metric))}
        if why := self._no_fid():
            self._no["fid"] = why
        for group in wish.groups:
            if group in self._no:
                raise InputError(f"--{group}: {self._no[group]}")
        self._flow: FlowEstimator | None = None
        if self._wanted("warp-error"):
            self._flow = DisFlow() if wish.flow == "dis" else RaftFlow(wish.raft_weights, wish.device)
        self._lpips = Lpips(wish.lpips_weights, wish.device) if self._wanted("lpips") else None
        self._fid = Fid(wish.fid_weights, wish.device) if self._wanted("fid") else None

    def score(self, cut: Cut, shots: Sequence[Shot]) -> Iterator[int]:
        """Score ``cut`` and yield the frames done after each; the scores are added to ``evaluations``.

        Raises:
            InputError: a metric asked for by name cannot be computed of this cut.
            AnicolorError: a frame cannot be read.
        """
        chosen, left_out = self._choose(cut)
        spans = tuple(shot.frames for shot in shots)
        tools = Tools(self._flow, self._lpips)
        takes = [_Take(metric, metric.meter(tools)) for metric in chosen]
        ends = {span.stop for span in spans}
        shot = 0
        for index, view in enumerate(self._views(cut)):
            scores = [take.see(view) for take in takes]
            self._show(shot, index, view, takes, scores)
            if self._fid is not None and view.truth is not None and view.counts:
                self._fid.add(view.result, view.truth)
            if index + 1 in ends:
                shot += 1
                for take in takes:
                    take.close()
            yield index + 1
        series = tuple(take.series(self._names(cut)) for take in takes)
        bare = dict.fromkeys(s.metric for s in series if s.mean is None)
        left_out += [LeftOut(metric, self._nothing(metric)) for metric in bare]
        taken = {take.metric.group for take, s in zip(takes, series, strict=True) if s.mean is not None}
        self._expect([out for out in left_out if _group(out.metric) not in taken])
        self.evaluations.append(
            Evaluation(
                name=cut.name,
                numbers=cut.result.info.numbers,
                shots=spans,
                keyframes=cut.keyframes,
                series=tuple(s for s in series if s.mean is not None),
                left_out=tuple(left_out),
                notes=_notes(cut, series),
            )
        )

    def totals(self) -> tuple[Total, ...]:
        """Return every metric over all cuts scored: the mean of their shots.

        Raises:
            InputError: FID was asked for, and there are too few frames.
        """
        names = dict.fromkeys((s.metric, s.variant) for e in self.evaluations for s in e.series)
        found = [
            Total.of([s for e in self.evaluations for s in e.series if (s.metric, s.variant) == name]) for name in names
        ]
        if self._fid is not None and self._fid.count >= 2:
            variant = f"inception, {self._fid.count} images"
            found.append(Total("fid", variant, False, self._fid.value(), None, (), ()))
        elif "fid" in self.wish.groups:
            raise InputError("--fid: expected two frames or more that are no keyframes")
        return tuple(found)

    def _impossible(self, metric: Metric) -> str | None:
        if self.wish.mask == "drawing" and not metric.masked:
            return "it has no form inside a mask: leave --mask out"
        if metric.group == "lpips":
            return _missing(lambda: find_pretrained(ALEXNET, self.wish.lpips_weights))
        if metric.group == "warp-error" and self.wish.flow == "raft":
            return _missing(lambda: find_pretrained(RAFT, self.wish.raft_weights))
        return None

    def _no_fid(self) -> str | None:
        if self.wish.mask == "drawing":
            return "it has no form inside a mask: leave --mask out"
        return _missing(lambda: find_pretrained(INCEPTION, self.wish.fid_weights))

    def _wanted(self, group: Group) -> bool:
        return group not in self._no and (not self.wish.groups or group in self.wish.groups)

    def _choose(self, cut: Cut) -> tuple[list[Metric], list[LeftOut]]:
        chosen: list[Metric] = []
        left_out: list[LeftOut] = []
        for metric in METRICS:
            if self.wish.groups and metric.group not in self.wish.groups:
                continue
            why = self._no.get(metric.group) or self._unfit(metric, cut)
            if why is None:
                chosen.append(metric)
            elif metric.group not in {out.metric for out in left_out}:
                left_out.append(LeftOut(metric.group, why))
        if not self.wish.groups or "fid" in self.wish.groups:
            why = self._no.get("fid") or (_NO_TRUTH if cut.truth is None else None)
            left_out += [LeftOut("fid", why)] if why else []
        self._expect(left_out)
        if not chosen and self._fid is None:
            whys = "; ".join(f"{out.metric}: {out.why}" for out in left_out)
            raise InputError(f"{cut.name}: no metric can be computed: {whys}")
        return chosen, left_out

    def _unfit(self, metric: Metric, cut: Cut) -> str | None:
        """Say why ``metric`` cannot be computed of ``cut``."""
        height, width = cut.size
        if metric.truth and cut.truth is None:
            return _NO_TRUTH
        if min(height, width) < metric.smallest:
            return (
                f"expected frames of {metric.smallest} pixels a side or more, got {width}x{height}:"
                f" --resize {max(224, metric.smallest)} enlarges them first"
            )
        if cut.result.info.frames < metric.shortest:
            return f"expected {metric.shortest} frames or more, got {cut.result.info.frames}"
        if metric.group == "warp-error" and self._source(cut) is None:
            wanted = {"lines": "line art: give --lines", "truth": "the ground truth: give TRUTH"}
            either = "the ground truth or in line art: give TRUTH, or --lines"
            return f"its flow is found in {wanted.get(self.wish.flow_from or '', either)}"
        return None

    def _expect(self, left_out: Sequence[LeftOut]) -> None:
        for out in left_out:
            if _group(out.metric) in self.wish.groups:
                raise InputError(f"--{_group(out.metric)}: {out.why}")

    def _nothing(self, metric: str) -> str:
        if metric == "cdc":
            return "expected frames one, two and four apart that are no keyframes, in a shot of 5 frames or more"
        return "nothing is left to compute it of: frames are keyframes, empty, or all ink"

    def _source(self, cut: Cut) -> str | None:
        wanted = self.wish.flow_from or ("truth" if cut.truth is not None else "lines")
        return wanted if (cut.truth if wanted == "truth" else cut.lines) is not None else None

    def _names(self, cut: Cut) -> dict[str, str]:
        return {
            "flow": self.wish.flow,
            "flow_from": self._source(cut) or "",
            "segments": "drawn" if cut.lines is not None else "XDoG",
            "place": ", inside the drawing" if self.wish.mask == "drawing" else "",
            "size": f", at {cut.resize[1]}x{cut.resize[0]}" if cut.resize else "",
        }

    def _views(self, cut: Cut) -> Iterator[View]:
        streams = (_stream(film, cut.resize) for film in (cut.result, cut.truth, cut.lines))
        for index, (result, truth, art) in enumerate(zip(*streams, strict=False)):
            assert result is not None
            lines = drawn_lines(art) if art is not None else None
            yield View(
                result=result,
                truth=truth,
                lines=self._bounds(lines, truth),
                reference=self._reference(cut, truth, lines),
                mask=self._mask(result, truth),
                counts=index not in cut.keyframes,
            )

    def _bounds(self, lines: Tensor | None, truth: Tensor | None) -> Tensor | None:
        if lines is not None or truth is None or not self._wanted("segment-accuracy"):
            return lines
        return extract(truth, "xdog")

    def _reference(self, cut: Cut, truth: Tensor | None, lines: Tensor | None) -> Tensor | None:
        if self._flow is None or self._source(cut) != "lines" or lines is None:
            return truth
        return normalized_distance(lines, _REACH * min(lines.shape[-2:]))

    def _mask(self, result: Tensor, truth: Tensor | None) -> Tensor | None:
        if self.wish.mask == "none":
            return None
        pictures = (result[0],) if truth is None else (truth[0], result[0])
        return drawing(*pictures)[None]

    def _show(self, shot: int, index: int, view: View, takes: list[_Take], scores: list[Score]) -> None:
        """Hand the frame to the gallery, ranked by the first metric."""
        if self._gallery is None or not scores or scores[0].result is None:
            return
        bad = -scores[0].result if takes[0].metric.higher_is_better else scores[0].result
        truth = view.truth[0] if view.truth is not None else None
        self._gallery.see(len(self.evaluations), shot, index, bad, view.result[0], truth)


class _Take:
    """One metric being taken from one cut."""

    def __init__(self, metric: Metric, meter: Meter) -> None:
        self.metric, self._meter = metric, meter
        self._frames: list[Score] = []
        self._shots: list[Score] = []

    def see(self, view: View) -> Score:
        self._frames.append(self._meter.see(view))
        return self._frames[-1]

    def close(self) -> None:
        self._shots.append(self._meter.close())

    def series(self, names: dict[str, str]) -> Series:
        own = any(score.truth is not None for score in self._shots)
        return Series(
            metric=self.metric.name.format(**names),
            variant=(self.metric.variant + "{place}{size}").format(**names),
            higher_is_better=self.metric.higher_is_better,
            frames=tuple(score.result for score in self._frames),
            shots=tuple(score.result for score in self._shots),
            truth_frames=tuple(score.truth for score in self._frames) if own else (),
            truth_shots=tuple(score.truth for score in self._shots) if own else (),
        )


def _group(metric: str) -> str:
    """Return the flag of a metric: ``warp-error`` of ``warp_error[dis]``."""
    return metric.split("[")[0].replace("_", "-")


_NO_TRUTH = "it compares with the ground truth: give TRUTH"


def _missing(find: Callable[[], Path]) -> str | None:
    try:
        find()
    except AnicolorError as error:
        return str(error)
    return None


def _stream(film: Film | None, resize: tuple[int, int] | None) -> Iterator[Tensor | None]:
    return repeat(None) if film is None else (_frame(picture, resize) for picture in film.read())


def _frame(picture: Picture, resize: tuple[int, int] | None) -> Tensor:
    frame = to_frame(picture)[None]
    if resize is None or frame.shape[-2:] == resize:
        return frame
    return F.interpolate(frame, resize, mode="bilinear", antialias=True, align_corners=False)


def _check_alike(result: Film, other: Film, *, sizes: bool) -> None:
    mine, its = result.info, other.info
    if mine.frames != its.frames:
        raise InputError(f"{mine.path} has {mine.frames} frames, {its.path} {its.frames}: score the same frames")
    if mine.kind == its.kind == "sequence" and mine.numbers != its.numbers:
        one, two = next(pair for pair in zip(mine.numbers, its.numbers, strict=True) if pair[0] != pair[1])
        raise InputError(f"{mine.path} has number {one} where {its.path} has {two}: number them alike")
    if sizes and (mine.width, mine.height) != (its.width, its.height):
        raise InputError(
            f"{mine.path} is {mine.width}x{mine.height}, {its.path} {its.width}x{its.height}:"
            " score frames of one size, or --resize both"
        )


def _notes(cut: Cut, series: Sequence[Series]) -> tuple[str, ...]:
    films = [film for film in (cut.result, cut.truth, cut.lines) if film is not None]
    notes = [note for film in films for note in film.info.notes]
    for found in series:
        short = sum(value is None for value in found.shots)
        if short and found.mean is not None:
            notes.append(f"{found.metric}: {short} of {len(found.shots)} shots are too short for it, and left out")
    return tuple(dict.fromkeys(notes))
