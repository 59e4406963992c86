/* layer_norm.c: mean 0 and variance 1 over the last dimension, then a scale and a shift (Ba et al. 2016). */
#include "layer.h"

void nn_layer_norm_init(nn_layer_norm *l, tn_params *ps, const char *name, int64_t dim)
{
    if (!nn__begin(l, sizeof *l, ps, name, "nn_layer_norm_init")) {
        return;
    }
    l->eps = 1e-5;
    l->weight = tn_param(ps, TN_DIMS(dim), tn_constant(1), "%s.weight", name);
    l->bias = tn_param(ps, TN_DIMS(dim), tn_constant(0), "%s.bias", name);
    if (!l->bias) {
        l->weight = NULL;
    }
}

tn_tensor *nn_layer_norm_forward(const nn_layer_norm *l, tn_tape *t, tn_tensor *x)
{
    /* For the op, no weight is a layer without scale; for a layer, it is an init that failed. */
    return l && l->weight ? tn_layer_norm(t, x, l->weight, l->bias, l->eps) : tn_layer_norm(t, NULL, NULL, NULL, 0);
}
