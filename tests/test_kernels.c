/* test_kernels.c: every kernel, at every instruction set that the machine has, against a plain reference;
 * and the promise that the bits are the same at each with fused multiply-add, whatever the shape around an
 * element. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* setenv */
#endif
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "sweep.h"

#define PER_ISA(k)                              \
    for (int s_ = 0; s_ < N_ISAS; s_++)         \
        for (const tn__kernels *k = tn__kernels_named(isas[s_]); k; k = NULL)

static uint32_t seed = 1;

/* A number in [-1, 1). */
static tn_real uniform(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (tn_real)((int32_t)seed >> 8) / (tn_real)(1 << 23);
}

static void fill(tn_real *x, int64_t n, double scale)
{
    for (int64_t i = 0; i < n; i++) x[i] = (tn_real)scale * uniform();
}

static bool same_bits(const tn_real *x, const tn_real *y, int64_t n)
{
    return memcmp(x, y, (size_t)n * sizeof *x) == 0;
}

/* ---- gemm ---------------------------------------------------------------------------------------------- */

static bool fuses(const tn__kernels *k)
{
#ifdef __ARM_FEATURE_FMA
    (void)k;
    return true;
#else
    return strcmp(k->isa, "base") != 0;
#endif
}

static tn_real chain(bool fused, tn_real a, tn_real b, tn_real c)
{
    if (!fused) return a * b + c;
#ifdef TN_DOUBLE
    return fma(a, b, c);
#else
    return fmaf(a, b, c);
#endif
}

typedef struct problem {
    bool     ta, tb, add;
    int64_t  m, n, k, lda, ldb, ldc;
    tn_real *a, *b, *c;
} problem;

/* The contract in plain words: kernels.h. */
static void plain_gemm(const problem *g, bool fused, tn_real *c)
{
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            tn_real *at = &c[i * g->ldc + j];
            if (g->k == 0 && !g->add) *at = 0;
            for (int64_t p0 = 0; p0 < g->k; p0 += TN_KC) {
                tn_real s = 0;
                for (int64_t p = p0; p < g->k && p < p0 + TN_KC; p++) {
                    tn_real a = g->ta ? g->a[p * g->lda + i] : g->a[i * g->lda + p];
                    tn_real b = g->tb ? g->b[j * g->ldb + p] : g->b[p * g->ldb + j];
                    s = chain(fused, a, b, s);
                }
                *at = g->add || p0 > 0 ? *at + s : s;
            }
        }
}

enum { GUARD = 64 };

/* slack: how much longer than needed the rows of each array are; off: how far from an aligned address it
 * starts. */
static problem make_problem(int64_t m, int64_t n, int64_t k, int flags, int64_t slack, int64_t off)
{
    problem g = {.ta = flags & 1, .tb = flags & 2, .add = flags & 4, .m = m, .n = n, .k = k};
    int64_t rows_a = g.ta ? k : m, rows_b = g.tb ? n : k;
    g.lda = (g.ta ? m : k) + slack, g.ldb = (g.tb ? k : n) + slack, g.ldc = n + slack;
    g.a = malloc((size_t)(rows_a * g.lda + off + 1) * sizeof *g.a);
    g.b = malloc((size_t)(rows_b * g.ldb + off + 1) * sizeof *g.b);
    g.c = malloc((size_t)(m * g.ldc + off + 1) * sizeof *g.c);
    g.a += off, g.b += off, g.c += off;
    fill(g.a, rows_a * g.lda, 1), fill(g.b, rows_b * g.ldb, 1), fill(g.c, m * g.ldc, 1);
    return g;
}

static void free_problem(problem *g, int64_t off)
{
    free(g->a - off), free(g->b - off), free(g->c - off);
}

static void run_gemm(const tn__kernels *k, const problem *g, tn_real *c)
{
    size_t bytes = (tn__gemm_scratch(g->m, g->n, g->k) + 63) / 64 * 64;
    char  *scratch = aligned_alloc(64, bytes + GUARD);
    memset(scratch, 0xff, bytes + GUARD); /* NaN: nothing may be read that was not written */
    k->gemm(g->ta, g->tb, g->m, g->n, g->k, g->a, g->lda, g->b, g->ldb, c, g->ldc, g->add, scratch);
    for (size_t i = bytes; i < bytes + GUARD; i++) ck_assert_int_eq((unsigned char)scratch[i], 0xff);
    free(scratch);
}

static void check_gemm(int64_t m, int64_t n, int64_t k, int flags, int64_t slack, int64_t off)
{
    problem  g = make_problem(m, n, k, flags, slack, off);
    int64_t  size = m * g.ldc;
    tn_real *want = malloc((size_t)(size + 1) * sizeof *want);
    tn_real *got = malloc((size_t)(size + 1) * sizeof *got);
    PER_ISA(t)
    {
        memcpy(want, g.c, (size_t)size * sizeof *want);
        memcpy(got, g.c, (size_t)size * sizeof *got);
        plain_gemm(&g, fuses(t), want);
        run_gemm(t, &g, got);
        ck_assert_msg(same_bits(want, got, size), "%s %lldx%lldx%lld flags %d slack %lld", t->isa,
                      (long long)m, (long long)n, (long long)k, flags, (long long)slack);
    }
    free(want), free(got);
    free_problem(&g, off);
}

START_TEST(gemm_small)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 15, 16, 17, 25, 31, 32, 33, 40, 49, 64,
                                    65};
    enum { N = sizeof sizes / sizeof *sizes };
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int p = (i + j) % 4; p < N; p += 4) check_gemm(sizes[i], sizes[j], sizes[p], _i, p % 4,
                                                                (i + j) % 3);
}
END_TEST

START_TEST(gemm_large)
{
    static const int64_t shapes[][3] = {
        {1, 1, 1000},  {1, 700, 300},  {2, 1100, 257},  {3, 515, 600},  {97, 33, 513},
        {100, 130, 256}, {193, 97, 255}, {200, 10, 70},  {300, 2, 260},  {301, 1, 300},
        {500, 7, 33},  {13, 1030, 520}, {257, 300, 64}, {64, 512, 1},   {385, 5, 784},
        {128, 128, 128}, {96, 512, 256}, {1, 64, 64},   {290, 290, 290}, {7, 2000, 16},
        {30, 800, 40}, {400, 790, 20}, {260, 16, 500},  {200, 769, 270},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_gemm(shapes[i][0], shapes[i][1], shapes[i][2], _i, (int64_t)(i % 3) * 5, (int64_t)(i % 2));
}
END_TEST

/* Sizes at which the blocks change: any of them may take another path. */
START_TEST(gemm_random)
{
    for (int i = 0; i < 150; i++) {
        int64_t m = 1 + (int64_t)(300 * uniform() * uniform() * uniform() + 300) / 2;
        int64_t n = 1 + (int64_t)(600 * uniform() * uniform() + 600) / 3;
        int64_t k = 1 + (int64_t)(300 * uniform() + 300) / 2;
        check_gemm(m, n, k, i % 8, i % 7, i % 5);
    }
}
END_TEST

/* A row alone is the row in its batch, and a column block is what it is in the whole: how threads cut a
 * product. */
START_TEST(gemm_cut)
{
    for (int flags = 0; flags < 8; flags++) {
        problem  g = make_problem(150, 190, 300, flags, 3, 0);
        int64_t  size = g.m * g.ldc;
        tn_real *whole = malloc((size_t)size * sizeof *whole), *cut = malloc((size_t)size * sizeof *cut);
        PER_ISA(t)
        {
            memcpy(whole, g.c, (size_t)size * sizeof *whole);
            memcpy(cut, g.c, (size_t)size * sizeof *cut);
            run_gemm(t, &g, whole);
            for (int64_t i = 0; i < g.m; i += 1 + i / 4)
                for (int64_t j = 0; j < g.n; j += 1 + j) {
                    problem z = g;
                    z.m = 1 + i / 4 < g.m - i ? 1 + i / 4 : g.m - i, z.n = 1 + j < g.n - j ? 1 + j : g.n - j;
                    z.a += g.ta ? i : i * g.lda, z.b += g.tb ? j * g.ldb : j;
                    run_gemm(t, &z, cut + i * g.ldc + j);
                }
            ck_assert_msg(same_bits(whole, cut, size), "%s flags %d", t->isa, flags);
        }
        free(whole), free(cut);
        free_problem(&g, 0);
    }
}
END_TEST

/* ---- elementary functions ------------------------------------------------------------------------------ */

#ifndef TN_DOUBLE
START_TEST(elementary_sweep)
{
    worst w = sweep(&elementaries[_i], 997);
    for (int s = 0; s < N_ISAS; s++)
        ck_assert_msg(w.ulps[s] <= 2, "%s %s: %g ulp at %a", elementaries[_i].name, isas[s], w.ulps[s],
                      (double)w.at[s]);
    ck_assert_double_eq(w.different, 0);
}
END_TEST
#endif

static const double specials[] = {
    0.0,       -0.0,     INFINITY,  -INFINITY, NAN,  1,     -1,       2,    -2,   0.5,
    0x1p-126,  -0x1p-126, 0x1p-149, -0x1p-149, 88.7, 88.73, 89,       -87.4, -103.9, -104,
    -110,      0x1p-140, 0x1.fffffep127, -0x1.fffffep127, 9, -20,
};
enum { N_SPECIALS = sizeof specials / sizeof *specials };

/* The same value, or the same kind of nothing; ±0 told apart. */
static bool same_special(double y, double exact)
{
    if (isnan(exact)) return isnan(y);
    if (isinf(exact) || exact == 0) return y == exact && !signbit(y) == !signbit(exact);
    return fabs(y - exact) <= 3e-7 * fabs(exact) + 0x1p-148;
}

START_TEST(elementary_specials)
{
    const elementary *f = &elementaries[_i];
    tn_real           x[N_SPECIALS], y[N_SPECIALS];
    for (int i = 0; i < N_SPECIALS; i++) x[i] = (tn_real)specials[i];
    PER_ISA(k)
    {
        f->of(k)(N_SPECIALS, x, y);
        for (int i = 0; i < N_SPECIALS; i++) {
            tn_real exact = (tn_real)f->exact((double)x[i]);
            ck_assert_msg(same_special((double)y[i], (double)exact), "%s %s(%a) = %a, not %a", k->isa,
                          f->name, (double)x[i], (double)y[i], (double)exact);
        }
    }
}
END_TEST

/* ---- arrays: any length and alignment, in place -------------------------------------------------------- */

enum { MOST = 1100 };
static const int64_t lengths[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 257, 1000,
                                  1027};
enum { N_LENGTHS = sizeof lengths / sizeof *lengths };

typedef void grad_fn(int64_t n, const tn_real *x, const tn_real *g, tn_real *gx, bool first);

typedef struct unary {
    const char *name;
    void (*(*of)(const tn__kernels *))(int64_t, const tn_real *, tn_real *);
    double (*f)(double);
    double (*slope)(double);
    grad_fn *(*grad)(const tn__kernels *);
} unary;

TN__OF(gelu)
TN__OF(gelu_tanh)
TN__OF(silu)
#define TN__GRAD_OF(name) \
    static grad_fn *grad_of_##name(const tn__kernels *k) { return k->name##_grad; }
TN__GRAD_OF(gelu)
TN__GRAD_OF(gelu_tanh)
TN__GRAD_OF(silu)

static double phi(double x) { return 0.5 * (1 + erf(x * sqrt(0.5))); }
static double gelu(double x) { return x * phi(x); }
static double gelu_slope(double x) { return phi(x) + x * exp(-0.5 * x * x) / sqrt(2 * acos(-1)); }
static double inner(double x) { return sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x); }
static double gelu_tanh(double x) { return 0.5 * x * (1 + tanh(inner(x))); }
static double gelu_tanh_slope(double x)
{
    double t = tanh(inner(x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * sqrt(2 / acos(-1)) * (1 + 3 * 0.044715 * x * x);
}
static double silu(double x) { return x * exact_sigmoid(x); }
static double silu_slope(double x) { return exact_sigmoid(x) * (1 + x * (1 - exact_sigmoid(x))); }

static const unary unaries[] = {
    {"exp", of_exp, exp, NULL, NULL},
    {"log", of_log, log, NULL, NULL},
    {"tanh", of_tanh, tanh, NULL, NULL},
    {"erf", of_erf, erf, NULL, NULL},
    {"sigmoid", of_sigmoid, exact_sigmoid, NULL, NULL},
    {"gelu", of_gelu, gelu, gelu_slope, grad_of_gelu},
    {"gelu_tanh", of_gelu_tanh, gelu_tanh, gelu_tanh_slope, grad_of_gelu_tanh},
    {"silu", of_silu, silu, silu_slope, grad_of_silu},
};
enum { N_UNARIES = sizeof unaries / sizeof *unaries };

static const double TOLERANCE = sizeof(tn_real) == 4 ? 4e-7 : 1e-14;

static void check_close(const char *what, double got, double want, double scale)
{
    ck_assert_msg(isnan(want) ? isnan(got) : fabs(got - want) <= TOLERANCE * (fabs(want) + scale),
                  "%s: %.9g, not %.9g", what, got, want);
}

START_TEST(unary_arrays)
{
    const unary *u = &unaries[_i];
    tn_real      x[MOST], y[MOST], z[MOST];
    fill(x, MOST, 6);
    PER_ISA(k)
    for (int l = 0; l < N_LENGTHS; l++)
        for (int64_t off = 0; off < 5; off++) {
            int64_t n = lengths[l];
            fill(y, MOST, 1);
            tn_real before = y[off], after = y[off + n + 1];
            u->of(k)(n, x + off, y + off + 1);
            ck_assert(y[off] == before && y[off + n + 1] == after);
            for (int64_t i = 0; i < n; i++) check_close(u->name, (double)y[off + 1 + i],
                                                        u->f((double)x[off + i]), 4);
            memcpy(z, x, sizeof x);
            u->of(k)(n, z + off, z + off);
            ck_assert_msg(same_bits(z + off, y + off + 1, n) || u->of == of_log, "%s in place", u->name);
        }
}
END_TEST

START_TEST(unary_grads)
{
    const unary *u = &unaries[_i];
    tn_real      x[MOST], g[MOST], gx[MOST], sum[MOST], before[MOST];
    if (!u->grad) return;
    fill(x, MOST, 6), fill(g, MOST, 1);
    PER_ISA(k)
    for (int l = 0; l < N_LENGTHS; l++) {
        int64_t n = lengths[l], off = l % 3;
        fill(sum, MOST, 1);
        memcpy(gx, sum, sizeof gx);
        u->grad(k)(n, x + off, g, gx, true);
        for (int64_t i = 0; i < n; i++)
            check_close(u->name, (double)gx[i], (double)g[i] * u->slope((double)x[off + i]), 4);
        memcpy(before, sum, sizeof before);
        u->grad(k)(n, x + off, g, sum, false);
        for (int64_t i = 0; i < n; i++)
            check_close(u->name, (double)sum[i], (double)before[i] + (double)gx[i], 4);
    }
}
END_TEST

/* ---- reductions and rows ------------------------------------------------------------------------------- */

/* What kernels.h says of 32 lanes, in plain words. */
static tn_real plain_sum(int64_t n, const tn_real *x)
{
    tn_real lane[TN_LANES] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % TN_LANES] += x[i];
    for (int half = TN_LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

static tn_real plain_dot(bool fused, int64_t n, const tn_real *x, const tn_real *y)
{
    tn_real lane[TN_LANES] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % TN_LANES] = chain(fused, x[i], y[i], lane[i % TN_LANES]);
    return plain_sum(TN_LANES, lane);
}

START_TEST(reductions)
{
    tn_real x[MOST], y[MOST], d[MOST], z[MOST];
    fill(x, MOST, 3), fill(y, MOST, 3);
    PER_ISA(k)
    for (int l = 0; l < N_LENGTHS; l++)
        for (int64_t off = 0; off < 4; off++) {
            int64_t n = lengths[l];
            tn_real most = -INFINITY;
            for (int64_t i = 0; i < n; i++) most = x[off + i] > most ? x[off + i] : most;
            for (int64_t i = 0; i < n; i++) d[i] = x[off + i] - (tn_real)0.3;
            ck_assert(k->sum(n, x + off) == plain_sum(n, x + off));
            ck_assert(k->dot(n, x + off, y) == plain_dot(fuses(k), n, x + off, y));
            ck_assert(k->sum_sq_diff(n, x + off, (tn_real)0.3) == plain_dot(fuses(k), n, d, d));
            ck_assert(k->max(n, x + off) == most);
            memcpy(z, y, sizeof z);
            k->axpy(n, (tn_real)0.7, x + off, z);
            for (int64_t i = 0; i < n; i++) ck_assert(z[i] == chain(fuses(k), (tn_real)0.7, x[off + i],
                                                                    y[i]));
            ck_assert(z[n] == y[n]);
        }
}
END_TEST

/* The maximum by the definition, with what stands behind y and winner untouched. */
static void check_gather_max(const tn__kernels *k, int64_t n, int64_t known, const int32_t *at, int64_t width,
                             const tn_real *table)
{
    enum { WIDEST = 150 };
    tn_real y[WIDEST + 1], best;
    int32_t winner[WIDEST + 1], of;
    y[width] = 7, winner[width] = 7;
    k->gather_max(n, known, at, width, table, y, winner);
    for (int64_t d = 0; d < width; d++) {
        best = n ? table[at[0] * width + d] : 0, of = n ? 0 : -1;
        for (int32_t i = 1; i < n; i++)
            if (table[at[i] * width + d] > best) best = table[at[i] * width + d], of = i;
        ck_assert_msg(same_bits(&y[d], &best, 1) && winner[d] == of, "%s width %lld, column %lld: row %d, not %d",
                      k->isa, (long long)width, (long long)d, (int)winner[d], (int)of);
    }
    ck_assert(y[width] == 7 && winner[width] == 7);
}

/* Rows in the order given, one more than once, of every width up to more than eight vectors; and none. */
START_TEST(rows_by_number)
{
    static const int32_t at[] = {3, 0, 4, 3, 3, 1, 2};
    enum { ROWS = 5, WIDEST = 150, KNOWN = sizeof at / sizeof *at, N = KNOWN - 1 };
    tn_real table[ROWS * WIDEST], x[WIDEST], y[WIDEST + 1], sum, *row;
    fill(table, ROWS * WIDEST, 3), fill(x, WIDEST, 3);
    PER_ISA(k)
    for (int64_t width = 0; width <= WIDEST; width++) {
        y[width] = 7;
        k->gather_sum(0, 0, at, width, (tn_real)0.7, table, y);
        for (int64_t d = 0; d < width; d++) ck_assert(y[d] == 0);
        k->gather_sum(N, KNOWN, at, width, (tn_real)0.7, table, y);
        for (int64_t d = 0; d < width; d++) {
            sum = 0;
            for (int i = 0; i < N; i++) sum += table[at[i] * width + d];
            ck_assert(y[d] == (tn_real)0.7 * sum);
        }
        ck_assert(y[width] == 7);
        for (int n = 0; n <= N; n++) check_gather_max(k, n, KNOWN, at, width, table);
        tn_real got[ROWS * WIDEST], want[ROWS * WIDEST];
        memcpy(got, table, sizeof table), memcpy(want, table, sizeof table);
        k->scatter_add(0, at, width, (tn_real)0.7, x, got);
        ck_assert(same_bits(got, table, ROWS * WIDEST));
        k->scatter_add(N, at, width, (tn_real)0.7, x, got);
        for (int i = 0; i < N; i++)
            for (int64_t d = 0; d < width; d++) {
                row = want + at[i] * width;
                row[d] = chain(fuses(k), (tn_real)0.7, x[d], row[d]);
            }
        ck_assert(same_bits(got, want, ROWS * WIDEST));
    }
}
END_TEST

START_TEST(max_of_nan)
{
    tn_real x[100];
    PER_ISA(k)
    for (int64_t n = 1; n < 100; n++)
        for (int64_t i = 0; i < n; i++) {
            fill(x, 100, 1);
            x[i] = NAN;
            ck_assert(isnan(k->max(n, x)));
            x[i] = INFINITY;
            ck_assert(k->max(n, x) == INFINITY);
        }
}
END_TEST

/* Reference values of a row of softmax. */
static void plain_softmax(int64_t n, const tn_real *x, double *y, double *lse)
{
    double max = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) max = (double)x[i] > max ? (double)x[i] : max;
    for (int64_t i = 0; i < n; i++) sum += y[i] = exp((double)x[i] - max);
    for (int64_t i = 0; i < n; i++) y[i] /= sum;
    *lse = max + log(sum);
}

START_TEST(softmax_rows)
{
    static double want[MOST];
    tn_real       x[MOST], g[MOST], y[MOST], ly[MOST], gx[MOST], lgx[MOST], twice[MOST];
    fill(x, MOST, 20), fill(g, MOST, 1);
    for (int64_t i = 0; i < MOST; i += 9) x[i] = -INFINITY;
    PER_ISA(k)
    for (int l = 1; l < N_LENGTHS; l++) {
        int64_t n = lengths[l], off = 1 + l % 3;
        double  lse, got, dot = 0, sum = 0;
        plain_softmax(n, x + off, want, &lse);
        k->softmax(n, x + off, y);
        got = (double)k->log_softmax(n, x + off, ly);
        check_close("logsumexp", got, lse, 1);
        for (int64_t i = 0; i < n; i++) dot += want[i] * (double)g[i], sum += (double)g[i];
        k->softmax_grad(n, y, g, gx, true);
        memcpy(twice, gx, sizeof gx);
        k->softmax_grad(n, y, g, twice, false);
        k->log_softmax_grad(n, ly, g, lgx, true);
        for (int64_t i = 0; i < n; i++) {
            check_close("softmax", (double)y[i], want[i], 0.5);
            if (want[i] > 0) check_close("log_softmax", (double)ly[i], (double)x[off + i] - lse, 20);
            if (want[i] == 0) ck_assert(ly[i] == -INFINITY && y[i] == 0);
            check_close("softmax_grad", (double)gx[i], want[i] * ((double)g[i] - dot), 5);
            check_close("softmax_grad +=", (double)twice[i], 2 * (double)gx[i], 5);
            check_close("log_softmax_grad", (double)lgx[i], (double)g[i] - want[i] * sum, 50);
        }
        memcpy(twice, x, sizeof x);
        k->softmax(n, twice + off, twice + off);
        ck_assert(same_bits(twice + off, y, n));
        memcpy(twice, x, sizeof x);
        k->log_softmax(n, twice + off, twice + off);
        ck_assert(same_bits(twice + off, ly, n));
    }
}
END_TEST

START_TEST(softmax_edges)
{
    tn_real x[40], y[40];
    PER_ISA(k)
    for (int64_t n = 0; n < 40; n++) {
        for (int64_t i = 0; i < n; i++) x[i] = -INFINITY;
        k->softmax(n, x, y);
        for (int64_t i = 0; i < n; i++) ck_assert(y[i] == 0);
        ck_assert(k->log_softmax(n, x, y) == -INFINITY);
        for (int64_t i = 0; i < n; i++) ck_assert(isnan(y[i]));
        if (n == 0) continue;
        x[n - 1] = NAN;
        k->softmax(n, x, y);
        for (int64_t i = 0; i < n; i++) ck_assert(isnan(y[i]));
        x[n - 1] = INFINITY;
        k->softmax(n, x, y);
        for (int64_t i = 0; i < n; i++) ck_assert(isnan(y[i]));
    }
}
END_TEST

static void check_layer_norm(const tn__kernels *k, int64_t n, const tn_real *x, const tn_real *gamma,
                             const tn_real *beta)
{
    tn_real y[MOST], g[MOST], gx[MOST], twice[MOST], gg[MOST], gb[MOST], mean, rstd;
    double  m = 0, v = 0, r, avg_d = 0, avg_dh = 0;
    fill(g, MOST, 1), fill(gg, MOST, 1);
    memcpy(gb, gg, sizeof gb);
    for (int64_t i = 0; i < n; i++) m += (double)x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) v += ((double)x[i] - m) * ((double)x[i] - m) / (double)n;
    r = 1 / sqrt(v + 1e-5);
    k->layer_norm(n, x, gamma, beta, (tn_real)1e-5, y, &mean, &rstd);
    check_close("mean", (double)mean, m, 3);
    check_close("rstd", (double)rstd, r, r);
    for (int64_t i = 0; i < n; i++) {
        double h = ((double)x[i] - m) * r, d = (double)g[i] * (gamma ? (double)gamma[i] : 1);
        check_close("layer_norm", (double)y[i],
                    h * (gamma ? (double)gamma[i] : 1) + (beta ? (double)beta[i] : 0), 2 + 3 * r);
        avg_d += d / (double)n, avg_dh += d * h / (double)n;
    }
    k->layer_norm_grad(n, x, gamma, mean, rstd, g, gx, true);
    memcpy(twice, gx, sizeof gx);
    k->layer_norm_grad(n, x, gamma, mean, rstd, g, twice, false);
    k->layer_norm_grad_params(n, x, mean, rstd, g, gg, NULL);
    for (int64_t i = 0; i < n; i++) {
        double h = ((double)x[i] - m) * r, d = (double)g[i] * (gamma ? (double)gamma[i] : 1);
        check_close("layer_norm_grad", (double)gx[i], r * (d - avg_d - h * avg_dh), 3 * r + 3 * r * r);
        ck_assert(twice[i] == gx[i] + gx[i]);
        check_close("grad of gamma", (double)gg[i], (double)gb[i] + (double)g[i] * h, 3 + 3 * r);
    }
    k->layer_norm_grad_params(n, x, mean, rstd, g, NULL, gb);
    k->layer_norm_grad_params(n, x, mean, rstd, g, NULL, NULL);
    ck_assert(gg[n] == gb[n]);
}

START_TEST(layer_norm_rows)
{
    tn_real x[MOST], gamma[MOST], beta[MOST];
    fill(x, MOST, 3), fill(gamma, MOST, 1), fill(beta, MOST, 1);
    PER_ISA(k)
    for (int l = 1; l < N_LENGTHS; l++) {
        check_layer_norm(k, lengths[l], x + l % 4, gamma, beta);
        check_layer_norm(k, lengths[l], x, NULL, NULL);
        check_layer_norm(k, lengths[l], x, gamma, NULL);
        check_layer_norm(k, lengths[l], x, NULL, beta);
    }
}
END_TEST

/* ---- attention ------------------------------------------------------------------------------------------ */

/* n scores that count of width, then of probabilities; what a mask of 0 hides is as good as not there. */
static void check_attend(const tn__kernels *k, int64_t n, int64_t width, const tn_real *mask, const tn_real *x,
                         const tn_real *g)
{
    tn_real p[MOST], again[MOST], d[MOST], kept[2], open[MOST];
    double  want[MOST], lse;
    int64_t at[MOST], m = 0;
    memcpy(p, x, sizeof p), memcpy(again, x, sizeof again), memcpy(d, g, sizeof d);
    for (int64_t i = 0; i < n; i++)
        if (!mask || mask[i] != 0) open[m] = x[i] * 2, at[m++] = i;
    if (m) plain_softmax(m, open, want, &lse);
    k->attend(n, width, 2, mask, p, kept);
    k->attend_grad(n, width, 2, mask, kept, (tn_real)0.5, again, d);
    for (int64_t i = 0, q = 0; i < width; i++) {
        const bool is_open = q < m && at[q] == i;
        const double should = is_open ? want[q++] : 0;
        check_close("attend", (double)p[i], should, is_open ? 2 : 0);
        ck_assert(same_bits(&again[i], &p[i], 1));
        check_close("attend_grad", (double)d[i], 2 * should * ((double)g[i] - 0.5), is_open ? 5 : 0);
    }
    ck_assert(same_bits(p + width, x + width, MOST - width));
    ck_assert(same_bits(d + width, g + width, MOST - width));
}

START_TEST(attend_rows)
{
    static tn_real x[MOST], g[MOST], mask[MOST];
    fill(x, MOST, 3), fill(g, MOST, 1);
    for (int i = 0; i < MOST; i++) mask[i] = i % 3 != 1;
    PER_ISA(k)
    for (int l = 0; l < N_LENGTHS; l++) {
        const int64_t n = lengths[l], width = (n + TN_LANES - 1) / TN_LANES * TN_LANES;
        check_attend(k, n, width, NULL, x, g);
        check_attend(k, n, width, mask, x, g);
        check_attend(k, n, width < 1024 ? width + TN_LANES : width, mask, x, g);
        check_attend(k, n > 2 ? 2 : n, width, mask + 1, x, g);
        check_attend(k, n > 0, width, mask + 1, x, g); /* nothing to look at */
    }
}
END_TEST

START_TEST(attend_same_bits_with_fma)
{
    const tn__kernels *two = tn__kernels_named("avx2"), *five = tn__kernels_named("avx512");
    static tn_real     x[MOST], g[MOST], p[2][MOST], d[2][MOST], kept[2][2];
    fill(x, MOST, 9), fill(g, MOST, 2);
    if (!two || !five) return;
    for (int64_t n = 0; n < 1024; n += 1 + n / 9) {
        const int64_t width = (n + TN_LANES - 1) / TN_LANES * TN_LANES;
        for (int i = 0; i < 2; i++) {
            const tn__kernels *k = i ? five : two;
            memcpy(p[i], x, sizeof x), memcpy(d[i], g, sizeof g);
            k->attend(n, width, (tn_real)0.3, NULL, p[i], kept[i]);
            ck_assert(same_bits(p[0], p[i], MOST));
            memcpy(p[i], x, sizeof x);
            k->attend_grad(n, width, (tn_real)0.3, NULL, kept[i], (tn_real)0.7, p[i], d[i]);
        }
        ck_assert(same_bits(kept[0], kept[1], 2) && same_bits(p[0], p[1], MOST) && same_bits(d[0], d[1], MOST));
    }
}
END_TEST

/* Of equal rows the first wins, of -0 and 0 too; NaN wins as the first row, and loses to it. */
START_TEST(maximum_of_what_does_not_order)
{
    static const tn_real values[] = {0, -0.0, NAN, -INFINITY, INFINITY, 1};
    static const int32_t orders[][5] = {{0, 1, 2, 3, 0}, {1, 0, 2, 1, 3}, {2, 5, 4, 2, 0}, {3, 2, 3, 4, 4},
                                        {5, 2, 5, 0, 1}};
    enum { VALUES = sizeof values / sizeof *values, WIDEST = 150 };
    tn_real table[VALUES * WIDEST];
    PER_ISA(k)
    for (int64_t width = 1; width <= WIDEST; width += 1 + width / 3) {
        for (int64_t i = 0; i < VALUES * width; i++) table[i] = values[i / width];
        for (int i = 0; i < 5; i++) check_gather_max(k, 5, 5, orders[i], width, table);
    }
}
END_TEST

/* ---- the same bits ------------------------------------------------------------------------------------- */

enum { N_RESULTS = 32, BEFORE = 7 };

/* Every kernel but gemm (which has its own tests) on one row; each result in a row of its own, which holds
 * BEFORE in all places until then. */
static void run_all(const tn__kernels *k, int64_t n, const tn_real *x, const tn_real *g, tn_real (*out)[MOST])
{
    static const int32_t at[] = {2, 0, 2, 1};
    tn_real(*y)[MOST] = out;
    int32_t winner[MOST];
    for (int i = 0; i < N_UNARIES; i++) unaries[i].of(k)(n, x, *y++);
    for (int i = 0; i < N_UNARIES; i++)
        if (unaries[i].grad) {
            unaries[i].grad(k)(n, x, g, *y++, true);
            unaries[i].grad(k)(n, x, g, *y++, false);
        }
    k->softmax(n, x, y[0]);
    k->softmax_grad(n, y[0], g, y[1], false);
    y[2][n] = k->log_softmax(n, x, y[2]);
    k->log_softmax_grad(n, y[2], g, y[3], false);
    k->layer_norm(n, x, g, g, 1, y[4], &y[4][n], &y[4][n + 1]);
    k->layer_norm_grad(n, x, g, y[4][n], y[4][n + 1], g, y[5], true);
    k->layer_norm_grad_params(n, x, y[4][n], y[4][n + 1], g, y[6], y[7]);
    k->axpy(n, 3, x, y[8]);
    y[9][0] = k->sum(n, x);
    y[9][1] = k->dot(n, x, g);
    y[9][2] = k->max(n, x);
    y[9][3] = k->sum_sq_diff(n, x, 1);
    k->gather_sum(4, 4, at, n / 3, 3, x, y[10]);
    k->scatter_add(4, at, n / 3, 3, g, y[11]);
    k->gather_max(4, 4, at, n / 3, x, y[12], winner);
    for (int64_t d = 0; d < n / 3; d++) y[13][d] = (tn_real)winner[d];
    ck_assert(y + 14 <= out + N_RESULTS);
}

static void put_before(tn_real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = BEFORE;
}

static bool is_before(const tn_real *x, int64_t n)
{
    bool all = true;
    for (int64_t i = 0; i < n; i++) all = all && x[i] == BEFORE;
    return all;
}

/* The log of a negative number is NaN, whose sign is free. */
static void fill_positive(tn_real *x, int64_t n, double scale)
{
    fill(x, n, scale);
    for (int64_t i = 0; i < n; i++) x[i] = x[i] < 0 ? -x[i] : x[i];
}

START_TEST(same_bits_with_fma)
{
    const tn__kernels *two = tn__kernels_named("avx2"), *five = tn__kernels_named("avx512");
    static tn_real     x[MOST], g[MOST], out[2][N_RESULTS][MOST];
    fill_positive(x, MOST, 9), fill(g, MOST, 2);
    if (!two || !five) return;
    for (int64_t n = 1; n < MOST - 8; n += 1 + n / 9) {
        put_before(out[0][0], 2 * N_RESULTS * MOST);
        run_all(two, n, x + n % 5, g, out[0]);
        run_all(five, n, x + n % 5, g, out[1]);
        for (int i = 0; i < N_RESULTS; i++)
            ck_assert_msg(same_bits(out[0][i], out[1][i], MOST), "result %d, n = %lld", i, (long long)n);
    }
}
END_TEST

/* The bits are the same wherever the arrays begin, and nothing is written but the results. */
START_TEST(same_bits_at_any_offset)
{
    enum { ALL = N_RESULTS * MOST };
    static tn_real x[MOST], g[MOST], moved_x[MOST + 16], moved_g[MOST + 16], out[N_RESULTS][MOST];
    static tn_real moved[N_RESULTS + 1][MOST];
    fill_positive(x, MOST, 9), fill(g, MOST, 2);
    PER_ISA(k)
    for (int l = 1; l < N_LENGTHS; l++) {
        const int64_t n = lengths[l], end = n > 2 ? n + 2 : 4;
        put_before(out[0], ALL);
        run_all(k, n, x, g, out);
        for (int r = 0; r < N_RESULTS; r++) ck_assert_msg(is_before(out[r] + end, MOST - end), "%s %d", k->isa, r);
        for (int64_t off = 1; off < 16; off += 2) {
            const int64_t off_x = off * 7 % 16, off_g = off * 3 % 16;
            memcpy(moved_x + off_x, x, sizeof x), memcpy(moved_g + off_g, g, sizeof g);
            put_before(moved[0], ALL + MOST);
            run_all(k, n, moved_x + off_x, moved_g + off_g, (tn_real(*)[MOST])(moved[0] + off));
            ck_assert_msg(same_bits(moved[0] + off, out[0], ALL), "%s n = %lld off %lld", k->isa, (long long)n,
                          (long long)off);
            ck_assert(is_before(moved[0], off));
        }
    }
}
END_TEST

/* An element's result does not depend on where it stands. */
START_TEST(same_bits_anywhere)
{
    const unary *u = &unaries[_i];
    tn_real      x[MOST], y[MOST], one;
    fill(x, MOST, 9);
    for (int i = 0; i < MOST; i++) x[i] = x[i] < 0 ? -x[i] : x[i];
    PER_ISA(k)
    {
        u->of(k)(MOST, x, y);
        for (int64_t i = 0; i < MOST; i++) {
            u->of(k)(1, x + i, &one);
            ck_assert_msg(same_bits(&one, y + i, 1), "%s %s at %lld", k->isa, u->name, (long long)i);
        }
    }
}
END_TEST

START_TEST(choice)
{
    const char        *wish = getenv("TARN_ISA");
    const tn__kernels *best = tn__kernels_named("avx512");
    if (!best) best = tn__kernels_named("avx2");
    if (!best) best = tn__kernels_named("base");
    if (wish && tn__kernels_named(wish)) best = tn__kernels_named(wish);
    ck_assert_ptr_eq(tn__kernels_get(), best);
    ck_assert_ptr_eq(tn__kernels_get(), best);
    ck_assert_ptr_null(tn__kernels_named("no such thing"));
}
END_TEST

/* Each test forks: the choice starts anew. */
START_TEST(choice_by_environment)
{
    setenv("TARN_ISA", "base", 1);
    ck_assert_str_eq(tn__kernels_get()->isa, "base");
}
END_TEST

START_TEST(choice_unknown)
{
    setenv("TARN_ISA", "sse9", 1);
    ck_assert_ptr_nonnull(tn__kernels_get());
    unsetenv("TARN_ISA");
}
END_TEST

int main(void)
{
    Suite   *suite = suite_create("kernels");
    TCase   *tc = tcase_create("kernels");
    SRunner *runner;
    int      failed;
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, gemm_small, 0, 8);
    tcase_add_loop_test(tc, gemm_large, 0, 8);
    tcase_add_test(tc, gemm_random);
    tcase_add_test(tc, gemm_cut);
#ifndef TN_DOUBLE
    tcase_add_loop_test(tc, elementary_sweep, 0, N_ELEMENTARIES);
#endif
    tcase_add_loop_test(tc, elementary_specials, 0, N_ELEMENTARIES);
    tcase_add_loop_test(tc, unary_arrays, 0, N_UNARIES);
    tcase_add_loop_test(tc, unary_grads, 0, N_UNARIES);
    tcase_add_test(tc, reductions);
    tcase_add_test(tc, rows_by_number);
    tcase_add_test(tc, maximum_of_what_does_not_order);
    tcase_add_test(tc, max_of_nan);
    tcase_add_test(tc, softmax_rows);
    tcase_add_test(tc, softmax_edges);
    tcase_add_test(tc, layer_norm_rows);
    tcase_add_test(tc, attend_rows);
    tcase_add_test(tc, attend_same_bits_with_fma);
    tcase_add_test(tc, same_bits_with_fma);
    tcase_add_test(tc, same_bits_at_any_offset);
    tcase_add_loop_test(tc, same_bits_anywhere, 0, N_UNARIES);
    tcase_add_test(tc, choice);
    tcase_add_test(tc, choice_by_environment);
    tcase_add_test(tc, choice_unknown);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
