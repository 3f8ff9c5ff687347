#!/usr/bin/env python3
"""Times PyTorch's and EvNN's recurrent layers on the workloads of `egru-cpu bench`, on the CPU or an NVIDIA card.

    python3 benches/peers/peers.py --list
    python3 benches/peers/peers.py --workloads lm,stream --threads 2 --memory --out records.jsonl
    python3 benches/peers/peers.py --workloads smnist,mid --batch 1,32,128 --device cuda --out records.jsonl
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workloads import EVNN, GRU, IMPLEMENTATIONS, NAMED, PASSES, WORKLOADS, Workload, cores, record

if TYPE_CHECKING:
    from cases import Case

WARM_UP_S = 0.5

# EvNN's time over nn.GRU's, for machines on which EvNN cannot be built: milliseconds (nn.GRU, EvNN) of
# one run of both on two cores of an AMD EPYC (AVX-512), EvNN 0.2.0 repaired and compiled with -O3.
FALLBACK_SOURCE = "nn.GRU's samples of this run times EvNN's ratio to it in a run on 2 cores of an AMD EPYC"
FALLBACK_MS: dict[tuple[str, str], tuple[float, float]] = {
    ("smnist", "forward"): (171, 344),
    ("smnist", "train"): (633, 771),
    ("dvs", "forward"): (64, 93),
    ("dvs", "train"): (361, 188),
    ("lm", "forward"): (476, 590),
    ("lm", "train"): (1733, 1136),
    ("mid", "forward"): (73, 145),
    ("mid", "train"): (240, 312),
    ("stream", "forward"): (103, 85),
    ("stream", "train"): (538, 218),
}


class PeersError(Exception):
    """The comparison cannot run; the message says what to do."""


def fix_threads(threads: int) -> None:
    """Gives every thread pool `threads` threads: to be called before torch is imported, since the
    pools read the environment once. Other settings of theirs are dropped, so that runs compare."""
    for name in [name for name in os.environ if name.startswith(("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_"))]:
        del os.environ[name]
    for pool in ("OMP", "MKL", "OPENBLAS"):
        os.environ[f"{pool}_NUM_THREADS"] = str(threads)
    try:
        import torch
    except ImportError as error:
        raise PeersError(
            f"{sys.executable} cannot import torch ({error}): install it with `{sys.executable} -m pip install -r "
            "benches/peers/requirements.txt`, or let benches/peers/run.py set up an environment"
        ) from error
    torch.set_num_threads(threads)


def use_device(device: str, tf32: bool) -> None:
    """Checks that torch has the device, and lets cuDNN multiply in TF32 or not; raises PeersError without CUDA."""
    if device == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        raise PeersError(
            f"torch {torch.__version__} finds no CUDA device: look whether `nvidia-smi` sees the card and whether this "
            "torch is built for CUDA, or leave --device out"
        )
    torch.backends.cudnn.allow_tf32 = tf32


def timed(case: Case, pass_: str, device: str) -> float:
    """Milliseconds of one run of the pass, until the device has finished it."""
    from cases import finish

    work = case.forward if pass_ == "forward" else case.train
    finish(device)
    start = time.perf_counter()
    result = work()
    finish(device)
    elapsed = time.perf_counter() - start
    del result
    case.clear()
    return elapsed * 1e3 / case.repeats


def samples(case: Case, pass_: str, rounds: int, device: str) -> list[float]:
    """Milliseconds of each round, after a warm-up."""
    case.prepare(pass_)
    start = time.perf_counter()
    timed(case, pass_, device)
    while time.perf_counter() - start < WARM_UP_S:
        timed(case, pass_, device)
    return [timed(case, pass_, device) for _ in range(rounds)]


def resident(field: str) -> float:
    """A line of /proc/self/status, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise PeersError(f"/proc/self/status has no {field}: leave --memory out on this system")


SMALL = {"time": 4, "batch": 8, "input": 32, "hidden": 64, "rows": 32, "output": 64}


def first_step_memory(implementation: str, workload: Workload) -> float:
    """The peak of resident memory in this process's first training step above what was resident, MiB. A very small
    step comes before it, so that libraries that are loaded when first called do not count."""
    small = replace(workload, shape={name: SMALL[name] for name in workload.shape})
    import cases

    warm_up = cases.case(implementation, small, "cpu")
    warm_up.prepare("train")
    warm_up.train()
    case = cases.case(implementation, workload, "cpu")
    case.prepare("train")
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError as error:
        raise PeersError(f"the peak of memory cannot be reset ({error}): leave --memory out") from error
    before = resident("VmRSS")
    case.train()
    return resident("VmHWM") - before


def memory_in_fresh_process(workload: Workload, implementation: str, threads: int) -> float:
    """`first_step_memory` of a process that has done nothing else."""
    command = [sys.executable, __file__, "--first-step-memory", "--threads", str(threads)]
    command += ["--workloads", workload.name, "--implementations", implementation]
    if "batch" in workload.shape:
        command += ["--batch", str(workload.shape["batch"])]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise PeersError(asked.stderr.strip().removeprefix("error: "))
    return float(asked.stdout)


def derived(workload: Workload, gru: dict[str, list[float]], threads: int) -> Iterator[dict[str, Any]]:
    """EvNN's records from nn.GRU's samples and the fixed ratios, where there is one."""
    for pass_, measured in gru.items():
        if workload == NAMED[workload.name] and (workload.name, pass_) in FALLBACK_MS:
            gru_ms, evnn_ms = FALLBACK_MS[workload.name, pass_]
            scaled = [sample * evnn_ms / gru_ms for sample in measured]
            source = f"{FALLBACK_SOURCE}: {evnn_ms}/{gru_ms} ms"
            yield record(workload, EVNN, pass_, scaled, backend="derived", threads=threads, derived_from=source)


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The records of every workload and implementation asked for."""
    import cases

    device = arguments.device
    implementations = arguments.implementations
    if device != "cpu" and EVNN in implementations:
        print("EvNN is left out: it is built for the CPU here", file=sys.stderr)
        implementations = [name for name in implementations if name != EVNN]
    evnn_check = None
    if EVNN in implementations and cases.evnn_installed():
        evnn_check = cases.check_evnn()
    for workload in arguments.workloads:
        passes = [pass_ for pass_ in arguments.passes if pass_ in workload.passes]
        gru: dict[str, list[float]] = {}
        for implementation in implementations:
            if implementation not in workload.implementations:
                continue
            if implementation == EVNN and evnn_check is None:
                print(f"EvNN is not installed: {workload.name} derived from nn.GRU where known", file=sys.stderr)
                yield from derived(workload, gru, arguments.threads)
                continue
            memory = None
            if arguments.memory and "train" in passes:
                memory = memory_in_fresh_process(workload, implementation, arguments.threads)
            case = cases.case(implementation, workload, device)
            for pass_ in passes:
                times = samples(case, pass_, arguments.rounds, device)
                if implementation == GRU:
                    gru[pass_] = times
                yield record(
                    workload,
                    implementation,
                    pass_,
                    times,
                    backend=cases.backend(implementation, device),
                    threads=arguments.threads,
                    device=cases.card(device),
                    memory=memory if pass_ == "train" else None,
                    check=evnn_check if implementation == EVNN else None,
                )


def names(known: tuple[str, ...]) -> Any:
    """A parser of comma-separated names out of `known`, kept in the order of `known`."""

    def parse(text: str) -> list[str]:
        asked = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in asked if name not in known]
        if unknown or not asked:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown) or 'nothing'}; known: {', '.join(known)}")
        return [name for name in known if name in asked]

    return parse


def positive(text: str) -> int:
    """A parser of counts."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a count of 1 or more: {text}")
    return int(text)


def counts(text: str) -> list[int]:
    """A parser of comma-separated counts."""
    return [positive(part.strip()) for part in text.split(",")]


def arguments_of(argv: list[str] | None) -> argparse.Namespace:
    """The command line; workloads as `Workload`s."""
    parser = argparse.ArgumentParser(description="Time other libraries on the workloads of `egru-cpu bench`.")
    parser.add_argument("--list", action="store_true", help="print the workloads as JSON lines (needs no torch)")
    parser.add_argument("--workloads", type=names(tuple(NAMED)), default=list(WORKLOADS), metavar="A,B")
    parser.add_argument("--implementations", type=names(IMPLEMENTATIONS), default=list(IMPLEMENTATIONS), metavar="A,B")
    parser.add_argument("--pass", dest="passes", type=names(PASSES), default=list(PASSES), metavar="forward,train")
    parser.add_argument("--batch", type=counts, metavar="N,N", help="samples at once, instead of the workload's own")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where torch computes (default: cpu)")
    parser.add_argument("--no-tf32", action="store_true", help="on CUDA: keep cuDNN from multiplying in TF32")
    parser.add_argument("--threads", type=positive, default=cores(), help="default: all cores")
    parser.add_argument("--rounds", type=positive, default=5, help="samples of each (default: 5)")
    parser.add_argument("--memory", action="store_true", help="measure the first training step's memory too")
    parser.add_argument("--out", type=Path, metavar="FILE", help="append the records to this JSONL file")
    parser.add_argument("--check-evnn", action="store_true", help="only check that EvNN's gradients are right")
    parser.add_argument("--first-step-memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    arguments.workloads = [NAMED[name] for name in arguments.workloads]
    if arguments.batch:
        try:
            sized = [workload.with_batch(n) for workload in arguments.workloads for n in arguments.batch]
        except ValueError as error:
            parser.error(str(error))
        arguments.workloads = sized
    if arguments.memory and arguments.device != "cpu":
        parser.error("--memory reads this process's memory, which is not the card's: leave it or --device out")
    return arguments


def run(arguments: argparse.Namespace) -> None:
    """Does what the command line asks."""
    if arguments.list:
        for workload in arguments.workloads:
            print(json.dumps(workload.described()))
        return
    if not any(set(arguments.implementations) & set(workload.implementations) for workload in arguments.workloads):
        raise PeersError("none of these implementations does any of these workloads: see --list")
    fix_threads(arguments.threads)
    use_device(arguments.device, not arguments.no_tf32)
    import cases

    try:
        if arguments.check_evnn:
            if not cases.evnn_installed():
                raise PeersError("EvNN is not installed: python3 benches/peers/build_evnn.py")
            print(json.dumps(cases.check_evnn()))
            return
        if arguments.first_step_memory:
            [workload], [implementation] = arguments.workloads, arguments.implementations
            print(first_step_memory(implementation, workload))
            return
        for line in measure(arguments):
            memory = line["added_memory_mib"]
            print(
                f"{line['workload']:10} {line['shape'].get('batch', '-'):>5} "
                f"{line['implementation']:13} {line['pass']:8} "
                f"{line['median_ms']:10.3f} ms  [{line['min_ms']:.3f}, {line['max_ms']:.3f}]"
                + (f"  {memory:.1f} MiB" if memory is not None else "")
                + ("  (derived)" if "derived_from" in line else ""),
                flush=True,
            )
            if arguments.out:
                arguments.out.parent.mkdir(parents=True, exist_ok=True)
                with arguments.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    except cases.EvnnCheckFailed as error:
        raise PeersError(str(error)) from error


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    try:
        run(arguments_of(argv))
    except PeersError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
