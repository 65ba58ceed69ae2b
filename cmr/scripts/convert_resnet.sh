#!/usr/bin/env bash
# Convert PyTorch's ImageNet weights of ResNet-50 to a checkpoint for --pretrained_resnet_50.
# Usage: bash convert_resnet.sh PTH_PATH CKPT_PATH [DICT_FILE]
#   e.g. bash convert_resnet.sh resnet50-19c8e357.pth pretrained_resnet50.ckpt
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 2 "$@"
launch_find_python
exec "$launch_python" "$launcher_root/cmr/pth2ckpt.py" --pth-path "$1" --ckpt-path "$2" ${3:+--dict-file "$3"}
