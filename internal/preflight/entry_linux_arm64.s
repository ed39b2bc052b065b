#include "go_asm.h"
#include "textflag.h"
#include "linux.h"

#define SYS_fcntl 25
#define SYS_openat 56
#define SYS_write 64
#define SYS_exit 93
#define SYS_exit_group 94
#define SYS_futex 98
#define SYS_sched_yield 124
#define SYS_tgkill 131
#define SYS_rt_sigprocmask 135
#define SYS_getpid 172
#define SYS_clone 220
#define SYS_prlimit64 261

#define AT_FDCWD -100

// See entry_linux_amd64.s, which has the same in the same order.
#define LIMIT(resource, need, line) \
	MOVD	$SYS_prlimit64, R8	\
	MOVD	$0, R0	\
	MOVD	$resource, R1	\
	MOVD	$0, R2	\
	MOVD	$-1, R3	\
	MOVD	R3, -16(RSP)	\
	SUB	$16, RSP, R3	\
	SVC	\
	MOVD	line+0(SB), R1	\
	MOVD	line+8(SB), R2	\
	MOVD	$need, R4	\
	MOVD	-16(RSP), R5	\
	CMP	R4, R5	\
	BLO	say

// The dynamic linker leaves in R0 what the C library is to call at the end.
TEXT _preflight(SB),NOSPLIT|NOFRAME,$0
	MOVD	R0, R19
	BL	stdio<>(SB)
	LIMIT(RLIMIT_AS, const_addressSpace, ·addressSpaceLine)
	LIMIT(RLIMIT_DATA, const_data, ·dataLine)
	MOVD	$(const_Threads-1), R20
	SUB	$32, RSP, R23
	BL	threads<>(SB)
	MOVD	·threadsLine+0(SB), R1
	MOVD	·threadsLine+8(SB), R2
	MOVW	(R23), R3
	CBNZ	R3, say
	MOVD	R19, R0
	MOVD	$0, R30
	JMP	_rt0_arm64_linux(SB)
say:
	MOVD	$SYS_write, R8
	MOVD	$2, R0
	SVC
	MOVD	$SYS_exit_group, R8
	MOVD	$1, R0
	SVC
	BRK

TEXT stdio<>(SB),NOSPLIT|NOFRAME,$0
	MOVD	$0, R20
next:
	MOVD	$SYS_fcntl, R8
	MOVD	R20, R0
	MOVD	$F_GETFD, R1
	SVC
	CMP	$0, R0
	BGE	isOpen
	MOVD	$SYS_openat, R8
	MOVD	$AT_FDCWD, R0
	MOVD	·nullDevice+0(SB), R1
	MOVD	$O_RDWR, R2
	MOVD	$0, R3
	SVC
	CMP	$0, R0
	BGE	isOpen
	MOVD	$SYS_openat, R8
	MOVD	$AT_FDCWD, R0
	MOVD	·rootFolder+0(SB), R1
	MOVD	$O_RDONLY, R2
	MOVD	$0, R3
	SVC
isOpen:
	ADD	$1, R20
	CMP	$3, R20
	BNE	next
	RET

// func threadsFit(n int) bool
TEXT ·threadsFit(SB),NOSPLIT,$32-9
	MOVD	$-1, R3
	MOVD	R3, mask-24(SP)
	MOVD	$SYS_rt_sigprocmask, R8
	MOVD	$SIG_SETMASK, R0
	MOVD	$mask-24(SP), R1
	MOVD	$usual-16(SP), R2
	MOVD	$8, R3
	SVC
	MOVD	n+0(FP), R20
	MOVD	$refused-8(SP), R23
	BL	threads<>(SB)
	MOVD	$SYS_rt_sigprocmask, R8
	MOVD	$SIG_SETMASK, R0
	MOVD	$usual-16(SP), R1
	MOVD	$0, R2
	MOVD	$8, R3
	SVC
	MOVW	refused-8(SP), R3
	CMP	$0, R3
	CSET	EQ, R3
	MOVB	R3, ret+8(FP)
	RET

TEXT threads<>(SB),NOSPLIT|NOFRAME,$0
	MOVW	ZR, (R23)
	MOVD	$·gate(SB), R26
	STLRW	ZR, (R26)
	MOVD	$SYS_getpid, R8
	SVC
	MOVD	R0, R22
	MOVD	$0, R21
start:
	CMP	R20, R21
	BEQ	open
	MOVD	$SYS_clone, R8
	MOVD	$THREAD, R0
	MOVD	$0, R1
	MOVD	$·running(SB), R2
	ADD	R21<<2, R2
	MOVD	$0, R3
	MOVD	R2, R4
	SVC
	CBZ	R0, started
	CMP	$0, R0
	BLT	refused
	MOVD	$·numbers(SB), R2
	ADD	R21<<2, R2
	MOVW	R0, (R2)
	ADD	$1, R21
	JMP	start
refused:
	CMN	$EAGAIN, R0
	BNE	open
	MOVD	$1, R3
	MOVW	R3, (R23)
open:
	MOVD	$1, R3
	STLRW	R3, (R26)
	MOVD	$SYS_futex, R8
	MOVD	R26, R0
	MOVD	$FUTEX_WAKE, R1
	MOVD	$const_mostThreads, R2
	SVC
next:
	CBZ	R21, done
	SUB	$1, R21
	MOVD	$·numbers(SB), R2
	ADD	R21<<2, R2
	MOVWU	(R2), R24
	MOVD	$·running(SB), R15
	ADD	R21<<2, R15
runs:
	LDARW	(R15), R3
	CBZW	R3, ended
	MOVD	$SYS_futex, R8
	MOVD	R15, R0
	MOVD	$FUTEX_WAIT, R1
	MOVD	R24, R2
	MOVD	$0, R3
	SVC
	JMP	runs
ended:
	MOVD	$100000, R25
known:
	MOVD	$SYS_tgkill, R8
	MOVD	R22, R0
	MOVD	R24, R1
	MOVD	$0, R2
	SVC
	CBNZ	R0, next
	MOVD	$SYS_sched_yield, R8
	SVC
	SUB	$1, R25
	CBNZ	R25, known
	JMP	next
done:
	RET
started:
	MOVD	$SYS_futex, R8
	MOVD	R26, R0
	MOVD	$FUTEX_WAIT, R1
	MOVD	$0, R2
	MOVD	$0, R3
	SVC
	LDARW	(R26), R3
	CBZW	R3, started
	MOVD	$SYS_exit, R8
	MOVD	$0, R0
	SVC
	BRK
