"""Drawn animation, endless and seeded: jointed figures painted in code, with the exactly aligned line art.

Every frame is painted part by part, back to front, on one canvas of four channels: R, G, B and the line art.
A part covers the colours and the lines behind it in one stroke, so line art and paint cannot drift apart.
Lengths are in units of the shorter side of the frame; `u` is the time within the clip, 0 to 1.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # [N, 2], x right, y down
Pixels = NDArray[np.uint8]
Rgb = tuple[int, int, int]
Rng = np.random.Generator

PAPER, INK = 255, 0
SHIFT = 4  # fixed-point bits of the coordinates given to OpenCV
SUPERSAMPLE = 2
LEFT = np.array([-1.0, 1.0])  # times (dy, dx): the normal on the left; times (x, y): the mirrored point
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


# -------------------------------------------------------------------------------------------- public surface


@dataclass(frozen=True)
class DrawnSettings:
    """How long and how large a clip is, and how often each habit of a production shows (0 to 1)."""

    frames: int = 17
    size: int | tuple[int, int] = 256  # a square, or (height, width)
    painted_background: float = 0.3
    camera: float = 0.35
    shading: float = 0.6
    trace_lines: float = 0.25  # of the shaded figures: shadow borders that are in the line art only
    coloured_ink: float = 0.25
    late: float = 0.12  # figures and belongings that only one half of the clip shows
    holds: float = 0.0  # clips on twos and threes
    unlined: float = 0.0  # figures with parts that nobody outlined, as solid shoes or hair often are

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


@dataclass(frozen=True, eq=False)
class DrawnClip:
    """color: uint8 [T, H, W, 3] RGB; line: uint8 [T, H, W], 0 = ink, 255 = paper, aligned with the colour."""

    color: Pixels
    line: Pixels


def draw_clip(seed: int, settings: DrawnSettings | None = None) -> DrawnClip:
    """All frames of the clip that `seed` stands for; the same seed gives the same clip."""
    settings = settings or DrawnSettings()
    scene = DrawnScene(seed, settings)
    color, line = zip(*(scene.draw(t) for t in range(settings.frames)), strict=True)
    return DrawnClip(np.stack(color), np.stack(line))


class DrawnScene:
    """The clip that `seed` stands for, drawn frame by frame on demand."""

    def __init__(self, seed: int, settings: DrawnSettings | None = None) -> None:
        self.settings = settings or DrawnSettings()
        rng = np.random.default_rng(seed)
        height, width = self.settings.shape
        self._unit = SUPERSAMPLE * min(height, width)
        self.camera = _camera(rng, _chance(rng, self.settings.camera))
        self._hold = int(rng.integers(2, 4)) if _chance(rng, self.settings.holds) else 0
        self.cast = _cast(rng, self.settings, (width / min(height, width), height / min(height, width)))
        self.background = _background(rng, self.settings)
        if self.settings.unlined:  # by dice of its own: all else of the scene stays as it is
            _drop_outlines(np.random.default_rng((seed, 1)), self.cast, self.settings.unlined)

    def moment(self, t: float) -> Moment:
        """How frame `t` of [0, frames - 1] is looked at."""
        if self._hold:
            t = math.floor(t / self._hold) * self._hold
        u = t / max(self.settings.frames - 1, 1)
        height, width = self.settings.shape
        view = self.camera.at(u) @ _scaling(self._unit)
        return Moment(u, view, SUPERSAMPLE * np.array([width, height]) / 2)

    def draw(self, t: float) -> tuple[Pixels, Pixels]:
        """Frame `t` of [0, frames - 1]: (color uint8 [H, W, 3] RGB, line uint8 [H, W])."""
        moment = self.moment(t)
        canvas = self.background.draw(moment.view, moment.centre)
        for figure in self.cast:
            draw_figure(canvas, figure, moment)
        height, width = self.settings.shape
        small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
        color = cv2.cvtColor(small, cv2.COLOR_RGBA2RGB)  # drops the fourth channel
        return np.asarray(color, np.uint8), np.asarray(cv2.extractChannel(small, 3), np.uint8)


# ---------------------------------------------------------------------------------------------------- motion


@dataclass(frozen=True)
class Wave:
    """A number that moves: base + drift over the clip + a swing of so many turns."""

    base: float = 0.0
    drift: float = 0.0
    swing: float = 0.0
    turns: float = 1.0
    phase: float = 0.0

    def at(self, u: float) -> float:
        value = self.base + self.drift * (u - 0.5)
        return value + self.swing * math.sin(math.tau * (self.turns * u + self.phase)) if self.swing else value


STILL = Wave()


@dataclass(frozen=True)
class Joint:
    """Where a limb hangs on its parent (-1: the scene), and how it moves there."""

    parent: int
    pivot: tuple[float, float]
    angle: Wave = STILL  # radians
    scale: Wave = Wave(1.0)
    stretch: Wave = Wave(1.0)  # taller by as much as narrower
    yaw: Wave = STILL  # radians about the upright axis: at pi the figure is mirrored
    x: Wave = STILL
    y: Wave = STILL


@dataclass(frozen=True)
class Sway:
    """Soft deformation: hair and tails (rooted: nothing at y = 0, most at `reach`) or ripples all over."""

    amount: float
    reach: float
    rooted: bool
    turns: float
    phase: float

    def at(self, points: Points, u: float) -> Points:
        """points [N, 2] -> [N, 2]."""
        time = math.tau * (self.turns * u + self.phase)
        moved = points.copy()
        across = points[:, 1] / self.reach
        weight = np.clip(across, 0, 1.5) ** 2 if self.rooted else 1.0
        moved[:, 0] += self.amount * weight * np.sin(time - 2 * across)
        if not self.rooted:
            moved[:, 1] += self.amount * np.cos(time * 0.7 + 2 * points[:, 0] / self.reach)
        return moved


@dataclass(frozen=True, eq=False)
class Pose:
    """The joints of a figure at one moment, in pixels of the canvas."""

    turn: NDArray[np.float64]  # [J, 2, 2]
    origin: NDArray[np.float64]  # [J, 2]
    lean: NDArray[np.float64]  # [J, 2] what one unit of depth shifts a part by
    facing: list[float]  # cosine of the yaw, all parents included


def pose_of(joints: list[Joint], moment: Moment) -> Pose:
    """Where the joints are at the moment."""
    u, view, centre = moment.u, moment.view, moment.centre
    count = len(joints)
    turn, origin, lean = np.empty((count, 2, 2)), np.empty((count, 2)), np.empty((count, 2))
    yaws: list[float] = []
    for index, joint in enumerate(joints):
        root = joint.parent < 0
        above = view[:, :2] if root else turn[joint.parent]
        hook = np.array([joint.pivot[0] + joint.x.at(u), joint.pivot[1] + joint.y.at(u)])
        yaw = joint.yaw.at(u)
        origin[index] = above @ hook + (centre + view[:, 2] if root else origin[joint.parent])
        turn[index] = above @ _local(joint, u, yaw)
        lean[index] = above[:, 0] * math.sin(yaw)
        yaws.append(yaw + (0.0 if root else yaws[joint.parent]))
    return Pose(turn, origin, lean, [math.cos(yaw) for yaw in yaws])


def _local(joint: Joint, u: float, yaw: float) -> NDArray[np.float64]:
    """The rotation and scale of a joint within its parent, [2, 2]."""
    angle, scale, stretch = joint.angle.at(u), joint.scale.at(u), joint.stretch.at(u)
    narrow = math.copysign(max(abs(math.cos(yaw)), 0.18), math.cos(yaw))
    cos, sin = math.cos(angle), math.sin(angle)
    sx, sy = scale * narrow / stretch, scale * stretch
    return np.array([[cos * sx, -sin * sy], [sin * sx, cos * sy]])


@dataclass(frozen=True)
class Camera:
    """Zoom and pan of the whole picture."""

    zoom: Wave
    x: Wave
    y: Wave

    def at(self, u: float) -> NDArray[np.float64]:
        """[2, 3]; the last column is the pan, in units of the frame."""
        zoom = self.zoom.at(u)
        return np.array([[zoom, 0.0, self.x.at(u)], [0.0, zoom, self.y.at(u)]])


def _scaling(unit: float) -> NDArray[np.float64]:
    return np.diag([unit, unit, unit]).astype(np.float64)


def _camera(rng: Rng, moves: bool) -> Camera:
    if not moves:
        return Camera(Wave(1.0), STILL, STILL)
    zoom = Wave(1.0, rng.normal(0, 0.15))
    return Camera(zoom, Wave(0.0, rng.normal(0, 0.15)), Wave(0.0, rng.normal(0, 0.07)))


# ---------------------------------------------------------------------------------------- what is on a sheet


@dataclass(frozen=True)
class Ink:
    """One kind of line. `width` in pixels of a 512 frame; `level` is its grey in the line art."""

    color: Rgb
    level: int
    width: float
    taper: bool = False


@dataclass(frozen=True, eq=False)
class Detail:
    """Something inside a part and clipped to it: a shadow, a stripe, an iris, a fold."""

    curve: Points
    paint: Rgb | None = None
    ink: Ink | None = None
    closed: bool = True
    paper: int = PAPER  # grey of the fill in the line art: INK for solid blacks
    x: Wave = STILL
    y: Wave = STILL


@dataclass(frozen=True, eq=False)
class Part:
    """A closed painted shape that hangs on a joint."""

    joint: int
    curve: Points
    paint: Rgb
    ink: Ink | None
    details: tuple[Detail, ...] = ()
    arcs: tuple[tuple[int, int], ...] = ()  # the inked stretches of the outline; none: all of it
    bend: tuple[int, float, float] | None = None  # second joint, y of the bend, half-width of the bend
    depth: float = 0.0
    sway: Sway | None = None
    frontal: bool = False  # hidden when the figure shows its back
    open_ended: bool = False  # the outline is a line only: an eyebrow, a nose
    paper: int = PAPER
    shown: tuple[float, float] = (0.0, 1.0)


@dataclass
class Figure:
    """Joints and parts, back to front."""

    joints: list[Joint] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    shown: tuple[float, float] = (0.0, 1.0)

    def hang(self, joint: Joint) -> int:
        self.joints.append(joint)
        return len(self.joints) - 1


@dataclass(frozen=True, eq=False)
class Moment:
    """A time within the clip, 0 to 1, and how the camera sees it, in pixels of the canvas: [2, 3], and [2]."""

    u: float
    view: NDArray[np.float64]
    centre: NDArray[np.float64]


def draw_figure(canvas: Pixels, figure: Figure, moment: Moment) -> None:
    """Paint all of the figure that the moment shows over what is on the canvas, uint8 [H, W, 4]."""
    u = moment.u
    if not figure.shown[0] <= u <= figure.shown[1]:
        return
    pose = pose_of(figure.joints, moment)
    scale = min(canvas.shape[:2]) / 512
    for part in figure.parts:
        if part.shown[0] <= u <= part.shown[1] and not (part.frontal and pose.facing[part.joint] < 0.1):
            _draw_part(canvas, part, pose, u, scale)


def _draw_part(canvas: Pixels, part: Part, pose: Pose, u: float, scale: float) -> None:
    outline = place_curve(part.curve, part, pose, u)
    (left, top), (right, bottom) = outline.min(0).tolist(), outline.max(0).tolist()
    x0, y0 = max(int(left) - 4, 0), max(int(top) - 4, 0)
    x1, y1 = min(int(right) + 5, canvas.shape[1]), min(int(bottom) + 5, canvas.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    if not part.open_ended:
        low, window = np.array([x0, y0], float), canvas[y0:y1, x0:x1]
        _fill_part(window, part, outline - low, lambda curve: place_curve(curve, part, pose, u) - low, scale, u)
    if part.ink is None:
        return
    if part.open_ended:
        _stroke(canvas, outline, part.ink, scale, closed=False)
    elif not part.arcs:
        _stroke(canvas, outline, part.ink, scale, closed=True)
    for start, stop in part.arcs:
        _stroke(canvas, outline.take(range(start, stop), axis=0, mode="wrap"), part.ink, scale, closed=False)


def place_curve(curve: Points, part: Part, pose: Pose, u: float) -> Points:
    """A curve of the part [N, 2] in its joint's space -> [N, 2] in pixels."""
    local = part.sway.at(curve, u) if part.sway else curve
    placed = local @ pose.turn[part.joint].T + (pose.origin[part.joint] + part.depth * pose.lean[part.joint])
    if part.bend is None:
        return np.asarray(placed)
    joint, at, half = part.bend
    weight = np.clip((local[:, 1:] - at) / (2 * half) + 0.5, 0, 1)
    bent = (local - [0.0, at]) @ pose.turn[joint].T + pose.origin[joint]
    return np.asarray(placed + (weight * weight * (3 - 2 * weight)) * (bent - placed))


def _fill_part(
    window: Pixels, part: Part, outline: Points, place: Callable[[Points], Points], scale: float, u: float
) -> None:
    if not part.details:
        cv2.fillPoly(window, [_fixed(outline)], (*part.paint, part.paper), cv2.LINE_8, SHIFT)
        return
    mask = np.zeros(window.shape[:2], np.uint8)
    cv2.fillPoly(mask, [_fixed(outline)], 255, cv2.LINE_8, SHIFT)
    sheet = blank(window.shape[0], window.shape[1], part.paint, part.paper)
    for detail in part.details:
        fixed = detail.x is STILL and detail.y is STILL
        curve = place(detail.curve if fixed else _moved(detail.curve, detail.x.at(u), detail.y.at(u)))
        if detail.paint is not None:
            cv2.fillPoly(sheet, [_fixed(curve)], (*detail.paint, detail.paper), cv2.LINE_8, SHIFT)
        if detail.ink is not None:
            _stroke(sheet, curve, detail.ink, scale, detail.closed)
    cv2.copyTo(sheet, mask, window)


def _stroke(canvas: Pixels, curve: Points, ink: Ink, scale: float, closed: bool) -> None:
    """A line as a filled band: OpenCV's own thick lines are slower and know whole widths only."""
    if len(curve) < 3:
        return
    ends = (curve[-1:], curve[:1]) if closed else (curve[:1], curve[-1:])
    padded = np.concatenate([ends[0], curve, ends[1]])
    along = padded[2:] - padded[:-2]
    # fillPoly paints the pixels on its border too, which is half a pixel on each side.
    half = max(ink.width * scale / 2 - 0.5, 0.05) / (np.hypot(along[:, 0], along[:, 1]) + 1e-6)
    if ink.taper:
        half *= 0.15 + 0.95 * np.sin(np.arange(len(curve)) * (math.pi / (len(curve) - 1)))
    normal = along[:, ::-1] * (half[:, None] * LEFT)
    left, right = _fixed(curve + normal), _fixed(curve - normal)
    band = [left, right] if closed else [np.concatenate([left, right[::-1]])]
    cv2.fillPoly(canvas, band, (*ink.color, ink.level), cv2.LINE_8, SHIFT)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.rint(points * (1 << SHIFT)).astype(np.int32)


def blank(height: int, width: int, color: Rgb, paper: int) -> Pixels:
    """A canvas of one colour, uint8 [H, W, 4]: whole words are filled, ten times faster than bytes."""
    word = np.array([*color, paper], np.uint8).view(np.uint32)[0]
    return np.full((height, width), word, np.uint32).view(np.uint8).reshape(height, width, 4)


# ---------------------------------------------------------------------------------------------------- curves


def _angles(count: int) -> NDArray[np.float64]:
    return np.linspace(0, math.tau, count, endpoint=False)


def _moved(curve: Points, x: float, y: float) -> Points:
    return np.asarray(curve + np.array([x, y]))


def _ellipse(rx: float, ry: float, x: float = 0.0, y: float = 0.0, count: int = 40) -> Points:
    angle = _angles(count)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], 1)


def _blob(rng: Rng, rx: float, ry: float, rough: float = 0.15, count: int = 56) -> Points:
    """A smooth closed curve: an ellipse whose radius has a few random harmonics."""
    angle, radius = _angles(count), np.ones(count)
    for order in (2, 3, 4, 5):
        radius += rng.normal(0, rough / order) * np.sin(order * angle + rng.uniform(0, math.tau))
    return np.stack([rx * radius * np.cos(angle), ry * radius * np.sin(angle)], 1)


def _cloud(rng: Rng, radius: float) -> Points:
    """A closed curve of outward bumps, as smoke and bushes have."""
    angle, bumps = _angles(96), int(rng.integers(5, 10))
    phase = rng.uniform(0, math.tau)
    length = radius * (0.85 + 0.25 * np.abs(np.sin(bumps * angle / 2 + phase)) ** 0.7)
    return np.stack([length * np.cos(angle), rng.uniform(0.7, 1.1) * length * np.sin(angle)], 1)


def _spline(knots: Points, closed: bool = True, steps: int = 8) -> Points:
    """Catmull-Rom curve through knots [K, 2]."""
    if closed:
        around = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        around = np.concatenate([knots[:1], knots, knots[-1:]])
    p0, p1, p2, p3 = (around[i : len(around) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = 2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    return np.asarray(curve / 2).reshape(-1, 2)


def _polygon(knots: Points, step: float = 0.02) -> Points:
    """Straight sides with sharp corners, with enough points to bend and sway."""
    sides = [
        np.linspace(a, b, max(int(np.hypot(*(b - a)) / step), 2), endpoint=False)
        for a, b in zip(knots, np.roll(knots, -1, 0), strict=True)
    ]
    return np.concatenate(sides)


def _tube(length: float, top: float, bottom: float, swell: float = 0.0) -> Points:
    """A limb from (0, 0) down to (0, length) with half-widths `top` and `bottom` and round ends."""
    y = np.linspace(0, 1, 14)
    half = top + (bottom - top) * y + swell * np.sin(math.pi * y)
    side = np.stack([half, y * length], 1)
    cap = np.linspace(0, math.pi, 8)[1:-1]
    end = np.stack([bottom * np.cos(cap), length + 0.7 * bottom * np.sin(cap)], 1)
    start = np.stack([-top * np.cos(cap), -0.7 * top * np.sin(cap)], 1)
    return np.concatenate([side, end, side[::-1] * LEFT, start])


def _ribbon(rng: Rng, length: float, half: float) -> Points:
    """A tapering lock of hair from (0, 0) downwards, ending in a point."""
    y = np.linspace(0, 1, 16)
    curl = rng.normal(0, 0.16) * length * y**2 + rng.normal(0, 0.05) * length * np.sin(math.tau * y)
    width = half * (1 - y**2) * (0.35 + np.sin(math.pi * y**0.7))
    return np.concatenate([np.stack([curl + width, y * length], 1), np.stack([curl - width, y * length], 1)[-2::-1]])


def _star(points: int, outer: float, inner: float) -> Points:
    angle = _angles(2 * points) - math.pi / 2
    radius = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def _face_curve(radius: float, jaw: float, chin: float) -> Points:
    """A head about its centre: a round skull that narrows to the chin."""
    knots = np.array(
        [[0, -1.05], [0.7, -0.8], [1.0, -0.1], [0.92 * jaw, 0.45], [0.5 * jaw, 0.9 * chin], [0, 1.08 * chin]]
    )
    mirrored = knots[1:-1][::-1] * LEFT
    return radius * _spline(np.concatenate([knots, mirrored]), steps=6)


def _bangs(rng: Rng, radius: float, hairline: float) -> Points:
    """Hair over the forehead: the skull above, a row of pointed locks below."""
    top = np.linspace(math.pi * 1.04, math.tau - 0.04 * math.pi, 18)
    cap = np.stack([1.1 * np.cos(top), 0.1 + 1.28 * np.sin(top)], 1)
    locks = int(rng.integers(3, 8))
    x = np.linspace(1.08, -1.08, 2 * locks + 1) + rng.normal(0, 0.04, 2 * locks + 1)
    tips = hairline + rng.uniform(0.0, 0.35, 2 * locks + 1)
    y = np.where(np.arange(2 * locks + 1) % 2 == 0, tips, hairline - rng.uniform(0.2, 0.5, 2 * locks + 1))
    y[[0, -1]] = rng.uniform(0.1, 0.9, 2)
    along = np.linspace(0, 2 * locks, 10 * locks + 1)
    knots = np.arange(2 * locks + 1)
    fringe = np.stack([np.interp(along, knots, x), np.interp(along, knots, y)], 1)
    return radius * np.concatenate([cap, fringe])


# ---------------------------------------------------------------------------------------- colours and styles


def _chance(rng: Rng, probability: float) -> bool:
    return bool(rng.random() < probability)


def _hsv(hue: float, saturation: float, value: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return round(255 * red), round(255 * green), round(255 * blue)


def _tone(color: Rgb, value: float, hue: float = 0.0, saturation: float = 0.0) -> Rgb:
    """A colour made darker (value < 1) or lighter (value > 1, towards white)."""
    h, s, v = colorsys.rgb_to_hsv(*(channel / 255 for channel in color))
    if value > 1:
        return _hsv(h, s / value, v + (1 - v) * (value - 1))
    return _hsv(h + hue, s + saturation * (v > 0.1) * (0.1 + s), v * value)


@dataclass(frozen=True)
class Palette:
    """The paints of one figure."""

    skin: Rgb
    hair: Rgb
    cloth: tuple[Rgb, ...]
    iris: Rgb

    def any(self, rng: Rng) -> Rgb:
        return self.cloth[int(rng.integers(len(self.cloth)))]


def _paint(rng: Rng, tint: float | None) -> Rgb:
    """Any paint; with a tint, one of a near-monochrome family."""
    if tint is not None:
        return _hsv(tint + rng.normal(0, 0.02), rng.uniform(0, 0.35), rng.uniform(0.25, 1))
    kind = rng.random()
    if kind < 0.15:
        return _hsv(rng.random(), rng.uniform(0, 0.06), rng.uniform(0.85, 1))
    if kind < 0.3:
        return _hsv(rng.random(), rng.uniform(0, 0.2), rng.uniform(0.1, 0.7))
    return _hsv(rng.random(), rng.uniform(0.2, 0.95), rng.uniform(0.35, 1))


def _palette(rng: Rng) -> Palette:
    tint = float(rng.random()) if _chance(rng, 0.12) else None
    if tint is not None or _chance(rng, 0.1):
        skin = _paint(rng, tint)
    else:
        pale = _chance(rng, 0.75)
        value = rng.uniform(0.88, 1) if pale else rng.uniform(0.4, 0.88)
        skin = _hsv(rng.normal(0.065, 0.012), rng.uniform(0.1, 0.45) if pale else rng.uniform(0.35, 0.65), value)
    cloth = tuple(_paint(rng, tint) for _ in range(int(rng.integers(2, 5))))
    hair = cloth[0] if _chance(rng, 0.08) else _paint(rng, tint)
    return Palette(skin, hair, cloth, _paint(rng, tint))


@dataclass(frozen=True)
class Style:
    """How one hand draws and paints a figure."""

    ink: Rgb | None  # None: a dark variant of each fill
    level: int
    width: float
    taper: bool
    gaps: float
    lineless: float
    shaded: bool
    trace: int | None  # grey of the trace lines in the line art
    shadow: tuple[float, float]  # value and hue shift
    light: tuple[float, float]

    def line(self, fill: Rgb, weight: float = 1.0) -> Ink:
        color = self.ink if self.ink is not None else _tone(fill, 0.45, 0.0, 0.3)
        return Ink(color, self.level, self.width * weight)

    def mark(self, fill: Rgb, weight: float = 0.8) -> Ink:
        return replace(self.line(fill, weight), taper=self.taper)


def _style(rng: Rng, settings: DrawnSettings) -> Style:
    ink: Rgb | None = None
    if not _chance(rng, settings.coloured_ink):
        kind = rng.random()
        grey = int(rng.integers(10, 90))
        brown = _hsv(rng.uniform(0.02, 0.08), rng.uniform(0.3, 0.8), rng.uniform(0.15, 0.4))
        ink = BLACK if kind < 0.6 else (grey, grey, grey) if kind < 0.8 else brown
    shaded = _chance(rng, settings.shading)
    traced, grey_of_trace = _chance(rng, settings.trace_lines), int(rng.integers(70, 180))
    light = rng.uniform(-2.6, -0.5)
    return Style(
        ink=ink,
        level=INK if _chance(rng, 0.75) else int(rng.integers(20, 130)),
        width=float(rng.uniform(1.2, 4.0) if _chance(rng, 0.5) else rng.uniform(1.2, 2.4)),
        taper=_chance(rng, 0.6),
        gaps=float(rng.choice([0.0, 0.1, 0.4])),
        lineless=float(rng.choice([0.0, 0.0, 0.0, 0.03, 0.1])),
        shaded=shaded,
        trace=grey_of_trace if traced else None,
        shadow=(float(rng.uniform(0.62, 0.88)), float(rng.normal(0, 0.02))),
        light=(math.cos(light), math.sin(light)),
    )


# ----------------------------------------------------------------------------------------------------- parts


@dataclass(frozen=True)
class Painter:
    """Draws the parts of one figure in one style."""

    rng: Rng
    style: Style

    def part(self, joint: int, curve: Points, paint: Rgb, details: tuple[Detail, ...] = (), shade: bool = True) -> Part:
        """A part with its outline (whole, with gaps, or none), its shadow and its inner details."""
        ink = None if _chance(self.rng, self.style.lineless) else self.style.line(paint)
        tones = self._shadow(curve, paint) if shade and self.style.shaded else ()
        return Part(joint, curve, paint, ink, details + tones, self._arcs(len(curve)))

    def _arcs(self, count: int) -> tuple[tuple[int, int], ...]:
        if not _chance(self.rng, self.style.gaps):
            return ()
        cuts = np.sort(self.rng.choice(count, int(self.rng.integers(1, 3)), replace=False))
        ends = np.append(cuts[1:], cuts[0] + count)
        return tuple((int(a) + 1, int(b)) for a, b in zip(cuts, ends, strict=True) if b - a > 4)

    def _shadow(self, curve: Points, paint: Rgb) -> tuple[Detail, ...]:
        """A crescent away from the light: what a copy of the part, moved to the light, leaves uncovered."""
        value, hue = self.style.shadow
        dark = _tone(paint, value, hue, 0.1)
        trace = Ink(dark, self.style.trace, 1.5) if self.style.trace is not None else None
        edge = self.style.mark(paint, 0.6) if _chance(self.rng, 0.06) else trace
        low, high = curve.min(0), curve.max(0)
        away = -np.array(self.style.light) * (high - low) * self.rng.uniform(0.3, 0.6)
        middle = (low + high) / 2 + away * 1.25
        wide, tall = ((high - low) * 0.62).tolist()
        shadow = Detail(_blob(self.rng, wide, tall, 0.12, 32) + middle, dark, edge)
        if not _chance(self.rng, 0.2):
            return (shadow,)
        glint = _ellipse(0.16 * wide, 0.16 * tall, count=16) + ((low + high) / 2 - 0.6 * away)
        return (shadow, Detail(glint, _tone(paint, 1.5)))

    def patches(self, curve: Points, paints: tuple[Rgb, ...]) -> tuple[Detail, ...]:
        """Stripes, spots, a belt, folds or nothing, for a piece of cloth or a body."""
        low, high = curve.min(0), curve.max(0)
        wide, tall = (high - low).tolist()
        kind = self.rng.random()
        paint = paints[int(self.rng.integers(len(paints)))]
        ink = self.style.mark(paint) if _chance(self.rng, 0.75) else None
        if kind < 0.2:
            return self._stripes(low, high, paint, ink)
        if kind < 0.35:
            size = self.rng.uniform(0.07, 0.2)
            spots = self.rng.uniform(low, high, (int(self.rng.integers(2, 6)), 2))
            return tuple(Detail(_blob(self.rng, size * wide, size * tall, count=20) + at, paint, ink) for at in spots)
        if kind < 0.5:
            return (Detail(_blob(self.rng, wide / 3, tall / 3, count=32) + (low + high) / 2, paint, ink),)
        if kind < 0.75:
            return tuple(self._fold(low, high, paint) for _ in range(int(self.rng.integers(1, 5))))
        return ()

    def _stripes(self, low: Points, high: Points, paint: Rgb, ink: Ink | None) -> tuple[Detail, ...]:
        count = int(self.rng.integers(1, 5))
        level, bow = self.rng.normal(0, 0.15), self.rng.normal(0, 0.1)
        x = np.linspace(-0.2, 1.2, 8)
        stripes = []
        for start in (np.arange(count) + 0.3) / count:
            y = start + level * x + bow * x * (1 - x)
            band = np.concatenate([np.stack([x, y], 1), np.stack([x, y + 0.45 / count], 1)[::-1]])
            stripes.append(Detail(low + band * (high - low), paint, ink))
        return tuple(stripes)

    def _fold(self, low: Points, high: Points, paint: Rgb) -> Detail:
        start, end = self.rng.uniform(0, 1, 2), self.rng.uniform(0, 1, 2)
        middle = (start + end) / 2 + self.rng.normal(0, 0.08, 2)
        curve = _spline(low + np.stack([start, middle, end]) * (high - low), closed=False, steps=6)
        return Detail(curve, None, self.style.mark(paint), closed=False)


def _swing(rng: Rng, base: float, amount: float, turns: float) -> Wave:
    return Wave(base, rng.normal(0, amount * 0.5), rng.normal(0, amount), turns, rng.random())


# --------------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True)
class Role:
    """What the makers of figures are told."""

    rng: Rng
    painter: Painter
    palette: Palette
    energy: float  # 0: hardly moves; 1: as far as a cut goes
    late: float  # how often a belonging shows in one half only


def _person(role: Role, root: Joint) -> Figure:
    """A jointed person about 1 unit high, the pelvis at the origin."""
    rng, figure = role.rng, Figure()
    base = figure.hang(root)
    head = rng.uniform(0.085, 0.2)
    torso, leg = rng.uniform(0.2, 0.32), rng.uniform(0.22, 0.45)
    wide = rng.uniform(0.06, 0.12)
    turns = float(rng.choice([0.5, 1, 2]))
    chest = figure.hang(Joint(base, (0, 0), _swing(rng, 0, 0.15 * role.energy, turns)))
    skull = figure.hang(Joint(chest, (0, -torso), _swing(rng, 0, 0.25 * role.energy, turns), y=Wave(-head * 0.85)))
    face = figure.hang(Joint(skull, (0, 0), yaw=Wave(rng.normal(0, 0.25), rng.normal(0, 0.4), 0.3 * role.energy)))
    shirt, trousers = role.palette.any(rng), role.palette.any(rng)
    _back_hair(role, figure, skull, head)
    _arm(role, figure, chest, (-wide, -torso * 0.92), torso, wide, shirt, turns)
    for side in (-1, 1):
        _leg(role, figure, base, (side * wide * 0.55, 0), leg, wide, trousers, turns)
    _torso(role, figure, chest, torso, wide, shirt, trousers)
    figure.parts.append(role.painter.part(chest, _moved(_tube(0.06, 0.03, 0.03), 0, -torso - 0.05), role.palette.skin))
    _head(role, figure, skull, face, head)
    _arm(role, figure, chest, (wide, -torso * 0.92), torso, wide, shirt, turns)
    return figure


def _bust(role: Role, root: Joint) -> Figure:
    """A close-up: head and shoulders, about 1 unit high, the head's centre near the origin."""
    rng, figure = role.rng, Figure()
    base = figure.hang(root)
    head = rng.uniform(0.25, 0.36)
    wide, shirt = head * rng.uniform(0.9, 1.3), role.palette.any(rng)
    skull = figure.hang(Joint(base, (0, 0), _swing(rng, 0, 0.2 * role.energy, 1)))
    face = figure.hang(Joint(skull, (0, 0), yaw=Wave(rng.normal(0, 0.3), rng.normal(0, 0.5), 0.3 * role.energy)))
    _back_hair(role, figure, skull, head)
    neck = _moved(_tube(head, head * 0.35, head * 0.4), 0, head * 0.6)
    figure.parts.append(role.painter.part(base, neck, role.palette.skin))
    knots = np.array([[-0.25, 0.0], [0.25, 0.0], [0.95, 0.25], [1.15, 1.2], [-1.15, 1.2], [-0.95, 0.25]])
    body = _moved(_spline(knots * [wide, head * 1.3]), 0, head * 1.3)
    figure.parts.append(role.painter.part(base, body, shirt, role.painter.patches(body, role.palette.cloth)))
    if _chance(rng, 0.5):
        collar = np.array([[-0.45, 0.0], [0.0, 0.5], [0.45, 0.0], [0.3, -0.1], [0.0, 0.12], [-0.3, -0.1]])
        paint = role.palette.any(rng)
        curve = _moved(_polygon(collar * head, 0.05), 0, head * 1.35)
        figure.parts.append(role.painter.part(base, curve, paint))
    _head(role, figure, skull, face, head)
    return figure


def _torso(role: Role, figure: Figure, chest: int, length: float, wide: float, shirt: Rgb, trousers: Rgb) -> None:
    rng = role.rng
    waist = rng.uniform(0.65, 1.05)
    knots = np.array([[0.3, -1.02], [1.0, -0.95], [1.02, -0.7], [waist, -0.35], [1.0, 0.06]])
    knots = np.concatenate([knots, (knots * LEFT)[::-1]])
    body = _spline(knots * [wide, length], steps=6)
    jacket = _chance(rng, 0.25)
    details = _jacket(role, length, wide, shirt) if jacket else role.painter.patches(body, role.palette.cloth)
    if not jacket and _chance(rng, 0.4):
        collar = np.array([[-0.45, -1.1], [0.0, -0.6], [0.45, -1.1]]) * [wide, length]
        details += (Detail(_polygon(collar), role.palette.skin, role.painter.style.mark(shirt)),)
    if jacket or _chance(rng, 0.4):
        middle = np.stack([np.full(8, rng.normal(0, 0.1) * wide), np.linspace(-0.9, 0.1, 8) * length], 1)
        details += (Detail(middle, None, role.painter.style.mark(shirt), closed=False),)
    skirt = rng.random()
    if skirt < 0.4:
        drop, flare = rng.uniform(0.06, 0.2), rng.uniform(1.1, 2.0)
        hem = np.linspace(flare, -flare, 9)
        wave = drop * (1 + 0.15 * np.cos(np.arange(9) * math.pi))
        cloth = np.concatenate([[[-0.9 * wide, -0.06], [0.9 * wide, -0.06]], np.stack([hem * wide, wave], 1)])
        curve, paint = _polygon(cloth), trousers if _chance(rng, 0.5) else shirt
        part = role.painter.part(chest, curve, paint, role.painter.patches(curve, role.palette.cloth))
        sway = Sway(0.02 * role.energy + 0.003, drop, True, float(rng.choice([1, 2])), rng.random())
        figure.parts.append(replace(part, sway=sway))
    figure.parts.append(role.painter.part(chest, body, shirt, details))
    if _chance(rng, 0.3):
        belt = np.array([[-1.02, -0.06], [1.02, -0.06], [1.02, 0.06], [-1.02, 0.06]]) * [wide, length]
        figure.parts.append(role.painter.part(chest, _polygon(belt), role.palette.any(rng), shade=False))


def _jacket(role: Role, length: float, wide: float, cloth: Rgb) -> tuple[Detail, ...]:
    """An open collar: shirt, tie and two lapels."""
    rng, ink = role.rng, role.painter.style.mark(cloth)
    size, low = np.array([wide, length]), rng.uniform(-0.55, -0.3)
    opening = np.array([[-0.4, -1.1], [0.4, -1.1], [0.0, low]])
    tie = np.array([[-0.08, -1.0], [0.08, -1.0], [0.16, low - 0.1], [0.0, low + 0.05], [-0.16, low - 0.1]])
    lapel = np.array([[0.4, -1.1], [0.75, -0.85], [0.55, -0.8], [0.6, -0.7], [0.0, low], [0.2, -0.75]])
    shirt = WHITE if _chance(rng, 0.6) else role.palette.any(rng)
    flap = cloth if _chance(rng, 0.7) else role.palette.any(rng)
    knots = ((opening, shirt), (tie, role.palette.any(rng)), (lapel, flap), (lapel * LEFT, flap))
    return tuple(Detail(_polygon(corners * size), paint, ink) for corners, paint in knots)


def _limb(
    role: Role, figure: Figure, joint: Joint, length: float, half: float, bend: float, turns: float
) -> tuple[int, int, tuple[int, float, float]]:
    """Two joints in a row and the bend between them: an arm or a leg."""
    upper = figure.hang(joint)
    fold = Wave(bend, 0.0, abs(bend) * role.energy, turns, role.rng.random())
    lower = figure.hang(Joint(upper, (0, length / 2), fold))
    return upper, lower, (lower, length / 2, half)


def _arm(
    role: Role,
    figure: Figure,
    chest: int,
    at: tuple[float, float],
    torso: float,
    wide: float,
    shirt: Rgb,
    turns: float,
) -> None:
    rng, painter = role.rng, role.painter
    side = math.copysign(1, -at[0])
    length, half = torso * rng.uniform(0.95, 1.3), wide * rng.uniform(0.25, 0.42)
    hang = _swing(rng, side * abs(rng.normal(0.35, 0.5)), 0.7 * role.energy, turns)
    upper, lower, bend = _limb(role, figure, Joint(chest, at, hang), length, half, -side * 0.5, turns)
    hand = _moved(_blob(rng, half * 1.15, half * 1.4, 0.12, 28), 0, length / 2 + half * 0.9)
    fingers = tuple(
        Detail(
            np.linspace([x * half, length / 2 + half], [x * half * 1.2, length / 2 + 2.6 * half], 5),
            None,
            painter.style.mark(role.palette.skin, 0.7),
            closed=False,
        )
        for x in np.linspace(-0.4, 0.4, int(rng.integers(1, 4)))
    )
    figure.parts.append(painter.part(lower, hand, role.palette.skin, fingers))
    if _chance(rng, 0.12):
        _belonging(role, figure, lower, length / 2 + half)
    sleeve = rng.choice([0.0, 0.45, 1.0])
    if sleeve < 1:
        arm = painter.part(upper, _tube(length, half, half * 0.75, half * 0.1), role.palette.skin)
        figure.parts.append(replace(arm, bend=bend))
    if sleeve > 0:
        cuff = half * rng.uniform(0.95, 1.5)
        curve = _tube(length * sleeve, half * 1.15, cuff)
        cloth = painter.part(upper, curve, shirt, painter.patches(curve, role.palette.cloth))
        figure.parts.append(replace(cloth, bend=bend))


def _belonging(role: Role, figure: Figure, joint: int, y: float) -> None:
    """Something in the hand, sometimes only in one half of the clip."""
    rng = role.rng
    curve = _prop_curve(rng, 0.09) * [rng.uniform(0.2, 1), rng.uniform(0.8, 2)] + [0, y]
    paint = role.palette.any(rng)
    part = role.painter.part(joint, curve, paint, role.painter.patches(curve, role.palette.cloth))
    figure.parts.append(replace(part, shown=_half(rng) if _chance(rng, 2 * role.late) else (0.0, 1.0)))


def _leg(
    role: Role,
    figure: Figure,
    base: int,
    at: tuple[float, float],
    length: float,
    wide: float,
    trousers: Rgb,
    turns: float,
) -> None:
    rng, painter = role.rng, role.painter
    half = wide * rng.uniform(0.38, 0.52)
    hang = _swing(rng, -at[0] * 2, 0.5 * role.energy, turns)
    upper, lower, bend = _limb(role, figure, Joint(base, at, hang), length, half, 0.3 * role.energy, turns)
    toe = float(rng.choice([-1, 1])) * half
    shoe = _spline(np.array([[-0.9, -0.4], [0.6, -0.4], [1.0, 0.3], [0.9, 0.9], [-0.9, 0.9]]) * half, steps=6)
    shoe = _moved(shoe, toe * 0.4, length / 2 + half * 0.2)
    shoe_part = painter.part(lower, shoe, role.palette.any(rng))
    if _chance(rng, 0.15):
        shoe_part = replace(shoe_part, paint=(10, 10, 12), ink=None, details=(), paper=INK)
    figure.parts.append(shoe_part)
    bare = _chance(rng, 0.3)
    curve = _tube(length, half, half * rng.uniform(0.6, 1.0), half * 0.08)
    paint = role.palette.skin if bare else trousers
    details = () if bare else painter.patches(curve, role.palette.cloth)
    figure.parts.append(replace(painter.part(upper, curve, paint, details), bend=bend))


# ----------------------------------------------------------------------------------------------------- heads


def _back_hair(role: Role, figure: Figure, skull: int, radius: float) -> None:
    rng, paint = role.rng, role.palette.hair
    if _chance(rng, 0.6):
        long = rng.uniform(0.9, 2.6)
        knots = np.array([[0, -1.25], [0.9, -0.9], [1.22, 0], [1.2, long], [0.4, long * 0.92], [0, long * 1.05]])
        curve = radius * _spline(np.concatenate([knots, (knots[1:-1] * LEFT)[::-1]]), steps=6)
        sway = Sway(0.25 * radius * role.energy, radius * 2, True, 1.0, rng.random())
        figure.parts.append(replace(role.painter.part(skull, curve, _tone(paint, 0.85)), sway=sway))
    if _chance(rng, 0.4):
        for _ in range(int(rng.integers(2, 7))):
            _lock(role, figure, skull, radius, rng.uniform(-1, 1), rng.uniform(1.2, 3.2))


def _lock(role: Role, figure: Figure, skull: int, radius: float, x: float, length: float) -> None:
    """A tapering ribbon of hair that swings from the skull."""
    rng = role.rng
    joint = figure.hang(Joint(skull, (x * radius, -0.3 * radius), _swing(rng, -0.5 * x, 0.3 * role.energy, 1.0)))
    curve = _ribbon(rng, length * radius, radius * rng.uniform(0.12, 0.3))
    sway = Sway(radius * rng.uniform(0.1, 0.5) * role.energy, length * radius, True, rng.uniform(0.5, 2), rng.random())
    figure.parts.append(replace(role.painter.part(joint, curve, role.palette.hair), sway=sway))


def _head(role: Role, figure: Figure, skull: int, face: int, radius: float) -> None:
    """Head, features that slide over it as it turns, and the hair in front."""
    rng, painter, skin = role.rng, role.painter, role.palette.skin
    for side in (-1, 1):
        ear = _blob(rng, 0.2 * radius, 0.28 * radius, 0.1, 24)
        figure.parts.append(painter.part(skull, _moved(ear, side * 0.98 * radius, 0.1 * radius), skin))
    curve = _face_curve(radius, rng.uniform(0.75, 1.1), rng.uniform(0.85, 1.15))
    figure.parts.append(painter.part(skull, curve, skin))
    first = len(figure.parts)
    _features(role, figure, face, radius)
    for _ in range(int(rng.choice([0, 0, 1, 2, 3]))):
        _lock(role, figure, skull, radius, float(rng.choice([-0.95, 0.95])), rng.uniform(0.8, 2.4))
    if _chance(rng, 0.85):
        curve = _bangs(rng, radius, rng.uniform(-0.45, -0.05))
        hair = painter.part(face, curve, role.palette.hair, _strands(role, radius))
        figure.parts.append(replace(hair, depth=0.15 * radius))
    if _chance(rng, 0.15):
        hat = np.array([[-1.5, -0.55], [1.5, -0.55], [1.1, -0.75], [0.8, -1.9], [-0.8, -1.9], [-1.1, -0.75]])
        cloth = _spline(radius * hat, steps=6) if _chance(rng, 0.5) else _polygon(radius * hat)
        part = painter.part(skull, cloth, role.palette.any(rng), painter.patches(cloth, role.palette.cloth))
        figure.parts.append(replace(part, shown=_half(rng) if _chance(rng, role.late) else (0.0, 1.0)))
    for index in range(first, len(figure.parts)):
        part = figure.parts[index]
        if part.joint == face and part.depth > 0.5 * radius:
            figure.parts[index] = replace(part, frontal=True)


def _strands(role: Role, radius: float) -> tuple[Detail, ...]:
    """Lines within the hair that bound no colour, and the band of light across it."""
    rng, paint = role.rng, role.palette.hair
    strands = tuple(
        Detail(
            _spline(
                radius * np.array([[x, -1.0 + 0.3 * abs(x)], [1.1 * x, -0.7], [1.15 * x + rng.normal(0, 0.1), -0.3]]),
                closed=False,
            ),
            None,
            role.painter.style.mark(paint),
            closed=False,
        )
        for x in rng.uniform(-0.8, 0.8, int(rng.integers(0, 6)))
    )
    if not _chance(rng, 0.35):
        return strands
    x = np.linspace(-0.85, 0.85, 17)
    top = -0.85 + 0.25 * x**2
    shine = np.stack([np.append(x, x[::-1]), np.append(top, (top + 0.12 + 0.08 * np.cos(9 * x))[::-1])], 1)
    return (Detail(radius * shine, _tone(paint, 1.35)), *strands)


def _features(role: Role, figure: Figure, face: int, radius: float) -> None:
    rng, painter, skin = role.rng, role.painter, role.palette.skin
    depth, apart, level = 0.75 * radius, radius * rng.uniform(0.32, 0.5), radius * rng.uniform(0.0, 0.25)
    mark = painter.style.mark(skin)

    def line(knots: Points, weight: float = 1.0) -> None:
        ink = replace(mark, width=mark.width * weight)
        curve = _spline(np.asarray(knots) * radius, closed=False, steps=5)
        figure.parts.append(Part(face, curve, skin, ink, depth=depth, open_ended=True))

    if _chance(rng, 0.35):
        for side in (-1, 1):
            blush = _ellipse(0.2 * radius, 0.12 * radius, side * apart * 1.2, level + 0.3 * radius, 20)
            figure.parts.append(Part(face, blush, _tone(skin, 0.93, -0.02, 0.4), None, depth=depth * 0.95))
    _eyes(role, figure, face, radius, apart, level)
    tilt, brow = rng.normal(0, 0.1), level / radius - rng.uniform(0.4, 0.55)
    for side in (-1, 1):
        x = side * apart / radius
        line(
            np.array([[x - 0.2, brow + side * tilt], [x, brow - 0.06], [x + 0.2, brow - side * tilt]]),
            rng.uniform(1, 2.2),
        )
    if _chance(rng, 0.8):
        nose = level / radius + 0.3
        line(np.array([[0.0, nose - 0.15], [0.09, nose], [-0.02, nose + 0.03]]), 0.9)
    mouth, wide = level / radius + rng.uniform(0.45, 0.62), rng.uniform(0.12, 0.35)
    smile = rng.normal(0.06, 0.08)
    if _chance(rng, 0.5):
        line(np.array([[-wide, mouth], [0, mouth + smile], [wide, mouth]]))
        return
    gape = rng.uniform(0.08, 0.25)
    curve = _spline(radius * np.array([[-wide, 0.0], [0, smile * 0.3], [wide, 0.0], [0, gape]]), steps=7)
    tongue = Detail(_ellipse(wide * 0.6 * radius, gape * 0.5 * radius, 0, gape * radius, 20), (225, 110, 110))
    inside = _hsv(rng.uniform(-0.03, 0.03), rng.uniform(0.5, 0.8), rng.uniform(0.3, 0.7))
    joint = figure.hang(Joint(face, (0, mouth * radius), stretch=Wave(1.0, 0, 0.3, rng.uniform(0.5, 3), rng.random())))
    part = painter.part(joint, curve, inside, (tongue,) if _chance(rng, 0.6) else (), shade=False)
    figure.parts.append(_ride(figure, replace(part, ink=mark), face, depth))


def _ride(figure: Figure, part: Part, face: int, depth: float) -> Part:
    """Give the joint of a feature the turn of the face, so that the feature slides along with it."""
    yaw = figure.joints[face].yaw
    shift = replace(yaw, base=depth * math.sin(yaw.base), drift=depth * yaw.drift, swing=depth * yaw.swing)
    figure.joints[part.joint] = replace(figure.joints[part.joint], x=shift)
    return replace(part, frontal=True)


def _eyes(role: Role, figure: Figure, face: int, radius: float, apart: float, level: float) -> None:
    rng, style = role.rng, role.painter.style
    rx, ry = radius * rng.uniform(0.15, 0.27), radius * rng.uniform(0.16, 0.36)
    blink = Wave(1.0, 0.0, 0.0) if _chance(rng, 0.6) else Wave(0.75, 0.0, 0.3, rng.uniform(0.5, 1.5), rng.random())
    look_x = Wave(rng.normal(0, 0.15) * rx, rng.normal(0, 0.5) * rx)
    look_y = Wave(rng.normal(0, 0.1) * ry)
    dots, iris = _chance(rng, 0.15), role.palette.iris
    white = WHITE if _chance(rng, 0.85) else _tone(role.palette.skin, 1.4)
    outlined = _chance(rng, 0.6)
    line = style.mark(BLACK)
    for side in (-1, 1):
        joint = figure.hang(Joint(face, (side * apart, level), stretch=blink))
        if dots:
            curve = _ellipse(rx * 0.4, ry * 0.5, count=20)
            part = Part(joint, curve, BLACK, None, paper=INK)
            figure.parts.append(_ride(figure, part, face, 0.75 * radius))
            continue
        ball = 0.72 * min(rx * 1.1, ry)
        glint = _ellipse(ball * 0.28, ball * 0.3, -ball * 0.35, -ball * 0.4, 12)
        details = (
            Detail(_ellipse(ball, ball * 1.15, count=28), iris, line if outlined else None, x=look_x, y=look_y),
            Detail(_ellipse(ball, ball * 0.55, 0, -ball * 0.6, 20), _tone(iris, 0.6), x=look_x, y=look_y),
            Detail(_ellipse(ball * 0.5, ball * 0.6, count=20), (12, 10, 14), paper=INK, x=look_x, y=look_y),
            Detail(glint, WHITE, None, x=look_x, y=look_y),
        )
        knots = np.array([[-1, 0.15], [-0.5, -0.8], [0.3, -1.0], [1, -0.1], [0.6, 0.8], [-0.5, 0.85]])
        curve = _spline(knots * [side * rx, ry], steps=6)
        part = Part(joint, curve, white, line, details, arcs=() if _chance(rng, 0.6) else ((0, 19), (26, 33)))
        figure.parts.append(_ride(figure, part, face, 0.75 * radius))
        lid = replace(line, width=line.width * rng.uniform(1.3, 3), taper=True)
        figure.parts.append(_ride(figure, Part(joint, curve[:19], white, lid, open_ended=True), face, 0.75 * radius))


# ----------------------------------------------------------------------------------- creatures, props, smoke


def _creature(role: Role, root: Joint) -> Figure:
    """A rounded body with a face, legs, ears or horns, and a tail."""
    rng, painter, figure = role.rng, role.painter, Figure()
    base = figure.hang(root)
    rx, ry = rng.uniform(0.16, 0.34), rng.uniform(0.14, 0.28)
    fur, turns = role.palette.any(rng), float(rng.choice([1, 2, 3]))
    if _chance(rng, 0.7):
        tail = figure.hang(Joint(base, (-rx * 0.8, 0), _swing(rng, 1.2, 0.5 * role.energy, turns)))
        curve = _ribbon(rng, rng.uniform(0.2, 0.45), rng.uniform(0.03, 0.08))
        sway = Sway(0.1 * role.energy, 0.3, True, turns, rng.random())
        figure.parts.append(replace(painter.part(tail, curve, fur), sway=sway))
    for x in np.linspace(-0.65, 0.65, int(rng.choice([2, 4]))):
        length, half = rng.uniform(0.12, 0.3), rng.uniform(0.03, 0.06)
        hang = _swing(rng, 0, 0.5 * role.energy, turns)
        upper, _, bend = _limb(
            role, figure, Joint(base, (x * rx, ry * 0.7), hang), length, half, 0.4 * role.energy, turns
        )
        leg = painter.part(upper, _tube(length, half, half * 1.1), fur)
        figure.parts.append(replace(leg, bend=bend))
    body = _blob(rng, rx, ry, 0.1)
    part = painter.part(base, body, fur, painter.patches(body, role.palette.cloth))
    figure.parts.append(replace(part, sway=_ripple(role)))
    radius = rng.uniform(0.12, 0.2)
    skull = figure.hang(Joint(base, (rx * 0.7, -ry * 0.7), _swing(rng, 0, 0.3 * role.energy, turns)))
    face = figure.hang(Joint(skull, (0, 0), yaw=Wave(rng.normal(0, 0.3), 0.0, 0.3 * role.energy)))
    for side in (-1, 1):
        ear = figure.hang(
            Joint(skull, (side * 0.6 * radius, -0.6 * radius), _swing(rng, math.pi + side * 0.3, 0.2, turns))
        )
        shape = _ribbon(rng, radius * rng.uniform(0.6, 1.4), radius * 0.4)
        inner = Detail(shape * 0.6, role.palette.any(rng), painter.style.mark(fur))
        figure.parts.append(painter.part(ear, shape, fur, (inner,), shade=False))
    head = _blob(rng, radius * 1.1, radius, 0.06)
    figure.parts.append(painter.part(skull, head, fur))
    _features(replace(role, palette=replace(role.palette, skin=fur)), figure, face, radius)
    return figure


def _ripple(role: Role) -> Sway | None:
    """A soft body, now and then."""
    rng = role.rng
    if not _chance(rng, 0.3):
        return None
    return Sway(0.04 * role.energy, rng.uniform(0.15, 0.4), False, rng.uniform(0.5, 1.5), rng.random())


def _prop_curve(rng: Rng, radius: float) -> Points:
    """The outline of a thing: round, square, pointed or bottle-shaped."""
    kind = int(rng.integers(6))
    if kind == 0:
        return _ellipse(radius, radius * rng.uniform(0.6, 1.2))
    if kind == 1:
        box = np.array([[-1.0, -0.7], [1.0, -0.7], [1.0, 0.7], [-1.0, 0.7]])
        return _polygon(radius * (box + rng.normal(0, 0.12, box.shape)))
    if kind == 2:
        return _polygon(_star(int(rng.integers(4, 9)), radius, radius * rng.uniform(0.4, 0.8)))
    if kind == 3:
        knots = np.array([[0.25, -1], [0.25, -0.5], [0.6, -0.2], [0.6, 1.0]])
        return radius * _spline(np.concatenate([knots, (knots * LEFT)[::-1]]), steps=6)
    if kind == 4:
        return _spline(_star(int(rng.integers(4, 8)), radius, radius * rng.uniform(0.5, 0.75)), steps=5)
    return _blob(rng, radius, radius * rng.uniform(0.5, 1), 0.25)


def _prop(role: Role, root: Joint) -> Figure:
    """A thing: a body with patches, and pieces that turn or swing on it."""
    rng, painter, figure = role.rng, role.painter, Figure()
    base = figure.hang(root)
    radius = rng.uniform(0.15, 0.35)
    curve, paint = _prop_curve(rng, radius), role.palette.any(rng)
    pieces = int(rng.integers(0, 5))
    kind = _prop_curve(rng, radius * rng.uniform(0.25, 0.5))
    behind = _chance(rng, 0.5)
    body = painter.part(base, curve, paint, painter.patches(curve, role.palette.cloth))
    body = replace(body, sway=_ripple(role))
    ring = []
    for angle in _angles(pieces) + rng.uniform(0, math.tau):
        at = 0.8 * radius * np.array([math.cos(angle), math.sin(angle)])
        spin = Wave(angle + math.pi / 2, rng.normal(0, 2) * role.energy, 0.3 * role.energy, 2.0)
        joint = figure.hang(Joint(base, (float(at[0]), float(at[1])), spin))
        hub = Detail(_ellipse(0.1 * radius, 0.1 * radius, count=16), role.palette.cloth[0], painter.style.mark(paint))
        ring.append(painter.part(joint, kind, role.palette.cloth[-1], (hub,) if _chance(rng, 0.6) else ()))
    figure.parts.extend([*ring, body] if behind else [body, *ring])
    return figure


def _smoke(role: Role, root: Joint) -> Figure:
    """Puffs that swell, ripple and run into each other."""
    rng, figure = role.rng, Figure()
    base, paint = figure.hang(root), role.palette.any(rng)
    for _ in range(int(rng.integers(2, 7))):
        x, y = rng.normal(0, 0.13, 2)
        swell = Wave(1.0, rng.uniform(-0.7, 0.9), 0.1, 1.0, rng.random())
        rise = Wave(0.0, -rng.uniform(0, 0.3) * role.energy)
        joint = figure.hang(Joint(base, (x, y), _swing(rng, 0, 0.3, 0.5), swell, y=rise))
        sway = Sway(rng.uniform(0.01, 0.04), rng.uniform(0.1, 0.25), False, rng.uniform(0.5, 1.5), rng.random())
        part = role.painter.part(joint, _cloud(rng, rng.uniform(0.07, 0.2)), paint)
        figure.parts.append(replace(part, sway=sway))
    return figure


# ---------------------------------------------------------------------------------------------------- scenes


def _half(rng: Rng) -> tuple[float, float]:
    cut = float(rng.uniform(0.35, 0.65))
    return (cut, 1.0) if _chance(rng, 0.65) else (0.0, cut)


def _root(rng: Rng, energy: float, at: tuple[float, float], scale: float) -> Joint:
    """How a figure goes through the frame: slides, tilts, grows, turns, squashes."""
    drift = rng.normal(0, 0.25, 2) * energy * [1.0, 0.6]
    yaw = STILL
    if _chance(rng, 0.15):
        yaw = Wave(float(rng.choice([0.0, 0.0, math.pi])), rng.uniform(-math.pi, math.pi) * 1.2)
    grow = float(np.clip(rng.normal(0, 0.3) * energy, -0.6, 0.6))
    tilt = Wave(0.0, float(np.clip(rng.normal(0, 0.5) * energy, -2, 2)), rng.normal(0, 0.08) * energy, 1.0)
    beat, phase = float(rng.choice([0.5, 1, 2])), rng.random()
    return Joint(
        -1,
        at,
        tilt,
        Wave(scale, scale * grow),
        Wave(1.0, 0.0, 0.12 * energy if _chance(rng, 0.4) else 0.0, beat, phase),
        yaw,
        Wave(0.0, float(np.clip(drift[0], -0.8, 0.8)), rng.normal(0, 0.04) * energy, beat, phase),
        Wave(0.0, float(np.clip(drift[1], -0.6, 0.6)), rng.normal(0, 0.05) * energy, beat, phase),
    )


def _cast(rng: Rng, settings: DrawnSettings, frame: tuple[float, float]) -> list[Figure]:
    """The figures of a clip, back to front, within a frame of (width, height) units."""
    lead = rng.random()
    if lead < 0.3:
        makers = [_bust] * (2 if _chance(rng, 0.2) else 1)
    elif lead < 0.75:
        makers = [_person] * int(rng.integers(1, 4))
    else:
        makers = [[_creature, _prop, _smoke][int(rng.integers(3))] for _ in range(int(rng.integers(1, 4)))]
    extras = int(rng.choice([0, 0, 1, 1, 2]))
    makers += [[_creature, _prop, _prop, _smoke][int(rng.integers(4))] for _ in range(extras)]
    energy = float(rng.uniform(0.15, 1.2))
    style = _style(rng, settings)
    cast = [_figure(rng, settings, frame, style, energy, maker, len(makers)) for maker in makers]
    if _chance(rng, 0.12):
        cast.append(_figure(rng, settings, frame, style, energy, _prop, len(makers)))
        _pass_by(rng, cast[-1], frame)
    return cast


def _drop_outlines(rng: Rng, cast: list[Figure], share: float) -> None:
    """Leave up to a third of the closed parts without their outline, in such a share of the figures."""
    for figure in cast:
        if _chance(rng, share):
            odds = rng.uniform(0, 1 / 3)
            figure.parts = [
                part if part.open_ended or rng.random() >= odds else replace(part, ink=None) for part in figure.parts
            ]


def _pass_by(rng: Rng, figure: Figure, frame: tuple[float, float]) -> None:
    """Make a figure cross the frame in front of all others."""
    root, way = figure.joints[0], float(rng.choice([-1, 1]))
    figure.shown = (0.0, 1.0)
    drift = Wave(0.0, way * rng.uniform(0.9, 1.6) * frame[0])
    figure.joints[0] = replace(root, pivot=(float(rng.normal(0, 0.1)), root.pivot[1]), x=drift)


def _figure(
    rng: Rng,
    settings: DrawnSettings,
    frame: tuple[float, float],
    style: Style,
    energy: float,
    maker: Callable[[Role, Joint], Figure],
    crowd: int,
) -> Figure:
    style = style if _chance(rng, 0.8) else _style(rng, settings)
    own = energy * rng.uniform(0.5, 1.3)
    role = Role(rng, Painter(rng, style), _palette(rng), own, settings.late)
    scale = rng.uniform(0.55, 1.3) if maker is not _bust else rng.uniform(0.6, 1.2)
    scale *= 1.0 if crowd < 3 else 0.75
    spread = 0.12 if crowd == 1 else 0.27
    at = (float(rng.normal(0, spread) * frame[0]), float(rng.normal(0, 0.1) * frame[1]))
    figure = maker(role, _root(rng, own, at, scale))
    if _chance(rng, 0.6):  # the figure flips like a card and keeps its face
        figure.parts = [replace(part, frontal=False) for part in figure.parts]
    figure.shown = _half(rng) if crowd > 1 and _chance(rng, settings.late) else (0.0, 1.0)
    return figure


@dataclass(frozen=True, eq=False)
class Background:
    """A flat colour, or a painting larger than the frame that the camera moves over."""

    shape: tuple[int, int]  # of the canvas
    flat: Rgb
    painting: Pixels | None  # [h, w, 4]
    parallax: float

    def draw(self, view: NDArray[np.float64], centre: NDArray[np.float64]) -> Pixels:
        """The canvas to paint on, uint8 [SUPERSAMPLE * H, SUPERSAMPLE * W, 4]."""
        if self.painting is None:
            return blank(*self.shape, self.flat, PAPER)
        size = self.shape[::-1]
        warped = cv2.warpAffine(self.painting, self.matrix(view, centre), size, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(warped, np.uint8)

    def matrix(self, view: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the painting to the canvas, [2, 3]; a flat colour stays where it is."""
        if self.painting is None:
            return np.eye(2, 3)
        height, width = self.painting.shape[:2]
        zoom = 1.6 * max(self.shape[0] / height, self.shape[1] / width) * view[0, 0] / self._unit
        move = centre + self.parallax * view[:, 2] - zoom * np.array([width, height]) / 2
        return np.array([[zoom, 0, move[0]], [0, zoom, move[1]]])

    @property
    def _unit(self) -> float:
        return float(min(self.shape))


def _background(rng: Rng, settings: DrawnSettings) -> Background:
    height, width = (SUPERSAMPLE * side for side in settings.shape)
    flat = WHITE if _chance(rng, 0.7) else _paint(rng, None)
    painted = _chance(rng, settings.painted_background)
    painting = _painting(rng, (height, width)) if painted else None
    return Background((height, width), flat, painting, float(rng.uniform(0.4, 1)))


def _painting(rng: Rng, shape: tuple[int, int]) -> Pixels:
    """A gradient with flat shapes and a soft texture, seldom with lines: uint8 [h, w, 4]."""
    height, width = shape
    ends = np.array([(*_paint(rng, None), PAPER) for _ in range(2)], np.uint8)
    grid = ends[np.array([[0, 0], [1, 1]] if _chance(rng, 0.7) else [[0, 1], [0, 1]])]
    picture = np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    ink = Ink(BLACK, INK, 1.5) if _chance(rng, 0.2) else None
    for _ in range(int(rng.integers(0, 6))):
        curve = _blob(rng, rng.uniform(0.1, 0.6) * width, rng.uniform(0.1, 0.4) * height, 0.25)
        curve = _moved(curve, rng.uniform(0, width), rng.uniform(0, height))
        cv2.fillPoly(picture, [_fixed(curve)], (*_tone(_paint(rng, None), 1.15), PAPER), cv2.LINE_8, SHIFT)
        if ink is not None:
            _stroke(picture, curve, ink, min(shape) / 512, closed=True)
    return _textured(rng, picture) if _chance(rng, 0.6) else picture


def _textured(rng: Rng, picture: Pixels) -> Pixels:
    """Brightness that varies softly; the line art (the fourth channel) stays."""
    cells = int(rng.choice([6, 16, 48]))
    noise = rng.normal(0, rng.uniform(3, 14), (cells, cells)).astype(np.float32)
    bright = cv2.resize(noise, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    shade = cv2.merge([bright, bright, bright, np.zeros_like(bright)])
    return np.asarray(cv2.add(picture, shade, dtype=cv2.CV_8U), np.uint8)


# ----------------------------------------------------------------------------------------------- degradation


@dataclass(frozen=True)
class Degradation:
    """What scanning, resizing and compression do to line art; the same for every frame of a sample.

    A default Degradation changes nothing.
    """

    thickness: int = 0  # pixels: > 0 thicker, < 0 thinner
    resize: float = 1.0  # there and back through a picture of this scale
    ink: float = 0.0  # grey of the darkest line, 0 to 1
    cut: float | None = None  # binarise at this level
    noise: float = 0.0  # standard deviation of the scan noise, 0 to 1
    quality: int | None = None  # of JPEG
    seed: int = 0

    @classmethod
    def draw(cls, rng: Rng) -> Degradation:
        """A random mix, each kind with its own probability."""
        return cls(
            thickness=int(rng.choice([-1, 1])) if _chance(rng, 0.2) else 0,
            resize=float(rng.uniform(0.5, 0.9)) if _chance(rng, 0.3) else 1.0,
            ink=float(rng.uniform(0.1, 0.5)) if _chance(rng, 0.3) else 0.0,
            cut=float(rng.uniform(0.65, 0.85)) if _chance(rng, 0.2) else None,
            noise=float(rng.uniform(0.005, 0.04)) if _chance(rng, 0.3) else 0.0,
            quality=int(rng.integers(30, 95)) if _chance(rng, 0.3) else None,
            seed=int(rng.integers(1 << 31)),
        )

    def apply(self, line: Pixels) -> Pixels:
        """line: uint8 [H, W] -> uint8 [H, W]."""
        for step in (self._reshape, self._blur, self._binarise, self._pale, self._scan, self._compress):
            line = step(line)
        return line

    def _reshape(self, line: Pixels) -> Pixels:
        """Half a pixel thicker or thinner: the mean of the line and its neighbour's reach."""
        if self.thickness == 0:
            return line
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        moved = cv2.erode(line, cross) if self.thickness > 0 else cv2.dilate(line, cross)
        kept = 0.5 if self.thickness > 0 else 0.7
        return np.asarray(cv2.addWeighted(line, kept, moved, 1 - kept, 0), np.uint8)

    def _blur(self, line: Pixels) -> Pixels:
        if self.resize == 1:
            return line
        height, width = line.shape
        size = (max(round(width * self.resize), 1), max(round(height * self.resize), 1))
        small = cv2.resize(line, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)

    def _binarise(self, line: Pixels) -> Pixels:
        if self.cut is None:
            return line
        return np.where(line < 255 * self.cut, INK, PAPER).astype(np.uint8)

    def _pale(self, line: Pixels) -> Pixels:
        table = np.rint(255 * self.ink + np.arange(256) * (1 - self.ink)).astype(np.uint8)
        return np.asarray(table[line], np.uint8)

    def _scan(self, line: Pixels) -> Pixels:
        if self.noise == 0:
            return line
        grain = np.random.default_rng(self.seed).standard_normal(line.shape, np.float32)
        return np.clip(np.rint(line + 255 * self.noise * grain), 0, 255).astype(np.uint8)

    def _compress(self, line: Pixels) -> Pixels:
        if self.quality is None:
            return line
        _, code = cv2.imencode(".jpg", line, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)


def degrade_lines(line: Pixels, rng: Rng) -> Pixels:
    """One frame of line art, uint8 [H, W], degraded at random; a sample shares one `Degradation` instead."""
    return Degradation.draw(rng).apply(line)
