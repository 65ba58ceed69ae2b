#!/usr/bin/env bash
# Evaluate on one GPU device (DEVICE_TARGET=CPU in front: on the CPU). Further arguments go to eval.py.
# Usage: bash run_eval_gpu.sh MODEL_PATH IMGPATH_VAL ANN DEVICE_ID [arguments of eval.py]
#    or: bash run_eval_gpu.sh DEVICE_ID [arguments of eval.py]
#   e.g. bash run_eval_gpu.sh ckpt/0-8_663.ckpt coco/val2017 coco/annotations/person_keypoints_val2017.json 0
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
require 1 "$@"
evaluation GPU "$@"
