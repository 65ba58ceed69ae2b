#!/usr/bin/env bash
# Train on one Ascend device (DEVICE_TARGET=CPU in front: on the CPU), from random weights or from those of a checkpoint.
# Usage: bash run_standalone_train.sh DEVICE_ID [LOAD_CHECKPOINT_PATH] [arguments of train.py]
#   e.g. bash run_standalone_train.sh 0 cmr.ckpt --dataset itw
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
require 1 "$@"
named 1 --pretrained_checkpoint "${@:2}"
launch_standalone cmr train.py Ascend "$1" "${arguments[@]}"
