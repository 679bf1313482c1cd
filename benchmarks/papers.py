"""Train all five papers at one small size on one budget, and score them on the same scenes.

    python benchmarks/papers.py                              # about five hours of one core
    python benchmarks/papers.py --papers pscdiffusion-small  # one of them
    python benchmarks/papers.py --budget 200 --clips 2       # a first look

The small forms have 4.7 to 5.8 million parameters (``anicolor models``). Each learns from 400 drawn examples, in
``--budget`` optimizer steps of 8 of 128 pixels, shared out among its stages as its recipe does. opdm-small,
deepcolorization-small and pscdiffusion-small also follow the keyframes by lineflow, which learned on other drawn scenes
before.
What they paint is scored as the networks make it (no finish, no steadying, no refiner), on drawn scenes of
unseen seeds, keyframes every 16th drawing and the last, whole frames: inside the drawing would be, for each, where it
painted anything, and noise on the paper would make more of it. Trainings lie in the folder ``--runs``; one that was
stopped goes on. Rows that are not asked for stay as they are in papers.json; the table is written into docs/results.md.
Seconds (of one core; on a GPU: of the clock) and memory (on a GPU: its own) are those of a process that paints the
first of the scenes, reading and writing included: they are to be compared within one table, from one machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from anicolor.data.clips import draw_clips
from anicolor.data.synthetic import DrawnSettings
from anicolor.models.device import pick_device
from anicolor.models.weights import load_colorizer
from anicolor.pipeline import Settings
from anicolor.trials import paint_clip, spaced

ROOT = Path(__file__).parents[1]
SCORES = ROOT / "benchmarks" / "papers.json"
PAGE = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- papers -->\n", "<!-- end of papers -->"

PAPERS = (
    "opdm-small",
    "deepcolorization-small",
    "animediffusion-small",
    "pscdiffusion-small",
    "colorizediffusion-small",
)
YARDSTICK = "copy"
BATCH, SIDE, POOL = "8", "128", "400"
FRAMES = 33  # of a scene, as anicolor eval draws it
COLUMNS = {
    "PSNR, dB": ("psnr", "rgb", 1, "{:.2f}"),
    "SSIM": ("ssim", "gaussian 11, sigma 1.5", 1, "{:.3f}"),
    "CDC": ("cdc", "strides 1, 2, 4", 1000, "{:.2f}e-3"),
    "warp error[dis]": ("warp_error[dis]", "flow from truth", 1000, "{:.2f}e-3"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", nargs="+", choices=(*PAPERS, YARDSTICK), default=(*PAPERS, YARDSTICK))
    parser.add_argument("--budget", type=int, default=400, help="optimizer steps of all stages")
    parser.add_argument("--clips", type=int, default=8, help="scenes to score")
    parser.add_argument("--runs", type=Path, default=Path("runs/papers"), help="folder of the trainings")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--cost", type=Path, help=argparse.SUPPRESS)  # the scene that a process of its own paints
    asked = parser.parse_args()
    if asked.cost:
        print(json.dumps(cost(asked.papers[0], asked)))
        return
    for name in asked.papers:
        row: dict[str, Any] = {
            "model": name,
            "budget": asked.budget,
            **trained(name, asked),
            **scored(name, asked),
            **paid(name, asked),
        }
        # Read only now: another run may have added its rows.
        board: dict[str, Any] = {"schema_version": 1, "rows": []}
        if SCORES.exists():
            board = json.loads(SCORES.read_text())
        others = [other for other in board["rows"] if other["model"] != name]
        board["rows"] = sorted([*others, row], key=lambda r: (*PAPERS, YARDSTICK).index(r["model"]))
        SCORES.write_text(json.dumps(board, indent=2) + "\n")
        PAGE.write_text(with_table(PAGE.read_text(), board))


def weights(name: str, asked: argparse.Namespace) -> Path | None:
    """Return where the best weights of a training lie."""
    return None if name == YARDSTICK else asked.runs / f"{name}-{asked.budget}" / "best.safetensors"


def trained(name: str, asked: argparse.Namespace) -> dict[str, str]:
    """Begin a training on the budget, go on with it or find it done; return its command."""
    if name == YARDSTICK:
        return {}
    folder = asked.runs / f"{name}-{asked.budget}"
    where = ["train", name, "--out", str(folder)]
    begin = [*where, "--budget", str(asked.budget), "--batch", BATCH, "--crop", SIDE, "--pool", POOL]
    now = [*where, "--resume"] if (folder / "run.json").exists() else begin
    subprocess.run([sys.executable, "-m", "anicolor", *now, "--device", asked.device], check=True)
    return {"train": " ".join(["anicolor", *begin])}


def scored(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Return the scores of what the trained model paints, and the command that repeats them."""
    order = ["eval", "--model", name, "--data", "drawn", "--clips", str(asked.clips)]
    order += ["--finish", "raw", "--no-refine", "--psnr", "--ssim", "--cdc", "--warp-error", "--json"]
    if (best := weights(name, asked)) is not None:
        order += ["--weights", str(best)]
    command = [sys.executable, "-m", "anicolor", *order, "--device", asked.device]
    facts = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {
        "command": " ".join(["anicolor", *order]),
        "scores": [
            {"metric": row["metric"], "variant": row["variant"], "mean": row["mean"], "truth": row["truth"]}
            for row in facts["metrics"]
        ],
    }


def paid(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Return what painting costs, measured in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="anicolor-papers-") as scratch:
        command = [sys.executable, __file__, "--cost", scratch, "--papers", name, "--budget", str(asked.budget)]
        command += ["--runs", str(asked.runs), "--device", asked.device]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(said)
    return found


def cost(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds a frame and the most GiB that painting the first scene takes, and on what."""
    (clip,) = draw_clips(asked.cost, 1, DrawnSettings(frames=FRAMES, size=512))
    colorizer = load_colorizer(name, weights(name, asked), str(pick_device(asked.device)))
    keyframes = spaced(range(FRAMES), 16)
    settings = Settings(finish="raw", steady=False)
    clock = time.process_time if colorizer.device.type == "cpu" else time.monotonic
    start = clock()
    for _ in paint_clip(clip, keyframes, colorizer, asked.cost / "painted", settings):
        pass
    seconds = clock() - start
    if colorizer.device.type == "cuda":
        device, held = torch.cuda.get_device_name(), torch.cuda.max_memory_allocated() / 2**30
    else:
        device = f"CPU, threads: {torch.get_num_threads()}"
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"device": device, "seconds": round(seconds / (FRAMES - len(keyframes)), 3), "gib": round(held, 2)}


def table(board: dict[str, Any]) -> str:
    """Return the table of all rows; the truth's own CDC and warp error come last."""
    heads = ["", "steps", *COLUMNS, "seconds a frame", "GiB", "on"]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    for row in board["rows"]:
        steps = "" if row["model"] == YARDSTICK else str(row["budget"])
        costs = f"{row['seconds']:.2f}", f"{row['gib']:.1f}", row["device"]
        lines.append("| " + " | ".join([f"`{row['model']}`", steps, *_cells(row, "mean"), *costs]) + " |")
    if board["rows"]:
        truth = ["*the truth itself*", "", *_cells(board["rows"][0], "truth"), "", "", ""]
        lines.append("| " + " | ".join(truth) + " |")
    orders = [row[kind] for row in board["rows"] for kind in ("train", "command") if kind in row]
    return "\n".join([*lines, "", "The commands of the rows:", "", *(f"- `{order}`" for order in orders)]) + "\n"


def with_table(page: str, board: dict[str, Any]) -> str:
    """Return ``page`` with the table between its two marks."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + table(board) + END + rest.split(END)[1]


def _cells(row: dict[str, Any], of: str) -> list[str]:
    scores = {(score["metric"], score["variant"]): score[of] for score in row["scores"]}
    found = [(scores.get((metric, variant)), scale, form) for metric, variant, scale, form in COLUMNS.values()]
    return ["" if value is None else form.format(scale * value) for value, scale, form in found]


if __name__ == "__main__":
    main()
