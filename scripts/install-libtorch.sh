#!/usr/bin/env bash
# Puts the libtorch that Burn's `tch` backend links (2.9.0) into a folder, from the wheels of PyPI: CPU only, about
# 500 MB, no root. Linux; needs python3 with venv, and a C compiler.
#
#   scripts/install-libtorch.sh [DIR]        # DIR: target/libtorch of this checkout when left out
#   eval "$(scripts/install-libtorch.sh)"    # the same, and sets LIBTORCH and LD_LIBRARY_PATH in this shell
#
# Standard output is the two `export` lines; everything else goes to standard error.
set -euo pipefail

version=2.9.0
cuda_runtime=12.8.90
root="$(cd "$(dirname "$0")/.." && pwd)"
dir="${1:-$root/target/libtorch}"

say() { printf '%s\n' "$*" >&2; }
need() { command -v "$1" >/dev/null || { say "install-libtorch.sh: needs $1 ($2)"; exit 1; }; }

if [ "$(cat "$dir/build-version" 2>/dev/null || true)" != "$version" ]; then
    need python3 "on Debian: apt-get install python3-venv"
    need cc "on Debian: apt-get install gcc"
    say "installing libtorch $version into $dir: a download of about 900 MB"
    work="$dir.partial"
    rm -rf "$work" "$dir"
    mkdir -p "$work/lib"
    python3 -m venv "$work/venv"
    # Without its dependencies: the CPU part needs two small libraries of them, and not CUDA.
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-deps \
        "torch==$version" "nvidia-cuda-runtime-cu12==$cuda_runtime" "nvidia-cuda-cupti-cu12==$cuda_runtime" >&2
    packages="$(echo "$work"/venv/lib/python3.*/site-packages)"
    mv "$packages/torch/include" "$work/include"
    for library in libtorch_cpu.so libc10.so libgomp.so.1; do
        mv "$packages/torch/lib/$library" "$work/lib/"
    done
    mv "$packages/nvidia/cuda_runtime/lib/libcudart.so.12" "$packages/nvidia/cuda_cupti/lib/libcupti.so.12" "$work/lib/"
    rm -rf "$work/venv"
    # The wheel's libtorch.so asks for all of CUDA. All that it does is to name the libraries that make up libtorch.
    echo 'void egru_libtorch(void) {}' > "$work/stub.c"
    cc -shared -fPIC -o "$work/lib/libtorch.so" "$work/stub.c" -Wl,-soname,libtorch.so -L"$work/lib" \
        -Wl,--no-as-needed -ltorch_cpu -lc10 -Wl,-rpath,'$ORIGIN' -Wl,--allow-shlib-undefined
    rm "$work/stub.c"
    echo "$version" > "$work/build-version"
    mv "$work" "$dir"
fi
dir="$(cd "$dir" && pwd)"
echo "export LIBTORCH='$dir'"
echo "export LD_LIBRARY_PATH='$dir/lib'\"\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}\""
