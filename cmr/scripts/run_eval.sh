#!/usr/bin/env bash
# Evaluate on one Ascend device (DEVICE_TARGET=CPU in front: on the CPU). DATASET_NAME: up-3d, h36m-p1, h36m-p2, lsp or 3dpw.
# Usage: bash run_eval.sh DEVICE_ID DATASET_NAME LOAD_CHECKPOINT_PATH [arguments of eval.py]
#    or: bash run_eval.sh DEVICE_ID [arguments of eval.py]
#   e.g. bash run_eval.sh 0 up-3d cmr.ckpt
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
require 1 "$@"
named 2 --dataset --checkpoint "${@:2}"
launch_standalone cmr eval.py Ascend "$1" "${arguments[@]}"
