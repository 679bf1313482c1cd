"""Where everything in a drawn scene goes: the true flow between two of its frames, to learn correspondence from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from anicolor.data.synthetic import (
    SUPERSAMPLE,
    DrawnScene,
    Moment,
    Part,
    Points,
    Pose,
    blank,
    draw_figure,
    place_curve,
    pose_of,
)

__all__ = ["DrawnMotion", "MotionPair", "TrueFlow"]

_GRID = 32  # points a side: of a part that bends
_NEIGHBOURS = 4  # of them that say where a pixel goes
_SOFT = 1e-3  # pixels squared: nearer than this, a neighbour says it alone


@dataclass(frozen=True, eq=False)
class TrueFlow:
    """From the pixels of a frame to where another frame of the scene has the same points.

    ``flow`` float32 ``[2, H, W]`` in pixels (dx, dy); ``visible`` bool ``[H, W]``: the other frame shows them;
    ``figure`` bool ``[H, W]``: they are of a figure, not of the background.
    """

    flow: NDArray[np.float32]
    visible: NDArray[np.bool_]
    figure: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MotionPair:
    """Two frames of a scene, and the way from the first to the last of them, in [0, 1].

    ``drawings`` ``[N, 1, H, W]`` is the line art of the first, of all between, and of the last; ``colours``
    ``[2, 3, H, W]`` are both as painted, ``paint`` both without their ink.
    """

    drawings: Tensor
    colours: Tensor
    paint: Tensor
    truth: TrueFlow


class DrawnMotion:
    """The motion of ``scene``: what is seen of each part, and where it goes.

    What moves inside a part (an iris in its eye) is taken to stay where it is in the part.
    """

    def __init__(self, scene: DrawnScene) -> None:
        self._scene = scene
        self._parts = [(number, part) for number, figure in enumerate(scene.cast) for part in figure.parts]
        labels = iter(range(1, len(self._parts) + 1))
        self._labelled = [
            replace(figure, parts=[_labelled(part, next(labels)) for part in figure.parts]) for figure in scene.cast
        ]
        self._owners: dict[float, NDArray[np.int64]] = {}

    def between(self, t: float, to: float) -> TrueFlow:
        """Return the flow from frame ``t`` to frame ``to`` (as ``DrawnScene.draw`` counts them)."""
        owners, others = self._seen(t), self._seen(to)
        start, stop = self._scene.moment(t), self._scene.moment(to)
        poses = [(pose_of(figure.joints, start), pose_of(figure.joints, stop)) for figure in self._scene.cast]
        moved = np.zeros((*owners.shape, 2))
        for label in np.unique(owners):
            rows, columns = np.nonzero(owners == label)
            pixels = _on_canvas(np.stack([columns, rows], axis=1))
            if label:
                figure, part = self._parts[label - 1]
                moved[rows, columns] = _part_motion(part, pixels, poses[figure], start, stop)
            else:
                moved[rows, columns] = self._background_motion(pixels, start, stop)
        flow = moved / SUPERSAMPLE
        height, width = owners.shape
        y, x = np.mgrid[:height, :width]
        there = np.rint(np.stack([x + flow[..., 0], y + flow[..., 1]])).astype(np.int64)
        inside = (there >= 0).all(0) & (there[0] < width) & (there[1] < height)
        shown = others[there[1].clip(0, height - 1), there[0].clip(0, width - 1)] == owners
        return TrueFlow(flow.transpose(2, 0, 1).astype(np.float32), inside & shown, owners > 0)

    def _seen(self, t: float) -> NDArray[np.int64]:
        """Return which part each pixel ``[H, W]`` shows, counted from 1; 0: the background."""
        if t not in self._owners:
            moment, (height, width) = self._scene.moment(t), self._scene.settings.shape
            canvas = blank(SUPERSAMPLE * height, SUPERSAMPLE * width, (0, 0, 0), 0)
            for figure in self._labelled:
                draw_figure(canvas, figure, moment)
            low, high = canvas[::SUPERSAMPLE, ::SUPERSAMPLE, 0], canvas[::SUPERSAMPLE, ::SUPERSAMPLE, 1]
            self._owners[t] = low.astype(np.int64) + 256 * high.astype(np.int64)
        return self._owners[t]

    def _background_motion(self, pixels: Points, start: Moment, stop: Moment) -> Points:
        before, after = (self._scene.background.matrix(at.view, at.centre) for at in (start, stop))
        painting = (pixels - before[:, 2]) @ np.linalg.inv(before[:, :2]).T
        return np.asarray(painting @ after[:, :2].T + after[:, 2] - pixels)


def _labelled(part: Part, label: int) -> Part:
    """Return the part painted in its number alone."""
    color = label & 255, label >> 8, 0
    return replace(part, paint=color, ink=part.ink and replace(part.ink, color=color), details=())


def _on_canvas(pixels: NDArray[np.int64]) -> Points:
    """Return where the middles of a frame's ``pixels`` ``[N, 2]`` lie on the canvas that it is made from."""
    return np.asarray(SUPERSAMPLE * pixels + (SUPERSAMPLE - 1) / 2, np.float64)


def _part_motion(part: Part, pixels: Points, poses: tuple[Pose, Pose], start: Moment, stop: Moment) -> Points:
    """Return how far ``pixels`` ``[N, 2]`` of a part move, all on the canvas."""
    points = _points_of(part)
    before = place_curve(points, part, poses[0], start.u)
    after = place_curve(points, part, poses[1], stop.u)
    if part.sway is None and part.bend is None:
        affine, *_ = np.linalg.lstsq(_homogeneous(before), after, rcond=None)
        return np.asarray(_homogeneous(pixels) @ affine - pixels)
    far, nearest = cKDTree(before).query(pixels, k=min(_NEIGHBOURS, len(points)))
    say = 1 / (np.square(far) + _SOFT)
    return np.asarray(((after - before)[nearest] * say[..., None]).sum(1) / say.sum(1, keepdims=True))


def _points_of(part: Part) -> Points:
    """Return points of a part in its joint's space: its outline, and a grid inside."""
    low, high = part.curve.min(0), part.curve.max(0)
    x, y = np.meshgrid(*(np.linspace(low[axis], high[axis], _GRID) for axis in (0, 1)))
    cells = (part.curve - low) / np.maximum(high - low, 1e-9) * (_GRID - 1)
    inside = np.zeros((_GRID, _GRID), np.uint8)
    cv2.fillPoly(inside, [np.rint(cells * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    grid = np.stack([x.ravel(), y.ravel()], axis=1)[inside.ravel() > 0]
    return np.concatenate([part.curve, grid])


def _homogeneous(points: Points) -> Points:
    return np.concatenate([points, np.ones((len(points), 1))], axis=1)
