/* narrow.h: what gemm.c asks of narrow.c. */
#ifndef TN__NARROW_H
#define TN__NARROW_H

#include "turn.h"

/* How many columns are few. */
enum { NARROW = 12 };

/* C (m x n) = or += A B for n <= NARROW, where b is seen by its columns: element (j, p) of b is row p, column
 * j of op(B). With across, C is the transpose of what is stored at c. Does the first rows of C, whole
 * vectors of them, and returns how many: the others are the caller's. 0 if n is not few. */
int64_t TN_K(gemm_narrow)(int64_t m, int64_t n, int64_t k, const view *a, const view *b, tn_real *c, int64_t ldc,
                          bool across, bool add);

#endif
