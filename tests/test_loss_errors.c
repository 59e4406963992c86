/* Losses, products, normalisation, rows by id: every misuse, its code and its text; and the edges where a loss has no
 * ordinary value. */
#include "tests.h"

/* ---- misuse ---------------------------------------------------------------------------------------------------- */

static const int32_t labels[] = {0, 1, 4, 7, -100}, below[] = {0, -1};

typedef struct misuse misuse;
typedef tn_tensor *call_fn(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c);

enum { ABSENT = -1 };
#define NONE {ABSENT, {0}}

struct misuse {
    const char *what;    /* misuse.h */
    call_fn    *call;
    tn_dims     a, b, c;  /* shapes of the inputs; NONE: NULL */
    double      number;   /* the option that is tried */
    tn_code     code;
    const char *text;
};

static tn_ids ids_of(const misuse *m)
{
    return (tn_ids){labels, (int64_t)m->number};
}

static tn_tensor *label_below_0(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)m, (void)b, (void)c;
    return tn_cross_entropy(t, a, (tn_ids){below, 2});
}

static tn_tensor *matmul(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    return m->number != 0 ? tn_matmul_trans(t, a, b, (unsigned)m->number) : tn_matmul(t, a, b);
}

static tn_tensor *linear(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)m;
    return tn_linear(t, a, b, c);
}

static tn_tensor *gather(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)b, (void)c;
    return tn_gather_rows(t, a, ids_of(m));
}

static tn_tensor *gather_null(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)b, (void)c;
    return tn_gather_rows(t, a, (tn_ids){NULL, (int64_t)m->number});
}

static tn_tensor *scatter(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    return tn_scatter_add_rows(t, a, ids_of(m), b);
}

static tn_tensor *masked_mean(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)m, (void)c;
    return tn_masked_mean(t, a, b);
}

static tn_tensor *layer_norm(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    return tn_layer_norm(t, a, b, c, m->number);
}

static tn_tensor *rms_norm(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    return tn_rms_norm(t, a, b, m->number);
}

static tn_tensor *dropout(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)b, (void)c;
    return tn_dropout(t, a, m->number);
}

static tn_tensor *cross_entropy(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    if (!b) return tn_cross_entropy(t, a, ids_of(m));
    return tn_cross_entropy_with(t, a, ids_of(m), b, tn_cross_entropy_defaults());
}

static tn_tensor *cross_entropy_null(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)b, (void)c;
    return tn_cross_entropy(t, a, (tn_ids){NULL, (int64_t)m->number});
}

static tn_tensor *smoothed(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    tn_cross_entropy_options o = tn_cross_entropy_defaults();
    o.label_smoothing = m->number;
    if (b) return tn_cross_entropy_prob(t, a, b, c, o);
    return tn_cross_entropy_with(t, a, (tn_ids){labels, 2}, NULL, o);
}

static tn_tensor *reduced(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)b, (void)c;
    tn_cross_entropy_options o = tn_cross_entropy_defaults();
    o.reduction = (tn_reduction)m->number;
    return tn_cross_entropy_with(t, a, (tn_ids){labels, 2}, NULL, o);
}

static tn_tensor *nll(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    return tn_nll(t, a, ids_of(m), b, tn_cross_entropy_defaults());
}

static tn_tensor *nll_smoothed(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)b, (void)c;
    tn_cross_entropy_options o = tn_cross_entropy_defaults();
    o.label_smoothing = m->number;
    return tn_nll(t, a, (tn_ids){labels, 2}, NULL, o);
}

static tn_tensor *bce(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    return tn_bce_with_logits(t, a, b, c, (tn_reduction)m->number);
}

static tn_tensor *mse(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    return tn_mse(t, a, b, (tn_reduction)m->number);
}

static tn_tensor *l1(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    return tn_l1(t, a, b, (tn_reduction)m->number);
}

static tn_tensor *huber(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    return tn_huber(t, a, b, m->number, TN_MEAN);
}

static tn_tensor *huber_reduced(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    return tn_huber(t, a, b, 1, (tn_reduction)m->number);
}

static tn_tensor *prob_reduced(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    tn_cross_entropy_options o = tn_cross_entropy_defaults();
    o.reduction = (tn_reduction)m->number;
    return tn_cross_entropy_prob(t, a, b, c, o);
}

static tn_tensor *kl_div(const misuse *m, tn_tensor *a, tn_tensor *b, tn_tensor *c)
{
    (void)c;
    return tn_kl_div(t, a, b, (tn_reduction)m->number);
}

static const misuse misuses[] = {
    {"tn_matmul: inner sizes that differ", matmul, {2, {32, 784}}, {2, {700, 128}}, NONE, 0, TN_ESHAPE,
     "matmul: inner sizes differ: a (32, 784) x b (700, 128)"},
    {"tn_matmul_trans: inner sizes that differ", matmul, {2, {4, 3}}, {2, {2, 5}}, NONE, TN_TRANS_A | TN_TRANS_B, TN_ESHAPE,
     "matmul: inner sizes differ: a (4, 3) transposed x b (2, 5) transposed"},
    {"tn_matmul: inner sizes that differ",
     matmul, {1, {3}}, {2, {4, 3}}, NONE, 0, TN_ESHAPE, "matmul: inner sizes differ: a (3,) x b (4, 3)"},
    {"tn_matmul: inner sizes that differ",
     matmul, {2, {4, 3}}, {1, {4}}, NONE, 0, TN_ESHAPE, "matmul: inner sizes differ: a (4, 3) x b (4,)"},
    {"tn_matmul: batches that do not broadcast", matmul, {3, {2, 4, 3}}, {3, {5, 3, 4}}, NONE, 0, TN_ESHAPE,
     "matmul: batches do not broadcast: a (2, 4, 3) x b (5, 3, 4)"},
    {"tn_matmul: a scalar", matmul, {0, {0}}, {2, {3, 4}}, NONE, 0, TN_ESHAPE,
     "matmul: a scalar is no matrix (tn_mul multiplies by it): a () x b (3, 4)"},
    {"tn_matmul_trans: transposing a vector", matmul, {1, {3}}, {2, {3, 4}}, NONE, TN_TRANS_A, TN_EUSAGE,
     "matmul: a vector cannot be transposed: a (3,) x b (3, 4)"},
    {"tn_matmul_trans: transposing a vector", matmul, {2, {4, 3}}, {1, {3}}, NONE, TN_TRANS_B, TN_EUSAGE,
     "matmul: a vector cannot be transposed: a (4, 3) x b (3,)"},
    {"tn_matmul_trans: trans of other bits", matmul, {2, {4, 3}}, {2, {3, 4}}, NONE, 4, TN_EUSAGE,
     "matmul: trans is 4, it is made of TN_TRANS_A and TN_TRANS_B"},
    {"ops.h: a required tensor that is NULL",
     matmul, {2, {4, 3}}, NONE, NONE, 0, TN_EUSAGE, "matmul: input 1 is NULL, and no earlier error says why" UNMADE},

    {"tn_linear: x has no last size of in", linear, {2, {4, 3}}, {2, {5, 2}}, NONE, 0, TN_ESHAPE,
     "linear: x is (4, 3), and weight (5, 2) wants a last size of 2"},
    {"tn_linear: x has no last size of in",
     linear, {0, {0}}, {2, {5, 2}}, NONE, 0, TN_ESHAPE, "linear: x is (), and weight (5, 2) wants a last size of 2"},
    {"tn_linear: weight is no matrix",
     linear, {2, {4, 3}}, {1, {3}}, NONE, 0, TN_ESHAPE, "linear: weight must be (out, in), it is (3,)"},
    {"tn_linear: bias is not (out)", linear, {2, {4, 3}}, {2, {5, 3}}, {1, {3}}, 0, TN_ESHAPE,
     "linear: bias is (3,), for weight (5, 3) it must be (5,)"},
    {"ops.h: a required tensor that is NULL",
     linear, {2, {4, 3}}, NONE, NONE, 0, TN_EUSAGE, "linear: input 1 is NULL, and no earlier error says why" UNMADE},

    {"tn_gather_rows: an id outside [0, V)",
     gather, {2, {5, 2}}, NONE, NONE, 4, TN_EINDEX, "gather_rows: id 7 at position 3 is outside [0, 5)" STRANGE_ID},
    {"tn_gather_rows: x is a scalar",
     gather, {0, {0}}, NONE, NONE, 1, TN_ESHAPE, "gather_rows: x is a scalar, it has no rows"},
    {"tn_gather_rows: a negative number of ids",
     gather, {2, {5, 2}}, NONE, NONE, -1, TN_EUSAGE, "gather_rows: the number of ids is -1"},
    {"tn_gather_rows: ids at NULL",
     gather_null, {2, {5, 2}}, NONE, NONE, 3, TN_EUSAGE, "gather_rows: ids is NULL, and should hold 3"},
    {"tn_scatter_add_rows: an id outside [0, V)",
     scatter, {2, {5, 2}}, {2, {4, 2}}, NONE, 4, TN_EINDEX, "scatter_add_rows: id 7 at position 3 is outside [0, 5)" STRANGE_ID},
    {"tn_scatter_add_rows: source is of another shape", scatter, {2, {5, 2}}, {2, {2, 2}}, NONE, 3, TN_ESHAPE,
     "scatter_add_rows: source is (2, 2), for 3 rows of x (5, 2)"},
    {"tn_scatter_add_rows: source is of another shape", scatter, {2, {5, 2}}, {2, {3, 4}}, NONE, 3, TN_ESHAPE,
     "scatter_add_rows: source is (3, 4), for 3 rows of x (5, 2)"},
    {"tn_scatter_add_rows: source is of another shape",
     scatter, {2, {5, 2}}, {1, {3}}, NONE, 3, TN_ESHAPE, "scatter_add_rows: source is (3,), for 3 rows of x (5, 2)"},
    {"tn_masked_mean: x is not of three dimensions", masked_mean, {2, {5, 2}}, {2, {5, 2}}, NONE, 0, TN_ESHAPE,
     "masked_mean: x must be (batch, time, width), it is (5, 2)"},
    {"tn_masked_mean: mask is not (B, T)", masked_mean, {3, {5, 2, 4}}, {2, {5, 4}}, NONE, 0, TN_ESHAPE,
     "masked_mean: mask is (5, 4), for x (5, 2, 4) it must be (5, 2)"},

    {"tn_layer_norm: weight is not the last sizes of x", layer_norm, {2, {4, 3}}, {1, {4}}, NONE, 1e-5, TN_ESHAPE,
     "layer_norm: weight is (4,), not the last sizes of x (4, 3)"},
    {"tn_layer_norm: weight is not the last sizes of x", layer_norm, {2, {4, 3}}, {3, {1, 4, 3}}, NONE, 1e-5, TN_ESHAPE,
     "layer_norm: weight is (1, 4, 3), not the last sizes of x (4, 3)"},
    {"tn_layer_norm: bias is not as weight", layer_norm, {2, {4, 3}}, {1, {3}}, {1, {4}}, 1e-5, TN_ESHAPE,
     "layer_norm: bias is (4,), not as weight (3,) or the last sizes of x (4, 3)"},
    {"tn_layer_norm: bias is not as weight", layer_norm, {2, {4, 3}}, {1, {3}}, {2, {4, 3}}, 1e-5, TN_ESHAPE,
     "layer_norm: bias is (4, 3), not as weight (3,) or the last sizes of x (4, 3)"},
    {"tn_layer_norm: x is a scalar", layer_norm, {0, {0}}, NONE, NONE, 1e-5, TN_ESHAPE,
     "layer_norm: x is a scalar, it has no dimension to normalise over"},
    {"tn_layer_norm: eps below 0",
     layer_norm, {2, {4, 3}}, NONE, NONE, -1, TN_EUSAGE, "layer_norm: eps is -1, it must be 0 or more"},
    {"tn_rms_norm: weight is not (D)", rms_norm, {2, {4, 3}}, {1, {4}}, NONE, 1e-5, TN_ESHAPE,
     "rms_norm: weight is (4,), for x (4, 3) it must be (3,)"},
    {"tn_rms_norm: x is a scalar", rms_norm, {0, {0}}, NONE, NONE, 1e-5, TN_ESHAPE,
     "rms_norm: x is a scalar, it has no dimension to normalise over"},
    {"tn_rms_norm: eps below 0",
     rms_norm, {2, {4, 3}}, NONE, NONE, -1, TN_EUSAGE, "rms_norm: eps is -1, it must be 0 or more"},
    {"tn_dropout: p outside [0, 1]",
     dropout, {1, {3}}, NONE, NONE, 1.5, TN_EUSAGE, "dropout: p is 1.5, it must be from 0 to 1"},
    {"tn_dropout: p outside [0, 1]",
     dropout, {1, {3}}, NONE, NONE, -0.5, TN_EUSAGE, "dropout: p is -0.5, it must be from 0 to 1"},

    {"tn_cross_entropy: a label outside [0, C)", cross_entropy, {2, {4, 5}}, NONE, NONE, 4, TN_EINDEX,
     "cross_entropy: label 7 at position 3 is outside [0, 5): the logits have 5 classes, counted from 0"},
    {"tn_cross_entropy: a label outside [0, C)", label_below_0, {2, {2, 5}}, NONE, NONE, 0, TN_EINDEX,
     "cross_entropy: label -1 at position 1 is outside [0, 5): the logits have 5 classes, counted from 0"},
    {"tn_cross_entropy: not a label for each row",
     cross_entropy, {2, {4, 5}}, NONE, NONE, 3, TN_ESHAPE, "cross_entropy: 3 labels for the 4 rows of (4, 5)"},
    {"tn_cross_entropy: logits is a scalar", cross_entropy, {0, {0}}, NONE, NONE, 1, TN_ESHAPE,
     "cross_entropy: input 0 is a scalar, its last dimension should be the classes"},
    {"tn_cross_entropy_with: weight is not (C)", cross_entropy, {2, {3, 5}}, {1, {4}}, NONE, 3, TN_ESHAPE,
     "cross_entropy: weight is (4,), for 5 classes it must be (5,)"},
    {"tn_cross_entropy: labels at NULL",
     cross_entropy_null, {2, {3, 5}}, NONE, NONE, 3, TN_EUSAGE, "cross_entropy: labels is NULL, and should hold 3"},
    {"tn_cross_entropy_with: TN_BATCHMEAN", reduced, {2, {2, 5}}, NONE, NONE, TN_BATCHMEAN, TN_EUSAGE,
     "cross_entropy: TN_BATCHMEAN is for kl_div only; use TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_cross_entropy_with: an unknown reduction",
     reduced, {2, {2, 5}}, NONE, NONE, 9, TN_EUSAGE, "cross_entropy: reduction 9 is not TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_cross_entropy_with: label_smoothing outside [0, 1]", smoothed, {2, {2, 5}}, NONE, NONE, 1.5, TN_EUSAGE,
     "cross_entropy: label_smoothing is 1.5, it must be from 0 to 1"},
    {"tn_cross_entropy_prob: label_smoothing outside [0, 1]", smoothed, {2, {2, 5}}, {2, {2, 5}}, NONE, -0.25, TN_EUSAGE,
     "cross_entropy_prob: label_smoothing is -0.25, it must be from 0 to 1"},
    {"tn_cross_entropy_prob: target is not as logits", smoothed, {2, {2, 5}}, {2, {5, 2}}, NONE, 0, TN_ESHAPE,
     "cross_entropy_prob: target is (5, 2), it must be as logits (2, 5)"},
    {"tn_cross_entropy_prob: weight is not (C)", smoothed, {2, {2, 5}}, {2, {2, 5}}, {1, {2}}, 0, TN_ESHAPE,
     "cross_entropy_prob: weight is (2,), for 5 classes it must be (5,)"},
    {"tn_nll: a label outside [0, C)", nll, {2, {4, 5}}, NONE, NONE, 4, TN_EINDEX,
     "nll: label 7 at position 3 is outside [0, 5): the logits have 5 classes, counted from 0"},
    {"tn_nll: not a label for each row",
     nll, {2, {4, 5}}, NONE, NONE, 2, TN_ESHAPE, "nll: 2 labels for the 4 rows of (4, 5)"},
    {"tn_nll: weight is not (C)",
     nll, {2, {3, 5}}, {2, {1, 5}}, NONE, 3, TN_ESHAPE, "nll: weight is (1, 5), for 5 classes it must be (5,)"},
    {"tn_nll: label_smoothing that is not 0", nll_smoothed, {2, {2, 5}}, NONE, NONE, 0.5, TN_EUSAGE,
     "nll: label_smoothing is 0.5, it must be 0 here: use tn_cross_entropy_with on the logits"},

    {"tn_bce_with_logits: target is not as x", bce, {2, {4, 3}}, {2, {3, 4}}, NONE, TN_MEAN, TN_ESHAPE,
     "bce_with_logits: target is (3, 4), it must be as x (4, 3)" NO_BROADCAST},
    {"tn_bce_with_logits: pos_weight does not broadcast to x", bce, {2, {4, 3}}, {2, {4, 3}}, {1, {4}}, TN_MEAN, TN_ESHAPE,
     "bce_with_logits: pos_weight is (4,), it does not broadcast to x (4, 3)"},
    {"tn_bce_with_logits: pos_weight does not broadcast to x", bce, {1, {3}}, {1, {3}}, {2, {1, 3}}, TN_MEAN, TN_ESHAPE,
     "bce_with_logits: pos_weight is (1, 3), it does not broadcast to x (3,)"},
    {"tn_bce_with_logits: TN_BATCHMEAN", bce, {1, {3}}, {1, {3}}, NONE, TN_BATCHMEAN, TN_EUSAGE,
     "bce_with_logits: TN_BATCHMEAN is for kl_div only; use TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_mse: target is not as x",
     mse, {2, {4, 3}}, {1, {3}}, NONE, TN_MEAN, TN_ESHAPE, "mse: target is (3,), it must be as x (4, 3)" NO_BROADCAST},
    {"tn_mse: TN_BATCHMEAN", mse, {2, {4, 3}}, {2, {4, 3}}, NONE, TN_BATCHMEAN, TN_EUSAGE,
     "mse: TN_BATCHMEAN is for kl_div only; use TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_l1: target is not as x",
     l1, {2, {4, 3}}, {2, {4, 1}}, NONE, TN_MEAN, TN_ESHAPE, "l1: target is (4, 1), it must be as x (4, 3)" NO_BROADCAST},
    {"tn_huber: delta of 0 or less",
     huber, {1, {3}}, {1, {3}}, NONE, 0, TN_EUSAGE, "huber: delta is 0, it must be more than 0"},
    {"tn_huber: target is not as x",
     huber, {1, {3}}, {1, {2}}, NONE, 1, TN_ESHAPE, "huber: target is (2,), it must be as x (3,)" NO_BROADCAST},
    {"tn_kl_div: target is not as x",
     kl_div, {1, {3}}, {1, {2}}, NONE, TN_MEAN, TN_ESHAPE, "kl_div: target is (2,), it must be as x (3,)" NO_BROADCAST},
    {"tn_kl_div: TN_BATCHMEAN of a scalar", kl_div, {0, {0}}, {0, {0}}, NONE, TN_BATCHMEAN, TN_ESHAPE,
     "kl_div: TN_BATCHMEAN divides by the first size, and x is a scalar"},
    {"tn_kl_div: an unknown reduction",
     kl_div, {1, {3}}, {1, {3}}, NONE, 9, TN_EUSAGE, "kl_div: reduction 9 is not TN_MEAN, TN_SUM or TN_NONE"},

    {"tn_cross_entropy_with: a label outside [0, C)", cross_entropy, {2, {4, 5}}, {1, {5}}, NONE, 4, TN_EINDEX,
     "cross_entropy: label 7 at position 3 is outside [0, 5): the logits have 5 classes, counted from 0"},
    {"tn_cross_entropy_prob: logits is a scalar", prob_reduced, {0, {0}}, {0, {0}}, NONE, TN_MEAN, TN_ESHAPE,
     "cross_entropy_prob: input 0 is a scalar, its last dimension should be the classes"},
    {"tn_cross_entropy_prob: TN_BATCHMEAN", prob_reduced, {1, {3}}, {1, {3}}, NONE, TN_BATCHMEAN, TN_EUSAGE,
     "cross_entropy_prob: TN_BATCHMEAN is for kl_div only; use TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_cross_entropy_prob: an unknown reduction", prob_reduced, {1, {3}}, {1, {3}}, NONE, 9, TN_EUSAGE,
     "cross_entropy_prob: reduction 9 is not TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_nll: logp is a scalar", nll, {0, {0}}, NONE, NONE, 1, TN_ESHAPE,
     "nll: input 0 is a scalar, its last dimension should be the classes"},
    {"tn_bce_with_logits: an unknown reduction", bce, {1, {3}}, {1, {3}}, NONE, 9, TN_EUSAGE,
     "bce_with_logits: reduction 9 is not TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_mse: an unknown reduction", mse, {1, {3}}, {1, {3}}, NONE, -1, TN_EUSAGE,
     "mse: reduction -1 is not TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_l1: an unknown reduction", l1, {1, {3}}, {1, {3}}, NONE, 9, TN_EUSAGE,
     "l1: reduction 9 is not TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_l1: TN_BATCHMEAN", l1, {1, {3}}, {1, {3}}, NONE, TN_BATCHMEAN, TN_EUSAGE,
     "l1: TN_BATCHMEAN is for kl_div only; use TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_huber: an unknown reduction", huber_reduced, {1, {3}}, {1, {3}}, NONE, 9, TN_EUSAGE,
     "huber: reduction 9 is not TN_MEAN, TN_SUM or TN_NONE"},
    {"tn_huber: TN_BATCHMEAN", huber_reduced, {1, {3}}, {1, {3}}, NONE, TN_BATCHMEAN, TN_EUSAGE,
     "huber: TN_BATCHMEAN is for kl_div only; use TN_MEAN, TN_SUM or TN_NONE"},
};

static tn_tensor *zeros(tn_dims shape)
{
    return shape.n == ABSENT ? NULL : tn_input(t, shape, NULL, false);
}

START_TEST(misused)
{
    const misuse *m = &misuses[_i];
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_tensor *a = zeros(m->a), *b = zeros(m->b), *c = zeros(m->c);
    ck_assert_ptr_null(m->call(m, a, b, c));
    ck_error(m->code, m->text);
    tn_tape_begin(t, TN_GRAD); /* and goes on afresh */
    ck_assert_ptr_nonnull(tn_mse(t, tn_scalar(t, 1), tn_scalar(t, 3), TN_MEAN));
    ck_no_error();
}
END_TEST

/* Targets, masks and class weights get no gradient: wanting one is said, not ignored. */
START_TEST(constant_inputs)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = tn_input(t, TN_DIMS(2, 3), NULL, true), *y = tn_input(t, TN_DIMS(2, 3), NULL, true);
    ck_assert_ptr_null(tn_bce_with_logits(t, x, y, NULL, TN_MEAN));
    ck_error(TN_EUSAGE, "bce_with_logits: input 1 (2, 3) wants a gradient, and gets none here: give tn_detach(t, x)");
    ck_assert_ptr_null(tn_cross_entropy_prob(t, x, y, NULL, tn_cross_entropy_defaults()));
    ck_error(TN_EUSAGE,
             "cross_entropy_prob: input 1 (2, 3) wants a gradient, and gets none here: give tn_detach(t, x)");
    ck_assert_ptr_nonnull(tn_cross_entropy_prob(t, x, tn_detach(t, y), NULL, tn_cross_entropy_defaults()));
    ck_no_error();
}
END_TEST

/* ---- edges ----------------------------------------------------------------------------------------------------- */

static double entropy_of(tn_tensor *logits, tn_ids of, tn_reduction r)
{
    tn_cross_entropy_options o = tn_cross_entropy_defaults();
    o.reduction = r;
    tn_tensor *loss = tn_cross_entropy_with(t, logits, of, NULL, o);
    ck_no_error();
    ck_assert(tn_backward(t, loss));
    return tn_item(loss);
}

START_TEST(extreme_logits)
{
    const tn_real x[] = {(tn_real)1e4, (tn_real)-1e4, (tn_real)1e4, (tn_real)-1e4, (tn_real)1e4, (tn_real)1e4};
    static const int32_t of[] = {0, 1, 1};
    const double want[] = {0, 0, 1, -1, 0.5, -0.5};
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *logits = tn_input(t, TN_DIMS(3, 2), x, true);
    double loss = entropy_of(logits, (tn_ids){of, 3}, TN_SUM);
    ck_assert_double_eq_tol(loss, 20000 + 0.69314718, 2e-2);
    for (int i = 0; i < 6; i++) ck_assert_double_eq_tol((double)tn_grad_data(logits)[i], want[i], 1e-6);
}
END_TEST

/* A class that is shut out with -inf takes no part. */
START_TEST(infinite_logit)
{
    const tn_real x[] = {0, (tn_real)-INFINITY, 0};
    static const int32_t of[] = {0};
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *logits = tn_input(t, TN_DIMS(1, 3), x, true);
    ck_assert_double_eq_tol(entropy_of(logits, (tn_ids){of, 1}, TN_MEAN), 0.69314718, 1e-6);
    ck_assert(tn_grad_data(logits)[1] == 0);
}
END_TEST

START_TEST(all_ignored)
{
    const tn_real x[] = {1, 2, 3, 4, 5, 6};
    static const int32_t ignored[] = {-100, -100};
    for (tn_reduction r = TN_MEAN; r <= TN_SUM; r++) {
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *logits = tn_input(t, TN_DIMS(2, 3), x, true);
        double loss = entropy_of(logits, (tn_ids){ignored, 2}, r);
        ck_assert(r == TN_MEAN ? isnan(loss) : loss == 0);
        for (int i = 0; i < 6; i++) ck_assert(tn_grad_data(logits)[i] == 0);
    }
}
END_TEST

START_TEST(empty_batch)
{
    tn_cross_entropy_options o = tn_cross_entropy_defaults();
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = tn_input(t, TN_DIMS(0, 3), NULL, false);
    ck_assert(isnan(tn_item(tn_cross_entropy(t, x, (tn_ids){NULL, 0}))));
    ck_assert(isnan(tn_item(tn_cross_entropy_prob(t, x, x, NULL, o))));
    ck_assert(isnan(tn_item(tn_nll(t, x, (tn_ids){NULL, 0}, NULL, o))));
    ck_assert(isnan(tn_item(tn_bce_with_logits(t, x, x, NULL, TN_MEAN))));
    ck_assert(isnan(tn_item(tn_mse(t, x, x, TN_MEAN))));
    ck_assert(isnan(tn_item(tn_kl_div(t, x, x, TN_BATCHMEAN))));
    ck_assert(tn_item(tn_huber(t, x, x, 1, TN_SUM)) == 0);
    ck_assert(tn_item(tn_l1(t, x, x, TN_SUM)) == 0);
    o.reduction = TN_NONE;
    const tn_tensor *each = tn_cross_entropy_with(t, x, (tn_ids){NULL, 0}, NULL, o);
    ck_no_error();
    ck_assert(each->rank == 1 && each->size[0] == 0);
}
END_TEST

START_TEST(extreme_binary)
{
    const tn_real x[] = {(tn_real)1e4, (tn_real)-1e4, (tn_real)1e4, (tn_real)-1e4, 0}, y[] = {1, 0, 0, 1, 1};
    const double loss[] = {0, 0, 1e4, 3e4, 3 * 0.693147181}, slope[] = {0, 0, 1, -3, -1.5};
    const tn_real three = 3, ones[] = {1, 1, 1, 1, 1};
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *logits = tn_input(t, TN_DIMS(5), x, true);
    tn_tensor *each = tn_bce_with_logits(t, logits, tn_const(t, TN_DIMS(5), y), tn_const(t, TN_SCALAR, &three),
                                         TN_NONE);
    ck_no_error();
    ck_assert(tn_backward_from(t, each, ones));
    for (int i = 0; i < 5; i++) {
        ck_assert_double_eq_tol((double)each->data[i], loss[i], 1e-6 * (1 + loss[i]));
        ck_assert_double_eq_tol((double)tn_grad_data(logits)[i], slope[i], 1e-6);
    }
}
END_TEST

/* What was not drawn costs nothing: dropout is x itself outside TN_TRAIN, and drops everything for p = 1. */
START_TEST(dropout_edges)
{
    const tn_real ones[] = {1, 1, 1, 1}, any[] = {1, -1, (tn_real)INFINITY, (tn_real)NAN};
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = tn_input(t, TN_DIMS(4), ones, true), *y = tn_dropout(t, x, 0.5);
    ck_assert_ptr_eq(y->data, x->data);
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    x = tn_input(t, TN_DIMS(4), any, true);
    y = tn_dropout(t, x, 1);
    ck_assert(tn_backward_from(t, y, ones));
    for (int i = 0; i < 4; i++) ck_assert(y->data[i] == 0 && tn_grad_data(x)[i] == 0);
}
END_TEST

/* About p of the elements are dropped, others in every step, the same ones for the same step; what backward drops
 * is what forward dropped. */
START_TEST(dropout_mask)
{
    enum { N = 20000 };
    static tn_real ones[N], step[3][N];
    int zeros_in = 0, differ = 0;
    for (int i = 0; i < N; i++) ones[i] = 1;
    for (int s = 0; s < 3; s++) {
        if (s == 2) tn_tape_set_count(t, 0); /* as the first */
        tn_tape_begin(t, TN_GRAD | TN_TRAIN);
        tn_tensor *x = tn_input(t, TN_DIMS(N), ones, true), *y = tn_dropout(t, x, 0.25);
        memcpy(step[s], y->data, sizeof step[s]);
        ck_assert(tn_backward_from(t, y, ones));
        ck_assert_mem_eq(tn_grad_data(x), step[s], sizeof step[s]);
    }
    for (int i = 0; i < N; i++) {
        ck_assert(step[0][i] == 0 || step[0][i] == (tn_real)(1 / 0.75));
        zeros_in += step[0][i] == 0;
        differ += step[0][i] != step[1][i];
    }
    ck_assert_mem_eq(step[0], step[2], sizeof step[0]);
    ck_assert_int_ge(zeros_in, 4700); /* 5,000 expected, 61 the standard deviation */
    ck_assert_int_le(zeros_in, 5300);
    ck_assert_int_ge(differ, 7000); /* 7,500 expected */
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, misused, 0, sizeof misuses / sizeof *misuses);
    tcase_add_test(c, constant_inputs);
    tcase_add_test(c, extreme_logits);
    tcase_add_test(c, infinite_logit);
    tcase_add_test(c, all_ignored);
    tcase_add_test(c, empty_batch);
    tcase_add_test(c, extreme_binary);
    tcase_add_test(c, dropout_edges);
    tcase_add_test(c, dropout_mask);
}

int main(void)
{
    return run_case("loss_errors", add);
}
