/* cross_entropy.c: the classifier's loss, against labels or probabilities. A row costs two passes: the maximum,
 * and the sum of exponentials; its maximum and the sum's logarithm are all that backward needs. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "loss.h"

enum { LOGITS, LABEL_WEIGHT, TARGET = 1, PROB_WEIGHT };

/* ---- a row's softmax ------------------------------------------------------------------------------------------- */

/* Leaves x - max in shifted; returns log sum exp of it. With it, -log softmax is log_sum - shifted: two numbers
 * that are not negative, so nothing cancels however large the logits are. */
static tn_real log_sum_exp(const tn_tensor *y, int64_t row, tn_real *shifted)
{
    const tn__kernels *kernels = tn__kernels_get();
    int64_t n = tn__loss_classes(y);
    const tn_real *x = y->in[LOGITS]->data + row * n;
    tn_real *saved = (tn_real *)y->saved + 2 * row, *e = shifted + n, max = kernels->max(n, x);
    for (int64_t c = 0; c < n; c++) shifted[c] = x[c] - max;
    kernels->exp(n, shifted, e);
    saved[0] = max;
    saved[1] = (tn_real)log((double)kernels->sum(n, e));
    return saved[1];
}

static void softmax_again(const tn_tensor *y, int64_t row, tn_real *p)
{
    int64_t n = tn__loss_classes(y);
    const tn_real *x = y->in[LOGITS]->data + row * n, *saved = (const tn_real *)y->saved + 2 * row;
    for (int64_t c = 0; c < n; c++) p[c] = (x[c] - saved[0]) - saved[1];
    tn__kernels_get()->exp(n, p, p);
}

static bool check_smoothing(const tn_tensor *y, double smoothing)
{
    if (smoothing >= 0 && smoothing <= 1) return true;
    return tn_op_fail(y, TN_EUSAGE, "label_smoothing is %g, it must be from 0 to 1", smoothing);
}

static bool reserve(tn_tensor *y)
{
    return tn_alloc_saved(y, (size_t)(2 * tn__loss_rows(y)) * sizeof(tn_real)) &&
           tn_alloc_scratch(y, (size_t)(2 * tn__loss_classes(y)) * sizeof(tn_real));
}

/* A row of gradient: made in place if it is the first contribution, else in spare and added. */
static tn_real *gradient_row(tn_real *gx, bool first, tn_real *spare)
{
    return first ? gx : spare;
}

static void add_spare(int64_t n, tn_real *gx, bool first, const tn_real *spare)
{
    if (!first) tn__kernels_get()->axpy(n, 1, spare, gx);
}

/* ---- labels ---------------------------------------------------------------------------------------------------- */

static bool label_shape(tn_tensor *y)
{
    const tn__label_loss *l = y->attr;
    return tn__row_loss_shape(y, y->in[LABEL_WEIGHT], l->options.reduction) && tn__check_labels(y, l) &&
           check_smoothing(y, l->options.label_smoothing) && reserve(y);
}

static bool is_ignored(const tn__label_loss *l, int64_t row)
{
    return l->labels.id[row] == l->options.ignore_index;
}

/* Sum over the classes of weight times v. */
static tn_real weighted_sum(const tn_tensor *weight, int64_t n, const tn_real *v)
{
    return weight ? tn__kernels_get()->dot(n, weight->data, v) : tn__kernels_get()->sum(n, v);
}

static tn_real total_weight(const tn_tensor *weight, int64_t n)
{
    return weight ? tn__kernels_get()->sum(n, weight->data) : (tn_real)n;
}

static double label_loss(tn_tensor *y, int64_t row)
{
    const tn__label_loss *l = y->attr;
    const tn_tensor *weight = y->in[LABEL_WEIGHT];
    int64_t n = tn__loss_classes(y);
    double smoothing = l->options.label_smoothing;
    if (is_ignored(l, row)) return 0;
    tn_real *shifted = tn_scratch(y), log_sum = log_sum_exp(y, row, shifted);
    int32_t label = l->labels.id[row];
    double loss = (1 - smoothing) * (double)(tn__class_weight(weight, label) * (log_sum - shifted[label]));
    if (smoothing > 0)
        loss += smoothing / (double)n *
                (double)(log_sum * total_weight(weight, n) - weighted_sum(weight, n, shifted));
    return loss;
}

static void label_forward(tn_tensor *y)
{
    const tn__label_loss *l = y->attr;
    tn__row_loss_forward(y, l->options.reduction, tn__label_total(y->in[LABEL_WEIGHT], l), label_loss);
}

/* gx = g (p (w_label (1 - s) + s/C sum w) - s/C w - onehot w_label (1 - s)), s the smoothing. */
static void label_row_grad(const tn_tensor *y, int64_t row, tn_real g, tn_real *gx)
{
    const tn__label_loss *l = y->attr;
    const tn_tensor *weight = y->in[LABEL_WEIGHT];
    int64_t n = tn__loss_classes(y);
    int32_t label = l->labels.id[row];
    tn_real smoothing = (tn_real)l->options.label_smoothing, share = smoothing / (tn_real)n;
    tn_real own = (1 - smoothing) * tn__class_weight(weight, label), all = own;
    if (smoothing > 0) all += share * total_weight(weight, n);
    softmax_again(y, row, gx);
    for (int64_t c = 0; c < n; c++) gx[c] *= g * all;
    for (int64_t c = 0; c < n && smoothing > 0; c++) gx[c] -= g * share * tn__class_weight(weight, c);
    gx[label] -= g * own;
}

static void label_backward(tn_tensor *y)
{
    const tn__label_loss *l = y->attr;
    int64_t n = tn__loss_classes(y);
    double total = tn__label_total(y->in[LABEL_WEIGHT], l);
    bool first;
    tn_real *gx = tn_grad(y, LOGITS, &first);
    for (int64_t row = 0; gx && row < tn__loss_rows(y); row++, gx += n) {
        tn_real *to = gradient_row(gx, first, tn_scratch(y));
        if (!is_ignored(l, row)) {
            label_row_grad(y, row, tn__row_grad_out(y, l->options.reduction, total, row), to);
            add_spare(n, gx, first, to);
        } else if (first) {
            memset(gx, 0, (size_t)n * sizeof *gx);
        }
    }
}

/* ---- probabilities --------------------------------------------------------------------------------------------- */

static bool prob_shape(tn_tensor *y)
{
    const tn__label_loss *l = y->attr;
    const tn_tensor *x = y->in[LOGITS], *target = y->in[TARGET];
    bool same = x->rank == target->rank;
    for (int d = 0; same && d < x->rank; d++) same = x->size[d] == target->size[d];
    if (!same) return tn_op_fail(y, TN_ESHAPE, "target is %s, it must be as logits %s", TN_STR(target), TN_STR(x));
    return tn__row_loss_shape(y, y->in[PROB_WEIGHT], l->options.reduction) &&
           check_smoothing(y, l->options.label_smoothing) && reserve(y);
}

/* q = weight (target (1 - s) + s/C): what -log softmax is multiplied by. */
static void smooth_target(const tn_tensor *y, int64_t row, tn_real *q)
{
    const tn__label_loss *l = y->attr;
    const tn_tensor *weight = y->in[PROB_WEIGHT];
    int64_t n = tn__loss_classes(y);
    const tn_real *target = y->in[TARGET]->data + row * n;
    tn_real smoothing = (tn_real)l->options.label_smoothing, share = smoothing / (tn_real)n;
    for (int64_t c = 0; c < n; c++) q[c] = target[c] * (1 - smoothing) + share;
    for (int64_t c = 0; c < n && weight; c++) q[c] *= weight->data[c];
}

static double prob_loss(tn_tensor *y, int64_t row)
{
    const tn__kernels *kernels = tn__kernels_get();
    int64_t n = tn__loss_classes(y);
    if (!n) return 0;
    tn_real *shifted = tn_scratch(y), *q = shifted + n, log_sum = log_sum_exp(y, row, shifted);
    smooth_target(y, row, q);
    return (double)(log_sum * kernels->sum(n, q) - kernels->dot(n, q, shifted));
}

static void prob_forward(tn_tensor *y)
{
    const tn__label_loss *l = y->attr;
    tn__row_loss_forward(y, l->options.reduction, (double)tn__loss_rows(y), prob_loss);
}

static void prob_row_grad(const tn_tensor *y, int64_t row, tn_real g, tn_real *q, tn_real *gx)
{
    int64_t n = tn__loss_classes(y);
    smooth_target(y, row, q);
    softmax_again(y, row, gx);
    tn_real all = tn__kernels_get()->sum(n, q);
    for (int64_t c = 0; c < n; c++) gx[c] = g * (gx[c] * all - q[c]);
}

static void prob_backward(tn_tensor *y)
{
    const tn__label_loss *l = y->attr;
    int64_t n = tn__loss_classes(y), rows = tn__loss_rows(y);
    bool first;
    tn_real *gx = tn_grad(y, LOGITS, &first), *spare = tn_scratch(y);
    for (int64_t row = 0; gx && row < rows; row++, gx += n) {
        tn_real *to = gradient_row(gx, first, spare);
        prob_row_grad(y, row, tn__row_grad_out(y, l->options.reduction, (double)rows, row), spare + n, to);
        add_spare(n, gx, first, to);
    }
}

/* ---- the ops --------------------------------------------------------------------------------------------------- */

typedef struct example {
    tn_dims                  logits;
    bool                     weight;
    tn_cross_entropy_options options;
} example;

static const example examples[] = {
    {{2, {4, 5}}, false, {TN_MEAN, -100, 0}},  {{2, {4, 5}}, false, {TN_SUM, -100, 0}},
    {{2, {4, 5}}, false, {TN_NONE, -100, 0}},  {{2, {4, 5}}, true, {TN_MEAN, -100, 0}},
    {{2, {4, 5}}, true, {TN_MEAN, 1, 0}},      {{2, {4, 5}}, false, {TN_MEAN, 0, 0.1}},
    {{2, {4, 5}}, true, {TN_MEAN, 1, 0.3}},    {{2, {4, 5}}, true, {TN_NONE, 1, 0.3}},
    {{2, {4, 5}}, true, {TN_SUM, -100, 1}},    {{1, {5}}, true, {TN_MEAN, -100, 0.1}},
    {{1, {5}}, false, {TN_NONE, -100, 0}},     {{3, {2, 2, 5}}, true, {TN_NONE, 1, 0.1}},
    {{2, {1, 5}}, true, {TN_SUM, 2, 0.1}},     {{2, {0, 5}}, true, {TN_SUM, -100, 0.1}},
    {{2, {0, 5}}, false, {TN_NONE, -100, 0}},  {{2, {4, 67}}, true, {TN_MEAN, -100, 0.1}},
};
enum { EXAMPLES = sizeof examples / sizeof *examples };

static tn_tensor *class_weight(tn_tape *t, const example *e)
{
    tn_dims classes = TN_DIMS(e->logits.at[e->logits.n - 1]);
    return e->weight ? tn_detach(t, tn_sample(t, classes, 0.5, 2)) : NULL;
}

static tn_ids labels_for(const tn_tensor *logits)
{
    static const int32_t labels[] = {2, 0, 1, 4};
    int64_t classes = logits ? logits->size[logits->rank - 1] : 1;
    return (tn_ids){labels, logits ? logits->n / classes : 0};
}

static tn_tensor *label_sample(tn_tape *t, int k)
{
    if (k >= EXAMPLES + 1) return NULL;
    if (k == EXAMPLES) { /* one class, with probability 1 whatever the logits */
        static const int32_t zeros[3];
        return tn_cross_entropy(t, tn_sample(t, TN_DIMS(3, 1), -1, 1), (tn_ids){zeros, 3});
    }
    const example *e = &examples[k];
    tn_tensor *logits = tn_sample(t, e->logits, -2, 2);
    return tn_cross_entropy_with(t, logits, labels_for(logits), class_weight(t, e), e->options);
}

static tn_tensor *prob_sample(tn_tape *t, int k)
{
    if (k >= EXAMPLES) return NULL;
    const example *e = &examples[k];
    tn_tensor *logits = tn_sample(t, e->logits, -2, 2), *target = tn_detach(t, tn_sample(t, e->logits, 0, 1));
    return tn_cross_entropy_prob(t, logits, target, class_weight(t, e), e->options);
}

const tn_op tn__op_cross_entropy = {
    .name = "cross_entropy",
    .n_in = 2,
    .optional = 1u << LABEL_WEIGHT,
    .constant = 1u << LABEL_WEIGHT,
    .attr_size = sizeof(tn__label_loss),
    .shape = label_shape,
    .forward = label_forward,
    .backward = label_backward,
    .sample = label_sample,
};

const tn_op tn__op_cross_entropy_prob = {
    .name = "cross_entropy_prob",
    .n_in = 3,
    .optional = 1u << PROB_WEIGHT,
    .constant = 1u << TARGET | 1u << PROB_WEIGHT,
    .attr_size = sizeof(tn__label_loss),
    .shape = prob_shape,
    .forward = prob_forward,
    .backward = prob_backward,
    .sample = prob_sample,
};

tn_cross_entropy_options tn_cross_entropy_defaults(void)
{
    return (tn_cross_entropy_options){.reduction = TN_MEAN, .ignore_index = -100};
}

tn_tensor *tn_cross_entropy(tn_tape *t, tn_tensor *logits, tn_ids labels)
{
    return tn_cross_entropy_with(t, logits, labels, NULL, tn_cross_entropy_defaults());
}

tn_tensor *tn_cross_entropy_with(tn_tape *t, tn_tensor *logits, tn_ids labels, tn_tensor *weight,
                                 tn_cross_entropy_options options)
{
    tn__label_loss l = {.labels = labels, .options = options};
    return tn_apply(t, &tn__op_cross_entropy, 2, (tn_tensor *[]){logits, weight}, &l);
}

tn_tensor *tn_cross_entropy_prob(tn_tape *t, tn_tensor *logits, tn_tensor *target, tn_tensor *weight,
                                 tn_cross_entropy_options options)
{
    tn__label_loss l = {.options = options};
    return tn_apply(t, &tn__op_cross_entropy_prob, 3, (tn_tensor *[]){logits, target, weight}, &l);
}
