#!/usr/bin/env python3
"""The whole comparison in one command: `egru-cpu bench` and peers.py in alternation on this machine.

    python3 benches/peers/run.py
    python3 benches/peers/run.py --workloads lm,stream --activity 0.15,1.0 --sessions 3 --threads 2
    python3 benches/peers/run.py --dry-run
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import venv
from datetime import datetime
from pathlib import Path

from peers import counts, names, positive
from workloads import EVNN, ROOT, WORKLOADS, commit, cores, machine

HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ENVIRONMENT = TARGET / "peers-venv"


class RunError(Exception):
    """The comparison stopped; the message says where."""


def activities(text: str) -> list[float]:
    """A parser of comma-separated shares."""
    try:
        values = [float(value) for value in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not numbers: {text}") from error
    if not all(0 < value <= 1 for value in values):
        raise argparse.ArgumentTypeError(f"not shares above 0 and up to 1: {text}")
    return values


class Shell:
    """Runs commands in the repository's root, or only prints them."""

    def __init__(self, dry: bool) -> None:
        self.dry = dry

    def show(self, command: list[str]) -> None:
        """Prints a command as it could be typed."""
        print("+", shlex.join(command), flush=True)

    def run(self, command: list[str]) -> None:
        """Runs a command; raises RunError where it fails."""
        self.show(command)
        if not self.dry and (status := subprocess.run(command, cwd=ROOT, check=False).returncode):
            raise RunError(f"exit status {status} of: {shlex.join(command)}")

    def succeeds(self, command: list[str]) -> bool:
        """Whether a command runs through; its output is dropped."""
        self.show(command)
        if self.dry:
            return True
        return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0

    def output(self, command: list[str]) -> str:
        """What a command prints; raises RunError where it fails."""
        self.show(command)
        if self.dry:
            return ""
        asked = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if asked.returncode:
            raise RunError(f"exit status {asked.returncode} of: {shlex.join(command)}")
        return asked.stdout


def environment(shell: Shell) -> str:
    """The interpreter of the peers' environment, which is made where it is absent or incomplete."""
    python = ENVIRONMENT / "bin" / "python3"
    if not python.exists() and not shell.dry:
        print(f"making {ENVIRONMENT}", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
    shell.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "requirements.txt")])
    if not shell.dry and shell.succeeds([str(python), str(HERE / "peers.py"), "--check-evnn"]):
        return str(python)
    try:
        shell.run([str(python), str(HERE / "build_evnn.py")])
    except RunError as error:
        print(f"going on without EvNN: {error}", file=sys.stderr)
    return str(python)


def egru_binary(shell: Shell) -> str:
    """`egru-cpu`, built."""
    shell.run(["cargo", "build", "--release", "-p", "egru-cpu"])
    return str(TARGET / "release" / "egru-cpu")


def describe_machine(shell: Shell, python: str) -> dict[str, object]:
    """What the records were made with."""
    ask = "import platform, torch, importlib.util as u; print(platform.python_version(), torch.__version__, "
    ask += "'evnn-pytorch' if u.find_spec('evnn_pytorch') else '-')"
    python_version, torch_version, evnn = (shell.output([python, "-c", ask]).split() or ["-"] * 3)[:3]
    return {
        **machine(),
        "kernel": platform.release(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_average": os.getloadavg(),
        "commit": commit(),
        "rustc": shell.output(["rustc", "--version"]).strip(),
        "python": python_version,
        "torch": torch_version,
        EVNN: evnn != "-",
    }


def measure(shell: Shell, arguments: argparse.Namespace, egru: str, python: str, records: Path) -> None:
    """All sessions: each workload in turn, on both sides one after the other. The side that goes first
    changes with the session, so that neither always has the cooler machine."""
    common = ["--threads", str(arguments.threads), "--rounds", str(arguments.rounds), "--out", str(records)]
    if arguments.batch:
        common += ["--batch", ",".join(map(str, arguments.batch))]
    shares = ",".join(f"{share:g}" for share in arguments.activity)
    for session in range(arguments.sessions):
        # Memory does not vary as times do: once is enough.
        memory = ["--memory"] if session == 0 else []
        for workload in arguments.workloads:
            ours = [egru, "bench", workload, "--activity", shares]
            if "train" in WORKLOADS[workload].passes:
                ours += ["--pass", "forward,train"]
            else:
                ours += ["--pass", "forward"]
            peers = [python, str(HERE / "peers.py"), "--workloads", workload]
            sides = [ours, peers] if session % 2 == 0 else [peers, ours]
            print(f"session {session + 1} of {arguments.sessions}, {workload}", flush=True)
            for side in sides:
                shell.run([*side, *common, *memory])


def run(arguments: argparse.Namespace) -> None:
    """Prepares both sides, measures, compares, and leaves the results in the output folder."""
    shell = Shell(arguments.dry_run)
    # Absolute, since the commands run in the repository's root.
    out = (arguments.out or TARGET / "bench-records" / datetime.now().strftime("%Y-%m-%d-%H%M%S")).absolute()
    records = out / "records.jsonl"
    if records.exists():
        raise RunError(f"{records} exists: its samples would be pooled with this run's; name another --out")
    python = arguments.python or environment(shell)
    egru = arguments.egru or egru_binary(shell)
    described = describe_machine(shell, python)
    if not shell.dry:
        out.mkdir(parents=True, exist_ok=True)
        (out / "machine.json").write_text(json.dumps(described, indent=2) + "\n")
    measure(shell, arguments, egru, python, records)
    table = shell.output([egru, "bench", "compare", str(records)])
    if shell.dry:
        return
    title = f"# {Path(egru).name} beside other libraries\n\n{described['cpu']}, {described['cores']} cores"
    detail = f"{arguments.threads} threads, {arguments.sessions} sessions of {arguments.rounds} rounds"
    (out / "summary.md").write_text(f"{title}; {detail}; commit {described['commit']}.\n\n```text\n{table}```\n")
    print(table, end="")
    print(f"results in {out}")


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Measure egru-cpu and its peers in one run, in alternation.")
    parser.add_argument("--workloads", type=names(tuple(WORKLOADS)), default=list(WORKLOADS), metavar="A,B")
    parser.add_argument("--activity", type=activities, default=[0.05, 0.15, 1.0], metavar="SHARE,SHARE")
    parser.add_argument("--batch", type=counts, metavar="N,N", help="samples at once, instead of the workload's own")
    parser.add_argument("--sessions", type=positive, default=3)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--threads", type=positive, default=cores())
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: target/bench-records/<date>")
    parser.add_argument("--python", metavar="PATH", help="an interpreter with torch, used as it is")
    parser.add_argument("--egru", metavar="PATH", help="an egru-cpu program, instead of building one")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and run none")
    arguments = parser.parse_args()
    try:
        run(arguments)
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
