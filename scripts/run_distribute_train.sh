#!/usr/bin/env bash
# Train a model on several Ascend devices.
# Usage: bash scripts/run_distribute_train.sh DEVICE_NUM|RANK_TABLE_FILE MODEL [arguments of the model's run_distribute_train.sh]
#   e.g. bash scripts/run_distribute_train.sh 8 pose_baseline
source "$(dirname "${BASH_SOURCE[0]}")/launcher.sh"
require 2 "$@"
launch_model run_distribute_train.sh "$@"
