#!/usr/bin/env bash
# Evaluate on one Ascend device (DEVICE_TARGET=CPU in front: on the CPU).
# Usage: bash run_eval.sh [DEVICE_ID] DATASET_PATH CKPT [arguments of eval.py]
#    or: bash run_eval.sh DEVICE_ID [arguments of eval.py]
#   e.g. bash run_eval.sh /data/HMR_DATA generator.ckpt --dataset h36m-p2
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
require 1 "$@"
one_process eval.py Ascend "$@"
