/* The layers: how they start, what they compute, and what is left of one whose init failed. */
#include "misuse.h"

static void assert_values(const tn_tensor *x, int64_t n, const double *values)
{
    ck_assert_msg(x != NULL, "%s", err.text);
    ck_assert_int_eq(x->n, n);
    for (int64_t i = 0; i < n; i++) ck_assert_double_eq_tol((double)x->data[i], values[i], 1e-5);
}
#define ck_values(x, ...) \
    assert_values(x, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__})

static void assert_shape(const tn_tensor *x, const char *name, const char *shape)
{
    ck_assert_msg(x != NULL, "%s", err.text);
    ck_assert_str_eq(x->name, name);
    ck_assert_str_eq(TN_STR(x), shape);
}

static const int32_t some_ids[] = {2, 0, 2};
static const tn_ids  ids = {some_ids, 3};
static const tn_real table[] = {1, 2, 30, 40, 500, 600};

/* ---- ops at their edges ------------------------------------------------------------------------------------------ */

/* Two uses of the same bias: of many rows, and of none. */
START_TEST(layer_norm_of_no_rows)
{
    static const tn_real row[4] = {1, 2, 3, 4};
    tn_tensor *b = tn_param(ps, TN_DIMS(4), tn_constant(0), "b.bias"), *parts[3];
    tn_real *many = calloc(300 * 4, sizeof *many);
    for (int i = 0; i < 300 * 4; i++) many[i] = row[i % 4] + (tn_real)(i / 4);
    tn_tape_begin(t, TN_GRAD);
    for (int i = 0; i < 3; i++) {
        tn_tensor *x = tn_input(t, TN_DIMS(i == 1 ? 0 : 300, 4), many, false);
        parts[i] = tn_layer_norm(t, x, NULL, b, 1e-5);
    }
    ck_assert_msg(tn_backward(t, tn_sum(t, tn_concat(t, 3, parts, 0), TN_ALL, false)), "%s", err.text);
    for (int i = 0; i < 4; i++) ck_assert_double_eq_tol((double)tn_grad_data(b)[i], 600, 1e-3);
    free(many);
}
END_TEST

/* One text, and not one value. */
START_TEST(batch_norm_of_no_channels)
{
    const tn_batch_norm_options training = {.training = true, .momentum = 0.1, .eps = 1e-5};
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_tensor *x = tn_input(t, TN_DIMS(1, 0), NULL, false);
    ck_assert_str_eq(TN_STR(tn_batch_norm(t, x, NULL, NULL, (tn_batch_statistics){0}, training)), "(1, 0)");
    ck_no_error();
}
END_TEST

START_TEST(softmax_of_minus_infinity)
{
    static const tn_real x[] = {-INFINITY, 1, 0, -INFINITY, 1, -INFINITY};
    tn_tape_begin(t, TN_EVAL);
    ck_values(tn_softmax(t, tn_const(t, TN_DIMS(2, 3), x), 0), 0, 0.5, 1, 0, 0.5, 0);
}
END_TEST

START_TEST(logsumexp_of_many)
{
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = tn_input(t, TN_DIMS(2, 5000), NULL, false);
    ck_values(tn_logsumexp(t, x, TN_DIMS(1), false), log(5000), log(5000));
}
END_TEST

/* The kernel spans eleven places, ten of which are padding. */
START_TEST(unfold_of_little)
{
    static const tn_real seven = 7;
    const tn_unfold_options all = {.kernel = 11, .stride = 1, .padding = 5, .dilation = 1};
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = tn_input(t, TN_DIMS(1, 1, 1), &seven, true), *y = tn_unfold(t, x, all);
    ck_values(y, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0);
    ck_assert(tn_backward(t, tn_sum(t, y, TN_ALL, false)));
    ck_assert_double_eq((double)tn_grad_data(x)[0], 1);
}
END_TEST

/* As many that their hashes meet. */
START_TEST(rows_by_frequency)
{
    enum { ROWS = 1000 };
    int32_t twice[2 * ROWS];
    tn_embedding_options by_freq = tn_embedding_defaults();
    by_freq.scale_grad_by_freq = true;
    for (int i = 0; i < 2 * ROWS; i++) twice[i] = (i % ROWS) * (i % ROWS);
    tn_tensor *w = tn_param(ps, TN_DIMS(ROWS * ROWS, 1), tn_constant(1), "words.weight");
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, tn_sum(t, tn_embedding(t, w, (tn_ids){twice, 2 * ROWS}, by_freq), TN_ALL, false)));
    const tn_real *g = tn_grad_data(w);
    double sum = 0;
    for (int i = 0; i < ROWS; i++) ck_assert_double_eq((double)g[i * i], 1);
    for (int i = 0; i < ROWS * ROWS; i++) sum += (double)g[i];
    ck_assert_double_eq(sum, ROWS);
}
END_TEST

/* ---- embedding ------------------------------------------------------------------------------------------------- */

START_TEST(embedding_is_random)
{
    nn_embedding e, other;
    double sum = 0, squares = 0;
    nn_embedding_init(&e, ps, "words", 200, 50);
    nn_embedding_init(&other, ps, "more.words", 200, 50);
    ck_no_error();
    assert_shape(e.weight, "words.weight", "(200, 50)");
    assert_shape(other.weight, "more.words.weight", "(200, 50)");
    ck_assert(e.options.padding_idx == TN_NO_PADDING && e.options.max_norm == 0 && !e.options.scale_grad_by_freq);
    for (int64_t i = 0; i < e.weight->n; i++) {
        double x = (double)e.weight->data[i];
        sum += x;
        squares += x * x;
    }
    ck_assert_double_eq_tol(sum / 10000, 0, 0.05);
    ck_assert_double_eq_tol(squares / 10000, 1, 0.05);
    ck_assert_mem_ne(e.weight->data, other.weight->data, 10000 * sizeof(tn_real));
}
END_TEST

START_TEST(embedding_of_one_seed)
{
    tn_params *again = tn_params_new(1, &err), *seed2 = tn_params_new(2, &err);
    nn_embedding a, b, c;
    nn_embedding_init(&a, ps, "a", 3, 4);
    nn_embedding_init(&b, again, "b", 3, 4);
    nn_embedding_init(&c, seed2, "c", 3, 4);
    ck_assert_mem_eq(a.weight->data, b.weight->data, 12 * sizeof(tn_real));
    ck_assert_mem_ne(a.weight->data, c.weight->data, 12 * sizeof(tn_real));
    tn_params_free(again);
    tn_params_free(seed2);
}
END_TEST

START_TEST(embedding_from_a_table)
{
    nn_embedding e, frozen;
    nn_embedding_init_from(&e, ps, "e", 3, 2, table, false);
    nn_embedding_init_from(&frozen, ps, "frozen", 3, 2, table, true);
    ck_values(e.weight, 1, 2, 30, 40, 500, 600);
    ck_assert(!tn_is_frozen(e.weight) && tn_is_frozen(frozen.weight));
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *y = nn_embedding_forward(&e, t, ids);
    ck_assert_str_eq(TN_STR(y), "(3, 2)");
    ck_values(y, 500, 600, 1, 2, 500, 600);
    ck_values(nn_embedding_forward(&frozen, t, ids), 500, 600, 1, 2, 500, 600);
    tn_backward_from(t, y, (tn_real[]){1, 2, 3, 4, 5, 6});
    const tn_real *g = tn_grad_data(e.weight);
    ck_assert(g[0] == 3 && g[1] == 4 && g[2] == 0 && g[3] == 0 && g[4] == 6 && g[5] == 8);
    ck_no_error();
}
END_TEST

START_TEST(embedding_bags)
{
    const int64_t offsets[] = {0, 1, 1};
    const tn_bags bags = {ids, offsets, 3}; /* {2}, {}, {0, 2} */
    nn_embedding e;
    nn_embedding_init_from(&e, ps, "e", 3, 2, table, false);
    tn_tape_begin(t, TN_EVAL);
    ck_values(nn_embedding_mean(&e, t, bags), 500, 600, 0, 0, 250.5, 301);
    ck_values(nn_embedding_bag(&e, t, bags, TN_BAG_SUM), 500, 600, 0, 0, 501, 602);
    ck_values(nn_embedding_bag(&e, t, bags, TN_BAG_MAX), 500, 600, 0, 0, 500, 600);
    nn_embedding_set_padding(&e, ps, 2); /* the layer's options hold for bags too */
    ck_values(nn_embedding_mean(&e, t, bags), 0, 0, 0, 0, 1, 2);
    ck_no_error();
}
END_TEST

START_TEST(embedding_options_after_init)
{
    nn_embedding e;
    nn_embedding_init_from(&e, ps, "e", 3, 2, table, false);
    e.options.max_norm = 1;
    e.options.norm_type = 1;
    tn_tape_begin(t, TN_TRAIN);
    nn_embedding_forward(&e, t, (tn_ids){some_ids, 1});
    ck_values(e.weight, 1, 2, 30, 40, 500 / 1100.0, 600 / 1100.0);
}
END_TEST

/* Zero at once, and after steps that would move it. */
START_TEST(padding_stays_zero)
{
    nn_embedding e;
    nn_embedding_init(&e, ps, "e", 3, 2);
    nn_embedding_set_padding(&e, ps, -1);
    ck_assert_int_eq(e.options.padding_idx, 2);
    ck_assert(e.weight->data[4] == 0 && e.weight->data[5] == 0 && e.weight->data[3] != 0);
    const tn_real before = e.weight->data[0];
    optim *o = optim_adam(ps, (optim_adam_options){.lr = 0.1, .eps = 1e-8, .weight_decay = 1});
    for (int k = 0; k < 3; k++) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN);
        tn_backward_from(t, nn_embedding_forward(&e, t, ids), (tn_real[]){1, 2, 3, 4, 5, 6});
        ck_assert_msg(optim_step(o), "%s", err.text);
    }
    ck_assert(e.weight->data[4] == 0 && e.weight->data[5] == 0 && e.weight->data[0] != before);
    optim_free(o);
}
END_TEST

START_TEST(padding_out_of_range)
{
    nn_embedding e, none = {0};
    nn_embedding_init(&e, ps, "words", 3, 2);
    nn_embedding_set_padding(&e, ps, 3);
    ck_misuse("nn_embedding_set_padding: outside [-V, V)",
              TN_EINDEX, "nn_embedding_set_padding \"words.weight\": padding_idx 3 is outside [-3, 3)");
    nn_embedding_set_padding(&e, ps, -4);
    ck_error(TN_EINDEX, "nn_embedding_set_padding \"words.weight\": padding_idx -4 is outside [-3, 3)");
    ck_assert(e.options.padding_idx == TN_NO_PADDING);
    nn_embedding_set_padding(&none, ps, 0);
    ck_misuse("nn_embedding_set_padding: e is NULL or without its _init",
              TN_EUSAGE, "nn_embedding_set_padding: there is no table: call nn_embedding_init first");
    tn_fail(&err, TN_EIO, "earlier");
    nn_embedding_set_padding(&e, ps, 0);
    ck_assert(e.options.padding_idx == TN_NO_PADDING && e.weight->data[0] != 0);
}
END_TEST

/* ---- linear ---------------------------------------------------------------------------------------------------- */

static void assert_bounds(const tn_tensor *x, double bound)
{
    double largest = 0, sum = 0;
    for (int64_t i = 0; i < x->n; i++) {
        largest = larger(largest, fabs((double)x->data[i]));
        sum += (double)x->data[i];
    }
    ck_assert_double_le(largest, bound);
    ck_assert_double_ge(largest, 0.9 * bound);
    ck_assert_double_eq_tol(sum / (double)x->n, 0, 0.2 * bound);
}

START_TEST(linear_starts)
{
    nn_linear l, plain;
    nn_linear_init(&l, ps, "fc", 25, 100);
    nn_linear_init_no_bias(&plain, ps, "plain", 16, 9);
    ck_no_error();
    assert_shape(l.weight, "fc.weight", "(100, 25)");
    assert_shape(l.bias, "fc.bias", "(100,)");
    assert_shape(plain.weight, "plain.weight", "(9, 16)");
    ck_assert_ptr_null(plain.bias);
    ck_assert_ptr_eq(tn_params_at(ps, 0), l.weight); /* drawn before the bias */
    ck_assert_ptr_eq(tn_params_at(ps, 1), l.bias);
    assert_bounds(l.weight, 0.2);
    assert_bounds(l.bias, 0.2);
    assert_bounds(plain.weight, 0.25);
    nn_linear_init(&l, ps, "one", 1, 50);
    assert_bounds(l.weight, 1);
}
END_TEST

static void assert_all(const tn_tensor *x, const char *name, const char *shape, double value)
{
    assert_shape(x, name, shape);
    for (int64_t i = 0; i < x->n; i++) ck_assert((double)x->data[i] == value);
}

START_TEST(attention_starts)
{
    nn_multihead_attention a;
    nn_multihead_attention_init(&a, ps, "a", 24, 3);
    ck_no_error();
    assert_shape(a.in_proj_weight, "a.in_proj_weight", "(72, 24)");
    assert_shape(a.out_proj.weight, "a.out_proj.weight", "(24, 24)");
    assert_bounds(a.in_proj_weight, 0.25);
    assert_bounds(a.out_proj.weight, sqrt(1. / 24));
    assert_all(a.in_proj_bias, "a.in_proj_bias", "(72,)", 0);
    assert_all(a.out_proj.bias, "a.out_proj.bias", "(24,)", 0);
}
END_TEST

START_TEST(batch_norm1d_starts)
{
    nn_batch_norm1d b;
    nn_batch_norm1d_init(&b, ps, "b", 3);
    ck_no_error();
    assert_all(b.weight, "b.weight", "(3,)", 1);
    assert_all(b.bias, "b.bias", "(3,)", 0);
    assert_all(b.running.mean, "b.running_mean", "(3,)", 0);
    assert_all(b.running.var, "b.running_var", "(3,)", 1);
    ck_assert(b.momentum == 0.1 && b.eps == 1e-5);
}
END_TEST

START_TEST(linear_of_nothing)
{
    nn_linear l;
    nn_linear_init(&l, ps, "fc", 0, 3);
    assert_shape(l.weight, "fc.weight", "(3, 0)");
    ck_values(l.bias, 0, 0, 0);
    tn_tape_begin(t, TN_EVAL);
    ck_values(nn_linear_forward(&l, t, tn_input(t, TN_DIMS(2, 0), NULL, false)), 0, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(linear_forward)
{
    const tn_real w[] = {1, 2, 3, 4, 5, 6}, b[] = {10, 20}, x[] = {1, 1, 1, 0, 1, 2};
    nn_linear l;
    nn_linear_init(&l, ps, "fc", 3, 2);
    memcpy(l.weight->data, w, sizeof w);
    memcpy(l.bias->data, b, sizeof b);
    tn_tape_begin(t, TN_EVAL);
    ck_values(nn_linear_forward(&l, t, tn_const(t, TN_DIMS(2, 3), x)), 16, 35, 18, 37);
    l.bias = NULL;
    ck_values(nn_linear_forward(&l, t, tn_const(t, TN_DIMS(2, 3), x)), 6, 15, 8, 17);
}
END_TEST

/* Learns y = 2 x0 - x1 + 3: the gradient of half the squared error is the error. */
START_TEST(linear_learns)
{
    const tn_real x[] = {0, 0, 1, 0, 0, 1, 1, 1}, wanted[] = {3, 5, 2, 4};
    nn_linear l;
    nn_linear_init(&l, ps, "fc", 2, 1);
    optim *o = optim_sgd(ps, (optim_sgd_options){.lr = 0.1, .momentum = 0.9});
    for (int k = 0; k < 300; k++) {
        tn_real error[4];
        tn_tape_begin(t, TN_GRAD | TN_TRAIN);
        tn_tensor *y = nn_linear_forward(&l, t, tn_const(t, TN_DIMS(4, 2), x));
        for (int i = 0; i < 4; i++) error[i] = y->data[i] - wanted[i];
        tn_backward_from(t, y, error);
        ck_assert_msg(optim_step(o), "%s", err.text);
    }
    ck_assert_double_eq_tol((double)l.weight->data[0], 2, 1e-3);
    ck_assert_double_eq_tol((double)l.weight->data[1], -1, 1e-3);
    ck_assert_double_eq_tol((double)l.bias->data[0], 3, 1e-3);
    optim_free(o);
}
END_TEST

/* ---- conv1d ---------------------------------------------------------------------------------------------------- */

START_TEST(conv1d_starts)
{
    nn_conv1d c, grouped;
    nn_conv1d_init(&c, ps, "conv", 5, 30, 5);
    nn_conv1d_init_groups(&grouped, ps, "grouped", 4, 20, 8, 2);
    ck_no_error();
    assert_shape(c.weight, "conv.weight", "(30, 5, 5)");
    assert_shape(c.bias, "conv.bias", "(30,)");
    assert_shape(grouped.weight, "grouped.weight", "(20, 2, 8)");
    assert_bounds(c.weight, 0.2);
    assert_bounds(grouped.weight, 0.25);
    ck_assert(c.stride == 1 && c.padding == 0 && c.dilation == 1 && c.groups == 1 && grouped.groups == 2);
    nn_conv1d_init_groups(&grouped, ps, "odd", 4, 5, 1, 2);
    ck_assert(!grouped.weight && !grouped.bias);
    ck_misuse("nn_conv1d_init_groups: groups do not divide in and out",
              TN_EUSAGE, "nn_conv1d_init \"odd\": 2 groups do not divide 4 and 5 channels");
    nn_conv1d_init_groups(&grouped, ps, "odd", 5, 4, 1, 2);
    ck_error(TN_EUSAGE, "nn_conv1d_init \"odd\": 2 groups do not divide 5 and 4 channels");
    nn_conv1d_init_groups(&grouped, ps, "none", 4, 4, 1, 0);
    ck_error(TN_EUSAGE, "nn_conv1d_init \"none\": 0 groups do not divide 4 and 4 channels");
}
END_TEST

START_TEST(conv1d_refuses)
{
    static const struct {
        const char *what;
        tn_dims     x;
        int64_t     stride, padding, dilation;
        tn_code     code;
        const char *text;
    } cases[] = {
        {"nn_conv1d_forward: x is not (batch, in, length)",
         {3, {2, 3, 9}}, 1, 0, 1, TN_ESHAPE, "nn_conv1d \"conv.weight\": x is (2, 3, 9), it must be (batch, 4, length)"},
        {"nn_conv1d_forward: x is not (batch, in, length)",
         {2, {4, 9}}, 1, 0, 1, TN_ESHAPE, "nn_conv1d \"conv.weight\": x is (4, 9), it must be (batch, 4, length)"},
        {"tn_unfold: the kernel spans more than there is",
         {3, {2, 4, 1}}, 1, 1, 2, TN_ESHAPE,
         "unfold: x (2, 4, 1) has a length of 3 with its padding, the kernel spans 5"},
        {"tn_unfold: kernel, stride or dilation below 1",
         {3, {2, 4, 9}}, 0, 0, 1, TN_EUSAGE, "unfold: kernel 3, stride 0, dilation 1: each must be at least 1"},
        {"nn_conv1d_forward: tn_unfold's",
         {3, {2, 4, 9}}, 1, 0, -1, TN_EUSAGE, "unfold: kernel 3, stride 1, dilation -1: each must be at least 1"},
        {"tn_unfold: padding below 0",
         {3, {2, 4, 9}}, 1, -1, 1, TN_EUSAGE, "unfold: padding is -1, it must be 0 or more"},
        {"tn_unfold: sizes that overflow",
         {3, {2, 4, 9}}, 1, INT64_MAX, 1, TN_EMEMORY,
         "unfold: kernel 3, dilation 1 and padding 9223372036854775807 on x (2, 4, 9) overflow"},
        {"tn_unfold: sizes that overflow",
         {3, {2, 4, 9}}, 1, 0, INT64_MAX, TN_EMEMORY,
         "unfold: kernel 3, dilation 9223372036854775807 and padding 0 on x (2, 4, 9) overflow"},
        {"tn_unfold: sizes that overflow",
         {3, {2, 4, 9}}, 1, INT64_MAX / 4 + 1, 1, TN_EMEMORY,
         "unfold: kernel 3, dilation 1 and padding 2305843009213693952 on x (2, 4, 9) overflow"},
        {NULL, {3, {2, 4, 9}}, 1, INT64_MAX / 4, 1, TN_EMEMORY,
         "unfold: the shape (2, 12, 4611686018427387909) is larger than any memory"},
        {NULL, {3, {2, 4, 9}}, INT64_MAX, 0, 1, TN_OK, ""},
    };
    nn_conv1d c;
    nn_conv1d_init(&c, ps, "conv", 4, 2, 3);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        tn_tape_begin(t, TN_GRAD);
        c.stride = cases[k].stride, c.padding = cases[k].padding, c.dilation = cases[k].dilation;
        nn_conv1d_forward(&c, t, tn_input(t, cases[k].x, NULL, true));
        ck_error(cases[k].code, cases[k].text);
    }
    tn_tape_begin(t, TN_GRAD);
    ck_assert_ptr_null(nn_conv1d_forward(&c, t, NULL));
    ck_error(TN_EUSAGE, "unfold: input 0 is NULL, and no earlier error says why" UNMADE);
    tn_tape_begin(t, TN_GRAD);
    ck_assert_ptr_null(tn_unfold(t, tn_input(t, TN_DIMS(0, 1, INT64_MAX), NULL, true), (tn_unfold_options){3, 1, 1, 1}));
    ck_misuse("tn_unfold: sizes that overflow",
              TN_EMEMORY, "unfold: kernel 3, dilation 1 and padding 1 on x (0, 1, 9223372036854775807) overflow");
    ck_assert_ptr_null(tn_unfold(t, tn_input(t, TN_DIMS(3, 4), NULL, true), (tn_unfold_options){1, 1, 0, 1}));
    ck_misuse("tn_unfold: x is not of three dimensions",
              TN_ESHAPE, "unfold: x is (3, 4), it must be (batch, channels, length)");
}
END_TEST

/* A text CNN finds the one place where 1 is followed by 2. */
START_TEST(conv1d_over_a_text)
{
    const tn_real x[] = {0, 1, 2, 0, 1, 0, 2, 1, 1, 1, 2, 2}, w[] = {-1, 3}, wanted[] = {5, 6, 5};
    nn_conv1d c;
    nn_conv1d_init(&c, ps, "conv", 1, 1, 2);
    memcpy(c.weight->data, w, sizeof w);
    c.bias->data[0] = 0;
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *texts = tn_transpose(t, tn_const(t, TN_DIMS(3, 4, 1), x), 1, 2);
    tn_tensor *best = tn_max(t, nn_conv1d_forward(&c, t, texts), TN_DIMS(2), false);
    ck_no_error();
    ck_assert_str_eq(TN_STR(best), "(3, 1)");
    for (int i = 0; i < 3; i++) ck_assert_double_eq((double)best->data[i], (double)wanted[i]);
}
END_TEST

/* A layer may be left without a bias after its init. */
START_TEST(conv1d_without_bias)
{
    const tn_real x[] = {0, 1, 2, 0}, w[] = {-1, 3};
    nn_conv1d c;
    nn_conv1d_init(&c, ps, "conv", 1, 1, 2);
    memcpy(c.weight->data, w, sizeof w);
    c.bias = NULL;
    tn_tape_begin(t, TN_EVAL);
    ck_values(nn_conv1d_forward(&c, t, tn_const(t, TN_DIMS(1, 1, 4), x)), 3, 5, -2);
}
END_TEST

/* ---- layer_norm, dropout --------------------------------------------------------------------------------------- */

START_TEST(layer_norm)
{
    const tn_real x[] = {1, 3, -5, -5};
    nn_layer_norm l;
    nn_layer_norm_init(&l, ps, "norm", 2);
    assert_shape(l.weight, "norm.weight", "(2,)");
    assert_shape(l.bias, "norm.bias", "(2,)");
    ck_values(l.weight, 1, 1);
    ck_values(l.bias, 0, 0);
    ck_assert_double_eq(l.eps, 1e-5);
    tn_tape_begin(t, TN_EVAL);
    ck_values(nn_layer_norm_forward(&l, t, tn_const(t, TN_DIMS(2, 2), x)), -0.999995, 0.999995, 0, 0);
    l.weight->data[1] = 2;
    l.bias->data[0] = 7;
    l.eps = 3;
    ck_values(nn_layer_norm_forward(&l, t, tn_const(t, TN_DIMS(2, 2), x)), 6.5, 1, 7, 0);
    l.bias = NULL;
    ck_values(nn_layer_norm_forward(&l, t, tn_const(t, TN_DIMS(2, 2), x)), -0.5, 1, 0, 0);
}
END_TEST

START_TEST(dropout)
{
    tn_real ones[1000];
    int zeros = 0;
    for (int i = 0; i < 1000; i++) ones[i] = 1;
    const nn_dropout d = {.p = 0.2}, impossible = {.p = 1.5};
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *y = nn_dropout_forward(&d, t, tn_const(t, TN_DIMS(1000), ones));
    ck_assert_mem_eq(y->data, ones, sizeof ones);
    tn_tape_begin(t, TN_TRAIN);
    y = nn_dropout_forward(&d, t, tn_const(t, TN_DIMS(1000), ones));
    for (int i = 0; i < 1000; i++) {
        zeros += y->data[i] == 0;
        ck_assert(y->data[i] == 0 || fabs((double)y->data[i] - 1.25) < 1e-6);
    }
    ck_assert(zeros > 140 && zeros < 260);
    ck_assert_ptr_null(nn_dropout_forward(&impossible, t, tn_const(t, TN_DIMS(1000), ones)));
    ck_assert_int_eq(err.code, TN_EUSAGE);
}
END_TEST

/* ---- an init that fails leaves NULLs, and no forward takes them for a layer without weights -------------------- */

static void try_linear(tn_params *params, const char *name, int64_t size)
{
    nn_linear l;
    memset(&l, 0x55, sizeof l);
    nn_linear_init(&l, params, name, size, 2);
    ck_assert(!l.weight && !l.bias);
    ck_assert_ptr_null(nn_linear_forward(&l, t, tn_scalar(t, 1)));
}

static void try_plain_linear(tn_params *params, const char *name, int64_t size)
{
    nn_linear l;
    memset(&l, 0x55, sizeof l);
    nn_linear_init_no_bias(&l, params, name, size, 2);
    ck_assert(!l.weight && !l.bias);
    ck_assert_ptr_null(nn_linear_forward(&l, t, tn_scalar(t, 1)));
}

static void try_layer_norm(tn_params *params, const char *name, int64_t size)
{
    nn_layer_norm l;
    memset(&l, 0x55, sizeof l);
    nn_layer_norm_init(&l, params, name, size);
    ck_assert(!l.weight && !l.bias);
    ck_assert_ptr_null(nn_layer_norm_forward(&l, t, tn_scalar(t, 1)));
}

static void try_conv1d(tn_params *params, const char *name, int64_t size)
{
    nn_conv1d c;
    memset(&c, 0x55, sizeof c);
    nn_conv1d_init(&c, params, name, size, 2, 3);
    ck_assert(!c.weight && !c.bias);
    ck_assert_ptr_null(nn_conv1d_forward(&c, t, tn_scalar(t, 1)));
}

static void try_gru(tn_params *params, const char *name, int64_t size)
{
    nn_gru g;
    memset(&g, 0x55, sizeof g);
    nn_gru_init(&g, params, name, size, 2);
    ck_assert(!g.weight_ih && !g.weight_hh && !g.bias_ih && !g.bias_hh);
    ck_assert_ptr_null(nn_gru_forward(&g, t, tn_scalar(t, 1), (tn_ids){NULL, 0}, NULL));
}

static void try_lstm(tn_params *params, const char *name, int64_t size)
{
    nn_lstm l;
    memset(&l, 0x55, sizeof l);
    nn_lstm_init(&l, params, name, 2, size);
    ck_assert(!l.weight_ih && !l.weight_hh && !l.bias_ih && !l.bias_hh);
    ck_assert_ptr_null(nn_lstm_forward(&l, t, tn_scalar(t, 1), (tn_ids){NULL, 0}, NULL));
}

static void try_positional(tn_params *params, const char *name, int64_t size)
{
    nn_positional p;
    memset(&p, 0x55, sizeof p);
    nn_positional_init(&p, params, name, 2, size);
    ck_assert(!p.weight);
    ck_assert_ptr_null(nn_positional_forward(&p, t, tn_scalar(t, 1)));
}

static void try_attention(tn_params *params, const char *name, int64_t size)
{
    nn_multihead_attention a;
    memset(&a, 0x55, sizeof a);
    nn_multihead_attention_init(&a, params, name, size, 1);
    ck_assert(!a.in_proj_weight && !a.in_proj_bias && !a.out_proj.weight && !a.out_proj.bias);
    ck_assert_ptr_null(nn_multihead_attention_forward(&a, t, tn_scalar(t, 1), NULL, NULL, false));
}

static void try_transformer(tn_params *params, const char *name, int64_t size)
{
    nn_transformer_block b;
    memset(&b, 0x55, sizeof b);
    nn_transformer_block_init(&b, params, name, size, 1, 2);
    ck_assert(!b.self_attn.in_proj_weight || !b.norm1.weight);
    ck_assert_ptr_null(nn_transformer_block_forward(&b, t, tn_input(t, TN_DIMS(1, 1, 3), NULL, false), NULL, false));
}

static void try_batch_norm(tn_params *params, const char *name, int64_t size)
{
    nn_batch_norm1d b;
    memset(&b, 0x55, sizeof b);
    nn_batch_norm1d_init(&b, params, name, size);
    ck_assert(!b.weight && !b.bias && !b.running.mean && !b.running.var && !b.running.count);
    ck_assert_ptr_null(nn_batch_norm1d_forward(&b, t, tn_scalar(t, 1)));
}

static void try_embedding(tn_params *params, const char *name, int64_t size)
{
    nn_embedding e;
    memset(&e, 0x55, sizeof e);
    nn_embedding_init(&e, params, name, 2, size);
    ck_assert_ptr_null(e.weight);
    nn_embedding_set_padding(&e, params, 0);
    ck_assert_ptr_null(nn_embedding_forward(&e, t, ids));
}

static void try_embedding_bag(tn_params *params, const char *name, int64_t size)
{
    const int64_t offset = 0;
    nn_embedding e;
    memset(&e, 0x55, sizeof e);
    nn_embedding_init_from(&e, params, name, size, 2, NULL, true);
    ck_assert_ptr_null(e.weight);
    ck_assert_ptr_null(nn_embedding_mean(&e, t, (tn_bags){ids, &offset, 1}));
}

typedef void attempt(tn_params *, const char *, int64_t);
static attempt *const attempts[] = {try_linear, try_plain_linear, try_conv1d, try_layer_norm, try_batch_norm,
                                    try_gru, try_lstm, try_positional, try_attention, try_transformer,
                                    try_embedding, try_embedding_bag};
enum { ATTEMPTS = sizeof attempts / sizeof *attempts };

/* The params have an error of their own here: the tape's must not be needed for the forward to fail. */
START_TEST(failed_init)
{
    tn_error   own = {0};
    tn_params *params = tn_params_new(1, &own);
    const struct { const char *name; int64_t size; tn_code code; } cases[] = {
        {"negative", -3, TN_ESHAPE}, {"huge", INT64_MAX / 2, TN_EMEMORY}, {"taken", 3, TN_EUSAGE},
        {"optim", 3, TN_EUSAGE},
    };
    tn_param(params, TN_DIMS(1), tn_constant(0), "taken.weight");
    tn_param(params, TN_DIMS(1), tn_constant(0), "taken.bias_hh_l0");
    tn_param(params, TN_DIMS(1), tn_constant(0), "taken.out_proj.bias");
    tn_param(params, TN_DIMS(1), tn_constant(0), "taken.norm1.bias");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        tn_tape_begin(t, TN_EVAL);
        attempts[_i](params, cases[k].name, cases[k].size);
        ck_assert_msg(own.code == cases[k].code, "%s: %s", cases[k].name, own.text);
        ck_assert_int_eq(err.code, TN_EUSAGE);
        tn_error_clear(&own);
        tn_error_clear(&err);
    }
    tn_tape_begin(t, TN_EVAL);
    attempts[_i](NULL, "x", 3);
    ck_assert_int_eq(err.code, TN_EUSAGE);
    tn_params_free(params);
}
END_TEST

START_TEST(failed_bias)
{
    nn_linear l;
    nn_layer_norm n;
    tn_param(ps, TN_DIMS(1), tn_constant(0), "fc.bias");
    nn_linear_init(&l, ps, "fc", 2, 2);
    ck_assert(!l.weight && !l.bias);
    ck_misuse("nn.h: a name that is there already", TN_EUSAGE, "tn_param: there is a \"fc.bias\" already");
    tn_param(ps, TN_DIMS(1), tn_constant(0), "norm.bias");
    nn_layer_norm_init(&n, ps, "norm", 2);
    ck_assert(!n.weight && !n.bias);
    ck_error(TN_EUSAGE, "tn_param: there is a \"norm.bias\" already");
}
END_TEST

START_TEST(errors_name_the_layer)
{
    nn_linear l;
    nn_embedding e;
    nn_linear_init(&l, ps, "hidden", 3, 2);
    nn_embedding_init(&e, ps, "words", 2, 2);
    tn_tape_begin(t, TN_EVAL);
    ck_assert_ptr_null(nn_linear_forward(&l, t, tn_input(t, TN_DIMS(1, 4), NULL, false)));
    ck_assert_int_eq(err.code, TN_ESHAPE);
    ck_assert_msg(strncmp(err.text, "linear \"hidden\": ", 17) == 0, "%s", err.text);
    tn_error_clear(&err);
    tn_tape_begin(t, TN_EVAL);
    ck_assert_ptr_null(nn_embedding_forward(&e, t, ids));
    ck_misuse("nn.h: the ops'", TN_EINDEX, "embedding \"words\": id 2 at position 0 is outside [0, 2)" STRANGE_ID);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, layer_norm_of_no_rows);
    tcase_add_test(c, batch_norm_of_no_channels);
    tcase_add_test(c, softmax_of_minus_infinity);
    tcase_add_test(c, logsumexp_of_many);
    tcase_add_test(c, unfold_of_little);
    tcase_add_test(c, rows_by_frequency);
    tcase_add_test(c, embedding_is_random);
    tcase_add_test(c, embedding_of_one_seed);
    tcase_add_test(c, embedding_from_a_table);
    tcase_add_test(c, embedding_bags);
    tcase_add_test(c, embedding_options_after_init);
    tcase_add_test(c, padding_stays_zero);
    tcase_add_test(c, padding_out_of_range);
    tcase_add_test(c, linear_starts);
    tcase_add_test(c, attention_starts);
    tcase_add_test(c, batch_norm1d_starts);
    tcase_add_test(c, linear_of_nothing);
    tcase_add_test(c, linear_forward);
    tcase_add_test(c, linear_learns);
    tcase_add_test(c, conv1d_starts);
    tcase_add_test(c, conv1d_refuses);
    tcase_add_test(c, conv1d_over_a_text);
    tcase_add_test(c, conv1d_without_bias);
    tcase_add_test(c, layer_norm);
    tcase_add_test(c, dropout);
    tcase_add_loop_test(c, failed_init, 0, ATTEMPTS);
    tcase_add_test(c, failed_bias);
    tcase_add_test(c, errors_name_the_layer);
}

int main(void)
{
    return run_case("nn", add);
}
