/* Faults of the system, from outside of the program: preloaded into it, this counts the system calls that touch files
 * below given folders, and at a given one kills the process or lets the call fail.
 *
 * A seccomp filter turns the calls into SIGSYS, and its handler makes them. So no way around is left: every thread,
 * SQLite, and libraries that call the kernel without libc are all counted. (The clock is read without the kernel, so
 * for that the functions of libc are replaced.)
 *
 *   FAULT_LOG      a file to which every counted call is appended: number, kind, path, second path, how it ended
 *   FAULT_BELOW    folders whose files count, absolute, separated by colons
 *   FAULT_NAMED    only paths with this text count
 *   FAULT_KINDS    which calls count: names of the table below, separated by commas
 *   FAULT_AT       the number of the call that is struck, from 1; 0 strikes none
 *   FAULT_DO       kill-before, kill-half (of a write), kill-after, hold (until the file FAULT_GATE is there, and a
 *                  little longer), or the number of an error
 *   FAULT_FOR      once, or always: from that call on
 *   FAULT_CLOCK    seconds that the clock is wrong
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/limits.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* The one place that the filter lets through: a call is known by the address to which it returns. */
long fault_call(long number, long a, long b, long c, long d, long e, long f);
extern char fault_call_end[];

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
__asm__(".text\n.globl fault_call\n.type fault_call,@function\nfault_call:\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\nmov %rdx,%rsi\nmov %rcx,%rdx\nmov %r8,%r10\nmov %r9,%r8\nmov 8(%rsp),%r9\n"
        "syscall\n.globl fault_call_end\nfault_call_end:\nret\n");
#define ARGUMENT(context, n) \
    ((long)(context)->uc_mcontext.gregs[(int[]){REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9}[n]])
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
__asm__(".text\n.globl fault_call\n.type fault_call,%function\nfault_call:\n"
        "mov x8,x0\nmov x0,x1\nmov x1,x2\nmov x2,x3\nmov x3,x4\nmov x4,x5\nmov x5,x6\n"
        "svc #0\n.globl fault_call_end\nfault_call_end:\nret\n");
#define ARGUMENT(context, n) ((long)(context)->uc_mcontext.regs[n])
#define RESULT(context) ((context)->uc_mcontext.regs[0])
#else
#error "this architecture is not known here"
#endif

/* Where a call says which file it is about. */
enum names { BY_NUMBER, BY_PATH, BY_FOLDER_AND_PATH, BY_TWO_PATHS, BY_TWO_FOLDERS_AND_PATHS };

struct kind {
    long number;
    const char *name;
    enum names names;
};

static const struct kind kinds[] = {
    {SYS_write, "write", BY_NUMBER},
    {SYS_pwrite64, "write", BY_NUMBER},
    {SYS_writev, "write", BY_NUMBER},
    {SYS_pwritev, "write", BY_NUMBER},
    {SYS_pwritev2, "write", BY_NUMBER},
    {SYS_copy_file_range, "write", BY_NUMBER},
    {SYS_read, "read", BY_NUMBER},
    {SYS_pread64, "read", BY_NUMBER},
    {SYS_readv, "read", BY_NUMBER},
    {SYS_fsync, "sync", BY_NUMBER},
    {SYS_fdatasync, "sync", BY_NUMBER},
    {SYS_ftruncate, "truncate", BY_NUMBER},
    {SYS_fallocate, "truncate", BY_NUMBER},
    {SYS_fchmod, "mode", BY_NUMBER},
    {SYS_fchown, "mode", BY_NUMBER},
    {SYS_openat, "open", BY_FOLDER_AND_PATH}, /* "create" with O_CREAT */
    {SYS_unlinkat, "unlink", BY_FOLDER_AND_PATH},
    {SYS_mkdirat, "mkdir", BY_FOLDER_AND_PATH},
    {SYS_renameat2, "rename", BY_TWO_FOLDERS_AND_PATHS},
    {SYS_linkat, "rename", BY_TWO_FOLDERS_AND_PATHS},
#ifdef SYS_renameat
    {SYS_renameat, "rename", BY_TWO_FOLDERS_AND_PATHS},
#endif
#ifdef SYS_open
    {SYS_open, "open", BY_PATH},
    {SYS_creat, "create", BY_PATH},
    {SYS_unlink, "unlink", BY_PATH},
    {SYS_rmdir, "unlink", BY_PATH},
    {SYS_mkdir, "mkdir", BY_PATH},
    {SYS_rename, "rename", BY_TWO_PATHS},
    {SYS_link, "rename", BY_TWO_PATHS},
#endif
};
#define KINDS (sizeof kinds / sizeof *kinds)

static const char *below, *named, *which, *act, *gate;
static int always, log_file = -1;
static long strike_at;
static atomic_long counted;

/* Where a symbolic link of /proc leads to. */
static void led_to(const char *link, char *out) {
    long length = fault_call(SYS_readlinkat, AT_FDCWD, (long)link, (long)out, PATH_MAX - 1, 0, 0);
    out[length > 0 ? length : 0] = 0;
}

static void path_of(long number, char *out) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", (int)number);
    led_to(link, out);
}

static void path_in(long folder, const char *path, char *out) {
    if (path[0] == '/') {
        out[0] = 0;
    } else if ((int)folder == AT_FDCWD) {
        led_to("/proc/self/cwd", out);
        strcat(out, "/");
    } else {
        path_of(folder, out);
        strcat(out, "/");
    }
    strncat(out, path, PATH_MAX - 1 - strlen(out));
}

static int listed(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || !at[length])) return 1;
    return 0;
}

static int counts(const char *path) {
    if (named && !strstr(path, named)) return 0;
    for (const char *from = below; *from;) {
        size_t length = strcspn(from, ":");
        if (!strncmp(path, from, length) && (path[length] == '/' || !path[length])) return 1;
        from += length + (from[length] == ':');
    }
    return 0;
}

static void kill_self(void) {
    fault_call(SYS_kill, getpid(), SIGKILL, 0, 0, 0, 0);
    for (;;) fault_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

static long strike(const struct kind *kind, long *a) {
    char *end;
    long error = strtol(act, &end, 10);
    if (!*end) return -error;
    if (!strcmp(act, "hold")) {
        struct timespec look = {0, 5000000}, linger = {0, 300000000};
        while (fault_call(SYS_faccessat, AT_FDCWD, (long)gate, F_OK, 0, 0, 0))
            fault_call(SYS_nanosleep, (long)&look, 0, 0, 0, 0, 0);
        fault_call(SYS_nanosleep, (long)&linger, 0, 0, 0, 0, 0);
        return fault_call(kind->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    if (!strcmp(act, "kill-half") && (kind->number == SYS_write || kind->number == SYS_pwrite64)) {
        fault_call(kind->number, a[0], a[1], (a[2] + 1) / 2, a[3], a[4], a[5]);
    } else if (!strcmp(act, "kill-after")) {
        fault_call(kind->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    kill_self();
    return 0;
}

static void note(long number, const char *name, const char *one, const char *two, const char *end) {
    char line[2 * PATH_MAX + 40];
    int length = snprintf(line, sizeof line, "%ld\t%s\t%s\t%s\t%s\n", number, name, one, two, end);
    fault_call(SYS_write, log_file, (long)line, length, 0, 0, 0);
}

static void on_call(int signal, siginfo_t *info, void *raw) {
    (void)signal;
    ucontext_t *context = raw;
    long a[6];
    for (int n = 0; n < 6; n++) a[n] = ARGUMENT(context, n);
    const struct kind *kind = kinds;
    while (kind < kinds + KINDS && kind->number != info->si_syscall) kind++;
    const char *name = kind->name;
    char one[PATH_MAX + 1] = "", two[PATH_MAX + 1] = "";
    switch (kind->names) {
    case BY_NUMBER: path_of(a[0], one); break;
    case BY_PATH: path_in(AT_FDCWD, (char *)a[0], one); break;
    case BY_FOLDER_AND_PATH: path_in(a[0], (char *)a[1], one); break;
    case BY_TWO_PATHS: path_in(AT_FDCWD, (char *)a[0], one), path_in(AT_FDCWD, (char *)a[1], two); break;
    case BY_TWO_FOLDERS_AND_PATHS: path_in(a[0], (char *)a[1], one), path_in(a[2], (char *)a[3], two); break;
    }
    if (!strcmp(name, "open") && (kind->names == BY_PATH ? a[1] : a[2]) & O_CREAT) name = "create";
    long result;
    if (listed(which, name) && (counts(one) || counts(two))) {
        long number = atomic_fetch_add(&counted, 1) + 1;
        if (strike_at && (number == strike_at || (always && number > strike_at))) {
            note(number, name, one, two, "struck");
            result = strike(kind, a);
        } else {
            result = fault_call(kind->number, a[0], a[1], a[2], a[3], a[4], a[5]);
            note(number, name, one, two, result < 0 ? "failed" : "done");
        }
    } else {
        result = fault_call(kind->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    RESULT(context) = result;
}

static void fail(const char *what) {
    perror(what);
    _exit(99);
}

__attribute__((constructor)) static void begin(void) {
    which = getenv("FAULT_KINDS");
    if (!which) return;
    below = getenv("FAULT_BELOW");
    named = getenv("FAULT_NAMED");
    act = getenv("FAULT_DO");
    gate = getenv("FAULT_GATE");
    const char *at = getenv("FAULT_AT"), *span = getenv("FAULT_FOR"), *log = getenv("FAULT_LOG");
    strike_at = at ? atol(at) : 0;
    always = span && !strcmp(span, "always");
    /* A number that a low limit of open files does not reach. */
    int opened = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (!below || opened < 0) fail("FAULT_BELOW, FAULT_LOG");
    log_file = opened;

    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART};
    if (sigaction(SIGSYS, &action, NULL)) fail("sigaction");

    struct sock_filter filter[8 + 2 * KINDS];
    unsigned n = 0;
    uint64_t here = (uint64_t)(uintptr_t)fault_call_end;
    uint32_t pointer = offsetof(struct seccomp_data, instruction_pointer);
#define STATEMENT(code, k) filter[n++] = (struct sock_filter)BPF_STMT(code, k)
#define UNLESS(value, skip) filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
    STATEMENT(BPF_LD | BPF_W | BPF_ABS, pointer);
    UNLESS((uint32_t)here, 3);
    STATEMENT(BPF_LD | BPF_W | BPF_ABS, pointer + 4);
    UNLESS((uint32_t)(here >> 32), 1);
    STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
        UNLESS((uint32_t)kind->number, 1);
        STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    }
    STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = n, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail("prctl");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program)) fail("seccomp");
}

/* The clock. */

static long wrong_by(void) {
    const char *seconds = getenv("FAULT_CLOCK");
    return seconds ? atol(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    long result = fault_call(SYS_clock_gettime, clock, (long)now, 0, 0, 0, 0);
    if (result) {
        errno = (int)-result;
        return -1;
    }
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += wrong_by();
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}
