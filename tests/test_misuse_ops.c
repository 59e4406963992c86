/* Every op: with NULL, with tensors of another tape or of an earlier step, on tapes that are not open, with the wrong shapes
 * in each place, and empty. misuse.py sees to it that no op is missing. */
#include "misuse.h"

enum { MOST = 7 }; /* inputs */

static tn_tape      *on; /* the tape that ops are called on */
static const int32_t two_ids[] = {0, 1};
static const int64_t two_offsets[] = {0, 1};
static const tn_ids  two = {two_ids, 2};

typedef struct every {
    const char *name;
    tn_tensor *(*call)(tn_tensor *const *in);
    int         n;
    tn_dims     shape[MOST];
} every;

#define CALL(name, expression)                       \
    static tn_tensor *name(tn_tensor *const *in)     \
    {                                                \
        return expression;                           \
    }
#define UNARY(name) CALL(call_##name, tn_##name(on, in[0]))
#define BINARY(name) CALL(call_##name, tn_##name(on, in[0], in[1]))
#define REDUCTION(name) CALL(call_##name, tn_##name(on, in[0], TN_DIMS(0), false))

UNARY(neg) UNARY(abs) UNARY(sign) UNARY(exp) UNARY(expm1) UNARY(log) UNARY(log1p) UNARY(sqrt) UNARY(rsqrt) UNARY(square)
UNARY(reciprocal) UNARY(sin) UNARY(cos) UNARY(tanh) UNARY(sigmoid) UNARY(softplus) UNARY(relu) UNARY(gelu) UNARY(gelu_tanh)
UNARY(silu) UNARY(erf)
CALL(call_leaky_relu, tn_leaky_relu(on, in[0], 0.1))
CALL(call_elu, tn_elu(on, in[0], 1))
CALL(call_clamp, tn_clamp(on, in[0], 0, 1))
CALL(call_pow_number, tn_pow_number(on, in[0], 2))
CALL(call_add_number, tn_add_number(on, in[0], 2))
CALL(call_mul_number, tn_mul_number(on, in[0], 2))
BINARY(add) BINARY(sub) BINARY(mul) BINARY(div) BINARY(pow) BINARY(maximum) BINARY(minimum) BINARY(matmul)
CALL(call_where, tn_where(on, in[0], in[1], in[2]))
REDUCTION(sum) REDUCTION(mean) REDUCTION(max) REDUCTION(min) REDUCTION(var) REDUCTION(logsumexp)
CALL(call_softmax, tn_softmax(on, in[0], -1))
CALL(call_log_softmax, tn_log_softmax(on, in[0], -1))
CALL(call_matmul_trans, tn_matmul_trans(on, in[0], in[1], TN_TRANS_B))
CALL(call_linear, tn_linear(on, in[0], in[1], in[2]))
CALL(call_unfold, tn_unfold(on, in[0], (tn_unfold_options){2, 1, 1, 1}))
CALL(call_reshape, tn_reshape(on, in[0], TN_DIMS(3, 2)))
CALL(call_transpose, tn_transpose(on, in[0], 0, 1))
CALL(call_permute, tn_permute(on, in[0], TN_DIMS(1, 0)))
CALL(call_concat, tn_concat(on, 2, in, 0))
CALL(call_stack, tn_stack(on, 2, in, 0))
CALL(call_slice, tn_slice(on, in[0], 0, 0, 1, 1))
CALL(call_pad, tn_pad(on, in[0], 0, 1, 1, 0))
CALL(call_gather_rows, tn_gather_rows(on, in[0], two))
CALL(call_scatter_add_rows, tn_scatter_add_rows(on, in[0], two, in[1]))
CALL(call_embedding, tn_embedding(on, in[0], two, tn_embedding_defaults()))
CALL(call_embedding_bag, tn_embedding_bag(on, in[0], (tn_bags){two, two_offsets, 2}, in[1],
                                          (tn_embedding_bag_options){TN_BAG_SUM, false, tn_embedding_defaults()}))
BINARY(masked_mean)
CALL(call_gru, tn_gru(on, in[0], in[1], in[2], in[3], (tn_ids){NULL, 0}))
CALL(call_lstm, tn_lstm(on, in[0], in[1], in[2], in[3], (tn_ids){NULL, 0}))
CALL(call_attention, tn_attention(on, in[0], in[1], in[2], in[3], tn_attention_defaults()))
CALL(call_layer_norm, tn_layer_norm(on, in[0], in[1], in[2], 1e-5))
CALL(call_rms_norm, tn_rms_norm(on, in[0], in[1], 1e-5))
CALL(call_batch_norm, tn_batch_norm(on, in[0], in[1], in[2], (tn_batch_statistics){in[3], in[4], in[5]},
                                    (tn_batch_norm_options){false, 0.1, 1e-5}))
CALL(call_dropout, tn_dropout(on, in[0], 0.5))
CALL(call_cross_entropy, tn_cross_entropy(on, in[0], two))
CALL(call_cross_entropy_with, tn_cross_entropy_with(on, in[0], two, in[1], tn_cross_entropy_defaults()))
CALL(call_cross_entropy_prob, tn_cross_entropy_prob(on, in[0], in[1], in[2], tn_cross_entropy_defaults()))
CALL(call_nll, tn_nll(on, in[0], two, in[1], tn_cross_entropy_defaults()))
CALL(call_bce_with_logits, tn_bce_with_logits(on, in[0], in[1], in[2], TN_MEAN))
CALL(call_mse, tn_mse(on, in[0], in[1], TN_MEAN))
CALL(call_l1, tn_l1(on, in[0], in[1], TN_MEAN))
CALL(call_huber, tn_huber(on, in[0], in[1], 1, TN_MEAN))
CALL(call_kl_div, tn_kl_div(on, in[0], in[1], TN_MEAN))

#define X {2, {2, 3}}
#define V {1, {3}}
#define CUBE {3, {2, 2, 3}}

static const every ops[] = {
    {"tn_neg", call_neg, 1, {X}},
    {"tn_abs", call_abs, 1, {X}},
    {"tn_sign", call_sign, 1, {X}},
    {"tn_exp", call_exp, 1, {X}},
    {"tn_expm1", call_expm1, 1, {X}},
    {"tn_log", call_log, 1, {X}},
    {"tn_log1p", call_log1p, 1, {X}},
    {"tn_sqrt", call_sqrt, 1, {X}},
    {"tn_rsqrt", call_rsqrt, 1, {X}},
    {"tn_square", call_square, 1, {X}},
    {"tn_reciprocal", call_reciprocal, 1, {X}},
    {"tn_sin", call_sin, 1, {X}},
    {"tn_cos", call_cos, 1, {X}},
    {"tn_tanh", call_tanh, 1, {X}},
    {"tn_sigmoid", call_sigmoid, 1, {X}},
    {"tn_softplus", call_softplus, 1, {X}},
    {"tn_relu", call_relu, 1, {X}},
    {"tn_leaky_relu", call_leaky_relu, 1, {X}},
    {"tn_elu", call_elu, 1, {X}},
    {"tn_gelu", call_gelu, 1, {X}},
    {"tn_gelu_tanh", call_gelu_tanh, 1, {X}},
    {"tn_silu", call_silu, 1, {X}},
    {"tn_erf", call_erf, 1, {X}},
    {"tn_clamp", call_clamp, 1, {X}},
    {"tn_pow_number", call_pow_number, 1, {X}},
    {"tn_add", call_add, 2, {X, X}},
    {"tn_sub", call_sub, 2, {X, X}},
    {"tn_mul", call_mul, 2, {X, V}},
    {"tn_div", call_div, 2, {X, X}},
    {"tn_pow", call_pow, 2, {X, X}},
    {"tn_maximum", call_maximum, 2, {X, X}},
    {"tn_minimum", call_minimum, 2, {X, X}},
    {"tn_add_number", call_add_number, 1, {X}},
    {"tn_mul_number", call_mul_number, 1, {X}},
    {"tn_where", call_where, 3, {X, X, V}},
    {"tn_sum", call_sum, 1, {X}},
    {"tn_mean", call_mean, 1, {X}},
    {"tn_max", call_max, 1, {X}},
    {"tn_min", call_min, 1, {X}},
    {"tn_var", call_var, 1, {X}},
    {"tn_logsumexp", call_logsumexp, 1, {X}},
    {"tn_softmax", call_softmax, 1, {X}},
    {"tn_log_softmax", call_log_softmax, 1, {X}},
    {"tn_matmul", call_matmul, 2, {X, V}},
    {"tn_matmul_trans", call_matmul_trans, 2, {X, X}},
    {"tn_linear", call_linear, 3, {X, {2, {4, 3}}, {1, {4}}}},
    {"tn_unfold", call_unfold, 1, {CUBE}},
    {"tn_reshape", call_reshape, 1, {X}},
    {"tn_transpose", call_transpose, 1, {X}},
    {"tn_permute", call_permute, 1, {X}},
    {"tn_concat", call_concat, 2, {X, X}},
    {"tn_stack", call_stack, 2, {X, X}},
    {"tn_slice", call_slice, 1, {X}},
    {"tn_pad", call_pad, 1, {X}},
    {"tn_gather_rows", call_gather_rows, 1, {X}},
    {"tn_scatter_add_rows", call_scatter_add_rows, 2, {X, X}},
    {"tn_embedding", call_embedding, 1, {X}},
    {"tn_embedding_bag", call_embedding_bag, 2, {X, {1, {2}}}},
    {"tn_masked_mean", call_masked_mean, 2, {CUBE, {2, {2, 2}}}},
    {"tn_gru", call_gru, 4, {CUBE, {2, {2, 1}}, {2, {3, 1}}, V}},
    {"tn_lstm", call_lstm, 4, {{3, {2, 2, 4}}, {3, {2, 2, 1}}, {2, {4, 1}}, {1, {4}}}},
    {"tn_attention", call_attention, 4, {CUBE, CUBE, CUBE, {2, {2, 2}}}},
    {"tn_layer_norm", call_layer_norm, 3, {X, V, V}},
    {"tn_rms_norm", call_rms_norm, 2, {X, V}},
    {"tn_batch_norm", call_batch_norm, 6, {X, V, V, V, V, {0, {0}}}},
    {"tn_dropout", call_dropout, 1, {X}},
    {"tn_cross_entropy", call_cross_entropy, 1, {X}},
    {"tn_cross_entropy_with", call_cross_entropy_with, 2, {X, V}},
    {"tn_cross_entropy_prob", call_cross_entropy_prob, 3, {X, X, V}},
    {"tn_nll", call_nll, 2, {X, V}},
    {"tn_bce_with_logits", call_bce_with_logits, 3, {X, X, V}},
    {"tn_mse", call_mse, 2, {X, X}},
    {"tn_l1", call_l1, 2, {X, X}},
    {"tn_huber", call_huber, 2, {X, X}},
    {"tn_kl_div", call_kl_div, 2, {X, X}},
};
enum { OPS = sizeof ops / sizeof *ops };

/* Fresh inputs on a tape; they want a gradient where op takes one. */
static void make_inputs(tn_tape *tape, const every *e, const tn_op *op, tn_tensor **in)
{
    for (int i = 0; i < e->n; i++)
        in[i] = tn_input(tape, e->shape[i], NULL, op && op->backward && !(op->constant >> i & 1));
}

/* The op behind the call. */
static const tn_op *op_of(const every *e)
{
    tn_tensor *in[MOST];
    on = t;
    tn_tape_begin(t, TN_EVAL);
    make_inputs(t, e, NULL, in);
    const tn_tensor *y = e->call(in);
    ck_no_error();
    return y->op;
}

static void begin(const every *e, const tn_op *op, tn_tensor **in)
{
    tn_tape_begin(t, TN_GRAD);
    make_inputs(t, e, op, in);
}

START_TEST(inputs_at_null)
{
    const every *e = &ops[_i];
    const tn_op *op = op_of(e);
    for (int i = 0; i < e->n; i++) {
        tn_tensor *in[MOST];
        char text[200];
        begin(e, op, in);
        in[i] = NULL;
        const tn_tensor *y = e->call(in);
        if (op->optional >> i & 1) { /* or it goes with another: mean and var */
            ck_assert_msg(y || err.code == TN_EUSAGE, "%s, input %d: %s", e->name, i, err.text);
            tn_error_clear(&err);
            continue;
        }
        ck_assert_ptr_null(y);
        snprintf(text, sizeof text, "%s: input %d is NULL, and no earlier error says why" UNMADE, op->name, i);
        ck_misuse("ops.h: a required tensor that is NULL", TN_EUSAGE, text);
    }
}
END_TEST

START_TEST(tensors_of_another_tape)
{
    const every *e = &ops[_i];
    const tn_op *op = op_of(e);
    tn_tape *other = tn_tape_new(1, 1, &err);
    for (int i = 0; i < e->n; i++) {
        tn_tensor *in[MOST];
        char text[200];
        begin(e, op, in);
        tn_tape_begin(other, TN_GRAD);
        in[i] = tn_input(other, e->shape[i], NULL, false);
        ck_assert_ptr_null(e->call(in));
        snprintf(text, sizeof text, "%s: input %d %s is of another tape; copy it with tn_input", op->name, i, TN_STR(in[i]));
        ck_misuse("ops.h: a tensor of another tape", TN_EUSAGE, text);
    }
    tn_tape_free(other);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) /* which catches it earlier: test_misuse_freed.c */
START_TEST(tensors_of_an_earlier_step)
{
    const every *e = &ops[_i];
    const tn_op *op = op_of(e);
    for (int i = 0; i < e->n; i++) {
        tn_tensor *in[MOST], *old;
        char text[250];
        tn_tape_begin(t, TN_GRAD);
        for (int k = 0; k <= MOST; k++) old = tn_input(t, e->shape[i], NULL, false); /* where no new one will be */
        begin(e, op, in);
        in[i] = old;
        ck_assert_ptr_null(e->call(in));
        snprintf(text, sizeof text, "%s: input %d %s is of an earlier step, and gone; copy its data before tn_tape_begin, "
                                    "and give "
                 "it to tn_input after", op->name, i, TN_STR(old));
        ck_misuse("ops.h: a tensor of an earlier step", TN_EUSAGE, text);
    }
}
END_TEST
#endif

START_TEST(tapes_that_are_not_open)
{
    const every *e = &ops[_i];
    const tn_op *op = op_of(e);
    tn_tensor *in[MOST];
    char text[200];
    begin(e, op, in);
    tn_backward(t, tn_input(t, TN_SCALAR, NULL, true));
    ck_assert_ptr_null(e->call(in));
    snprintf(text, sizeof text, "%s: this tape is spent: tn_backward has walked it; begin the next step with "
                                "tn_tape_begin", op->name);
    ck_misuse("ops.h: a tape that tn_backward has walked", TN_EUSAGE, text);
    for (int i = 0; i < e->n; i++) in[i] = tn_param(ps, e->shape[i], tn_constant(0), "p%d", i);
    on = tn_tape_new(1, 1, &err);
    ck_assert_ptr_null(e->call(in));
    snprintf(text, sizeof text, "%s: no step has begun on this tape: call tn_tape_begin first, with TN_GRAD | TN_TRAIN to "
                                "train or "
             "TN_EVAL to predict", op->name);
    ck_misuse("ops.h: no step begun on the tape", TN_EUSAGE, text);
    tn_tape_free(on);
    on = NULL;
    ck_assert_ptr_null(e->call(in));
    ck_no_error();
}
END_TEST

START_TEST(after_an_earlier_error)
{
    const every *e = &ops[_i];
    tn_tensor *in[MOST];
    begin(e, op_of(e), in);
    tn_fail(&err, TN_EIO, "earlier");
    ck_assert_ptr_null(e->call(in));
    for (int i = 0; i < e->n; i++) in[i] = NULL;
    ck_assert_ptr_null(e->call(in));
    ck_error(TN_EIO, "earlier");
}
END_TEST

/* ---- shapes -------------------------------------------------------------------------------------------------------- */

static const tn_dims odd[] = {{0, {0}},          {1, {0}},       {1, {1}},       {1, {2}},    {1, {5}},
                              {2, {0, 3}},       {2, {2, 0}},    {2, {0, 0}},    {2, {1, 1}}, {2, {3, 2}},
                              {2, {5, 7}},       {3, {0, 2, 3}}, {3, {2, 0, 3}}, {3, {2, 2, 0}}, {3, {1, 1, 1}},
                              {3, {4, 5, 7}},    {4, {2, 1, 2, 3}}, {8, {1, 1, 1, 1, 1, 1, 1, 1}},
                              {8, {2, 1, 2, 1, 2, 1, 2, 3}}, {3, {0, INT64_C(1) << 40, 2}}, {2, {INT64_C(1) << 62, 0}}};
enum { ODD = sizeof odd / sizeof *odd };

/* It works, forward and backward, or says what is wrong: by the op's name, of the sizes. */
static void try_shapes(const every *e, const tn_op *op, tn_tensor *const *in)
{
    tn_tensor *y = e->call(in);
    if (!y) {
        ck_assert_msg(err.code == TN_ESHAPE || err.code == TN_EINDEX || err.code == TN_EMEMORY || err.code == TN_EUSAGE,
                      "%s: %s", e->name, err.text);
        ck_assert_msg(!strncmp(err.text, op->name, strlen(op->name)) && strlen(err.text) > strlen(op->name) + 10,
                      "%s", err.text);
        tn_error_clear(&err);
        return;
    }
    ck_no_error();
    if (op->backward) tn_backward(t, tn_sum(t, y, TN_ALL, false));
    ck_no_error();
}

START_TEST(odd_shapes)
{
    const every *e = &ops[_i];
    const tn_op *op = op_of(e);
    for (int k = 0; k < ODD; k++)
        for (int i = 0; i <= e->n; i++) { /* one of them, and then all */
            tn_tensor *in[MOST];
            every other = *e;
            for (int j = 0; j < e->n; j++)
                if (i == j || i == e->n) other.shape[j] = odd[k];
            begin(&other, op, in);
            ck_no_error();
            try_shapes(e, op, in);
        }
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, inputs_at_null, 0, OPS);
    tcase_add_loop_test(c, tensors_of_another_tape, 0, OPS);
#if !defined(__SANITIZE_ADDRESS__)
    tcase_add_loop_test(c, tensors_of_an_earlier_step, 0, OPS);
#endif
    tcase_add_loop_test(c, tapes_that_are_not_open, 0, OPS);
    tcase_add_loop_test(c, after_an_earlier_error, 0, OPS);
    tcase_add_loop_test(c, odd_shapes, 0, OPS);
}

int main(void)
{
    return run_case("misuse_ops", add);
}
