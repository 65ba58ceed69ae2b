#!/usr/bin/env bash
# hand4whole at work on synthetic people: bash scripts/quickstart.sh [--from_scratch]. The packages have to be there
# (../scripts/setup.sh). scripts/steps.sh at the root says what is done; it all lies in output/quickstart/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/steps.sh"

sample_data() {
    sample coco_wholebody "$data/COCOWB" --num $((from_scratch ? 350 : 40)) &
    local scenes=$!
    if ((from_scratch)); then sample human36m_images "$data/Human36M" --num 200 --only hand4whole; fi
    sample ehf "$data/EHF" --num $((from_scratch ? 40 : 16))
    wait "$scenes"
}

evaluate() {
    run test.py --dataset_root "$data" --testset EHF --output_dir "$output/evaluation" --test_batch_size 8 --mean_body "$@"
}

infer() {
    local box number
    for number in 02 05; do
        box=$(run -c 'import json, sys
data = json.load(open(sys.argv[1]))
print(*data["annotations"][int(sys.argv[2]) - 1]["body_bbox"], sep=",")' "$data/EHF/data/EHF.json" "$number")
        run demo.py "$@" --img "$data/EHF/data/${number}_img.jpg" "--bbox=$box" --demo_dir "$output/people"
    done
}

network() { run export.py "$@" --file_name "$output/hand4whole" --file_format MINDIR; }

fine_tune() {
    run train.py --config_path small.yaml --ckpt_file small --dataset_root "$data" --output_dir "$output/train" \
        --trainset_3d "[]" --trainset_2d COCOWB --train_batch_size 8 --end_epoch 5 --lr 1e-4 --lr_dec_epoch 9 \
        --log_interval 1 --ckpt_interval 0 --keep_checkpoint_max 1
}

train_from_scratch() {
    run train.py --config_path from_scratch.yaml --dataset_root "$data" --output_dir "$output/train" --trainset_3d Human36M \
        --trainset_2d COCOWB --train_batch_size 16 --end_epoch "${EPOCHS:-20}" --lr 1e-3 --lr_dec_factor 4 \
        --lr_dec_epoch 14,18 --ckpt_interval 0 --keep_checkpoint_max 1
}

figures() { grep MPVPE "$output/eval.log"; }

images() { columns=4 && find "$output/people" -name 'render_*.jpg' | sort; }

quickstart "$@"
