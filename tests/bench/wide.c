/* wide.c: ops over ten million floats, forward and backward. A request is the op's name: gelu, gelu_tanh, softmax
 * (rows of 1,000), layer_norm (rows of 768, with weight and bias), exp, add. */
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

#include "bench.h"

enum { N = 10000000, ROW = 1000, NORM = 768 };

/* The inputs are parameters, so that no copy of them is timed. */
typedef struct wide {
    tn_error   err;
    tn_tape   *tape;
    tn_params *ps;
    tn_tensor *x, *y, *weight, *bias;
    float     *dy;
} wide;

static wide *wide_of(tn_dims shape)
{
    wide *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->tape = tn_tape_new(1, 0, &w->err);
    w->ps = tn_params_new(1, &w->err);
    w->x = tn_param(w->ps, shape, tn_normal(0, 1), "x");
    bench_check(&w->err);
    w->dy = bench_alloc(w->x->n * (int64_t)sizeof *w->dy);
    for (int64_t i = 0; i < w->x->n; i++) w->dy[i] = 1;
    return w;
}

static void *line_prepare(const char *rest)
{
    (void)rest;
    return wide_of(TN_DIMS(N));
}

static void *rows_prepare(const char *rest)
{
    (void)rest;
    return wide_of(TN_DIMS(N / ROW, ROW));
}

static void *norm_prepare(const char *rest)
{
    wide *w = wide_of(TN_DIMS(N / NORM, NORM));
    (void)rest;
    if (!w) return NULL;
    w->weight = tn_param(w->ps, TN_DIMS(NORM), tn_constant(1), "weight");
    w->bias = tn_param(w->ps, TN_DIMS(NORM), tn_constant(0), "bias");
    return w;
}

static void *two_prepare(const char *rest)
{
    wide *w = line_prepare(rest);
    if (w) w->y = tn_param(w->ps, TN_DIMS(N), tn_normal(0, 1), "y");
    return w;
}

static void begin(wide *w)
{
    tn_params_zero_grad(w->ps);
    tn_tape_begin(w->tape, TN_GRAD);
}

static void end(wide *w, tn_tensor *y)
{
    tn_backward_from(w->tape, y, w->dy);
    bench_check(&w->err);
}

#define RUN(name, op)                  \
    static void name##_run(void *state) \
    {                                   \
        wide *w = state;                \
        begin(w);                       \
        end(w, op);                     \
    }
RUN(gelu, tn_gelu(w->tape, w->x))
RUN(gelu_tanh, tn_gelu_tanh(w->tape, w->x))
RUN(exp, tn_exp(w->tape, w->x))
RUN(add, tn_add(w->tape, w->x, w->y))
RUN(softmax, tn_softmax(w->tape, w->x, -1))
RUN(layer_norm, tn_layer_norm(w->tape, w->x, w->weight, w->bias, 1e-5))

static void wide_drop(void *state)
{
    wide *w = state;
    tn_tape_free(w->tape);
    tn_params_free(w->ps);
    free(w->dy);
    free(w);
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"gelu", line_prepare, gelu_run, wide_drop},
        {"gelu_tanh", line_prepare, gelu_tanh_run, wide_drop},
        {"softmax", rows_prepare, softmax_run, wide_drop},
        {"layer_norm", norm_prepare, layer_norm_run, wide_drop},
        {"exp", line_prepare, exp_run, wide_drop},
        {"add", two_prepare, add_run, wide_drop},
        {NULL, NULL, NULL, NULL},
    };
    return bench_main(argc, argv, works);
}
