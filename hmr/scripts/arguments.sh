# How the launch scripts of hmr read their arguments. Source it after launcher.sh.

# data_and_weights [DATASET_PATH [CKPT]] [more...]: sets `arguments` to the flags of train.py or eval.py.
data_and_weights() {
    local flag
    arguments=()
    for flag in --data_path --ckpt_file; do
        if (($# == 0)) || [[ $1 == --* ]]; then break; fi
        arguments+=("$flag" "$(full_path "$1")")
        shift
    done
    arguments+=("$@")
}

# one_process ENTRY TARGET "$@": on one device, from [DEVICE_ID] [DATASET_PATH [CKPT]] [more...].
one_process() {
    local entry=$1 target=$2 device=0
    shift 2
    if [[ $1 =~ ^[0-9]+$ && ! -e $1 ]]; then
        device=$1
        shift
    fi
    data_and_weights "$@"
    launch_standalone hmr "$entry" "$target" "$device" "${arguments[@]}"
}

# several_processes ENTRY TARGET "$@": from WORKERS|RANK_TABLE_FILE [DATASET_PATH [CKPT]] [more...].
several_processes() {
    data_and_weights "${@:4}"
    launch_distributed hmr "$1" "$2" "$3" "${arguments[@]}"
}
