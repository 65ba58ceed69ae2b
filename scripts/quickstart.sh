#!/usr/bin/env bash
# Sets the project up and shows a model at work on synthetic people, in one to three minutes on two CPU cores.
#
#   bash scripts/quickstart.sh [MODEL] [--from_scratch]
#
# MODEL is pose_baseline unless another one is named. Its small network (weights/) is measured, used for images,
# exported, and trained a little further. --from_scratch trains a network of its own from random weights instead, for
# minutes; EPOCHS=5 in front makes that shorter. What is made lies in MODEL/output/quickstart/.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/launcher.sh"
model=pose_baseline options=()
for argument in "$@"; do
    case $argument in
    -h | --help)
        sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed '$d'
        echo "Models: $(launch_models quickstart.sh)"
        exit 0
        ;;
    --from_scratch) options+=("$argument") ;;
    -*) launch_error "unknown option $argument; there is --from_scratch" ;;
    *) model=${argument%/} ;;
    esac
done
[[ -f $root/$model/scripts/quickstart.sh ]] || launch_error "no quickstart for '$model'; there is: $(launch_models quickstart.sh)"
bash "$root/scripts/setup.sh"
exec bash "$root/$model/scripts/quickstart.sh" "${options[@]}"
