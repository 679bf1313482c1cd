"""Pictures for the quality report's page: the frames that need an eye, and the shots."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from anicolor.pages.image import Thumbnail, img
from anicolor.pages.words import counted, percent, span
from anicolor.quality.gallery import DOUBT, STRETCH, Look, strips
from anicolor.quality.notes import CutReport, FrameNote, RegionNote, hex_colour

__all__ = ["eye_cards", "shot_cards", "swatch"]

_DIAMOND = '<i class="diamond" title="keyframe"></i>'
_EARLIER = '<p class="earlier">painted by an earlier run</p>'
# With fewer pictures a shot does not fill a row of the page.
_ROW = 4
# More cards than these are folded.
_OPEN, _OPEN_FEW = 8, 60


def eye_cards(report: CutReport, frames: Sequence[FrameNote], looks: Mapping[int, Look]) -> str:
    """Return a card for each of ``frames``, in the order given; nothing where there is none."""
    keyframes = [frame for frame in report.frames if frame.keyframe]
    cards = [
        _card(place, frame, looks.get(frame.index), _nearest(frame, keyframes)) for place, frame in enumerate(frames, 1)
    ]
    has_doubt = any(look.doubt is not None for look in looks.values())
    kind = "eyes" if has_doubt or not looks else "eyes alone"
    return _legend(has_doubt=has_doubt) + _folded(cards, kind, _OPEN, "frame") if cards else ""


def shot_cards(report: CutReport, small: Mapping[int, Thumbnail]) -> str:
    """Return a strip of pictures for each shot, or for some where there are very many."""
    shown = strips(report.shots)
    by_shot: dict[int, list[FrameNote]] = {shot: [] for shot in shown}
    for frame in report.frames:
        if frame.shot in shown:
            by_shot[frame.shot].append(frame)
    cards = [_shot(shot, by_shot[shot], shown[shot], small) for shot in shown]
    few = max((len(strip) for strip in shown.values()), default=0) < _ROW
    said = "" if len(shown) == len(report.shots) else f'<p class="fine">{len(shown):,} of the shots are shown.</p>'
    return _folded(cards, "shots few" if few else "shots", _OPEN_FEW if few else _OPEN, "shot") + said if cards else ""


def swatch(colour: tuple[int, int, int]) -> str:
    """Return a patch of ``colour``, and its name."""
    name = hex_colour(colour)
    return f'<i class="patch" style="background:{name}"></i><code>{name}</code>'


def _folded(cards: Sequence[str], kind: str, most: int, what: str) -> str:
    first, more = "".join(cards[:most]), "".join(cards[most:])
    shown = f'<div class="{kind}">{first}</div>'
    if not more:
        return shown
    summary = f"<summary>{counted(len(cards) - most, f'more {what}')}</summary>"
    return f'{shown}<details>{summary}<div class="{kind}">{more}</div></details>'


def _card(place: int, frame: FrameNote, look: Look | None, nearest: str) -> str:
    said = [f"shot {frame.shot}", nearest, _sure(frame)]
    if frame.unsure:
        said.append(f"{percent(frame.unsure)} of the drawing is unsure")
    if frame.corrected:
        said.append(f"{counted(frame.corrected, 'region')} flickered")
    if frame.moved:
        said.append(f"{counted(frame.moved, 'pixel')} moved far")
    facts = "".join(f"<li>{one}</li>" for one in said if one)
    pictures = _EARLIER if look is None else _pictures(frame, look)
    return (
        f'<article class="eye"><header><h3><span class="place">{place}</span> Frame {frame.number}</h3>'
        f'<ul class="said">{facts}</ul></header>{pictures}{_regions(frame.regions)}</article>'
    )


def _pictures(frame: FrameNote, look: Look) -> str:
    boxes = "".join(_box(place, region, look) for place, region in enumerate(frame.regions, 1))
    painted = _figure(look.painted, f"frame {frame.number}, painted", "Painted", boxes)
    doubt = "" if look.doubt is None else _figure(look.doubt, f"frame {frame.number}, doubt", "Where it is unsure")
    return painted + doubt


def _figure(picture: Thumbnail, text: str, caption: str, over: str = "") -> str:
    # No taller than this, however tall the frame: cards of portraits would fill the page.
    wide = f"max-width:{19 * picture.width / picture.height:.1f}rem"
    image = f'<div class="boxed" style="{wide}">{img(picture.file, picture.width, picture.height, text)}{over}</div>'
    return f'<figure><div class="mount">{image}</div><figcaption>{caption}</figcaption></figure>'


def _box(place: int, region: RegionNote, look: Look) -> str:
    left, top, right, bottom = region.box
    # By its middle: a box of a few pixels is drawn larger than it is.
    x, y = 50 * (left + right) / look.width, 50 * (top + bottom) / look.height
    width, height = 100 * (right - left) / look.width, 100 * (bottom - top) / look.height
    where = f"left:{x:.2f}%;top:{y:.2f}%;width:{width:.2f}%;height:{height:.2f}%"
    return f'<span class="box" style="{where}"><b>{place}</b></span>'


def _sure(frame: FrameNote) -> str:
    """Say how sure the model is of a frame; nothing where it cannot tell."""
    return "" if frame.confidence is None else f"{percent(frame.confidence)} sure"


def _regions(regions: Sequence[RegionNote]) -> str:
    rows = "".join(
        f"<li>{swatch(region.colour)}<span>{percent(region.confidence)}</span><span>{region.area:,} px</span></li>"
        for region in regions
    )
    return f'<ol class="regions" title="colour, confidence, area">{rows}</ol>' if rows else ""


def _nearest(frame: FrameNote, keyframes: Sequence[FrameNote]) -> str:
    """Say how far the nearest keyframe of the same shot is."""
    at = bisect_left(keyframes, frame.index, key=lambda one: one.index)
    near = [one for one in keyframes[max(0, at - 1) : at + 1] if one.shot == frame.shot]
    if not near:
        return "no keyframe in this shot"
    key = min(near, key=lambda one: abs(one.index - frame.index))
    return f"{counted(abs(key.index - frame.index), 'frame')} from keyframe {key.number}"


def _legend(*, has_doubt: bool) -> str:
    slight, entire = map(hex_colour, DOUBT)
    ramp = f'<i class="ramp" style="background:linear-gradient(to right,#eee,{slight} 35%,{entire})"></i>'
    marks = [f"sure {ramp} unsure"] if has_doubt else []
    marks.append(f"of {STRETCH} frames in a row only the worst")
    return f'<p class="legend">{"".join(f"<span>{mark}</span>" for mark in marks)}</p>'


def _shot(index: int, frames: Sequence[FrameNote], shown: Sequence[int], small: Mapping[int, Thumbnail]) -> str:
    numbers = span([frame.number for frame in frames])
    facts = [f"frames {numbers}" if len(frames) > 1 else f"frame {numbers}", *_shot_facts(frames)]
    wanted = set(shown)
    pictures = "".join(
        _small(frame, small[frame.index]) for frame in frames if frame.index in wanted and frame.index in small
    )
    if not frames:
        facts, pictures = [], '<p class="earlier">not painted</p>'
    said = "".join(f"<span>{fact}</span>" for fact in facts)
    strip = f'<div class="strip">{pictures or _EARLIER}</div>'
    return f'<article class="shot"><header><h3>Shot {index}</h3>{said}</header>{strip}</article>'


def _shot_facts(frames: Sequence[FrameNote]) -> Sequence[str]:
    given = sum(frame.keyframe for frame in frames)
    known = [frame.confidence for frame in frames if not frame.keyframe and frame.confidence is not None]
    keyframes = counted(given, "keyframe") if given else "no keyframe of its own"
    return [keyframes, f"{percent(sum(known) / len(known))} sure on average"] if known else [keyframes]


def _small(frame: FrameNote, picture: Thumbnail) -> str:
    image = img(picture.file, picture.width, picture.height, f"frame {frame.number}")
    said, bar = "", ""
    if frame.keyframe:
        said, bar = _DIAMOND, '<div class="whole"></div>'
    elif frame.confidence is not None:
        said, bar = percent(frame.confidence), f'<div><i style="width:{100 * frame.confidence:.0f}%"></i></div>'
    return f"<figure>{image}{bar}<figcaption><b>{frame.number}</b><span>{said}</span></figcaption></figure>"
