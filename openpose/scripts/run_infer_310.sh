#!/usr/bin/env bash
# Run an exported network on an Ascend 310 and measure it. Everything that is written goes to the current folder, the
# result to acc.log. Needs MindSpore Lite: LITE_HOME is the folder of its unpacked package.
# DEVICE_TARGET=CPU (or GPU) in front: on that device, with MindSpore in place of MindSpore Lite.
# Usage: bash run_infer_310.sh MINDIR_PATH IMGPATH_VAL ANN [DEVICE_ID]
#   e.g. bash run_infer_310.sh ./openpose.mindir coco/val2017 coco/annotations/person_keypoints_val2017.json 0
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$launcher_root/scripts/infer_310.sh"
require 3 "$@"
launch_find_python
build_network openpose
data=(--file_name "$1" --imgpath_val "$2" --ann "$3" --preprocess_path preprocess_Result)
logged preprocess.log "$launch_python" "$launcher_root/openpose/preprocess.py" "${data[@]}"
run_network "$1" "${4:-0}"
logged acc.log "$launch_python" "$launcher_root/openpose/postprocess.py" "${data[@]}" --result_path result_Files \
    --output_img_path .
cat acc.log
