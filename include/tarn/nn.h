/* nn.h: layers. A layer is a plain struct of parameters, with _init (which names them in a tn_params) and _forward. The
 * struct is yours; its parameters belong to the params. An _init that fails records the error and leaves NULLs, which every
 * forward then passes on.
 *
 * Beside what stands below, the errors of every _init. Usage error: a layer that is NULL; a name that is NULL; a name that
 * is there already. Shape error: a negative size. Memory error: a size larger than any memory. And of every _forward. Usage
 * error: a layer that is NULL; a layer without its _init. Errors: the ops'. */
#ifndef TARN_NN_H
#define TARN_NN_H

#include <tarn/ops.h>
#include <tarn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A lookup table of *random* rows, one per id: weight (V, D) ~ N(0, 1), named "<name>.weight". Training moves the rows. */
typedef struct nn_embedding {
    tn_tensor           *weight;
    tn_embedding_options options; /* max_norm, norm_type, scale_grad_by_freq: set them after init if you want them */
} nn_embedding;

/* rows and dim: the table's V and D. */
void nn_embedding_init(nn_embedding *e, tn_params *ps, const char *name, int64_t rows, int64_t dim);

/* PyTorch's padding_idx: the row becomes zero and stays so. Negative: from the end. Index error: outside [-V, V). Usage
 * error: e is NULL or without its _init. */
void nn_embedding_set_padding(nn_embedding *e, tn_params *ps, int64_t padding_idx);

/* PyTorch's from_pretrained: rows copied from table (rows x dim numbers), frozen if freeze. */
void nn_embedding_init_from(nn_embedding *e, tn_params *ps, const char *name, int64_t rows, int64_t dim,
                            const tn_real *table, bool freeze);

tn_tensor *nn_embedding_forward(const nn_embedding *e, tn_tape *t, tn_ids ids); /* -> (ids.n, D) */

/* PyTorch's EmbeddingBag on the same table: mean (or sum, or max) of each bag's rows -> (bags.n, D). */
tn_tensor *nn_embedding_mean(const nn_embedding *e, tn_tape *t, tn_bags bags);
tn_tensor *nn_embedding_bag(const nn_embedding *e, tn_tape *t, tn_bags bags, tn_bag_mode mode);

/* y = x W^T + b, W (out, in) and b (out) ~ U(-1/sqrt(in), 1/sqrt(in)): "<name>.weight", "<name>.bias". */
typedef struct nn_linear {
    tn_tensor *weight, *bias;
} nn_linear;

/* x (*, in) -> (*, out). */
void nn_linear_init(nn_linear *l, tn_params *ps, const char *name, int64_t in, int64_t out);
void nn_linear_init_no_bias(nn_linear *l, tn_params *ps, const char *name, int64_t in, int64_t out);
tn_tensor *nn_linear_forward(const nn_linear *l, tn_tape *t, tn_tensor *x);

/* A convolution over the last dimension: "<name>.weight" (out, in / groups, kernel) and "<name>.bias" (out) ~ U(-1/sqrt(n),
 * 1/sqrt(n)), n = in / groups * kernel. Set stride (1), padding (0: zeros on both sides) and dilation (1) after init.
 * Groups of channels see nothing of each other. */
typedef struct nn_conv1d {
    tn_tensor *weight, *bias;
    int64_t    stride, padding, dilation, groups;
} nn_conv1d;

/* x (batch, in, length) -> (batch, out, length'), tn_unfold's. For a text, tn_transpose(t, x, 1, 2) makes channels of (batch,
 * length, dim), and tn_max(t, y, TN_DIMS(2), false) takes the best place of each (Kim 2014). */
void nn_conv1d_init(nn_conv1d *c, tn_params *ps, const char *name, int64_t in, int64_t out, int64_t kernel);

/* Usage error: groups do not divide in and out. */
void nn_conv1d_init_groups(nn_conv1d *c, tn_params *ps, const char *name, int64_t in, int64_t out, int64_t kernel,
                           int64_t groups);

/* Shape error: x is not (batch, in, length). Errors: tn_unfold's. */
tn_tensor *nn_conv1d_forward(const nn_conv1d *c, tn_tape *t, tn_tensor *x);

/* Over the last dimension of size dim: weight 1, bias 0, eps 1e-5. */
typedef struct nn_layer_norm {
    tn_tensor *weight, *bias;
    double     eps;
} nn_layer_norm;

/* x (*, dim) -> the same shape. */
void nn_layer_norm_init(nn_layer_norm *l, tn_params *ps, const char *name, int64_t dim);
tn_tensor *nn_layer_norm_forward(const nn_layer_norm *l, tn_tape *t, tn_tensor *x);

/* Each of dim channels over the rest: under TN_TRAIN by the batch's statistics, of which "<name>.running_mean" and
 * "<name>.running_var" (buffers) keep a moving average, else by those; "<name>.num_batches_tracked" counts. What a
 * training step finds out is committed by optim_step. weight 1, bias 0, momentum 0.1, eps 1e-5. */
typedef struct nn_batch_norm1d {
    tn_tensor          *weight, *bias;
    tn_batch_statistics running;
    double              momentum, eps;
} nn_batch_norm1d;

/* x (batch, dim) or (batch, dim, length) -> the same shape; more dimensions are PyTorch's BatchNorm2d and 3d. */
void nn_batch_norm1d_init(nn_batch_norm1d *b, tn_params *ps, const char *name, int64_t dim);
tn_tensor *nn_batch_norm1d_forward(const nn_batch_norm1d *b, tn_tape *t, tn_tensor *x);

/* Which steps of sequences are real: (lengths.n, steps), 1 up to each length and 0 behind it, a constant. For
 * tn_masked_mean as it is; for attention's padding as (batch, 1, 1, steps). Index error: a length outside [0, steps]. Usage
 * error: lengths at NULL. Errors: tn_input's. */
tn_tensor *nn_length_mask(tn_tape *t, tn_ids lengths, int64_t steps);

/* One layer, batch first: weights "<name>.weight_ih_l0" (gates * hidden, in) and "<name>.weight_hh_l0" (gates * hidden,
 * hidden), "<name>.bias_ih_l0" and "<name>.bias_hh_l0" (gates * hidden), all ~ U(-1/sqrt(hidden), 1/sqrt(hidden)); the
 * gates as tn_gru's and tn_lstm's, three and four. A second layer is a layer on the first one's outputs. */
typedef struct nn_recurrent {
    tn_tensor *weight_ih, *weight_hh, *bias_ih, *bias_hh;
} nn_recurrent;
typedef nn_recurrent nn_gru;
typedef nn_recurrent nn_lstm;

/* For x (batch, steps, in). */
void nn_gru_init(nn_gru *g, tn_params *ps, const char *name, int64_t in, int64_t hidden);
void nn_lstm_init(nn_lstm *l, tn_params *ps, const char *name, int64_t in, int64_t hidden);

/* x (batch, steps, in) -> (batch, steps, hidden). lengths: one in [1, steps] for each sequence, behind which the outputs
 * are 0 (what PyTorch gives for packed sequences); {NULL, 0}: all are of full length. *state is where it begins (NULL:
 * zeros) and becomes where it ends, at each one's last real step: (batch, hidden), of LSTM (2, batch, hidden), h and c. A
 * state that is NULL is not asked for. Shape error: x is not (batch, steps, in). Errors: the op's. */
tn_tensor *nn_gru_forward(const nn_gru *g, tn_tape *t, tn_tensor *x, tn_ids lengths, tn_tensor **state);
tn_tensor *nn_lstm_forward(const nn_lstm *l, tn_tape *t, tn_tensor *x, tn_ids lengths, tn_tensor **state);

/* Adds to each step a row that is learned for its place: "<name>.weight" (length, dim) ~ N(0, 1), PyTorch's Embedding of 0
 * to length - 1. */
typedef struct nn_positional {
    tn_tensor *weight;
} nn_positional;

/* length and dim: the table's. */
void nn_positional_init(nn_positional *p, tn_params *ps, const char *name, int64_t length, int64_t dim);

/* x (batch, steps, dim) -> the same shape. Shape error: x is not (batch, length at most, dim). */
tn_tensor *nn_positional_forward(const nn_positional *p, tn_tape *t, tn_tensor *x);

/* The same without learning (Vaswani et al. 2017), to be added to x: (length, dim), a constant, made anew by each call;
 * sin(i / 10000^(k / dim)) in column k if that is even, cos(i / 10000^((k - 1) / dim)) if it is odd. Errors: tn_input's. */
tn_tensor *nn_sinusoids(tn_tape *t, int64_t length, int64_t dim);

/* PyTorch's MultiheadAttention, batch first: q, k and v by "<name>.in_proj_weight" (3 dim, dim) ~ U(-b, b), b = sqrt(6 / (4
 * dim)), and "<name>.in_proj_bias" 0, tn_attention, then "<name>.out_proj.weight" as a linear's and "<name>.out_proj.bias"
 * 0. */
typedef struct nn_multihead_attention {
    tn_tensor *in_proj_weight, *in_proj_bias;
    nn_linear  out_proj;
    int64_t    heads;
} nn_multihead_attention;

/* dim: of all heads together. Usage error: heads do not divide dim. */
void nn_multihead_attention_init(nn_multihead_attention *a, tn_params *ps, const char *name, int64_t dim, int64_t heads);

/* x (batch, length, dim) looks at memory (batch, source, dim), or at itself if that is NULL -> (batch, length, dim). mask,
 * or NULL, and causal are tn_attention's: 1 where it may look (PyTorch's masks say where not), for padding (batch, 1, 1,
 * source). Errors: tn_attention's. */
tn_tensor *nn_multihead_attention_forward(const nn_multihead_attention *a, tn_tape *t, tn_tensor *x, tn_tensor *memory,
                                          tn_tensor *mask, bool causal);

/* PyTorch's TransformerEncoderLayer; with causal, a block of a GPT: "<name>.self_attn", "<name>.linear1" (dim to hidden),
 * "<name>.linear2" (back), "<name>.norm1" and "<name>.norm2". Set dropout (0.1), norm_first (false: norms follow; true: they
 * come first, which trains deep stacks more easily) and activation (tn_relu) after init. The probabilities of attention
 * are not dropped, as PyTorch's are. */
typedef struct nn_transformer_block {
    nn_multihead_attention self_attn;
    nn_linear              linear1, linear2;
    nn_layer_norm          norm1, norm2;
    double                 dropout;
    bool                   norm_first;
    tn_tensor           *(*activation)(tn_tape *t, tn_tensor *x);
} nn_transformer_block;

/* hidden: between the two linears. Errors: nn_multihead_attention_init's. */
void nn_transformer_block_init(nn_transformer_block *b, tn_params *ps, const char *name, int64_t dim, int64_t heads,
                               int64_t hidden);

/* x (batch, length, dim) -> the same shape; mask, or NULL, and causal as in nn_multihead_attention_forward. Usage error: an
 * activation that is NULL. Errors: tn_attention's. */
tn_tensor *nn_transformer_block_forward(const nn_transformer_block *b, tn_tape *t, tn_tensor *x, tn_tensor *mask, bool causal);

/* Zeroes with probability p while training; no parameters. */
typedef struct nn_dropout {
    double p;
} nn_dropout;

/* tn_dropout with d's probability. Errors: tn_dropout's. */
tn_tensor *nn_dropout_forward(const nn_dropout *d, tn_tape *t, tn_tensor *x);

#ifdef __cplusplus
}
#endif
#endif
