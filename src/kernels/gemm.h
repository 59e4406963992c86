/* gemm.h: how gemm.c cuts a product, and so how much scratch it takes. */
#ifndef TN__GEMM_H
#define TN__GEMM_H

#include "kernels.h"

/* Blocks of op(A) are at most MC x KC, of op(B) at most KC x NC. A panel is at most 64 columns wide.
 * A C of up to 16 columns may be made turned. */
enum { KC = TN_KC, MC = 192, NC = 768, WIDEST = 64, NARROW = 16 };

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Room for the columns of a block of B, the last panel filled up. A narrow C is made turned, with m for n. */
static inline int64_t packed_columns(int64_t m, int64_t n)
{
    const int64_t most = m > n ? m : n;
    return most >= NC ? NC : (most + WIDEST - 1) / WIDEST * WIDEST;
}

#endif
