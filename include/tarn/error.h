/* error.h: the first failure, formatted.
 *
 * Every constructor is given a tn_error of the caller's. The first call that fails writes it; a call that meets an earlier
 * error, or that is given NULL for what it works on (a tape, a params, an optim), does nothing and returns NULL (or false,
 * 0, NaN). So model code is a straight line, and one check at the end tells the first thing that went wrong. One thread,
 * one error; a tn_error that starts as {0} is "no error". */
#ifndef TARN_ERROR_H
#define TARN_ERROR_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What kind of failure: what a program decides by. */
typedef enum tn_code {
    TN_OK = 0,
    TN_ESHAPE,     /* sizes that do not go together */
    TN_EINDEX,     /* an id, a label or a dimension outside its range */
    TN_EMEMORY,    /* the system has no more memory, or a size overflows */
    TN_EIO,        /* a file could not be opened, read or written */
    TN_EFORMAT,    /* a file's content is not what its format says */
    TN_ENONFINITE, /* a NaN or an infinity where a number is needed */
    TN_EUSAGE      /* a call that makes no sense here: the text says what to do instead */
} tn_code;

/* Room for an error's text, the zero byte included. */
enum { TN_ERROR_TEXT = 1024 };

/* The first failure of all calls that were given it. */
typedef struct tn_error {
    tn_code code;
    char    text[TN_ERROR_TEXT]; /* for people: the op, the parameter, the sizes; for a file, the line or the byte */
} tn_error;

/* Has compilers check a printf-like call: the format's place, and its first argument's. */
#if defined(__GNUC__)
#define TN_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define TN_PRINTF(text, first)
#endif

/* Records a failure, unless one is recorded already; a longer text is cut (at a whole UTF-8 character, with "..."). Returns
 * false, so that a caller can write `return tn_fail(e, ...)`. e may be NULL: then nothing is recorded; and so may format
 * be, for an empty text. */
bool tn_fail(tn_error *e, tn_code code, const char *format, ...) TN_PRINTF(3, 4);

/* Forgets the failure; the next tn_tape_begin starts afresh. */
void tn_error_clear(tn_error *e);

/* The code's name: "shape", "index", "memory", "io", "format", "nonfinite", "usage", "ok". */
const char *tn_code_name(tn_code code);

#ifdef __cplusplus
}
#endif
#endif
