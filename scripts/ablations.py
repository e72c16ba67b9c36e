#!/usr/bin/env python3
"""The ablations of docs/training.md: one setting changed at a time, from random weights, judged on validation by the log loss without
leaked pictures and by the mean of the webcam conditions.

Usage: ablations.py DATA LEAKS TEACHER RUNS [PROGRAM]     RUNS: a folder for the runs; what is there already is not run again
DATA and LEAKS: FER-2013 and the list of its repeated pictures; TEACHER: a weights file. Prints the table after each run.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

# What is changed, and the flags that differ from COMMON. Epochs are chosen so that all rows take about as long.
COMMON = {
    "--stages": "64:9", "--blocks": "1", "--augmentation": "webcam", "--mixup": "0", "--dropout": "0", "--distill-share": "0.5",
    "--lr": "0.1", "--seed": "1", "--precision": "bf16",
}
ROWS = [
    ("nothing", {}),
    ("another seed", {"--seed": "2"}),
    ("2 blocks", {"--blocks": "2", "--stages": "64:6"}),
    ("96 px throughout", {"--stages": "96:5"}),
    ("64 px, then 96", {"--stages": "64:5,96:2"}),
    ("no teacher", {"--distill-share": None}),
    ("teacher's share 0.7", {"--distill-share": "0.7"}),
    ("standard augmentation", {"--augmentation": "standard"}),
    ("mixup and dropout of the default recipe", {"--mixup": "0.4", "--dropout": "0.5"}),
]


def evaluate(program, weights, data, *flags):
    command = [program, "evaluate", weights, data, "--split", "val", "--json", *flags]
    return json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout)


def measure(program, data, leaks, teacher, folder, changed):
    """Trains and evaluates once; the row's figures."""
    settings = {**COMMON, **changed}
    flags = [str(part) for item in settings.items() if item[1] is not None for part in item]
    if settings["--distill-share"] is not None:
        flags += ["--distill-stored", str(teacher)]
    begun = time.monotonic()
    subprocess.run([program, "train", str(data), "--out", str(folder), *flags], check=True)
    minutes = (time.monotonic() - begun) / 60
    weights = folder / "weights.safetensors"
    whole = evaluate(program, weights, data)["result"]
    unleaked = evaluate(program, weights, data, "--exclude", leaks)["result"]
    conditions = evaluate(program, weights, data, "--every", "3", "--conditions")["conditions"]["mean_of_changed"]
    return {
        "stages": settings["--stages"], "minutes": minutes, "accuracy": whole["accuracy"], "macro_f1": whole["macro"]["f1"],
        "unleaked_log_loss": unleaked["log_loss"], "conditions": conditions["accuracy"],
    }


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    data, leaks, teacher, runs = map(Path, sys.argv[1:5])
    program = sys.argv[5] if len(sys.argv) == 6 else "target/release/moue"
    lines = [
        "| changed | size:epochs | minutes | accuracy | macro F1 | log loss without leaks | conditions' mean |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, (name, changed) in enumerate(ROWS):
        folder = runs / f"ablation-{number}"
        kept = folder / "row.json"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            row = measure(program, data, leaks, teacher, folder / "run", changed)
            kept.write_text(json.dumps(row))
        row = json.loads(kept.read_text())
        lines.append(
            f"| {name} | {row['stages']} | {row['minutes']:.1f} | {row['accuracy']:.4f} | {row['macro_f1']:.4f} | "
            f"{row['unleaked_log_loss']:.4f} | {row['conditions']:.4f} |"
        )
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
