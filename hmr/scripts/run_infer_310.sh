#!/usr/bin/env bash
# Run an exported network on an Ascend 310 and measure it. Everything that is written goes to the current folder, the
# result to acc.log. Needs MindSpore Lite: LITE_HOME is the folder of its unpacked package.
# DEVICE_TARGET=CPU (or GPU) in front: on that device, with MindSpore in place of MindSpore Lite.
# Usage: bash run_infer_310.sh MINDIR_PATH DATASET DATA_PATH [DEVICE_ID]
#   e.g. bash run_infer_310.sh ./hmr.mindir Human3.6m /data/HMR_DATA 0
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 3 "$@"
model=$1 dataset=$2 data=$3 device=${4:-0} target=${DEVICE_TARGET:-Ascend} hmr=$launcher_root/hmr
[[ $device =~ ^[0-9]+$ ]] || { printf 'error: %s is not a device id\n' "$device" >&2 && usage; }
launch_find_python

# logged LOG COMMAND...: run the command with its output in a file, whose end is shown when it fails.
logged() {
    local log=$1
    shift
    "$@" &>"$log" || { tail -n 3 "$log" >&2 && launch_error "$PWD/$log says more"; }
}

logged preprocess.log "$launch_python" "$hmr/preprocess.py" --file_name "$model" --dataset "$dataset" --data_path "$data" \
    --output_path preprocess_Result
network=(--model_path "$model" --dataset_path preprocess_Result/img_data --device_id "$device" --result_path result_Files
    --time_path time_Result)
if [[ $target == Ascend ]]; then
    logged build.log cmake -S "$hmr/ascend310_infer" -B "$hmr/output/ascend310_infer"
    logged build.log cmake --build "$hmr/output/ascend310_infer"
    export LD_LIBRARY_PATH=${LITE_HOME:-}/runtime/lib:${LITE_HOME:-}/runtime/third_party/dnnl:${LITE_HOME:-}/tools/converter/lib:${LD_LIBRARY_PATH:-}
    logged infer.log "$hmr/output/ascend310_infer/main" "${network[@]}"
else
    logged infer.log "$launch_python" "$launcher_root/tools/infer_mindir.py" "${network[@]}" --device_target "$target"
fi
logged acc.log "$launch_python" "$hmr/postprocess.py" --label_file preprocess_Result/label --result_path result_Files
cat acc.log
