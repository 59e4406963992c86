/* test_golden.c: every op and layer against PyTorch's values in tests/golden, forward and backward. What the numbers
 * of a case mean stands once here and once, under the same name, in tests/golden/make_golden.py. */
#include "golden.h"
#include "tests.h"

/* How a case is run: on inputs of the tape; on parameters; on inputs that the op is given twice, so that its
 * gradients are added to what is there; on a tape that does not record. */
typedef enum run_way { AS_INPUTS, AS_PARAMS, TWICE, AS_EVAL, N_WAYS } run_way;
static const char *const way_name[N_WAYS] = {"inputs", "params", "twice", "eval"};

/* A case at work. A layer puts its parameters into in. */
typedef struct run {
    const golden_case *c;
    run_way            way;
    tn_error           err;
    tn_tape           *t;
    tn_params         *ps;
    tn_tensor         *in[GOLDEN_MAX];
    int                n_in;
    const double      *option;
    tn_ids             ids;
    tn_bags            bags;
    int32_t           *id;
    int64_t           *offset;
} run;

/* ---- ops whose options take a function: from the case's numbers to the call ------------------------------------ */

static tn_dims dims_of(const run *r, int from)
{
    tn_dims d = {.n = r->c->n_options - from};
    for (int i = 0; i < d.n; i++) d.at[i] = (int64_t)r->option[from + i];
    return d;
}

static int64_t whole(const run *r, int i)
{
    return (int64_t)r->option[i];
}

static tn_tensor *run_clamp(run *r)
{
    return tn_clamp(r->t, r->in[0], r->option[0], r->option[1]);
}

static tn_tensor *run_where(run *r)
{
    return tn_where(r->t, r->in[0], r->in[1], r->in[r->n_in - 1]);
}

/* An op in all but its result, which becomes a constant of the shape that is expected. */
static tn_tensor *run_argmax(run *r)
{
    int32_t index[256];
    tn_real value[256];
    ck_assert(r->c->y.n <= 256);
    if (!tn_argmax(r->t, r->in[0], whole(r, 0), index)) return NULL;
    for (int64_t i = 0; i < r->c->y.n; i++) value[i] = (tn_real)index[i];
    return tn_input(r->t, r->c->y.shape, value, false);
}

static tn_tensor *run_matmul_trans(run *r)
{
    return tn_matmul_trans(r->t, r->in[0], r->in[r->n_in - 1], (unsigned)whole(r, 0));
}

static tn_tensor *run_linear(run *r)
{
    return tn_linear(r->t, r->in[0], r->in[1], r->in[2]);
}

static tn_tensor *run_unfold(run *r)
{
    return tn_unfold(r->t, r->in[0], (tn_unfold_options){whole(r, 0), whole(r, 1), whole(r, 2), whole(r, 3)});
}

static tn_tensor *run_reshape(run *r)
{
    return tn_reshape(r->t, r->in[0], dims_of(r, 0));
}

static tn_tensor *run_transpose(run *r)
{
    return tn_transpose(r->t, r->in[0], whole(r, 0), whole(r, 1));
}

static tn_tensor *run_permute(run *r)
{
    return tn_permute(r->t, r->in[0], dims_of(r, 0));
}

static tn_tensor *run_concat(run *r)
{
    return tn_concat(r->t, r->n_in, r->in, whole(r, 0));
}

static tn_tensor *run_stack(run *r)
{
    return tn_stack(r->t, r->n_in, r->in, whole(r, 0));
}

static tn_tensor *run_slice(run *r)
{
    return tn_slice(r->t, r->in[0], whole(r, 0), whole(r, 1), whole(r, 2), whole(r, 3));
}

static tn_tensor *run_pad(run *r)
{
    return tn_pad(r->t, r->in[0], whole(r, 0), whole(r, 1), whole(r, 2), r->option[3]);
}

static tn_tensor *run_gather_rows(run *r)
{
    return tn_gather_rows(r->t, r->in[0], r->ids);
}

static tn_tensor *run_scatter_add_rows(run *r)
{
    return tn_scatter_add_rows(r->t, r->in[0], r->ids, r->in[1]);
}

/* padding_idx (NaN: none), max_norm, norm_type, scale_grad_by_freq */
static tn_embedding_options embedding_options(const double *option)
{
    tn_embedding_options o = tn_embedding_defaults();
    if (!isnan(option[0])) o.padding_idx = (int64_t)option[0];
    o.max_norm = option[1];
    o.norm_type = option[2];
    o.scale_grad_by_freq = option[3] != 0;
    return o;
}

static tn_tensor *run_embedding(run *r)
{
    return tn_embedding(r->t, r->in[0], r->ids, embedding_options(r->option));
}

/* mode, include_last_offset, then the options of the rows */
static tn_tensor *run_embedding_bag(run *r)
{
    tn_embedding_bag_options o = tn_embedding_bag_defaults();
    o.mode = (tn_bag_mode)whole(r, 0);
    o.include_last_offset = r->option[1] != 0;
    o.rows = embedding_options(r->option + 2);
    tn_bags bags = r->bags;
    bags.n -= o.include_last_offset;
    return tn_embedding_bag(r->t, r->in[0], bags, r->in[1], o);
}

static tn_tensor *run_masked_mean(run *r)
{
    return tn_masked_mean(r->t, r->in[0], r->in[1]);
}

/* The ids are the lengths; none: all steps. */
static tn_ids lengths_of(const run *r)
{
    return r->ids.n ? r->ids : (tn_ids){NULL, 0};
}

static tn_tensor *run_gru(run *r)
{
    return tn_gru(r->t, r->in[0], r->in[1], r->in[2], r->in[3], lengths_of(r));
}

static tn_tensor *run_lstm(run *r)
{
    return tn_lstm(r->t, r->in[0], r->in[1], r->in[2], r->in[3], lengths_of(r));
}

static tn_tensor *run_attention(run *r)
{
    const tn_attention_options options = {whole(r, 0), whole(r, 1) != 0, r->option[2]};
    return tn_attention(r->t, r->in[0], r->in[1], r->in[2], r->in[3], options);
}

static tn_tensor *run_layer_norm(run *r)
{
    return tn_layer_norm(r->t, r->in[0], r->in[1], r->in[2], r->option[0]);
}

static tn_tensor *run_rms_norm(run *r)
{
    return tn_rms_norm(r->t, r->in[0], r->in[1], r->option[0]);
}

/* training, momentum, eps */
static tn_tensor *run_batch_norm(run *r)
{
    const tn_batch_norm_options options = {r->option[0] != 0, r->option[1], r->option[2]};
    return tn_batch_norm(r->t, r->in[0], r->in[1], r->in[2], (tn_batch_statistics){r->in[3], r->in[4], NULL}, options);
}

static tn_tensor *run_cross_entropy(run *r)
{
    return tn_cross_entropy(r->t, r->in[0], r->ids);
}

/* reduction, ignore_index, label_smoothing */
static tn_cross_entropy_options cross_entropy_options(const run *r)
{
    tn_cross_entropy_options o = tn_cross_entropy_defaults();
    o.reduction = (tn_reduction)whole(r, 0);
    o.ignore_index = (int32_t)whole(r, 1);
    o.label_smoothing = r->option[2];
    return o;
}

static tn_tensor *run_cross_entropy_with(run *r)
{
    return tn_cross_entropy_with(r->t, r->in[0], r->ids, r->in[1], cross_entropy_options(r));
}

static tn_tensor *run_cross_entropy_prob(run *r)
{
    return tn_cross_entropy_prob(r->t, r->in[0], r->in[1], r->in[2], cross_entropy_options(r));
}

static tn_tensor *run_nll(run *r)
{
    return tn_nll(r->t, r->in[0], r->ids, r->in[1], cross_entropy_options(r));
}

static tn_tensor *run_bce_with_logits(run *r)
{
    return tn_bce_with_logits(r->t, r->in[0], r->in[1], r->in[2], (tn_reduction)whole(r, 0));
}

static tn_tensor *run_huber(run *r)
{
    return tn_huber(r->t, r->in[0], r->in[1], r->option[1], (tn_reduction)whole(r, 0));
}

/* ---- layers: made by their _init, then given the case's numbers ------------------------------------------------ */

/* The layer's parameter takes the values and the place of in[i]. */
static void take_place(run *r, int i, tn_tensor *param)
{
    if (!param || !r->in[i]) return;
    ck_assert_int_eq(param->n, r->in[i]->n);
    if (param->n) memcpy(param->data, r->in[i]->data, (size_t)param->n * sizeof *param->data);
    r->in[i] = param;
}

static tn_tensor *run_nn_linear(run *r)
{
    nn_linear l;
    const tn_tensor *w = r->in[1];
    nn_linear_init(&l, r->ps, "layer", w->size[1], w->size[0]);
    take_place(r, 1, l.weight);
    take_place(r, 2, l.bias);
    return nn_linear_forward(&l, r->t, r->in[0]);
}

static tn_tensor *run_nn_linear_no_bias(run *r)
{
    nn_linear l;
    const tn_tensor *w = r->in[1];
    nn_linear_init_no_bias(&l, r->ps, "layer", w->size[1], w->size[0]);
    take_place(r, 1, l.weight);
    return nn_linear_forward(&l, r->t, r->in[0]);
}

/* stride, padding, dilation, groups */
static tn_tensor *run_nn_conv1d(run *r)
{
    nn_conv1d c;
    const tn_tensor *w = r->in[1];
    nn_conv1d_init_groups(&c, r->ps, "layer", w->size[1] * whole(r, 3), w->size[0], w->size[2], whole(r, 3));
    c.stride = whole(r, 0), c.padding = whole(r, 1), c.dilation = whole(r, 2);
    take_place(r, 1, c.weight);
    take_place(r, 2, c.bias);
    return nn_conv1d_forward(&c, r->t, r->in[0]);
}

static tn_tensor *run_nn_layer_norm(run *r)
{
    nn_layer_norm l;
    nn_layer_norm_init(&l, r->ps, "layer", r->in[1]->n);
    take_place(r, 1, l.weight);
    take_place(r, 2, l.bias);
    return nn_layer_norm_forward(&l, r->t, r->in[0]);
}

/* momentum */
static tn_tensor *run_nn_batch_norm1d(run *r)
{
    nn_batch_norm1d b;
    nn_batch_norm1d_init(&b, r->ps, "layer", r->in[1]->n);
    b.momentum = r->option[0];
    take_place(r, 1, b.weight);
    take_place(r, 2, b.bias);
    take_place(r, 3, b.running.mean);
    take_place(r, 4, b.running.var);
    take_place(r, 5, b.running.count);
    return nn_batch_norm1d_forward(&b, r->t, r->in[0]);
}

/* 1: the last state, 0: the outputs */
static tn_tensor *run_recurrent(run *r, const nn_recurrent *layer,
                                tn_tensor *(*forward)(const nn_recurrent *, tn_tape *, tn_tensor *, tn_ids, tn_tensor **))
{
    take_place(r, 2, layer->weight_ih);
    take_place(r, 3, layer->weight_hh);
    take_place(r, 4, layer->bias_ih);
    take_place(r, 5, layer->bias_hh);
    tn_tensor *state = r->in[1], *y = forward(layer, r->t, r->in[0], lengths_of(r), &state);
    return whole(r, 0) ? state : y;
}

static tn_tensor *run_nn_gru(run *r)
{
    nn_gru g;
    nn_gru_init(&g, r->ps, "layer", r->in[2]->size[1], r->in[3]->size[1]);
    return run_recurrent(r, &g, nn_gru_forward);
}

static tn_tensor *run_nn_lstm(run *r)
{
    nn_lstm l;
    nn_lstm_init(&l, r->ps, "layer", r->in[2]->size[1], r->in[3]->size[1]);
    return run_recurrent(r, &l, nn_lstm_forward);
}

static tn_tensor *run_nn_positional(run *r)
{
    nn_positional p;
    nn_positional_init(&p, r->ps, "layer", r->in[1]->size[0], r->in[1]->size[1]);
    take_place(r, 1, p.weight);
    return nn_positional_forward(&p, r->t, r->in[0]);
}

static tn_tensor *run_nn_sinusoids(run *r)
{
    return tn_add(r->t, r->in[0], nn_sinusoids(r->t, r->in[0]->size[1], r->in[0]->size[2]));
}

/* All parameters, in their order, take the places from in[1] on. */
static void take_places(run *r)
{
    for (int i = 0, at = 1; i < tn_params_count(r->ps); i++)
        if (strncmp(tn_params_at(r->ps, i)->name, "layer.", 6) == 0) take_place(r, at++, tn_params_at(r->ps, i));
}

/* heads, causal; behind the parameters come a mask and the memory */
static tn_tensor *run_nn_multihead_attention(run *r)
{
    nn_multihead_attention a;
    nn_multihead_attention_init(&a, r->ps, "layer", r->in[0]->size[2], whole(r, 0));
    take_places(r);
    return nn_multihead_attention_forward(&a, r->t, r->in[0], r->in[6], r->in[5], r->option[1] != 0);
}

/* heads, norm_first, gelu, causal; behind the parameters comes a mask */
static tn_tensor *run_nn_transformer_block(run *r)
{
    nn_transformer_block b;
    nn_transformer_block_init(&b, r->ps, "layer", r->in[0]->size[2], whole(r, 0), r->in[5]->size[0]);
    b.dropout = 0, b.norm_first = r->option[1] != 0;
    if (r->option[2] != 0) b.activation = tn_gelu;
    take_places(r);
    return nn_transformer_block_forward(&b, r->t, r->in[0], r->in[13], r->option[3] != 0);
}

static tn_tensor *run_nn_dropout(run *r)
{
    nn_dropout d = {.p = r->option[0]};
    return nn_dropout_forward(&d, r->t, r->in[0]);
}

/* padding_idx (NaN: none) */
static nn_embedding embedding_layer(run *r)
{
    nn_embedding e;
    nn_embedding_init(&e, r->ps, "layer", r->in[0]->size[0], r->in[0]->size[1]);
    if (!isnan(r->option[0])) nn_embedding_set_padding(&e, r->ps, whole(r, 0));
    take_place(r, 0, e.weight);
    return e;
}

static tn_tensor *run_nn_embedding(run *r)
{
    nn_embedding e = embedding_layer(r);
    return nn_embedding_forward(&e, r->t, r->ids);
}

static tn_tensor *run_nn_embedding_init_from(run *r)
{
    nn_embedding e;
    const tn_tensor *w = r->in[0];
    nn_embedding_init_from(&e, r->ps, "layer", w->size[0], w->size[1], w->data, false);
    if (!isnan(r->option[0])) e.options.padding_idx = whole(r, 0); /* as PyTorch, which leaves the row as it is */
    r->in[0] = e.weight;
    return nn_embedding_forward(&e, r->t, r->ids);
}

static tn_tensor *run_nn_embedding_mean(run *r)
{
    nn_embedding e = embedding_layer(r);
    return nn_embedding_mean(&e, r->t, r->bags);
}

/* padding_idx, mode */
static tn_tensor *run_nn_embedding_bag(run *r)
{
    static const tn_bag_mode mode[] = {TN_BAG_MEAN, TN_BAG_SUM, TN_BAG_MAX};
    nn_embedding e = embedding_layer(r);
    return nn_embedding_bag(&e, r->t, r->bags, mode[whole(r, 1)]);
}

/* ---- the table: a file of cases for each row ------------------------------------------------------------------- */

/* One of the functions is given: families share a prototype, the rest have a run_ of their own. */
typedef struct golden_op {
    const char *name;
    tn_tensor *(*unary)(tn_tape *, tn_tensor *);
    tn_tensor *(*binary)(tn_tape *, tn_tensor *, tn_tensor *);
    tn_tensor *(*number)(tn_tape *, tn_tensor *, double);
    tn_tensor *(*over)(tn_tape *, tn_tensor *, tn_dims, bool); /* keep, then the dimensions */
    tn_tensor *(*along)(tn_tape *, tn_tensor *, int64_t);
    tn_tensor *(*loss)(tn_tape *, tn_tensor *, tn_tensor *, tn_reduction);
    tn_tensor *(*run)(run *);
} golden_op;

static const golden_op ops[] = {
    {.name = "neg", .unary = tn_neg},
    {.name = "abs", .unary = tn_abs},
    {.name = "sign", .unary = tn_sign},
    {.name = "exp", .unary = tn_exp},
    {.name = "expm1", .unary = tn_expm1},
    {.name = "log", .unary = tn_log},
    {.name = "log1p", .unary = tn_log1p},
    {.name = "sqrt", .unary = tn_sqrt},
    {.name = "rsqrt", .unary = tn_rsqrt},
    {.name = "square", .unary = tn_square},
    {.name = "reciprocal", .unary = tn_reciprocal},
    {.name = "sin", .unary = tn_sin},
    {.name = "cos", .unary = tn_cos},
    {.name = "tanh", .unary = tn_tanh},
    {.name = "sigmoid", .unary = tn_sigmoid},
    {.name = "softplus", .unary = tn_softplus},
    {.name = "relu", .unary = tn_relu},
    {.name = "leaky_relu", .number = tn_leaky_relu},
    {.name = "elu", .number = tn_elu},
    {.name = "gelu", .unary = tn_gelu},
    {.name = "gelu_tanh", .unary = tn_gelu_tanh},
    {.name = "silu", .unary = tn_silu},
    {.name = "erf", .unary = tn_erf},
    {.name = "clamp", .run = run_clamp},
    {.name = "pow_number", .number = tn_pow_number},
    {.name = "add", .binary = tn_add},
    {.name = "sub", .binary = tn_sub},
    {.name = "mul", .binary = tn_mul},
    {.name = "div", .binary = tn_div},
    {.name = "pow", .binary = tn_pow},
    {.name = "maximum", .binary = tn_maximum},
    {.name = "minimum", .binary = tn_minimum},
    {.name = "add_number", .number = tn_add_number},
    {.name = "mul_number", .number = tn_mul_number},
    {.name = "where", .run = run_where},
    {.name = "sum", .over = tn_sum},
    {.name = "mean", .over = tn_mean},
    {.name = "max", .over = tn_max},
    {.name = "min", .over = tn_min},
    {.name = "var", .over = tn_var},
    {.name = "logsumexp", .over = tn_logsumexp},
    {.name = "argmax", .run = run_argmax},
    {.name = "softmax", .along = tn_softmax},
    {.name = "log_softmax", .along = tn_log_softmax},
    {.name = "matmul", .binary = tn_matmul},
    {.name = "matmul_trans", .run = run_matmul_trans},
    {.name = "linear", .run = run_linear},
    {.name = "unfold", .run = run_unfold},
    {.name = "reshape", .run = run_reshape},
    {.name = "transpose", .run = run_transpose},
    {.name = "permute", .run = run_permute},
    {.name = "concat", .run = run_concat},
    {.name = "stack", .run = run_stack},
    {.name = "slice", .run = run_slice},
    {.name = "pad", .run = run_pad},
    {.name = "gather_rows", .run = run_gather_rows},
    {.name = "scatter_add_rows", .run = run_scatter_add_rows},
    {.name = "embedding", .run = run_embedding},
    {.name = "embedding_bag", .run = run_embedding_bag},
    {.name = "masked_mean", .run = run_masked_mean},
    {.name = "gru", .run = run_gru},
    {.name = "lstm", .run = run_lstm},
    {.name = "attention", .run = run_attention},
    {.name = "layer_norm", .run = run_layer_norm},
    {.name = "rms_norm", .run = run_rms_norm},
    {.name = "batch_norm", .run = run_batch_norm},
    {.name = "dropout", .number = tn_dropout},
    {.name = "cross_entropy", .run = run_cross_entropy},
    {.name = "cross_entropy_with", .run = run_cross_entropy_with},
    {.name = "cross_entropy_prob", .run = run_cross_entropy_prob},
    {.name = "nll", .run = run_nll},
    {.name = "bce_with_logits", .run = run_bce_with_logits},
    {.name = "mse", .loss = tn_mse},
    {.name = "l1", .loss = tn_l1},
    {.name = "huber", .run = run_huber},
    {.name = "kl_div", .loss = tn_kl_div},
    {.name = "nn_linear", .run = run_nn_linear},
    {.name = "nn_linear_no_bias", .run = run_nn_linear_no_bias},
    {.name = "nn_conv1d", .run = run_nn_conv1d},
    {.name = "nn_layer_norm", .run = run_nn_layer_norm},
    {.name = "nn_batch_norm1d", .run = run_nn_batch_norm1d},
    {.name = "nn_gru", .run = run_nn_gru},
    {.name = "nn_lstm", .run = run_nn_lstm},
    {.name = "nn_positional", .run = run_nn_positional},
    {.name = "nn_sinusoids", .run = run_nn_sinusoids},
    {.name = "nn_multihead_attention", .run = run_nn_multihead_attention},
    {.name = "nn_transformer_block", .run = run_nn_transformer_block},
    {.name = "nn_dropout", .run = run_nn_dropout},
    {.name = "nn_embedding", .run = run_nn_embedding},
    {.name = "nn_embedding_init_from", .run = run_nn_embedding_init_from},
    {.name = "nn_embedding_mean", .run = run_nn_embedding_mean},
    {.name = "nn_embedding_bag", .run = run_nn_embedding_bag},
};
enum { N_OPS = sizeof ops / sizeof *ops };

static tn_tensor *build(const golden_op *op, run *r)
{
    tn_tensor *x = r->in[0], *last = r->in[r->n_in - 1]; /* a single input stands in both places */
    if (op->unary) return op->unary(r->t, x);
    if (op->binary) return op->binary(r->t, x, last);
    if (op->number) return op->number(r->t, x, r->option[0]);
    if (op->over) return op->over(r->t, x, dims_of(r, 1), r->option[0] != 0);
    if (op->along) return op->along(r->t, x, whole(r, 0));
    if (op->loss) return op->loss(r->t, x, last, (tn_reduction)whole(r, 0));
    return op->run(r);
}

/* ---- tolerances: semantics.md's, and what is looser, with its reason ------------------------------------------- */

#ifdef TN_DOUBLE
static const double forward_tol = 1e-10, grad_tol = 1e-10;
#else
static const double forward_tol = 1e-5, grad_tol = 1e-4;
#endif

/* In the float build only. */
typedef struct looser {
    const char *op, *cases; /* the beginning of their names */
    double      forward, grad;
    const char *reason;
} looser;

static const looser loosers[] = {
    {"rms_norm", "(3, 1)", 1e-5, 0.1, "of one number: 1 - x^2 / (x^2 + eps) is what is left of two numbers near 1"},
    {"rms_norm", "(1, 1)", 1e-5, 0.1, "the same"},
    {"logsumexp", "extreme", 1e-5, 1e-3, "e^(x - y), and a float y near 1e4 is rounded to 1e-3"},
};
enum { N_LOOSERS = sizeof loosers / sizeof *loosers };

static double tolerance(const golden_op *op, const golden_case *c, bool of_grad)
{
    for (int i = 0; i < N_LOOSERS && sizeof(tn_real) == sizeof(float); i++) {
        const looser *l = &loosers[i];
        if (strcmp(l->op, op->name) != 0 || strncmp(l->cases, c->name, strlen(l->cases)) != 0) continue;
        return of_grad ? l->grad : l->forward;
    }
    return of_grad ? grad_tol : forward_tol;
}

/* ---- one case -------------------------------------------------------------------------------------------------- */

static tn_tensor *make_leaf(run *r, int i)
{
    const golden_array *a = &r->c->in[i];
    if (!a->given) return NULL;
    tn_real *data = golden_reals(a->value, a->n);
    tn_tensor *x = r->way == AS_PARAMS && r->c->wants[i]
                       ? tn_param(r->ps, a->shape, tn_copy_of(data), "in%d", i)
                       : tn_input(r->t, a->shape, data, r->c->wants[i] && r->way != AS_EVAL);
    free(data);
    return x;
}

static void take_ids(run *r)
{
    const golden_array *offsets = &r->c->offsets;
    r->id = golden_ids(&r->c->ids);
    r->ids = (tn_ids){r->id, r->c->ids.n};
    r->offset = malloc((size_t)(offsets->n + 1) * sizeof *r->offset);
    ck_assert(r->offset != NULL);
    for (int64_t i = 0; i < offsets->n; i++) r->offset[i] = (int64_t)offsets->value[i];
    r->bags = (tn_bags){r->ids, r->offset, offsets->n};
}

static void run_begin(run *r, const golden_case *c, run_way way)
{
    *r = (run){.c = c, .way = way, .n_in = c->n_in, .option = c->option};
    r->ps = tn_params_new(1, &r->err);
    r->t = tn_tape_new(1, 0, &r->err);
    tn_tape_begin(r->t, way == AS_EVAL ? TN_EVAL : c->train ? TN_GRAD | TN_TRAIN : TN_GRAD);
    for (int i = 0; i < c->n_in; i++) r->in[i] = make_leaf(r, i);
    take_ids(r);
}

static void run_end(run *r)
{
    tn_tape_free(r->t);
    tn_params_free(r->ps);
    free(r->id);
    free(r->offset);
}

static bool wants_any(const golden_case *c)
{
    for (int i = 0; i < c->n_in; i++) {
        if (c->wants[i]) return true;
    }
    return false;
}

static bool same_shape(const tn_tensor *y, const tn_dims *shape)
{
    if (y->rank != shape->n) return false;
    for (int i = 0; i < y->rank; i++) {
        if (y->size[i] != shape->at[i]) return false;
    }
    return true;
}

/* A parameter or another shape of it, which an op that has nothing to do may return, is no loss: so times 1. Twice,
 * with half of dy each time, makes the gradient of once. */
static void backward(const golden_op *op, run *r, tn_tensor *y)
{
    tn_real *dy = golden_reals(r->c->dy.value, r->c->dy.n);
    for (int64_t i = 0; r->way == TWICE && i < r->c->dy.n; i++) dy[i] *= (tn_real)0.5;
    if (r->way == TWICE) y = tn_add(r->t, y, build(op, r));
    if (r->way == AS_PARAMS) y = tn_mul_number(r->t, y, 1);
    tn_backward_from(r->t, y, dy);
    free(dy);
}

static void compare_gradients(const golden_op *op, run *r, golden_report *report, const char *where)
{
    double tol = tolerance(op, r->c, true);
    for (int i = 0; i < r->c->n_in; i++) {
        char what[32];
        snprintf(what, sizeof what, "gradient %d", i);
        if (r->c->wants[i]) golden_compare(report, where, what, tn_grad_data(r->in[i]), &r->c->grad[i], tol);
    }
    tn_params_commit(r->ps);
    for (int i = 0; i < r->c->n_in; i++) {
        if (r->c->after[i].given) {
            golden_compare(report, where, "the input afterwards", r->in[i]->data, &r->c->after[i], forward_tol);
        }
    }
}

static void check_run(const golden_op *op, run *r, golden_report *report)
{
    char where[256];
    snprintf(where, sizeof where, "%s \"%s\" (%s)", op->name, r->c->name, way_name[r->way]);
    tn_tensor *y = build(op, r);
    if (!y && !r->err.code) golden_fail(report, "\n  %s: NULL without an error", where);
    if (y && !same_shape(y, &r->c->y.shape)) {
        golden_fail(report, "\n  %s: y has the shape %s", where, TN_STR(y));
        return;
    }
    if (y) golden_compare(report, where, "y", y->data, &r->c->y, tolerance(op, r->c, false));
    if (y && r->way != AS_EVAL && wants_any(r->c)) {
        backward(op, r, y);
        if (!r->err.code) compare_gradients(op, r, report, where);
    }
    if (r->err.code) golden_fail(report, "\n  %s: %s", where, r->err.text);
}

/* An op that writes its table wants a parameter, training mode does not go with evaluation, and a layer's names are
 * taken after the first time. */
static bool fits(const golden_op *op, const golden_case *c, run_way way)
{
    if (c->after[0].given) return way == AS_PARAMS;
    if (way == TWICE) return strncmp(op->name, "nn_", 3) != 0;
    return way != AS_EVAL || !c->train;
}

static void check_case(const golden_op *op, const golden_case *c, golden_report *report)
{
    for (run_way way = 0; way < N_WAYS; way++) {
        run r;
        if (!fits(op, c, way)) continue;
        run_begin(&r, c, way);
        check_run(op, &r, report);
        run_end(&r);
    }
}

START_TEST(golden_values)
{
    static golden_report report;
    golden_case c;
    int cases = 0;
    FILE *f = golden_open(ops[_i].name);
    for (; golden_next(f, &c); cases++) {
        check_case(&ops[_i], &c, &report);
        golden_free(&c);
    }
    fclose(f);
    ck_assert_msg(cases > 0, "%s has no cases", ops[_i].name);
    ck_assert_msg(!report.failures, "%d failures:%s", report.failures, report.text);
}
END_TEST

/* ---- is every op there? ---------------------------------------------------------------------------------------- */

enum { MAX_OPS = 256 };
typedef struct op_set {
    const tn_op *op[MAX_OPS];
    int          n;
} op_set;

static bool has(const op_set *set, const tn_op *op)
{
    for (int i = 0; i < set->n; i++) {
        if (set->op[i] == op) return true;
    }
    return false;
}

/* Every op that y is made by: an op may be made of others. */
static void add_ops(op_set *set, const tn_tensor *y)
{
    if (!y || !y->op) return;
    if (!has(set, y->op)) {
        ck_assert(set->n < MAX_OPS);
        set->op[set->n++] = y->op;
    }
    for (int i = 0; i < y->n_in; i++) add_ops(set, y->in[i]);
}

static void add_ops_of_file(op_set *set, const golden_op *op)
{
    golden_case c;
    FILE *f = golden_open(op->name);
    while (golden_next(f, &c)) {
        run r;
        run_begin(&r, &c, AS_PARAMS);
        add_ops(set, build(op, &r));
        run_end(&r);
        golden_free(&c);
    }
    fclose(f);
}

START_TEST(every_op_has_cases)
{
    static op_set set;
    golden_report report = {0};
    for (int i = 0; i < N_OPS; i++) add_ops_of_file(&set, &ops[i]);
    for (const tn_op *const *op = tests_builtin_ops; *op; op++) {
        if (!has(&set, *op)) golden_fail(&report, " %s", (*op)->name);
    }
    ck_assert_msg(tests_builtin_ops[0] != NULL, "the list of ops is empty");
    ck_assert_msg(!report.failures, "no case in tests/golden for:%s", report.text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("golden");
    TCase *values = tcase_create("values"), *all = tcase_create("all");
    tcase_add_loop_test(values, golden_values, 0, N_OPS);
    tcase_add_test(all, every_op_has_cases);
    tcase_set_timeout(values, 60);
    tcase_set_timeout(all, 60);
    suite_add_tcase(s, values);
    suite_add_tcase(s, all);
    return run_suite(s);
}
