/* math.c: elementary functions and activations over arrays. */
#include "elementary.h"

void TN_K(exp)(int64_t n, const tn_real *x, tn_real *y)
{
    EACH(i, n) y[i] = exp_of(x[i]);
}

void TN_K(log)(int64_t n, const tn_real *x, tn_real *y)
{
    EACH(i, n) y[i] = log_of(x[i]);
}

void TN_K(tanh)(int64_t n, const tn_real *x, tn_real *y)
{
    EACH(i, n) y[i] = tanh_of(x[i]);
}

void TN_K(erf)(int64_t n, const tn_real *x, tn_real *y)
{
    EACH(i, n) y[i] = erf_of(x[i]);
}

void TN_K(sigmoid)(int64_t n, const tn_real *x, tn_real *y)
{
    EACH(i, n) y[i] = sigmoid_of(x[i]);
}

/* ---- gelu (Hendrycks & Gimpel 2016) -------------------------------------------------------------------- */

/* The normal distribution's density. */
INLINE tn_real normal_pdf(tn_real x)
{
    return (tn_real)0.39894228040143267794 * exp_flushed((tn_real)-0.5 * x * x);
}

INLINE tn_real gelu_slope(tn_real x)
{
    return fmadd(x, normal_pdf(x), normal_cdf(x));
}

void TN_K(gelu)(int64_t n, const tn_real *x, tn_real *y)
{
    EACH(i, n) y[i] = x[i] * normal_cdf(x[i]);
}

void TN_K(gelu_grad)(int64_t n, const tn_real *x, const tn_real *g, tn_real *gx, bool first)
{
    if (first)
        EACH(i, n) gx[i] = g[i] * gelu_slope(x[i]);
    else
        EACH(i, n) gx[i] = fmadd(g[i], gelu_slope(x[i]), gx[i]);
}

/* ---- gelu, the tanh form ------------------------------------------------------------------------------- */

static const tn_real SQRT_2_OVER_PI = (tn_real)0.79788456080286535588, CUBIC = (tn_real)0.044715;

/* (1 + tanh(u)) / 2 is the sigmoid of 2 u. */
INLINE tn_real gelu_tanh_gate(tn_real x)
{
    return sigmoid_flushed(2 * SQRT_2_OVER_PI * fmadd(CUBIC * x * x, x, x));
}

/* With s = the gate: s + x s (1 - s) 2 u'(x) */
INLINE tn_real gelu_tanh_slope(tn_real x)
{
    tn_real s = gelu_tanh_gate(x);
    tn_real du = 2 * SQRT_2_OVER_PI * fmadd(3 * CUBIC * x, x, 1);
    return s * fmadd(x * du, 1 - s, 1);
}

void TN_K(gelu_tanh)(int64_t n, const tn_real *x, tn_real *y)
{
    EACH(i, n) y[i] = x[i] * gelu_tanh_gate(x[i]);
}

void TN_K(gelu_tanh_grad)(int64_t n, const tn_real *x, const tn_real *g, tn_real *gx, bool first)
{
    if (first)
        EACH(i, n) gx[i] = g[i] * gelu_tanh_slope(x[i]);
    else
        EACH(i, n) gx[i] = fmadd(g[i], gelu_tanh_slope(x[i]), gx[i]);
}

/* ---- silu ---------------------------------------------------------------------------------------------- */

INLINE tn_real silu_slope(tn_real x)
{
    tn_real s = sigmoid_flushed(x);
    return s * fmadd(x, 1 - s, 1);
}

void TN_K(silu)(int64_t n, const tn_real *x, tn_real *y)
{
    EACH(i, n) y[i] = x[i] * sigmoid_flushed(x[i]);
}

void TN_K(silu_grad)(int64_t n, const tn_real *x, const tn_real *g, tn_real *gx, bool first)
{
    if (first)
        EACH(i, n) gx[i] = g[i] * silu_slope(x[i]);
    else
        EACH(i, n) gx[i] = fmadd(g[i], silu_slope(x[i]), gx[i]);
}
