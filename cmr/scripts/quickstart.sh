#!/usr/bin/env bash
# cmr at work on synthetic people: bash scripts/quickstart.sh [--from_scratch]. The packages have to be there
# (../scripts/setup.sh). scripts/steps.sh at the root says what is done; it all lies in output/quickstart/.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/steps.sh"

sample_data() {
    if ((from_scratch)); then
        sample up3d "$data/UP_3D" --num 600 --num_lsp 0 --easy
    else
        sample up3d "$data/UP_3D" --num 160 --num_lsp 0
    fi
    run preprocess.py --train_files --eval_files --only up-3d --dataset_root "$data" --dataset_npz_path "$data"
}

evaluate() {
    run eval.py "$@" --dataset_root "$data" --dataset_npz_path "$data" --result_dir "$output/evaluation"
}

infer() {
    local tested='001[345][05]'
    if ((from_scratch)); then tested='005[0-2][05]'; fi
    run infer.py "$@" --image "$data/UP_3D/up-3d/${tested}_image.png" \
        --keypoints_json "$data/UP_3D/openpose" --output_dir "$output/people" --formats png,json,obj
}

network() { run export.py "$@" --file_name "$output/cmr" --file_format MINDIR; }

fine_tune() {
    run train.py --config_path small.yaml --pretrained_checkpoint small --dataset up-3d --dataset_root "$data" \
        --dataset_npz_path "$data" --save_checkpoint_dir "$output/train" --batch_size 8 --num_epochs 3 --lr 2e-4 \
        --summary_steps 4 --checkpoint_steps 0 --keep_checkpoint_max 1
}

train_from_scratch() {
    run train.py --config_path from_scratch.yaml --dataset up-3d --dataset_root "$data" --dataset_npz_path "$data" \
        --save_checkpoint_dir "$output/train" --batch_size 8 --num_epochs "${EPOCHS:-40}" --log_interval 20 \
        --checkpoint_steps 0 --keep_checkpoint_max 1
}

figures() { grep -E 'Shape Error' "$output/evaluation/eval_result.json" | tr -d '",'; }

images() { people_on_sheet "$data/UP_3D/up-3d" _image.png 4; }

quickstart "$@"
