#!/usr/bin/env bash
# Sets the project up and runs a model from end to end on made-up sample data.
#
#   bash scripts/quickstart.sh [MODEL]
#
# MODEL is pose_baseline unless another one is named. What is made lies in MODEL/output/quickstart/.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/launcher.sh"
case ${1:-} in -h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed '$d'
    echo "Models: $(launch_models quickstart.sh)"
    exit 0
    ;;
esac
model=${1:-pose_baseline}
model=${model%/}
[[ -f $root/$model/scripts/quickstart.sh ]] || launch_error "no quickstart for '$model'; there is: $(launch_models quickstart.sh)"
bash "$root/scripts/setup.sh"
exec bash "$root/$model/scripts/quickstart.sh"
