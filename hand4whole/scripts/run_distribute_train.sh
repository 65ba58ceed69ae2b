#!/usr/bin/env bash
# Train on several Ascend devices (DEVICE_TARGET=CPU in front: in several processes on the CPU).
# Usage: bash run_distribute_train.sh RANK_TABLE_FILE|DEVICE_NUM [arguments of train.py]
#   e.g. bash run_distribute_train.sh 8 --lr 1e-4 --end_epoch 7 --train_batch_size 16
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 1 "$@"
launch_distributed hand4whole train.py Ascend "$@"
