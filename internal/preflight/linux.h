// What the kernel calls by the same number on all architectures that there is an entry for.

#define RLIMIT_DATA 2
#define RLIMIT_AS 9
#define SIG_SETMASK 2
#define F_GETFD 1
#define O_RDWR 2
#define O_RDONLY 0
#define EAGAIN 11
#define FUTEX_WAIT 0 // not private ones, as the kernel wakes them so
#define FUTEX_WAKE 1

// CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM: a
// thread as the runtime starts them; CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID: a word has
// its number, and 0 after its end. (CLONE_VFORK would be shorter, but who waits for such a
// thread cannot be stopped by SIGSTOP.)
#define THREAD 0x350f00
