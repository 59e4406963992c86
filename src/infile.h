/* infile.h: what is read, at any place of it: a regular file, or bytes in memory. */
#ifndef TARN_INFILE_H
#define TARN_INFILE_H

#include <tarn/tensor.h>

typedef struct tn__in {
    int                  fd;    /* -1: the content is at bytes, which are borrowed */
    const unsigned char *bytes;
    int64_t              size;
} tn__in;

/* Fuzzers come in here. */
tn__in tn__in_memory(const void *bytes, size_t size);

/* Opens what stands at path. NULL, or what is wrong, in room that the caller gives if it takes any; then nothing is open. */
enum { TN__REASON = 192 };
const char *tn__in_open(tn__in *in, const char *path, char room[TN__REASON]);
void        tn__in_close(tn__in *in);

/* Reads n bytes from place at on. How many there were: fewer only at the end; -1 and errno if it fails. */
int64_t tn__in_read(const tn__in *in, int64_t at, void *to, size_t n);

/* `cannot <what>: <errno's text>`, in room. */
const char *tn__in_reason(const char *what, char room[TN__REASON]);

#endif
