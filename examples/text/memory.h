/* memory.h: spans of bytes and arrays that grow. */
#ifndef TEXT_MEMORY_H
#define TEXT_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <tarn/error.h>

/* Bytes that somebody else owns; they may hold anything, zero bytes too. */
typedef struct text_span {
    const char *s;
    size_t      n;
} text_span;

/* Bytes [begin, end) of a text. */
typedef struct text_range {
    int64_t begin, end;
} text_range;

text_span text_span_of(const char *string); /* without its zero byte */
bool      text_span_equal(text_span a, text_span b);

/* Which of n words it is; -1: none. */
int text_find_word(const char *word, int n, const char *const *words);

/* Has malloc's first megabytes lie in large pages, where the system has them: a short command spends most of its time on
 * being given small ones. To be called before anything is allocated. */
void text_prefer_large_pages(void);

/* Has the system give all pages of p[0..bytes) at once, since they are about to be written: one by one they cost more. */
void text_populate(void *p, size_t bytes);

/* Makes sure that *array has room for need elements of size bytes, *room being how many it has room for: grows by
 * half at least. False, with *array as it was, on a memory error. */
bool text_reserve(void *array, int64_t *room, int64_t need, size_t size, tn_error *err);

/* Bytes that are collected: a growing buffer, which also ends in a zero byte. What finds no room is left out, and err says so:
 * it is enough to ask err once, behind all that was added. */
typedef struct text_buffer {
    char   *s;
    int64_t n, room;
} text_buffer;

bool text_buffer_add(text_buffer *b, const char *s, size_t n, tn_error *err);
void text_add(text_buffer *b, text_span s, tn_error *err);
bool text_buffer_print(text_buffer *b, tn_error *err, const char *format, ...) TN_PRINTF(3, 4);
void text_buffer_free(text_buffer *b);

#endif
