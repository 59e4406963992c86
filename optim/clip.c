/* clip.c: gradients made smaller between tn_backward and optim_step. */
#include <math.h>

#include <tarn/optim.h>

static int64_t count(const tn_gradient *g)
{
    return g->n_rows * g->width;
}

/* The norm of n numbers. The lanes let the compiler use vectors; their number fixes the order of the sum. */
OPTIM_WIDE
static double norm(const tn_real *x, int64_t n)
{
    enum { LANES = 16 };
    double lane[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            lane[k] += (double)x[i + k] * (double)x[i + k];
        }
    }
    for (int k = 0; i < n; i++, k++) {
        lane[k] += (double)x[i] * (double)x[i];
    }
    for (int k = 0; k < LANES; k++) {
        sum += lane[k];
    }
    return sqrt(sum);
}

static bool check_max(tn_params *ps, const char *function, double max)
{
    tn_error *err = ps ? tn_params_error(ps) : NULL;
    if (!err || err->code != TN_OK) {
        return false;
    }
    return max >= 0 || tn_fail(err, TN_EUSAGE, "%s: max is %g, it must be at least 0", function, max);
}

/* The norm of all gradients together, as the norm of the parameters' norms; NaN after an error. */
static double total_norm(tn_params *ps)
{
    double sum = 0;
    for (int i = 0; i < tn_params_count(ps); i++) {
        const tn_tensor *p = tn_params_at(ps, i);
        tn_gradient g;
        if (!tn_param_gradient(p, &g)) {
            continue;
        }
        double one = norm(g.data, count(&g));
        if (!isfinite(one)) {
            tn_fail(tn_params_error(ps), TN_ENONFINITE, "optim_clip_norm: the gradient of \"%s\" %s has the norm %g",
                    p->name, TN_STR(p), one);
            return (double)NAN;
        }
        sum += one * one;
    }
    return sqrt(sum);
}

static void scale(tn_params *ps, tn_real by)
{
    for (int i = 0; i < tn_params_count(ps); i++) {
        tn_gradient g;
        bool has = tn_param_gradient(tn_params_at(ps, i), &g);
        for (int64_t k = 0; has && k < count(&g); k++) {
            g.data[k] *= by;
        }
    }
}

double optim_clip_norm(tn_params *ps, double max)
{
    double total = check_max(ps, "optim_clip_norm", max) ? total_norm(ps) : (double)NAN;
    double by = max / (total + 1e-6);
    if (by < 1) { /* false for NaN */
        scale(ps, (tn_real)by);
    }
    return total;
}

void optim_clip_value(tn_params *ps, double max)
{
    if (!check_max(ps, "optim_clip_value", max)) {
        return;
    }
    const tn_real high = (tn_real)max;
    for (int i = 0; i < tn_params_count(ps); i++) {
        tn_gradient g;
        bool has = tn_param_gradient(tn_params_at(ps, i), &g);
        for (int64_t k = 0; has && k < count(&g); k++) {
            tn_real x = g.data[k];
            g.data[k] = x > high ? high : x < -high ? -high : x;
        }
    }
}
