#!/usr/bin/env bash
# Sets the project up and runs its tests, as many files at a time as there are cores (at most 4).
#
#   bash scripts/run_tests.sh [--full] [pytest arguments]
#   bash scripts/run_tests.sh --mindspore 2.8.0 [pytest arguments]
#   bash scripts/run_tests.sh -m "not slow" tests/common
#   bash scripts/run_tests.sh -n 0 --pdb tests/common/test_config.py
#
#   --full             also the tests that are slow and rarely break; continuous integration runs them
#   --mindspore V      the core of the tests (tests/core.txt) with this version of MindSpore, in its own environment
#                      (.venv-V, about 3 GB, which may be removed afterwards)
#
# The exit status is pytest's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "scripts/$(basename "${BASH_SOURCE[0]}")" | sed '$d' && exit 0 ;; esac
if [[ ${1:-} == --mindspore ]]; then
    version=${2:-}
    if ! [[ $version =~ ^[0-9]+(\.[0-9]+)+ ]]; then
        printf 'error: --mindspore %s: write a version, such as 2.8.0\n' "$version" >&2
        exit 1
    fi
    shift 2
    VENV=$PWD/.venv-$version MINDSPORE=$version bash scripts/setup.sh --test
    export PYTHON=$PWD/.venv-$version/bin/python
    mapfile -t core < <(grep -v '^#' tests/core.txt)
    set -- "${core[@]}" "$@"
else
    bash scripts/setup.sh --test
fi
source scripts/launcher.sh
launch_find_python
# Without the number of threads that somebody has set for other programs, which nproc would tell.
cores=$(OMP_NUM_THREADS= OMP_THREAD_LIMIT= nproc)
# A worker takes up to 9 GB. Each keeps to one thread: several pools of threads on the same cores slow each other down.
workers=$((cores < 4 ? cores : 4))
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec "$launch_python" -m pytest -n "$workers" --dist loadfile --no-loadscope-reorder "$@"
