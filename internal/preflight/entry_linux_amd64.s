#include "go_asm.h"
#include "textflag.h"
#include "linux.h"

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
#define SYS_futex 202
#define SYS_prlimit64 302

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

// func threadsFit(n int) bool
TEXT ·threadsFit(SB),NOSPLIT,$24-9
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
// one was refused. They wait at the gate until all are there. They share the stack of the
// first, so they keep off it.
//
// A thread that has ended counts for a moment longer, and the runtime might be refused
// another one. So the first waits until the kernel has forgotten them.
TEXT threads<>(SB),NOSPLIT|NOFRAME,$0
	MOVL	$0, (BX)
	MOVL	$0, ·gate(SB)
	MOVL	$SYS_getpid, AX
	SYSCALL
	MOVQ	AX, R14
	XORL	R15, R15 // how many there are
start:
	CMPQ	R15, R13
	JEQ	open
	MOVL	$SYS_clone, AX
	MOVL	$THREAD, DI
	XORL	SI, SI // the same stack
	LEAQ	·running(SB), DX
	LEAQ	(DX)(R15*4), DX
	MOVQ	DX, R10
	XORL	R8, R8
	SYSCALL
	TESTQ	AX, AX
	JEQ	started
	JMI	refused
	LEAQ	·numbers(SB), DX
	MOVL	AX, (DX)(R15*4)
	INCQ	R15
	JMP	start
refused:
	CMPQ	AX, $-EAGAIN
	JNE	open // by no limit: the runtime may have more luck
	MOVL	$1, (BX)
open:
	MOVL	$1, ·gate(SB)
	MOVL	$SYS_futex, AX
	LEAQ	·gate(SB), DI
	MOVL	$FUTEX_WAKE, SI
	MOVL	$const_mostThreads, DX
	SYSCALL
next:
	TESTQ	R15, R15
	JEQ	done
	DECQ	R15
	LEAQ	·numbers(SB), DX
	MOVL	(DX)(R15*4), R9
	LEAQ	·running(SB), R8
	LEAQ	(R8)(R15*4), R8
runs:
	CMPL	(R8), $0
	JEQ	ended
	MOVL	$SYS_futex, AX
	MOVQ	R8, DI
	MOVL	$FUTEX_WAIT, SI
	MOVL	R9, DX
	XORL	R10, R10
	SYSCALL
	JMP	runs
ended:
	MOVL	$100000, R10 // times at most, as a debugger may keep it
known:
	MOVL	$SYS_tgkill, AX
	MOVQ	R14, DI
	MOVL	R9, SI
	XORL	DX, DX
	SYSCALL
	TESTQ	AX, AX
	JNE	next
	MOVL	$SYS_sched_yield, AX
	SYSCALL
	DECL	R10
	JNE	known
	JMP	next
done:
	RET
started:
	MOVL	$SYS_futex, AX
	LEAQ	·gate(SB), DI
	MOVL	$FUTEX_WAIT, SI
	XORL	DX, DX
	XORL	R10, R10
	SYSCALL
	CMPL	·gate(SB), $0
	JEQ	started
	MOVL	$SYS_exit, AX
	XORL	DI, DI
	SYSCALL
	INT	$3
