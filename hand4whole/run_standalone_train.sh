#!/usr/bin/env bash
# scripts/run_standalone_train.sh, for those who call it in this folder.
exec bash "$(dirname "${BASH_SOURCE[0]}")/scripts/run_standalone_train.sh" "$@"
