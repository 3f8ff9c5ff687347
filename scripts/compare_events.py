#!/usr/bin/env python3
"""Compares the events that this project reads from recordings with those that SpikingJelly reads, one by one.

    pip install numpy && pip download spikingjelly --no-deps
    compare_events.py WHEEL 'egru-cpu data events {} --format csv' FILE...

WHEEL is SpikingJelly's wheel: its two readers are taken out of it, so that torch is not needed. `{}` in the command
stands for the file. Not for CI: it needs the network once.
"""

import ast
import shlex
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Union

import numpy as np

READERS = {".aedat": "load_aedat_v3", ".bs2": "load_ATIS_bin", ".bin": "load_ATIS_bin"}


def readers(wheel):
    """SpikingJelly's readers by name, wherever in the wheel they stand."""
    names = set(READERS.values())
    found = {"np": np, "struct": struct, "Path": Path, "Union": Union}
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            if not (name.startswith("spikingjelly/datasets/") and name.endswith(".py")):
                continue
            tree = ast.parse(files.read(name))
            tree.body = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name in names]
            exec(compile(tree, name, "exec"), found)
    return found


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    found = readers(sys.argv[1])
    for file in sys.argv[3:]:
        theirs = found[READERS[Path(file).suffix]](file)
        theirs = np.stack([np.asarray(theirs[key], dtype=np.int64) for key in "txyp"], axis=1)
        command = [part.replace("{}", file) for part in shlex.split(sys.argv[2])]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        lines = text.splitlines()
        assert lines[0] == "timestamp_us,x,y,polarity", lines[0]
        ours = np.array([line.split(",") for line in lines[1:]], dtype=np.int64).reshape(-1, 4)
        if ours.shape != theirs.shape:
            sys.exit(f"{file}: {len(ours)} events, SpikingJelly reads {len(theirs)}")
        if (ours != theirs).any():
            first = int((ours != theirs).any(axis=1).argmax())
            sys.exit(f"{file}: event {first} is {ours[first]}, SpikingJelly reads {theirs[first]}")
        print(f"{file}: {len(ours)} events, all the same")


if __name__ == "__main__":
    main()
