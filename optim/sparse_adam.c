/* sparse_adam.c: Adam for tables: rows without a gradient keep their moments, so a step costs what its rows cost. The
 * bias corrections count the steps of the whole table. */
#include <math.h>

#include <tarn/optim.h>

static bool check(const void *options, double weight_decay, tn_error *err)
{
    const optim_adam_options *o = options;
    if (weight_decay != 0) {
        return tn_fail(err, TN_EUSAGE, "sparse_adam: weight_decay is %g, it must be 0: it would move every row",
                       weight_decay);
    }
    if (o->amsgrad) {
        return tn_fail(err, TN_EUSAGE, "sparse_adam: amsgrad is true, it must be false");
    }
    return optim_check_option(err, "sparse_adam", "beta1", o->beta1, 0, 1) &&
           optim_check_option(err, "sparse_adam", "beta2", o->beta2, 0, 1) &&
           optim_check_option(err, "sparse_adam", "eps", o->eps, 0, INFINITY);
}

static int n_state(const void *options)
{
    (void)options;
    return 2;
}

static bool touched_rows_only(const void *options, double weight_decay)
{
    (void)options;
    (void)weight_decay;
    return true;
}

static tn_real root(tn_real x)
{
#ifdef TN_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

typedef struct factors {
    tn_real step, take1, take2, eps;
} factors;

OPTIM_WIDE
static void move(const optim_span *s, const void *arg)
{
    const factors f = *(const factors *)arg;
    tn_real *restrict p = s->param, *restrict m = s->state[0], *restrict v = s->state[1];
    const tn_real *restrict g = s->grad;
    for (int64_t i = 0; i < s->n; i++) {
        m[i] += (g[i] - m[i]) * f.take1;
        v[i] += (g[i] * g[i] - v[i]) * f.take2;
        p[i] -= f.step * m[i] / (root(v[i]) + f.eps);
    }
}

static void update(const optim_update *u)
{
    const optim_adam_options *o = u->options;
    const double t = (double)u->t;
    const factors f = {
        .step = (tn_real)(u->lr * sqrt(1 - pow(o->beta2, t)) / (1 - pow(o->beta1, t))),
        .take1 = (tn_real)(1 - o->beta1),
        .take2 = (tn_real)(1 - o->beta2),
        .eps = (tn_real)o->eps,
    };
    optim_each(u, move, &f);
}

static const optim_rule sparse_adam = {
    .name = "sparse_adam",
    .options_size = sizeof(optim_adam_options),
    .check = check,
    .n_state = n_state,
    .touched_rows_only = touched_rows_only,
    .update = update,
};

optim_adam_options optim_sparse_adam_defaults(void)
{
    return optim_adam_defaults();
}

optim *optim_sparse_adam(tn_params *ps, optim_adam_options options)
{
    return optim_new(ps, &sparse_adam, &options, options.lr, options.weight_decay);
}
