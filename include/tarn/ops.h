/* ops.h: the catalogue of operators. One prototype, and the mathematics beside it.
 *
 * Every op takes the tape first and returns a tensor of that tape, or NULL after an error (this call's or an earlier one).
 * Errors name the op, the parameter and the sizes; beside what stands below, they are those of every op. Usage error: a
 * required tensor that is NULL; a tensor of another tape; a tensor of an earlier step; no step begun on the tape; a tape
 * that tn_backward has walked; a gradient wanted of what has none. Memory error: no room; a result larger than any memory.
 * Dimensions count from the end when negative. x, a, b: tensors of any shape if nothing else is said. */
#ifndef TARN_OPS_H
#define TARN_OPS_H

#include <tarn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one input, element by element: y_i = f(x_i) ------------------------------------------------------------------ */

tn_tensor *tn_neg(tn_tape *t, tn_tensor *x);        /* -x */
tn_tensor *tn_abs(tn_tape *t, tn_tensor *x);        /* |x|; derivative 0 at 0 */
tn_tensor *tn_sign(tn_tape *t, tn_tensor *x);       /* -1, 0, 1; no gradient: apply it to tn_detach(t, x) */
tn_tensor *tn_exp(tn_tape *t, tn_tensor *x);        /* e^x */
tn_tensor *tn_expm1(tn_tape *t, tn_tensor *x);      /* e^x - 1, exact near 0 */
tn_tensor *tn_log(tn_tape *t, tn_tensor *x);        /* ln x; -inf at 0, NaN below */
tn_tensor *tn_log1p(tn_tape *t, tn_tensor *x);      /* ln(1 + x), exact near 0 */
tn_tensor *tn_sqrt(tn_tape *t, tn_tensor *x);       /* x^1/2 */
tn_tensor *tn_rsqrt(tn_tape *t, tn_tensor *x);      /* 1 / sqrt(x) */
tn_tensor *tn_square(tn_tape *t, tn_tensor *x);     /* x^2 */
tn_tensor *tn_reciprocal(tn_tape *t, tn_tensor *x); /* 1 / x */
tn_tensor *tn_sin(tn_tape *t, tn_tensor *x);        /* sin x */
tn_tensor *tn_cos(tn_tape *t, tn_tensor *x);        /* cos x */
tn_tensor *tn_tanh(tn_tape *t, tn_tensor *x);       /* tanh x */
tn_tensor *tn_sigmoid(tn_tape *t, tn_tensor *x);    /* 1 / (1 + e^-x) */
tn_tensor *tn_softplus(tn_tape *t, tn_tensor *x);   /* ln(1 + e^x), no overflow */
tn_tensor *tn_relu(tn_tape *t, tn_tensor *x);       /* max(x, 0); derivative 0 at 0 */
tn_tensor *tn_leaky_relu(tn_tape *t, tn_tensor *x, double slope); /* x > 0 ? x : slope x */
tn_tensor *tn_elu(tn_tape *t, tn_tensor *x, double alpha);        /* x > 0 ? x : alpha (e^x - 1) */
tn_tensor *tn_gelu(tn_tape *t, tn_tensor *x);       /* x/2 (1 + erf(x / sqrt 2)) */
tn_tensor *tn_gelu_tanh(tn_tape *t, tn_tensor *x);  /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
tn_tensor *tn_silu(tn_tape *t, tn_tensor *x);       /* x sigmoid(x) */
tn_tensor *tn_erf(tn_tape *t, tn_tensor *x);        /* 2 / sqrt(pi) times the integral of e^-u^2 over u from 0 to x */
tn_tensor *tn_clamp(tn_tape *t, tn_tensor *x, double low, double high); /* passes at the bounds. Usage error: low > high */
tn_tensor *tn_pow_number(tn_tape *t, tn_tensor *x, double exponent);    /* x^exponent */

/* ---- two inputs, broadcast by NumPy's rules ------------------------------------------------------------------------ */

/* Equal sizes or a 1 go together, from the last dimension on. Shape error: sizes that do not broadcast. */
tn_tensor *tn_add(tn_tape *t, tn_tensor *a, tn_tensor *b);     /* a + b */
tn_tensor *tn_sub(tn_tape *t, tn_tensor *a, tn_tensor *b);     /* a - b */
tn_tensor *tn_mul(tn_tape *t, tn_tensor *a, tn_tensor *b);     /* a b, element by element */
tn_tensor *tn_div(tn_tape *t, tn_tensor *a, tn_tensor *b);     /* a / b */
tn_tensor *tn_pow(tn_tape *t, tn_tensor *a, tn_tensor *b);     /* a^b; d/db is 0 where a == 0 and b >= 0 */
tn_tensor *tn_maximum(tn_tape *t, tn_tensor *a, tn_tensor *b); /* a tie shares the gradient equally */
tn_tensor *tn_minimum(tn_tape *t, tn_tensor *a, tn_tensor *b); /* the same for the smaller one */

tn_tensor *tn_add_number(tn_tape *t, tn_tensor *x, double k);  /* x + k */
tn_tensor *tn_mul_number(tn_tape *t, tn_tensor *x, double k);  /* x * k */

/* condition is a tensor of 0 and 1 (any other number counts as 1), and gets no gradient. All three are broadcast. Shape
 * error: sizes that do not broadcast. */
tn_tensor *tn_where(tn_tape *t, tn_tensor *condition, tn_tensor *a, tn_tensor *b); /* condition ? a : b */

/* ---- over dimensions ----------------------------------------------------------------------------------------------- */

/* dims: TN_DIMS(0, -1) or TN_ALL. keep: a reduced dimension stays, with size 1. Index error: a dimension out of range.
 * Usage error: a dimension named twice; a list of more than TN_MAX_RANK. */
tn_tensor *tn_sum(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep);       /* of nothing: 0 */
tn_tensor *tn_mean(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep);      /* of nothing: NaN */
tn_tensor *tn_max(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep);       /* ties share the gradient. Shape error: of nothing */
tn_tensor *tn_min(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep);       /* the same for the smallest. Shape error: of nothing */
tn_tensor *tn_var(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep);       /* sum (x - mean)^2 / (n - 1); NaN for n < 2 */
tn_tensor *tn_logsumexp(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep); /* ln sum e^x; of nothing: -inf */

/* Index of the largest along dim (the first of equals; a NaN counts as largest) into the caller's index, x.n / size[dim]
 * numbers in row-major order of the other dimensions. No tensor, no gradient: works on a spent tape too. False after an
 * error. Index error: a dimension out of range. Shape error: nothing to choose from; a size that int32_t cannot count.
 * Usage error: x is NULL; index is NULL. */
bool tn_argmax(tn_tape *t, const tn_tensor *x, int64_t dim, int32_t *index);

/* Index error: a dimension out of range. */
tn_tensor *tn_softmax(tn_tape *t, tn_tensor *x, int64_t dim);     /* e^x / sum e^x along dim; of nothing but -inf: zeros */
tn_tensor *tn_log_softmax(tn_tape *t, tn_tensor *x, int64_t dim); /* x - ln sum e^x */

/* ---- products ------------------------------------------------------------------------------------------------------ */

/* As NumPy's matmul: (m, k) x (k, n) -> (m, n); leading dimensions are batches and broadcast; a vector on the left is one
 * row, on the right one column, and that dimension is gone from the result. Shape error: inner sizes that differ; batches
 * that do not broadcast; a scalar. */
tn_tensor *tn_matmul(tn_tape *t, tn_tensor *a, tn_tensor *b);

enum { TN_TRANS_A = 1, TN_TRANS_B = 2 }; /* for tn_matmul_trans; | for both */
/* With the last two dimensions of a or b (or both) taken transposed. Usage error: transposing a vector; trans of other
 * bits. Errors: tn_matmul's. */
tn_tensor *tn_matmul_trans(tn_tape *t, tn_tensor *a, tn_tensor *b, unsigned trans);

/* y = x weight^T + bias: x (*, in), weight (out, in), bias (out) or NULL -> (*, out). Shape error: x has no last size of
 * in; weight is no matrix; bias is not (out). */
tn_tensor *tn_linear(tn_tape *t, tn_tensor *x, tn_tensor *weight, tn_tensor *bias);

/* Each at least 1, but for padding: 0 or more zeros on both sides. */
typedef struct tn_unfold_options {
    int64_t kernel, stride, padding, dilation;
} tn_unfold_options;

/* The windows that a convolution of x (batch, channels, length) looks at: (batch, channels * kernel, n), row c * kernel +
 * k, place i is x[c, i * stride + k * dilation - padding], 0 outside of x; n = (length + 2 padding - dilation (kernel - 1)
 * - 1) / stride + 1. So the convolution is the product of its weights with them. PyTorch's unfold, in one dimension. Shape
 * error: x is not of three dimensions; the kernel spans more than there is. Usage error: kernel, stride or dilation below
 * 1; padding below 0. Memory error: sizes that overflow. */
tn_tensor *tn_unfold(tn_tape *t, tn_tensor *x, tn_unfold_options options);

/* ---- shape --------------------------------------------------------------------------------------------------------- */

/* Shares x's data; one size may be -1: what is left. Shape error: another number of elements; sizes beside the -1 that do
 * not divide it; a -1 beside a 0; a negative size; a rank over TN_MAX_RANK. Usage error: two sizes of -1. Memory error: a
 * shape larger than any memory. */
tn_tensor *tn_reshape(tn_tape *t, tn_tensor *x, tn_dims shape);

/* The two change places. Index error: a dimension out of range. */
tn_tensor *tn_transpose(tn_tape *t, tn_tensor *x, int64_t dim0, int64_t dim1);

/* y's dimension i is x's dimension order[i]. Usage error: a list of another length than x's rank; a dimension named twice.
 * Index error: a dimension out of range. */
tn_tensor *tn_permute(tn_tape *t, tn_tensor *x, tn_dims order);

/* One after the other along dim. Usage error: n < 1. Shape error: sizes that differ beside dim. Index error: a dimension
 * out of range. Memory error: sizes that overflow. */
tn_tensor *tn_concat(tn_tape *t, int n, tn_tensor *const *x, int64_t dim);

/* Along a new dimension at dim. Usage error: n < 1. Shape error: shapes that differ; a rank over TN_MAX_RANK. Index error:
 * a dimension out of range. */
tn_tensor *tn_stack(tn_tape *t, int n, tn_tensor *const *x, int64_t dim);

/* x[begin:end:step] along dim; ends are clamped. Usage error: step < 1. Index error: a dimension out of range. */
tn_tensor *tn_slice(tn_tape *t, tn_tensor *x, int64_t dim, int64_t begin, int64_t end, int64_t step);

/* value so many times before x and after it along dim. Usage error: a count below 0. Index error: a dimension out of range.
 * Memory error: sizes that overflow. */
tn_tensor *tn_pad(tn_tape *t, tn_tensor *x, int64_t dim, int64_t before, int64_t after, double value);

/* Rows of x (along its first dimension) by id: x (V, *), n ids -> (n, *). Index error: an id outside [0, V). Shape error: x
 * is a scalar. Usage error: ids at NULL; a negative number of ids. */
tn_tensor *tn_gather_rows(tn_tape *t, tn_tensor *x, tn_ids rows);

/* y = x, and then for each k: y[rows[k]] += source[k]. x (V, *), source (rows.n, *). Shape error: source is of another
 * shape. Errors: tn_gather_rows's. */
tn_tensor *tn_scatter_add_rows(tn_tape *t, tn_tensor *x, tn_ids rows, tn_tensor *source);

/* ---- embedding ----------------------------------------------------------------------------------------------------- */

/* What PyTorch's Embedding can do besides looking up. */
typedef struct tn_embedding_options {
    int64_t padding_idx;        /* positions with this id get no gradient; TN_NO_PADDING for none (counts from the end if < 0) */
    double  max_norm;           /* rows longer than this are scaled down to it; 0: off. Under TN_TRAIN in place, as PyTorch */
    double  norm_type;          /* the p of the norm; 2 */
    bool    scale_grad_by_freq; /* each contribution times 1 / (the id's count in this call) */
} tn_embedding_options;
#define TN_NO_PADDING INT64_MIN /* for padding_idx */
tn_embedding_options tn_embedding_defaults(void); /* no padding, no max_norm */

/* Rows of table (V, D) by id -> (ids.n, D). The gradient is one row per distinct id. Index error: an id outside [0, V) (it
 * says the id, its position and the range; negative ones do not wrap); padding_idx outside [-V, V). Shape error: table is
 * no matrix. Usage error: ids at NULL; a negative number of ids; max_norm below 0; norm_type of 0 or less; max_norm under
 * TN_TRAIN where an earlier op needs the old rows. */
tn_tensor *tn_embedding(tn_tape *t, tn_tensor *table, tn_ids ids, tn_embedding_options options);

/* What becomes of a bag's rows. */
typedef enum tn_bag_mode { TN_BAG_MEAN, TN_BAG_SUM, TN_BAG_MAX } tn_bag_mode;

/* How tn_embedding_bag reads and reduces its bags. */
typedef struct tn_embedding_bag_options {
    tn_bag_mode          mode;
    bool                 include_last_offset; /* bags.offsets has bags.n + 1 entries, the last one an end */
    tn_embedding_options rows;                /* padding entries are left out of the sum and of the bag's size */
} tn_embedding_bag_options;
tn_embedding_bag_options tn_embedding_bag_defaults(void); /* the mean, of all */

/* Each bag's rows of table (V, D), summed, averaged or their maximum per feature (the first occurrence wins a tie) ->
 * (bags.n, D), without the rows between. An empty bag gives 0 and no gradient. weights (bags.ids.n) multiplies the rows, in
 * mode sum only; NULL: ones. Index error: offsets that do not start at 0; offsets that decrease; offsets that pass the end.
 * Usage error: weights in another mode; an unknown mode; scale_grad_by_freq with the maximum; offsets at NULL; a negative
 * number of bags. Shape error: weights of another size. Errors: tn_embedding's. */
tn_tensor *tn_embedding_bag(tn_tape *t, tn_tensor *table, tn_bags bags, tn_tensor *weights,
                            tn_embedding_bag_options options);

/* Mean of x (B, T, D) over T where mask (B, T) is 1 -> (B, D); sum mask x / max(sum mask, 1). The mask gets no gradient.
 * Shape error: x is not of three dimensions; mask is not (B, T). */
tn_tensor *tn_masked_mean(tn_tape *t, tn_tensor *x, tn_tensor *mask);

/* ---- recurrence ------------------------------------------------------------------------------------------------------ */

/* A layer over all steps. x (steps, batch, gates * hidden) is what the inputs add to the gates, for all steps at once:
 * their product with weight_ih, and bias_ih (tn_linear); state is where it begins, weight (gates * hidden, hidden) and bias
 * (gates * hidden) are weight_hh and bias_hh. lengths, one in [1, steps] for each row of the batch: from there on its state
 * stays as it is, so that the last step's is the one that counts; {NULL, 0}: all steps.
 *
 * GRU (Cho et al. 2014, in PyTorch's form), three gates: with (a_r, a_z, a_n) of x and (b_r, b_z, b_n) of weight h + bias:
 * r = s(a_r + b_r), z = s(a_z + b_z), n = tanh(a_n + r b_n), h' = (1 - z) n + z h. state (batch, hidden) -> (steps, batch,
 * hidden). Shape error: x is not of three dimensions, the last a multiple of the gates; no step; a state, weight or bias of
 * another shape; not a length for each sequence. Index error: a length outside [1, steps]. */
tn_tensor *tn_gru(tn_tape *t, tn_tensor *x, tn_tensor *state, tn_tensor *weight, tn_tensor *bias, tn_ids lengths);

/* LSTM (Hochreiter and Schmidhuber 1997), four gates i, f, g, o of x + weight h + bias: c' = s(f) c + s(i) tanh(g), h' =
 * s(o) tanh(c'). state (2, batch, hidden) is h and c -> (2, steps, batch, hidden), both of them at each step. Errors:
 * tn_gru's. */
tn_tensor *tn_lstm(tn_tape *t, tn_tensor *x, tn_tensor *state, tn_tensor *weight, tn_tensor *bias, tn_ids lengths);

/* ---- attention ----------------------------------------------------------------------------------------------------- */

/* How tn_attention cuts and limits. */
typedef struct tn_attention_options {
    int64_t heads;  /* they lie side by side in the last dimension; 1 */
    bool    causal; /* query i looks at keys 0 to i only; the others cost nothing */
    double  scale;  /* of the scores; 0: 1 / sqrt(head) */
} tn_attention_options;
tn_attention_options tn_attention_defaults(void); /* one head, not causal */

/* softmax(scale q k^T) v for each head (PyTorch's scaled_dot_product_attention; Vaswani et al. 2017): q (batch, length,
 * heads * head), k (batch, source, heads * head), v (batch, source, heads * width) -> (batch, length, heads * width). k and
 * v NULL: q is (batch, length, 3 * heads * head), all three side by side. mask, or NULL, broadcasts to (batch, heads,
 * length, source): a query looks at keys where it is not 0 only, and gets no gradient; for padding it is (batch, 1, 1,
 * source). A query that may look at nothing gives zeros and no gradient (PyTorch: NaN). Nothing of size length * source is
 * kept. Usage error: heads < 1; a scale that is not finite; one of k and v without the other. Shape error: q is not of
 * three dimensions; a k that does not go with q; a v that does not go with k; a last size that heads do not divide; a mask
 * that does not broadcast. */
tn_tensor *tn_attention(tn_tape *t, tn_tensor *q, tn_tensor *k, tn_tensor *v, tn_tensor *mask,
                        tn_attention_options options);

/* ---- normalisation, dropout ---------------------------------------------------------------------------------------- */

/* (x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, as many as weight has (biased variance). weight
 * and bias have the same shape, bias may be NULL; with weight NULL too, the last dimension, no scale. Ba et al. 2016. Shape
 * error: x is a scalar; weight is not the last sizes of x; bias is not as weight. Usage error: eps below 0. */
tn_tensor *tn_layer_norm(tn_tape *t, tn_tensor *x, tn_tensor *weight, tn_tensor *bias, double eps);

/* x / sqrt(mean x^2 + eps) * weight over the last dimension; weight (D) or NULL. Zhang and Sennrich 2019. Shape error: x is
 * a scalar; weight is not (D). Usage error: eps below 0. */
tn_tensor *tn_rms_norm(tn_tape *t, tn_tensor *x, tn_tensor *weight, double eps);

/* For tn_batch_norm. */
typedef struct tn_batch_norm_options {
    bool   training; /* by the batch's own statistics, else by the running ones */
    double momentum; /* running += momentum (the batch's - running) */
    double eps;
} tn_batch_norm_options;
tn_batch_norm_options tn_batch_norm_defaults(void); /* training, 0.1, 1e-5 */

/* Running mean and var (C), and a number that counts the batches: buffers, or NULL. */
typedef struct tn_batch_statistics {
    tn_tensor *mean, *var, *count;
} tn_batch_statistics;

/* (x - mean) / sqrt(var + eps) * weight + bias for each channel of x (N, C, ...), over all other dimensions (biased
 * variance). weight and bias (C), or NULL. With training, it moves the running statistics towards the batch's (their var is
 * that of a sample, n - 1): proposed, so it is optim_step that changes them; of two uses in one step, one counts. PyTorch's
 * batch_norm; Ioffe and Szegedy 2015. Shape error: x has no channels; one value per channel in training; a weight, bias,
 * mean or var that is not (C); a count of several numbers. Usage error: not training, and no running statistics; one of
 * mean and var without the other; running statistics that are no buffers; momentum outside [0, 1]; eps below 0. */
tn_tensor *tn_batch_norm(tn_tape *t, tn_tensor *x, tn_tensor *weight, tn_tensor *bias, tn_batch_statistics running,
                         tn_batch_norm_options options);

/* Under TN_TRAIN: each element 0 with probability p, else x / (1 - p); otherwise x. Usage error: p outside [0, 1]. */
tn_tensor *tn_dropout(tn_tape *t, tn_tensor *x, double p);

/* ---- losses -------------------------------------------------------------------------------------------------------- */

/* What becomes of the losses of rows or elements. */
typedef enum tn_reduction {
    TN_MEAN,     /* PyTorch's mean; for kl_div by the number of elements */
    TN_SUM,
    TN_NONE,     /* a loss per row or element */
    TN_BATCHMEAN /* kl_div only: by the first size */
} tn_reduction;

/* For the losses of labels. */
typedef struct tn_cross_entropy_options {
    tn_reduction reduction;
    int32_t      ignore_index;    /* rows with this label count nothing; compared first; -100 */
    double       label_smoothing; /* 0 to 1 */
} tn_cross_entropy_options;
tn_cross_entropy_options tn_cross_entropy_defaults(void); /* the mean, -100, no smoothing */

/* logits (*, C), one label in [0, C) for each row: the mean of -log softmax(logits)[label]. The classes are the last
 * dimension (PyTorch's are the second). Shape error: logits is a scalar; not a label for each row. Index error: a label
 * outside [0, C). Usage error: labels at NULL. */
tn_tensor *tn_cross_entropy(tn_tape *t, tn_tensor *logits, tn_ids labels);

/* The same with class weights (C) or NULL, and options: PyTorch's formulas, also for all rows ignored (mean NaN, sum 0).
 * The weights get no gradient. -> () or, for TN_NONE, the shape without C. Shape error: weight is not (C). Usage error:
 * label_smoothing outside [0, 1]; an unknown reduction; TN_BATCHMEAN. Errors: tn_cross_entropy's. */
tn_tensor *tn_cross_entropy_with(tn_tape *t, tn_tensor *logits, tn_ids labels, tn_tensor *weight,
                                 tn_cross_entropy_options options);

/* Against probabilities target (*, C), which get no gradient; ignore_index is not looked at; mean divides by the rows.
 * Shape error: logits is a scalar; target is not as logits; weight is not (C). Usage error: label_smoothing outside [0, 1];
 * an unknown reduction; TN_BATCHMEAN. */
tn_tensor *tn_cross_entropy_prob(tn_tape *t, tn_tensor *logits, tn_tensor *target, tn_tensor *weight,
                                 tn_cross_entropy_options options);

/* As cross_entropy, from log-probabilities. Usage error: label_smoothing that is not 0. Shape error: logp is a scalar; not
 * a label for each row; weight is not (C). Index error: a label outside [0, C). Errors: tn_cross_entropy_with's. */
tn_tensor *tn_nll(tn_tape *t, tn_tensor *logp, tn_ids labels, tn_tensor *weight, tn_cross_entropy_options options);

/* -(pos_weight y log s(x) + (1 - y) log(1 - s(x))), s the sigmoid, no overflow. target as x; pos_weight broadcasts to x, or
 * NULL. Targets and weights get no gradient. Shape error: target is not as x; pos_weight does not broadcast to x. Usage
 * error: an unknown reduction; TN_BATCHMEAN. */
tn_tensor *tn_bce_with_logits(tn_tape *t, tn_tensor *x, tn_tensor *target, tn_tensor *pos_weight, tn_reduction r);

/* Between x and y = target. Shape error: target is not as x. Usage error: an unknown reduction. */
tn_tensor *tn_mse(tn_tape *t, tn_tensor *x, tn_tensor *target, tn_reduction r); /* (x - y)^2. Usage error: TN_BATCHMEAN */
tn_tensor *tn_l1(tn_tape *t, tn_tensor *x, tn_tensor *target, tn_reduction r);  /* |x - y|. Usage error: TN_BATCHMEAN */
tn_tensor *tn_huber(tn_tape *t, tn_tensor *x, tn_tensor *target, double delta, tn_reduction r);
           /* d^2/2 for |d| <= delta, else delta (|d| - delta/2). Usage error: delta of 0 or less; TN_BATCHMEAN */
tn_tensor *tn_kl_div(tn_tape *t, tn_tensor *logp, tn_tensor *target, tn_reduction r);
           /* y (log y - logp); 0 where y = 0. Shape error: TN_BATCHMEAN of a scalar */

#ifdef __cplusplus
}
#endif
#endif
