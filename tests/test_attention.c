/* test_attention.c: attention beside the ops that it stands for, on lengths of several blocks; and what it refuses. */
#include "misuse.h"

enum { BATCH = 2, HEADS = 2, HEAD = 16, DIM = HEADS * HEAD, LENGTH = 150 };

static tn_tensor *of(tn_dims shape)
{
    return tn_input(t, shape, NULL, true);
}

static tn_tensor *random_of(tn_dims shape, int stream)
{
    tn_tensor *x = of(shape);
    tn_rng     random = tn_rng_new(1, stream, 0, 0);
    for (int64_t i = 0; i < x->n; i++) x->data[i] = (tn_real)tn_rng_uniform(random, (uint64_t)i) * 2 - 1;
    return x;
}

/* (batch, n, heads * head) -> (batch, heads, n, head) */
static tn_tensor *heads_of(tn_tensor *x)
{
    x = tn_reshape(t, x, TN_DIMS(BATCH, x->size[1], HEADS, HEAD));
    return tn_permute(t, x, TN_DIMS(0, 2, 1, 3));
}

/* Of 0 and 1: (length, source), at and below the diagonal. */
static tn_tensor *triangle(int64_t length, int64_t source)
{
    tn_tensor *x = tn_input(t, TN_DIMS(length, source), NULL, false);
    for (int64_t i = 0; i < length; i++)
        for (int64_t j = 0; j < source; j++) x->data[i * source + j] = j <= i;
    return x;
}

static tn_tensor *plain(tn_tensor *q, tn_tensor *k, tn_tensor *v, bool causal)
{
    const int64_t length = q->size[1], source = k->size[1];
    tn_tensor    *scores = tn_mul_number(t, tn_matmul_trans(t, heads_of(q), heads_of(k), TN_TRANS_B), 0.25);
    if (causal) scores = tn_where(t, triangle(length, source), scores, tn_scalar(t, -1e9));
    tn_tensor *y = tn_matmul(t, tn_softmax(t, scores, -1), heads_of(v));
    return tn_reshape(t, tn_permute(t, y, TN_DIMS(0, 2, 1, 3)), TN_DIMS(BATCH, length, DIM));
}

static void check_same(const char *what, int64_t n, const tn_real *a, const tn_real *b)
{
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)(a[i] - b[i])) < 2e-5, "%s[%lld]: %g, plainly %g", what, (long long)i, (double)a[i],
                      (double)b[i]);
}

/* The same function and the same gradients, in a long way and in a short one. */
static void check_beside_plain(int64_t source, bool causal)
{
    static const char *const names[] = {"dq", "dk", "dv"};
    const tn_attention_options options = {.heads = HEADS, .causal = causal};
    tn_tensor *in[2][3], *y[2];
    tn_tape_begin(t, TN_GRAD);
    for (int way = 0; way < 2; way++) {
        in[way][0] = random_of(TN_DIMS(BATCH, LENGTH, DIM), 0);
        in[way][1] = random_of(TN_DIMS(BATCH, source, DIM), 1);
        in[way][2] = random_of(TN_DIMS(BATCH, source, DIM), 2);
    }
    y[0] = tn_attention(t, in[0][0], in[0][1], in[0][2], NULL, options);
    y[1] = plain(in[1][0], in[1][1], in[1][2], causal);
    tn_tensor *weights = tn_detach(t, random_of(TN_DIMS(BATCH, LENGTH, DIM), 3));
    tn_tensor *both = tn_add(t, tn_mul(t, y[0], weights), tn_mul(t, y[1], weights));
    ck_assert(tn_backward(t, tn_sum(t, both, TN_ALL, false)));
    check_same("y", y[0]->n, y[0]->data, y[1]->data);
    for (int i = 0; i < 3; i++) check_same(names[i], in[0][i]->n, tn_grad_data(in[0][i]), tn_grad_data(in[1][i]));
    ck_no_error();
}

START_TEST(beside_plain)
{
    static const int64_t sources[] = {LENGTH, 40, 300, 1};
    tn_set_threads(_i % 2 ? 3 : 1);
    check_beside_plain(sources[_i / 4], _i / 2 % 2);
}
END_TEST

/* ---- misuse -> code -> text ---------------------------------------------------------------------------------------- */

static tn_attention_options with(int64_t heads, double scale)
{
    return (tn_attention_options){.heads = heads, .scale = scale};
}

#define Q of(TN_DIMS(2, 3, 4))
#define K of(TN_DIMS(2, 5, 4))

MISUSE(no_q, tn_attention(t, NULL, NULL, NULL, NULL, with(1, 0)))
MISUSE(only_k, tn_attention(t, Q, K, NULL, NULL, with(1, 0)))
MISUSE(only_v, tn_attention(t, Q, NULL, K, NULL, with(1, 0)))
MISUSE(flat_q, tn_attention(t, of(TN_DIMS(3, 4)), K, K, NULL, with(1, 0)))
MISUSE(k_batch, tn_attention(t, Q, of(TN_DIMS(1, 5, 4)), K, NULL, with(1, 0)))
MISUSE(k_width, tn_attention(t, Q, of(TN_DIMS(2, 5, 6)), K, NULL, with(1, 0)))
MISUSE(v_source, tn_attention(t, Q, K, Q, NULL, with(1, 0)))
MISUSE(no_heads, tn_attention(t, Q, K, K, NULL, with(0, 0)))
MISUSE(heads_of_q, tn_attention(t, Q, K, K, NULL, with(3, 0)))
MISUSE(heads_of_v, tn_attention(t, Q, K, of(TN_DIMS(2, 5, 3)), NULL, with(2, 0)))
MISUSE(heads_of_packed, tn_attention(t, Q, NULL, NULL, NULL, with(1, 0)))
MISUSE(infinite, tn_attention(t, Q, K, K, NULL, with(1, (double)INFINITY)))
MISUSE(mask_size, tn_attention(t, Q, K, K, tn_detach(t, of(TN_DIMS(3, 4))), with(1, 0)))
MISUSE(mask_rank, tn_attention(t, Q, K, K, tn_detach(t, of(TN_DIMS(1, 2, 1, 3, 5))), with(1, 0)))
MISUSE(mask_grad, tn_attention(t, Q, K, K, of(TN_DIMS(3, 5)), with(1, 0)))

static const misuse misuses[] = {
    {"ops.h: a required tensor that is NULL",
     no_q, TN_EUSAGE, "attention: input 0 is NULL, and no earlier error says why" UNMADE},
    {"tn_attention: one of k and v without the other", only_k, TN_EUSAGE, "attention: k and v come both, or neither of them"},
    {"tn_attention: one of k and v without the other", only_v, TN_EUSAGE, "attention: k and v come both, or neither of them"},
    {"tn_attention: q is not of three dimensions",
     flat_q, TN_ESHAPE, "attention: q is (3, 4), it must be (batch, length, heads * head)"},
    {"tn_attention: a k that does not go with q",
     k_batch, TN_ESHAPE, "attention: k is (1, 5, 4), for q (2, 3, 4) it must be (2, source, 4)"},
    {"tn_attention: a k that does not go with q",
     k_width, TN_ESHAPE, "attention: k is (2, 5, 6), for q (2, 3, 4) it must be (2, source, 4)"},
    {"tn_attention: a v that does not go with k",
     v_source, TN_ESHAPE, "attention: v is (2, 3, 4), for k (2, 5, 4) it must be (2, 5, heads * head)"},
    {"tn_attention: heads < 1", no_heads, TN_EUSAGE, "attention: heads is 0, it must be at least 1"},
    {"tn_attention: a last size that heads do not divide",
     heads_of_q, TN_ESHAPE, "attention: q is (2, 3, 4), its last size must be a multiple of 3 heads"},
    {"tn_attention: a last size that heads do not divide",
     heads_of_v, TN_ESHAPE, "attention: v is (2, 5, 3), its last size must be a multiple of 2 heads"},
    {"tn_attention: a last size that heads do not divide",
     heads_of_packed, TN_ESHAPE, "attention: q is (2, 3, 4), its last size must be a multiple of 3 times 1 heads"},
    {"tn_attention: a scale that is not finite", infinite, TN_EUSAGE, "attention: scale is inf, it must be finite"},
    {"tn_attention: a mask that does not broadcast",
     mask_size, TN_ESHAPE, "attention: mask is (3, 4), it must broadcast to (batch, heads, length, source) = (2, 1, 3, 5)"},
    {"tn_attention: a mask that does not broadcast",
     mask_rank, TN_ESHAPE, "attention: mask is (1, 2, 1, 3, 5), it must broadcast to (batch, heads, length, source) = "
                           "(2, 1, 3, 5)"},
    {"ops.h: a gradient wanted of what has none",
     mask_grad, TN_EUSAGE, "attention: input 3 (3, 5) wants a gradient, and gets none here: give tn_detach(t, x)"},
};
enum { N_MISUSES = sizeof misuses / sizeof *misuses };

START_TEST(misused)
{
    check_misuse(&misuses[_i]);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, beside_plain, 0, 16);
    tcase_add_loop_test(c, misused, 0, N_MISUSES);
}

int main(void)
{
    return run_case("attention", add);
}
