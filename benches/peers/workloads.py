"""The workloads, the machine and the records of the comparison. Needs no torch."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = 1
PASSES = ("forward", "train")

GRU, LSTM, EVNN, MATMUL = "nn.GRU", "nn.LSTM", "EvNN", "torch.matmul"
IMPLEMENTATIONS = (GRU, LSTM, EVNN, MATMUL)


@dataclass(frozen=True)
class Workload:
    """One operation at one shape; the same table is in `egru-cpu bench`."""

    name: str
    op: str
    shape: dict[str, int]
    implementations: tuple[str, ...]
    passes: tuple[str, ...] = PASSES
    input_activity: float = 1.0

    def with_batch(self, samples: int) -> Workload:
        """The same work on that many samples; raises ValueError of a workload that has no batch."""
        if "batch" not in self.shape:
            raise ValueError(f"{self.name} has no batch: leave it or --batch out")
        return replace(self, shape={**self.shape, "batch": samples})

    def described(self) -> dict[str, Any]:
        """The workload as JSON."""
        return {
            "workload": self.name,
            "op": self.op,
            "shape": self.shape,
            "implementations": list(self.implementations),
            "passes": list(self.passes),
            "input_activity": self.input_activity,
        }


def _sequence(name: str, time: int, batch: int, inputs: int, hidden: int, **rest: Any) -> Workload:
    shape = {"time": time, "batch": batch, "input": inputs, "hidden": hidden}
    return Workload(name, "egru_sequence", shape, **{"implementations": (GRU, LSTM, EVNN), **rest})


# The share of non-zero inputs where the input is the events of a layer below. It does not change what
# the dense products of the peers cost.
_EVENTS = 0.15

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        _sequence("smnist", 196, 32, 1, 590),
        _sequence("dvs", 68, 8, 512, 795),
        _sequence("lm", 70, 32, 750, 1350),
        _sequence("lm-events", 70, 32, 1350, 1350, input_activity=_EVENTS),
        _sequence("mid", 100, 32, 256, 512),
        _sequence("stream", 70, 1, 750, 1350),
        # EvNN is not here: it cannot carry its state from one call to the next.
        _sequence("step", 1, 1, 1350, 1350, input_activity=_EVENTS, implementations=(GRU, LSTM), passes=("forward",)),
        Workload(
            "decoder",
            "event_linear",
            {"rows": 2240, "input": 750, "output": 33278},
            (MATMUL,),
            input_activity=_EVENTS,
        ),
    )
}


# A workload of a blink, to try an installation: only where it is asked for.
TINY = _sequence("tiny", 6, 2, 5, 33)
NAMED = {**WORKLOADS, TINY.name: TINY}


def machine(device: str | None = None) -> dict[str, Any]:
    """The processor and system, in the form of a record, and the card that computes where it is not the processor."""
    described: dict[str, Any] = {
        "cpu": _processor(),
        "cores": cores(),
        "os": platform.system().lower(),
        "architecture": platform.machine(),
    }
    if device is not None:
        described["device"] = device
    return described


def cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of this checkout, or None outside one."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()


def record(
    workload: Workload,
    implementation: str,
    pass_: str,
    samples: list[float],
    *,
    backend: str,
    threads: int,
    device: str | None = None,
    memory: float | None = None,
    check: dict[str, Any] | None = None,
    derived_from: str | None = None,
) -> dict[str, Any]:
    """One line of the records: `samples` are milliseconds, `memory` MiB, `device` a card's name."""
    line: dict[str, Any] = {
        "schema": SCHEMA,
        "implementation": implementation,
        "backend": backend,
        "op": workload.op,
        "products": None,
        "workload": workload.name,
        "pass": pass_,
        "shape": workload.shape,
        "activity": None,
        "measured_activity": None,
        "measured_window": None,
        "input_activity": workload.input_activity,
        "threads": threads,
        "samples_ms": [round(sample, 5) for sample in samples],
        "median_ms": round(statistics.median(samples), 5),
        "min_ms": round(min(samples), 5),
        "max_ms": round(max(samples), 5),
        "added_memory_mib": None if memory is None else round(memory, 1),
        "check": check,
        "machine": machine(device),
        "program": "benches/peers/peers.py",
        "commit": commit(),
    }
    if derived_from is not None:
        line["derived_from"] = derived_from
    return line
