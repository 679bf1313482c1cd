"""A training can stop anywhere and goes on as if it had not."""

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from short_runs import started

from anicolor.data.clips import ClipSource, DrawnClips, FolderClips
from anicolor.data.synthetic import DrawnScene
from anicolor.errors import AnicolorError, InputError
from anicolor.media.sequence import read_picture
from anicolor.models.opdm.colorizer import build
from anicolor.models.opdm.objective import JointObjective
from anicolor.models.weights import load_colorizer, read_header
from anicolor.training import loop
from anicolor.training.loop import VALIDATION, Order, Progress, train, validate
from anicolor.training.run import Position, Run
from anicolor.training.team import Team
from anicolor.training.trainee import ColorizerTrainee

STEPS = 4
VALIDATION_SIDE = 64
CPU = torch.device("cpu")
Losses = dict[tuple[str, int], dict[str, float]]


@pytest.fixture(scope="module")
def order(clips: Path) -> Order:
    return Order("opdm-small", (str(clips),), steps=STEPS, batch=2, rate=0.02, side=32)


def go_on(run: Run, order: Order) -> Iterator[Progress]:
    return train(run, order, Team(CPU), workers=0)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarms")
def test_workers_start_after_opencv_has_used_threads(order: Order, whole: tuple[Run, list[Progress]], tmp_path: Path):
    """Adapted weights are judged before the first step, and judging looks for flow."""

    def late(*_: object) -> None:
        raise TimeoutError("the workers wait for threads that they do not have")

    threads = cv2.getNumThreads()
    cv2.setNumThreads(4)
    page = np.zeros((512, 512), np.uint8)
    cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(page, page, None)
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(100)
    steps = train(started(tmp_path / "run", order), replace(order, init=str(whole[0].best)), Team(CPU), workers=1)
    try:
        assert next(step for step in steps if step.losses).step == 1
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        steps.close()
        cv2.setNumThreads(threads)


def test_what_stops_a_training_sends_its_workers_home(order: Order, tmp_path: Path):
    """Also while somebody holds the exception, and by it all that was going on."""
    steps = train(started(tmp_path / "run", order), order, Team(CPU), workers=1)
    next(steps)
    workers = multiprocessing.active_children()
    with pytest.raises(KeyboardInterrupt) as held:
        steps.throw(KeyboardInterrupt)
    assert held.tb is not None
    assert len(workers) == 1
    assert not workers[0].is_alive()


def losses(steps: list[Progress]) -> Losses:
    return {(step.stage, step.step): step.losses for step in steps}


@pytest.fixture(scope="module")
def whole(order: Order, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Progress]]:
    """A training without interruption."""
    run = started(tmp_path_factory.mktemp("whole"), order)
    return run, list(go_on(run, order))


def check_resumed(run: Run, order: Order, before: list[Progress], whole: tuple[Run, list[Progress]]) -> None:
    """Resume ``run`` as a new process does; it must end where the whole training ended.

    Not to the last bit: torch's kernels round differently with where in memory a tensor happens to lie.
    """
    made = losses(before) | losses(list(go_on(Run(run.folder), order)))
    expected = losses(whole[1])
    assert made.keys() == expected.keys()
    for step, parts in expected.items():
        assert made[step] == pytest.approx(parts, abs=2e-5), step
    for name, share in (("state.safetensors", 0), ("best.safetensors", 1e-3)):  # the best are in half precision
        one, two = load_file(run.folder / name), load_file(whole[0].folder / name)
        assert one.keys() == two.keys()
        assert all(torch.allclose(one[key], two[key], share, 5e-5) for key in one)  # the rate is 2e-4 and more


@pytest.mark.parametrize(
    "taken",
    [1, STEPS, STEPS + 1, 2 * STEPS],
    ids=["in the first stage", "between the stages", "in the second stage", "after the last step"],
)
def test_a_training_closed_between_steps_goes_on(
    taken: int, order: Order, whole: tuple[Run, list[Progress]], tmp_path: Path
) -> None:
    run = started(tmp_path, order)
    steps = go_on(run, order)
    before = [next(steps) for _ in range(taken)]
    steps.close()
    assert run.position() == Position(before[-1].stage, before[-1].step, run.position().best)
    check_resumed(run, order, before, whole)


def test_two_networks_that_learn_from_each_other_go_on_too(clips: Path, tmp_path: Path) -> None:
    """Both optimizers are kept, and the discriminator learns at its own rate."""
    order = Order("deepcolorization-small", (str(clips),), steps=STEPS, batch=2, rate=0.002, side=32)
    run = started(tmp_path / "whole", order)
    whole = run, list(go_on(run, order))
    run = started(tmp_path / "parts", order)
    steps = go_on(run, order)
    before = [next(steps) for _ in range(2)]
    steps.close()
    check_resumed(run, order, before, whole)
    assert {"l1", "latent", "adversarial", "discriminator"} < whole[1][-1].losses.keys()


def test_a_network_learns_at_the_rate_and_betas_of_its_objective(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[torch.optim.Adam] = []
    adam = torch.optim.Adam

    def kept(*arguments: object, **named: object) -> torch.optim.Adam:
        made.append(adam(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(torch.optim, "Adam", kept)
    order = Order("deepcolorization-small", (str(clips),), steps=STEPS, batch=2, rate=0.002, side=32)
    next(go_on(started(tmp_path, order), order))
    slow, fast = (optimizer.param_groups[0] for optimizer in made)
    assert slow["betas"] == fast["betas"] == (0.5, 0.999)
    assert slow["lr"] == pytest.approx(0.1 * fast["lr"])


def break_off(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, calls: int) -> None:
    """Let call number ``calls`` of ``owner.name`` do its work, then raise as Ctrl-C does."""
    original: Callable[..., object] = getattr(owner, name)
    left = iter(range(calls - 1, -1, -1))

    def interrupted(*arguments: object, **named: object) -> object:
        result = original(*arguments, **named)
        if name == "turns":
            result = list(result)
        if next(left) == 0:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(owner, name, interrupted)


@pytest.mark.parametrize(
    ("owner", "name", "calls", "kept"),
    [
        (JointObjective, "turns", 3, ("joint", 2)),  # the losses are known, nothing has moved
        (torch.optim.Adam, "step", STEPS + 4, ("joint", 2)),  # moved, but not averaged: back to the checkpoint
        (loop, "validate", 1, ("joint", 2)),  # the last step is done, but not judged
    ],
    ids=["losses", "optimizer", "validation"],
)
def test_a_training_interrupted_within_a_step_goes_on(
    owner: object,
    name: str,
    calls: int,
    kept: tuple[str, int],
    order: Order,
    whole: tuple[Run, list[Progress]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, before = started(tmp_path, order), []
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):  # noqa: PT012
        patch.setattr(loop, "_CHECKPOINT", 2)
        break_off(patch, owner, name, calls)
        for step in go_on(run, order):
            before.append(step)
    position = run.position()
    assert position is not None
    assert (position.stage, position.step) == kept
    check_resumed(run, order, before, whole)


def test_a_training_killed_before_the_second_stage_s_first_checkpoint_goes_on(
    order: Order, whole: tuple[Run, list[Progress]], tmp_path: Path
) -> None:
    """Nothing of stage two is on disk: it starts again, from what stage one has learnt."""
    run = started(tmp_path, order)
    steps = go_on(run, order)
    before = [next(steps) for _ in range(STEPS + 2)]
    first = (run.folder / "state.safetensors").read_bytes()  # what a killed process leaves
    steps.close()
    (run.folder / "state.safetensors").write_bytes(first)
    assert run.position() == Position("offsets", STEPS, float("-inf"))
    check_resumed(run, order, before, whole)


def test_the_estimators_of_stage_one_are_those_of_stage_two(whole: tuple[Run, list[Progress]], order: Order) -> None:
    end = load_file(whole[0].folder / "state.safetensors")
    torch.manual_seed(order.seed)
    fresh = build(order.model).network.state_dict()
    trained = [key for key in fresh if key.startswith("adapter.estimators.")]
    assert any(not torch.equal(end[f"module/whole.network/{key}"], fresh[key]) for key in trained)


def test_every_step_is_reported(whole: tuple[Run, list[Progress]]) -> None:
    _, steps = whole
    assert [(step.stage, step.step, step.steps) for step in steps] == [
        (stage, number, STEPS) for stage in ("offsets", "joint", "choice") for number in range(1, STEPS + 1)
    ]
    assert all(step.losses["loss"] > 0 for step in steps)
    judged = [number for number, step in enumerate(steps, 1) if step.score is not None]
    assert judged == [2 * STEPS, 3 * STEPS]


def test_the_folder_of_a_run(whole: tuple[Run, list[Progress]], order: Order) -> None:
    run, steps = whole
    names = {"run.json", "log.jsonl", "state.safetensors", "best.safetensors", "samples"}
    assert {path.name for path in run.folder.iterdir()} == names
    assert run.settings() == json.loads(json.dumps(asdict(order)))
    rows = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert {"note": "no --vgg weights: the perceptual term is off"} in rows
    assert (rows[-1]["stage"], rows[-1]["step"], rows[-1]["score"]) == ("choice", STEPS, steps[-1].score)
    assert load_colorizer("opdm-small", run.best).settings == build("opdm-small").settings
    facts = json.loads(read_header(run.best)["facts"])
    assert facts["steps"] == STEPS
    best = max(step.score for step in steps if step.score is not None)
    assert facts["validation_psnr"] == pytest.approx(best, abs=1e-3)


def test_pictures_of_what_the_weights_paint_are_kept(whole: tuple[Run, list[Progress]], order: Order) -> None:
    path, other = sorted((whole[0].folder / "samples").iterdir())
    assert (path.name, other.name) == (f"choice-{STEPS:06d}.png", f"joint-{STEPS:06d}.png")
    picture = read_picture(path).pixels
    side = VALIDATION_SIDE
    assert picture.shape == (2 * side, 5 * side, 3)
    truth = [FolderClips(Path(order.data[0])).example(0, number) for number in range(2)]
    for row, example in enumerate(truth):
        columns = (*example.references, example.lines.expand(3, -1, -1), None, example.target)
        for column, shown in enumerate(columns):
            if shown is not None:
                tile = picture[row * side : (row + 1) * side, column * side : (column + 1) * side]
                assert np.array_equal(tile, (shown.permute(1, 2, 0) * 255).round().byte().numpy())


def test_the_best_weights_are_kept(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([20.0, 30.0, 25.0, 29.0, *[28.0] * STEPS])
    monkeypatch.setattr(loop, "_VALIDATE", 1)
    monkeypatch.setattr(loop, "validate", lambda *_: next(scores))
    run = started(tmp_path, order)
    list(go_on(run, order))
    assert json.loads(read_header(run.best)["facts"])["steps"] == 2
    assert run.position() == Position("choice", STEPS, 30.0)


@pytest.fixture
def adapting(order: Order, whole: tuple[Run, list[Progress]]) -> Order:
    """The weights of the whole training, adapted to the clip."""
    return replace(order, init=str(whole[0].best), steps=2)


def test_trained_weights_are_adapted(adapting: Order, whole: tuple[Run, list[Progress]], tmp_path: Path) -> None:
    run = started(tmp_path, adapting)
    steps = list(go_on(run, adapting))
    assert [(step.stage, step.step) for step in steps] == [("adapt", 0), ("adapt", 1), ("adapt", 2)]
    best = max(step.score for step in whole[1] if step.score is not None)
    assert steps[0].score == pytest.approx(best, abs=0.05)  # where they stood; in half precision
    assert steps[0].losses == {}
    assert steps[2].score is not None
    start, state = load_file(whole[0].best), load_file(run.folder / "state.safetensors")
    moved = [
        (state[f"module/train.{key.replace('.', '/', 1)}"] - value.float()).abs().max()
        for key, value in start.items()
        if key.startswith("network.")
    ]
    assert 0 < max(moved) < 0.1


def test_only_better_weights_are_kept(adapting: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([25.0, 24.0, 23.0])
    monkeypatch.setattr(loop, "_VALIDATE", 1)
    monkeypatch.setattr(loop, "validate", lambda *_: next(scores))
    run = started(tmp_path, adapting)
    list(go_on(run, adapting))
    assert not run.best.exists()
    assert run.position() == Position("adapt", 2, 25.0)


def test_adapted_weights_are_judged_on_frames_that_are_held_back(
    adapting: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ClipSource | None] = []

    def judged(_colorizer: object, _averages: object, source: ClipSource | None) -> float:
        asked.append(source)
        return 20.0

    monkeypatch.setattr(loop, "validate", judged)
    monkeypatch.setattr(FolderClips, "parted", lambda clips, *_: (clips, clips))
    list(go_on(started(tmp_path / "held", adapting), adapting))
    monkeypatch.setattr(FolderClips, "parted", lambda clips, *_: (clips, None))
    run = started(tmp_path / "short", adapting)
    list(go_on(run, adapting))
    assert [type(source) for source in asked] == [FolderClips, FolderClips, type(None), type(None)]
    assert "no clip is long enough" in (run.folder / "log.jsonl").read_text()


def test_validation_judges_the_averages_and_leaves_the_weights(order: Order) -> None:
    colorizer = build(order.model)
    network = colorizer.network
    averages, trainee = {"network": loop._average(network)}, ColorizerTrainee(order.model, colorizer)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fresh = validate(trainee, averages, examples=1)
    torch.nn.init.constant_(averages["network"].module.unet.leave.bias, 3.0)
    assert validate(trainee, averages, examples=1) != fresh
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_loss_that_is_no_number_stops_the_training(order: Order, tmp_path: Path) -> None:
    run = started(tmp_path, order)
    wild = Order(**{**asdict(order), "rate": 1e38})
    with pytest.raises(AnicolorError, match=r"the loss is (nan|inf) at step \d+: train again with a lower --rate"):
        list(go_on(run, wild))
    assert run.position() is None  # no checkpoint of broken weights


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "nope"}, "no recipe trains 'nope'"),
        ({"data": ("/nowhere",)}, "expected a folder of clips"),
        ({"side": 40}, "a crop of 40 pixels: opdm-small needs a multiple of 16"),
        ({"vgg": "/nowhere.pth"}, "vgg19-dcbb9e9d.pth"),
    ],
    ids=str,
)
def test_orders_that_cannot_be(change: dict[str, object], words: str, order: Order, tmp_path: Path) -> None:
    wrong = Order(**{**asdict(order), **change})
    with pytest.raises(InputError, match=words):
        list(go_on(started(tmp_path, order), wrong))


def test_an_order_changes_what_it_names_and_nothing_else() -> None:
    spent = Order("pscdiffusion-small", budget=600).stages()
    assert [(row.stage, row.steps) for row in spent] == [("noise", 500), ("picture", 100)]
    with pytest.raises(InputError, match="--budget of all together: give one"):
        Order("opdm", steps=3, budget=3).stages()
    plain = Order("opdm").stages()
    changed = Order("opdm", batch=3, side=64).stages()
    assert [(row.batch, row.side) for row in changed] == [(3, 64)] * len(plain)
    assert [(r.stage, r.steps, r.rate, r.unroll) for r in changed] == [
        (r.stage, r.steps, r.rate, r.unroll) for r in plain
    ]


def test_the_scenes_of_validation_are_not_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes: list[int] = []
    monkeypatch.setattr(DrawnScene, "__init__", lambda _, seed, __: scenes.append(seed))
    monkeypatch.setattr(DrawnScene, "draw", lambda _, t: (t, t))

    def drawn(source: ClipSource) -> set[int]:
        scenes.clear()
        for number in range(200):
            source.draw(np.random.default_rng(number))
        return set(scenes)

    assert max(drawn(VALIDATION)) < min(drawn(DrawnClips()))


def test_a_model_is_trained_for_one_reference(order: Order, tmp_path: Path) -> None:
    order = replace(order, references=1, steps=1)
    run = started(tmp_path, order)
    assert {step.stage for step in go_on(run, order)} == {"offsets", "joint", "choice"}
    assert load_colorizer("opdm-small", run.best).traits.keyframes == 1
    adapted = replace(order, init=str(run.best))
    list(go_on(started(tmp_path / "adapted", adapted), adapted))
    other = replace(adapted, references=2)
    with pytest.raises(InputError, match=r"--references 2: .*best\.safetensors is built for 1: leave it out"):
        next(go_on(started(tmp_path / "other", other), other))


def test_more_references_need_longer_clips(order: Order, tmp_path: Path) -> None:
    order = replace(order, references=3)
    with pytest.raises(InputError, match="clips of 4 frames at most: 3 keyframes and a frame between need 5"):
        next(go_on(started(tmp_path, order), order))
