/* elementary.h: exp, log, tanh, erf and sigmoid of one number, without a branch, so that loops over them
 * become vectors.
 *
 * In float: reduce the argument (Cody & Waite, Software Manual for the Elementary Functions, 1980), then a
 * polynomial that is the best in the maximum norm (Remez), its coefficients rounded to float. Each is
 * within 2 ulp over the whole range; tests/test_kernels.c and tests/sweep.c measure it. In double they are
 * libm's. */
#ifndef TN__ELEMENTARY_H
#define TN__ELEMENTARY_H

#include <math.h>

#include "isa.h"

#ifdef TN_DOUBLE

INLINE double exp_of(double x) { return exp(x); }
INLINE double exp_flushed(double x) { return exp(x); }
INLINE double log_of(double x) { return log(x); }
INLINE double tanh_of(double x) { return tanh(x); }
INLINE double erf_of(double x) { return erf(x); }
INLINE double normal_cdf(double x) { return fmadd(0.5, erf(x * 0.70710678118654752440), 0.5); }

#else

INLINE uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

INLINE float from_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

INLINE float with_sign_of(float magnitude, float sign)
{
    return from_bits(bits_of(magnitude) | (bits_of(sign) & 0x80000000u));
}

/* min(x, bound), but NaN stays NaN. */
INLINE float at_most(float x, float bound)
{
    return x > bound ? bound : x;
}

/* ln 2 in two parts; the first has 15 bits, so that its product with an exponent is exact even without
 * fma. */
#define LN2_HIGH 0x1.62e4p-1f
#define LN2_LOW  0x1.7f7d1cp-20f

/* x = k ln 2 + r, |r| <= ln 2 / 2: returns exp(r), and in *k an integer whose low bits are those of k. Adding
 * 1.5 * 2^23 rounds to an integer, which stands in the low bits of the sum (an int conversion of NaN would be
 * undefined). */
INLINE float reduced_exp(float x, uint32_t *k)
{
    const float round = 0x1.8p23f;
    float       t = fmadd(x, 0x1.715476p+0f, round);
    float       r = fmadd(t - round, -LN2_LOW, fmadd(t - round, -LN2_HIGH, x));
    float       q = 0x1.6a23d0p-10f;
    q = fmadd(q, r, 0x1.123a20p-7f);
    q = fmadd(q, r, 0x1.5558f2p-5f);
    q = fmadd(q, r, 0x1.555492p-3f);
    q = fmadd(q, r, 0x1.fffffcp-2f);
    q = fmadd(q, r, 1);
    *k = bits_of(t);
    return fmadd(q, r, 1);
}

/* 2^k for -126 <= k <= 127, of which only the low bits are looked at. */
INLINE float power_of_2(uint32_t k)
{
    return from_bits((k << 23) + bits_of(1));
}

/* exp for -87 <= x <= 88, where the result is a normal number. */
INLINE float exp_normal(float x)
{
    uint32_t k;
    float    y = reduced_exp(x, &k);
    return y * power_of_2(k);
}

/* exp for x <= 88, but 0 below -87: for what is nothing beside the rest of a sum. */
INLINE float exp_flushed(float x)
{
    float y = exp_normal(x);
    return x < -87 ? 0 : y;
}

/* The last product is the only one that can round, so underflow is gradual. */
INLINE float exp_of(float x)
{
    uint32_t k, half;
    float    y = reduced_exp(x, &k);
    half = k >> 1;
    y = y * power_of_2(half) * power_of_2(k - half);
    y = x > 89 ? INFINITY : y;
    return x < -104 ? 0 : y;
}

/* x = 2^e m, 2/3 <= m < 4/3: log x = e ln 2 + log m, f = m - 1 exact. */
INLINE float log_of(float x)
{
    bool     tiny = x < 0x1p-126f;
    uint32_t u = bits_of(tiny ? x * 0x1p23f : x);
    int32_t  e = (int32_t)(u - 0x3f2aaaabu) >> 23;
    float    f = from_bits(u - ((uint32_t)e << 23)) - 1;
    float    k = (float)e - (tiny ? 23.0f : 0.0f);
    float    q = -0x1.080924p-3f, y;
    q = fmadd(q, f, 0x1.1e6a3cp-3f);
    q = fmadd(q, f, -0x1.f30fc2p-4f);
    q = fmadd(q, f, 0x1.1ed672p-3f);
    q = fmadd(q, f, -0x1.559dd8p-3f);
    q = fmadd(q, f, 0x1.99d032p-3f);
    q = fmadd(q, f, -0x1.fffef0p-3f);
    q = fmadd(q, f, 0x1.555506p-2f);
    q = fmadd(q, f, -0.5f);
    y = fmadd(k, LN2_HIGH, fmadd(f * f, q, f) + k * LN2_LOW);
    y = x < INFINITY ? y : x; /* inf and NaN are their own */
    y = x < 0 ? NAN : y;
    return x == 0 ? -INFINITY : y;
}

/* Below 0.55: x + x^3 P(x^2). Above: 1 - 2 / (exp(2 |x|) + 1), which is 1 from 9.1 on. */
INLINE float tanh_of(float x)
{
    float a = at_most(fabsf(x), 10), u = a * a;
    float p = -0x1.9b3046p-8f, q;
    p = fmadd(p, u, 0x1.593d08p-6f);
    p = fmadd(p, u, -0x1.b9287ap-5f);
    p = fmadd(p, u, 0x1.110d26p-3f);
    p = fmadd(p, u, -0x1.55554ap-2f);
    p = fmadd(p * u, a, a);
    q = 1 - 2 / (exp_normal(2 * a) + 1);
    return with_sign_of(a < 0.55f ? p : q, x);
}

/* Below 0.9: x + x P(x^2). Above: 1 - exp(Q(|x|)), Q = log erfc, which is 1 from 4 on. */
INLINE float erf_of(float x)
{
    float a = at_most(fabsf(x), 4), u = a * a;
    float p = 0x1.4d2864p-14f, q = 0x1.9fb0fcp-13f;
    p = fmadd(p, u, -0x1.a583bcp-11f);
    p = fmadd(p, u, 0x1.543f2ap-8f);
    p = fmadd(p, u, -0x1.b80062p-6f);
    p = fmadd(p, u, 0x1.ce2d60p-4f);
    p = fmadd(p, u, -0x1.812740p-2f);
    p = fmadd(p, u, 0x1.06eba8p-3f);
    p = fmadd(p, a, a);
    q = fmadd(q, a, -0x1.91cc68p-9f);
    q = fmadd(q, a, 0x1.6d9cbep-6f);
    q = fmadd(q, a, -0x1.aa731ep-4f);
    q = fmadd(q, a, -0x1.4621bap-1f);
    q = fmadd(q, a, -0x1.20b752p+0f);
    q = fmadd(q, a, -0x1.5d1210p-13f);
    q = 1 - exp_normal(q);
    return with_sign_of(a < 0.9f ? p : q, x);
}

/* The normal distribution's function, within 2^-23 of it: for -|x| it is exp(Q(|x|)). */
INLINE float normal_cdf(float x)
{
    float a = fabsf(x), q = -0x1.01e402p-19f;
    q = fmadd(q, a, 0x1.c11f8cp-16f);
    q = fmadd(q, a, -0x1.095b78p-13f);
    q = fmadd(q, a, -0x1.a815cep-14f);
    q = fmadd(q, a, 0x1.41693cp-8f);
    q = fmadd(q, a, -0x1.2a2326p-5f);
    q = fmadd(q, a, -0x1.45ef8ap-2f);
    q = fmadd(q, a, -0x1.98847ap-1f);
    q = fmadd(q, a, -0x1.62e430p-1f);
    q = exp_flushed(q);
    return x < 0 ? q : 1 - q;
}

#endif

/* With z = exp(-|x|), which never overflows: 1 - z / (1 + z) or, for x < 0, z - z z / (1 + z). */
INLINE tn_real sigmoid_of(tn_real x)
{
    tn_real z = exp_of(x < 0 ? x : -x), most = x < 0 ? z : 1;
    return fmadd(-most, z / (1 + z), most);
}

/* The same within a few ulp, but 0 below -87. */
INLINE tn_real sigmoid_flushed(tn_real x)
{
    tn_real z = exp_flushed(x < 0 ? x : -x);
    return (x < 0 ? z : 1) / (1 + z);
}

#endif
