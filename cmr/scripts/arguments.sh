# How the launch scripts of cmr read their arguments. Source it after launcher.sh.

# named COUNT FLAG... VALUE...: sets `arguments`, a value behind each of the COUNT flags as long as there are values that
# are no flags themselves; what is left follows.
named() {
    local flags=("${@:2:$1}") flag
    shift $((1 + $1))
    arguments=()
    for flag in "${flags[@]}"; do
        if (($# == 0)) || [[ $1 == --* ]]; then break; fi
        arguments+=("$flag" "$(full_path "$1")")
        shift
    done
    arguments+=("$@")
}
