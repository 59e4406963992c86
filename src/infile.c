/* infile.c: reading from memory, or from a file, in spite of interruptions and of less than was asked for. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infile.h"

const char *tn__in_reason(const char *what, char room[TN__REASON])
{
    char reason[128] = "unknown error";
    strerror_r(errno, reason, sizeof reason);
    snprintf(room, TN__REASON, "cannot %s: %s", what, reason);
    return room;
}

tn__in tn__in_memory(const void *bytes, size_t size)
{
    return (tn__in){-1, bytes, (int64_t)size};
}

const char *tn__in_open(tn__in *in, const char *path, char room[TN__REASON])
{
    struct stat s;
    do in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer is no reason to wait */
    while (in->fd < 0 && errno == EINTR);
    if (in->fd < 0) return tn__in_reason("open", room);
    const char *wrong = fstat(in->fd, &s)     ? tn__in_reason("look at it", room)
                        : S_ISDIR(s.st_mode)  ? "it is a directory"
                        : !S_ISREG(s.st_mode) ? "it is not a regular file"
                                              : NULL;
    if (wrong) tn__in_close(in);
    else in->size = (int64_t)s.st_size;
    return wrong;
}

void tn__in_close(tn__in *in)
{
    if (in->fd >= 0) close(in->fd);
    in->fd = -1;
}

static int64_t copy(const tn__in *in, int64_t at, void *to, size_t n)
{
    int64_t left = at < in->size ? in->size - at : 0;
    if (left < (int64_t)n) n = (size_t)left;
    if (n) memcpy(to, in->bytes + at, n);
    return (int64_t)n;
}

int64_t tn__in_read(const tn__in *in, int64_t at, void *to, size_t n)
{
    size_t done = 0;
    if (in->fd < 0) return copy(in, at, to, n);
    while (done < n) {
        ssize_t got = pread(in->fd, (char *)to + done, n - done, (off_t)(at + (int64_t)done));
        if (got == 0) break;
        if (got < 0 && errno != EINTR) return -1;
        if (got > 0) done += (size_t)got;
    }
    return (int64_t)done;
}
