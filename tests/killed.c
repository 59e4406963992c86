/* killed.c: examples/classify, to which the signal SIGNAL comes at the moment number MOMENT, both out of the environment.
 * Moments are calls: what the system sees of a process changes at calls into it, and a training at calls of its parts, so
 * that a process which dies between two of them dies at the first one. They are counted, by no clock: the same number is
 * the same moment in every run. A write at which the process dies has written a half.
 *
 * The linker brings each call of NAME here, as __wrap_NAME; __real_NAME is what it would have called. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tarn/tarn.h>

static long moments;

static long number(const char *name)
{
    const char *value = getenv(name);
    return value ? strtol(value, NULL, 10) : 0;
}

/* A shell that put this into the background may have had it ignore SIGINT. */
__attribute__((constructor)) static void begin(void)
{
    signal(SIGINT, SIG_DFL);
}

/* Is it now? The place goes to stderr, for the test to count. */
static bool is_now(const char *place)
{
    if (++moments != number("MOMENT")) return false;
    fprintf(stderr, "signal in %s\n", place);
    return true;
}

static void moment(const char *place)
{
    if (is_now(place)) raise((int)number("SIGNAL"));
}

#define WRAP(type, name, parameters, arguments) \
    type __real_##name parameters;              \
    type __wrap_##name parameters;              \
    type __wrap_##name parameters               \
    {                                           \
        moment(#name);                          \
        return __real_##name arguments;         \
    }

WRAP(int, close, (int fd), (fd))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n))
WRAP(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
WRAP(tn_tensor *, tn_apply, (tn_tape *t, const tn_op *op, int n, tn_tensor *const *in, const void *attr), (t, op, n, in, attr))
WRAP(bool, tn_backward, (tn_tape *t, tn_tensor *loss), (t, loss))
WRAP(double, optim_clip_norm, (tn_params *ps, double max), (ps, max))
WRAP(bool, optim_step, (optim *o), (o))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list more;
    mode_t  mode = 0;
    va_start(more, flags);
    if (flags & O_CREAT) mode = va_arg(more, mode_t);
    va_end(more);
    moment("open");
    return __real_open(path, flags, mode);
}

ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    if (!is_now("write")) return __real_write(fd, from, n);
    ssize_t half = __real_write(fd, from, n / 2);
    raise((int)number("SIGNAL"));
    return half;
}
