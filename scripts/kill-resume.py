#!/usr/bin/env python3
"""Kills real training processes at random moments, resumes them, and compares the ends with runs that never stopped.

    cargo build --release -p egru-cpu
    scripts/kill-resume.py target/release/egru-cpu --kills 100 --out docs/results/DATE-kill-resume/record.json

Every setup below is trained once without a stop. Then it is trained again, killed (SIGKILL) after a random part of that time,
resumed, killed again, and so on until it ends; its parameters and its metrics must be the same bits. That repeats until the
asked number of kills is reached. It is no part of `cargo test`: it takes minutes.
"""

import argparse
import json
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALL = ["data.train=600", "data.valid=60", "data.test=60", "training.batch_size=20", "training.checkpoint_every=3"]
MASKS = ["model.layers=[24,16]", "model.dropout=0.2", "model.head_dropout=0.1", "model.cell.zoneout=0.1",
         "model.cell.dropconnect=0.1"]

# Each kind of task and sampler, with everything that draws at random and everything that has a memory.
SETUPS = {
    "classification, shuffled": ["quickstart", *SMALL, *MASKS, "training.epochs=4", "optimiser.type=adamw",
                                 "optimiser.weight_decay=0.01", "training.patience=9"],
    "accumulated gradients": ["quickstart", *SMALL, *MASKS, "training.epochs=4", "training.accumulate=3"],
    "regression": ["adding", *SMALL, "model.layers=[24]", "data.length=40", "training.epochs=4"],
    "per step, shuffled": ["delay-copy", *SMALL, "model.layers=[24]", "training.epochs=4"],
    "per step, state carried over windows of random length": [
        "delay-copy", *SMALL, *MASKS, "training.epochs=4", "sampling.type=contiguous", "sampling.window=14",
        "sampling.jitter=true"],
}


def command(program, setup, runs):
    name, *keys = SETUPS[setup]
    return [program, "train", name, "--runs", str(runs), *(word for key in keys for word in ("--set", key))]


def start(words):
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, errors = process.communicate()
    if process.returncode != 0:
        sys.exit(f"{process.args}\nended with {process.returncode}: {errors}")


def only_run(runs):
    found = [path for path in runs.iterdir() if (path / "config.toml").exists()] if runs.exists() else []
    return found[0] if found else None


def end(run):
    """What must not depend on whether the run was stopped: its parameters, and its metrics without the clock's."""
    summary = json.loads((run / "summary.json").read_text())
    newest = sorted((run / "checkpoints").iterdir())[-1]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["seconds"]
    figures = {key: value for key, value in summary.items() if isinstance(value, float) and key != "seconds"}
    return newest.name, (newest / "model.bpk").read_bytes(), lines, figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the record to this file")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    started = time.monotonic()

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        whole, seconds = {}, {}
        for setup in SETUPS:
            runs = folder / "whole" / setup
            begin = time.monotonic()
            finish(start(command(arguments.program, setup, runs)))
            seconds[setup] = time.monotonic() - begin
            whole[setup] = end(only_run(runs))
            print(f"{setup}: {seconds[setup]:.1f} s without a stop", flush=True)

        kills = {setup: 0 for setup in SETUPS}
        ended = {setup: 0 for setup in SETUPS}
        before_checkpoint = 0
        while sum(kills.values()) < arguments.kills:
            setup = min(SETUPS, key=lambda setup: kills[setup])
            runs = folder / f"killed-{sum(ended.values())}"
            words = command(arguments.program, setup, runs)
            for session in range(1000):
                process = start(words)
                try:
                    process.wait(draw.uniform(0.05, 0.7) * seconds[setup])
                    finish(process)
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    kills[setup] += 1
                run = only_run(runs)
                # A run that was killed before its folder was complete starts again.
                if run is None:
                    before_checkpoint += 1
                else:
                    words = [arguments.program, "train", "--resume", str(run)]
            if end(only_run(runs)) != whole[setup]:
                sys.exit(f"{setup}: a killed run does not end like one that never stopped")
            ended[setup] += 1
            print(f"{setup}: {kills[setup]} kills, the same end {ended[setup]} times", flush=True)

    record = {
        "kills": sum(kills.values()),
        "before_the_folder_was_complete": before_checkpoint,
        "setups": {setup: {"keys": " ".join(SETUPS[setup]), "kills": kills[setup], "runs_with_the_same_end": ended[setup]}
                   for setup in SETUPS},
        "seed": arguments.seed,
        "machine": platform.platform(),
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(record, indent=2))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
