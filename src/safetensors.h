/* safetensors.h: an opened file, as its header says. All of it is checked before any number is read. */
#ifndef TARN_SAFETENSORS_H
#define TARN_SAFETENSORS_H

#include <tarn/io.h>

#include "engine.h"
#include "infile.h"

/* An element type of the format. The functions decode n numbers from little-endian bytes; NULL: tarn does not.
 * to_real returns the index of the first number that is too large for tn_real, n if none is. */
typedef struct tn__dtype {
    const char *name;
    int         width;
    int64_t   (*to_real)(const unsigned char *from, int64_t n, tn_real *to);
    void      (*to_int)(const unsigned char *from, int64_t n, int64_t *to);
} tn__dtype;

const tn__dtype *tn__dtype_find(const char *name); /* NULL if there is none */

typedef struct tn__entry {
    const char      *name, *dtype_name;
    const tn__dtype *dtype;      /* NULL: one that the format did not have when this was written */
    tn_dims          shape;
    int64_t          n;          /* numbers */
    int64_t          begin, end; /* bytes, from the first one after the header */
    size_t           at;         /* of its name in the file */
    bool             used;       /* by the load that runs */
} tn__entry;

typedef struct tn__pair {
    const char *key, *value;
    size_t      at;
} tn__pair;

struct tn_file {
    tn_error            *err;
    char                *path;
    tn__in               in;
    int64_t              header;    /* the header's size: data begins at byte 8 + header */
    char                *text;      /* every string of the header */
    tn__entry           *entry;     /* in the order of the data */
    tn__entry          **by_name;
    int                  n_entries, entry_room;
    tn__pair            *pair;      /* of __metadata__, by key */
    int                  n_pairs, pair_room;
};

enum { TN__PREFIX = 8, TN__MAX_HEADER = 100000000 };

/* A file whose content is bytes, which are borrowed until tn_file_close; path is for errors. What tn_file_open does,
 * but for the system's part. */
tn_file *tn__safetensors_parse(const void *bytes, size_t size, const char *path, tn_error *err);

/* Checks the header's size: 8 bytes (or as many as the file has) at prefix, f->size in all. Sets f->header. */
bool tn__header_size(tn_file *f, const unsigned char *prefix);

/* Reads and checks the header, f->header bytes at text. */
bool tn__header_parse(tn_file *f, const char *text);

/* Records `load "path": ...`; returns false. */
bool tn__file_fail(const tn_file *f, tn_code code, const char *format, ...) TN_PRINTF(3, 4);

/* name as it may stand in an error: with quotes, escaped, and cut when it is long. Returns buffer. */
enum { TN__QUOTED = 96 };
const char *tn__quote(const char *name, char *buffer);
#define TN__QUOTE(name) tn__quote((name), (char[TN__QUOTED]){0})

#endif
