/* reduce.c: reductions over 32 lanes, and axpy. */
#include <math.h>

#include "lanes.h"

enum { FEW = 16 }; /* numbers that are faster one by one */

tn_real TN_K(sum)(int64_t n, const tn_real *x)
{
    lanes   s = lanes_of(0);
    int64_t i = 0;
    if (n <= FEW) {
        tn_real few[FEW];
        for (; i < n; i++) few[i] = 0 + x[i];
        return few_sum(n, few);
    }
    for (; i + TN_LANES <= n; i += TN_LANES) s = lanes_plus(s, lanes_load(x + i));
    if (i < n) s = lanes_plus(s, lanes_load_some(n - i, x + i, 0));
    return lanes_sum(s);
}

tn_real TN_K(dot)(int64_t n, const tn_real *x, const tn_real *y)
{
    lanes   s = lanes_of(0);
    int64_t i = 0;
    if (n <= FEW) {
        tn_real few[FEW];
        for (; i < n; i++) few[i] = fmadd(x[i], y[i], 0);
        return few_sum(n, few);
    }
    for (; i + TN_LANES <= n; i += TN_LANES) s = lanes_plus_product(s, lanes_load(x + i), lanes_load(y + i));
    if (i < n) s = lanes_plus_product(s, lanes_load_some(n - i, x + i, 0), lanes_load_some(n - i, y + i, 0));
    return lanes_sum(s);
}

INLINE lanes plus_square(lanes s, lanes x, vec mean)
{
    EACH_VEC(v)
    {
        vec d = x.v[v] - mean;
        s.v[v] = vec_fmadd(d, d, s.v[v]);
    }
    return s;
}

tn_real TN_K(sum_sq_diff)(int64_t n, const tn_real *x, tn_real mean)
{
    const vec m = vec_of(mean);
    lanes     s = lanes_of(0);
    int64_t   i = 0;
    for (; i + TN_LANES <= n; i += TN_LANES) s = plus_square(s, lanes_load(x + i), m);
    if (i < n) s = plus_square(s, lanes_load_some(n - i, x + i, mean), m);
    return lanes_sum(s);
}

/* NaN is greater than nothing and leaves m as it is. It is looked for apart: a step of m that waited for two
 * comparisons would take twice as long. */
INLINE void take_max(tn_real x, tn_real *m, int32_t *nan)
{
    *m = x > *m ? x : *m;
    *nan |= x != x;
}

tn_real TN_K(max)(int64_t n, const tn_real *x)
{
    tn_real m[TN_LANES];
    int32_t nan[TN_LANES] = {0};
    int64_t i = 0, width = n <= FEW ? 1 : TN_LANES;
    for (int l = 0; l < width; l++) m[l] = -INFINITY;
    if (n <= FEW)
        for (; i < n; i++) take_max(x[i], &m[0], &nan[0]);
    for (; i + TN_LANES <= n; i += TN_LANES)
        for (int l = 0; l < TN_LANES; l++) take_max(x[i + l], &m[l], &nan[l]);
    for (int l = 0; i + l < n; l++) take_max(x[i + l], &m[l], &nan[l]);
    for (int64_t half = width / 2; half > 0; half /= 2)
        for (int64_t l = 0; l < half; l++) {
            take_max(m[l + half], &m[l], &nan[l]);
            nan[l] |= nan[l + half];
        }
    return nan[0] ? NAN : m[0];
}

void TN_K(axpy)(int64_t n, tn_real a, const tn_real *x, tn_real *y)
{
    EACH(i, n) y[i] = fmadd(a, x[i], y[i]);
}
