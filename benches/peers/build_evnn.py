#!/usr/bin/env python3
"""Builds EvNN (PyPI `evnn-pytorch` 0.2.0) for the CPU, repaired, into a Python environment with torch.

The released source is fetched with pip, checked against its SHA-256, unpacked into an ignored folder,
changed by the substitutions in `REPAIRS` (nothing of it is kept in this repository), compiled and
installed. Needs a C++ compiler, the Python headers, and OpenBLAS with `cblas.h`.

    python3 benches/peers/build_evnn.py --python target/peers-venv/bin/python
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION = "0.2.0"
SDIST = f"evnn_pytorch-{VERSION}.tar.gz"
SHA256 = "10e72dff940b6c2786e7dc0828a72801bd52d32caaf71ada52773832fb6461da"


class BuildError(Exception):
    """EvNN cannot be built here; the message says what to do."""


@dataclass(frozen=True)
class Repair:
    """One substitution in the unpacked source, which must match exactly `count` times."""

    file: str
    old: str
    new: str
    count: int
    why: str


REPAIRS = (
    Repair(
        file="lib/inline_ops.h",
        old="fmax(1 - support * abs(",
        new="fmax(1 - support * std::abs(",
        count=1,
        why="the CPU surrogate took the integer abs: a box instead of a triangle, hence wrong gradients",
    ),
    Repair(
        file="setup.py",
        old='"-O2", "-std=c++17", "-D_GLIBCXX_USE_CXX11_ABI=0"',
        new='"-O3", "-march=native", "-std=c++17"',
        count=2,
        why="full optimisation for this machine, and the C++ ABI of today's torch (the compiler's default)",
    ),
    Repair(
        file="setup.py",
        old="if check_nvcc_available():",
        new="if False:",
        count=1,
        why="CPU only, even where nvcc is installed",
    ),
)


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command, echoed; returns it with its output, whatever the exit status."""
    print("+", " ".join(command), flush=True)
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def check_tools(python: str) -> None:
    """Finds what is missing for the build before anything is fetched."""
    probe = run([python, "-c", "import torch, setuptools, wheel, sysconfig; print(sysconfig.get_path('include'))"])
    if probe.returncode:
        raise BuildError(
            f"{python} lacks torch, setuptools or wheel: {python} -m pip install -r benches/peers/requirements.txt"
        )
    include = Path(probe.stdout.strip().splitlines()[-1])
    if not (include / "Python.h").exists():
        raise BuildError(f"no Python.h in {include}: install the Python headers (Debian: apt-get install python3-dev)")
    compiler = os.environ.get("CXX", "g++").split()
    if shutil.which(compiler[0]) is None:
        raise BuildError(f"no C++ compiler ({compiler[0]}): Debian: apt-get install g++")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.cc"
        source.write_text("#include <cblas.h>\nint main() { openblas_get_num_threads(); }\n")
        linked = run([*compiler, str(source), "-lopenblas", "-o", f"{folder}/probe"])
    if linked.returncode:
        raise BuildError("no OpenBLAS with cblas.h: Debian: apt-get install libopenblas-dev")


def fetch(python: str, work: Path) -> Path:
    """The checked source archive, fetched with pip unless it is in `work` already."""
    archive = work / SDIST
    if not archive.exists():
        # The archive's setup.py imports torch, so pip must see the environment's.
        got = run(
            [python, "-m", "pip", "download", f"evnn-pytorch=={VERSION}", "--no-deps", "--no-binary", ":all:"]
            + ["--no-build-isolation", "--dest", str(work)]
        )
        if got.returncode or not archive.exists():
            raise BuildError(f"pip could not fetch evnn-pytorch {VERSION}; or put {SDIST} into {work}\n{got.stdout}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise BuildError(f"{archive} has SHA-256 {digest}, not {SHA256}: delete it and run again")
    return archive


def unpack(archive: Path, work: Path) -> Path:
    """The unpacked source with `REPAIRS` applied."""
    source = work / archive.name.removesuffix(".tar.gz")
    shutil.rmtree(source, ignore_errors=True)
    with tarfile.open(archive) as tar:
        # Its checksum is known, so it needs no extraction filter (which Python before 3.11.4 lacks).
        tar.extractall(work)
    for repair in REPAIRS:
        path = source / repair.file
        text = path.read_text()
        found = text.count(repair.old)
        if found != repair.count:
            raise BuildError(f"{path}: expected {repair.count} of `{repair.old}`, found {found}; was it changed?")
        path.write_text(text.replace(repair.old, repair.new))
        print(f"{repair.file}: {repair.why}")
    return source


def build(python: str, work: Path) -> None:
    """Fetches, repairs, compiles and installs; then checks the result with peers.py."""
    work.mkdir(parents=True, exist_ok=True)
    check_tools(python)
    source = unpack(fetch(python, work), work)
    installed = run(
        [python, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--force-reinstall", "--verbose"]
        + [str(source)]
    )
    log = work / "build.log"
    log.write_text(installed.stdout)
    if installed.returncode:
        raise BuildError(f"EvNN does not compile here; see {log}")
    checked = run([python, str(Path(__file__).with_name("peers.py")), "--check-evnn"])
    print(checked.stdout, end="")
    if checked.returncode:
        raise BuildError("the EvNN that was built does not pass its check")


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build EvNN for the CPU, repaired, into a Python environment.")
    parser.add_argument("--python", default=sys.executable, help="the environment's interpreter (default: this one)")
    parser.add_argument("--work", type=Path, default=ROOT / "target" / "peers-evnn", help="folder for the source")
    arguments = parser.parse_args()
    try:
        build(arguments.python, arguments.work)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
