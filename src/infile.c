/* infile.c: reading, in spite of interruptions and of less than was asked for. */
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

const char *tn__in_open(const char *path, int *fd, int64_t *size, char room[TN__REASON])
{
    struct stat s;
    do *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer is no reason to wait */
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0) return tn__in_reason("open", room);
    if (fstat(*fd, &s)) return tn__in_reason("look at it", room);
    if (!S_ISREG(s.st_mode)) return S_ISDIR(s.st_mode) ? "it is a directory" : "it is not a regular file";
    *size = (int64_t)s.st_size;
    return NULL;
}

int64_t tn__in_read(int fd, int64_t at, void *to, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = pread(fd, (char *)to + done, bytes - done, (off_t)(at + (int64_t)done));
        if (n == 0) break;
        if (n < 0 && errno != EINTR) return -1;
        if (n > 0) done += (size_t)n;
    }
    return (int64_t)done;
}
