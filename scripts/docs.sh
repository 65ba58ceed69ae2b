#!/usr/bin/env bash
# Makes the documentation as a site, in English and Chinese: bash scripts/docs.sh [--serve | --install]
#
#   --serve    show it at http://127.0.0.1:8000, where it follows changes
#   --install  only make .venv-docs/, the environment of what makes the site
#
# The pages begin with output/docs/index.html and need no server. A broken link ends it with status 1.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/launcher.sh"
command=(build --strict)
case ${1:-} in
-h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed '$d' && exit 0 ;;
--serve) command=(serve) ;;
--install) command=() ;;
"") ;;
*) launch_error "unknown option $1; there are --serve and --install" ;;
esac
cd "$root"
if ! cmp -s requirements-docs.txt .venv-docs/requirements-docs.txt; then
    echo "[docs] making .venv-docs"
    "${PYTHON:-python3}" -m venv --clear .venv-docs && .venv-docs/bin/python -m pip install --quiet \
        --disable-pip-version-check -r requirements-docs.txt || launch_error "the packages of requirements-docs.txt cannot be installed; see above"
    cp requirements-docs.txt .venv-docs/
fi
((${#command[@]})) || exit 0
# What makers of packages have to say to their users' users is left out. Not by --quiet: --strict counts what is shown only.
NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs "${command[@]}" 2>&1 | sed -u '/^INFO/d'
[[ ${command[0]} == serve ]] || echo "[docs] $root/output/docs/index.html"
