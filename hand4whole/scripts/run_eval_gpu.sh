#!/usr/bin/env bash
# Evaluate on one GPU device (DEVICE_TARGET=CPU in front: on the CPU).
# Usage: bash run_eval_gpu.sh DEVICE_ID [arguments of test.py]
#   e.g. bash run_eval_gpu.sh 0 --test_batch_size 24 --pretrained_model snapshot_6.pth.tar --testset EHF
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 1 "$@"
device=$1
shift
launch_standalone hand4whole eval.py GPU "$device" "$@"
