/* matmul.c: matrix products: vectors, batches that broadcast, operands taken transposed. A broadcast operand's
 * gradient adds up in place, product by product: nothing of the broadcast size is made. */
#include <string.h>

#include <tarn/ops.h>

#include "product.h"

/* What y's products are: (m, k) x (k, n), one for each batch. The steps count matrices: 0 where an operand is
 * broadcast. */
typedef struct product {
    bool    ta, tb;
    int64_t m, n, k, batches;
    int     rank; /* of the batch dimensions */
    int64_t size[TN_MAX_RANK], a_step[TN_MAX_RANK], b_step[TN_MAX_RANK], y_step[TN_MAX_RANK];
    bool    a_shared, b_shared; /* by several batches */
} product;

/* ---- shapes ---------------------------------------------------------------------------------------------------- */

/* The last two sizes of a as (rows, columns) after transposition; a vector is one row. */
static void left_sizes(const tn_tensor *a, bool ta, product *p)
{
    int64_t rows = a->rank > 1 ? a->size[a->rank - 2] : 1, columns = a->size[a->rank - 1];
    p->m = ta ? columns : rows;
    p->k = ta ? rows : columns;
}

/* Those of b; a vector is one column. */
static void right_sizes(const tn_tensor *b, bool tb, int64_t *k, int64_t *n)
{
    int64_t rows = b->size[b->rank > 1 ? b->rank - 2 : 0], columns = b->rank > 1 ? b->size[b->rank - 1] : 1;
    *k = tb ? columns : rows;
    *n = tb ? rows : columns;
}

static int batch_rank(const tn_tensor *x)
{
    return x->rank > 2 ? x->rank - 2 : 0;
}

/* x's size in batch dimension d of rank, 1 where x has none. */
static int64_t batch_size(const tn_tensor *x, int rank, int d)
{
    int own = d - rank + batch_rank(x);
    return own < 0 ? 1 : x->size[own];
}

/* The steps of x, and whether several batches share one of its matrices. */
static bool batch_steps(const tn_tensor *x, const product *p, int64_t *step)
{
    int64_t matrices = 1;
    for (int d = p->rank - 1; d >= 0; d--) {
        int64_t size = batch_size(x, p->rank, d);
        step[d] = size == 1 ? 0 : matrices;
        matrices *= size;
    }
    return matrices != p->batches;
}

/* A right operand that all batches share makes one tall product of them. */
static void fold(product *p, const tn_tensor *b)
{
    int64_t matrices = 1;
    for (int d = 0; d < batch_rank(b); d++) matrices *= b->size[d];
    if (p->ta || matrices != 1 || p->batches == 1) return;
    p->m *= p->batches;
    p->batches = 1;
    p->rank = 0;
    p->a_shared = p->b_shared = false;
}

static bool fail(const tn_tensor *y, const char *what)
{
    unsigned trans = *(const unsigned *)y->attr;
    return tn_op_fail(y, TN_ESHAPE, "%s: a %s%s x b %s%s", what, TN_STR(y->in[0]),
                      trans & TN_TRANS_A ? " transposed" : "", TN_STR(y->in[1]),
                      trans & TN_TRANS_B ? " transposed" : "");
}

/* What does not depend on the batches fitting: false if they do not. */
static bool plan(const tn_tensor *y, product *p)
{
    const tn_tensor *a = y->in[0], *b = y->in[1];
    unsigned trans = *(const unsigned *)y->attr;
    int64_t k;
    *p = (product){.ta = trans & TN_TRANS_A, .tb = trans & TN_TRANS_B, .batches = 1};
    left_sizes(a, p->ta, p);
    right_sizes(b, p->tb, &k, &p->n);
    p->rank = batch_rank(a) > batch_rank(b) ? batch_rank(a) : batch_rank(b);
    for (int d = 0; d < p->rank; d++) {
        int64_t na = batch_size(a, p->rank, d), nb = batch_size(b, p->rank, d);
        if (na != nb && na != 1 && nb != 1) return false;
        p->size[d] = na == 1 ? nb : na;
        p->batches *= p->size[d];
    }
    p->a_shared = batch_steps(a, p, p->a_step);
    p->b_shared = batch_steps(b, p, p->b_step);
    int64_t matrices = 1;
    for (int d = p->rank - 1; d >= 0; matrices *= p->size[d--]) p->y_step[d] = matrices;
    return true;
}

static bool check_operands(const tn_tensor *y)
{
    const tn_tensor *a = y->in[0], *b = y->in[1];
    unsigned trans = *(const unsigned *)y->attr;
    product p;
    int64_t k, n;
    if (!a->rank || !b->rank) return fail(y, "a scalar is no matrix (tn_mul multiplies by it)");
    if (trans & ~(unsigned)(TN_TRANS_A | TN_TRANS_B))
        return tn_op_fail(y, TN_EUSAGE, "trans is %u, it is made of TN_TRANS_A and TN_TRANS_B", trans);
    if ((trans & TN_TRANS_A && a->rank == 1) || (trans & TN_TRANS_B && b->rank == 1))
        return tn_op_fail(y, TN_EUSAGE, "a vector cannot be transposed: a %s x b %s", TN_STR(a), TN_STR(b));
    left_sizes(a, trans & TN_TRANS_A, &p);
    right_sizes(b, trans & TN_TRANS_B, &k, &n);
    return p.k == k || fail(y, "inner sizes differ");
}

/* Room for the product, and for both operands' gradients. */
static bool reserve(tn_tensor *y, const product *p)
{
    const int64_t batches = p->batches, m = p->m, n = p->n, k = p->k;
    return tn__product_reserve(y, batches, m, n, k) &&
           (p->ta ? tn__product_reserve(y, batches, k, m, n) : tn__product_reserve(y, batches, m, k, n)) &&
           (p->tb ? tn__product_reserve(y, batches, n, k, m) : tn__product_reserve(y, batches, k, n, m));
}

static bool matmul_shape(tn_tensor *y)
{
    product p;
    if (!check_operands(y)) return false;
    if (!plan(y, &p)) return fail(y, "batches do not broadcast");
    int64_t size[TN_MAX_RANK];
    int rank = p.rank;
    memcpy(size, p.size, sizeof size);
    if (y->in[0]->rank > 1) size[rank++] = p.m;
    if (y->in[1]->rank > 1) size[rank++] = p.n;
    if (!tn_set_shape(y, rank, size)) return false;
    fold(&p, y->in[1]);
    return reserve(y, &p);
}

/* ---- forward and backward -------------------------------------------------------------------------------------- */

static product plan_folded(const tn_tensor *y)
{
    product p;
    plan(y, &p);
    fold(&p, y->in[1]);
    return p;
}

/* What all products of y have in common. */
static tn__batches batches_of(const product *p)
{
    return (tn__batches){.n = p->batches, .rank = p->rank, .size = p->size};
}

static void matmul_forward(tn_tensor *y)
{
    const product p = plan_folded(y);
    tn__batches w = batches_of(&p);
    tn__product z = {.batches = &w};
    z.ta = p.ta, z.tb = p.tb;
    z.m = p.m, z.n = p.n, z.k = p.k;
    z.a = y->in[0]->data, w.a_step = p.a_step;
    z.b = y->in[1]->data, w.b_step = p.b_step;
    z.c = y->data, w.c_step = p.y_step;
    tn__product_run(y, &z);
}

/* ga = or += g op(b)^T, or its transpose if a is stored transposed. */
static void left_grad(const tn_tensor *y, const product *p, tn_real *ga, bool first)
{
    tn__batches w = batches_of(p);
    tn__product z = {.batches = &w};
    z.c = ga, w.c_step = p->a_step, w.c_shared = p->a_shared;
    z.add = !first || p->a_shared;
    if (first && p->a_shared) memset(ga, 0, (size_t)y->in[0]->n * sizeof *ga);
    if (p->ta) {
        z.m = p->k, z.n = p->m, z.k = p->n;
        z.a = y->in[1]->data, w.a_step = p->b_step, z.ta = p->tb;
        z.b = tn_grad_out(y), w.b_step = p->y_step, z.tb = true;
    } else {
        z.m = p->m, z.n = p->k, z.k = p->n;
        z.a = tn_grad_out(y), w.a_step = p->y_step;
        z.b = y->in[1]->data, w.b_step = p->b_step, z.tb = !p->tb;
    }
    tn__product_run(y, &z);
}

/* gb = or += op(a)^T g, or its transpose if b is stored transposed. */
static void right_grad(const tn_tensor *y, const product *p, tn_real *gb, bool first)
{
    tn__batches w = batches_of(p);
    tn__product z = {.batches = &w};
    z.c = gb, w.c_step = p->b_step, w.c_shared = p->b_shared;
    z.add = !first || p->b_shared;
    if (first && p->b_shared) memset(gb, 0, (size_t)y->in[1]->n * sizeof *gb);
    if (p->tb) {
        z.m = p->n, z.n = p->k, z.k = p->m;
        z.a = tn_grad_out(y), w.a_step = p->y_step, z.ta = true;
        z.b = y->in[0]->data, w.b_step = p->a_step, z.tb = p->ta;
    } else {
        z.m = p->k, z.n = p->n, z.k = p->m;
        z.a = y->in[0]->data, w.a_step = p->a_step, z.ta = !p->ta;
        z.b = tn_grad_out(y), w.b_step = p->y_step;
    }
    tn__product_run(y, &z);
}

static void matmul_backward(tn_tensor *y)
{
    const product p = plan_folded(y);
    bool first;
    tn_real *ga = tn_grad(y, 0, &first);
    if (ga) left_grad(y, &p, ga, first);
    tn_real *gb = tn_grad(y, 1, &first);
    if (gb) right_grad(y, &p, gb, first);
}

/* ---- the op ---------------------------------------------------------------------------------------------------- */

static tn_tensor *matmul_sample(tn_tape *t, int k)
{
    static const struct { tn_dims a, b; unsigned trans; } sample[] = {
        {{2, {2, 3}}, {2, {3, 4}}, 0},
        {{2, {3, 2}}, {2, {3, 4}}, TN_TRANS_A},
        {{2, {2, 3}}, {2, {4, 3}}, TN_TRANS_B},
        {{2, {3, 2}}, {2, {4, 3}}, TN_TRANS_A | TN_TRANS_B},
        {{2, {3, 3}}, {2, {3, 3}}, TN_TRANS_B},
        {{1, {3}}, {1, {3}}, 0},
        {{1, {3}}, {2, {3, 4}}, 0},
        {{2, {2, 3}}, {1, {3}}, 0},
        {{1, {3}}, {3, {2, 4, 3}}, TN_TRANS_B},
        {{3, {2, 3, 2}}, {1, {3}}, TN_TRANS_A},
        {{3, {2, 2, 3}}, {3, {2, 3, 2}}, 0},
        {{3, {2, 2, 3}}, {2, {3, 4}}, 0},             /* a shared right operand: one tall product */
        {{3, {2, 3, 2}}, {2, {4, 3}}, TN_TRANS_A | TN_TRANS_B},
        {{2, {2, 3}}, {3, {2, 3, 2}}, 0},             /* a shared left operand */
        {{4, {2, 1, 2, 3}}, {3, {3, 3, 2}}, 0},       /* both are */
        {{4, {2, 1, 3, 2}}, {3, {3, 2, 3}}, TN_TRANS_A | TN_TRANS_B},
        {{4, {1, 1, 2, 3}}, {4, {1, 1, 3, 2}}, 0},
        {{2, {1, 1}}, {2, {1, 1}}, 0},
        {{2, {2, 0}}, {2, {0, 3}}, 0},                /* sums of nothing */
        {{2, {0, 3}}, {2, {3, 2}}, 0},
        {{3, {0, 2, 3}}, {2, {3, 2}}, 0},
        {{2, {2, 3}}, {3, {0, 3, 2}}, 0},
        {{8, {1, 2, 1, 1, 1, 2, 1, 2}}, {8, {1, 1, 1, 2, 1, 1, 2, 2}}, 0},
        {{2, {7, 33}}, {2, {33, 9}}, 0},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    tn_tensor *b = tn_sample(t, sample[k].b, -1, 1);
    return tn_matmul_trans(t, tn_sample(t, sample[k].a, -1, 1), b, sample[k].trans);
}

const tn_op tn__op_matmul = {
    .name = "matmul",
    .n_in = 2,
    .attr_size = sizeof(unsigned),
    .shape = matmul_shape,
    .forward = matmul_forward,
    .backward = matmul_backward,
    .sample = matmul_sample,
};

tn_tensor *tn_matmul(tn_tape *t, tn_tensor *a, tn_tensor *b)
{
    return tn_matmul_trans(t, a, b, 0);
}

tn_tensor *tn_matmul_trans(tn_tape *t, tn_tensor *a, tn_tensor *b, unsigned trans)
{
    return tn_apply(t, &tn__op_matmul, 2, (tn_tensor *[]){a, b}, &trans);
}
