#include "go_asm.h"
#include "textflag.h"

#define SYS_write 1
#define SYS_open 2
#define SYS_rt_sigprocmask 14
#define SYS_sched_yield 24
#define SYS_getpid 39
#define SYS_clone 56
#define SYS_exit 60
#define SYS_fcntl 72
#define SYS_exit_group 231
#define SYS_tgkill 234
#define SYS_prlimit64 302

#define RLIMIT_DATA 2
#define RLIMIT_AS 9
#define SIG_SETMASK 2
#define F_GETFD 1
#define O_RDWR 2
#define O_RDONLY 0
#define EAGAIN 11

// CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_THREAD |
// CLONE_SYSVSEM: a thread as the runtime starts them, whose end the parent waits for.
#define THREAD 0x54f00

// LIMIT reads a limit, and jumps to say with a line if less than what is needed. What
// cannot be read limits nothing. Memory below the stack is free, as there are no signal
// handlers yet.
#define LIMIT(resource, need, line) \
	MOVL	$SYS_prlimit64, AX	\
	XORL	DI, DI	\
	MOVL	$resource, SI	\
	XORL	DX, DX	\
	LEAQ	-16(SP), R10	\
	MOVQ	$-1, -16(SP)	\
	SYSCALL	\
	MOVQ	line+0(SB), SI	\
	MOVQ	line+8(SB), DX	\
	MOVQ	$need, CX	\
	CMPQ	-16(SP), CX	\
	JCS	say

// The kernel, or the dynamic linker, starts the program here; see the package's comment.
// The dynamic linker leaves in DX what the C library is to call at the end.
TEXT _preflight(SB),NOSPLIT|NOFRAME,$0
	MOVQ	DX, R12
	CALL	stdio<>(SB)
	LIMIT(RLIMIT_AS, const_addressSpace, ·addressSpaceLine)
	LIMIT(RLIMIT_DATA, const_data, ·dataLine)
	MOVL	$(const_Threads-1), R13
	LEAQ	-32(SP), BX
	CALL	threads<>(SB)
	MOVQ	·threadsLine+0(SB), SI
	MOVQ	·threadsLine+8(SB), DX
	CMPL	(BX), $0
	JNE	say
	MOVQ	R12, DX
	JMP	_rt0_amd64_linux(SB)
say:
	MOVL	$SYS_write, AX
	MOVL	$2, DI
	SYSCALL
	MOVL	$SYS_exit_group, AX
	MOVL	$1, DI
	SYSCALL
	INT	$3

// stdio opens those of the first three descriptors that are closed. What is opened gets the
// lowest number that is free, so it must be done in order. Of a folder, there is nothing to
// read or write.
TEXT stdio<>(SB),NOSPLIT|NOFRAME,$0
	MOVL	$0, R13
next:
	MOVL	$SYS_fcntl, AX
	MOVL	R13, DI
	MOVL	$F_GETFD, SI
	SYSCALL
	TESTQ	AX, AX
	JPL	isOpen
	MOVL	$SYS_open, AX
	MOVQ	·nullDevice+0(SB), DI
	MOVL	$O_RDWR, SI
	SYSCALL
	TESTQ	AX, AX
	JPL	isOpen
	MOVL	$SYS_open, AX
	MOVQ	·rootFolder+0(SB), DI
	MOVL	$O_RDONLY, SI
	SYSCALL
isOpen:
	INCL	R13
	CMPL	R13, $3
	JNE	next
	RET

// func ThreadsFit(n int) bool
TEXT ·ThreadsFit(SB),NOSPLIT,$24-9
	// A handler would run on the stack that the threads share, so they must have none.
	MOVQ	$-1, mask-24(SP)
	MOVL	$SYS_rt_sigprocmask, AX
	MOVL	$SIG_SETMASK, DI
	LEAQ	mask-24(SP), SI
	LEAQ	usual-16(SP), DX
	MOVL	$8, R10
	SYSCALL
	MOVQ	n+0(FP), R13
	LEAQ	refused-8(SP), BX
	CALL	threads<>(SB)
	MOVL	$SYS_rt_sigprocmask, AX
	MOVL	$SIG_SETMASK, DI
	LEAQ	usual-16(SP), SI
	XORL	DX, DX
	MOVL	$8, R10
	SYSCALL
	CMPL	refused-8(SP), $0
	SETEQ	ret+8(FP)
	RET

// threads starts R13 threads that are there at once, and has the word at BX say whether
// one was refused. Each starts the next one, and waits until that has ended. They share
// the stack of the first, so they keep all they know in registers.
//
// A thread that has ended counts for a moment longer, and the runtime might be refused
// another one. So each waits until the kernel has forgotten the next one.
TEXT threads<>(SB),NOSPLIT|NOFRAME,$0
	MOVL	$0, (BX)
	MOVQ	R13, R9 // in the first one, R13 stays so
	MOVL	$SYS_getpid, AX
	SYSCALL
	MOVQ	AX, R14
start:
	MOVL	$SYS_clone, AX
	MOVL	$THREAD, DI
	XORL	SI, SI // the same stack
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	SYSCALL
	TESTQ	AX, AX
	JEQ	started
	JMI	refused
	MOVQ	AX, R15
	MOVL	$100000, R10 // times at most, as a debugger may keep it
wait:
	MOVL	$SYS_tgkill, AX
	MOVQ	R14, DI
	MOVQ	R15, SI
	XORL	DX, DX
	SYSCALL
	TESTQ	AX, AX
	JNE	end
	MOVL	$SYS_sched_yield, AX
	SYSCALL
	DECL	R10
	JNE	wait
	JMP	end
started:
	DECQ	R13
	JNE	start
	JMP	exit
refused:
	CMPQ	AX, $-EAGAIN
	JNE	end // by no limit: the runtime may have more luck
	MOVL	$1, (BX)
end:
	CMPQ	R13, R9
	JNE	exit
	RET
exit:
	MOVL	$SYS_exit, AX
	XORL	DI, DI
	SYSCALL
	INT	$3
