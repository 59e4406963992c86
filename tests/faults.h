/* faults.h: has a call to the system fail. The linker sends the calls of the library, of examples/text and of the test
 * to here (--wrap, in the Makefile); what libc calls by itself is left alone. */
#ifndef TARN_FAULTS_H
#define TARN_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum fault_call {
    FAULT_MEMORY, /* malloc, calloc, realloc, aligned_alloc, strdup, realpath, fdopen, fault_resize */
    FAULT_OPEN, FAULT_READ /* and pread */, FAULT_WRITE, FAULT_FSYNC, FAULT_CLOSE, FAULT_RENAME, FAULT_UNLINK,
    FAULT_STAT /* and fstat, lstat */, FAULT_CHMOD, FAULT_THREAD, FAULT_FORK_WATCH,
    FAULT_CALLS
} fault_call;
extern const char *const fault_names[FAULT_CALLS];

/* As errors: a read or a write does half of what it is asked for; a write does nothing. FAULT_SIGNAL less its number: a signal
 * comes, and the call does not fail. */
enum { FAULT_SHORT = -1, FAULT_NOTHING = -2, FAULT_SIGNAL = -100 };

/* Calls fail, and blocks are counted, only while this is on: the tests' own framework asks for memory too. */
void fault_watch(bool watch);

/* The n-th call from now on (1: the next) fails with this errno, and if on all later ones too. */
void fault_set(fault_call call, long n, int error, bool on);
void fault_clear(void);
long fault_calls(void); /* of this kind since fault_set */
bool fault_struck(void);

/* For tn_set_allocator: blocks of malloc's, marked, so that one given back to the wrong place is noticed. */
void *fault_resize(void *user, void *p, size_t bytes);

long fault_blocks(void); /* taken and not given back, while watched */

#endif
