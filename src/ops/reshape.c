/* reshape.c: the same numbers under another shape. */
#include <tarn/op.h>
#include <tarn/ops.h>

/* The size that -1 stands for, given the product of the others. */
static bool infer(const tn_tensor *y, const tn_tensor *x, int64_t others, int64_t *size)
{
    if (others > 0 && x->n % others == 0) {
        *size = x->n / others;
        return true;
    }
    if (!others) return tn_op_fail(y, TN_ESHAPE, "a size of -1 beside a size of 0 could be anything");
    return tn_op_fail(y, TN_ESHAPE, "x %s has %lld elements, which the sizes beside -1 (%lld together) do not divide",
                      TN_STR(x), (long long)x->n, (long long)others);
}

static bool reshape_shape(tn_tensor *y)
{
    tn_dims shape = *(const tn_dims *)y->attr;
    const tn_tensor *x = y->in[0];
    int hole = -1;
    for (int d = 0; d < shape.n && d < TN_MAX_RANK; d++) {
        if (shape.at[d] != -1) continue;
        if (hole >= 0)
            return tn_op_fail(y, TN_EUSAGE, "sizes %d and %d are both -1: one at most can be inferred", hole, d);
        hole = d;
        shape.at[d] = 1;
    }
    if (!tn_set_shape(y, shape.n, shape.at)) return false;
    if (hole >= 0 && !(infer(y, x, y->n, &shape.at[hole]) && tn_set_shape(y, shape.n, shape.at))) return false;
    if (y->n != x->n)
        return tn_op_fail(y, TN_ESHAPE, "x %s has %lld elements, the shape %s has %lld", TN_STR(x), (long long)x->n,
                          TN_STR(y), (long long)y->n);
    return tn_alias(y, 0);
}

static tn_tensor *reshape_sample(tn_tape *t, int k)
{
    switch (k) {
    case 0: return tn_reshape(t, tn_sample(t, TN_DIMS(2, 3), -2, 2), TN_DIMS(3, -1));
    case 1: return tn_reshape(t, tn_sample(t, TN_DIMS(1, 1), -2, 2), TN_SCALAR);
    case 2: return tn_reshape(t, tn_sample(t, TN_DIMS(0, 3), -2, 2), TN_DIMS(3, 2, 0));
    case 3: return tn_reshape(t, tn_sample(t, TN_SCALAR, -2, 2), TN_DIMS(1, 1, 1, 1, 1, 1, 1, -1));
    default: return NULL;
    }
}

const tn_op tn__op_reshape = {.name = "reshape", .n_in = 1, .attr_size = sizeof(tn_dims), .shape = reshape_shape,
                              .sample = reshape_sample};

tn_tensor *tn_reshape(tn_tape *t, tn_tensor *x, tn_dims shape)
{
    return tn_apply(t, &tn__op_reshape, 1, &x, &shape);
}
