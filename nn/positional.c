/* positional.c: where in a sequence a step stands, which attention alone cannot tell. */
#include <math.h>

#include "layer.h"

void nn_positional_init(nn_positional *p, tn_params *ps, const char *name, int64_t length, int64_t dim)
{
    if (!nn__begin(p, sizeof *p, ps, name, "nn_positional_init")) return;
    *p = (nn_positional){.weight = tn_param(ps, TN_DIMS(length, dim), tn_normal(0, 1), "%s.weight", name)};
}

static bool check(const nn_positional *p, tn_tape *t, const tn_tensor *x)
{
    if (!tn_ok(t)) return false;
    if (!p || !p->weight)
        return tn_fail(tn_tape_error(t), TN_EUSAGE, "nn_positional: there is no table: call nn_positional_init first");
    const int64_t length = p->weight->size[0], dim = p->weight->size[1];
    if (!x || (x->rank == 3 && x->size[1] <= length && x->size[2] == dim)) return true; /* an op finds the words for NULL */
    return tn_fail(tn_tape_error(t), TN_ESHAPE, "nn_positional \"%s\": x is %s, it must be (batch, %lld at most, %lld)",
                   p->weight->name, TN_STR(x), (long long)length, (long long)dim);
}

tn_tensor *nn_positional_forward(const nn_positional *p, tn_tape *t, tn_tensor *x)
{
    if (!check(p, t, x)) return NULL;
    return tn_add(t, x, tn_slice(t, p->weight, 0, 0, x ? x->size[1] : 0, 1));
}

tn_tensor *nn_sinusoids(tn_tape *t, int64_t length, int64_t dim)
{
    tn_tensor *y = tn_input(t, TN_DIMS(length, dim), NULL, false);
    for (int64_t k = 0; y && k < dim; k++) {
        const double rate = pow(10000, -(double)(k - k % 2) / (double)dim);
        for (int64_t i = 0; i < length; i++)
            y->data[i * dim + k] = (tn_real)(k % 2 ? cos((double)i * rate) : sin((double)i * rate));
    }
    return y;
}
