/* rmsprop.c: RMSprop (Tieleman and Hinton 2012), plain or centred (Graves 2013), with momentum if asked. */
#include <math.h>

#include <tarn/optim.h>

static bool check(const void *options, double weight_decay, tn_error *err)
{
    const optim_rmsprop_options *o = options;
    (void)weight_decay;
    return optim_check_option(err, "rmsprop", "alpha", o->alpha, 0, 1) &&
           optim_check_option(err, "rmsprop", "eps", o->eps, 0, INFINITY) &&
           optim_check_option(err, "rmsprop", "momentum", o->momentum, 0, INFINITY);
}

/* The mean square; the mean, if centred; the velocity, if there is momentum. */
static int n_state(const void *options)
{
    const optim_rmsprop_options *o = options;
    return 1 + o->centered + (o->momentum > 0);
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
    tn_real lr, decay, eps, alpha, take, momentum;
    bool    centered, moving;
} factors;

static void move(const optim_span *s, const void *arg)
{
    const factors f = *(const factors *)arg;
    tn_real *restrict p = s->param, *restrict square = s->state[0];
    tn_real *restrict mean = f.centered ? s->state[1] : NULL;
    tn_real *restrict velocity = f.moving ? s->state[1 + f.centered] : NULL;
    const tn_real *restrict grad = s->grad;
    for (int64_t i = 0; i < s->n; i++) {
        tn_real g = grad[i] + f.decay * p[i];
        tn_real v = square[i] = f.alpha * square[i] + f.take * g * g;
        if (f.centered) {
            tn_real m = mean[i] += (g - mean[i]) * f.take;
            v = v - m * m > 0 ? v - m * m : 0; /* rounding can take a variance of 0 below 0 */
        }
        g /= root(v) + f.eps;
        if (f.moving) {
            g = velocity[i] = f.momentum * velocity[i] + g;
        }
        p[i] -= f.lr * g;
    }
}

static void update(const optim_update *u)
{
    const optim_rmsprop_options *o = u->options;
    const factors f = {
        .lr = (tn_real)u->lr,
        .decay = (tn_real)u->weight_decay,
        .eps = (tn_real)o->eps,
        .alpha = (tn_real)o->alpha,
        .take = (tn_real)(1 - o->alpha),
        .momentum = (tn_real)o->momentum,
        .centered = o->centered,
        .moving = o->momentum > 0,
    };
    optim_each(u, move, &f);
}

static const optim_rule rmsprop = {
    .name = "rmsprop",
    .options_size = sizeof(optim_rmsprop_options),
    .check = check,
    .n_state = n_state,
    .update = update,
};

optim_rmsprop_options optim_rmsprop_defaults(void)
{
    return (optim_rmsprop_options){.lr = 1e-2, .alpha = 0.99, .eps = 1e-8};
}

optim *optim_rmsprop(tn_params *ps, optim_rmsprop_options options)
{
    return optim_new(ps, &rmsprop, &options, options.lr, options.weight_decay);
}
