#!/usr/bin/env bash
# hmr at work on synthetic people: bash scripts/quickstart.sh [--from_scratch]. The packages have to be there
# (../scripts/setup.sh). scripts/steps.sh at the root says what is done; it all lies in output/quickstart/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/steps.sh"

sample_data() {
    if ((from_scratch)); then
        sample up3d "$data" --num 1500 --num_lsp 0 --easy
        sample mosh "$data/mosh" --num 4000
        run dataprocess.py --data_path "$data"
    else
        sample up3d "$data" --num 160 --num_lsp 0
    fi
}

evaluate() { run eval.py "$@" --data_path "$data" --dataset up-3d --eval_path "$output/evaluation"; }

infer() {
    local tested='001[345][05]'
    if ((from_scratch)); then tested='01[2-4][05]0'; fi
    run infer.py "$@" --image "$data/up-3d/${tested}_image.png" \
        --keypoints_json "$data/openpose" --output_dir "$output/people" --formats png,json,obj
}

network() { run export.py "$@" --file_name "$output/hmr" --file_format MINDIR; }

fine_tune() {
    run train.py --config_path small.yaml --ckpt_file small --data_path "$data" --model_save "$output/train" \
        --train_2d_set "[]" --train_3d_set up-3d --train_adv_set "[]" --batch_size 0 --batch_3d_size 16 --epochs 6 \
        --e_lr 2e-4 --warmup_steps 4 --log_interval 1 --save_steps 0 --keep_checkpoint_max 1
}

train_from_scratch() {
    run train.py --config_path from_scratch.yaml --data_path "$data" --model_save "$output/train" \
        --train_2d_set "[]" --train_3d_set up-3d --train_adv_set mosh --batch_size 0 --batch_3d_size 16 \
        --epochs "${EPOCHS:-36}" --log_interval 50 --save_steps 0 --keep_checkpoint_max 1
}

figures() {
    sed -n 's/^\(PA-MPJPE: [0-9.]* mm\),.*/\1/p; s/^\(MPJPE: [0-9.]* mm\),.*/\1/p; s/^For comparison.*: PA-MPJPE/The mean pose alone: PA-MPJPE/p' \
        "$output/eval.log"
}

images() { people_on_sheet "$data/up-3d" _image.png 4; }

quickstart "$@"
