#!/usr/bin/env bash
# Opens a page on this machine for photos and videos: bash scripts/web.sh [--install] [flags of tools/web.py]
#
#   --install      only make .venv-web/, the environment of the page
#   --port 8080    another port than 7860
#   --host ADDRESS let other machines in (there is no password)
#
# python tools/web.py --help lists the limits on uploads. Ctrl-C ends it and deletes what was uploaded and made.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/launcher.sh"
case ${1:-} in -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed '$d' && exit 0 ;; esac
bash "$root/scripts/setup.sh"
launch_find_python
if ! cmp -s "$root/requirements-web.txt" "$root/.venv-web/requirements-web.txt"; then
    echo "[web] making .venv-web (the first time takes some minutes)"
    { "$launch_python" -m venv --clear "$root/.venv-web" && "$root/.venv-web/bin/python" -m pip install --quiet \
        --disable-pip-version-check -r "$root/requirements-web.txt"; } ||
        launch_error "the packages of requirements-web.txt cannot be installed; see above"
    cp "$root/requirements-web.txt" "$root/.venv-web/"
fi
if [[ ${1:-} == --install ]]; then exit 0; fi
exec "$root/.venv-web/bin/python" "$root/tools/web.py" --python "$launch_python" "$@"
