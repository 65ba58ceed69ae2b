#!/usr/bin/env bash
# What this machine's GPU (or Ascend chip) does with the five models, in one go, within ten minutes (--minutes).
#
#   bash tools/gpu_report.sh [arguments of tools/lab/gpu_report.py]
#   DEVICE_TARGET=CPU bash tools/gpu_report.sh --small          # the same on a CPU, with narrow networks
#
# Training steps at full size and the published batch sizes, losses in single against mixed precision over 50 steps,
# inference, export, and the ratio to PyTorch where that is installed. Everything goes to output/gpu_report/:
# report.md (the table), report.json, the logs. The status is 1 when a model failed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${1:-} in -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$root/tools/gpu_report.sh" | sed '$d' && exit 0 ;; esac
source "$root/scripts/launcher.sh"
launch_find_python
exec "$launch_python" "$root/tools/lab/gpu_report.py" "$@"
