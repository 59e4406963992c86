/* conv1d.c: a convolution over time, as a product of its weights with the windows of x. */
#include <math.h>

#include "layer.h"

void nn_conv1d_init(nn_conv1d *c, tn_params *ps, const char *name, int64_t in, int64_t out, int64_t kernel)
{
    nn_conv1d_init_groups(c, ps, name, in, out, kernel, 1);
}

void nn_conv1d_init_groups(nn_conv1d *c, tn_params *ps, const char *name, int64_t in, int64_t out, int64_t kernel,
                           int64_t groups)
{
    if (!nn__begin(c, sizeof *c, ps, name, "nn_conv1d_init")) return;
    *c = (nn_conv1d){.stride = 1, .dilation = 1, .groups = groups};
    if (groups < 1 || in % groups || out % groups) {
        tn_fail(tn_params_error(ps), TN_EUSAGE, "nn_conv1d_init \"%s\": %lld groups do not divide %lld and %lld channels",
                name, (long long)groups, (long long)in, (long long)out);
        return;
    }
    const double terms = (double)in / (double)groups * (double)kernel, bound = terms > 0 ? 1 / sqrt(terms) : 0;
    c->weight = tn_param(ps, TN_DIMS(out, in / groups, kernel), tn_uniform(-bound, bound), "%s.weight", name);
    c->bias = tn_param(ps, TN_DIMS(out), tn_uniform(-bound, bound), "%s.bias", name);
    if (!c->bias) c->weight = NULL; /* else it would pass for a layer without bias */
}

static bool check(const nn_conv1d *c, tn_tape *t, const tn_tensor *x)
{
    if (!tn_ok(t)) return false;
    if (!c || !c->weight)
        return tn_fail(tn_tape_error(t), TN_EUSAGE, "nn_conv1d: there is no weight: call nn_conv1d_init first");
    const int64_t channels = c->weight->size[1] * c->groups;
    if (!x || (x->rank == 3 && x->size[1] == channels)) return true; /* the op finds the words for NULL */
    return tn_fail(tn_tape_error(t), TN_ESHAPE, "nn_conv1d \"%s\": x is %s, it must be (batch, %lld, length)",
                   c->weight->name, TN_STR(x), (long long)channels);
}

/* The groups are a dimension of their own: (groups, out / groups, n) x (batch, groups, n, length). */
tn_tensor *nn_conv1d_forward(const nn_conv1d *c, tn_tape *t, tn_tensor *x)
{
    if (!check(c, t, x)) return NULL;
    const int64_t out = c->weight->size[0], kernel = c->weight->size[2], n = c->weight->size[1] * kernel;
    tn_tensor *y = tn_unfold(t, x, (tn_unfold_options){kernel, c->stride, c->padding, c->dilation});
    if (!y) return NULL;
    const int64_t batch = y->size[0], length = y->size[2];
    y = tn_matmul(t, tn_reshape(t, c->weight, TN_DIMS(c->groups, out / c->groups, n)),
                  tn_reshape(t, y, TN_DIMS(batch, c->groups, n, length)));
    y = tn_reshape(t, y, TN_DIMS(batch, out, length));
    return c->bias ? tn_add(t, y, tn_reshape(t, c->bias, TN_DIMS(out, 1))) : y;
}
