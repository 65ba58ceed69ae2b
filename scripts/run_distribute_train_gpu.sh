#!/usr/bin/env bash
# Train a model on several GPU devices.
# Usage: bash scripts/run_distribute_train_gpu.sh DEVICE_NUM|RANK_TABLE_FILE MODEL [arguments of the model's run_distribute_train_gpu.sh]
#   e.g. bash scripts/run_distribute_train_gpu.sh 8 pose_baseline
source "$(dirname "${BASH_SOURCE[0]}")/launcher.sh"
require 2 "$@"
launch_model run_distribute_train_gpu.sh "$@"
