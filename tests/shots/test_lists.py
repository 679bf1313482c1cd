"""Lists of shots: what other programs read in them, and what comes back, to the frame and to the last bit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reels import RATES, SHOTS, Reel, uneven, video

from anicolor.errors import AnicolorError, InputError
from anicolor.frames import FrameRange, Shot
from anicolor.media.film import Film, FilmInfo
from anicolor.media.open import open_film
from anicolor.shots.edl import shots_edl
from anicolor.shots.lists import read_shots, shots_json
from anicolor.shots.table import shots_csv
from anicolor.shots.timecode import is_variable
from anicolor.shots.timeline import shots_otio

Lists = Callable[[Film, list[Shot]], str]

WRITERS: dict[str, Lists] = {
    "json": lambda film, shots: json.dumps(shots_json(film.info, shots)),
    "csv": shots_csv,
    "edl": lambda film, shots: shots_edl(film.info, shots),
    "otio": shots_otio,
}
KINDS = list(WRITERS)


def reel(rate: Fraction) -> Reel:
    frames = SHOTS[-1].frames.stop
    return Reel(frames, rate, times=uneven(frames) if rate == RATES[-1] else ())


def starts(shots: list[Shot]) -> list[int]:
    return [shot.frames.start for shot in shots]


def plain(*stops: int) -> list[Shot]:
    """Cuts alone, each shot from the stop before."""
    return [Shot(FrameRange(start, stop)) for start, stop in zip((0, *stops), stops, strict=False)]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Shot]]:
    """Read a text as a list of a film of 24 frames, or of ``info``."""

    def run(text: str | bytes, suffix: str, info: FilmInfo | None = None) -> list[Shot]:
        path = tmp_path / f"list{suffix}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_shots(path, info or Reel(24).info)

    return run


# Every form, there and back


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_what_is_written_is_read(read, rate: Fraction, kind: str) -> None:
    film = reel(rate)
    text = WRITERS[kind](film, SHOTS)
    assert read(text, f".{kind}", film.info) == SHOTS
    assert read(text, ".txt", film.info) == SHOTS
    assert read(text.replace("\n", "\r\n"), f".{kind.upper()}", film.info) == SHOTS
    assert read("\ufeff" + text, "", film.info) == SHOTS


@pytest.mark.parametrize("suffix", ["mkv", "mov"])
@pytest.mark.parametrize("rate", [*RATES[:4], None], ids=str)
def test_the_lists_of_a_video_on_disk(tmp_path: Path, rate: Fraction | None, suffix: str) -> None:
    page, times = np.full((16, 16, 3), 255, np.uint8), list(uneven(12))
    path = video(tmp_path / f"film.{suffix}", [page] * 12, rate or Fraction(24), None if rate else times)
    shots = [Shot(FrameRange(0, 5)), Shot(FrameRange(5, 12), 0.5, "dissolve", FrameRange(3, 7))]
    with open_film(path) as film:
        assert is_variable(film) is (rate is None)
        assert film.info.rate == rate or rate is None
        for kind, write in WRITERS.items():
            (tmp_path / f"cut.{kind}").write_text(write(film, shots))
            assert read_shots(tmp_path / f"cut.{kind}", film.info) == shots
        timeline = otio.adapters.read_from_file(str(tmp_path / "cut.otio"))
        ends = [clip.trimmed_range_in_parent().end_time_exclusive() for clip in timeline.find_clips()]
        assert [end.value for end in ends] == [5, 12]
        # OTIO reads a mean rate such as 13.6103... one bit off, the rates of editors exactly.
        assert rate is None or {end.rate for end in ends} == {float(rate)}


@st.composite
def films(draw: st.DrawFn) -> tuple[Reel, list[Shot]]:
    cuts = draw(st.lists(st.integers(1, 3_000_000), min_size=1, max_size=12, unique=True).map(sorted))
    shots = []
    for start, stop in zip([0, *cuts], cuts, strict=False):
        kind = draw(st.sampled_from(["cut", "dissolve", "fade"])) if start else "cut"
        before, after = (draw(st.integers(0, 30)) for _ in range(2))
        blend = None if kind == "cut" else FrameRange(max(0, start - before), start + after)
        score = draw(st.floats(0, 200_000)) if start else 0.0
        shots.append(Shot(FrameRange(start, stop), score, kind, blend))
    return Reel(cuts[-1], draw(st.sampled_from(RATES))), shots


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=25)
@given(films())
def test_any_list_comes_back(
    tmp_path_factory: pytest.TempPathFactory, kind: str, film: tuple[Reel, list[Shot]]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_text(WRITERS[kind](*film))
    assert read_shots(path, film[0].info) == film[1]


# What other programs read


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_opentimelineio_reads_every_boundary(tmp_path: Path, rate: Fraction) -> None:
    film, path = reel(rate), tmp_path / "cut.otio"
    path.write_text(shots_otio(film, SHOTS))
    timeline = otio.adapters.read_from_file(str(path))
    assert timeline.global_start_time == otio.opentime.RationalTime(0, float(rate))
    clips = list(timeline.find_clips())
    (track,) = timeline.video_tracks()
    for clip, shot in zip(clips, SHOTS, strict=True):
        here = track.range_of_child(clip)
        for found in (clip.source_range, here):
            assert (found.start_time.value, found.end_time_exclusive().value) == (shot.frames.start, shot.frames.stop)
            assert found.start_time.rate == found.duration.rate == float(rate)
        media = clip.media_reference
        assert media.available_range.duration.value == film.info.frames
        assert media.target_url == (Path.cwd() / "cel film.mov").as_uri()
        assert clip.metadata["anicolor"]["kind"] == shot.kind
        assert clip.metadata["anicolor"]["stop"] == shot.frames.stop
    assert timeline.metadata["anicolor"]["rate"] == f"{rate.numerator}/{rate.denominator}"
    assert timeline.metadata["anicolor"]["variable"] is (rate == RATES[-1])


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_another_programs_parser_reads_the_edl(rate: Fraction) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    text = shots_edl(reel(rate).info, SHOTS)
    counted = round(rate)
    timeline = otio.adapters.read_from_string(text, "cmx_3600", rate=counted)
    assert timeline.name == "cel film"
    clips = list(timeline.find_clips())
    for clip, shot in zip(clips, SHOTS, strict=True):
        for found in (clip.source_range, clip.trimmed_range_in_parent()):
            assert (found.start_time.value, found.duration.value) == (shot.frames.start, len(shot.frames))
        assert clip.name == "cel film.mov"
        assert clip.metadata["cmx_3600"]["reel"] == "CELFILM"


def test_numbered_images_are_an_image_sequence() -> None:
    def media(*numbers: int):
        film = Reel(len(numbers), path="/cut/A_%04d.tga", numbers=numbers)
        text = shots_otio(film, plain(len(numbers)))
        return otio.adapters.read_from_string(text, "otio_json").find_clips()[0].media_reference

    found = media(7, 8, 9)
    assert [found.target_url_for_image_number(i) for i in (0, 2)] == [
        "file:///cut/A_0007.tga",
        "file:///cut/A_0009.tga",
    ]
    assert found.available_range.duration.value == 3
    gaps = media(7, 9, 11)
    assert isinstance(gaps, otio.schema.MissingReference)
    assert gaps.available_range.duration.value == 3


def test_the_edl_to_the_letter() -> None:
    film = Reel(40, Fraction(30000, 1001), path="Ost & Süd-Film 2.mov")
    shots = [Shot(FrameRange(0, 30)), Shot(FrameRange(30, 40), 0.25, "dissolve", FrameRange(26, 34))]
    assert shots_edl(film.info, shots) == (
        "TITLE: Ost & Süd-Film 2\n"
        "FCM: NON-DROP FRAME\n"
        "\n"
        "001  OSTSDFIL V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n"
        "* FROM CLIP NAME: Ost & Süd-Film 2.mov\n"
        "* ANICOLOR KIND: cut SCORE: 0.0 RATE: 30000/1001\n"
        "002  OSTSDFIL V     C        00:00:01:00 00:00:01:10 00:00:01:00 00:00:01:10\n"
        "* FROM CLIP NAME: Ost & Süd-Film 2.mov\n"
        "* ANICOLOR KIND: dissolve SCORE: 0.25 BLEND: 26:34 RATE: 30000/1001\n"
    )


@pytest.mark.parametrize("name", ["カット.mov", "BL.mov", "a\nb.mov", "\udce4.mov"])
@pytest.mark.parametrize("kind", KINDS)
def test_odd_names_do_no_harm(tmp_path: Path, name: str, kind: str) -> None:
    film, path = Reel(10, path=name), tmp_path / f"odd.{kind}"
    path.write_bytes(WRITERS[kind](film, plain(4, 10)).encode("utf-8", "replace"))
    assert read_shots(path, film.info) == plain(4, 10)


def test_the_csv_has_numbers_timecodes_and_times() -> None:
    film = Reel(8, Fraction(24000, 1001), numbers=(1, 2, 5, 6, 7, 8, 9, 12))
    shots = [Shot(FrameRange(0, 4)), Shot(FrameRange(4, 8), 0.5, "fade", FrameRange(3, 6))]
    rows = list(csv.DictReader(io.StringIO(shots_csv(film, shots))))
    assert rows[1] == {
        "index": "1",
        "start": "4",
        "stop": "8",
        "frames": "4",
        "first_number": "7",
        "last_number": "12",
        "start_timecode": "00:00:00:04",
        "start_seconds": "0.166833",
        "score": "0.5",
        "kind": "fade",
        "blend_start": "3",
        "blend_stop": "6",
    }
    variable = Reel(8, Fraction(12), times=uneven(8))
    rows = list(csv.DictReader(io.StringIO(shots_csv(variable, shots))))
    assert [row["start_seconds"] for row in rows] == ["0.000000", "0.294000"]


def test_shots_json() -> None:
    film = Reel(10, Fraction(24000, 1001))
    shots = [Shot(FrameRange(0, 4)), Shot(FrameRange(4, 10), 0.5, "dissolve", FrameRange(2, 6))]
    assert json.loads(json.dumps(shots_json(film.info, shots))) == {
        "schema_version": 1,
        "input": "cel film.mov",
        "rate": "24000/1001",
        "frames": 10,
        "shots": [
            {"index": 0, "start": 0, "stop": 4, "score": 0.0, "kind": "cut", "blend": None},
            {"index": 1, "start": 4, "stop": 10, "score": 0.5, "kind": "dissolve", "blend": {"start": 2, "stop": 6}},
        ],
    }


# Lists that an editor made or changed


EDITED = """TITLE:  EPISODE 3 \r
FCM: NON-DROP FRAME\r
\r
* a remark before the first event\r
\r
000001  AX       V     C        00:00:10:00 00:00:10:04 01:00:00:00 01:00:00:04\r
* FROM CLIP NAME: one.mov\r
* COMMENT: the director's choice\r
\r
000002  AX       A     C        00:00:10:00 00:00:10:04 01:00:00:00 01:00:00:04\r
000003  B002C1   AA/V  C        00:00:00:00 00:00:00:08 01:00:00:04 01:00:00:12\r
M2   B002C1       048.0                00:00:00:00\r
000004  B002C1   V     C        00:00:00:08 00:00:00:08 01:00:00:12 01:00:00:12\r
000004  AX       V     D    006 00:01:00:00 00:01:00:12 01:00:00:12 01:00:01:00\r
* TO CLIP NAME: two.mov\r
"""


def test_an_editors_edl_is_read_by_its_record_times(read) -> None:
    assert read(EDITED, ".edl") == [
        Shot(FrameRange(0, 4)),
        Shot(FrameRange(4, 15)),
        Shot(FrameRange(15, 24), kind="dissolve", blend=FrameRange(12, 18)),
    ]


def test_an_editors_drop_frame_edl(read) -> None:
    text = (
        "FCM: DROP FRAME\n001 AX V C 00:00:00:00 00:01:00:02 01:00:00:00 01:01:00:02\n"
        "002 AX V C 00:00:00:00 00:00:01:00 01:01:00;02 01:01:01;00\n"
    )
    assert read(text, ".edl", Reel(1828, Fraction(30000, 1001)).info) == plain(1800, 1828)


def test_an_edited_table(read) -> None:
    assert read("\ufeffKind;Stop;Note;Start\r\n\r\ncut;4;;0\r\n;;;\r\nFade;24;\xe4;4\r\n", ".csv") == [
        Shot(FrameRange(0, 4)),
        Shot(FrameRange(4, 24), kind="fade"),
    ]
    assert read('start,stop,"a, b"\n4,24,"x, y"\n0,4,z\n', ".csv") == plain(4, 24)
    assert read("start\tstop\n0\t24\n".encode("utf-16"), ".tsv") == plain(24)
    assert read("start,stop,note\n0,24,\xe4".encode("latin-1"), ".csv") == plain(24)


def test_a_cut_that_an_editor_moved_loses_its_blend(read) -> None:
    film = Reel(24)
    shots = [Shot(FrameRange(0, 10)), Shot(FrameRange(10, 24), 0.5, "dissolve", FrameRange(8, 12))]
    text = shots_edl(film.info, shots).replace("00:00:00:10", "00:00:00:16")
    assert read(text, ".edl") == [Shot(FrameRange(0, 16)), Shot(FrameRange(16, 24), 0.5, "dissolve")]


def timeline(*items: otio.core.Composable, tracks: int = 1) -> str:
    made = otio.schema.Timeline("edit")
    for index in range(tracks):
        track = otio.schema.Track(f"V{index}", kind=otio.schema.TrackKind.Video)
        track.extend([item.deepcopy() for item in items])
        made.tracks.append(track)
    made.tracks.append(otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio))
    return made.to_json_string()


def clip(frames: float, rate: float = 24, first: int = 100) -> otio.schema.Clip:
    span = [otio.opentime.RationalTime(count, rate) for count in (first, frames)]
    return otio.schema.Clip("a", source_range=otio.opentime.TimeRange(*span))


def test_an_editors_timeline_with_a_transition(read) -> None:
    mixed = otio.schema.Transition(
        in_offset=otio.opentime.RationalTime(3, 24), out_offset=otio.opentime.RationalTime(2, 24)
    )
    expected = [Shot(FrameRange(0, 10)), Shot(FrameRange(10, 24), kind="dissolve", blend=FrameRange(7, 12))]
    assert read(timeline(clip(10), mixed, clip(14)), ".otio") == expected
    rounded = timeline(clip(10, 23.976), clip(14, 23.976))
    assert read(rounded, ".otio", Reel(24, Fraction(24000, 1001)).info) == plain(10, 24)


# Lists that do not fit


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("shots", "said"),
    [
        (plain(4, 20), r"no shot has frames 20 to 23: a list covers the whole film"),
        (plain(4, 24)[1:], r"no shot has frames 0 to 3"),
        ([*plain(4), Shot(FrameRange(5, 24))], r"no shot has frame 4:"),
        ([*plain(6), Shot(FrameRange(4, 24))], r"two shots have frames 4 to 5: one ends where the next begins"),
        (plain(4, 30), r"ends after frame 29, but the film cel film.mov has 24 frames, 0 to 23"),
        ([], r"no shot in it"),
    ],
)
def test_a_list_that_does_not_cover_the_film(read, kind: str, shots: list[Shot], said: str) -> None:
    if kind == "otio" and shots and (shots[0].frames.start or len(shots) > 1):
        shots_of = [clip(len(shot.frames)) for shot in shots]
        gaps = [b.frames.start - a.frames.stop for a, b in zip([Shot(FrameRange(0, 0)), *shots], shots, strict=False)]
        if min(gaps) < 0:
            pytest.skip("a track has no overlaps")
        gap = [otio.schema.Gap(source_range=clip(count, first=0).source_range) for count in gaps]
        text = timeline(*(item for pair in zip(gap, shots_of, strict=True) for item in pair))
    else:
        text = WRITERS[kind](Reel(40), shots)
        if kind == "otio" and not shots:
            said = "has 0 video tracks with clips: expected one"
    with pytest.raises(InputError, match=said) as error:
        read(text, f".{kind}")
    assert "\n" not in str(error.value)
    assert f"list.{kind}: " in str(error.value)


@pytest.mark.parametrize("kind", ["json", "edl", "otio"])
@pytest.mark.parametrize(("mine", "films"), [(24, 25), ("24", "24000/1001"), ("30000/1001", "30")])
def test_another_rate_is_refused(read, kind: str, mine, films) -> None:
    text = WRITERS[kind](Reel(24, Fraction(mine)), plain(4, 24))
    with pytest.raises(InputError, match=r"counts at .* frames a second, the film at .*--rate"):
        read(text, f".{kind}", Reel(24, Fraction(films)).info)


def test_drawings_are_named_by_their_own_numbers(read) -> None:
    film = Reel(8, numbers=(1, 2, 5, 6, 7, 8, 9, 12))
    with pytest.raises(InputError, match=r"no shot has frames 4 to 7 \(drawings 7 to 12\)"):
        read("start,stop\n0,4\n", ".csv", film.info)


@pytest.mark.parametrize(
    ("suffix", "text", "said"),
    [
        (".json", "{", "Expecting property name"),
        (".json", "[" * 100_000, "recursion"),
        (".json", "[]", "expected an object with shots"),
        (".json", '{"shots": [{"start": 0}]}', "shot 0 has no start and stop"),
        (".json", '{"shots": [{"start": 0, "stop": "x"}]}', "shot 0 has no start and stop"),
        (".json", '{"shots": [{"start": 4, "stop": 4}]}', "the shot 4:4 has no frame"),
        (".json", '{"shots": [{"start": -4, "stop": 4}]}', "the shot -4:4 has no frame"),
        (".json", '{"shots": [{"start": 0, "stop": 24, "score": "high"}]}', "the score 'high': expected a number"),
        (".json", '{"shots": [{"start": 0, "stop": 24, "score": NaN}]}', "the score nan"),
        (".json", '{"shots": [{"start": 0, "stop": 24, "kind": "wipe"}]}', "'wipe': expected cut, dissolve, fade"),
        (".json", '{"shots": [{"start": 0, "stop": 24, "blend": 3}]}', "the blend 3"),
        (".csv", "", "its first line does not name them"),
        (".csv", "begin,end\n0,24\n", "the columns start and stop"),
        (".csv", "start,stop\n0\n", "line 2: stop is ''"),
        (".csv", "start,stop\n0,1.5\n", "line 2: stop is '1.5': expected a frame's ordinal"),
        (".csv", "start,stop\n0,24\n\n24,24\n", "line 4: the shot 24:24 has no frame"),
        (".csv", "start,stop,score\n0,24,big\n", "line 2: .* the score 'big'"),
        (".edl", "TITLE: x\n001 AX V C 00:00:00:00\n", "line 2 cannot be read as an event: 001 AX V C"),
        (".edl", "001 AX V C 00:00:00:00 00:00:00:29 00:00:00:00 00:00:00:29\n", "line 1: .* frame 29 of a second"),
        (".edl", "001 AX V C 00:00:00:05 00:00:00:05 00:00:00:05 00:00:00:05\n", "the shot 5:5 has no frame"),
        (".otio", "{", "cannot be read as OpenTimelineIO"),
        (".otio", "{}", "no OpenTimelineIO timeline"),
        (".otio", timeline(clip(24), tracks=2), "has 2 video tracks with clips: expected one"),
        (".otio", timeline(clip(10.5), clip(13.5)), "between two frames"),
        (".txt", "hello", "no list of shots: expected JSON, CSV"),
        ("", "", "no list of shots"),
    ],
)
def test_what_is_no_list_is_one_clear_line(read, suffix: str, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        read(text, suffix)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_no_file(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "gone.edl", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(AnicolorError, match=said):
            read_shots(path, Reel(24).info)
