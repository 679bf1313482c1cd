"""Train all five papers at one small size on one budget, and score them on the same scenes.

    python benchmarks/papers.py                              # hours on a CPU, minutes on a GPU
    python benchmarks/papers.py --papers pscdiffusion-small  # one of them
    python benchmarks/papers.py --budget 200 --clips 2       # a first look

The small forms have 4.7 to 5.8 million parameters (``anicolor models``). Each learns from as many examples:
``--budget`` optimizer steps of 8 drawn ones of 128 pixels, shared out among its stages as its recipe does.
What they paint is scored as the networks make it (no finish, no steadying, no refiner), on drawn scenes of unseen
seeds, inside the drawing, keyframes every 16th drawing and the last. Trainings lie in the folder ``--runs``; one that
was stopped goes on. Rows that are not asked for stay as they are in papers.json; the table is written into
docs/results.md. Seconds and memory a frame are of painting and scoring together: they are to be compared within one
table, from one machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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
BATCH, SIDE = "8", "128"
COLUMNS = {
    "PSNR, dB": ("psnr", "rgb, inside the drawing", 1, "{:.2f}"),
    "SSIM": ("ssim", "gaussian 11, sigma 1.5, inside the drawing", 1, "{:.3f}"),
    "CDC": ("cdc", "strides 1, 2, 4, inside the drawing", 1000, "{:.2f}e-3"),
    "warp error[dis]": ("warp_error[dis]", "flow from truth, inside the drawing", 1000, "{:.2f}e-3"),
}
MEASURE = """
import resource, runpy, sys
sys.argv = ["anicolor", *sys.argv[1:]]
try:
    runpy.run_module("anicolor", run_name="__main__")
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", nargs="+", choices=(*PAPERS, YARDSTICK), default=(*PAPERS, YARDSTICK))
    parser.add_argument("--budget", type=int, default=600, help="optimizer steps of all stages")
    parser.add_argument("--clips", type=int, default=8, help="scenes to score")
    parser.add_argument("--runs", type=Path, default=Path("runs/papers"), help="folder of the trainings")
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    for name in asked.papers:
        weights = None if name == YARDSTICK else trained(name, asked)
        row = {"model": name, "budget": asked.budget, **scored(name, weights, asked)}
        # Read only now: another run may have added its rows.
        board = json.loads(SCORES.read_text()) if SCORES.exists() else {"schema_version": 1, "rows": []}
        others = [other for other in board["rows"] if other["model"] != name]
        board["rows"] = sorted([*others, row], key=lambda r: (*PAPERS, YARDSTICK).index(r["model"]))
        SCORES.write_text(json.dumps(board, indent=2) + "\n")
        PAGE.write_text(with_table(PAGE.read_text(), board))


def trained(name: str, asked: argparse.Namespace) -> Path:
    """Return the best weights of a training on the budget, which is begun, gone on with, or found done."""
    folder = asked.runs / f"{name}-{asked.budget}"
    command = ["train", name, "--out", str(folder), "--device", asked.device]
    if (folder / "run.json").exists():
        command.append("--resume")
    else:
        command += ["--budget", str(asked.budget), "--batch", BATCH, "--crop", SIDE]
    subprocess.run([sys.executable, "-m", "anicolor", *command], check=True)
    best: Path = folder / "best.safetensors"
    return best


def scored(name: str, weights: Path | None, asked: argparse.Namespace) -> dict[str, Any]:
    order = ["eval", "--model", name, "--data", "drawn", "--clips", str(asked.clips), "--mask", "drawing"]
    order += ["--finish", "raw", "--no-refine", "--psnr", "--ssim", "--cdc", "--warp-error", "--json"]
    given = ["--device", asked.device, *(["--weights", str(weights)] if weights else [])]
    command = [sys.executable, "-c", MEASURE, *order, *given]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    facts = json.loads(done.stdout)
    found = {(row["metric"], row["variant"]): row for row in facts["metrics"]}
    frames = sum(value is not None for value in found["psnr", COLUMNS["PSNR, dB"][1]]["frames"])
    return {
        "command": " ".join(["anicolor", *order]),
        "device": asked.device,
        "seconds": round(facts["seconds"] / frames, 3),
        "gib": round(int(done.stderr.split()[-1]) / 2**20, 2),
        "scores": [
            {"metric": metric, "variant": variant, "mean": row["mean"], "truth": row["truth"]}
            for (metric, variant), row in found.items()
        ],
    }


def table(board: dict[str, Any]) -> str:
    """Return the table of all rows; the truth's own CDC and warp error come last."""
    heads = ["", "steps", *COLUMNS, "seconds a frame", "GiB"]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    for row in board["rows"]:
        steps = "" if row["model"] == YARDSTICK else str(row["budget"])
        cells = [f"`{row['model']}`", steps, *_cells(row, "mean"), f"{row['seconds']:.2f}", f"{row['gib']:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    if board["rows"]:
        lines.append("| " + " | ".join(["*the truth itself*", "", *_cells(board["rows"][0], "truth"), "", ""]) + " |")
    return "\n".join(lines) + "\n"


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
