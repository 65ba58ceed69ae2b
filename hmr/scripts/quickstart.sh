#!/usr/bin/env bash
# The main job of hmr on made-up people: train a small network against a critic, evaluate, export and use it; about ten
# minutes on two CPU cores. Everything that is made lies in hmr/output/quickstart/. The packages have to be there
# (scripts/setup.sh). EPOCHS=5 in front makes it shorter, more epochs make it better.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$launcher_root/scripts/steps.sh"
launch_find_python
python=$launch_python
cd "$launcher_root/hmr"
output=$PWD/output/quickstart
data=$output/data
mkdir -p "$output"

begin_steps 5
step "Sample data: 1500 pictures of procedural people in UP-3D's format, and poses for the critic"
"$python" ../tools/make_sample_data.py up3d --output_dir "$data" --num 1500 --num_lsp 0 --easy
"$python" ../tools/make_sample_data.py mosh --output_dir "$data/mosh" --num 4000
"$python" dataprocess.py --data_path "$data"

step "Training of a small network from random weights"
rm -rf "$output/train"
"$python" train.py --config_path small.yaml --data_path "$data" --model_save "$output/train" ${EPOCHS:+--epochs "$EPOCHS"}
checkpoint=$(newest "$output/train" '*.ckpt')

step "Evaluation on people who were not trained on"
"$python" eval.py --config_path small.yaml --data_path "$data" --ckpt_file "$checkpoint" --dataset up-3d \
    --eval_path "$output/evaluation" | tee "$output/eval.log"

step "Export to MindIR"
"$python" export.py --config_path small.yaml --ckpt_file "$checkpoint" --file_name "$output/hmr" --file_format MINDIR

step "Inference: bodies of people who were not trained on"
rm -rf "$output/people"
"$python" infer.py --config_path small.yaml --ckpt_file "$checkpoint" --image "$data/up-3d/01[2-4][05]0_image.png" \
    --output_dir "$output/people" --formats png,json,obj

finish_steps
sed -n 's/^PA-MPJPE: \([0-9.]* mm\),.*/PA-MPJPE: \1/p; s/^For comparison.*: PA-MPJPE/The mean pose alone:/p' "$output/eval.log"
list_files "$output" ./data
