/* nll.c: the negative log-likelihood of labels, from log-probabilities. */
#include <string.h>

#include "loss.h"

enum { LOGP, WEIGHT };

static bool nll_shape(tn_tensor *y)
{
    const tn__label_loss *l = y->attr;
    if (l->options.label_smoothing != 0)
        return tn_op_fail(y, TN_EUSAGE,
                          "label_smoothing is %g, it must be 0 here: use tn_cross_entropy_with on the logits",
                          l->options.label_smoothing);
    return tn__row_loss_shape(y, y->in[WEIGHT], l->options.reduction) && tn__check_labels(y, l);
}

static double row_loss(tn_tensor *y, int64_t row)
{
    const tn__label_loss *l = y->attr;
    int32_t label = l->labels.id[row];
    if (label == l->options.ignore_index) return 0;
    tn_real logp = y->in[LOGP]->data[row * tn__loss_classes(y) + label];
    return (double)(-tn__class_weight(y->in[WEIGHT], label) * logp);
}

static void nll_forward(tn_tensor *y)
{
    const tn__label_loss *l = y->attr;
    tn__row_loss_forward(y, l->options.reduction, tn__label_total(y->in[WEIGHT], l), row_loss);
}

static void nll_backward(tn_tensor *y)
{
    const tn__label_loss *l = y->attr;
    double total = tn__label_total(y->in[WEIGHT], l);
    int64_t classes = tn__loss_classes(y), rows = tn__loss_rows(y);
    bool first;
    tn_real *gx = tn_grad(y, LOGP, &first);
    if (gx && first && y->in[LOGP]->n) memset(gx, 0, (size_t)y->in[LOGP]->n * sizeof *gx);
    for (int64_t row = 0; gx && row < rows; row++) {
        int32_t label = l->labels.id[row];
        if (label == l->options.ignore_index) continue;
        tn_real g = tn__row_grad_out(y, l->options.reduction, total, row);
        gx[row * classes + label] -= g * tn__class_weight(y->in[WEIGHT], label);
    }
}

static tn_tensor *nll_sample(tn_tape *t, int k)
{
    static const int32_t labels[] = {2, 0, 1, 4};
    static const struct {
        tn_dims      logp;
        int64_t      rows;
        bool         weight;
        tn_reduction reduction;
        int32_t      ignore;
    } sample[] = {
        {{2, {4, 5}}, 4, false, TN_MEAN, -100}, {{2, {4, 5}}, 4, true, TN_MEAN, 1},
        {{2, {4, 5}}, 4, true, TN_SUM, 2},      {{2, {4, 5}}, 4, true, TN_NONE, 2},
        {{1, {5}}, 1, true, TN_NONE, -100},     {{3, {2, 2, 5}}, 4, true, TN_NONE, 0},
        {{2, {0, 5}}, 0, true, TN_SUM, -100},   {{2, {1, 5}}, 1, false, TN_SUM, 2},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    tn_dims logp = sample[k].logp;
    tn_tensor *weight = sample[k].weight ? tn_detach(t, tn_sample(t, TN_DIMS(logp.at[logp.n - 1]), 0.5, 2)) : NULL;
    tn_cross_entropy_options o = {.reduction = sample[k].reduction, .ignore_index = sample[k].ignore};
    return tn_nll(t, tn_sample(t, logp, -3, -0.1), (tn_ids){labels, sample[k].rows}, weight, o);
}

const tn_op tn__op_nll = {
    .name = "nll",
    .n_in = 2,
    .optional = 1u << WEIGHT,
    .constant = 1u << WEIGHT,
    .attr_size = sizeof(tn__label_loss),
    .shape = nll_shape,
    .forward = nll_forward,
    .backward = nll_backward,
    .sample = nll_sample,
};

tn_tensor *tn_nll(tn_tape *t, tn_tensor *logp, tn_ids labels, tn_tensor *weight, tn_cross_entropy_options options)
{
    tn__label_loss l = {.labels = labels, .options = options};
    return tn_apply(t, &tn__op_nll, 2, (tn_tensor *[]){logp, weight}, &l);
}
