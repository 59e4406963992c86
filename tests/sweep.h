/* sweep.h: the elementary functions against the double-precision libm, over every stride-th of all floats. */
#ifndef TN__SWEEP_H
#define TN__SWEEP_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

typedef struct elementary {
    const char *name;
    void (*(*of)(const tn__kernels *))(int64_t, const tn_real *, tn_real *);
    double (*exact)(double);
} elementary;

#define TN__OF(name) \
    static void (*of_##name(const tn__kernels *k))(int64_t, const tn_real *, tn_real *) { return k->name; }
TN__OF(exp)
TN__OF(log)
TN__OF(tanh)
TN__OF(erf)
TN__OF(sigmoid)

static double exact_sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static const elementary elementaries[] = {
    {"exp", of_exp, exp},    {"log", of_log, log},
    {"tanh", of_tanh, tanh}, {"erf", of_erf, erf},
    {"sigmoid", of_sigmoid, exact_sigmoid},
};
enum { N_ELEMENTARIES = sizeof elementaries / sizeof *elementaries };

static const char *const isas[] = {"base", "avx2", "avx512"};
enum { N_ISAS = 3 };

#ifndef TN_DOUBLE

/* |y - exact| in units of the last place of a float there. Past the largest float, infinity is exact. */
static double ulps(float y, double exact)
{
    int e;
    if (isnan(exact)) return isnan(y) ? 0 : INFINITY;
    if (isnan(y)) return INFINITY;
    if (isinf(exact) || fabs(exact) >= 0x1.ffffffp127) return y == (float)exact ? 0 : isinf(y) ? INFINITY : 2;
    if (isinf(y)) return fabs(exact) > FLT_MAX ? 1 : INFINITY;
    frexp(exact, &e);
    return fabs(y - exact) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

/* The worst of one function at each instruction set that the machine has, and where. */
typedef struct worst {
    double ulps[N_ISAS];
    float  at[N_ISAS];
    double different; /* how many results of avx512 have other bits than avx2 */
} worst;

enum { CHUNK = 4099 };

static void sweep_chunk(const elementary *f, int n, const float *x, worst *w)
{
    static float y[N_ISAS][CHUNK];
    bool         have[N_ISAS];
    for (int s = 0; s < N_ISAS; s++) {
        const tn__kernels *k = tn__kernels_named(isas[s]);
        have[s] = k != NULL;
        if (k) f->of(k)(n, x, y[s]);
    }
    for (int i = 0; i < n; i++) {
        double exact = f->exact((double)x[i]);
        for (int s = 0; s < N_ISAS; s++) {
            double u = have[s] ? ulps(y[s][i], exact) : 0;
            if (u > w->ulps[s]) w->ulps[s] = u, w->at[s] = x[i];
        }
        if (have[2]) w->different += memcmp(&y[1][i], &y[2][i], sizeof y[1][i]) != 0 && !isnan(y[1][i]);
    }
}

static worst sweep(const elementary *f, uint64_t stride)
{
    static float x[CHUNK];
    worst        w = {0};
    int          n = 0;
    for (uint64_t u = 0; u <= UINT32_MAX; u += stride) {
        uint32_t bits = (uint32_t)u;
        memcpy(&x[n++], &bits, sizeof bits);
        if (n == CHUNK) sweep_chunk(f, n, x, &w), n = 0;
    }
    sweep_chunk(f, n, x, &w);
    return w;
}

#endif
#endif
