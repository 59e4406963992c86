/* Every layer: _init and _forward with NULL, without each other, with names twice and impossible sizes. misuse.py sees to it
 * that none is missing. */
#include "misuse.h"

typedef union layer {
    nn_embedding           embedding;
    nn_linear              linear;
    nn_conv1d              conv1d;
    nn_layer_norm          layer_norm;
    nn_batch_norm1d        batch_norm1d;
    nn_recurrent           recurrent;
    nn_positional          positional;
    nn_multihead_attention attention;
    nn_transformer_block   block;
    nn_dropout             dropout;
    const tn_tensor       *first; /* each but a dropout begins with a parameter */
} layer;

typedef struct init {
    const char *name;
    void      (*call)(layer *l, tn_params *to, const char *name, int64_t size);
    const char *who; /* in its errors */
} init;

typedef struct forward {
    const char *name;
    tn_tensor *(*call)(const layer *l, tn_tape *on, tn_tensor *x);
    void      (*init)(layer *l, tn_params *to, const char *name, int64_t size);
    tn_dims     x; /* that goes, for a size of 2 */
} forward;

static const int32_t two_ids[] = {0, 1};
static const int64_t two_offsets[] = {0, 1};
static const tn_ids  two = {two_ids, 2}, all = {NULL, 0};
static const tn_bags bags = {{two_ids, 2}, two_offsets, 2};
static const tn_real table[4];

/* ---- what there is ------------------------------------------------------------------------------------------------- */

#define INIT(what, member, ...)                                                             \
    static void what(layer *l, tn_params *to, const char *name, int64_t size)               \
    {                                                                                       \
        nn_##what(l ? &l->member : NULL, to, name, __VA_ARGS__);                            \
    }
INIT(embedding_init, embedding, size, 2)
INIT(embedding_init_from, embedding, size, 2, table, true)
INIT(linear_init, linear, size, 2)
INIT(linear_init_no_bias, linear, size, 2)
INIT(conv1d_init, conv1d, size, 2, 1)
INIT(conv1d_init_groups, conv1d, size, 2, 1, 1)
INIT(layer_norm_init, layer_norm, size)
INIT(batch_norm1d_init, batch_norm1d, size)
INIT(gru_init, recurrent, size, 2)
INIT(lstm_init, recurrent, size, 2)
INIT(positional_init, positional, 2, size)
INIT(multihead_attention_init, attention, size, 1)
INIT(transformer_block_init, block, size, 1, 2)

static const init inits[] = {
    {"nn_embedding_init", embedding_init, "nn_embedding_init"},
    {"nn_embedding_init_from", embedding_init_from, "nn_embedding_init"},
    {"nn_linear_init", linear_init, "nn_linear_init"},
    {"nn_linear_init_no_bias", linear_init_no_bias, "nn_linear_init"},
    {"nn_conv1d_init", conv1d_init, "nn_conv1d_init"},
    {"nn_conv1d_init_groups", conv1d_init_groups, "nn_conv1d_init"},
    {"nn_layer_norm_init", layer_norm_init, "nn_layer_norm_init"},
    {"nn_batch_norm1d_init", batch_norm1d_init, "nn_batch_norm1d_init"},
    {"nn_gru_init", gru_init, "nn_gru_init"},
    {"nn_lstm_init", lstm_init, "nn_lstm_init"},
    {"nn_positional_init", positional_init, "nn_positional_init"},
    {"nn_multihead_attention_init", multihead_attention_init, "nn_multihead_attention_init"},
    {"nn_transformer_block_init", transformer_block_init, "nn_transformer_block_init"},
};
enum { INITS = sizeof inits / sizeof *inits };

#define FORWARD(what, member, ...)                                                  \
    static tn_tensor *what(const layer *l, tn_tape *on, tn_tensor *x)               \
    {                                                                               \
        (void)x;                                                                    \
        return nn_##what(l ? &l->member : NULL, on, __VA_ARGS__);                   \
    }
FORWARD(embedding_forward, embedding, two)
FORWARD(embedding_mean, embedding, bags)
FORWARD(embedding_bag, embedding, bags, TN_BAG_SUM)
FORWARD(linear_forward, linear, x)
FORWARD(conv1d_forward, conv1d, x)
FORWARD(layer_norm_forward, layer_norm, x)
FORWARD(batch_norm1d_forward, batch_norm1d, x)
FORWARD(gru_forward, recurrent, x, all, NULL)
FORWARD(lstm_forward, recurrent, x, all, NULL)
FORWARD(positional_forward, positional, x)
FORWARD(multihead_attention_forward, attention, x, NULL, NULL, false)
FORWARD(transformer_block_forward, block, x, NULL, false)
FORWARD(dropout_forward, dropout, x)

#define SEQUENCE {3, {2, 2, 2}}
#define NO_X {-1, {0}}

static const forward forwards[] = {
    {"nn_embedding_forward", embedding_forward, embedding_init, NO_X},
    {"nn_embedding_mean", embedding_mean, embedding_init, NO_X},
    {"nn_embedding_bag", embedding_bag, embedding_init, NO_X},
    {"nn_linear_forward", linear_forward, linear_init, SEQUENCE},
    {"nn_conv1d_forward", conv1d_forward, conv1d_init, SEQUENCE},
    {"nn_layer_norm_forward", layer_norm_forward, layer_norm_init, SEQUENCE},
    {"nn_batch_norm1d_forward", batch_norm1d_forward, batch_norm1d_init, SEQUENCE},
    {"nn_gru_forward", gru_forward, gru_init, SEQUENCE},
    {"nn_lstm_forward", lstm_forward, lstm_init, SEQUENCE},
    {"nn_positional_forward", positional_forward, positional_init, SEQUENCE},
    {"nn_multihead_attention_forward", multihead_attention_forward, multihead_attention_init, SEQUENCE},
    {"nn_transformer_block_forward", transformer_block_forward, transformer_block_init, SEQUENCE},
    {"nn_dropout_forward", dropout_forward, NULL, SEQUENCE},
};
enum { FORWARDS = sizeof forwards / sizeof *forwards };

/* ---- _init --------------------------------------------------------------------------------------------------------- */

/* A layer that holds anything is empty after an _init that fails. */
static void init_fails(const init *i, tn_params *to, const char *name, int64_t size)
{
    layer l;
    memset(&l, 0x55, sizeof l);
    i->call(&l, to, name, size);
    ck_assert_msg(!l.first, "%s leaves something", i->name);
}

START_TEST(init_at_null)
{
    const init *i = &inits[_i];
    char text[100];
    i->call(NULL, ps, "x", 2);
    snprintf(text, sizeof text, "%s: the layer is NULL", i->who);
    ck_misuse("nn.h: a layer that is NULL", TN_EUSAGE, text);
    init_fails(i, ps, NULL, 2);
    snprintf(text, sizeof text, "%s: the name is NULL", i->who);
    ck_misuse("nn.h: a name that is NULL", TN_EUSAGE, text);
    init_fails(i, NULL, "x", 2);
    i->call(NULL, NULL, NULL, 2);
    ck_no_error();
    ck_assert_int_eq(tn_params_count(ps), 0);
}
END_TEST

START_TEST(init_after_an_earlier_error)
{
    tn_fail(&err, TN_EIO, "earlier");
    init_fails(&inits[_i], ps, "x", 2);
    inits[_i].call(NULL, ps, NULL, 2);
    ck_error(TN_EIO, "earlier");
}
END_TEST

START_TEST(init_twice)
{
    const init *i = &inits[_i];
    layer l;
    char text[TN_NAME + 40], first[TN_NAME];
    i->call(&l, ps, "x", 2);
    ck_no_error();
    snprintf(first, sizeof first, "%s", l.first->name);
    int n = tn_params_count(ps);
    init_fails(i, ps, "x", 2);
    snprintf(text, sizeof text, "tn_param: there is a \"%s\" already", first);
    ck_misuse("nn.h: a name that is there already", TN_EUSAGE, text);
    ck_assert_int_eq(tn_params_count(ps), n);
}
END_TEST

/* What the text says of the shape is the op's own; its code is that of the size. */
START_TEST(impossible_sizes)
{
    init_fails(&inits[_i], ps, "x", -3);
    ck_assert_msg(strstr(err.text, "has a negative size") != NULL, "%s", err.text);
    ck_misuse("nn.h: a negative size", TN_ESHAPE, err.text);
    init_fails(&inits[_i], ps, "x", INT64_MAX / 2);
    ck_assert_msg(strstr(err.text, "is larger than any memory") != NULL, "%s", err.text);
    ck_misuse("nn.h: a size larger than any memory", TN_EMEMORY, err.text);
}
END_TEST

/* ---- _forward ------------------------------------------------------------------------------------------------------ */

static tn_tensor *x_of(const forward *f)
{
    return f->x.n < 0 ? NULL : tn_input(t, f->x, NULL, true);
}

static layer made(const forward *f)
{
    layer l = {.dropout = {0.5}};
    if (f->init) f->init(&l, ps, "x", 2);
    return l;
}

static void check_unmade(const forward *f)
{
    ck_assert_msg(strstr(err.text, "is a layer used before its _init?") || strstr(err.text, "_init first"), "%s: %s", f->name,
                  err.text);
}

START_TEST(forward_without_layer)
{
    const forward *f = &forwards[_i];
    const layer none = {.block = {.dropout = 0}};
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    ck_assert_ptr_null(f->call(NULL, t, x_of(f)));
    check_unmade(f);
    ck_misuse("nn.h: a layer that is NULL", TN_EUSAGE, err.text);
    if (!f->init) return;
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    ck_assert_ptr_null(f->call(&none, t, x_of(f)));
    check_unmade(f);
    ck_misuse("nn.h: a layer without its _init", TN_EUSAGE, err.text);
}
END_TEST

START_TEST(forward_without_tape_or_input)
{
    const forward *f = &forwards[_i];
    const layer l = made(f);
    ck_assert_ptr_null(f->call(&l, NULL, NULL));
    ck_assert_ptr_null(f->call(NULL, NULL, NULL));
    ck_no_error();
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    ck_assert_ptr_nonnull(f->call(&l, t, x_of(f)));
    ck_no_error();
    if (f->x.n < 0) return;
    ck_assert_ptr_null(f->call(&l, t, NULL));
    ck_assert_msg(strstr(err.text, "is NULL, and no earlier error says why") != NULL, "%s: %s", f->name, err.text);
    ck_misuse("nn.h: the ops'", TN_EUSAGE, err.text);
    tn_fail(&err, TN_EIO, "earlier");
    ck_assert_ptr_null(f->call(&l, t, NULL));
    ck_assert_ptr_null(f->call(NULL, t, NULL));
    ck_error(TN_EIO, "earlier");
}
END_TEST

/* No batch, and no step where steps may be none: it works, or says why not. */
START_TEST(forward_of_nothing)
{
    const forward *f = &forwards[_i];
    const layer l = made(f);
    for (int d = 0; d < f->x.n; d++) {
        tn_dims shape = f->x;
        shape.at[d] = 0;
        tn_tape_begin(t, TN_GRAD | TN_TRAIN);
        tn_tensor *y = f->call(&l, t, tn_input(t, shape, NULL, true));
        ck_assert_msg(y ? !err.code : err.code == TN_ESHAPE, "%s: %s", f->name, err.text);
        if (y) ck_assert(tn_backward(t, tn_sum(t, y, TN_ALL, false)));
        tn_error_clear(&err);
    }
}
END_TEST

/* ---- and what else stands in nn.h ---------------------------------------------------------------------------------- */

static void no_activation(void)
{
    nn_transformer_block b;
    nn_transformer_block_init(&b, ps, "block", 4, 2, 4);
    b.activation = NULL;
    ck_assert_ptr_null(nn_transformer_block_forward(&b, t, tn_input(t, TN_DIMS(1, 2, 4), NULL, true), NULL, false));
}

static void three_heads(void)
{
    nn_multihead_attention a;
    nn_multihead_attention_init(&a, ps, "a", 4, 3);
    ck_assert_ptr_null(a.in_proj_weight);
}

static void gru_state(void)
{
    nn_gru g;
    nn_gru_init(&g, ps, "g", 3, 2);
    tn_tensor *state = tn_input(t, TN_DIMS(5, 2), NULL, true);
    ck_assert_ptr_null(nn_gru_forward(&g, t, tn_input(t, TN_DIMS(2, 4, 3), NULL, true), all, &state));
    ck_assert_ptr_null(state);
}

MISUSE(probability, nn_dropout_forward(&(nn_dropout){2}, t, tn_input(t, TN_DIMS(2), NULL, true)))
MISUSE(no_lengths, nn_length_mask(t, (tn_ids){NULL, 2}, 4))
MISUSE(minus_lengths, nn_length_mask(t, (tn_ids){two_ids, -1}, 4))
MISUSE(no_embedding, nn_embedding_set_padding(NULL, ps, 0))

static const misuse misuses[] = {
    {"nn_transformer_block_forward: an activation that is NULL", no_activation, TN_EUSAGE,
     "nn_transformer_block: there is no activation: call nn_transformer_block_init first"},
    {"nn_multihead_attention_init: heads do not divide dim", three_heads, TN_EUSAGE,
     "nn_multihead_attention_init \"a\": 3 heads do not divide a dim of 4"},
    {"nn_gru_forward: the op's", gru_state, TN_ESHAPE, "gru \"g\": state is (5, 2), for x (4, 2, 6) it must be (2, 2)"},
    {"nn_dropout_forward: tn_dropout's", probability, TN_EUSAGE, "dropout: p is 2, it must be from 0 to 1"},
    {"nn_length_mask: lengths at NULL", no_lengths, TN_EUSAGE, "nn_length_mask: lengths is NULL, and should hold 2"},
    {"nn_length_mask: tn_input's", minus_lengths, TN_ESHAPE, "tn_input: the shape (-1, 4) has a negative size"},
    {"nn_embedding_set_padding: e is NULL or without its _init", no_embedding, TN_EUSAGE,
     "nn_embedding_set_padding: there is no table: call nn_embedding_init first"},
};
enum { MISUSES = sizeof misuses / sizeof *misuses };

START_TEST(misused)
{
    check_misuse(&misuses[_i]);
}
END_TEST

START_TEST(null_arguments)
{
    nn_embedding e;
    nn_embedding_init(&e, ps, "words", 3, 2);
    ck_skips(nn_embedding_set_padding(&e, NULL, 0)); /* the table is there: only errors would be the params' */
    ck_refuses(nn_embedding_set_padding(NULL, ps, 0), TN_EUSAGE,
               "nn_embedding_set_padding: there is no table: call nn_embedding_init first");
    ck_ignores(nn_length_mask(NULL, two, 4));
    ck_ignores(nn_sinusoids(NULL, 4, 2));
    nn_embedding_init_from(&e, ps, "from", 3, 2, NULL, true);
    ck_error(TN_EUSAGE, "tn_param \"from.weight\": the data to copy is NULL");
    nn_embedding_init_from(&e, ps, "from", 0, 2, NULL, true);
    ck_no_error();
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, init_at_null, 0, INITS);
    tcase_add_loop_test(c, init_after_an_earlier_error, 0, INITS);
    tcase_add_loop_test(c, init_twice, 0, INITS);
    tcase_add_loop_test(c, impossible_sizes, 0, INITS);
    tcase_add_loop_test(c, forward_without_layer, 0, FORWARDS);
    tcase_add_loop_test(c, forward_without_tape_or_input, 0, FORWARDS);
    tcase_add_loop_test(c, forward_of_nothing, 0, FORWARDS);
    tcase_add_loop_test(c, misused, 0, MISUSES);
    tcase_add_test(c, null_arguments);
}

int main(void)
{
    return run_case("misuse_layers", add);
}
