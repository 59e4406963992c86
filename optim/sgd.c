/* sgd.c: stochastic gradient descent with momentum (Sutskever et al. 2013), by PyTorch's formula. */
#include <math.h>

#include <tarn/optim.h>

static bool check(const void *options, double weight_decay, tn_error *err)
{
    const optim_sgd_options *o = options;
    (void)weight_decay;
    if (!optim_check_option(err, "sgd", "momentum", o->momentum, 0, INFINITY) ||
        !optim_check_option(err, "sgd", "dampening", o->dampening, -INFINITY, INFINITY)) {
        return false;
    }
    if (o->nesterov && (o->momentum == 0 || o->dampening != 0)) {
        return tn_fail(err, TN_EUSAGE, "sgd: nesterov needs momentum above 0 and dampening 0, they are %g and %g",
                       o->momentum, o->dampening);
    }
    return true;
}

static int n_state(const void *options)
{
    const optim_sgd_options *o = options;
    return o->momentum != 0;
}

static bool touched_rows_only(const void *options, double weight_decay)
{
    return n_state(options) == 0 && weight_decay == 0;
}

typedef struct factors {
    tn_real lr, decay, keep, take, of_g, of_b; /* b = keep b + take g; p -= lr (of_g g + of_b b) */
} factors;

OPTIM_WIDE
static void move(const optim_span *s, const void *arg)
{
    const factors f = *(const factors *)arg;
    tn_real *restrict p = s->param;
    const tn_real *restrict g = s->grad;
    for (int64_t i = 0; i < s->n; i++) {
        p[i] -= f.lr * (g[i] + f.decay * p[i]);
    }
}

OPTIM_WIDE
static void move_with_momentum(const optim_span *s, const void *arg)
{
    const factors f = *(const factors *)arg;
    tn_real *restrict p = s->param, *restrict b = s->state[0];
    const tn_real *restrict grad = s->grad;
    for (int64_t i = 0; i < s->n; i++) {
        tn_real g = grad[i] + f.decay * p[i];
        b[i] = f.keep * b[i] + f.take * g;
        p[i] -= f.lr * (f.of_g * g + f.of_b * b[i]);
    }
}

static void update(const optim_update *u)
{
    const optim_sgd_options *o = u->options;
    const factors f = {
        .lr = (tn_real)u->lr,
        .decay = (tn_real)u->weight_decay,
        .keep = (tn_real)o->momentum,
        .take = u->t == 1 ? 1 : (tn_real)(1 - o->dampening), /* the first step takes the whole gradient */
        .of_g = o->nesterov ? 1 : 0,
        .of_b = o->nesterov ? (tn_real)o->momentum : 1,
    };
    optim_each(u, u->n_state ? move_with_momentum : move, &f);
}

static const optim_rule sgd = {
    .name = "sgd",
    .options_size = sizeof(optim_sgd_options),
    .check = check,
    .n_state = n_state,
    .touched_rows_only = touched_rows_only,
    .update = update,
};

optim_sgd_options optim_sgd_defaults(void)
{
    return (optim_sgd_options){.lr = 1e-3};
}

optim *optim_sgd(tn_params *ps, optim_sgd_options options)
{
    return optim_new(ps, &sgd, &options, options.lr, options.weight_decay);
}
