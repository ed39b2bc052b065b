# Completion of uring-socket-proxyd-top for fish, made from its options.
complete -c uring-socket-proxyd-top -l interval -x -d 'query every TIME, at least 100ms'
complete -c uring-socket-proxyd-top -l count -x -d 'exit after N intervals'
complete -c uring-socket-proxyd-top -l help -s h -d 'show this help and exit'
