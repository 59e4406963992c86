/* mlp.c: a step of SGD on 784-128-10 with relu and cross-entropy. A request is "step BATCH". "hand BATCH" is the same
 * step by plain loops and a BLAS' products, without a framework: what a C program gets that does without one. */
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

#include "bench.h"

enum { IN = 784, HIDDEN = 128, OUT = 10 };

static int32_t *labels_for(int64_t n)
{
    int32_t *label = bench_alloc(n * (int64_t)sizeof *label);
    for (int64_t i = 0; i < n; i++) label[i] = (int32_t)(i * 7 % OUT);
    return label;
}

/* ---- tarn ------------------------------------------------------------------------------------------------------ */

typedef struct mlp {
    tn_error   err;
    tn_tape   *tape;
    tn_params *ps;
    optim     *opt;
    nn_linear  hidden, out;
    int64_t    batch;
    float     *x;
    int32_t   *label;
} mlp;

static void *mlp_prepare(const char *rest)
{
    mlp *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    optim_sgd_options options = optim_sgd_defaults();
    options.lr = 0.01;
    m->batch = atoll(rest);
    m->tape = tn_tape_new(1, 0, &m->err);
    m->ps = tn_params_new(1, &m->err);
    nn_linear_init(&m->hidden, m->ps, "hidden", IN, HIDDEN);
    nn_linear_init(&m->out, m->ps, "out", HIDDEN, OUT);
    m->opt = optim_sgd(m->ps, options);
    m->x = bench_numbers(m->batch * IN);
    m->label = labels_for(m->batch);
    return m;
}

static void mlp_run(void *state)
{
    mlp     *m = state;
    tn_tape *t = m->tape;
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_tensor *h = tn_relu(t, nn_linear_forward(&m->hidden, t, tn_const(t, TN_DIMS(m->batch, IN), m->x)));
    tn_backward(t, tn_cross_entropy(t, nn_linear_forward(&m->out, t, h), (tn_ids){m->label, m->batch}));
    optim_step(m->opt);
    bench_check(&m->err);
}

static void mlp_drop(void *state)
{
    mlp *m = state;
    optim_free(m->opt);
    tn_tape_free(m->tape);
    tn_params_free(m->ps);
    free(m->x);
    free(m->label);
    free(m);
}

/* ---- by hand --------------------------------------------------------------------------------------------------- */

typedef void cblas_function(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                            const float *b, int ldb, float beta, float *c, int ldc);

typedef struct hand {
    cblas_function *gemm;
    int             batch;
    float          *x, *h, *y, *w1, *b1, *w2, *b2, *gh, *gw1, *gw2;
    int32_t        *label;
} hand;

static void *hand_prepare(const char *rest)
{
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    void *function = library ? dlsym(library, "cblas_sgemm") : NULL;
    hand *m = function ? calloc(1, sizeof *m) : NULL;
    if (!m) return NULL;
    int64_t batch = atoll(rest);
    memcpy(&m->gemm, &function, sizeof function);
    m->batch = (int)batch;
    m->label = labels_for(batch);
    m->x = bench_numbers(batch * IN);
    m->h = bench_numbers(batch * HIDDEN);
    m->gh = bench_numbers(batch * HIDDEN);
    m->y = bench_numbers(batch * OUT);
    m->w1 = bench_numbers(HIDDEN * IN);
    m->gw1 = bench_numbers(HIDDEN * IN);
    m->w2 = bench_numbers(OUT * HIDDEN);
    m->gw2 = bench_numbers(OUT * HIDDEN);
    m->b1 = bench_numbers(HIDDEN);
    m->b2 = bench_numbers(OUT);
    return m;
}

enum { N = 111, T = 112 };

static void product(hand *m, int ta, int tb, int rows, int columns, int k, const float *a, const float *b, float *c)
{
    m->gemm(101, ta, tb, rows, columns, k, 1, a, ta == T ? rows : k, b, tb == T ? k : columns, 0, c, columns);
}

/* y <- (softmax(y + bias) - one-hot) / batch */
static void hand_loss(hand *m)
{
    for (int i = 0; i < m->batch; i++) {
        float *y = m->y + i * OUT, sum = 0;
        for (int j = 0; j < OUT; j++) sum += y[j] = expf(y[j] + m->b2[j]);
        for (int j = 0; j < OUT; j++) y[j] = (y[j] / sum - (j == m->label[i])) / (float)m->batch;
    }
}

static void move(int n, float *restrict w, const float *restrict g)
{
    for (int i = 0; i < n; i++) w[i] -= 0.01f * g[i];
}

static void move_bias(int rows, int n, float *restrict b, const float *restrict g)
{
    for (int i = 0; i < rows; i++) move(n, b, g + i * n);
}

static void hand_run(void *state)
{
    hand *m = state;
    product(m, N, T, m->batch, HIDDEN, IN, m->x, m->w1, m->h);
    for (int i = 0; i < m->batch * HIDDEN; i++) m->h[i] = fmaxf(m->h[i] + m->b1[i % HIDDEN], 0);
    product(m, N, T, m->batch, OUT, HIDDEN, m->h, m->w2, m->y);
    hand_loss(m);
    product(m, T, N, OUT, HIDDEN, m->batch, m->y, m->h, m->gw2);
    product(m, N, N, m->batch, HIDDEN, OUT, m->y, m->w2, m->gh);
    for (int i = 0; i < m->batch * HIDDEN; i++) m->gh[i] = m->h[i] > 0 ? m->gh[i] : 0;
    product(m, T, N, HIDDEN, IN, m->batch, m->gh, m->x, m->gw1);
    move(HIDDEN * IN, m->w1, m->gw1);
    move(OUT * HIDDEN, m->w2, m->gw2);
    move_bias(m->batch, HIDDEN, m->b1, m->gh);
    move_bias(m->batch, OUT, m->b2, m->y);
}

static void hand_drop(void *state)
{
    hand *m = state;
    float *all[] = {m->x, m->h, m->y, m->w1, m->b1, m->w2, m->b2, m->gh, m->gw1, m->gw2};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(m->label);
    free(m);
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"step", mlp_prepare, mlp_run, mlp_drop},
        {"hand", hand_prepare, hand_run, hand_drop},
        {NULL, NULL, NULL, NULL},
    };
    return bench_main(argc, argv, works);
}
