/* memory.c: what the system gives, and the arena that a tape's tensors live in. */
#define _GNU_SOURCE /* madvise */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"

#if defined(__SANITIZE_ADDRESS__)
#define TN__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TN__ASAN 1
#endif
#endif

#ifdef TN__ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { RED_ZONE = 64 }; /* between blocks, so that a write past the end of a tensor is caught */
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
enum { RED_ZONE = 0 };
#endif

enum { SMALL_PAGE = 4096, LARGE_PAGE = 1 << 21 };

static size_t whole_pages(size_t bytes, size_t page)
{
    return (bytes + page - 1) & ~(page - 1);
}

/* Rows picked all over a big table cost more in looking their pages up than in reading them, unless pages are large. */
static void *prefer_large_pages(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    if (p && bytes >= LARGE_PAGE) {
        uintptr_t begin = whole_pages((uintptr_t)p, SMALL_PAGE);
        madvise((void *)begin, bytes - (begin - (uintptr_t)p), MADV_HUGEPAGE); /* advice: it may be refused */
    }
#endif
    return p;
}

static tn_allocator allocator; /* resize is NULL: libc's */
static atomic_llong held;      /* blocks */

bool tn_set_allocator(const tn_allocator *a)
{
    if (atomic_load(&held)) return false;
    allocator = a ? *a : (tn_allocator){NULL, NULL};
    return true;
}

static void *hold(void *p)
{
    if (p) atomic_fetch_add(&held, 1);
    return p;
}

/* What is big begins at a large page, else its two ends would lie in some hundred small ones. */
void *tn_malloc(size_t bytes)
{
    if (bytes > PTRDIFF_MAX) return NULL;
    if (allocator.resize) return tn_realloc(NULL, bytes);
    if (bytes < LARGE_PAGE) return hold(malloc(bytes ? bytes : 1));
    return hold(prefer_large_pages(aligned_alloc(LARGE_PAGE, whole_pages(bytes, LARGE_PAGE)), bytes));
}

void *tn_calloc(size_t n, size_t size)
{
    if (size && n > PTRDIFF_MAX / size) return NULL;
    if (!allocator.resize) return hold(prefer_large_pages(calloc(n ? n : 1, size ? size : 1), n * size));
    void *p = tn_realloc(NULL, n * size);
    return p ? memset(p, 0, n * size) : NULL;
}

void *tn_realloc(void *p, size_t bytes)
{
    size_t wanted = bytes ? bytes : 1;
    if (bytes > PTRDIFF_MAX) return NULL;
    void *q = allocator.resize ? allocator.resize(allocator.user, p, wanted) : realloc(p, wanted);
    return p ? q : hold(q);
}

void tn_free(void *p)
{
    if (!p) return;
    atomic_fetch_sub(&held, 1);
    if (allocator.resize) allocator.resize(allocator.user, p, 0);
    else free(p);
}

void tn__populate(void *p, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
    enum { PAGE = 4096, FEW = 1 << 15 };
    uintptr_t begin = (uintptr_t)p & ~(uintptr_t)(PAGE - 1);
    if (p && bytes >= FEW) madvise((void *)begin, (uintptr_t)p + bytes - begin, MADV_POPULATE_WRITE); /* may be refused */
#else
    (void)p, (void)bytes;
#endif
}

bool tn__count(int rank, const int64_t *size, int64_t *n)
{
    const int64_t most = PTRDIFF_MAX / 4 / (int64_t)sizeof(tn_real);
    bool empty = false;
    if (rank < 0 || rank > TN_MAX_RANK) return false;
    *n = 1;
    for (int d = 0; d < rank; d++) {
        bool small = size[d] <= INT32_MAX && *n <= INT32_MAX; /* then no division, which would cost as much as a small op */
        if (size[d] < 0 || (!small && size[d] > INT64_MAX / *n)) return false;
        empty = empty || size[d] == 0;
        *n *= size[d] ? size[d] : 1;
    }
    if (empty) *n = 0;
    return *n <= most;
}

struct tn__chunk {
    tn__chunk *older;
    size_t     bytes; /* after the header */
};

enum { ALIGN = 64, HEADER = 64, FIRST_CHUNK = 1 << 16 };

static char *first_byte(tn__chunk *c)
{
    return (char *)(((uintptr_t)c + sizeof *c + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
}

#if defined(__GNUC__)
#define SELDOM __attribute__((noinline, cold)) /* kept out of its caller, which then needs no stack */
#else
#define SELDOM
#endif

/* A chunk for at least this many bytes; each is at least as large as all before it together, so that few are made. */
static bool add_chunk(tn__arena *a, size_t bytes)
{
    size_t size = bytes > a->bytes ? bytes : a->bytes;
    if (size < FIRST_CHUNK) size = FIRST_CHUNK;
    if (size >= LARGE_PAGE) size = whole_pages(size + 2 * HEADER, LARGE_PAGE) - 2 * HEADER;
    tn__chunk *c = tn_malloc(size + 2 * HEADER);
    if (!c && size > bytes) c = tn_malloc((size = bytes) + 2 * HEADER);
    if (!c) return false;
    *c = (tn__chunk){a->chunk, size};
    a->chunk = c;
    a->bytes += size;
    a->at = first_byte(c);
    a->end = a->at + size;
    POISON(a->at, size);
    return true;
}

static SELDOM void *alloc_from_new_chunk(tn__arena *a, size_t room, size_t bytes)
{
    return add_chunk(a, room) ? tn__arena_alloc(a, bytes) : NULL;
}

void *tn__arena_alloc(tn__arena *a, size_t bytes)
{
    if (bytes > PTRDIFF_MAX / 4) return NULL;
    size_t beyond = bytes >= ALIGN ? ALIGN - 1 : 15;
    size_t room = (((bytes ? bytes : 1) + beyond) & ~beyond) + RED_ZONE;
    size_t skip = -(uintptr_t)a->at & beyond;
    if (skip + room > (size_t)(a->end - a->at)) return alloc_from_new_chunk(a, room, bytes);
    char *p = a->at + skip;
    a->at = p + room;
    UNPOISON(p, bytes);
    return p;
}

void *tn__arena_calloc(tn__arena *a, size_t bytes)
{
    void *p = tn__arena_alloc(a, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

static void free_chunks(tn__arena *a)
{
    for (tn__chunk *c = a->chunk, *older; c; c = older) {
        older = c->older;
        UNPOISON(first_byte(c), c->bytes);
        tn_free(c);
    }
    a->chunk = NULL;
    a->at = a->end = NULL;
}

void tn__arena_rewind(tn__arena *a)
{
    if (!a->chunk) return;
    if (!a->chunk->older) {
        a->at = first_byte(a->chunk);
        POISON(a->at, a->chunk->bytes);
        return;
    }
    size_t all = a->bytes;
    free_chunks(a);
    a->bytes = 0;
    add_chunk(a, all); /* if that fails, the next alloc tries with less */
}

void tn__arena_free(tn__arena *a)
{
    free_chunks(a);
    a->bytes = 0;
}
