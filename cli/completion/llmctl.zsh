#compdef llmctl
# Completion of llmctl in zsh.
_llmctl() {
    local -a lines shown
    local line
    lines=("${(@f)$(_LLMCTL_COMPLETE=zsh "${${(Q)words[1]}/#\~/$HOME}" "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" \
        2>/dev/null </dev/null)}")
    case $lines[1] in
        files) _files; return ;;
        words|parts) ;;
        *) return 1 ;;
    esac
    for line in "${(@)lines[2,-1]}"; do
        line=${line//\\/\\\\}
        line=${line//:/\\:}
        shown+=("${line/$'\t'/:}")
    done
    if [[ $lines[1] == parts ]]; then
        _describe -V llmctl shown -S ''
    else
        _describe -V llmctl shown
    fi
}
if [[ $funcstack[1] == _llmctl ]]; then
    _llmctl "$@"
else
    compdef _llmctl llmctl
fi
