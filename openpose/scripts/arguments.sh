# How the launch scripts of openpose read their arguments. Source it after launcher.sh.

# training_data IMAGEPATH JSONPATH MASKPATH VGG_PATH [more...]: sets `arguments` to the flags of train.py.
training_data() {
    if [[ " ${*:1:4}" == *" --"* ]]; then usage; fi  # a flag where a path has to stand
    arguments=(--imgpath_train "$(full_path "$1")" --jsonpath_train "$(full_path "$2")" --maskpath_train "$(full_path "$3")"
        --vgg_path "$(full_path "$4")" "${@:5}")
}

# standalone_training TARGET "$@": one process, from IMAGEPATH JSONPATH MASKPATH VGG_PATH DEVICE_ID or DEVICE_ID --flags.
standalone_training() {
    local target=$1 device
    shift
    if (($# == 1)) || [[ ${2:-} == --* ]]; then
        device=$1 arguments=("${@:2}")
    else
        require 5 "$@"
        device=$5
        training_data "${@:1:4}" "${@:6}"
    fi
    launch_standalone openpose train.py "$target" "$device" "${arguments[@]}"
}

# distributed_training TARGET "$@": a process per card, from WORKERS IMAGEPATH JSONPATH MASKPATH VGG_PATH or WORKERS --flags.
distributed_training() {
    local target=$1 workers=$2
    shift 2
    if (($# == 0)) || [[ $1 == --* ]]; then
        arguments=("$@")
    else
        require 4 "$@"
        training_data "$@"
    fi
    with_default --config_path multi_card.yaml "${arguments[@]}"
    launch_distributed openpose train.py "$target" "$workers" "${arguments[@]}"
}

# evaluation TARGET "$@": one process, from MODEL_PATH IMGPATH_VAL ANN DEVICE_ID or DEVICE_ID --flags.
evaluation() {
    local target=$1 device
    shift
    if (($# == 1)) || [[ ${2:-} == --* ]]; then
        device=$1 arguments=("${@:2}")
    else
        require 4 "$@"
        device=$4
        arguments=(--model_path "$(full_path "$1")" --imgpath_val "$(full_path "$2")" --ann "$(full_path "$3")" "${@:5}")
    fi
    launch_standalone openpose eval.py "$target" "$device" "${arguments[@]}"
}
