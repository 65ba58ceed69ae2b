#!/usr/bin/env bash
# Train on several GPU devices (DEVICE_TARGET=CPU in front: in several processes on the CPU), from random weights or CKPT.
# Usage: bash run_distribute_train_gpu.sh RANK_TABLE_FILE|DEVICE_NUM [DATASET_PATH [CKPT]] [arguments of train.py]
#   e.g. bash run_distribute_train_gpu.sh 8 /data/HMR_DATA generator.ckpt
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
require 1 "$@"
several_processes train.py GPU "$@"
