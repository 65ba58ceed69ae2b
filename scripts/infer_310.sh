# How the run_infer_310.sh of a model runs its steps, each with a log in the current folder. Source it after launcher.sh.

# logged LOG COMMAND...: run the command with its output in a file, whose end is shown when it fails.
logged() {
    local log=$1
    shift
    "$@" &>"$log" && return
    # CMake's last lines are about itself.
    grep -vE '^(-- |See also |[[:space:]]*$)' "$log" | tail -n 3 >&2
    launch_error "$PWD/$log says more"
}

# build_network MODEL: on Ascend the model's program, which needs LITE_HOME. Before preprocessing, which takes long.
build_network() {
    local source=$launcher_root/$1/ascend310_infer
    [[ ${DEVICE_TARGET:-Ascend} == Ascend ]] || return 0
    launch_build=$launcher_root/$1/output/ascend310_infer
    logged build.log cmake -S "$source" -B "$launch_build"
    logged build.log cmake --build "$launch_build"
}

# run_network MINDIR_PATH DEVICE_ID: from preprocess_Result/img_data to result_Files; the log is infer.log.
# On Ascend with the program of build_network; on another DEVICE_TARGET with MindSpore.
run_network() {
    local target=${DEVICE_TARGET:-Ascend}
    local flags=(--model_path "$1" --dataset_path preprocess_Result/img_data --device_target "$target" --device_id "$2"
        --result_path result_Files --time_path time_Result)
    if [[ $target != Ascend ]]; then
        logged infer.log "$launch_python" "$launcher_root/tools/infer_mindir.py" "${flags[@]}"
        return
    fi
    local libraries=${LITE_HOME:-}/runtime/lib:${LITE_HOME:-}/runtime/third_party/dnnl:${LITE_HOME:-}/tools/converter/lib
    LD_LIBRARY_PATH=$libraries:${LD_LIBRARY_PATH:-} logged infer.log "$launch_build/main" "${flags[@]}"
}
