#!/usr/bin/env bash
# Makes .venv at the repository root and installs the pinned packages into it.
#
#   bash scripts/setup.sh [--gpu] [--convert] [--test]
#
#   --gpu      also the CUDA 11 libraries of MindSpore's GPU back end (about 1.7 GB)
#   --convert  also PyTorch, for the conversion of its checkpoints, and what fetches them from Google Drive
#   --test     also what reads our files back in tests
#
#   MINDSPORE=2.8.0          this version (2.7 to 2.10) instead of the pinned one, for the driver of an Ascend machine;
#                            later calls keep the version that is installed
#   VENV=folder              make the environment there instead of in .venv
#   TORCH_INDEX=URL          take PyTorch from this package index (the first of two that have its CPU build)
#   PYTHON=/path/to/python   use this interpreter and its environment (conda, a container, your own venv) instead
#
# A second call with nothing changed does nothing: the environment keeps a list of the requirement files it holds.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name="scripts/setup.sh"

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed '$d'; }
say() { printf '[setup] %s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# The version of an interpreter as "3.11", nothing when it does not run (a version manager's empty shim, for example).
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

supported() { [[ $1 == 3.10 || $1 == 3.11 || $1 == 3.12 ]]; }

# Sets `found` to the first interpreter on PATH that fits and can make an environment.
find_python() {
    local candidate version other="" without_venv=""
    for candidate in python3.11 python3.12 python3.10 python3 python; do
        version=$(version_of "$candidate")
        if ! supported "$version"; then
            [[ -z $version ]] || other="$candidate is Python $version"
        elif ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            without_venv=$version
        else
            found=$candidate
            return
        fi
    done
    [[ -z $without_venv ]] ||
        fail "Python $without_venv is here without its venv module; install it (Debian, Ubuntu: apt-get install python$without_venv-venv) and run $name again."
    fail "no Python 3.10, 3.11 or 3.12 on PATH${other:+ ($other, which MindSpore 2.10 does not support)}; install one (Debian, Ubuntu: apt-get install python3 python3-venv) or set PYTHON=/path/to/python3.11, and run $name again."
}

# Sets `python` to the interpreter whose environment receives the packages.
choose_python() {
    if [[ -n ${PYTHON:-} ]]; then
        local version
        version=$(version_of "$PYTHON")
        [[ -n $version ]] || fail "PYTHON=$PYTHON does not run; name a Python 3.10, 3.11 or 3.12 interpreter or unset PYTHON."
        supported "$version" || fail "PYTHON=$PYTHON is Python $version; MindSpore 2.10 needs 3.10, 3.11 or 3.12."
        python=$("$PYTHON" -c 'import sys; print(sys.executable)')
        return
    fi
    local venv=${VENV:-$root/.venv}
    python="$venv/bin/python"
    if supported "$(version_of "$python")" && "$python" -c 'import pip' 2>/dev/null; then return; fi
    local found=""
    find_python
    say "making $venv with $found ($(version_of "$found"))"
    "$found" -m venv --clear "$venv" || fail "$found could not make $venv; see the lines above."
    python=$("$python" -c 'import os, sys; print(os.path.abspath(sys.executable))')
}

# Sets `mindspore` to the wanted version: that of MINDSPORE, else the one that is installed, else the pinned one.
choose_mindspore() {
    local pinned installed words
    pinned=$(sed -n 's/^mindspore==//p' "$root/requirements.txt")
    installed=$("$python" -c 'import importlib.metadata as packages; print(packages.version("mindspore"))' \
        2>/dev/null || true)
    mindspore=${MINDSPORE:-${installed:-$pinned}}
    words=$("$python" - "$root/common/mindspore_versions.py" "$mindspore" 2>&1 <<'PY'
import runpy
import sys

versions = runpy.run_path(sys.argv[1])
if versions["refusal"](sys.argv[2]):
    sys.exit(versions["refusal"](sys.argv[2]))
print(versions["remark"](sys.argv[2]), end="")
PY
    ) || fail "$words"
    [[ -z $words ]] || say "$words"
    if [[ $mindspore != "$pinned" && -z ${MINDSPORE:-} ]]; then
        say "MindSpore $mindspore is installed and stays (MINDSPORE=$pinned bash $name installs the pinned version)"
    fi
}

# Prints the stamp file's path, then one line per requirement file: its name and the hash of all that decides its content.
fingerprints() {
    "$python" - "$root" "$mindspore" "$@" <<'PY'
import hashlib
import pathlib
import platform
import re
import sys

root = pathlib.Path(sys.argv[1])
shared = (root / "constraints.txt").read_bytes() + platform.python_version().encode()
print(pathlib.Path(sys.prefix) / ".mindhuman-setup")
for name in sys.argv[3:]:
    content = re.sub(rb"(?m)^mindspore==.*", b"mindspore==" + sys.argv[2].encode(), (root / name).read_bytes())
    print(name, hashlib.sha256(content + shared).hexdigest())
PY
}

# Installs the CPU build of PyTorch from the first index that answers, and nothing if none does: then pip takes PyPI's.
# Only this one package is looked for there, so that an index that cannot be reached costs five seconds and no more.
install_torch() {
    local index wanted
    wanted=$(grep '^torch==' "$root/requirements-convert.txt")
    if "$python" -m pip --disable-pip-version-check freeze 2>/dev/null | grep -qE "^$wanted(\+|\$)"; then return; fi
    for index in ${TORCH_INDEX:-https://download.pytorch.org/whl/cpu https://mirrors.aliyun.com/pytorch-wheels/cpu}; do
        if ! "$python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "$index/" \
            2>/dev/null; then
            say "$index cannot be reached"
            continue
        fi
        say "installing $wanted (CPU) from $index"
        # The one is an index, the other a page of links.
        if "$python" -m pip install --disable-pip-version-check --quiet --progress-bar off --no-deps \
            --index-url "$index" --find-links "$index" "$wanted"; then return; fi
    done
    say "installing $wanted from the usual index; on x86_64 this may be the CUDA build of several GB"
}

install() {
    local file arguments=()
    folder=$(mktemp -d) # the files as they are, with the wanted version of MindSpore
    trap 'rm -rf "$folder"' EXIT
    cp "$root/constraints.txt" "$folder"
    if [[ " $* " == *" requirements-convert.txt "* ]]; then install_torch; fi
    for file in "$@"; do
        sed "s/^mindspore==.*/mindspore==$mindspore/" "$root/$file" >"$folder/$file"
        arguments+=(-r "$folder/$file")
    done
    say "installing $* (the first time takes some minutes)"
    "$python" -m pip install --disable-pip-version-check --quiet --progress-bar off "${arguments[@]}" ||
        fail "pip could not install $*; see its lines above (network, disk space, or a packaged Python that wants an environment of its own), then run $name again."
    "$python" -c 'import mindspore, cv2, h5py' ||
        fail "the packages are installed but do not load; see the line above (a missing libgomp.so.1: apt-get install libgomp1), then run $name again."
}

files=(requirements.txt)
gpu=0
for argument in "$@"; do
    case $argument in
    --gpu) files+=(requirements-gpu.txt) gpu=1 ;;
    --convert) files+=(requirements-convert.txt) ;;
    --test) files+=(requirements-test.txt) ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && fail "unknown option $argument" ;;
    esac
done

choose_python
choose_mindspore
listed=$(fingerprints "${files[@]}") || fail "$python cannot read the requirement files in $root."
mapfile -t lines <<<"$listed"
stamp=${lines[0]}
wanted=("${lines[@]:1}")

missing=()
for line in "${wanted[@]}"; do
    grep -qxF -- "$line" "$stamp" 2>/dev/null || missing+=("${line%% *}")
done

if ((${#missing[@]})); then
    # What is being changed leaves the list first, so that a failure or Ctrl-C never looks finished.
    kept=$(for file in "${missing[@]}"; do printf '%s \n' "$file"; done | grep -vFf - "$stamp" 2>/dev/null || true)
    ! [[ -e $stamp ]] || printf '%s\n' "$kept" >"$stamp"
    install "${missing[@]}"
    {
        [[ -z $kept ]] || printf '%s\n' "$kept"
        for line in "${wanted[@]}"; do printf '%s\n' "$line"; done
    } | sort -u >"$stamp" || say "note: $stamp cannot be written, so the next call asks pip again"
    say "ready: $python"
else
    say "up to date: $python"
fi

if ((gpu)); then
    cd "$root" && "$python" -c 'from common.engine.devices import probe; print("[setup] GPU:", probe("GPU").reason)'
fi
