/* isa.h: what the sources of this folder share: names per instruction set, vectors as wide as it has, fma. */
#ifndef TN__ISA_H
#define TN__ISA_H

#include <string.h>

#include "kernels.h"

/* Nobody reads the floating-point exception flags. GCC makes a vector of a loop with a comparison in it
 * only when it may raise them for the side not taken; clang always does. Values do not change. */
#if defined __GNUC__ && !defined __clang__
#pragma GCC optimize("no-trapping-math")
#endif

/* TN_K(sum) is tn__sum_avx2 in the avx2 build. */
#define TN_K(name)         TN_K_(name, TN_ISA)
#define TN_K_(name, isa)   TN_K__(name, isa)
#define TN_K__(name, isa)  tn__##name##_##isa

#if defined __AVX512F__
enum { VEC_BYTES = 64 };
#elif defined __AVX2__
enum { VEC_BYTES = 32 };
#else
enum { VEC_BYTES = 16 };
#endif
enum { WIDTH = VEC_BYTES / (int)sizeof(tn_real), LINE = 64 / (int)sizeof(tn_real) };

typedef tn_real vec __attribute__((vector_size(VEC_BYTES)));
typedef tn_real vec_in_memory __attribute__((vector_size(VEC_BYTES), aligned(sizeof(tn_real)), may_alias));

/* What a comparison of two vecs gives: -1 where it is true, else 0. */
#ifdef TN_DOUBLE
typedef int64_t vec_int __attribute__((vector_size(VEC_BYTES)));
#else
typedef int32_t vec_int __attribute__((vector_size(VEC_BYTES)));
#endif

#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("GCC unroll 32")

/* Before a loop whose turns touch no element but their own: output and input may be the same array, and
 * the compiler need not prove that they are not one apart. */
#if defined __clang__ && defined TN_DOUBLE /* calls of libm stay calls */
#define ELEMENTWISE
#elif defined __clang__
#define ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")
#else
#define ELEMENTWISE _Pragma("GCC ivdep")
#endif

#define EACH(i, n) ELEMENTWISE for (int64_t i = 0; i < (n); i++)

#if defined __FMA__ || defined __ARM_FEATURE_FMA
#define TN_HAS_FMA 1
#else
#define TN_HAS_FMA 0
#endif

/* a b + c, rounded once where the hardware can. */
INLINE tn_real fmadd(tn_real a, tn_real b, tn_real c)
{
#if !TN_HAS_FMA
    return a * b + c;
#elif defined TN_DOUBLE
    return __builtin_fma(a, b, c);
#else
    return __builtin_fmaf(a, b, c);
#endif
}

/* The same for each lane. Both compilers make one instruction of it. */
INLINE vec vec_fmadd(vec a, vec b, vec c)
{
    UNROLL for (int l = 0; l < WIDTH; l++) c[l] = fmadd(a[l], b[l], c[l]);
    return c;
}

INLINE vec vec_of(tn_real x)
{
    return x - (vec){0}; /* x - 0 is x, for -0 too */
}

INLINE vec vec_load(const tn_real *x)
{
    return (vec) * (const vec_in_memory *)x;
}

INLINE void vec_store(tn_real *x, vec v)
{
    *(vec_in_memory *)x = (vec_in_memory)v;
}

/* a where the comparison was true, else b. Both compilers make one instruction of it where there is one. */
INLINE vec_int vec_pick(vec_int where, vec_int a, vec_int b)
{
    return (where & a) | (~where & b);
}

/* ---- the kernels of this instruction set, as kernels.h describes them ---------------------------------- */

typedef void    unary_fn(int64_t n, const tn_real *x, tn_real *y);
typedef void    grad_fn(int64_t n, const tn_real *x, const tn_real *g, tn_real *gx, bool first);
typedef tn_real reduce_fn(int64_t n, const tn_real *x);

void TN_K(gemm)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const tn_real *a, int64_t lda,
                const tn_real *b, int64_t ldb, tn_real *c, int64_t ldc, bool add, void *scratch);

unary_fn TN_K(exp), TN_K(log), TN_K(tanh), TN_K(erf), TN_K(sigmoid);

reduce_fn TN_K(sum), TN_K(max);
tn_real   TN_K(dot)(int64_t n, const tn_real *x, const tn_real *y);
tn_real   TN_K(sum_sq_diff)(int64_t n, const tn_real *x, tn_real mean);
void      TN_K(axpy)(int64_t n, tn_real a, const tn_real *x, tn_real *y);
void      TN_K(gather_sum)(int64_t n, int64_t known, const int32_t *at, int64_t width, tn_real a,
                           const tn_real *table, tn_real *y);
void      TN_K(gather_max)(int64_t n, int64_t known, const int32_t *at, int64_t width, const tn_real *table,
                           tn_real *y, int32_t *winner);
void      TN_K(scatter_add)(int64_t n, const int32_t *at, int64_t width, tn_real a, const tn_real *x,
                            tn_real *table);

unary_fn TN_K(softmax), TN_K(gelu), TN_K(gelu_tanh), TN_K(silu);
grad_fn  TN_K(softmax_grad), TN_K(log_softmax_grad), TN_K(gelu_grad), TN_K(gelu_tanh_grad), TN_K(silu_grad);
tn_real  TN_K(log_softmax)(int64_t n, const tn_real *x, tn_real *y);
void     TN_K(attend)(int64_t n, int64_t width, tn_real scale, const tn_real *mask, tn_real *s, tn_real *kept);
void     TN_K(attend_grad)(int64_t n, int64_t width, tn_real scale, const tn_real *mask, const tn_real *kept,
                           tn_real delta, tn_real *s, tn_real *d);
void     TN_K(layer_norm)(int64_t n, const tn_real *x, const tn_real *gamma, const tn_real *beta, tn_real eps,
                          tn_real *y, tn_real *mean, tn_real *rstd);
void     TN_K(layer_norm_grad)(int64_t n, const tn_real *x, const tn_real *gamma, tn_real mean, tn_real rstd,
                               const tn_real *g, tn_real *gx, bool first);
void     TN_K(layer_norm_grad_params)(int64_t n, const tn_real *x, tn_real mean, tn_real rstd,
                                      const tn_real *g, tn_real *ggamma, tn_real *gbeta);

extern const tn__kernels TN_K(kernels);

#endif
