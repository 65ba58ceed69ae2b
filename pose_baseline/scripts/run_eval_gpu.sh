#!/usr/bin/env bash
# Evaluate on one GPU device (DEVICE_TARGET=CPU in front: on the CPU), with the paper's recipe.
# Usage: bash run_eval_gpu.sh DEVICE_ID [arguments of eval.py]
#   e.g. bash run_eval_gpu.sh 0 --ckpt_file output/best.ckpt --data_dir data/h36m
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 1 "$@"
with_default --config_path recipe.yaml "${@:2}"
launch_standalone pose_baseline eval.py GPU "$1" "${arguments[@]}"
