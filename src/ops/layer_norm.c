/* layer_norm.c: layer normalisation (Ba, Kiros and Hinton 2016) over the last dimensions. */
#include "kernels/kernels.h"
#include "shape.h"

#include <tarn/ops.h>

enum { X, WEIGHT, BIAS };

/* How many numbers are normalised together: as many as weight (or bias) has, else the last dimension. */
static int64_t row_width(const tn_tensor *y)
{
    const tn_tensor *like = y->in[WEIGHT] ? y->in[WEIGHT] : y->in[BIAS];
    return like ? like->n : y->in[X]->size[y->in[X]->rank - 1];
}

static int64_t count_rows(const tn_tensor *y)
{
    int64_t width = row_width(y);
    return width ? y->in[X]->n / width : 0;
}

/* Rows go in pieces. Each piece of backward sums its rows' gradients of weight and bias apart; there are PIECES at most,
 * cut by the size alone, and their sums are added in order. */
enum { PIECES = 16 };

static int64_t rows_per_piece(const tn_tensor *y)
{
    int64_t few = 1 + TN__GRAIN / (row_width(y) + 1), share = (count_rows(y) + PIECES - 1) / PIECES;
    return few > share ? few : share;
}

static int64_t count_pieces(const tn_tensor *y)
{
    return (count_rows(y) + rows_per_piece(y) - 1) / rows_per_piece(y);
}

/* Is like's shape the last part of x's? */
static bool is_tail(const tn_tensor *x, const tn_tensor *like)
{
    bool tail = like->rank >= 1 && like->rank <= x->rank;
    for (int d = 1; tail && d <= like->rank; d++) tail = x->size[x->rank - d] == like->size[like->rank - d];
    return tail;
}

static bool layer_norm_shape(tn_tensor *y)
{
    const tn_tensor *x = y->in[X], *weight = y->in[WEIGHT], *bias = y->in[BIAS];
    double eps = *(const double *)y->attr;
    if (x->rank < 1) return tn_op_fail(y, TN_ESHAPE, "x is a scalar, it has no dimension to normalise over");
    if (weight && !is_tail(x, weight))
        return tn_op_fail(y, TN_ESHAPE, "weight is %s, not the last sizes of x %s", TN_STR(weight), TN_STR(x));
    if (bias && (!is_tail(x, bias) || (weight && bias->rank != weight->rank)))
        return tn_op_fail(y, TN_ESHAPE, "bias is %s, not as weight %s or the last sizes of x %s", TN_STR(bias),
                          TN_STR(weight), TN_STR(x));
    if (!(eps >= 0)) return tn_op_fail(y, TN_EUSAGE, "eps is %g, it must be 0 or more", eps);
    return tn_alloc_saved(y, (size_t)(2 * count_rows(y)) * sizeof(tn_real)) &&
           tn_alloc_scratch(y, (size_t)(2 * count_pieces(y) * row_width(y)) * sizeof(tn_real)) && tn_set_shape_like(y, x);
}

static const tn_real *data_of(const tn_tensor *x)
{
    return x ? x->data : NULL;
}

/* saved: each row's mean and 1 / standard deviation. */
static void forward_rows(int64_t begin, int64_t end, void *arg)
{
    const tn_tensor *y = arg;
    const tn_real *weight = data_of(y->in[WEIGHT]), *bias = data_of(y->in[BIAS]);
    tn_real eps = (tn_real) * (const double *)y->attr, *saved = y->saved;
    int64_t width = row_width(y);
    for (int64_t r = begin; r < end; r++)
        tn__kernels_get()->layer_norm(width, y->in[X]->data + r * width, weight, bias, eps, y->data + r * width,
                                      &saved[2 * r], &saved[2 * r + 1]);
}

static void layer_norm_forward(tn_tensor *y)
{
    tn_parallel_for(count_rows(y), rows_per_piece(y), forward_rows, y);
}

/* sums: each piece's gradients of weight and of bias. */
typedef struct back {
    const tn_tensor *y;
    tn_real         *gx, *sums;
    bool             first, weight, bias;
} back;

static void backward_rows(int64_t begin, int64_t end, void *arg)
{
    const back *j = arg;
    const tn_tensor *y = j->y;
    const tn_real *weight = data_of(y->in[WEIGHT]), *saved = y->saved;
    const int64_t width = row_width(y);
    tn_real *gweight = j->sums + begin / rows_per_piece(y) * 2 * width, *gbias = gweight + width;
    tn__zero(2 * width, gweight);
    for (int64_t r = begin; r < end; r++) {
        const tn_real *x = y->in[X]->data + r * width, *g = tn_grad_out(y) + r * width;
        tn_real mean = saved[2 * r], rstd = saved[2 * r + 1];
        if (j->gx) tn__kernels_get()->layer_norm_grad(width, x, weight, mean, rstd, g, j->gx + r * width, j->first);
        tn__kernels_get()->layer_norm_grad_params(width, x, mean, rstd, g, j->weight ? gweight : NULL,
                                                  j->bias ? gbias : NULL);
    }
}

static void add_sums(tn_tensor *y, int i, const tn_real *sums)
{
    bool first;
    int64_t width = row_width(y), pieces = count_pieces(y);
    tn_real *g = tn_grad(y, i, &first);
    if (g && first && !pieces) tn__zero(width, g);
    for (int64_t k = 0; k < pieces && g; k++) tn__put(first && !k, width, sums + 2 * k * width, g);
}

static void layer_norm_backward(tn_tensor *y)
{
    back j = {.y = y, .sums = tn_scratch(y), .weight = tn_wants(y, WEIGHT), .bias = tn_wants(y, BIAS)};
    j.gx = tn_grad(y, X, &j.first);
    tn_parallel_for(count_rows(y), rows_per_piece(y), backward_rows, &j);
    if (j.weight) add_sums(y, WEIGHT, j.sums);
    if (j.bias) add_sums(y, BIAS, j.sums + row_width(y));
}

static tn_tensor *layer_norm_sample(tn_tape *t, int k)
{
    static const struct { tn_dims x; int tail; bool weight, bias; double eps; } sample[] = {
        {{2, {3, 5}}, 1, true, true, 1e-5},    {{2, {3, 5}}, 1, true, false, 1e-5},
        {{2, {3, 5}}, 1, false, false, 1e-5},  {{2, {3, 5}}, 1, false, true, 0.1},
        {{1, {4}}, 1, true, true, 1e-5},       {{3, {2, 3, 4}}, 2, true, true, 1e-5},
        {{3, {2, 3, 4}}, 3, true, true, 1e-5}, {{2, {3, 1}}, 1, true, true, 0.1},
        {{2, {0, 4}}, 1, true, true, 1e-5},    {{2, {3, 0}}, 1, true, true, 1e-5},
        {{2, {2, 67}}, 1, true, true, 1e-5},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    tn_dims x = sample[k].x, tail = {.n = sample[k].tail};
    for (int d = 0; d < tail.n; d++) tail.at[d] = x.at[x.n - tail.n + d];
    tn_tensor *bias = sample[k].bias ? tn_sample(t, tail, -1, 1) : NULL;
    tn_tensor *weight = sample[k].weight ? tn_sample(t, tail, 0.5, 1.5) : NULL;
    return tn_layer_norm(t, tn_sample(t, x, -2, 2), weight, bias, sample[k].eps);
}

const tn_op tn__op_layer_norm = {
    .name = "layer_norm",
    .n_in = 3,
    .optional = 1u << WEIGHT | 1u << BIAS,
    .attr_size = sizeof(double),
    .shape = layer_norm_shape,
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
    .sample = layer_norm_sample,
};

tn_tensor *tn_layer_norm(tn_tape *t, tn_tensor *x, tn_tensor *weight, tn_tensor *bias, double eps)
{
    return tn_apply(t, &tn__op_layer_norm, 3, (tn_tensor *[]){x, weight, bias}, &eps);
}
