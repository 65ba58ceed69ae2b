#!/usr/bin/env bash
# Train on several GPU devices (DEVICE_TARGET=CPU in front: in several processes on the CPU), with the paper's recipe.
# Usage: bash run_distribute_train_gpu.sh DEVICE_NUM|RANK_TABLE_FILE [arguments of train.py]
#   e.g. bash run_distribute_train_gpu.sh 8 --data_dir data/h36m
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 1 "$@"
with_default --config_path recipe.yaml "${@:2}"
launch_distributed pose_baseline train.py GPU "$1" "${arguments[@]}"
