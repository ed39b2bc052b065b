# Completion of uring-socket-proxyd for bash, made from its options.
_uring_socket_proxyd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} option= attached= words= kind=
	COMPREPLY=()
	# Where = breaks words, --name=value is three.
	if [[ $cur == "=" ]]; then
		option=$prev attached=yes cur=
	elif [[ $prev == "=" ]] && ((COMP_CWORD > 2)); then
		option=${COMP_WORDS[COMP_CWORD-2]} attached=yes
	elif [[ $cur == --*=* ]]; then
		option=${cur%%=*} attached=$option= cur=${cur#*=}
	else
		option=$prev
	fi
	case ${attached:+=}$option in
	=--family|--family) words='auto vsock' ;;
	=--listen|--listen) kind=-f ;;
	=--engine|--engine) words='auto uring epoll' ;;
	=--proxy-protocol|--proxy-protocol) words='v1 v2' ;;
	=--probe) words='table json' ;;
	=--connections-max|--connections-max|-c|=--exit-idle-time|--exit-idle-time|=--drain-timeout|--drain-timeout|=--connect-timeout|--connect-timeout|=--connect-retry|--connect-retry|=--idle-timeout|--idle-timeout|=--keepalive|--keepalive|=--map|--map|=--metrics|--metrics|=--workers|--workers|=--buffer-size|--buffer-size|=--pool-size|--pool-size|=--busy-poll|--busy-poll|=--mark|--mark|=--bind|--bind|=--ring-features|--ring-features) return ;;
	*) if [[ $cur == -* ]]; then words='--connections-max= --exit-idle-time= --drain-timeout= --connect-timeout= --connect-retry= --idle-timeout= --keepalive= --family= --listen= --map= --metrics= --workers= --buffer-size= --pool-size= --engine= --busy-poll= --proxy-protocol= --accept-proxy-protocol --log-connections --fast-open --mark= --bind= --transparent --pass-fds --ring-features= --probe --help --version'; else kind=-f; fi ;;
	esac
	if [[ -n $kind ]]; then
		mapfile -t COMPREPLY < <(compgen "$kind" -- "$cur")
		compopt -o filenames
	else
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	fi
	if [[ $attached == --* ]]; then
		COMPREPLY=("${COMPREPLY[@]/#/$attached}")
	elif [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace
	fi
}
complete -o bashdefault -F _uring_socket_proxyd uring-socket-proxyd
