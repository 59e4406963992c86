/* output.c: a text file that is there as a whole or not at all. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(text_output *o)
{
    if (!o->path) return tn_fail(o->err, TN_EIO, "cannot write to the standard output: %s", strerror(errno));
    return tn_fail(o->err, TN_EIO, "cannot write \"%s\": %s", o->path, strerror(errno));
}

/* target.PID, which nobody else has. */
static bool name_temp(text_output *o)
{
    char ending[40];
    int  n = snprintf(ending, sizeof ending, ".%ld.tmp", (long)getpid());

    return text_buffer_add(&o->temp, o->target, strlen(o->target), o->err) &&
           text_buffer_add(&o->temp, ending, (size_t)n, o->err);
}

static bool open_temp(text_output *o, mode_t mode)
{
    int fd;

    if (!name_temp(o)) return false;
    do fd = open(o->temp.s, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return fail(o);
    o->to = fdopen(fd, "w");
    if (o->to) return true;
    fail(o);
    close(fd);
    return false;
}

static bool open_path(text_output *o)
{
    struct stat about;
    bool        there = stat(o->path, &about) == 0;

    if (there && !S_ISREG(about.st_mode)) {
        o->to = fopen(o->path, "w");
        return o->to || fail(o);
    }
    o->target = there ? realpath(o->path, NULL) : strdup(o->path);
    if (!o->target) return fail(o);
    if (!open_temp(o, there ? about.st_mode & 0777 : 0666)) return false;
    return !there || fchmod(fileno(o->to), about.st_mode & 07777) == 0 || fail(o);
}

bool text_output_open(text_output *o, const char *path, tn_error *err)
{
    *o = (text_output){.path = path && strcmp(path, "-") ? path : NULL, .err = err};
    o->to = stdout;
    if (!o->path) return true;
    o->to = NULL;
    if (open_path(o)) return true;
    text_output_close(o);
    return false;
}

static bool is_on_disk(FILE *file)
{
    int status;

    do status = fsync(fileno(file));
    while (status && errno == EINTR);
    return !status;
}

/* The stream's bytes are with the system, those of a file on the disk. */
static void flush(text_output *o)
{
    if (fflush(o->to) || ferror(o->to) || (o->temp.n && !is_on_disk(o->to))) fail(o);
    if (o->path && fclose(o->to)) fail(o);
}

bool text_output_close(text_output *o)
{
    if (o->to) flush(o);
    if (o->temp.n && !o->err->code && rename(o->temp.s, o->target)) fail(o);
    if (o->temp.n && o->err->code) unlink(o->temp.s);
    free(o->target);
    text_buffer_free(&o->temp);
    *o = (text_output){.err = o->err};
    return !o->err->code;
}
