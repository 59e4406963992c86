/* loss.c: shapes, reductions and labels of the losses. */
#include "loss.h"

#include "kernels/kernels.h"

static bool check_reduction(const tn_tensor *y, tn_reduction r)
{
    if (r == TN_MEAN || r == TN_SUM || r == TN_NONE) return true;
    if (r == TN_BATCHMEAN)
        return tn_op_fail(y, TN_EUSAGE, "TN_BATCHMEAN is for kl_div only; use TN_MEAN, TN_SUM or TN_NONE");
    return tn_op_fail(y, TN_EUSAGE, "reduction %d is not TN_MEAN, TN_SUM or TN_NONE", (int)r);
}

/* ---- pointwise ------------------------------------------------------------------------------------------------- */

static bool same_shape(const tn_tensor *a, const tn_tensor *b)
{
    bool same = a->rank == b->rank;
    for (int d = 0; same && d < a->rank; d++) same = a->size[d] == b->size[d];
    return same;
}

bool tn__pointwise_shape(tn_tensor *y, tn_reduction r, bool batchmean)
{
    const tn_tensor *x = y->in[0], *target = y->in[1];
    if (!(batchmean && r == TN_BATCHMEAN) && !check_reduction(y, r)) return false;
    if (!same_shape(x, target))
        return tn_op_fail(y, TN_ESHAPE, "target is %s, it must be as x %s: losses do not broadcast; tn_reshape gives it "
                          "another shape", TN_STR(target), TN_STR(x));
    if (r == TN_BATCHMEAN && x->rank == 0)
        return tn_op_fail(y, TN_ESHAPE, "TN_BATCHMEAN divides by the first size, and x is a scalar");
    return r == TN_NONE ? tn_set_shape_like(y, x) : tn_set_shape(y, 0, NULL);
}

/* What the sum is divided by; of nothing, the mean is 0 / 0. */
static double divisor(const tn_tensor *x, tn_reduction r)
{
    if (r == TN_MEAN) return (double)x->n;
    return r == TN_BATCHMEAN ? (double)x->size[0] : 1;
}

static int64_t block_size(int64_t left)
{
    return left < TN__LOSS_BLOCK ? left : TN__LOSS_BLOCK;
}

void tn__pointwise_forward(tn_tensor *y, tn_reduction r, tn__loss_loop *value)
{
    tn_real block[TN__LOSS_BLOCK];
    int64_t n = y->in[0]->n;
    double sum = 0;
    for (int64_t i = 0; i < n; i += TN__LOSS_BLOCK) {
        value(y, i, block_size(n - i), r == TN_NONE ? y->data + i : block);
        if (r != TN_NONE) sum += (double)tn__kernels_get()->sum(block_size(n - i), block);
    }
    if (r != TN_NONE) y->data[0] = (tn_real)(sum / divisor(y->in[0], r));
}

void tn__pointwise_backward(tn_tensor *y, tn_reduction r, int i, tn__loss_loop *slope)
{
    const tn_real *g = tn_grad_out(y);
    bool first;
    tn_real *gx = tn_grad(y, i, &first), block[TN__LOSS_BLOCK];
    tn_real scale = r == TN_NONE ? 1 : (tn_real)((double)g[0] / divisor(y->in[0], r));
    for (int64_t at = 0; gx && at < y->in[0]->n; at += TN__LOSS_BLOCK) {
        int64_t n = block_size(y->in[0]->n - at);
        slope(y, at, n, block);
        for (int64_t k = 0; k < n; k++) block[k] *= r == TN_NONE ? g[at + k] : scale;
        for (int64_t k = 0; k < n; k++) gx[at + k] = first ? block[k] : gx[at + k] + block[k];
    }
}

/* ---- row by row ------------------------------------------------------------------------------------------------ */

int64_t tn__loss_classes(const tn_tensor *y)
{
    return y->in[0]->size[y->in[0]->rank - 1];
}

int64_t tn__loss_rows(const tn_tensor *y)
{
    int64_t rows = 1;
    for (int d = 0; d < y->in[0]->rank - 1; d++) rows *= y->in[0]->size[d];
    return rows;
}

bool tn__row_loss_shape(tn_tensor *y, const tn_tensor *weight, tn_reduction r)
{
    const tn_tensor *x = y->in[0];
    if (x->rank < 1) return tn_op_fail(y, TN_ESHAPE, "input 0 is a scalar, its last dimension should be the classes");
    if (weight && (weight->rank != 1 || weight->n != tn__loss_classes(y)))
        return tn_op_fail(y, TN_ESHAPE, "weight is %s, for %lld classes it must be (%lld,)", TN_STR(weight),
                          (long long)tn__loss_classes(y), (long long)tn__loss_classes(y));
    return check_reduction(y, r) && tn_set_shape(y, r == TN_NONE ? x->rank - 1 : 0, x->size);
}

bool tn__check_labels(const tn_tensor *y, const tn__label_loss *l)
{
    tn_ids labels = l->labels;
    int64_t rows = tn__loss_rows(y), classes = tn__loss_classes(y);
    if (labels.n != rows)
        return tn_op_fail(y, TN_ESHAPE, "%lld labels for the %lld rows of %s", (long long)labels.n, (long long)rows,
                          TN_STR(y->in[0]));
    if (rows > 0 && !labels.id)
        return tn_op_fail(y, TN_EUSAGE, "labels is NULL, and should hold %lld", (long long)rows);
    for (int64_t r = 0; r < rows; r++)
        if (labels.id[r] != l->options.ignore_index && (labels.id[r] < 0 || labels.id[r] >= classes))
            return tn_op_fail(y, TN_EINDEX, "label %d at position %lld is outside [0, %lld): the logits have %lld classes, "
                              "counted from 0", (int)labels.id[r], (long long)r, (long long)classes, (long long)classes);
    return true;
}

tn_real tn__class_weight(const tn_tensor *weight, int64_t c)
{
    return weight ? weight->data[c] : 1;
}

double tn__label_total(const tn_tensor *weight, const tn__label_loss *l)
{
    double total = 0;
    for (int64_t r = 0; r < l->labels.n; r++)
        if (l->labels.id[r] != l->options.ignore_index) total += (double)tn__class_weight(weight, l->labels.id[r]);
    return total;
}

void tn__row_loss_forward(tn_tensor *y, tn_reduction r, double total, tn__row_loss *loss)
{
    double sum = 0;
    for (int64_t row = 0; row < tn__loss_rows(y); row++) {
        double of_row = loss(y, row);
        if (r == TN_NONE) y->data[row] = (tn_real)of_row;
        else sum += of_row;
    }
    if (r != TN_NONE) y->data[0] = (tn_real)(r == TN_MEAN ? sum / total : sum);
}

tn_real tn__row_grad_out(const tn_tensor *y, tn_reduction r, double total, int64_t row)
{
    const tn_real *g = tn_grad_out(y);
    if (r == TN_NONE) return g[row];
    return r == TN_MEAN ? (tn_real)((double)g[0] / total) : g[0];
}
