/* adagrad.c: Adagrad (Duchi et al. 2011): each number's rate falls with the sum of its squared gradients. */
#include <math.h>

#include <tarn/optim.h>

static bool check(const void *options, double weight_decay, tn_error *err)
{
    const optim_adagrad_options *o = options;
    (void)weight_decay;
    return optim_check_option(err, "adagrad", "lr_decay", o->lr_decay, 0, INFINITY) &&
           optim_check_option(err, "adagrad", "initial_accumulator", o->initial_accumulator, 0, INFINITY) &&
           optim_check_option(err, "adagrad", "eps", o->eps, 0, INFINITY);
}

static int n_state(const void *options)
{
    (void)options;
    return 1;
}

static double initial(const void *options, int state)
{
    const optim_adagrad_options *o = options;
    (void)state;
    return o->initial_accumulator;
}

static bool touched_rows_only(const void *options, double weight_decay)
{
    (void)options;
    return weight_decay == 0;
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
    tn_real rate, decay, eps;
} factors;

OPTIM_WIDE
static void move(const optim_span *s, const void *arg)
{
    const factors f = *(const factors *)arg;
    tn_real *restrict p = s->param, *restrict sum = s->state[0];
    const tn_real *restrict grad = s->grad;
    for (int64_t i = 0; i < s->n; i++) {
        tn_real g = grad[i] + f.decay * p[i];
        sum[i] += g * g;
        p[i] -= f.rate * g / (root(sum[i]) + f.eps);
    }
}

static void update(const optim_update *u)
{
    const optim_adagrad_options *o = u->options;
    const factors f = {
        .rate = (tn_real)(u->lr / (1 + (double)(u->t - 1) * o->lr_decay)),
        .decay = (tn_real)u->weight_decay,
        .eps = (tn_real)o->eps,
    };
    optim_each(u, move, &f);
}

static const optim_rule adagrad = {
    .name = "adagrad",
    .options_size = sizeof(optim_adagrad_options),
    .check = check,
    .n_state = n_state,
    .initial = initial,
    .touched_rows_only = touched_rows_only,
    .update = update,
};

optim_adagrad_options optim_adagrad_defaults(void)
{
    return (optim_adagrad_options){.lr = 1e-2, .eps = 1e-10};
}

optim *optim_adagrad(tn_params *ps, optim_adagrad_options options)
{
    return optim_new(ps, &adagrad, &options, options.lr, options.weight_decay);
}
