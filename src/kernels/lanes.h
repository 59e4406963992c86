/* lanes.h: a reduction's 32 running values, whatever the width of a vector. */
#ifndef TN__LANES_H
#define TN__LANES_H

#include "isa.h"

typedef struct lanes {
    vec v[TN_LANES / WIDTH];
} lanes;

/* Over the vectors of a lanes. */
#define EACH_VEC(v) UNROLL for (int v = 0; v < TN_LANES / WIDTH; v++)

INLINE lanes lanes_of(tn_real x)
{
    lanes s;
    EACH_VEC(v) s.v[v] = vec_of(x);
    return s;
}

INLINE lanes lanes_load(const tn_real *x)
{
    lanes s;
    EACH_VEC(v) s.v[v] = vec_load(x + v * WIDTH);
    return s;
}

/* The first n (< 32) of x; the other lanes hold fill, which the caller chooses so that they count for
 * nothing. */
INLINE lanes lanes_load_some(int64_t n, const tn_real *x, tn_real fill)
{
    tn_real all[TN_LANES];
    for (int l = 0; l < TN_LANES; l++) all[l] = fill;
    for (int64_t l = 0; l < n; l++) all[l] = x[l];
    return lanes_load(all);
}

INLINE lanes lanes_plus(lanes s, lanes x)
{
    EACH_VEC(v) s.v[v] += x.v[v];
    return s;
}

INLINE lanes lanes_plus_product(lanes s, lanes x, lanes y)
{
    EACH_VEC(v) s.v[v] = vec_fmadd(x.v[v], y.v[v], s.v[v]);
    return s;
}

INLINE lanes lanes_times(lanes s, lanes x)
{
    EACH_VEC(v) s.v[v] *= x.v[v];
    return s;
}

/* What lanes_sum gives for the first n of x, fewer than there are lanes, without a detour by vectors. Overwrites x. */
INLINE tn_real few_sum(int64_t n, tn_real *x)
{
    for (int64_t half = TN_LANES / 2; half > 0; half /= 2)
        for (int64_t l = 0; l < half && l + half < n; l++) x[l] += x[l + half];
    return n > 0 ? x[0] : 0;
}

/* Folded in halves. */
INLINE tn_real lanes_sum(lanes s)
{
    tn_real x[WIDTH];
    UNROLL for (int half = TN_LANES / WIDTH / 2; half > 0; half /= 2)
        UNROLL for (int v = 0; v < half; v++) s.v[v] += s.v[v + half];
    vec_store(x, s.v[0]);
    UNROLL for (int half = WIDTH / 2; half > 0; half /= 2)
        UNROLL for (int l = 0; l < half; l++) x[l] += x[l + half];
    return x[0];
}

#endif
