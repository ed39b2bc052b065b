# Completion of uring-socket-proxyd-top for fish, made from its options.
complete -c uring-socket-proxyd-top -l interval -x -d 'ask every TIME, of at least 100ms'
complete -c uring-socket-proxyd-top -l count -x -d 'end after N times'
complete -c uring-socket-proxyd-top -l help -s h -d 'show this help and exit'
