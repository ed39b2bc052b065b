# Completion of proxy-bench for bash, made from its options.
_proxy_bench() {
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
	case $((COMP_CWORD > 1)):${COMP_WORDS[1]} in
	0:*)
		words='run features compare docs'
		;;
	1:run)
		case ${attached:+=}$option in
		=--out|--out) kind=-d ;;
		=--proxy|--proxy) kind=-f ;;
		=--gocopy|--gocopy) kind=-f ;;
		=--scenarios|--scenarios|=--rounds|--rounds|=--seconds|--seconds|=--rate|--rate|=--seed|--seed|=--uring-args|--uring-args|=--peers|--peers) return ;;
		*) words='--quick --scenarios= --rounds= --seconds= --rate= --seed= --out= --proxy= --gocopy= --uring-args= --peers= --help' ;;
		esac
		;;
	1:features)
		case ${attached:+=}$option in
		=--out|--out) kind=-d ;;
		=--proxy|--proxy) kind=-f ;;
		=--gocopy|--gocopy) kind=-f ;;
		=--scenarios|--scenarios|=--rounds|--rounds|=--seconds|--seconds|=--rate|--rate|=--seed|--seed|=--uring-args|--uring-args) return ;;
		*) words='--quick --scenarios= --rounds= --seconds= --rate= --seed= --out= --proxy= --gocopy= --uring-args= --help' ;;
		esac
		;;
	1:compare)
		case ${attached:+=}$option in
		*) kind=-f ;;
		esac
		;;
	1:docs)
		case ${attached:+=}$option in
		*) kind=-f ;;
		esac
		;;
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
complete -o bashdefault -F _proxy_bench proxy-bench
