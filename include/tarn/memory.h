/* memory.h: where the library's memory comes from. */
#ifndef TARN_MEMORY_H
#define TARN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What gives memory in libc's place. resize(user, p, bytes) is all of it:
 *   bytes > 0: a block of so many bytes, aligned as malloc's, that begins with what the block p held, and p is gone; for
 *              p NULL a new one, holding anything. NULL if there is none, and then p stays as it is.
 *   bytes 0:   the block p is given back; returns NULL.
 * It is called from every thread that calls the library, from some at the same time, and must not call the library. */
typedef struct tn_allocator {
    void *(*resize)(void *user, void *p, size_t bytes);
    void   *user;
} tn_allocator;

/* All memory that the library takes from now on comes from a, which is copied; NULL: from libc again, as at first. Of the
 * whole process: call it while no other thread is in the library. False, and nothing changes, while the library holds a
 * block: free every tape, params, optim, snapshot and file before. What libc takes for itself (threads' stacks, qsort) is
 * not asked of a. */
bool tn_set_allocator(const tn_allocator *a);

/* The same memory for layers, rules and programs of your own. As libc's, but that 0 bytes are a block too; NULL: there is
 * no memory, or no address space has room for so much. */
void *tn_malloc(size_t bytes);
void *tn_calloc(size_t n, size_t size); /* zeros; those that nobody touches cost nothing, from libc */
void *tn_realloc(void *p, size_t bytes);
void  tn_free(void *p);

#ifdef __cplusplus
}
#endif
#endif
