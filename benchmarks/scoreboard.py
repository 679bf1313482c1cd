"""Score the shipped model and the yardsticks on cuts that no training saw; write the README's table.

    python benchmarks/scoreboard.py                    # all of it: two hours of one core
    python benchmarks/scoreboard.py --models copy flow --sets saha

Each row is what ``anicolor eval --model MODEL --data SET --mask drawing`` prints: keyframes are every 16th drawing and
the last, means are of shots, keyframes left out. Rows that are not asked for stay as they are in scoreboard.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCORES = ROOT / "benchmarks" / "scoreboard.json"
README = ROOT / "README.md"
BEGIN, END = "<!-- scoreboard -->\n", "<!-- end of scoreboard -->"

SETS = {
    "drawn": ["drawn"],
    "glitch": ["examples/glitch"],
    "saha": ["examples/saha"],
}
TITLES = {
    "drawn": "drawn in code, 8 scenes of unseen seeds, 33 frames, 512x512",
    "glitch": "`examples/glitch`, 8 cuts of unseen figures and motions, 400x400",
    "saha": "`examples/saha`, a real rigged cut, 48 frames, 640x640",
}
MODELS = ("copy", "flow", "region", "deepcolorization-small", "opdm-small")
COLUMNS = {
    "PSNR, dB": ("psnr", "rgb, inside the drawing"),
    "SSIM": ("ssim", "gaussian 11, sigma 1.5, inside the drawing"),
    "within 2 levels": ("pixel_accuracy", "within 2 levels, inside the drawing"),
    "CDC": ("cdc", "strides 1, 2, 4, inside the drawing"),
    "warp error[dis]": ("warp_error[dis]", "flow from truth, inside the drawing"),
}
TRUTH = "*the truth itself*"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--sets", nargs="+", choices=tuple(SETS), default=tuple(SETS))
    asked = parser.parse_args()
    for data in asked.sets:
        for model in asked.models:
            row = {"set": data, "model": model, **score(model, data)}
            # Read only now: another run may have added its rows.
            board = json.loads(SCORES.read_text()) if SCORES.exists() else {"schema_version": 1, "rows": []}
            others = [r for r in board["rows"] if (r["set"], r["model"]) != (data, model)]
            board["rows"] = sorted([*others, row], key=lambda r: (list(SETS).index(r["set"]), MODELS.index(r["model"])))
            SCORES.write_text(json.dumps(board, indent=2) + "\n")
            README.write_text(with_table(README.read_text(), board))


def score(model: str, data: str) -> dict[str, Any]:
    metrics = ("--psnr", "--ssim", "--cdc", "--warp-error", "--segment-accuracy")
    command = ["anicolor", "eval", "--model", model, "--data", *SETS[data], "--mask", "drawing", *metrics, "--json"]
    done = subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    facts = json.loads(done.stdout)
    found = {(row["metric"], row["variant"]): row for row in facts["metrics"]}
    return {
        "command": " ".join(command),
        "cuts": len(facts["films"]),
        "frames": sum(value is not None for value in found[COLUMNS["PSNR, dB"]]["frames"]),
        "seconds": facts["seconds"],
        "scores": [
            {"metric": metric, "variant": variant, "mean": row["mean"], "truth": row["truth"]}
            for (metric, variant), row in found.items()
        ],
    }


def table(board: dict[str, Any]) -> str:
    """Return the README's table: a block for each set, a row for each model."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "| --- " * (len(COLUMNS) + 1) + "|"]
    for data in dict.fromkeys(row["set"] for row in board["rows"]):
        rows = [row for row in board["rows"] if row["set"] == data]
        lines.append(f"| **{TITLES[data]}**" + " | " * len(COLUMNS) + " |")
        lines += [_row(f"`{row['model']}`", [_mean(row, key, "mean") for key in COLUMNS.values()]) for row in rows]
        lines.append(_row(TRUTH, [_mean(rows[0], key, "truth") for key in COLUMNS.values()]))
    return "\n".join(lines) + "\n"


def with_table(page: str, board: dict[str, Any]) -> str:
    """Return ``page`` with the table between its two marks."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + table(board) + END + rest.split(END)[1]


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _mean(row: dict[str, Any], key: tuple[str, str], of: str) -> str:
    score = next((s for s in row["scores"] if (s["metric"], s["variant"]) == key), None)
    value = score[of] if score else None
    if value is None:
        return ""
    if key[0] == "psnr":
        return f"{value:.2f}"
    if key[0] == "pixel_accuracy":
        return f"{100 * value:.0f} %"
    return f"{value:.3f}" if key[0] == "ssim" else f"{1000 * value:.2f}e-3"


if __name__ == "__main__":
    main()
