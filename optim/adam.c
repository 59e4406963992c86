/* adam.c: Adam (Kingma and Ba 2015), AMSGrad (Reddi et al. 2018) and AdamW (Loshchilov and Hutter 2019). Two rules
 * with one loop: they differ in where the weight decay goes. */
#include <math.h>

#include <tarn/optim.h>

static bool check(const char *rule, const optim_adam_options *o, tn_error *err)
{
    return optim_check_option(err, rule, "beta1", o->beta1, 0, 1) &&
           optim_check_option(err, rule, "beta2", o->beta2, 0, 1) &&
           optim_check_option(err, rule, "eps", o->eps, 0, INFINITY);
}

static bool check_adam(const void *options, double weight_decay, tn_error *err)
{
    (void)weight_decay;
    return check("adam", options, err);
}

static bool check_adamw(const void *options, double weight_decay, tn_error *err)
{
    (void)weight_decay;
    return check("adamw", options, err);
}

static int n_state(const void *options)
{
    const optim_adam_options *o = options;
    return o->amsgrad ? 3 : 2;
}

static tn_real root(tn_real x)
{
#ifdef TN_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

/* A step's numbers that all elements share. */
typedef struct factors {
    tn_real take1, beta2, take2, eps, step, correction;
    tn_real shrink; /* decoupled decay: p *= shrink */
    tn_real decay;  /* the other: g += decay p */
} factors;

static factors factors_of(const optim_update *u, bool decoupled)
{
    const optim_adam_options *o = u->options;
    double t = (double)u->t;
    return (factors){
        .take1 = (tn_real)(1 - o->beta1),
        .beta2 = (tn_real)o->beta2,
        .take2 = (tn_real)(1 - o->beta2),
        .eps = (tn_real)o->eps,
        .step = (tn_real)(u->lr / (1 - pow(o->beta1, t))),
        .correction = (tn_real)sqrt(1 - pow(o->beta2, t)),
        .shrink = decoupled ? (tn_real)(1 - u->lr * u->weight_decay) : 1,
        .decay = decoupled ? 0 : (tn_real)u->weight_decay,
    };
}

static void move(const optim_span *s, const void *arg)
{
    const factors f = *(const factors *)arg;
    tn_real *restrict p = s->param, *restrict m = s->state[0], *restrict v = s->state[1];
    const tn_real *restrict grad = s->grad;
    for (int64_t i = 0; i < s->n; i++) {
        tn_real g = grad[i] + f.decay * p[i];
        m[i] += (g - m[i]) * f.take1;
        v[i] = f.beta2 * v[i] + f.take2 * g * g;
        p[i] = f.shrink * p[i] - f.step * m[i] / (root(v[i]) / f.correction + f.eps);
    }
}

/* high: the largest v so far. */
static void move_amsgrad(const optim_span *s, const void *arg)
{
    const factors f = *(const factors *)arg;
    tn_real *restrict p = s->param;
    tn_real *restrict m = s->state[0], *restrict v = s->state[1], *restrict high = s->state[2];
    const tn_real *restrict grad = s->grad;
    for (int64_t i = 0; i < s->n; i++) {
        tn_real g = grad[i] + f.decay * p[i];
        m[i] += (g - m[i]) * f.take1;
        v[i] = f.beta2 * v[i] + f.take2 * g * g;
        high[i] = v[i] > high[i] ? v[i] : high[i];
        p[i] = f.shrink * p[i] - f.step * m[i] / (root(high[i]) / f.correction + f.eps);
    }
}

static void update(const optim_update *u, bool decoupled)
{
    const factors f = factors_of(u, decoupled);
    optim_each(u, u->n_state == 3 ? move_amsgrad : move, &f);
}

static void update_adam(const optim_update *u)
{
    update(u, false);
}

static void update_adamw(const optim_update *u)
{
    update(u, true);
}

static const optim_rule adam = {
    .name = "adam",
    .options_size = sizeof(optim_adam_options),
    .check = check_adam,
    .n_state = n_state,
    .update = update_adam,
};

static const optim_rule adamw = {
    .name = "adamw",
    .options_size = sizeof(optim_adam_options),
    .check = check_adamw,
    .n_state = n_state,
    .update = update_adamw,
};

optim_adam_options optim_adam_defaults(void)
{
    return (optim_adam_options){.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
}

optim *optim_adam(tn_params *ps, optim_adam_options options)
{
    return optim_new(ps, &adam, &options, options.lr, options.weight_decay);
}

optim_adam_options optim_adamw_defaults(void)
{
    optim_adam_options o = optim_adam_defaults();
    o.weight_decay = 1e-2;
    return o;
}

optim *optim_adamw(tn_params *ps, optim_adam_options options)
{
    return optim_new(ps, &adamw, &options, options.lr, options.weight_decay);
}
