# Completion of llmctl in bash 4.4 or newer.
_llmctl_completion() {
    local line kind=""
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z $kind ]]; then kind=$line; else COMPREPLY+=("$line"); fi
    done < <(_LLMCTL_COMPLETE=bash _LLMCTL_LINE="${COMP_LINE:0:COMP_POINT}" _LLMCTL_WORD="$2" \
        "${1/#\~/$HOME}" 2>/dev/null </dev/null)
    case $kind in
        files) compopt -o default ;;
        parts) compopt -o nospace ;;
        words) compopt -o nosort ;;
    esac
}
complete -F _llmctl_completion llmctl
