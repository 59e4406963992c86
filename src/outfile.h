/* outfile.h: a file that is there as a whole or not at all. */
#ifndef TARN_OUTFILE_H
#define TARN_OUTFILE_H

#include <limits.h>

#include <tarn/tensor.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

typedef struct tn__out {
    tn_error     *err;
    const char   *path;             /* as the caller gave it, for errors */
    char          target[PATH_MAX]; /* the same without symbolic links */
    char          folder[PATH_MAX];
    char          temp[PATH_MAX];
    int           fd;
    bool          failed;
    size_t        used;
    unsigned char block[1 << 15];
} tn__out;

/* Opens a new file beside path. False after an error, and then there is nothing to commit. */
bool tn__out_open(tn__out *o, const char *path, tn_error *err);

/* Adds bytes. The first failure stays until the commit. */
void tn__out_write(tn__out *o, const void *bytes, size_t n);

/* The low bytes of bits, the lowest first. */
void tn__encode(uint64_t bits, int width, unsigned char *to);

/* Adds numbers in this build's type, little-endian. */
void tn__out_numbers(tn__out *o, const tn_real *x, int64_t count);

/* Brings what was written to the disk and gives it its name, with the mode of the file that had it before. After a
 * failure that file is as it was, and the new one is gone; but for a folder that cannot be flushed, which is known only
 * when the new file has the name. */
bool tn__out_commit(tn__out *o);

#endif
