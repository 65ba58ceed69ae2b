#!/usr/bin/env bash
# Train on one GPU device (DEVICE_TARGET=CPU in front: on the CPU), from random weights or from those of CKPT.
# Usage: bash run_standalone_train_gpu.sh [DEVICE_ID] DATASET_PATH [CKPT] [arguments of train.py]
#    or: bash run_standalone_train_gpu.sh DEVICE_ID [arguments of train.py]
#   e.g. bash run_standalone_train_gpu.sh /data/HMR_DATA generator.ckpt
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
require 1 "$@"
one_process train.py GPU "$@"
