#!/usr/bin/env bash
# The main job of pose_baseline on made-up data: train, evaluate, export and use the network; a few minutes on a CPU.
# Everything that is made lies in pose_baseline/output/quickstart/. The packages have to be there (scripts/setup.sh).
# EPOCHS=1 in front makes it shorter, more epochs make it better.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$launcher_root/scripts/steps.sh"
launch_find_python
python=$launch_python
cd "$launcher_root/pose_baseline"
output=$PWD/output/quickstart
data=$output/data
epochs=${EPOCHS:-3}
mkdir -p "$output"

begin_steps 5
step "Sample data: procedural motion in the Human3.6M format"
"$python" ../tools/make_sample_data.py pose_baseline --output_dir "$data"

step "Training, $epochs epochs"
rm -rf "$output/train"
"$python" train.py --config_path recipe.yaml --data_dir "$data" --train_dir "$output/train" --epochs "$epochs"
checkpoint=$(newest "$output/train" '*.ckpt')

step "Evaluation on the subjects that were not trained on"
"$python" eval.py --config_path recipe.yaml --ckpt_file "$checkpoint" --data_dir "$data" --train_dir "$output/train"
result=$(newest "$output/train" eval_result.json)

step "Export to MindIR"
"$python" export.py --ckpt_file "$checkpoint" --file_name "$output/pose_baseline" --file_format MINDIR

step "Inference: 3D poses from 2D joints in pixels"
# One person of the test set, seen by one camera.
"$python" ../tools/make_sample_data.py pose_baseline --layout npz --subjects 9 --num 60 --output_dir "$output/joints_2d"
PYTHONPATH=$launcher_root "$python" - "$output/joints_2d" <<'PY'
import sys

import numpy as np

from common.data.restricted_pickle import load_npz

folder = sys.argv[1]
sequences = load_npz(f"{folder}/data_2d_h36m_gt.npz")["positions_2d"]
np.save(f"{folder}/walking.npy", sequences["S9"]["Walking"][0])
PY
"$python" infer.py --ckpt_file "$checkpoint" --input "$output/joints_2d/walking.npy" --output_dir "$output/poses"

finish_steps
echo "Mean joint error: $("$python" -c 'import json, sys; print("%.1f mm" % json.load(open(sys.argv[1]))["error"])' "$result")"
list_files "$output" ./data
