/* test_transformer_block.c: positions, attention and blocks: how they start, what they may look at, what they refuse. */
#include "misuse.h"

static tn_tensor *of(tn_dims shape)
{
    return tn_input(t, shape, NULL, true);
}

static tn_tensor *random_of(tn_dims shape)
{
    tn_tensor *x = of(shape);
    const tn_rng random = tn_rng_new(1, 1, 0, 0);
    for (int64_t i = 0; i < x->n; i++) x->data[i] = (tn_real)tn_rng_uniform(random, (uint64_t)i) * 2 - 1;
    return x;
}

static double largest(const tn_tensor *x)
{
    double most = 0;
    for (int64_t i = 0; i < x->n; i++) most = larger(most, fabs((double)x->data[i]));
    return most;
}

START_TEST(starts_as_pytorch_does)
{
    static const struct { const char *name, *shape; double low, high; } wanted[] = {
        {"block.self_attn.in_proj_weight", "(48, 16)", 0.28, 0.306187},
        {"block.self_attn.in_proj_bias", "(48,)", 0, 0},
        {"block.self_attn.out_proj.weight", "(16, 16)", 0.23, 0.25},
        {"block.self_attn.out_proj.bias", "(16,)", 0, 0},
        {"block.linear1.weight", "(64, 16)", 0.23, 0.25},
        {"block.linear1.bias", "(64,)", 0.2, 0.25},
        {"block.linear2.weight", "(16, 64)", 0.11, 0.125},
        {"block.linear2.bias", "(16,)", 0.07, 0.125},
        {"block.norm1.weight", "(16,)", 1, 1},
        {"block.norm1.bias", "(16,)", 0, 0},
        {"block.norm2.weight", "(16,)", 1, 1},
        {"block.norm2.bias", "(16,)", 0, 0},
        {"places.weight", "(10, 16)", 2, 5},
    };
    enum { N = sizeof wanted / sizeof *wanted };
    nn_transformer_block b;
    nn_positional p;
    nn_transformer_block_init(&b, ps, "block", 16, 4, 64);
    nn_positional_init(&p, ps, "places", 10, 16);
    ck_no_error();
    ck_assert(b.dropout == 0.1 && !b.norm_first && b.activation == tn_relu && b.self_attn.heads == 4);
    ck_assert_int_eq(tn_params_count(ps), N);
    for (int i = 0; i < N; i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        ck_assert_str_eq(x->name, wanted[i].name);
        ck_assert_str_eq(TN_STR(x), wanted[i].shape);
        ck_assert_msg(largest(x) >= wanted[i].low && largest(x) <= wanted[i].high, "%s: %g", x->name, largest(x));
    }
}
END_TEST

/* With causal, a step's output does not hang on the steps behind it; without, it does. */
START_TEST(causal_looks_back_only)
{
    enum { LENGTH = 6, DIM = 8 };
    const bool causal = _i % 2, norm_first = _i / 2;
    nn_transformer_block b;
    nn_transformer_block_init(&b, ps, "block", DIM, 2, 16);
    b.norm_first = norm_first;
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = random_of(TN_DIMS(1, LENGTH, DIM)), *changed = random_of(TN_DIMS(1, LENGTH, DIM));
    for (int64_t i = 4 * DIM; i < x->n; i++) changed->data[i] += 1;
    const tn_tensor *y = nn_transformer_block_forward(&b, t, x, NULL, causal);
    const tn_tensor *z = nn_transformer_block_forward(&b, t, changed, NULL, causal);
    ck_no_error();
    ck_assert((memcmp(y->data, z->data, 4 * DIM * sizeof(tn_real)) == 0) == causal);
    ck_assert_mem_ne(y->data + 4 * DIM, z->data + 4 * DIM, DIM * sizeof(tn_real));
}
END_TEST

/* What is behind a sequence's end is not looked at. */
START_TEST(padding_is_not_looked_at)
{
    enum { LENGTH = 6, DIM = 8 };
    static const int32_t length[] = {4};
    nn_multihead_attention a;
    nn_multihead_attention_init(&a, ps, "attention", DIM, 2);
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = random_of(TN_DIMS(1, LENGTH, DIM));
    tn_tensor *mask = tn_reshape(t, nn_length_mask(t, (tn_ids){length, 1}, LENGTH), TN_DIMS(1, 1, 1, LENGTH));
    const tn_tensor *y = nn_multihead_attention_forward(&a, t, x, NULL, mask, false);
    const tn_tensor *alone = nn_multihead_attention_forward(&a, t, tn_slice(t, x, 1, 0, 4, 1), NULL, NULL, false);
    const tn_tensor *across = nn_multihead_attention_forward(&a, t, x, tn_slice(t, x, 1, 0, 4, 1), NULL, false);
    ck_no_error();
    for (int64_t i = 0; i < alone->n; i++) ck_assert_double_eq_tol((double)y->data[i], (double)alone->data[i], 1e-5);
    for (int64_t i = 0; i < y->n; i++) ck_assert_double_eq_tol((double)y->data[i], (double)across->data[i], 1e-5);
}
END_TEST

/* All dropped: with the norms first, nothing is added to x. */
START_TEST(everything_dropped)
{
    nn_transformer_block b;
    nn_transformer_block_init(&b, ps, "block", 8, 2, 16);
    b.norm_first = true, b.dropout = 1;
    tn_tape_begin(t, TN_TRAIN);
    tn_tensor *x = random_of(TN_DIMS(2, 3, 8));
    const tn_tensor *y = nn_transformer_block_forward(&b, t, x, NULL, false);
    ck_no_error();
    ck_assert_mem_eq(y->data, x->data, 48 * sizeof(tn_real));
}
END_TEST

/* ---- misuse -> code -> text ---------------------------------------------------------------------------------------- */

static void block_of(int64_t heads)
{
    nn_transformer_block b;
    nn_transformer_block_init(&b, ps, "block", 8, heads, 4);
    ck_assert_ptr_null(nn_transformer_block_forward(&b, t, of(TN_DIMS(2, 3, 8)), NULL, true));
}

static void block_on(tn_tensor *x, tn_tensor *mask)
{
    nn_transformer_block b;
    nn_transformer_block_init(&b, ps, "block", 8, 2, 4);
    ck_assert_ptr_null(nn_transformer_block_forward(&b, t, x, mask, true));
}

static void attention_on(tn_tensor *x, tn_tensor *memory)
{
    nn_multihead_attention a;
    nn_multihead_attention_init(&a, ps, "attention", 8, 2);
    ck_assert_ptr_null(nn_multihead_attention_forward(&a, t, x, memory, NULL, true));
}

static void places_on(tn_tensor *x)
{
    nn_positional p;
    nn_positional_init(&p, ps, "places", 4, 8);
    ck_assert_ptr_null(nn_positional_forward(&p, t, x));
}

MISUSE(three_heads, block_of(3))
MISUSE(no_heads, block_of(0))
MISUSE(minus_heads, block_of(-2))
MISUSE(block_null, block_on(NULL, NULL))
MISUSE(block_width, block_on(of(TN_DIMS(2, 3, 9)), NULL))
MISUSE(block_mask, block_on(of(TN_DIMS(2, 3, 8)), tn_detach(t, of(TN_DIMS(2, 4)))))
MISUSE(memory_width, attention_on(of(TN_DIMS(2, 3, 8)), of(TN_DIMS(2, 3, 7))))
MISUSE(memory_batch, attention_on(of(TN_DIMS(2, 3, 8)), of(TN_DIMS(1, 3, 8))))
MISUSE(too_long, places_on(of(TN_DIMS(2, 5, 8))))
MISUSE(places_rank, places_on(of(TN_DIMS(3, 8))))
MISUSE(places_null, places_on(NULL))
MISUSE(sinusoids, nn_sinusoids(t, -1, 4))

static const misuse misuses[] = {
    {"nn_transformer_block_init: nn_multihead_attention_init's",
     three_heads, TN_EUSAGE, "nn_multihead_attention_init \"block.self_attn\": 3 heads do not divide a dim of 8"},
    {"nn_transformer_block_init: nn_multihead_attention_init's",
     no_heads, TN_EUSAGE, "nn_multihead_attention_init \"block.self_attn\": 0 heads do not divide a dim of 8"},
    {"nn_transformer_block_init: nn_multihead_attention_init's",
     minus_heads, TN_EUSAGE, "nn_multihead_attention_init \"block.self_attn\": -2 heads do not divide a dim of 8"},
    {"nn.h: the ops'", block_null, TN_EUSAGE, "linear: input 0 is NULL, and no earlier error says why" UNMADE},
    {"nn.h: the ops'",
     block_width, TN_ESHAPE, "linear \"block.self_attn\": x is (2, 3, 9), and weight (24, 8) wants a last size of 8"},
    {"nn_transformer_block_forward: tn_attention's",
     block_mask, TN_ESHAPE, "attention: mask is (2, 4), it must broadcast to (batch, heads, length, source) = (2, 2, 3, 3)"},
    {"nn.h: the ops'", memory_width, TN_ESHAPE, "linear: x is (2, 3, 7), and weight (8, 8) wants a last size of 8"},
    {"nn_multihead_attention_forward: tn_attention's",
     memory_batch, TN_ESHAPE, "attention: k is (1, 3, 8), for q (2, 3, 8) it must be (2, source, 8)"},
    {"nn_positional_forward: x is not (batch, length at most, dim)",
     too_long, TN_ESHAPE, "nn_positional \"places.weight\": x is (2, 5, 8), it must be (batch, 4 at most, 8)"},
    {"nn_positional_forward: x is not (batch, length at most, dim)",
     places_rank, TN_ESHAPE, "nn_positional \"places.weight\": x is (3, 8), it must be (batch, 4 at most, 8)"},
    {"nn.h: the ops'", places_null, TN_EUSAGE, "add: input 0 is NULL, and no earlier error says why" UNMADE},
    {"nn_sinusoids: tn_input's",
     sinusoids, TN_ESHAPE, "tn_input: the shape (-1, 4) has a negative size"},
};
enum { N_MISUSES = sizeof misuses / sizeof *misuses };

START_TEST(misused)
{
    check_misuse(&misuses[_i]);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, starts_as_pytorch_does);
    tcase_add_loop_test(c, causal_looks_back_only, 0, 4);
    tcase_add_test(c, padding_is_not_looked_at);
    tcase_add_test(c, everything_dropped);
    tcase_add_loop_test(c, misused, 0, N_MISUSES);
}

int main(void)
{
    return run_case("transformer_block", add);
}
