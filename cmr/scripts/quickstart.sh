#!/usr/bin/env bash
# The main job of cmr on made-up people: train a small network, evaluate, export and use it; about ten minutes on two CPU
# cores. Everything that is made lies in cmr/output/quickstart/. The packages have to be there (scripts/setup.sh).
# EPOCHS=5 in front makes it shorter, more epochs make it better.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$launcher_root/scripts/steps.sh"
launch_find_python
python=$launch_python
cd "$launcher_root/cmr"
output=$PWD/output/quickstart
data=$output/data
mkdir -p "$output"
places=(--dataset_root "$data" --dataset_npz_path "$data")

begin_steps 5
step "Sample data: 600 pictures of procedural people in UP-3D's format"
"$python" ../tools/make_sample_data.py up3d --output_dir "$data/UP_3D" --num 600 --num_lsp 0 --easy
"$python" preprocess.py --train_files --eval_files --only up-3d "${places[@]}"

step "Training of a small network from random weights"
rm -rf "$output/train"
"$python" train.py --config_path small.yaml "${places[@]}" --save_checkpoint_dir "$output/train" ${EPOCHS:+--num_epochs "$EPOCHS"}
checkpoint=$(newest "$output/train" '*.ckpt')

step "Evaluation on people who were not trained on"
"$python" eval.py --config_path small.yaml "${places[@]}" --checkpoint "$checkpoint" --result_dir "$output/evaluation"

step "Export to MindIR"
"$python" export.py --config_path small.yaml --checkpoint "$checkpoint" --file_name "$output/cmr" --file_format MINDIR

step "Inference: meshes of people who were not trained on"
rm -rf "$output/people"
"$python" infer.py --config_path small.yaml --checkpoint "$checkpoint" --image "$data/UP_3D/up-3d/005[0-2]0_image.png" \
    --keypoints_json "$data/UP_3D/openpose" --output_dir "$output/people"

finish_steps
grep -E 'Shape Error' "$output/evaluation/eval_result.json" | tr -d '",'
list_files "$output" ./data
