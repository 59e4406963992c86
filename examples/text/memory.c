/* memory.c: spans of bytes and arrays that grow. */
#define _GNU_SOURCE /* madvise */
#include "memory.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

text_span text_span_of(const char *string)
{
    return (text_span){string, strlen(string)};
}

int text_find_word(const char *word, int n, const char *const *words)
{
    while (n-- > 0)
        if (strcmp(word, words[n]) == 0) break;
    return n;
}

bool text_span_equal(text_span a, text_span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

void text_prefer_large_pages(void)
{
#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)
    enum { PAGE = 4096, LARGE_PAGE = 1 << 21, FIRST = 2 * LARGE_PAGE };
    uintptr_t end = (uintptr_t)sbrk(0), mask = LARGE_PAGE - 1;
    void     *heap;

    /* what has been touched stays small: malloc's first page goes before the large ones. All of this may be refused */
    sbrk((intptr_t)(-(end + PAGE) & mask));
    mallopt(M_TOP_PAD, FIRST);
    mallopt(M_MMAP_THRESHOLD, LARGE_PAGE);
    heap = malloc(1);
    madvise((void *)(((uintptr_t)heap + mask) & ~mask), FIRST, MADV_HUGEPAGE);
    free(heap);
#endif
}

void text_populate(void *p, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
    enum { PAGE = 4096, FEW = 1 << 15 };
    uintptr_t begin = (uintptr_t)p & ~(uintptr_t)(PAGE - 1);

    if (bytes >= FEW) madvise((void *)begin, (uintptr_t)p + bytes - begin, MADV_POPULATE_WRITE); /* may be refused */
#else
    (void)p, (void)bytes;
#endif
}

bool text_reserve(void *array, int64_t *room, int64_t need, size_t size, tn_error *err)
{
    void   *old, *grown;
    int64_t wanted = *room + *room / 2;

    if (need <= *room) return true;
    if (wanted < need) wanted = need;
    if (wanted < 16) wanted = 16;
    memcpy(&old, array, sizeof old);
    grown = (uint64_t)wanted > SIZE_MAX / size ? NULL : realloc(old, (size_t)wanted * size);
    if (!grown)
        return tn_fail(err, TN_EMEMORY, "out of memory: no room for %lld elements of %zu bytes", (long long)wanted,
                       size);
    text_populate(grown, (size_t)wanted * size);
    memcpy(array, &grown, sizeof grown);
    *room = wanted;
    return true;
}

bool text_buffer_add(text_buffer *b, const char *s, size_t n, tn_error *err)
{
    if (n > (size_t)(INT64_MAX / 2 - b->n) || !text_reserve(&b->s, &b->room, b->n + (int64_t)n + 1, 1, err))
        return tn_fail(err, TN_EMEMORY, "out of memory: no room for a text of %zu bytes", n);
    if (n) memcpy(b->s + b->n, s, n);
    b->n += (int64_t)n;
    b->s[b->n] = 0;
    return true;
}

void text_add(text_buffer *b, text_span s, tn_error *err)
{
    text_buffer_add(b, s.s, s.n, err);
}

bool text_buffer_print(text_buffer *b, tn_error *err, const char *format, ...)
{
    va_list args;
    int     n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !text_reserve(&b->s, &b->room, b->n + n + 1, 1, err)) return false;
    va_start(args, format);
    vsnprintf(b->s + b->n, (size_t)n + 1, format, args);
    va_end(args);
    b->n += n;
    return true;
}

void text_buffer_free(text_buffer *b)
{
    free(b->s);
    *b = (text_buffer){0};
}
