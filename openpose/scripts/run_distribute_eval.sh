#!/usr/bin/env bash
# Evaluate on several Ascend devices (DEVICE_TARGET=CPU in front: in several processes on the CPU), which share the images out.
# Usage: bash run_distribute_eval.sh RANK_TABLE_FILE|DEVICE_NUM [arguments of eval.py]
#   e.g. bash run_distribute_eval.sh 8 --model_path ckpt/0-8_663.ckpt --imgpath_val coco/val2017 --ann coco/annotations/person_keypoints_val2017.json
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 1 "$@"
launch_distributed openpose eval.py Ascend "$@"
