/* multihead_attention.c: every step of a sequence looks at others, in several ways at once (Vaswani et al. 2017). */
#include <math.h>

#include "layer.h"

static bool check_heads(tn_params *ps, const char *name, int64_t dim, int64_t heads)
{
    if (heads >= 1 && dim % heads == 0) return true;
    return tn_fail(tn_params_error(ps), TN_EUSAGE,
                   "nn_multihead_attention_init \"%s\": %lld heads do not divide a dim of %lld", name, (long long)heads,
                   (long long)dim);
}

void nn_multihead_attention_init(nn_multihead_attention *a, tn_params *ps, const char *name, int64_t dim, int64_t heads)
{
    if (!nn__begin(a, sizeof *a, ps, name, "nn_multihead_attention_init")) return;
    a->heads = heads;
    if (!check_heads(ps, name, dim, heads)) return;
    const double bound = dim > 0 ? sqrt(6 / (4 * (double)dim)) : 0, plain = dim > 0 ? 1 / sqrt((double)dim) : 0;
    const int64_t rows = dim <= INT64_MAX / 3 ? 3 * dim : INT64_MAX; /* more than there is memory for */
    a->in_proj_weight = tn_param(ps, TN_DIMS(rows, dim), tn_uniform(-bound, bound), "%s.in_proj_weight", name);
    a->in_proj_bias = tn_param(ps, TN_DIMS(rows), tn_constant(0), "%s.in_proj_bias", name);
    a->out_proj.weight = tn_param(ps, TN_DIMS(dim, dim), tn_uniform(-plain, plain), "%s.out_proj.weight", name);
    a->out_proj.bias = tn_param(ps, TN_DIMS(dim), tn_constant(0), "%s.out_proj.bias", name);
    if (!a->out_proj.bias) *a = (nn_multihead_attention){.heads = heads};
}

/* Part k of the projections q, k and v, of x. */
static tn_tensor *project(const nn_multihead_attention *a, tn_tape *t, tn_tensor *x, int64_t k)
{
    const int64_t dim = a->in_proj_weight->size[1];
    tn_tensor *weight = tn_slice(t, a->in_proj_weight, 0, k * dim, (k + 1) * dim, 1);
    return tn_linear(t, x, weight, tn_slice(t, a->in_proj_bias, 0, k * dim, (k + 1) * dim, 1));
}

tn_tensor *nn_multihead_attention_forward(const nn_multihead_attention *a, tn_tape *t, tn_tensor *x, tn_tensor *memory,
                                          tn_tensor *mask, bool causal)
{
    static const nn_multihead_attention none;
    if (!a) a = &none;
    const tn_attention_options options = {.heads = a->heads, .causal = causal};
    tn_tensor *y;
    if (!memory || !a->in_proj_weight) {
        tn_tensor *qkv = tn_linear(t, x, a->in_proj_weight, a->in_proj_bias);
        y = tn_attention(t, qkv, NULL, NULL, mask, options);
    } else y = tn_attention(t, project(a, t, x, 0), project(a, t, memory, 1), project(a, t, memory, 2), mask, options);
    return nn_linear_forward(&a->out_proj, t, y);
}
