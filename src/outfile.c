/* outfile.c: writing a file that is there as a whole or not at all. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(tn__out *o, const char *what)
{
    char reason[128] = "unknown error";
    strerror_r(errno, reason, sizeof reason);
    o->failed = true;
    return tn_fail(o->err, TN_EIO, "save \"%s\": cannot %s: %s", o->path, what, reason);
}

/* ---- open -------------------------------------------------------------------------------------------------------- */

/* Follows symbolic links, so that the file they name is replaced, not the link. *mode: of the file that is there. */
static bool find_target(tn__out *o, mode_t *mode)
{
    struct stat s;
    if (strlen(o->path) >= sizeof o->target - 40) {
        errno = ENAMETOOLONG;
        return fail(o, "use this path");
    }
    if (!realpath(o->path, o->target)) {
        if (errno != ENOENT) return fail(o, "use this path");
        strcpy(o->target, o->path);
    }
    if (lstat(o->target, &s)) return errno == ENOENT || fail(o, "look at it");
    if (!S_ISREG(s.st_mode))
        return tn_fail(o->err, TN_EIO, "save \"%s\": it is %s", o->path,
                       S_ISDIR(s.st_mode) ? "a directory" : "not a regular file");
    *mode = s.st_mode & 07777;
    return true;
}

static void find_folder(tn__out *o)
{
    const char *slash = strrchr(o->target, '/');
    size_t length = slash ? (size_t)(slash - o->target) + 1 : 0;
    memcpy(o->folder, o->target, length);
    strcpy(o->folder + length, slash ? "" : "./");
}

/* A new file beside the target, under a name that no other has. */
static bool open_temp(tn__out *o, mode_t mode)
{
    for (int i = 0; i < 1000; i++) {
        size_t length = strlen(strcpy(o->temp, o->folder));
        snprintf(o->temp + length, sizeof o->temp - length, ".tarn-%ld-%d.tmp", (long)getpid(), i);
        o->fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (o->fd >= 0) return true;
        if (errno == EINTR) i--;
        else if (errno != EEXIST) break;
    }
    return fail(o, "create a file beside it");
}

bool tn__out_open(tn__out *o, const char *path, tn_error *err)
{
    mode_t none = (mode_t)-1, mode = none;
    o->err = err;
    o->path = path;
    o->failed = false;
    o->used = 0;
    if (!find_target(o, &mode)) return false;
    find_folder(o);
    if (!open_temp(o, mode == none ? 0666 : mode & 0777)) return false;
    if (mode == none || !fchmod(o->fd, mode)) return true;
    fail(o, "give the new file the old one's mode");
    return tn__out_commit(o);
}

/* ---- write ------------------------------------------------------------------------------------------------------- */

static void flush(tn__out *o)
{
    for (size_t done = 0; done < o->used && !o->failed;) {
        ssize_t n = write(o->fd, o->block + done, o->used - done);
        if (n == 0) errno = EIO; /* it will not take any: to ask for ever would be worse */
        if (n == 0 || (n < 0 && errno != EINTR)) fail(o, "write");
        if (n > 0) done += (size_t)n;
    }
    o->used = 0;
}

void tn__out_write(tn__out *o, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n && !o->failed;) {
        size_t room = sizeof o->block - o->used, part = n - done < room ? n - done : room;
        memcpy(o->block + o->used, (const char *)bytes + done, part);
        o->used += part;
        done += part;
        if (o->used == sizeof o->block) flush(o);
    }
}

/* ---- numbers, little-endian on any machine ------------------------------------------------------------------------- */

void tn__encode(uint64_t bits, int width, unsigned char *to)
{
    for (int i = 0; i < width; i++) to[i] = (unsigned char)(bits >> 8 * i);
}

static uint64_t bits_of(tn_real x)
{
#ifdef TN_DOUBLE
    uint64_t b;
#else
    uint32_t b;
#endif
    memcpy(&b, &x, sizeof b);
    return b;
}

void tn__out_numbers(tn__out *o, const tn_real *x, int64_t count)
{
    unsigned char block[4096];
    const int width = sizeof(tn_real);
    int64_t most = (int64_t)sizeof block / width;
    for (int64_t i = 0; i < count; i += most) {
        int64_t n = count - i < most ? count - i : most;
        for (int64_t k = 0; k < n; k++) tn__encode(bits_of(x[i + k]), width, block + k * width);
        tn__out_write(o, block, (size_t)(n * width));
    }
}

/* ---- commit ------------------------------------------------------------------------------------------------------ */

static int open_folder(const char *path)
{
    int fd;
    do fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int sync_fd(int fd)
{
    int result;
    do result = fsync(fd);
    while (result && errno == EINTR);
    return result;
}

/* close once: after EINTR the descriptor is gone, and fsync has said already that the bytes are there. */
static void finish(tn__out *o)
{
    flush(o);
    if (!o->failed && sync_fd(o->fd)) fail(o, "bring it to the disk");
    if (close(o->fd) && errno != EINTR && !o->failed) fail(o, "close");
}

bool tn__out_commit(tn__out *o)
{
    finish(o);
    int folder = o->failed ? -1 : open_folder(o->folder);
    if (!o->failed && folder < 0) fail(o, "open its folder");
    if (!o->failed && rename(o->temp, o->target)) fail(o, "replace it");
    if (o->failed) unlink(o->temp);
    else if (sync_fd(folder) && errno != EINVAL) fail(o, "flush its folder (a power cut may undo the save)");
    if (folder >= 0) close(folder);
    return !o->failed;
}
