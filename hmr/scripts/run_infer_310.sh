#!/usr/bin/env bash
# Run an exported network on an Ascend 310 and measure it. Everything that is written goes to the current folder, the
# result to acc.log. Needs MindSpore Lite: LITE_HOME is the folder of its unpacked package.
# DEVICE_TARGET=CPU (or GPU) in front: on that device, with MindSpore in place of MindSpore Lite.
# Usage: bash run_infer_310.sh MINDIR_PATH DATASET DATA_PATH [DEVICE_ID]
#   e.g. bash run_infer_310.sh ./hmr.mindir Human3.6m /data/HMR_DATA 0
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$launcher_root/scripts/infer_310.sh"
require 3 "$@"
launch_find_python
build_network hmr
logged preprocess.log "$launch_python" "$launcher_root/hmr/preprocess.py" --file_name "$1" --dataset "$2" --data_path "$3" \
    --output_path preprocess_Result
run_network "$1" "${4:-0}"
logged acc.log "$launch_python" "$launcher_root/hmr/postprocess.py" --label_file preprocess_Result/label --result_path result_Files
cat acc.log
