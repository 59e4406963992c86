/* faults.c: the calls that may fail. */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

const char *const fault_names[FAULT_CALLS] = {
    [FAULT_MEMORY] = "memory", [FAULT_OPEN] = "open",     [FAULT_READ] = "read",     [FAULT_WRITE] = "write",
    [FAULT_FSYNC] = "fsync",   [FAULT_CLOSE] = "close",   [FAULT_RENAME] = "rename", [FAULT_UNLINK] = "unlink",
    [FAULT_STAT] = "stat",     [FAULT_CHMOD] = "chmod",   [FAULT_THREAD] = "thread",
    [FAULT_FORK_WATCH] = "atfork",
};

static fault_call  kind = FAULT_CALLS;
static long        at;
static int         error;
static bool        on, watched;
static atomic_long calls, struck, blocks;

void fault_set(fault_call call, long n, int error_, bool on_)
{
    kind = call;
    at = n;
    error = error_;
    on = on_;
    atomic_store(&calls, 0);
    atomic_store(&struck, 0);
}

void fault_watch(bool watch)
{
    watched = watch;
}

void fault_clear(void)
{
    kind = FAULT_CALLS;
}

long fault_calls(void)
{
    return atomic_load(&calls);
}

bool fault_struck(void)
{
    return atomic_load(&struck) > 0;
}

long fault_blocks(void)
{
    return atomic_load(&blocks);
}

/* Is this call the one? */
static bool strikes(fault_call call)
{
    if (call != kind || !watched) return false;
    long i = atomic_fetch_add(&calls, 1) + 1;
    if (i != at && !(on && i > at)) return false;
    atomic_fetch_add(&struck, 1);
    if (error <= FAULT_SIGNAL) raise(FAULT_SIGNAL - error);
    return error > FAULT_SIGNAL;
}

/* The same, for calls that report by errno. */
static bool fails(fault_call call)
{
    if (!strikes(call)) return false;
    errno = error;
    return true;
}

/* How much of n a read or a write is to do; 0: it fails. */
static size_t part(fault_call call, size_t n)
{
    if (!strikes(call)) return n;
    if (error == FAULT_SHORT) return (n + 1) / 2;
    errno = error;
    return 0;
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t to, size_t n);
void  __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t to, size_t n);
void  __wrap_free(void *p);

static void *taken(void *p)
{
    if (p && watched) atomic_fetch_add(&blocks, 1);
    return p;
}

void *__wrap_malloc(size_t n)
{
    return strikes(FAULT_MEMORY) ? NULL : taken(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return strikes(FAULT_MEMORY) ? NULL : taken(__real_calloc(n, size));
}

void *__wrap_aligned_alloc(size_t to, size_t n)
{
    return strikes(FAULT_MEMORY) ? NULL : taken(__real_aligned_alloc(to, n));
}

void *__wrap_realloc(void *p, size_t n)
{
    if (strikes(FAULT_MEMORY)) return NULL;
    return p ? __real_realloc(p, n) : taken(__real_realloc(p, n));
}

void __wrap_free(void *p)
{
    if (p && watched) atomic_fetch_sub(&blocks, 1);
    __real_free(p);
}

typedef struct mark {
    _Alignas(16) uint64_t word;
} mark;

static const uint64_t MARK = 0x7461726e7461726e;

static void *give_back(mark *m)
{
    m->word = 0;
    if (watched) atomic_fetch_sub(&blocks, 1);
    __real_free(m);
    return NULL;
}

void *fault_resize(void *user, void *p, size_t bytes)
{
    mark *m = p ? (mark *)p - 1 : NULL;
    (void)user;
    if (m && m->word != MARK) abort();
    if (!bytes) return give_back(m);
    if (strikes(FAULT_MEMORY)) return NULL;
    m = p ? __real_realloc(m, bytes + sizeof *m) : taken(__real_malloc(bytes + sizeof *m));
    if (!m) return NULL;
    m->word = MARK;
    return m + 1;
}

/* These take memory within libc. */
FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__real_realpath(const char *path, char *to);
char *__wrap_realpath(const char *path, char *to);

char *__wrap_strdup(const char *s)
{
    return fails(FAULT_MEMORY) ? NULL : taken(__real_strdup(s));
}

char *__wrap_realpath(const char *path, char *to)
{
    if (to) return __real_realpath(path, to);
    return fails(FAULT_MEMORY) ? NULL : taken(__real_realpath(path, to));
}

FILE *__wrap_fdopen(int fd, const char *mode)
{
    return fails(FAULT_MEMORY) ? NULL : __real_fdopen(fd, mode);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

#define WRAPPED(result, f, parameters)      \
    result __real_##f parameters;           \
    result __wrap_##f parameters;           \
    result __wrap_##f parameters

WRAPPED(ssize_t, read, (int fd, void *to, size_t n))
{
    size_t some = part(FAULT_READ, n);
    return n && !some ? -1 : __real_read(fd, to, some);
}

WRAPPED(ssize_t, pread, (int fd, void *to, size_t n, off_t from))
{
    size_t some = part(FAULT_READ, n);
    return n && !some ? -1 : __real_pread(fd, to, some, from);
}

WRAPPED(ssize_t, write, (int fd, const void *from, size_t n))
{
    size_t some = part(FAULT_WRITE, n);
    if (n && !some) return error == FAULT_NOTHING ? 0 : -1;
    return __real_write(fd, from, some);
}

/* The call is tested, not the disk. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fails(FAULT_FSYNC) || fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

/* As Linux does it: the descriptor is gone, whatever close says. */
WRAPPED(int, close, (int fd))
{
    int  result = __real_close(fd);
    return fails(FAULT_CLOSE) ? -1 : result;
}

WRAPPED(int, rename, (const char *from, const char *to))
{
    return fails(FAULT_RENAME) ? -1 : __real_rename(from, to);
}

WRAPPED(int, unlink, (const char *path))
{
    return fails(FAULT_UNLINK) ? -1 : __real_unlink(path);
}

WRAPPED(int, stat, (const char *path, struct stat *s))
{
    return fails(FAULT_STAT) ? -1 : __real_stat(path, s);
}

WRAPPED(int, lstat, (const char *path, struct stat *s))
{
    return fails(FAULT_STAT) ? -1 : __real_lstat(path, s);
}

WRAPPED(int, fstat, (int fd, struct stat *s))
{
    return fails(FAULT_STAT) ? -1 : __real_fstat(fd, s);
}

WRAPPED(int, fchmod, (int fd, mode_t mode))
{
    return fails(FAULT_CHMOD) ? -1 : __real_fchmod(fd, mode);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t  mode = 0;
    va_list args;
    va_start(args, flags);
    if (flags & O_CREAT) mode = (mode_t)va_arg(args, int);
    va_end(args);
    return fails(FAULT_OPEN) ? -1 : __real_open(path, flags, mode);
}

/* ---- threads --------------------------------------------------------------------------------------------------- */

WRAPPED(int, pthread_create, (pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg))
{
    return strikes(FAULT_THREAD) ? error : __real_pthread_create(thread, attr, start, arg);
}

WRAPPED(int, pthread_atfork, (void (*before)(void), void (*parent)(void), void (*child)(void)))
{
    return strikes(FAULT_FORK_WATCH) ? error : __real_pthread_atfork(before, parent, child);
}
