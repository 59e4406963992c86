/* batch_norm1d.c: each channel with mean 0 and variance 1 over the batch (Ioffe and Szegedy 2015). */
#include "layer.h"

void nn_batch_norm1d_init(nn_batch_norm1d *b, tn_params *ps, const char *name, int64_t dim)
{
    if (!nn__begin(b, sizeof *b, ps, name, "nn_batch_norm1d_init")) return;
    b->momentum = 0.1;
    b->eps = 1e-5;
    b->weight = tn_param(ps, TN_DIMS(dim), tn_constant(1), "%s.weight", name);
    b->bias = tn_param(ps, TN_DIMS(dim), tn_constant(0), "%s.bias", name);
    b->running.mean = tn_buffer(ps, TN_DIMS(dim), tn_constant(0), "%s.running_mean", name);
    b->running.var = tn_buffer(ps, TN_DIMS(dim), tn_constant(1), "%s.running_var", name);
    b->running.count = tn_buffer(ps, TN_SCALAR, tn_constant(0), "%s.num_batches_tracked", name);
    if (!b->running.count) *b = (nn_batch_norm1d){.weight = NULL};
}

tn_tensor *nn_batch_norm1d_forward(const nn_batch_norm1d *b, tn_tape *t, tn_tensor *x)
{
    static const nn_batch_norm1d none;
    if (!b) b = &none;
    const tn_batch_norm_options options = {(tn_tape_mode(t) & TN_TRAIN) != 0, b->momentum, b->eps};
    /* For the op, no weight is a layer without scale; for a layer, it is an init that failed. */
    return tn_batch_norm(t, b->weight ? x : NULL, b->weight, b->bias, b->running, options);
}
