/* rng.h: counter-based random numbers. A number is a pure function of (seed, stream, count, ordinal, element), so no
 * order of execution and no number of threads can change it. */
#ifndef TARN_RNG_H
#define TARN_RNG_H

#include <tarn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Passed by value. Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), keyed by a mix of
 * seed, stream, count and ordinal, and counted by the element. */
typedef struct tn_rng {
    uint64_t key, base;
} tn_rng;

/* The generator of one (seed, stream, count, ordinal). */
tn_rng tn_rng_new(uint64_t seed, uint64_t stream, uint64_t count, uint64_t ordinal);

/* The numbers of a random op, in forward and again in backward. */
tn_rng tn_op_rng(const tn_tensor *y);

uint32_t tn_rng_bits(tn_rng r, uint64_t element);    /* 32 random bits */
void     tn_rng_fill(tn_rng r, uint64_t element, int64_t n, uint32_t *bits); /* the same for n elements on, many at once */
double   tn_rng_uniform(tn_rng r, uint64_t element); /* in [0, 1), a multiple of 2^-53 */
double   tn_rng_normal(tn_rng r, uint64_t element);  /* N(0, 1), by Box and Muller */
int64_t  tn_rng_below(tn_rng r, uint64_t element, int64_t n); /* 0 to n - 1; 0 if n < 1 */

/* A random order of 0 to n - 1 (Fisher and Yates). */
void tn_rng_shuffle(tn_rng r, int64_t n, int32_t *order);

#ifdef __cplusplus
}
#endif
#endif
