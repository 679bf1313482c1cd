"""The pipeline as a library: progress, what a run may be resumed with, and how little it holds."""

from __future__ import annotations

import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_cuts import cut, draw, files_in, pixels_of, save, save_picture

from anicolor.delivery import beside
from anicolor.errors import AnicolorError, InputError, OverwriteError, PartialError
from anicolor.frames import FrameRange, Hold, Shot
from anicolor.media.open import open_film
from anicolor.models.colorizer import Colorizer, Colours, Traits
from anicolor.models.weights import load_colorizer
from anicolor.painting.palette import ColourModel
from anicolor.pipeline import Progress, Settings, check_target, colorize, make_plan
from anicolor.quality.notes import read_report

TINY = Settings(steps=1, size=64)


@pytest.fixture
def colorizer(weights):
    return load_colorizer("opdm-small", weights)


@pytest.fixture
def source(long_film):
    return open_film(long_film)


@pytest.fixture
def begin(source, long_keyframes, colorizer, out):
    """Plan and start to paint the cut of two shots; changes to the order come as keywords."""

    def run(settings=TINY, **more):
        plan = make_plan(source, long_keyframes, settings)
        return colorize(source, plan, colorizer, out, settings, **more)

    return run


@pytest.fixture
def interrupted(begin, out):
    """A run that was stopped after its first shot."""
    steps = begin()
    while next(steps).shot == 0:
        pass
    steps.close()
    assert ".anicolor.json" in files_in(out)


class Watched(Colorizer):
    """Paints everything in one colour, and keeps what it was shown."""

    traits = Traits(window=1, keyframes=2)
    settings = None

    def __init__(self):
        self.seen = []

    @property
    def networks(self):
        return {}

    def colorize(self, request, noise, steps=None):
        del noise, steps
        self.seen.append((tuple(request.lines.shape[-2:]), *(tuple(r.image.shape[-2:]) for r in request.references)))
        return Colours(torch.full((1, 3, *request.lines.shape[-2:]), 0.25))


def on_a_page(pixels, paper=(255, 255, 255), size=(240, 320)):
    """Put ``pixels`` in the middle of a large empty page."""
    page = np.full((*size, 3), paper, np.uint8)
    page[96:144, 128:192] = np.where((pixels == 255).all(axis=-1, keepdims=True), paper, pixels)
    return page


@pytest.mark.parametrize("finish", ["raw", "flat", "soft"])
@pytest.mark.parametrize(
    ("papers", "box", "size"),
    [
        ([(255, 255, 255)] * 2, True, (112, 112)),
        ([(90, 120, 130)] * 2, True, (112, 112)),
        ([(90, 120, 130), (91, 120, 130)], True, (96, 128)),
        ([(255, 255, 255)] * 2, False, (96, 128)),
    ],
    ids=["white paper", "grey paper", "two papers", "--no-box"],
)
def test_of_a_large_frame_a_colorizer_sees_what_is_drawn_and_the_rest_is_paper(
    tmp_path, out, papers, box, size, finish
):
    drawings = [draw(0, step) for step in range(4)]
    film = open_film(save(tmp_path / "film", [on_a_page(drawing.lines) for drawing in drawings], range(4)))
    painted = [on_a_page(drawings[n].colours, paper) for n, paper in zip((0, 3), papers, strict=True)]
    keyframes = save(tmp_path / "k", painted, (0, 3))
    settings = Settings(box=box, finish=finish, size=128)
    colorizer = Watched()
    list(colorize(film, make_plan(film, keyframes, settings), colorizer, out, settings))
    assert colorizer.seen == [(size, size, size)] * 2
    if size != (96, 128):
        for frame in pixels_of(out):
            assert (frame[:60] == papers[0]).all()
            assert (frame[:, 220:] == papers[0]).all()
            assert (frame[96:144, 128:192] != papers[0]).any()


def test_the_size_named_when_a_box_takes_too_much_memory_is_smaller_than_it(tmp_path, out):
    class Greedy(Watched):
        def colorize(self, request, noise, steps=None):
            super().colorize(request, noise, steps)
            raise MemoryError

    drawings = [draw(0, step) for step in range(4)]
    film = open_film(save(tmp_path / "film", [on_a_page(drawing.lines) for drawing in drawings], range(4)))
    keyframes = save(tmp_path / "k", [on_a_page(drawings[0].colours)], (0,))
    colorizer, size = Greedy(), 128
    for cure in ("at a network size of 112: try --size 80", "at a network size of 80: try --size 48"):
        settings = Settings(size=size)
        with pytest.raises(AnicolorError, match=cure):
            list(colorize(film, make_plan(film, keyframes, settings), colorizer, out, settings, overwrite=True))
        size = int(cure.split()[-1])
    assert [seen[0] for seen in colorizer.seen] == [(112, 112), (60, 80)]


def test_every_frame_is_told(begin):
    assert list(begin()) == [Progress(done, 8, (done - 1) // 4) for done in range(1, 9)]


def test_the_plan_counts_what_it_has_looked_at(source, long_keyframes):
    seen = []
    plan = make_plan(source, long_keyframes, TINY, seen.append)
    assert seen == 2 * list(range(1, 9))  # for cuts, for holds
    assert [str(shot.shot.frames) for shot in plan.shots] == ["0:4", "4:8"]
    assert plan.size == (48, 64)
    assert plan.notes == ()


@pytest.mark.usefixtures("interrupted")
def test_a_damaged_journal_is_an_error_with_a_cure(begin, out):
    (out / ".anicolor.json").write_text("{")
    with pytest.raises(AnicolorError, match=r"is damaged: begin again with --overwrite"):
        list(begin(resume=True))


@pytest.mark.usefixtures("interrupted")
def test_resume_tells_the_finished_shots_and_paints_the_others(begin, out):
    assert list(begin(resume=True)) == [
        Progress(4, 8, 0, resumed=True),
        *(Progress(done, 8, 1) for done in range(5, 9)),
    ]
    assert len(files_in(out)) == 8


def test_resume_of_nothing_begins(begin, out):
    assert len(list(begin(resume=True))) == 8
    assert len(files_in(out)) == 8


@pytest.mark.usefixtures("interrupted")
def test_resume_repaints_a_finished_shot_that_lost_a_frame(begin, out):
    (out / "A_0002.png").unlink()
    assert not any(step.resumed for step in begin(resume=True))
    assert len(pixels_of(out)) == 8


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize(
    "change", ["seed", "steps", "size", "lines", "references", "precision", "gap", "layers", "model", "trace"]
)
def test_resume_with_other_settings_is_refused(begin, out, change):
    others = {
        "seed": 1,
        "steps": 2,
        "size": 48,
        "lines": "xdog",
        "references": 1,
        "precision": "bfloat16",
        "gap": 2,
        "trace": "keep",
    }
    others |= {"layers": ("paint",), "model": ColourModel.of([(0.0, 0.0, 1.0)])}
    before = files_in(out)
    with pytest.raises(InputError, match="begun with other keyframes, settings or weights"):
        list(begin(replace(TINY, **{change: others[change]}), resume=True))
    assert files_in(out) == before


@pytest.mark.usefixtures("interrupted")
def test_a_run_may_go_on_with_another_batch(begin, out):
    assert next(begin(replace(TINY, batch=4), resume=True)).resumed
    list(begin(resume=True))
    resumed = files_in(out)
    list(begin(overwrite=True))
    assert files_in(out) == resumed


@pytest.mark.parametrize("finish", ["flat", "raw"])
def test_frames_do_not_depend_on_the_batch(source, long_keyframes, colorizer, out, finish):
    given = replace(TINY, finish=finish)
    plan, painted = make_plan(source, long_keyframes, given), []
    for batch in (1, 2, 3, None):
        list(colorize(source, plan, colorizer, out, replace(given, batch=batch), overwrite=True))
        painted.append(files_in(out))
    assert painted.count(painted[0]) == 4


@pytest.mark.usefixtures("interrupted")
def test_resume_with_another_keyframe_is_refused(begin, long_keyframes):
    save_picture(long_keyframes / "A_0005.png", draw(1, 0).colours // 2)
    with pytest.raises(InputError, match="begun with other keyframes"):
        list(begin(resume=True))


@pytest.mark.usefixtures("interrupted")
def test_resume_with_other_weights_is_refused(begin, colorizer):
    next(iter(colorizer.network.parameters())).data += 1
    with pytest.raises(InputError, match="begun with other keyframes, settings or weights"):
        list(begin(resume=True))


def test_resume_tells_yardsticks_apart(source, long_keyframes, out):
    plan = make_plan(source, long_keyframes, TINY)
    steps = colorize(source, plan, load_colorizer("copy"), out, TINY)
    while next(steps).shot == 0:
        pass
    steps.close()
    for name in ("flow", "region"):
        with pytest.raises(InputError, match="begun with other keyframes, settings or weights"):
            list(colorize(source, plan, load_colorizer(name), out, TINY, resume=True))
    assert len(list(colorize(source, plan, load_colorizer("copy"), out, TINY, resume=True))) == 5


@pytest.mark.usefixtures("interrupted")
def test_a_resumed_run_gives_the_same_frames(begin, out):
    list(begin(resume=True))
    resumed = files_in(out)
    list(begin(overwrite=True))
    assert files_in(out) == resumed


@pytest.mark.usefixtures("interrupted")
def test_check_target_says_what_colorize_will(begin, source, out):
    with pytest.raises(OverwriteError, match="unfinished run"):
        check_target(out, source, TINY)
    check_target(out, source, TINY, resume=True)
    check_target(out, source, TINY, overwrite=True)
    list(begin(resume=True))
    for resume in (False, True):
        with pytest.raises(OverwriteError, match="exists"):
            check_target(out, source, TINY, resume=resume)


@pytest.mark.parametrize(("number", "kind"), [(2, AnicolorError), (6, PartialError)])
def test_a_drawing_that_is_lost_on_the_way(source, long_keyframes, long_film, colorizer, out, number, kind):
    plan = make_plan(source, long_keyframes, TINY)
    (long_film / f"A_{number:04d}.png").unlink()
    with pytest.raises(AnicolorError, match=f"A_{number:04d}.png: no such file") as error:
        list(colorize(source, plan, colorizer, out, TINY))
    assert isinstance(error.value, kind)
    kept = 4 if kind is PartialError else 0
    assert len(list(out.glob("*.png"))) == kept


def test_no_more_frames_are_held_than_a_window_needs(tmp_path, colorizer, monkeypatch, out):
    count = 24
    drawings = [draw(0, abs(6 - step % 12)) for step in range(count)]
    source = open_film(save(tmp_path / "film", [drawing.lines for drawing in drawings], range(count)))
    keyframes = save(tmp_path / "k", [drawings[0].colours, drawings[-1].colours], (0, count - 1))
    plan = make_plan(source, keyframes, TINY)
    assert len(plan.shots) == 1
    alive, read = [], source.read

    def watched(span=None):
        for picture in read(span):
            alive.append(weakref.ref(picture))
            yield picture

    monkeypatch.setattr(source, "read", watched)
    window = colorizer.traits.window
    asked = 2 + 2  # that a drawing's colours are held steady by
    for _ in colorize(source, plan, colorizer, out, TINY):
        assert sum(reference() is not None for reference in alive) <= window + asked + 2
    assert len(alive) <= count + 4, "every frame is read once, but for the keyframes' and the first"


def test_colour_film_is_asked_about(tmp_path, long_keyframes):
    colour = open_film(save(tmp_path / "colour", [drawing.colours for drawing in cut(2)], range(1, 9)))
    with pytest.raises(InputError, match="--lines xdog"):
        make_plan(colour, long_keyframes, TINY)
    assert len(make_plan(colour, long_keyframes, replace(TINY, lines="xdog")).shots) == 2


def test_mixed_drawings_each_keep_their_depth_and_alpha(tmp_path, keyframes, colorizer, out):
    drawings = cut()
    pictures = [drawing.lines for drawing in drawings]
    pictures[1] = np.uint16(257) * pictures[1]
    pictures[2] = drawings[2].on_nothing
    source = open_film(save(tmp_path / "mixed", pictures, range(1, 5)))
    for target in (out, tmp_path / "out.mkv"):
        plan = make_plan(source, keyframes, TINY)
        list(colorize(source, plan, colorizer, target, TINY))
    kinds = [(pixels.dtype.itemsize * 8, pixels.shape[2]) for pixels in map(first_of, sorted(out.iterdir()))]
    assert kinds == [(8, 3), (16, 3), (8, 4), (8, 3)]
    assert {pixels.shape for pixels in pixels_of(tmp_path / "out.mkv")} == {(48, 64, 4)}


def first_of(path):
    from anicolor.media.images import read_picture

    return read_picture(path).pixels


@pytest.fixture
def held(tmp_path):
    """Six frames of three drawings, on twos; the first and the last drawing painted, by one of their frames."""
    drawings = cut()[:3]
    frames = [drawing.lines for drawing in drawings for _ in range(2)]
    painted = save(tmp_path / "held-painted", [drawings[0].colours, drawings[2].colours], (2, 5))
    return open_film(save(tmp_path / "held", frames, range(1, 7))), painted


def count_requests(colorizer, monkeypatch):
    requests = []
    once = colorizer.colorize

    def colorize_counted(request, noise, steps=None):
        requests.append(request)
        return once(request, noise, steps)

    monkeypatch.setattr(colorizer, "colorize", colorize_counted)
    return requests


def test_a_held_drawing_is_painted_once_and_written_for_each_frame(held, colorizer, out, monkeypatch):
    film, painted = held
    requests = count_requests(colorizer, monkeypatch)
    plan = make_plan(film, painted, TINY)
    assert [str(hold.frames) for hold in plan.holds[0]] == ["0:2", "2:4", "4:6"]
    done = [step.done for step in colorize(film, plan, colorizer, out, TINY)]
    assert done == [1, 2, 3, 4, 5, 6]
    assert len(requests) == 1
    assert requests[0].seeds == (0,)
    assert [reference.index for reference in requests[0].references] == [0, 2]
    frames = pixels_of(out)
    for first in (0, 2, 4):
        assert np.array_equal(frames[first], frames[first + 1])
    assert np.array_equal(frames[1], cut()[0].colours)  # a keyframe paints its drawing: frame 1 has it, and frame 0
    assert np.array_equal(frames[5], cut()[2].colours)


def test_without_holds_every_frame_is_painted(held, colorizer, out, monkeypatch):
    film, painted = held
    requests = count_requests(colorizer, monkeypatch)
    settings = replace(TINY, holds=False)
    list(colorize(film, make_plan(film, painted, settings), colorizer, out, settings))
    assert len(requests) == 4
    assert len(pixels_of(out)) == 6


def test_a_time_sheet_says_the_holds(held, colorizer, out, monkeypatch):
    film, painted = held
    requests = count_requests(colorizer, monkeypatch)
    said = [Hold(FrameRange(0, 2)), Hold(FrameRange(2, 3)), Hold(FrameRange(3, 6))]
    plan = make_plan(film, painted, TINY, holds=said)
    list(colorize(film, plan, colorizer, out, TINY))
    assert len(requests) == 1
    frames = pixels_of(out)
    assert all(np.array_equal(frame, cut()[2].colours) for frame in frames[3:])


def test_two_keyframes_of_one_drawing_have_each_their_frame(held, colorizer, out, tmp_path):
    film, _ = held
    drawings = cut()
    three = save(tmp_path / "three", [d.colours for d in (drawings[0], drawings[3], drawings[2])], (1, 2, 5))
    list(colorize(film, make_plan(film, three, TINY), colorizer, out, TINY))
    frames = pixels_of(out)
    assert np.array_equal(frames[0], drawings[0].colours)
    assert np.array_equal(frames[1], drawings[3].colours)


def test_no_drawing_is_held_across_a_cut(tmp_path):
    still = open_film(save(tmp_path / "still", [cut()[0].lines] * 6, range(6)))
    painted = save(tmp_path / "still-painted", [cut()[0].colours] * 2, (0, 5))
    shots = [Shot(FrameRange(0, 2)), Shot(FrameRange(2, 6))]
    for holds in (None, [Hold(FrameRange(0, 6))]):
        plan = make_plan(still, painted, TINY, shots=shots, holds=holds)
        assert [[str(hold.frames) for hold in one] for one in plan.holds] == [["0:2"], ["2:6"]]


class Flickering(Colorizer):
    """Paints the disc of ``draw`` as it should be, but for one drawing."""

    traits = Traits(window=1, keyframes=2, alone=True)
    settings = None

    @property
    def networks(self):
        return {}

    def colorize(self, request, noise, steps=None):
        del noise, steps
        page = torch.from_numpy(draw(0, request.first).colours).permute(2, 0, 1)[None].float() / 255
        if request.first == 3:
            page[:, 0], page[:, 2] = page[:, 2].clone(), page[:, 0].clone()
        return Colours(page)


@pytest.mark.parametrize("report", [True, False])
@pytest.mark.parametrize(
    ("wishes", "steady"),
    [({}, True), ({"finish": "soft"}, True), ({"finish": "raw"}, False), ({"steady": False}, False)],
)
def test_a_drawing_that_flickers_takes_the_colours_around_it(tmp_path, out, wishes, steady, report):
    drawings = [draw(0, step) for step in range(8)]
    source = open_film(save(tmp_path / "film", [drawing.lines for drawing in drawings], range(8)))
    keyframes = save(tmp_path / "k", [drawings[0].colours, drawings[7].colours], (0, 7))
    settings = replace(TINY, report=report, **wishes)
    plan = make_plan(source, keyframes, settings)
    assert list(colorize(source, plan, Flickering(), out, settings))[-1].done == 8
    middle = [tuple(pixels[30, 16 + n].tolist()) for n, pixels in enumerate(pixels_of(out))]
    red, blue = (220, 60, 50), (50, 60, 220)
    assert middle == [red if steady or n != 3 else blue for n in range(8)]
    if report:
        notes = read_report(beside(out, "report", ".json")).frames
        assert [note.corrected for note in notes] == [int(steady and n == 3) for n in range(8)]
