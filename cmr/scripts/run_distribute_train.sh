#!/usr/bin/env bash
# Train on several Ascend devices (DEVICE_TARGET=CPU in front: in several processes on the CPU).
# Usage: bash run_distribute_train.sh RANK_TABLE_FILE|DEVICE_NUM [LOAD_CHECKPOINT_PATH] [arguments of train.py]
#   e.g. bash run_distribute_train.sh 8 cmr.ckpt --dataset itw
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
require 1 "$@"
named 1 --pretrained_checkpoint "${@:2}"
launch_distributed cmr train.py Ascend "$1" --distribute "${arguments[@]}"
