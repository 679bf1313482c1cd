"""Shots as an OpenTimelineIO timeline, and back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import quote

from anicolor.frames import FrameRange, Shot
from anicolor.media.film import Film, FilmInfo
from anicolor.media.sequence import parse_name
from anicolor.shots.remarks import other_rate, shot_of, to_blend
from anicolor.shots.timecode import is_variable

__all__ = ["read_otio", "shots_otio"]

_OURS = "anicolor"
_SAME_RATE = 2e-4  # relative: editors round 24000/1001 to 23.976; it is 1e-3 from 24
_WHOLE = 1e-6  # frames


def shots_otio(film: Film, shots: Sequence[Shot]) -> str:
    """Return the shots as OTIO JSON: one video track, a clip each; its times are frame ordinals at the film's rate.

    The media is named by its absolute ``file://`` URL, which editors find wherever the list lies; numbered images are
    an image sequence, or missing media where their numbers have gaps: OTIO would show drawings longer there. Every
    shot is a cut, as in an EDL. ``metadata.anicolor`` has what OTIO has no field for; scores are text there, as OTIO
    reads some numbers back one bit off. A film of variable rate is counted at its mean rate, and says ``variable``.
    """
    import opentimelineio as otio

    info = film.info
    rate = float(info.rate)
    facts = {"schema_version": 1, "rate": f"{info.rate.numerator}/{info.rate.denominator}", "frames": info.frames}
    facts |= {"variable": is_variable(film)}
    timeline = otio.schema.Timeline(
        _text(info.path.stem), global_start_time=otio.opentime.RationalTime(0, rate), metadata={_OURS: facts}
    )
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    for index, shot in enumerate(shots):
        track.append(
            otio.schema.Clip(
                f"{_text(info.path.stem)} {index:03d}",
                media_reference=_media(film),
                source_range=_range(shot.frames, rate),
                metadata={_OURS: _facts(shot, info)},
            )
        )
    return str(timeline.to_json_string()) + "\n"


def read_otio(text: str, rate: Fraction) -> list[Shot]:
    """Return the shots of a timeline, by where the items of its one video track begin and end.

    A transition becomes a dissolve of the shot that it leads to. A gap is no shot: it is a hole in the list.

    Raises:
        ValueError: no timeline, not one video track with clips, another rate, or times between two frames.
    """
    import opentimelineio as otio

    try:
        timeline = otio.adapters.read_from_string(text, "otio_json")
    except (otio.exceptions.OTIOError, ValueError) as error:
        raise ValueError(f"cannot be read as OpenTimelineIO ({' '.join(str(error).split())})") from None
    if not isinstance(timeline, otio.schema.Timeline):
        raise ValueError("has no OpenTimelineIO timeline in it")
    tracks = [track for track in timeline.video_tracks() if any(isinstance(i, otio.schema.Clip) for i in track)]
    if len(tracks) != 1:
        raise ValueError(f"has {len(tracks)} video tracks with clips: expected one")
    return list(_shots(tracks[0], rate))


def _text(name: str) -> str:
    # A file name that is no UTF-8 comes as lone surrogates, which OTIO cannot carry.
    return name.encode("utf-8", "replace").decode("utf-8")


def _range(frames: FrameRange, rate: float) -> Any:
    import opentimelineio as otio

    first, length = (otio.opentime.RationalTime(count, rate) for count in (frames.start, len(frames)))
    return otio.opentime.TimeRange(first, length)


def _media(film: Film) -> Any:
    import opentimelineio as otio

    info = film.info
    rate, whole = float(info.rate), _range(FrameRange(0, info.frames), float(info.rate))
    if info.kind == "video":
        return otio.schema.ExternalReference(info.path.resolve().as_uri(), whole)
    first = parse_name(info.path.parent / film.name(0))
    gaps = info.numbers[-1] - info.numbers[0] >= info.frames
    folder = info.path if info.path.is_dir() else info.path.parent
    if first is None or gaps:
        return otio.schema.MissingReference(_text(info.path.name), whole)
    return otio.schema.ImageSequenceReference(
        target_url_base=f"{folder.resolve().as_uri()}/",
        name_prefix=quote(os.fsencode(first.series)),
        name_suffix=quote(os.fsencode(f"{first.letter}{first.path.suffix}")),
        start_frame=info.numbers[0],
        frame_step=1,
        rate=rate,
        frame_zero_padding=len(first.digits),
        available_range=whole,
    )


def _facts(shot: Shot, info: FilmInfo) -> dict[str, Any]:
    start, stop = shot.frames.start, shot.frames.stop
    facts = {"start": start, "stop": stop, "score": repr(shot.score), "kind": shot.kind}
    facts |= {"first_number": info.numbers[start], "last_number": info.numbers[stop - 1]}
    return facts if shot.blend is None else facts | {"blend": str(shot.blend)}


def _shots(track: Any, rate: Fraction) -> Iterator[Shot]:
    import opentimelineio as otio

    place = 0
    mixed: FrameRange | None = None  # the frames of the transition that leads to the next item
    for item in track:
        if isinstance(item, otio.schema.Transition):
            before, after = (_frames(time, rate, "a transition") for time in (item.in_offset, item.out_offset))
            mixed = FrameRange(max(0, place - before), place + after)
            continue
        length = _frames(item.duration(), rate, item.name or "an item")
        if not isinstance(item, otio.schema.Gap):
            yield _shot(item.metadata, place, place + length, mixed)
        place, mixed = place + length, None


def _frames(time: Any, rate: Fraction, what: str) -> int:
    if abs(time.rate / float(rate) - 1) > _SAME_RATE:
        raise other_rate(f"{time.rate:.6g}", rate)
    if abs(time.value - round(time.value)) > _WHOLE:
        raise ValueError(f"{what} ends between two frames ({time.value:.6g}): expected a whole number of frames")
    frames: int = round(time.value)
    return frames


def _shot(metadata: Any, start: int, stop: int, mixed: FrameRange | None) -> Shot:
    if mixed is not None and start:
        return shot_of(start, stop, None, "dissolve", mixed)
    ours = metadata.get(_OURS)
    facts: dict[str, Any] = dict(ours) if hasattr(ours, "items") else {}
    blend = facts.get("blend")
    return shot_of(start, stop, facts.get("score"), facts.get("kind"), to_blend(None if blend is None else str(blend)))
