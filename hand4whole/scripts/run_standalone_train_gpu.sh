#!/usr/bin/env bash
# Train on one GPU device (DEVICE_TARGET=CPU in front: on the CPU).
# Usage: bash run_standalone_train_gpu.sh DEVICE_ID [arguments of train.py]
#   e.g. bash run_standalone_train_gpu.sh 0 --lr 1e-4 --end_epoch 7 --train_batch_size 16
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 1 "$@"
device=$1
shift
launch_standalone hand4whole train.py GPU "$device" "$@"
