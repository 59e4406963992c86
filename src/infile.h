/* infile.h: a regular file that is read, at any place of it. */
#ifndef TARN_INFILE_H
#define TARN_INFILE_H

#include <tarn/tensor.h>

/* Opens what stands at path; *size is its bytes. NULL, or what is wrong, in room that the caller gives if it takes any. */
enum { TN__REASON = 192 };
const char *tn__in_open(const char *path, int *fd, int64_t *size, char room[TN__REASON]);

/* Reads bytes from place at on. How many there were: fewer only at the end of the file; -1 and errno if it fails. */
int64_t tn__in_read(int fd, int64_t at, void *to, size_t bytes);

/* `cannot <what>: <errno's text>`, in room. */
const char *tn__in_reason(const char *what, char room[TN__REASON]);

#endif
