# Shared functions of the launch scripts. Source this file; it only sets a few variables.
#
#   DEVICE_TARGET=CPU|GPU|Ascend  runs a launch script on another device than the one it is named after
#   BACKGROUND=1                  detaches and prints the process id and the log file
#   PYTHON=/path/to/python        the interpreter (default: .venv/bin/python where it exists, else python3)
#   PORT, NODES, NODE_RANK, MASTER_ADDR   jobs on several hosts; scripts/run_workers.py explains them
#
# Output goes to the terminal and into MODEL/logs/; the exit status is that of the Python program. It runs in the model's
# folder; paths among the arguments are those of the caller's folder.

launcher_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Print the calling script's head comment and leave.
usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
    exit 1
}

launch_error() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# require COUNT "$@": the usage when a launch script got fewer than COUNT arguments, or when help is asked for.
require() {
    local count=$1
    shift
    if (($# < count)) || [[ $1 == -h || $1 == --help ]]; then usage; fi
}

# with_default FLAG VALUE "$@": sets `arguments` to the given ones, led by FLAG VALUE unless FLAG is among them.
with_default() {
    local flag=$1 value=$2 argument
    shift 2
    arguments=("$@")
    for argument in "$@"; do
        if [[ $argument == "$flag" || $argument == "$flag="* ]]; then return; fi
    done
    arguments=("$flag" "$value" "$@")
}

# full_path PATH: the absolute form of something that is there, anything else as it is.
full_path() {
    if [[ -n $1 && -e $1 ]]; then printf '%s/%s' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"; else printf '%s' "$1"; fi
}

# launch_file PATH: a file of the project as it is reached from the current folder: with its full path outside of the root.
launch_file() {
    if [[ $PWD == "$launcher_root" ]]; then printf '%s' "$1"; else printf '%q' "$launcher_root/$1"; fi
}

# launch_paths "$@": sets `arguments` to the given ones, with the full paths of what is there, also within --flag=path. A
# word without a slash stays: `--dataset coco` names no folder, whatever lies beside the caller.
launch_paths() {
    local argument flag
    arguments=()
    for argument in "$@"; do
        flag=
        if [[ $argument == --*=* ]]; then flag=${argument%%=*}=; fi
        argument=${argument#"$flag"}
        case $argument in */* | . | ..) argument=$(full_path "$argument") ;; esac
        arguments+=("$flag$argument")
    done
}

# launch_standalone MODEL ENTRY DEVICE_TARGET DEVICE_ID [arguments...]: one process.
launch_standalone() {
    local model=$1 entry=$2 target=${DEVICE_TARGET:-$3} device=$4
    shift 4
    [[ $device != --* ]] || usage
    [[ $device =~ ^[0-9]+$ ]] || launch_error "$device is not the number of a device, such as 0 (--help shows the usage)"
    launch_paths "$@"
    launch_enter "$model" "$entry"
    launch_command "$launch_python" "$entry" --device_target "$target" --device_id "$device" "${arguments[@]}"
}

# launch_distributed MODEL ENTRY DEVICE_TARGET WORKERS|RANK_TABLE_FILE [arguments...]: one process per device.
launch_distributed() {
    local model=$1 entry=$2 target=${DEVICE_TARGET:-$3} workers=$4
    shift 4
    if [[ -f $workers ]]; then
        workers=$(cd "$(dirname "$workers")" && pwd)/$(basename "$workers")
    elif ! [[ $workers =~ ^[1-9][0-9]*$ ]]; then
        [[ $workers != --* ]] || usage
        launch_error "$workers is neither a number of workers nor a rank table file that is there (--help shows the usage)"
    fi
    launch_paths "$@"
    launch_enter "$model" "$entry"
    launch_command "$launch_python" "$launcher_root/scripts/run_workers.py" "$workers" "${launch_log%.log}" \
        "$entry" --device_target "$target" "${arguments[@]}"
}

# launch_model SCRIPT FIRST MODEL [arguments...]: the script of this name in the model's own folder.
launch_model() {
    local script=$1 first=$2 model=${3%/}
    shift 3
    [[ -f $launcher_root/$model/scripts/$script ]] || launch_error "no $script for a model '$model'; there is: $(launch_models "$script")"
    exec bash "$launcher_root/$model/scripts/$script" "$first" "$@"
}

# launch_models SCRIPT: the models that have such a script, in one line.
launch_models() {
    local path names=()
    for path in "$launcher_root"/*/scripts/"$1"; do
        if [[ -f $path ]]; then names+=("$(basename "$(dirname "$(dirname "$path")")")"); fi
    done
    printf '%s' "${names[*]}"
}

# Sets `launch_python`, in absolute form.
launch_find_python() {
    launch_python=${PYTHON:-}
    [[ -n $launch_python ]] || launch_python=$launcher_root/.venv/bin/python
    if [[ -z ${PYTHON:-} && ! -x $launch_python ]]; then launch_python=python3; fi
    launch_python=$("$launch_python" -c 'import sys; print(sys.executable)' 2>/dev/null) ||
        launch_error "${PYTHON:-python3} does not run; make the environment with: bash $(launch_file scripts/setup.sh)"
    "$launch_python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("mindspore") is None)' ||
        launch_error "$launch_python has no mindspore; make the environment with: bash $(launch_file scripts/setup.sh)"
}

# Goes to the model's folder; sets `launch_log` to a new file in its logs/.
launch_enter() {
    local model=$1 entry=$2 stem
    launch_find_python
    cd "$launcher_root/$model" || launch_error "no folder $launcher_root/$model"
    [[ -f $entry ]] || launch_error "no $entry in $PWD"
    mkdir -p logs || launch_error "cannot make $PWD/logs"
    stem=$PWD/logs/$(basename "$entry" .py)_$(date +%Y%m%d-%H%M%S)
    launch_log=$stem.log
    # Two launches within a second: noclobber makes the creation of the file the decision.
    while ! (set -o noclobber && : >"$launch_log") 2>/dev/null; do
        [[ -e $launch_log ]] || launch_error "cannot write $launch_log"
        stem+=_
        launch_log=$stem.log
    done
}

launch_command() {
    local status
    # A pipe or a file would otherwise show the log only in blocks of some kilobytes.
    export PYTHONUNBUFFERED=1
    if [[ ${BACKGROUND:-0} == 1 ]]; then
        setsid "$@" >"$launch_log" 2>&1 </dev/null &
        echo "pid: $!"
        echo "log: $launch_log"
        return
    fi
    echo "log: $launch_log"
    # Ctrl-C is for the program: tee stays to record what it still says.
    "$@" 2>&1 | tee -i -a "$launch_log"
    status=${PIPESTATUS[0]}
    return "$status"
}
