#!/usr/bin/env bash
# Everything to be known of a GPU, in one command: does the device work, are the results right, how fast is it beside
# cuDNN's nn.GRU in PyTorch on the same card in the same run. Leaves a folder that is ready for docs/results.
#
#   scripts/gpu-check.sh                                      # builds egru-gpu and measures on `wgpu`
#   scripts/gpu-check.sh --backend vulkan --install-peers     # on `vulkan`; PyTorch into target/peers-venv if need be
#   scripts/gpu-check.sh --binary PATH --backend cuda:0       # a program built elsewhere: needs no cargo here
#   scripts/gpu-check.sh --quick                              # a blink, to try it on software Vulkan
#
#   --backend NAME[:INDEX]   the backend, by its feature's name (wgpu); the first device when no index is given
#   --binary PATH            an egru program with that backend, instead of building egru-gpu
#   --python PATH            a Python with PyTorch (python3, or that of --install-peers)
#   --install-peers          installs PyTorch with pip into target/peers-venv; EGRU_PEERS=1 does the same
#   --no-tests               leaves out the tests of the operations, which need cargo
#   --out DIR                where the results go (target/gpu-check/<date>); must not hold records yet
#   --quick                  a tiny workload and few samples: its times mean nothing
#
# The exit status is 0 when the results are right, whether or not the aims are met; README.md in DIR says which are.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }
fail() { say "gpu-check.sh: $*"; exit 1; }
section() { say; say "== $*"; }

root="$(cd "$(dirname "$0")/.." && pwd)"
backend=wgpu binary='' python='' out='' quick='' tests=yes
install_peers="${EGRU_PEERS:-}"
while [ $# -gt 0 ]; do
    option="$1"
    case "$option" in
        --backend | --binary | --python | --out)
            [ $# -ge 2 ] || fail "$option needs a value"
            case "$option" in
                --backend) backend="$2" ;;
                --binary) binary="$(realpath "$2")" ;;
                --python) python="$2" ;;
                --out) out="$(realpath -m "$2")" ;;
            esac
            shift 2
            ;;
        --quick) quick=yes; shift ;;
        --install-peers) install_peers=1; shift ;;
        --no-tests) tests=''; shift ;;
        --help | -h) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        *) fail "unknown option $option; see --help" ;;
    esac
done
# The program and the peers tell the commit of the folder that they run in.
cd "$root"
feature="${backend%%:*}"
out="${out:-$root/target/gpu-check/$(date +%Y-%m-%d-%H%M%S)}"
records="$out/records.jsonl"
[ ! -e "$records" ] || fail "$records exists: its samples would be pooled with this run's; name another --out"

if [ -n "$quick" ]; then
    workloads=(tiny) batches=1,2 rounds=2 sessions=1
else
    workloads=(smnist mid) batches=1,32,128 rounds=9 sessions=2
fi
activities=0.05,0.15,1.0
products=auto,events,dense
threads="$(getconf _NPROCESSORS_ONLN)"
# What checks the operations on this backend beside the naive form.
ops_tests=(cargo test -p egru-ops --features "$feature")
# A CPU backend serves to try this script where there is no GPU.
case "$feature" in
    flex | ndarray | tch) torch_device=cpu ;;
    *) torch_device=cuda ;;
esac

section "program"
if [ -z "$binary" ]; then
    command -v cargo >/dev/null || fail "no cargo here: give a program built elsewhere with --binary"
    cargo build --release -p egru-gpu --features "$feature"
    binary="${CARGO_TARGET_DIR:-$root/target}/release/egru-gpu"
fi
version="$("$binary" --version)" || fail "$binary does not start"
say "$binary: $version"

section "device"
# A line for each device: `  wgpu:0  name`.
listing="$("$binary" devices)"
case "$backend" in
    *:*) wanted="$backend" ;;
    *) wanted="$feature:[^ ]*" ;;
esac
device="$(sed -n "s/^ *\($wanted\)  *\(.*\)/\1 \2/p" <<<"$listing" | head -n 1)"
if [ -z "$device" ]; then
    say "$listing"
    fail "$binary sees no device for --backend $backend"
fi
backend="${device%% *}"
card="${device#* }"
driver=unknown
if command -v nvidia-smi >/dev/null && answer="$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null)"; then
    driver="NVIDIA ${answer%%$'\n'*}"
elif command -v vulkaninfo >/dev/null && answer="$(vulkaninfo --summary 2>/dev/null | sed -n 's/^ *driverInfo *= *//p')"; then
    driver="${answer%%$'\n'*}"
fi
driver="${driver:-unknown}"
say "$backend: $card; driver: $driver"

section "tests of the operations"
tested=no
if [ -z "$tests" ]; then
    say "left out: --no-tests"
elif ! command -v cargo >/dev/null; then
    say "left out: no cargo here; each measurement checks its own results"
else
    "${ops_tests[@]}" >&2
    tested=yes
fi

section "PyTorch"
if [ -z "$python" ] && [ "$install_peers" = 1 ]; then
    environment="${CARGO_TARGET_DIR:-$root/target}/peers-venv"
    python="$environment/bin/python3"
    [ -x "$python" ] || python3 -m venv "$environment"
    "$python" -m pip install --quiet -r benches/peers/requirements.txt >&2
fi
python="${python:-python3}"
torch=''
ask="import torch
if '$torch_device' == 'cuda' and not torch.cuda.is_available(): raise SystemExit('it sees no CUDA device')
print(torch.__version__, 'cuDNN', torch.backends.cudnn.version() if '$torch_device' == 'cuda' else '-')"
if ! command -v "$python" >/dev/null; then
    missing="no $python here: give one that has PyTorch with --python, or let --install-peers make one"
elif answer="$("$python" -c "$ask" 2>&1)"; then
    torch="${answer##*$'\n'}"
    say "torch $torch"
else
    missing="$python cannot run PyTorch on $torch_device (${answer##*$'\n'}): --python, or --install-peers"
fi
[ -n "$torch" ] || say "nn.GRU is not measured: $missing"

mkdir -p "$out"
ours() {
    "$binary" bench "$1" --backend "$backend" --batch "$batches" --activity "$activities" --pass forward,train \
        --products "$products" --rounds "$rounds" --threads "$threads" --out "$records" >&2
}
peers() {
    [ -n "$torch" ] || return 0
    local measure=("$python" benches/peers/peers.py --workloads "$1" --implementations nn.GRU --batch "$batches"
        --rounds "$rounds" --threads "$threads" --device "$torch_device" --out "$records")
    "${measure[@]}" >&2
    # What a user gets multiplies in TF32 where the card can, with 10 bits of mantissa instead of 23.
    [ "$torch_device" = cpu ] || "${measure[@]}" --no-tf32 >&2
}
for ((session = 1; session <= sessions; session++)); do
    for workload in "${workloads[@]}"; do
        section "session $session of $sessions, $workload"
        # The side that goes first changes, so that neither always has the cooler card.
        if ((session % 2)); then ours "$workload"; peers "$workload"; else peers "$workload"; ours "$workload"; fi
    done
done

section "results"
tables="$("$binary" bench compare "$records")"
if [ -n "$quick" ]; then
    aims='A quick run is not judged.'
else
    aims="$(awk -f scripts/gpu-aims.awk <<<"$tables")" || say "not every aim is met"
fi
commit="$(git rev-parse HEAD 2>/dev/null || echo unknown)"
cpu="$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1)"

json() {
    local text="${2//\\/\\\\}"
    printf '"%s": "%s"' "$1" "${text//\"/\\\"}"
}
{
    printf '{\n'
    for pair in "date=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "commit=$commit" "program=$version" "backend=$backend" \
        "device=$card" "driver=$driver" "cpu=${cpu:-unknown}" "threads=$threads" "kernel=$(uname -srm)" \
        "torch=${torch:-not measured}" "operations_tested=$tested"; do
        printf '  %s,\n' "$(json "${pair%%=*}" "${pair#*=}")"
    done
    printf '  "devices": %s\n}\n' "$("$binary" devices --format json 2>/dev/null | tail -n 1)"
} >"$out/machine.json"
{
    printf '# %s on %s (%s)\n\n' "${version%% *}" "$card" "$backend"
    [ -z "$quick" ] || printf 'A quick run, to try the script: **its times mean nothing**.\n\n'
    printf '%s; driver %s; %s; commit %s; torch %s.\n' \
        "$(date -u +%Y-%m-%d)" "$driver" "${cpu:-unknown processor}" "$commit" "${torch:-not measured}"
    printf 'Medians of %d sessions of %d rounds, every one of ours checked in the same run.\n' "$sessions" "$rounds"
    [ -n "$torch" ] || printf '\n**nn.GRU is not measured**: %s.\n' "$missing"
    printf '\n## Against what was aimed at\n\n15 %% activity, products auto, beside the fastest form of nn.GRU.\n\n%s\n' "$aims"
    printf '\n## All times\n\n%s\n' "$tables"
} >"$out/README.md"
cat "$out/README.md"
say "results in $out"
