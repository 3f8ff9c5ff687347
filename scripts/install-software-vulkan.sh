#!/usr/bin/env bash
# Installs Mesa's software Vulkan device (lavapipe), with which the GPU backends run on a machine without a GPU: for
# tests, not for speed. Debian and Ubuntu; as root, or through sudo.
set -euo pipefail

if compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' >/dev/null && [ -n "$(ldconfig -p | grep libvulkan.so.1)" ]; then
    echo "software Vulkan is there already" >&2
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "install-software-vulkan.sh: no apt-get here; install Mesa's lavapipe and the Vulkan loader" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    mesa-vulkan-drivers libvulkan1 >&2
