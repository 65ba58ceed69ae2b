# The quickstart that all models share. A model's scripts/quickstart.sh sources this file, defines what only it knows,
# and calls `quickstart "$@"`:
#
#   sample_data         writes few people to $data; with --from_scratch ($from_scratch is 1) many simple ones
#   evaluate WEIGHTS    measures on people who were not trained on; WEIGHTS are the words --ckpt_file PATH_OR_NAME
#   infer WEIGHTS       results for some of these images go to $output/people
#   network WEIGHTS     exports to $output/MODEL
#   fine_tune           trains a little from the small weights, into $output/train
#   train_from_scratch  trains from random weights, into $output/train; $EPOCHS may say how long
#   figures             prints the figures of the evaluation
#   images              prints the files that go onto the sheet, in reading order; columns=N says how many in a row
#
# They run in the model's folder and call programs with `run FILE...`.

source "$(dirname "${BASH_SOURCE[0]}")/launcher.sh"

run() { "$launch_python" "$@"; }

# sample DATASET FOLDER [options...]: writes a sample data set. Seed 777 belongs to nobody whom the small weights know.
sample() { run ../tools/make_sample_data.py "$1" --output_dir "$2" --seed $((from_scratch ? 1 : 777)) "${@:3}"; }

quickstart() {
    local weights=(--ckpt_file small)
    from_scratch=0 columns=6
    if [[ ${1:-} == --from_scratch ]]; then from_scratch=1; fi
    launch_find_python
    model=$(basename "$(dirname "$(dirname "$(cd "$(dirname "$0")" && pwd)/.")")")
    cd "$launcher_root/$model"
    output=$PWD/output/quickstart data=$PWD/output/quickstart/data
    rm -rf "$data" "$output/train" "$output/people"
    mkdir -p "$output"

    if ! ((from_scratch)) && [[ ! -f $launcher_root/weights/${model}_small.ckpt ]]; then
        echo "There is no weights/${model}_small.ckpt, so a network is trained from scratch"
        from_scratch=1
    fi
    begin_steps 5
    step "Sample data: synthetic people, made here"
    sample_data
    if ((from_scratch)); then
        step "Training of a small network from random weights"
        train_from_scratch
        weights=(--ckpt_file "$(newest "$output/train" '*.ckpt')")
    fi
    step "Evaluation on people whom the network has not seen"
    evaluate "${weights[@]}" 2>&1 | tee "$output/eval.log"
    step "Inference on their images"
    infer "${weights[@]}"
    step "Export to MindIR"
    network "${weights[@]}"
    if ! ((from_scratch)); then
        step "Training: some updates more on other people"
        fine_tune
        loss_fell "$(newest "$output/train" metrics.csv)"
    fi

    finish_steps
    local sheet
    images >"$output/sheet.txt" # in this shell, so that `columns` holds
    mapfile -t sheet <"$output/sheet.txt" && rm "$output/sheet.txt"
    run ../tools/contact_sheet.py --output "$output/quickstart.jpg" --columns "$columns" "${sheet[@]}"
    list_files "$output" ./data
    figures
    if ! ((from_scratch)); then loss_fell "$(newest "$output/train" metrics.csv)"; fi
    echo "Look at $output/quickstart.jpg"
}

# people_on_sheet FOLDER ENDING COUNT: images of FOLDER whose people were drawn, each with its mesh over it and from the side.
people_on_sheet() {
    local overlay name
    for overlay in $(cd "$output/people" && find . -name '*_overlay.png' ! -name '*_graph_overlay.png' | sort | head -n "$3"); do
        name=$(basename "$overlay" _overlay.png)
        echo "$1/${name%"${2%.*}"}$2"
        echo "$output/people/${name}_overlay.png"
        echo "$output/people/${name}_side.png"
    done
}

# loss_fell METRICS_CSV: the mean loss of the first epoch and of the last; an error unless it fell.
loss_fell() {
    awk -F , '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
        $column["loss"] == "" { next }
        { epoch = $column["epoch"]; if (!first) first = epoch; sum[epoch] += $column["loss"]; count[epoch]++ }
        END {
            if (!first || epoch == first) { print "error: no two epochs in " FILENAME > "/dev/stderr"; exit 1 }
            before = sum[first] / count[first]; after = sum[epoch] / count[epoch]
            printf "Mean loss of the training: %.4g in its first epoch, %.4g in its last\n", before, after
            if (!(after < before)) { print "error: the training did not lower the loss" > "/dev/stderr"; exit 1 }
        }' "$1"
}

begin_steps() {
    steps_total=$1 steps_done=0 steps_begin=$SECONDS
}

step() {
    steps_done=$((steps_done + 1))
    printf '\n== [%d/%d] %s (%s)\n' "$steps_done" "$steps_total" "$1" "$(elapsed)"
}

finish_steps() { printf '\n== Done (%s)\n' "$(elapsed)"; }

elapsed() {
    local seconds=$((SECONDS - steps_begin))
    printf '%d:%02d' $((seconds / 60)) $((seconds % 60))
}

# newest FOLDER PATTERN: the file below FOLDER that was written last.
newest() {
    local file
    file=$(find "$1" -type f -name "$2" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-)
    [[ -n $file ]] || launch_error "no $2 was written to $1"
    printf '%s' "$file"
}

# list_files FOLDER [EXCLUDED...]: path and size of the files below FOLDER, without the excluded subfolders (./name).
list_files() {
    local folder=$1 excluded prune=()
    shift
    for excluded in "$@"; do prune+=(-path "$excluded" -prune -o); done
    echo "Files in $folder:"
    (cd "$folder" && find . "${prune[@]}" -type f -printf '%p\t%s\n' | sort | awk -F '\t' '{ printf "  %-60s %8d kB\n", substr($1, 3), ($2 + 1023) / 1024 }')
}
