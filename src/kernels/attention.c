/* attention.c: a row of attention's scores, by whole lanes: behind its keys, and where they are masked, it is -inf. */
#include <math.h>

#include "elementary.h"
#include "lanes.h"

INLINE tn_real larger(tn_real x, tn_real m)
{
    return x > m ? x : m;
}

/* Makes s the n scores that count; returns how many numbers that is in whole lanes. */
static int64_t open_scores(int64_t n, tn_real scale, const tn_real *mask, tn_real *s)
{
    const int64_t whole = (n + TN_LANES - 1) / TN_LANES * TN_LANES, full = n / TN_LANES * TN_LANES;
    EACH(i, whole) s[i] *= scale;
    if (mask)
        EACH(i, n) s[i] = mask[i] != 0 ? s[i] : -INFINITY;
    for (int l = 0, rest = (int)(n - full); full < whole && l < TN_LANES; l++) s[full + l] = l < rest ? s[full + l] : -INFINITY;
    return whole;
}

/* The largest; NaN counts for nothing. */
static tn_real largest(int64_t n, const tn_real *x)
{
    tn_real m[TN_LANES];
    for (int l = 0; l < TN_LANES; l++) m[l] = -INFINITY;
    for (int64_t i = 0; i < n; i += TN_LANES)
        for (int l = 0; l < TN_LANES; l++) m[l] = larger(x[i + l], m[l]);
    UNROLL for (int half = TN_LANES / 2; half > 0; half /= 2)
        UNROLL for (int l = 0; l < half; l++) m[l] = larger(m[l + half], m[l]);
    return m[0];
}

static void zero_rest(int64_t from, int64_t to, tn_real *x)
{
    if (to > from) memset(x + from, 0, (size_t)(to - from) * sizeof *x);
}

void TN_K(attend)(int64_t n, int64_t width, tn_real scale, const tn_real *mask, tn_real *s, tn_real *kept)
{
    const int64_t whole = open_scores(n, scale, mask, s);
    const tn_real most = largest(whole, s), max = most == -INFINITY ? 0 : most; /* -inf - -inf would be NaN */
    lanes         sums = lanes_of(0);
    tn_real       sum, share;
    for (int64_t i = 0; i < whole; i += TN_LANES) {
        EACH(l, TN_LANES) s[i + l] = exp_flushed(s[i + l] - max);
        sums = lanes_plus(sums, lanes_load(s + i));
    }
    sum = lanes_sum(sums);
    share = sum == 0 ? 0 : 1 / sum;
    EACH(i, whole) s[i] *= share;
    zero_rest(whole, width, s);
    kept[0] = max;
    kept[1] = share;
}

void TN_K(attend_grad)(int64_t n, int64_t width, tn_real scale, const tn_real *mask, const tn_real *kept, tn_real delta,
                       tn_real *s, tn_real *d)
{
    const int64_t whole = open_scores(n, scale, mask, s);
    const tn_real max = kept[0], share = kept[1];
    EACH(i, whole) s[i] = exp_flushed(s[i] - max) * share;
    EACH(i, whole) d[i] = s[i] * (d[i] - delta) * scale;
    zero_rest(whole, width, s);
    zero_rest(whole, width, d);
}
