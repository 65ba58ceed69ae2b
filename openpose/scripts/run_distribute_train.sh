#!/usr/bin/env bash
# Train on several Ascend devices (DEVICE_TARGET=CPU in front: in several processes on the CPU), with multi_card.yaml.
# Usage: bash run_distribute_train.sh RANK_TABLE_FILE|DEVICE_NUM IMGPATH_TRAIN JSONPATH_TRAIN MASKPATH_TRAIN VGG_PATH [arguments of train.py]
#    or: bash run_distribute_train.sh RANK_TABLE_FILE|DEVICE_NUM [arguments of train.py]
#   e.g. bash run_distribute_train.sh ~/hccl_8p.json coco/train2017 coco/annotations/person_keypoints_train2017.json coco/ignore_mask_train vgg19-0-97_5004.ckpt
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
require 1 "$@"
distributed_training Ascend "$@"
