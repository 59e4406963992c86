/* peak.h: how much memory the library takes, by an allocator that counts. */
#ifndef TARN_TESTS_PEAK_H
#define TARN_TESTS_PEAK_H

#include <stdlib.h>

#include <tarn/memory.h>

/* Bytes held now, the most since peak_reset, and what is refused from. */
typedef struct peak {
    size_t now, most, limit;
} peak;

enum { PEAK_HEAD = 16 }; /* before each block, its size: as aligned as malloc's */

static inline void *peak_resize(void *user, void *p, size_t bytes)
{
    peak   *m = user;
    size_t *old = p ? (size_t *)(void *)((char *)p - PEAK_HEAD) : NULL, was = old ? *old : 0;
    if (!bytes) {
        m->now -= was;
        free(old);
        return NULL;
    }
    if (bytes > m->limit || m->now - was > m->limit - bytes) return NULL;
    size_t *head = realloc(old, bytes + PEAK_HEAD);
    if (!head) return NULL;
    *head = bytes;
    m->now += bytes - was;
    if (m->now > m->most) m->most = m->now;
    return (char *)head + PEAK_HEAD;
}

/* From now on the library's memory is counted in m, and there are limit bytes of it; one thread only. */
static inline bool peak_begin(peak *m, size_t limit)
{
    *m = (peak){0, 0, limit};
    return tn_set_allocator(&(tn_allocator){peak_resize, m});
}

static inline void peak_reset(peak *m)
{
    m->most = m->now;
}

#endif
