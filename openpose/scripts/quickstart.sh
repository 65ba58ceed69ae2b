#!/usr/bin/env bash
# The main job of openpose on made-up scenes: train a small network, evaluate, export and use it; about ten minutes on
# two CPU cores. Everything that is made lies in openpose/output/quickstart/. The packages have to be there
# (scripts/setup.sh). EPOCHS=5 in front makes it shorter, more epochs make it better.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$launcher_root/scripts/steps.sh"
launch_find_python
python=$launch_python
cd "$launcher_root/openpose"
output=$PWD/output/quickstart
data=$output/data
mkdir -p "$output"

begin_steps 5
step "Sample data: 600 scenes of up to three procedural people in COCO's format, and the masks of ignored regions"
rm -rf "$data"
"$python" ../tools/make_sample_data.py coco --output_dir "$data" --num 600 --easy --years 2017
"$python" gen_ignore_mask.py --train_ann "$data/annotations/person_keypoints_train2017.json" --train_dir "$data/train2017" \
    --val_ann "$data/annotations/person_keypoints_val2017.json" --val_dir "$data/val2017"

step "Training of a small network from random weights"
rm -rf "$output/train"
"$python" train.py --config_path small.yaml --imgpath_train "$data/train2017" --maskpath_train "$data/ignore_mask_train" \
    --jsonpath_train "$data/annotations/person_keypoints_train2017.json" --save_model_path "$output/train" \
    ${EPOCHS:+--max_epoch_train "$EPOCHS"}
checkpoint=$(newest "$output/train" '*.ckpt')

step "Evaluation on scenes that were not trained on"
"$python" eval.py --config_path small.yaml --model_path "$checkpoint" --imgpath_val "$data/val2017" \
    --ann "$data/annotations/person_keypoints_val2017.json" --output_img_path "$output/evaluation" | tee "$output/eval.log"

step "Export to MindIR"
"$python" export.py --config_path small.yaml --ckpt_file "$checkpoint" --file_name "$output/openpose" --file_format MINDIR

step "Inference: people in pictures that were not trained on"
rm -rf "$output/people"
"$python" infer.py --config_path small.yaml --ckpt_file "$checkpoint" --input "$data/val2017/*[05]0.jpg" --output_dir "$output/people"

finish_steps
echo "Average precision: $(sed -n "s/^result: {'AP': \([^,]*\),.*/\1/p" "$output/eval.log" | cut -c 1-5)"
list_files "$output" ./data
