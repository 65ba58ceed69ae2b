#!/usr/bin/env bash
# Sets the project up and runs its tests.
#
#   bash scripts/run_tests.sh [pytest arguments]
#   bash scripts/run_tests.sh -m "not slow" tests/common
#
# Without arguments everything is run. The exit status is pytest's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "scripts/$(basename "${BASH_SOURCE[0]}")" | sed '$d' && exit 0 ;; esac
bash scripts/setup.sh
source scripts/launcher.sh
launch_find_python
exec "$launch_python" -m pytest "$@"
