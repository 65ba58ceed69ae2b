#!/usr/bin/env bash
# pose_baseline at work on synthetic people: bash scripts/quickstart.sh [--from_scratch]. The packages have to be there
# (../scripts/setup.sh). scripts/steps.sh at the root says what is done; it all lies in output/quickstart/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/steps.sh"

sample_data() {
    sample pose_baseline "$data"
    # One person of the test set, seen by one camera.
    sample pose_baseline "$data/joints_2d" --layout npz --subjects 9 --num 60
    PYTHONPATH=$launcher_root run - "$data/joints_2d" <<'PY'
import sys

import numpy as np

from common.data.restricted_pickle import load_npz

folder = sys.argv[1]
sequences = load_npz(f"{folder}/data_2d_h36m_gt.npz")["positions_2d"]
np.save(f"{folder}/walking.npy", sequences["S9"]["Walking"][0])
PY
}

evaluate() { run eval.py "$@" --data_dir "$data" --output_dir "$output/evaluation"; }

infer() { run infer.py "$@" --input "$data/joints_2d/walking.npy" --output_dir "$output/people"; }

network() { run export.py "$@" --file_name "$output/pose_baseline" --file_format MINDIR; }

fine_tune() {
    run train.py --config_path small.yaml --ckpt_file small --data_dir "$data" --train_dir "$output/train" \
        --epochs 2 --learning_rate 2e-4 --log_every 40 --eval_every 2
}

train_from_scratch() {
    run train.py --config_path recipe.yaml --data_dir "$data" --train_dir "$output/train" --epochs "${EPOCHS:-3}"
}

figures() { sed -n 's/^Average  *\(.*\)/Mean joint error: \1 mm/p' "$output/eval.log"; }

images() { columns=1 && echo "$output/people/predictions.png"; }

quickstart "$@"
