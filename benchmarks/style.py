"""What adapting the shipped weights to a style is worth: the same frames painted before and after.

    python benchmarks/style.py                        # examples/saha: half an hour of one core
    python benchmarks/style.py --data FOLDER --finish raw

``anicolor train opdm-small --init WEIGHTS`` learns from the first half of each clip; the second half, which it never
saw, is painted by ``anicolor eval`` with the weights before and after, keyframes every 16th drawing of it and the last,
inside the drawing; of long clips its first 33 frames. Seconds are those of the training. Writes JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from anicolor.data.clips import find_clips
from anicolor.media.sequence import list_numbered

MODEL = "opdm-small"
WEIGHTS = Path(__file__).parents[1] / "anicolor" / "models" / "opdm" / f"{MODEL}.safetensors"
SHORTEST, LONGEST = 18, 33  # frames of a half that is painted: keyframes are every 16th, and the last


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("examples/saha"), help="folder of clips")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--pool", type=int, default=40, help="examples to learn from")
    parser.add_argument("--finish", default="flat")
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anicolor-style-") as scratch:
        learned, unseen = Path(scratch) / "learned", Path(scratch) / "unseen"
        clips = halved(asked.data, learned, unseen)
        if not clips:
            parser.error(f"{asked.data}: no clip of {2 * SHORTEST} frames or more")
        start = time.monotonic()
        run = Path(scratch) / "run"
        log = adapted(learned, run, asked)
        seconds = time.monotonic() - start
        best = run / "best.safetensors"
        found = {"before": scores(unseen, WEIGHTS, asked)}
        found["after"] = scores(unseen, best, asked) if best.exists() else found["before"]
    facts = {"schema_version": 1, **vars(asked), "clips": clips, "seconds": round(seconds), "validation": log, **found}
    print(json.dumps(facts, indent=2, default=str))


def halved(root: Path, first: Path, second: Path) -> int:
    """Copy both halves of every clip below ``root`` that is long enough; return how many clips are."""
    count = 0
    for number, clip in enumerate(find_clips(root)):
        numbers = sorted(image.number for image in list_numbered(clip.color))
        if len(numbers) < 2 * SHORTEST:
            continue
        count += 1
        middle = len(numbers) // 2
        for out, part in ((first, numbers[:middle]), (second, numbers[middle:][:LONGEST])):
            for kind in (clip.color, clip.line):
                folder = out / str(number) / kind.name
                folder.mkdir(parents=True)
                for image in list_numbered(kind):
                    if image.number in part:
                        shutil.copy(image.path, folder / f"{image.number:04d}{image.path.suffix}")
    return count


def adapted(data: Path, run: Path, asked: argparse.Namespace) -> list[float]:
    """Adapt the shipped weights to ``data``; return the validation's scores in dB, the first from before."""
    order = ["train", MODEL, "--init", str(WEIGHTS), "--data", str(data), "--out", str(run)]
    order += ["--steps", str(asked.steps), "--pool", str(asked.pool), "--device", asked.device]
    subprocess.run([sys.executable, "-m", "anicolor", *order], check=True, stdout=sys.stderr)
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [row["score"] for row in rows if row.get("score") is not None]


def scores(data: Path, weights: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Return the mean scores of what ``weights`` paint."""
    order = ["eval", "--model", MODEL, "--weights", str(weights), "--data", str(data), "--mask", "drawing"]
    order += ["--finish", asked.finish, "--psnr", "--warp-error", "--cdc", "--json", "--device", asked.device]
    done = subprocess.run([sys.executable, "-m", "anicolor", *order], check=True, stdout=subprocess.PIPE, text=True)
    return {row["metric"]: round(row["mean"], 5) for row in json.loads(done.stdout)["metrics"]}


if __name__ == "__main__":
    main()
