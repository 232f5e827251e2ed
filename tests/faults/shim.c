/* Fails, or kills the process, at one of the operations that change files below a folder.

   The system calls are caught with seccomp rather than by replacing functions of libc, because
   libraries written in Rust make them without libc. A process that has called `arm` catches them
   for the rest of its life, in all threads it starts afterwards. Linux on x86-64 and AArch64. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define RESULT(context) (context)->uc_mcontext.gregs[REG_RAX]
static const int REGISTERS[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8};
#define ARGUMENT(context, n) (context)->uc_mcontext.gregs[REGISTERS[n]]
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define RESULT(context) (context)->uc_mcontext.regs[0]
#define ARGUMENT(context, n) (context)->uc_mcontext.regs[n]
#else
#error "no such architecture"
#endif

/* The sixth argument of a call that the handler itself makes; no call that is caught has six. */
#define OURS 0x5a17ab1e

enum mode { COUNT, KILL, BREAK, FILL };

/* What the first two arguments of a call are. */
enum form { DESCRIPTOR, OLD_PATH, PATH, PATH_AT };

struct call {
    long number;
    const char *name;
    enum form form;
    /* The position of the second path, and whether a descriptor comes before it; 0: none. */
    int second;
    /* Whether it takes space on the disk. */
    int takes;
};

static const struct call CALLS[] = {
    {SYS_write, "write", DESCRIPTOR, 0, 1},
    {SYS_pwrite64, "pwrite", DESCRIPTOR, 0, 1},
    {SYS_writev, "writev", DESCRIPTOR, 0, 1},
    {SYS_sendfile, "sendfile", DESCRIPTOR, 0, 1},
    {SYS_fsync, "fsync", DESCRIPTOR, 0, 1},
    {SYS_fdatasync, "fdatasync", DESCRIPTOR, 0, 1},
    {SYS_ftruncate, "ftruncate", DESCRIPTOR, 0, 0},
    {SYS_openat, "create", PATH_AT, 0, 1},
    {SYS_mkdirat, "mkdir", PATH_AT, 0, 1},
    {SYS_unlinkat, "unlink", PATH_AT, 0, 0},
    {SYS_linkat, "link", PATH_AT, 3, 1},
    {SYS_renameat2, "exchange", PATH_AT, 3, 0},
#ifdef SYS_renameat
    {SYS_renameat, "rename", PATH_AT, 3, 0},
#endif
#ifdef SYS_rename
    {SYS_rename, "rename", PATH, 1, 0},
    {SYS_mkdir, "mkdir", PATH, 0, 1},
    {SYS_unlink, "unlink", PATH, 0, 0},
    {SYS_rmdir, "rmdir", PATH, 0, 0},
    {SYS_link, "link", PATH, 1, 1},
    {SYS_open, "create", PATH, 0, 1},
#endif
};
#define CALL_COUNT (sizeof CALLS / sizeof *CALLS)

static char folder[4096];
static size_t folder_length;
static enum mode mode;
static long moment;
static atomic_long done;

/* The names of the operations so far, and whether they take space, one character each. */
#define LOGGED 4096
static const char *names[LOGGED];
static char takes[LOGGED];

static int is_below(const char *path, size_t length) {
    return length >= folder_length && !memcmp(path, folder, folder_length);
}

static int is_watched_descriptor(long descriptor) {
    char link[32] = "/proc/self/fd/", digits[16], path[4096];
    size_t end = strlen(link), count = 0;
    if (descriptor < 0) return 0;
    do digits[count++] = '0' + descriptor % 10; while ((descriptor /= 10));
    while (count) link[end++] = digits[--count];
    link[end] = 0;
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path);
    return length > 0 && is_below(path, length);
}

/* Relative paths count as below the folder, because it is the working directory. */
static int is_watched_path(long base, const char *path) {
    if (*path == '/') return is_below(path, strlen(path));
    return (int)base == AT_FDCWD || is_watched_descriptor((int)base);
}

static int is_watched(const struct call *call, ucontext_t *context) {
    long first = ARGUMENT(context, 0);
    if (call->form == DESCRIPTOR) return is_watched_descriptor((int)first);
    if (call->form == PATH) return is_watched_path(AT_FDCWD, (const char *)first);
    return is_watched_path(first, (const char *)ARGUMENT(context, 1));
}

static long perform(long number, ucontext_t *context, int half) {
    long third = ARGUMENT(context, 2);
    if (half && (number == SYS_write || number == SYS_pwrite64)) third /= 2;
    if (number == SYS_fsync || number == SYS_fdatasync) return 0;  /* Slow, and without effect. */
    long result = syscall(number, ARGUMENT(context, 0), ARGUMENT(context, 1), third,
                          ARGUMENT(context, 3), ARGUMENT(context, 4), OURS);
    return result < 0 ? -errno : result;
}

static int is_write(long number) { return number == SYS_write || number == SYS_pwrite64; }

static void handle(int signal, siginfo_t *info, void *raw) {
    (void)signal;
    int saved = errno;
    ucontext_t *context = raw;
    const struct call *call = CALLS;
    while (call->number != info->si_syscall) call++;
    long result, at = -1;
    if (is_watched(call, context)) {
        at = atomic_fetch_add(&done, 1);
        if (at < LOGGED) {
            names[at] = call->name;
            takes[at] = call->takes;
        }
    }
    if (at >= 0 && mode == KILL && at == moment) {
        if (is_write(call->number)) perform(call->number, context, 1);
        kill(getpid(), SIGKILL);
    }
    if (at >= 0 && mode == BREAK && at == moment)
        result = -EIO;
    else if (at >= 0 && mode == FILL && at >= moment && call->takes)
        result = at == moment && is_write(call->number) && ARGUMENT(context, 2) > 1
                     ? perform(call->number, context, 1)
                     : -ENOSPC;
    else
        result = perform(call->number, context, 0);
    RESULT(context) = result;
    errno = saved;
}

/* Starts to count operations below a folder, which must be an absolute path and the working
   directory; the one with the number `at`, from 0, is stopped in the given mode. Returns 0, or -1
   where the system does not permit it. */
int arm(const char *below, enum mode how, long at) {
    folder_length = strlen(below);
    memcpy(folder, below, folder_length + 1);
    mode = how;
    moment = at;
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (sigaction(SIGSYS, &action, NULL)) return -1;

    struct sock_filter filter[16 + 8 * CALL_COUNT];
    unsigned short length = 0;
#define DATA(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ADD(...) filter[length++] = (struct sock_filter)__VA_ARGS__
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
    ADD(DATA(arch));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    ADD(RETURN(SECCOMP_RET_ALLOW));
    ADD(DATA(args[5]));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OURS, 0, 1));
    ADD(RETURN(SECCOMP_RET_ALLOW));
    ADD(DATA(nr));
    for (const struct call *call = CALLS; call < CALLS + CALL_COUNT; call++) {
        if (strcmp(call->name, "create")) {
            ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->number, 0, 1));
            ADD(RETURN(SECCOMP_RET_TRAP));
            continue;
        }
        /* Only if it may create a file. */
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->number, 0, 4));
        ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                     offsetof(struct seccomp_data, args) + 8 * (call->form == PATH ? 1 : 2)));
        ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT, 1, 0));
        ADD(RETURN(SECCOMP_RET_ALLOW));
        ADD(RETURN(SECCOMP_RET_TRAP));
    }
    ADD(RETURN(SECCOMP_RET_ALLOW));
    struct sock_fprog program = {length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -1 : 0;
}

/* The number of operations so far. */
long operations(void) { return atomic_load(&done); }

/* The name of an operation that was counted. */
const char *operation(long at) { return at < LOGGED ? names[at] : "more"; }

/* Whether an operation that was counted takes space. */
int takes_space(long at) { return at < LOGGED ? takes[at] : 1; }
