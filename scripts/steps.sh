# Functions for the quick starts: numbered headings with the time that has passed, and a list of what was made.
# Source it after launcher.sh.

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
