# Completion of llmctl in fish 3.4 or newer.
function __llmctl_complete
    set -l words (commandline -opc)
    set -l current (string unescape -- (commandline -ct))
    set -l lines (env _LLMCTL_COMPLETE=fish $words[1] $words[2..] "$current" 2>/dev/null </dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path (commandline -ct)
        case words parts
            string join \n -- $lines[2..]
    end
end
complete --command llmctl --no-files --keep-order --arguments '(__llmctl_complete)'
