#!/usr/bin/env bash
# Train on one GPU device (DEVICE_TARGET=CPU in front: on the CPU). Further arguments go to train.py.
# Usage: bash run_standalone_train_gpu.sh IMAGEPATH_TRAIN JSONPATH_TRAIN MASKPATH_TRAIN VGG_PATH DEVICE_ID [arguments of train.py]
#    or: bash run_standalone_train_gpu.sh DEVICE_ID [arguments of train.py]
#   e.g. bash run_standalone_train_gpu.sh coco/train2017 coco/annotations/person_keypoints_train2017.json coco/ignore_mask_train vgg19-0-97_5004.ckpt 0
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$(dirname "${BASH_SOURCE[0]}")/arguments.sh"
require 1 "$@"
standalone_training GPU "$@"
