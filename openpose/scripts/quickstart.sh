#!/usr/bin/env bash
# openpose at work on synthetic scenes: bash scripts/quickstart.sh [--from_scratch]. The packages have to be there
# (../scripts/setup.sh). scripts/steps.sh at the root says what is done; it all lies in output/quickstart/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/steps.sh"

sample_data() {
    if ((from_scratch)); then
        sample coco "$data" --num 600 --years 2017 --easy
    else
        sample coco "$data" --num 100 --years 2017
    fi
    run gen_ignore_mask.py --train_ann "$data/annotations/person_keypoints_train2017.json" \
        --train_dir "$data/train2017" --val_ann "$data/annotations/person_keypoints_val2017.json" \
        --val_dir "$data/val2017"
}

evaluate() {
    run eval.py "$@" --imgpath_val "$data/val2017" --ann "$data/annotations/person_keypoints_val2017.json" \
        --output_img_path "$output/evaluation"
}

infer() { run infer.py "$@" --input "$data/val2017/*$((from_scratch ? 0 : 5)).jpg" --output_dir "$output/people"; }

network() { run export.py "$@" --file_name "$output/openpose" --file_format MINDIR; }

# training SETTINGS...: with the settings of the small network, or of the one from scratch.
training() {
    run train.py --imgpath_train "$data/train2017" --maskpath_train "$data/ignore_mask_train" \
        --jsonpath_train "$data/annotations/person_keypoints_train2017.json" --save_model_path "$output/train" \
        --ckpt_interval 0 --keep_checkpoint_max 1 "$@"
}

# On larger people than the small network has learned from; of those there is little left to learn.
fine_tune() {
    training --config_path small.yaml --load_pretrain --pretrained_model_path small --epochs 5 --batch_size 4 \
        --lr 1e-3 --warmup_epoch 0.5 --insize 256 --min_scale 0.9 --max_scale 0.9 --log_interval 5
}

train_from_scratch() { training --config_path from_scratch.yaml --epochs "${EPOCHS:-25}" --batch_size 4; }

figures() { sed -n "s/^result: {'AP': \([^,]*\),.*/Average precision: \1/p" "$output/eval.log"; }

images() { columns=3 && find "$output/people" -name '*.png' -o -name '*.jpg' | sort | head -n 6; }

quickstart "$@"
