#!/usr/bin/env bash
# Train on one Ascend device (DEVICE_TARGET=CPU in front: on the CPU), with the paper's recipe.
# Usage: bash run_standalone_train.sh DEVICE_ID [arguments of train.py]
#   e.g. bash run_standalone_train.sh 0 --data_dir data/h36m
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 1 "$@"
with_default --config_path recipe.yaml "${@:2}"
launch_standalone pose_baseline train.py Ascend "$1" "${arguments[@]}"
