# Completion of uring-socket-proxyd-top for bash, made from its options.
_uring_socket_proxyd_top() {
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
	=--interval|--interval|=--count|--count) return ;;
	*) if [[ $cur == -* ]]; then words='--interval= --count= --help'; else kind=-f; fi ;;
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
complete -o bashdefault -F _uring_socket_proxyd_top uring-socket-proxyd-top
