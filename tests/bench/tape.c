/* tape.c: what an op costs beside its mathematics: chains of one-element ops, and a net for exclusive or. */
#include <stdlib.h>

#include <tarn/tarn.h>

#include "bench.h"

/* ---- a chain: x + b, times s, plus b, ..., and back ------------------------------------------------------------ */

typedef struct chain {
    tn_error err;
    tn_tape *tape;
    int64_t  ops;
} chain;

static void *chain_prepare(const char *rest)
{
    chain *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->ops = atoll(rest);
    c->tape = tn_tape_new(1, 0, &c->err);
    return c;
}

static tn_tensor *chain_forward(chain *c, unsigned mode)
{
    const tn_real x = 1, b = 2, s = (tn_real)1.0001;
    tn_tape_begin(c->tape, mode);
    tn_tensor *y = tn_input(c->tape, TN_DIMS(1), &x, mode == TN_GRAD);
    tn_tensor *plus = tn_input(c->tape, TN_DIMS(1), &b, false), *times = tn_input(c->tape, TN_DIMS(1), &s, false);
    for (int64_t i = 0; i < c->ops; i += 2) y = tn_mul(c->tape, tn_add(c->tape, y, plus), times);
    return y;
}

static void chain_run(void *state)
{
    chain *c = state;
    tn_backward(c->tape, chain_forward(c, TN_GRAD));
    bench_check(&c->err);
}

static void chain_eval(void *state)
{
    chain *c = state;
    chain_forward(c, TN_EVAL);
    bench_check(&c->err);
}

static void chain_drop(void *state)
{
    chain *c = state;
    tn_tape_free(c->tape);
    free(c);
}

/* ---- exclusive or: 2-8-1, tanh, one example -------------------------------------------------------------------- */

typedef struct net {
    tn_error   err;
    tn_tape   *tape;
    tn_params *ps;
    nn_linear  hidden, out;
} net;

static void *xor_prepare(const char *rest)
{
    net *m = calloc(1, sizeof *m);
    (void)rest;
    if (!m) return NULL;
    m->tape = tn_tape_new(1, 0, &m->err);
    m->ps = tn_params_new(1, &m->err);
    nn_linear_init(&m->hidden, m->ps, "hidden", 2, 8);
    nn_linear_init(&m->out, m->ps, "out", 8, 1);
    return m;
}

static void xor_run(void *state)
{
    static const tn_real x[] = {0, 1}, y[] = {1};
    net     *m = state;
    tn_tape *t = m->tape;
    tn_tape_begin(t, TN_GRAD);
    tn_params_zero_grad(m->ps);
    tn_tensor *h = tn_tanh(t, nn_linear_forward(&m->hidden, t, tn_const(t, TN_DIMS(1, 2), x)));
    tn_tensor *logit = nn_linear_forward(&m->out, t, h);
    tn_backward(t, tn_bce_with_logits(t, logit, tn_const(t, TN_DIMS(1, 1), y), NULL, TN_MEAN));
    bench_check(&m->err);
}

static void xor_drop(void *state)
{
    net *m = state;
    tn_tape_free(m->tape);
    tn_params_free(m->ps);
    free(m);
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"chain", chain_prepare, chain_run, chain_drop},
        {"chain_eval", chain_prepare, chain_eval, chain_drop},
        {"xor", xor_prepare, xor_run, xor_drop},
        {NULL, NULL, NULL, NULL},
    };
    return bench_main(argc, argv, works);
}
