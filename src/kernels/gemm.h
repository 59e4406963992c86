/* gemm.h: how gemm.c cuts a product, and so how much scratch it takes. */
#ifndef TN__GEMM_H
#define TN__GEMM_H

#include "kernels.h"

/* Blocks of op(A) are at most MC x KC, of op(B) at most KC x NC. A panel is at most WIDEST columns wide. */
enum { KC = TN_KC, MC = 192, NC = 768, WIDEST = 64 };

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Room for the columns of a block of B, the last panel filled up. */
static inline int64_t packed_columns(int64_t n)
{
    return n >= NC ? NC : (n + WIDEST - 1) / WIDEST * WIDEST;
}

#endif
