/* concat.c: tensors one after the other along a dimension (concat), or along a new one (stack). */
#include "shape.h"

#include <tarn/ops.h>

/* Do a and b agree but at dim? */
static bool agree(const tn_tensor *a, const tn_tensor *b, int64_t dim)
{
    if (a->rank != b->rank) return false;
    for (int d = 0; d < a->rank; d++)
        if (d != dim && a->size[d] != b->size[d]) return false;
    return true;
}

static bool check_inputs(const tn_tensor *y)
{
    return y->n_in > 0 || tn_op_fail(y, TN_EUSAGE, "there is nothing to put together: at least one tensor is needed");
}

static bool concat_shape(tn_tensor *y)
{
    int64_t dim = *(const int64_t *)y->attr, sum = 0, size[TN_MAX_RANK];
    if (!check_inputs(y)) return false;
    const tn_tensor *x = y->in[0];
    if (!tn_wrap_dim(y, x->rank, &dim)) return false;
    for (int i = 0; i < y->n_in; i++) {
        if (!agree(x, y->in[i], dim))
            return tn_op_fail(y, TN_ESHAPE, "sizes differ: input 0 %s x input %d %s; they may at dimension %lld only",
                              TN_STR(x), i, TN_STR(y->in[i]), (long long)dim);
        if (y->in[i]->size[dim] > INT64_MAX - sum)
            return tn_op_fail(y, TN_EMEMORY, "the sizes at the dimension overflow");
        sum += y->in[i]->size[dim];
    }
    for (int d = 0; d < x->rank; d++) size[d] = d == dim ? sum : x->size[d];
    return tn_set_shape(y, x->rank, size);
}

static bool stack_shape(tn_tensor *y)
{
    int64_t dim = *(const int64_t *)y->attr, size[TN_MAX_RANK + 1];
    if (!check_inputs(y)) return false;
    const tn_tensor *x = y->in[0];
    if (!tn_wrap_dim(y, x->rank + 1, &dim)) return false;
    for (int i = 1; i < y->n_in; i++)
        if (!agree(x, y->in[i], -1))
            return tn_op_fail(y, TN_ESHAPE, "shapes differ: input 0 %s x input %d %s", TN_STR(x), i, TN_STR(y->in[i]));
    for (int d = 0; d <= x->rank; d++) size[d] = d < dim ? x->size[d] : d == dim ? y->n_in : x->size[d - 1];
    return tn_set_shape(y, x->rank + 1, size);
}

/* Both are pieces: y is outer times one piece of each input. */
static int64_t count_pieces(const tn_tensor *y)
{
    int64_t dim = *(const int64_t *)y->attr, outer, inner;
    tn__split(y, dim < 0 ? dim + y->rank : dim, &outer, &inner);
    return outer;
}

static void concat_forward(tn_tensor *y)
{
    if (!y->n) return;
    int64_t outer = count_pieces(y), width = y->n / outer, at = 0;
    for (int i = 0; i < y->n_in; i++) {
        const tn_tensor *x = y->in[i];
        int64_t piece = x->n / outer;
        for (int64_t o = 0; o < outer; o++) tn__put(true, piece, x->data + o * piece, y->data + o * width + at);
        at += piece;
    }
}

static void concat_backward(tn_tensor *y)
{
    bool first;
    const tn_real *dy = tn_grad_out(y);
    if (!y->n) return;
    int64_t outer = count_pieces(y), width = y->n / outer, at = 0;
    for (int i = 0; i < y->n_in; i++) {
        int64_t piece = y->in[i]->n / outer;
        tn_real *g = tn_grad(y, i, &first);
        for (int64_t o = 0; g && o < outer; o++) tn__put(first, piece, dy + o * width + at, g + o * piece);
        at += piece;
    }
}

/* ---- the ops ------------------------------------------------------------------------------------------------------- */

typedef tn_tensor *(*join)(tn_tape *t, int n, tn_tensor *const *x, int64_t dim);

static tn_tensor *join_two(tn_tape *t, join f, tn_dims a, tn_dims b, int64_t dim)
{
    tn_tensor *x = tn_sample(t, a, -2, 2);
    return f(t, 2, (tn_tensor *[]){x, tn_sample(t, b, -2, 2)}, dim);
}

static tn_tensor *concat_sample(tn_tape *t, int k)
{
    switch (k) {
    case 0: return join_two(t, tn_concat, TN_DIMS(2, 3), TN_DIMS(2, 3), 0);
    case 1: return join_two(t, tn_concat, TN_DIMS(2, 3), TN_DIMS(2, 1), -1);
    case 2: return join_two(t, tn_concat, TN_DIMS(2, 3, 2), TN_DIMS(2, 0, 2), 1);
    case 3: return join_two(t, tn_concat, TN_DIMS(0, 3), TN_DIMS(0, 2), 1);
    case 4: return tn_concat(t, 1, (tn_tensor *[]){tn_sample(t, TN_DIMS(3), -2, 2)}, 0);
    default: return NULL;
    }
}

static tn_tensor *stack_sample(tn_tape *t, int k)
{
    switch (k) {
    case 0: return join_two(t, tn_stack, TN_DIMS(2, 3), TN_DIMS(2, 3), 0);
    case 1: return join_two(t, tn_stack, TN_DIMS(2, 3), TN_DIMS(2, 3), -1);
    case 2: return join_two(t, tn_stack, TN_DIMS(2, 3), TN_DIMS(2, 3), 1);
    case 3: return join_two(t, tn_stack, TN_SCALAR, TN_SCALAR, 0);
    case 4: return join_two(t, tn_stack, TN_DIMS(1, 0), TN_DIMS(1, 0), 2);
    default: return NULL;
    }
}

const tn_op tn__op_concat = {.name = "concat", .n_in = -1, .attr_size = sizeof(int64_t), .shape = concat_shape,
                             .forward = concat_forward, .backward = concat_backward, .sample = concat_sample};

const tn_op tn__op_stack = {.name = "stack", .n_in = -1, .attr_size = sizeof(int64_t), .shape = stack_shape,
                            .forward = concat_forward, .backward = concat_backward, .sample = stack_sample};

tn_tensor *tn_concat(tn_tape *t, int n, tn_tensor *const *x, int64_t dim)
{
    return tn_apply(t, &tn__op_concat, n, x, &dim);
}

tn_tensor *tn_stack(tn_tape *t, int n, tn_tensor *const *x, int64_t dim)
{
    return tn_apply(t, &tn__op_stack, n, x, &dim);
}
