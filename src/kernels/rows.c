/* rows.c: functions of a whole row: softmax, log_softmax, layer_norm. */
#include "elementary.h"
#include "lanes.h"

/* ---- softmax ------------------------------------------------------------------------------------------- */

INLINE int64_t at_most_lanes(int64_t n)
{
    return n < TN_LANES ? n : TN_LANES;
}

/* e = exp(x - shift) for n <= 32 numbers, and the same in lanes, the others 0. What is below 2^-126 is nothing beside the
 * largest, which is 1. */
INLINE lanes exp_lanes(int64_t n, const tn_real *x, tn_real shift, tn_real *e)
{
    if (n < TN_LANES) {
        EACH(l, n) e[l] = exp_flushed(x[l] - shift);
        return lanes_load_some(n, e, 0);
    }
    EACH(l, TN_LANES) e[l] = exp_flushed(x[l] - shift);
    return lanes_load(e);
}

/* -inf - -inf would be NaN: a row of nothing but -inf is shifted by 0, and its sum is 0. */
static tn_real shift_of(int64_t n, const tn_real *x)
{
    tn_real max = TN_K(max)(n, x);
    return max == -INFINITY ? 0 : max;
}

void TN_K(softmax)(int64_t n, const tn_real *x, tn_real *y)
{
    tn_real shift = shift_of(n, x), sum, scale;
    lanes   s = lanes_of(0);
    for (int64_t i = 0; i < n; i += TN_LANES) s = lanes_plus(s, exp_lanes(at_most_lanes(n - i), x + i, shift, y + i));
    sum = lanes_sum(s);
    scale = sum == 0 ? 0 : 1 / sum;
    EACH(i, n) y[i] *= scale;
}

void TN_K(softmax_grad)(int64_t n, const tn_real *y, const tn_real *g, tn_real *gx, bool first)
{
    tn_real d = TN_K(dot)(n, y, g);
    if (first)
        EACH(i, n) gx[i] = y[i] * (g[i] - d);
    else
        EACH(i, n) gx[i] = fmadd(y[i], g[i] - d, gx[i]);
}

tn_real TN_K(log_softmax)(int64_t n, const tn_real *x, tn_real *y)
{
    tn_real shift = shift_of(n, x), e[TN_LANES], l;
    lanes   s = lanes_of(0);
    for (int64_t i = 0; i < n; i += TN_LANES) s = lanes_plus(s, exp_lanes(at_most_lanes(n - i), x + i, shift, e));
    l = log_of(lanes_sum(s)); /* small beside shift: x - (shift + l) would lose bits */
    EACH(i, n) y[i] = x[i] - shift - l;
    return shift + l;
}

void TN_K(log_softmax_grad)(int64_t n, const tn_real *y, const tn_real *g, tn_real *gx, bool first)
{
    tn_real s = TN_K(sum)(n, g);
    if (first)
        EACH(i, n) gx[i] = fmadd(-s, exp_flushed(y[i]), g[i]);
    else
        EACH(i, n) gx[i] += fmadd(-s, exp_flushed(y[i]), g[i]);
}

/* ---- layer_norm (Ba, Kiros & Hinton 2016) -------------------------------------------------------------- */

INLINE tn_real or_one(const tn_real *gamma, int64_t i)
{
    return gamma ? gamma[i] : 1;
}

void TN_K(layer_norm)(int64_t n, const tn_real *x, const tn_real *gamma, const tn_real *beta, tn_real eps,
                      tn_real *y, tn_real *mean, tn_real *rstd)
{
    tn_real m = TN_K(sum)(n, x) / (tn_real)n;
    tn_real r = 1 / (tn_real)sqrt(TN_K(sum_sq_diff)(n, x, m) / (tn_real)n + eps);
    if (gamma && beta)
        EACH(i, n) y[i] = fmadd((x[i] - m) * r, gamma[i], beta[i]);
    else
        EACH(i, n) y[i] = (x[i] - m) * r * or_one(gamma, i) + (beta ? beta[i] : 0);
    *mean = m;
    *rstd = r;
}

/* The sums of d = g gamma and of d h, h = (x - mean) rstd. */
INLINE void grad_sums(int64_t n, const tn_real *x, const tn_real *gamma, tn_real mean, tn_real rstd,
                      const tn_real *g, lanes *sum_d, lanes *sum_dh)
{
    const vec m = vec_of(mean), r = vec_of(rstd);
    lanes     xs, gs;
    for (int64_t i = 0; i < n; i += TN_LANES) {
        bool full = n - i >= TN_LANES;
        xs = full ? lanes_load(x + i) : lanes_load_some(n - i, x + i, mean);
        gs = full ? lanes_load(g + i) : lanes_load_some(n - i, g + i, 0);
        if (gamma) gs = lanes_times(gs, full ? lanes_load(gamma + i) : lanes_load_some(n - i, gamma + i, 0));
        *sum_d = lanes_plus(*sum_d, gs);
        EACH_VEC(v) sum_dh->v[v] = vec_fmadd(gs.v[v], (xs.v[v] - m) * r, sum_dh->v[v]);
    }
}

void TN_K(layer_norm_grad)(int64_t n, const tn_real *x, const tn_real *gamma, tn_real mean, tn_real rstd,
                           const tn_real *g, tn_real *gx, bool first)
{
    lanes   sum_d = lanes_of(0), sum_dh = lanes_of(0);
    tn_real avg_d, avg_dh;
    grad_sums(n, x, gamma, mean, rstd, g, &sum_d, &sum_dh);
    avg_d = lanes_sum(sum_d) / (tn_real)n;
    avg_dh = lanes_sum(sum_dh) / (tn_real)n;
#define GX(gamma_i) (rstd * fmadd(-avg_dh, (x[i] - mean) * rstd, g[i] * (gamma_i) - avg_d))
    if (first && gamma)
        EACH(i, n) gx[i] = GX(gamma[i]);
    else if (first)
        EACH(i, n) gx[i] = GX(1);
    else if (gamma)
        EACH(i, n) gx[i] += GX(gamma[i]);
    else
        EACH(i, n) gx[i] += GX(1);
#undef GX
}

void TN_K(layer_norm_grad_params)(int64_t n, const tn_real *x, tn_real mean, tn_real rstd, const tn_real *g,
                                  tn_real *ggamma, tn_real *gbeta)
{
    if (ggamma)
        EACH(i, n) ggamma[i] = fmadd(g[i], (x[i] - mean) * rstd, ggamma[i]);
    if (gbeta)
        EACH(i, n) gbeta[i] += g[i];
}
