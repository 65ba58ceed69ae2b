#!/usr/bin/env bash
# The main job of hand4whole on made-up people: train a small network, evaluate, export and use it; about ten minutes on
# two CPU cores. Everything that is made lies in hand4whole/output/quickstart/. The packages have to be there
# (scripts/setup.sh). EPOCHS=5 in front makes it shorter, more epochs make it better.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/launcher.sh"
source "$launcher_root/scripts/steps.sh"
launch_find_python
python=$launch_python
cd "$launcher_root/hand4whole"
output=$PWD/output/quickstart
data=$output/data
mkdir -p "$output"
settings=(--config_path small.yaml --dataset_root "$data" --output_dir "$output/train")

begin_steps 5
step "Sample data: procedural people as in Human3.6M, COCO-WholeBody and EHF, with hands and faces"
"$python" ../tools/make_sample_data.py coco_wholebody --output_dir "$data/COCOWB" --num 350 &
scenes=$!
"$python" ../tools/make_sample_data.py human36m_images --output_dir "$data/Human36M" --num 200 --only hand4whole
"$python" ../tools/make_sample_data.py ehf --output_dir "$data/EHF" --num 40
wait "$scenes"

step "Training of a small network from random weights"
rm -rf "$output/train"
"$python" train.py "${settings[@]}" ${EPOCHS:+--end_epoch "$EPOCHS"}

step "Evaluation on people who were not trained on, with drawings"
"$python" test.py "${settings[@]}" --vis | tee "$output/test.log"

step "Export to MindIR"
"$python" export.py "${settings[@]}" --file_name "$output/hand4whole" --file_format MINDIR

step "Demo: one picture"
rm -rf "$output/demo"
box=$("$python" -c 'import json, sys; print(*json.load(open(sys.argv[1]))["annotations"][0]["body_bbox"], sep=",")' \
    "$data/EHF/data/EHF.json")
"$python" demo.py "${settings[@]}" --img "$data/EHF/data/01_img.jpg" --bbox "$box" --demo_dir "$output/demo"

finish_steps
grep MPVPE "$output/test.log"
list_files "$output" ./data
