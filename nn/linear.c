/* linear.c: y = x W^T + b. */
#include <math.h>

#include "layer.h"

static tn_init uniform(int64_t in)
{
    double bound = in > 0 ? 1 / sqrt((double)in) : 0;
    return tn_uniform(-bound, bound);
}

void nn_linear_init_no_bias(nn_linear *l, tn_params *ps, const char *name, int64_t in, int64_t out)
{
    if (!nn__begin(l, sizeof *l, ps, name, "nn_linear_init")) {
        return;
    }
    *l = (nn_linear){.weight = tn_param(ps, TN_DIMS(out, in), uniform(in), "%s.weight", name)};
}

void nn_linear_init(nn_linear *l, tn_params *ps, const char *name, int64_t in, int64_t out)
{
    nn_linear_init_no_bias(l, ps, name, in, out);
    if (!l || !l->weight) {
        return;
    }
    l->bias = tn_param(ps, TN_DIMS(out), uniform(in), "%s.bias", name);
    if (!l->bias) {
        l->weight = NULL; /* else it would pass for a layer without bias */
    }
}

tn_tensor *nn_linear_forward(const nn_linear *l, tn_tape *t, tn_tensor *x)
{
    return tn_linear(t, x, l ? l->weight : NULL, l ? l->bias : NULL);
}
