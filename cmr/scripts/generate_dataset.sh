#!/usr/bin/env bash
# Prepare the data sets for training, for evaluation, or for both. Further arguments go to preprocess.py.
# Usage: bash generate_dataset.sh train|test [train|test] [arguments of preprocess.py]
#   e.g. bash generate_dataset.sh train test --dataset_root ~/datasets
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
require 1 "$@"
arguments=()
while (($#)) && [[ $1 != --* ]]; do
    case $1 in
    train) arguments+=(--train_files) ;;
    test | eval) arguments+=(--eval_files) ;;
    *) printf 'error: %s is neither train nor test\n' "$1" >&2 && usage ;;
    esac
    shift
done
launch_enter cmr preprocess.py
launch_command "$launch_python" preprocess.py "${arguments[@]}" "$@"
