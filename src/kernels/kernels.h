/* kernels.h: the hot loops, one table of functions per instruction set.
 *
 * Every source in this folder but dispatch.c is compiled once per instruction set, with -DTN_ISA=base,
 * avx2 or avx512. The rules that keep the bits the same (tests/test_kernels.c holds them):
 *
 *   - fma is written where it is meant, and every element costs the same operations wherever it stands in
 *     an array;
 *   - a reduction has 32 lanes whatever the vectors: lane l takes elements l, l + 32, ..., and the lanes
 *     are folded in halves (16, 8, 4, 2, 1);
 *   - an element of a matmul is, for each block of TN_KC terms, one chain of fma over k from 0, the blocks
 *     added in order.
 *
 * So avx2, avx512 and NEON give identical bits; a machine without fused multiply-add gives its own.
 * Kernels allocate nothing and never fail. Unless it says otherwise, a function's output may be the very
 * array that it reads, but may not overlap it in part; sizes may be 0. "gx = or +=": with first it writes
 * every element, else it adds to what is there. */
#ifndef TN__KERNELS_H
#define TN__KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tarn/tensor.h>

enum { TN_KC = 256, TN_LANES = 32 };

typedef struct tn__kernels {
    const char *isa; /* "base", "avx2", "avx512" */

    /* C (m x n) = op(A) op(B), or += with add. op(A) is A (m x k), or with ta the transpose of A stored (k
     * x m); op(B) is B (k x n), or with tb the transpose of B stored (n x k). Row-major with leading
     * dimensions lda, ldb, ldc. C overlaps neither A nor B. scratch: tn__gemm_scratch(m, n, k) bytes,
     * aligned to 64; what it holds is no matter. k == 0 gives zeros (or adds nothing). An element depends
     * on its row of op(A) and its column of op(B) alone, so any cut of C into blocks, each a call with a
     * scratch of its own, gives the same bits: that is how threads share one product. */
    void (*gemm)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const tn_real *a, int64_t lda,
                 const tn_real *b, int64_t ldb, tn_real *c, int64_t ldc, bool add, void *scratch);

    /* y[i] = f(x[i]), within 2 ulp over the whole range of float; in double they are libm's. */
    void (*exp)(int64_t n, const tn_real *x, tn_real *y);
    void (*log)(int64_t n, const tn_real *x, tn_real *y);
    void (*tanh)(int64_t n, const tn_real *x, tn_real *y);
    void (*erf)(int64_t n, const tn_real *x, tn_real *y);
    void (*sigmoid)(int64_t n, const tn_real *x, tn_real *y); /* 1 / (1 + exp(-x)), without overflow */

    /* Reductions over n elements; 0 for n == 0. */
    tn_real (*sum)(int64_t n, const tn_real *x);
    tn_real (*dot)(int64_t n, const tn_real *x, const tn_real *y);         /* one fma per element */
    tn_real (*max)(int64_t n, const tn_real *x); /* NaN if any is NaN; -inf for n == 0 */
    tn_real (*sum_sq_diff)(int64_t n, const tn_real *x, tn_real mean);     /* sum (x[i] - mean)^2 */
    void (*axpy)(int64_t n, tn_real a, const tn_real *x, tn_real *y);      /* y[i] = fma(a, x[i], y[i]) */

    /* Rows of a table of width columns, picked by number, in the order of at: y = a times their sum; y = their maximum,
     * winner: which of the n is the first that has it, -1 (and y = 0) for n == 0; and each += a x. In the maximum NaN
     * wins as the first row, and loses after it. at holds known >= n numbers: the rows that come next are fetched
     * meanwhile. */
    void (*gather_sum)(int64_t n, int64_t known, const int32_t *at, int64_t width, tn_real a, const tn_real *table,
                       tn_real *y);
    void (*gather_max)(int64_t n, int64_t known, const int32_t *at, int64_t width, const tn_real *table, tn_real *y,
                       int32_t *winner);
    void (*scatter_add)(int64_t n, const int32_t *at, int64_t width, tn_real a, const tn_real *x, tn_real *table);

    /* One row: y = exp(x - max) / sum. A row of nothing but -inf gives zeros (a fully masked row of
     * attention); a row with NaN or +inf gives NaN, as in PyTorch. */
    void (*softmax)(int64_t n, const tn_real *x, tn_real *y);
    /* gx = or += y (g - <g, y>) */
    void (*softmax_grad)(int64_t n, const tn_real *y, const tn_real *g, tn_real *gx, bool first);
    /* One row: y = x - L; returns L = log sum exp x. A row of nothing but -inf gives L = -inf and y = NaN,
     * as in PyTorch; n == 0 gives L = -inf. */
    tn_real (*log_softmax)(int64_t n, const tn_real *x, tn_real *y);
    /* gx = or += g - exp(y) sum(g) */
    void (*log_softmax_grad)(int64_t n, const tn_real *y, const tn_real *g, tn_real *gx, bool first);

    /* One row of attention's scores in place, with room for width numbers, a multiple of TN_LANES: s = exp(scale s - max) /
     * sum for the first n; 0 behind them, and where mask (n numbers, or NULL) is 0. A row that is all masked gives zeros.
     * kept: max and 1 / sum. */
    void (*attend)(int64_t n, int64_t width, tn_real scale, const tn_real *mask, tn_real *s, tn_real *kept);
    /* The same row from its scores again, and its gradient: d = scale s (d - delta). */
    void (*attend_grad)(int64_t n, int64_t width, tn_real scale, const tn_real *mask, const tn_real *kept, tn_real delta,
                        tn_real *s, tn_real *d);

    /* One row: y = (x - mean) rstd gamma + beta, rstd = 1 / sqrt(var + eps), var biased. gamma and beta
     * may be NULL (1, 0). mean and rstd are for the backward pass. n >= 1. */
    void (*layer_norm)(int64_t n, const tn_real *x, const tn_real *gamma, const tn_real *beta, tn_real eps,
                       tn_real *y, tn_real *mean, tn_real *rstd);
    /* One row: with h = (x - mean) rstd and d = g gamma, gx = or += rstd (d - avg(d) - h avg(d h)). */
    void (*layer_norm_grad)(int64_t n, const tn_real *x, const tn_real *gamma, tn_real mean, tn_real rstd,
                            const tn_real *g, tn_real *gx, bool first);
    /* One row: ggamma += g h and gbeta += g; either may be NULL. */
    void (*layer_norm_grad_params)(int64_t n, const tn_real *x, tn_real mean, tn_real rstd, const tn_real *g,
                                   tn_real *ggamma, tn_real *gbeta);

    /* Activations, and gx = or += g f'(x). */
    void (*gelu)(int64_t n, const tn_real *x, tn_real *y); /* x Phi(x), by erf */
    void (*gelu_grad)(int64_t n, const tn_real *x, const tn_real *g, tn_real *gx, bool first);
    /* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
    void (*gelu_tanh)(int64_t n, const tn_real *x, tn_real *y);
    void (*gelu_tanh_grad)(int64_t n, const tn_real *x, const tn_real *g, tn_real *gx, bool first);
    void (*silu)(int64_t n, const tn_real *x, tn_real *y); /* x sigmoid(x) */
    void (*silu_grad)(int64_t n, const tn_real *x, const tn_real *g, tn_real *gx, bool first);
} tn__kernels;

/* The table of the best instruction set that the processor has, or of the one that TARN_ISA names if the
 * processor has it too (any other value counts for nothing). Chosen at the first call; any thread may be
 * the first. */
const tn__kernels *tn__kernels_get(void);

/* The table of one instruction set by name; NULL if there is none or the processor cannot run it. For
 * tests. */
const tn__kernels *tn__kernels_named(const char *isa);

/* Bytes of scratch for one gemm of this size, the same for every instruction set. Never more than
 * tn__gemm_scratch of (INT64_MAX, INT64_MAX, INT64_MAX), which is below 1 MiB in float. */
size_t tn__gemm_scratch(int64_t m, int64_t n, int64_t k);

#endif
