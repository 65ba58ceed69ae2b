#!/usr/bin/env bash
# Train a model on one Ascend device.
# Usage: bash scripts/run_standalone_train.sh DEVICE_ID MODEL [arguments of the model's run_standalone_train.sh]
#   e.g. bash scripts/run_standalone_train.sh 0 pose_baseline
source "$(dirname "${BASH_SOURCE[0]}")/launcher.sh"
require 2 "$@"
launch_model run_standalone_train.sh "$@"
