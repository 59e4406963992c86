/* json.h: just enough JSON to read and write the header of a safetensors file: strings, non-negative integers, and
 * the punctuation of objects and arrays. The caller's code is the grammar: no text nests deeper than that does. */
#ifndef TARN_JSON_H
#define TARN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A reader of bytes[0] to bytes[size - 1]. The first problem stays, and every later call then does nothing. */
typedef struct tn__json {
    const char *bytes;
    size_t      size, at;
    char       *text;       /* where unescaped strings go: size bytes hold all of them, with their zero bytes */
    const char *problem;    /* NULL: none so far */
    size_t      problem_at;
} tn__json;

bool tn__json_fail(tn__json *j, size_t at, const char *problem); /* returns false */

void tn__json_skip(tn__json *j);           /* white space */
bool tn__json_expect(tn__json *j, char c); /* one character of punctuation */

/* Is there an i-th member before the bracket `close`? Consumes the comma before it, or the bracket. */
bool tn__json_more(tn__json *j, char close, int i);

/* An unescaped string, in the memory that text pointed to. A zero byte in it is refused: C strings end there. */
const char *tn__json_string(tn__json *j);

/* 0 to INT64_MAX, in digits only; 0 after a problem. */
int64_t tn__json_integer(tn__json *j);

/* The length of the UTF-8 character at s, of which n >= 1 bytes are there; 0 if it is none. */
size_t tn__utf8_length(const char *s, size_t n);

/* The position of the first byte that is not valid UTF-8 (no overlong forms, no surrogates); n if all is. */
size_t tn__utf8_check(const char *s, size_t n);

/* c as it stands in a JSON string: an escape sequence or c itself. to has room for 7 bytes; returns to. */
const char *tn__json_escape(char c, char *to);

#endif
