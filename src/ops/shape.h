/* shape.h: what the ops of this folder share: broadcasting, lists of dimensions, and the nest of loops that goes through
 * arrays of different strides. */
#ifndef TN__SHAPE_H
#define TN__SHAPE_H

#include <math.h>
#include <string.h>

#include <tarn/op.h>

/* libm's function for this build's number type: TN__M(log1p)(x) is log1pf(x) or log1p(x). */
#ifdef TN_DOUBLE
#define TN__M(function) function
#else
#define TN__M(function) function##f
#endif

/* Element functions are given to loops by name; the loop is worth its name only when the function disappears in it. */
#if defined(__GNUC__)
#define TN__INLINE static inline __attribute__((always_inline))
#else
#define TN__INLINE static inline
#endif

/* Sets y's shape to NumPy's broadcast of all its inputs; names[i] is what errors call input i. */
bool tn__broadcast(tn_tensor *y, const char *const *names);

/* The dimensions that dims names (none: all) as a set of bits, negative ones counted from rank. They are checked. */
unsigned tn__dim_mask(tn_dims dims, int rank);

/* The same in shape, checked: an index error out of range, a usage error for one named twice. */
bool tn__check_dims(const tn_tensor *y, int rank, tn_dims dims, unsigned *mask);

/* x seen as (outer, size[dim], inner). */
void tn__split(const tn_tensor *x, int64_t dim, int64_t *outer, int64_t *inner);

/* The elements of one array in order, as rows of n, while other arrays ("operands") move along by steps of their own, 0
 * where they are broadcast. Neighbouring dimensions are merged where every operand allows it, so that few rows are left:
 *
 *     do { ... row nest.row, operand k's part begins at nest.at[k] and goes on by nest.step[k][0] ... }
 *     while (tn__nest_next(&nest));
 *
 * There must be at least one element. */
enum { TN__OPERANDS = 3 };
typedef struct tn__nest {
    int     rank, operands;
    int64_t n, row;
    int64_t at[TN__OPERANDS];
    int64_t size[TN_MAX_RANK], index[TN_MAX_RANK]; /* from the inside out; [0] is the row itself */
    int64_t step[TN__OPERANDS][TN_MAX_RANK];
} tn__nest;

void tn__nest_broadcast(tn__nest *nest, const tn_tensor *y);               /* over y; the operands are y's inputs */
void tn__nest_reduce(tn__nest *nest, const tn_tensor *x, unsigned mask);   /* over x; operand 0 lacks the dims of mask */
void tn__nest_permute(tn__nest *nest, int rank, const int64_t *size, const int64_t *step); /* 0: steps; 1: in order */
bool tn__nest_next(tn__nest *nest);

/* Is this the first row that touches operand k's part? (Then write there, else add.) */
bool tn__nest_is_new(const tn__nest *nest, int k);

/* A reduction has 32 lanes, whatever the vectors; they become one number in halves, as in the kernels. */
enum { TN__LANES = 32 };
tn_real tn__sum_lanes(tn_real *lane);

/* Elements in one piece of tn_parallel_for: a few arrays of so many stay in the second cache. */
enum { TN__GRAIN = 1 << 14 };

/* [0, n) in pieces of TN__GRAIN; a single one is no more than a call. */
static inline void tn__pieces(int64_t n, void (*f)(int64_t begin, int64_t end, void *arg), void *arg)
{
    if (n <= TN__GRAIN) f(0, n, arg);
    else tn_parallel_for(n, TN__GRAIN, f, arg);
}

/* to = from, or to += from */
static inline void tn__put(bool first, int64_t n, const tn_real *restrict from, tn_real *restrict to)
{
    if (n <= 0) return;
    if (first) memcpy(to, from, (size_t)n * sizeof *to);
    else for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

static inline void tn__zero(int64_t n, tn_real *to)
{
    if (n > 0) memset(to, 0, (size_t)n * sizeof *to);
}

#endif
