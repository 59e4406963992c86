/* test_recurrent.c: GRU and LSTM: states that are handed on, sequences that end early, the same bits however the batch is
 * cut; and what they refuse. */
#include "misuse.h"

enum { BATCH = 37, STEPS = 6, IN = 5, HIDDEN = 20 };

/* The two layers. */
typedef struct layer {
    const char *name;
    void       (*init)(nn_recurrent *, tn_params *, const char *, int64_t, int64_t);
    tn_tensor *(*forward)(const nn_recurrent *, tn_tape *, tn_tensor *, tn_ids, tn_tensor **);
    int64_t      gates, states;
} layer;

static const layer layers[] = {{"nn_gru", nn_gru_init, nn_gru_forward, 3, 1}, {"nn_lstm", nn_lstm_init, nn_lstm_forward, 4, 2}};
enum { LAYERS = 2 };

static const tn_ids all = {NULL, 0};

static tn_tensor *random_of(tn_dims shape, uint64_t stream)
{
    tn_tensor *x = tn_input(t, shape, NULL, true);
    const tn_rng random = tn_rng_new(1, stream, 0, 0);
    for (int64_t i = 0; i < x->n; i++) x->data[i] = (tn_real)tn_rng_uniform(random, (uint64_t)i) * 2 - 1;
    return x;
}

/* How long each sequence of the batch is: 1 to STEPS. */
static tn_ids some_lengths(void)
{
    static int32_t length[BATCH];
    for (int b = 0; b < BATCH; b++) length[b] = 1 + b * 5 % STEPS;
    return (tn_ids){length, BATCH};
}

START_TEST(starts)
{
    const layer *l = &layers[_i];
    static const char *const names[] = {"rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0"};
    nn_recurrent r;
    l->init(&r, ps, "rnn", 7, 16);
    ck_assert_int_eq(tn_params_count(ps), 4);
    for (int i = 0; i < 4; i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        double largest = 0;
        ck_assert_str_eq(x->name, names[i]);
        ck_assert_int_eq(x->size[0], l->gates * 16);
        for (int64_t k = 0; k < x->n; k++) largest = larger(largest, fabs((double)x->data[k]));
        ck_assert(largest <= 0.25 && largest > 0.2);
    }
    ck_assert_int_eq(r.weight_ih->size[1], 7);
    ck_assert_int_eq(r.weight_hh->size[1], 16);
}
END_TEST

/* Two steps and then the others, with the state handed on, are all of them at once, to the bit. */
START_TEST(a_state_is_handed_on)
{
    const layer *l = &layers[_i];
    nn_recurrent r;
    l->init(&r, ps, "rnn", IN, HIDDEN);
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = random_of(TN_DIMS(BATCH, STEPS, IN), 1), *state = NULL, *last = NULL;
    const tn_tensor *whole = l->forward(&r, t, x, all, &last);
    const tn_tensor *begin = l->forward(&r, t, tn_slice(t, x, 1, 0, 2, 1), all, &state);
    const tn_tensor *rest = l->forward(&r, t, tn_slice(t, x, 1, 2, STEPS, 1), all, &state);
    ck_no_error();
    ck_assert_str_eq(TN_STR(state), l->states == 1 ? "(37, 20)" : "(2, 37, 20)");
    ck_assert_mem_eq(state->data, last->data, (size_t)last->n * sizeof(tn_real));
    for (int64_t b = 0; b < BATCH; b++) {
        const tn_real *y = whole->data + b * STEPS * HIDDEN;
        ck_assert_mem_eq(begin->data + b * 2 * HIDDEN, y, 2 * HIDDEN * sizeof(tn_real));
        ck_assert_mem_eq(rest->data + b * (STEPS - 2) * HIDDEN, y + 2 * HIDDEN, (STEPS - 2) * HIDDEN * sizeof(tn_real));
        ck_assert_mem_eq(last->data + b * HIDDEN, y + (STEPS - 1) * HIDDEN, HIDDEN * sizeof(tn_real));
    }
}
END_TEST

/* A sequence that ends early gives what it gives alone, zeros after that, and ends where it does alone. */
START_TEST(lengths)
{
    const layer *l = &layers[_i];
    const tn_ids length = some_lengths();
    nn_recurrent r;
    l->init(&r, ps, "rnn", IN, HIDDEN);
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = random_of(TN_DIMS(BATCH, STEPS, IN), 1), *last = NULL;
    const tn_tensor *y = l->forward(&r, t, x, length, &last);
    for (int64_t b = 0; b < BATCH; b++) {
        const int64_t n = length.id[b];
        const tn_real *at = y->data + b * STEPS * HIDDEN;
        tn_tensor *own = NULL, *part = tn_slice(t, tn_slice(t, x, 0, b, b + 1, 1), 1, 0, n, 1);
        const tn_tensor *alone = l->forward(&r, t, part, all, &own);
        ck_no_error();
        ck_assert_mem_eq(at, alone->data, (size_t)(n * HIDDEN) * sizeof(tn_real));
        for (int64_t i = n * HIDDEN; i < STEPS * HIDDEN; i++) ck_assert(at[i] == 0);
        for (int64_t k = 0; k < l->states; k++)
            ck_assert_mem_eq(last->data + (k * BATCH + b) * HIDDEN, own->data + k * HIDDEN, HIDDEN * sizeof(tn_real));
    }
}
END_TEST

/* What is behind a sequence's end has no part in any gradient. */
START_TEST(no_gradient_behind_the_end)
{
    const layer *l = &layers[_i];
    const tn_ids length = some_lengths();
    nn_recurrent r;
    l->init(&r, ps, "rnn", IN, HIDDEN);
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = random_of(TN_DIMS(BATCH, STEPS, IN), 1), *last = NULL;
    tn_tensor *y = l->forward(&r, t, x, length, &last);
    ck_assert(tn_backward(t, tn_add(t, tn_sum(t, y, TN_ALL, false), tn_sum(t, last, TN_ALL, false))));
    const tn_real *g = tn_grad_data(x);
    for (int64_t b = 0; b < BATCH; b++)
        for (int64_t step = 0; step < STEPS; step++)
            for (int64_t i = 0; i < IN; i++) ck_assert((g[(b * STEPS + step) * IN + i] == 0) == (step >= length.id[b]));
    ck_no_error();
}
END_TEST

/* Outputs and all gradients, one after the other. */
static void run_with(const layer *l, int threads, tn_real *to)
{
    tn_params *params = tn_params_new(1, &err);
    nn_recurrent r;
    tn_tensor *state;
    tn_set_threads(threads);
    l->init(&r, params, "rnn", IN, HIDDEN);
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = random_of(TN_DIMS(BATCH, STEPS, IN), 1);
    tn_tensor *first = state = random_of(l->states == 1 ? TN_DIMS(BATCH, HIDDEN) : TN_DIMS(2, BATCH, HIDDEN), 2);
    tn_tensor *y = l->forward(&r, t, x, some_lengths(), &state);
    ck_assert(tn_backward(t, tn_add(t, tn_mean(t, y, TN_ALL, false), tn_mean(t, state, TN_ALL, false))));
    memcpy(to, y->data, (size_t)y->n * sizeof *to);
    to += y->n;
    tn_tensor *const of[] = {x, first, r.weight_ih, r.weight_hh, r.bias_ih, r.bias_hh};
    for (size_t i = 0; i < sizeof of / sizeof *of; to += of[i++]->n)
        memcpy(to, tn_grad_data(of[i]), (size_t)of[i]->n * sizeof *to);
    tn_params_free(params);
}

START_TEST(any_number_of_threads)
{
    enum { ROOM = 20000 };
    static tn_real one[ROOM], many[ROOM];
    for (int threads = 2; threads < 6; threads++) {
        run_with(&layers[_i], 1, one);
        run_with(&layers[_i], threads, many);
        ck_assert_mem_eq(one, many, sizeof one);
    }
    ck_no_error();
}
END_TEST

/* ---- misuse -> code -> text ---------------------------------------------------------------------------------------- */

static tn_tensor *of(tn_dims shape)
{
    return tn_input(t, shape, NULL, true);
}

static tn_tensor *gru_on(tn_dims x, tn_dims state, tn_dims weight, tn_dims bias, tn_ids length)
{
    return tn_gru(t, of(x), of(state), of(weight), of(bias), length);
}

static tn_tensor *lstm_on(tn_dims x, tn_dims state)
{
    return tn_lstm(t, of(x), of(state), of(TN_DIMS(8, 2)), of(TN_DIMS(8)), all);
}

static tn_tensor *layer_on(const layer *l, tn_tensor *x, tn_tensor *state)
{
    nn_recurrent r;
    l->init(&r, ps, "rnn", 3, 2);
    tn_tensor *y = l->forward(&r, t, x, all, &state);
    ck_assert_ptr_null(state);
    return y;
}

static const int32_t zero[] = {2, 0}, beyond[] = {5, 1};
#define X TN_DIMS(4, 2, 6)
#define STATE TN_DIMS(2, 2)
#define WEIGHT TN_DIMS(6, 2)
#define BIAS TN_DIMS(6)

MISUSE(gates, ck_assert_ptr_null(gru_on(TN_DIMS(4, 2, 7), STATE, WEIGHT, BIAS, all)))
MISUSE(flat, ck_assert_ptr_null(gru_on(TN_DIMS(4, 6), STATE, WEIGHT, BIAS, all)))
MISUSE(no_step, ck_assert_ptr_null(gru_on(TN_DIMS(0, 2, 6), STATE, WEIGHT, BIAS, all)))
MISUSE(state, ck_assert_ptr_null(gru_on(X, TN_DIMS(3, 2), WEIGHT, BIAS, all)))
MISUSE(weight, ck_assert_ptr_null(gru_on(X, STATE, TN_DIMS(2, 6), BIAS, all)))
MISUSE(bias, ck_assert_ptr_null(gru_on(X, STATE, WEIGHT, TN_DIMS(2), all)))
MISUSE(two_states, ck_assert_ptr_null(lstm_on(TN_DIMS(4, 3, 8), TN_DIMS(3, 2))))
MISUSE(lstm_gates, ck_assert_ptr_null(lstm_on(TN_DIMS(4, 3, 6), TN_DIMS(2, 3, 2))))
MISUSE(count_lengths, ck_assert_ptr_null(gru_on(X, STATE, WEIGHT, BIAS, (tn_ids){zero, 1})))
MISUSE(null_lengths, ck_assert_ptr_null(gru_on(X, STATE, WEIGHT, BIAS, (tn_ids){NULL, 2})))
MISUSE(length_of_zero, ck_assert_ptr_null(gru_on(X, STATE, WEIGHT, BIAS, (tn_ids){zero, 2})))
MISUSE(length_beyond, ck_assert_ptr_null(gru_on(X, STATE, WEIGHT, BIAS, (tn_ids){beyond, 2})))
MISUSE(layer_x, ck_assert_ptr_null(layer_on(&layers[0], of(TN_DIMS(2, 4, 6)), NULL)))
MISUSE(layer_flat, ck_assert_ptr_null(layer_on(&layers[1], of(TN_DIMS(4, 3)), NULL)))
MISUSE(layer_state, ck_assert_ptr_null(layer_on(&layers[1], of(TN_DIMS(2, 4, 3)), of(TN_DIMS(2, 2)))))
MISUSE(layer_null, ck_assert_ptr_null(layer_on(&layers[1], NULL, NULL)))
MISUSE(mask_beyond, ck_assert_ptr_null(nn_length_mask(t, (tn_ids){beyond, 2}, 4)))
MISUSE(mask_below, ck_assert_ptr_null(nn_length_mask(t, (tn_ids){&(int32_t){-1}, 1}, 4)))

static const misuse misuses[] = {
    {"tn_gru: x is not of three dimensions, the last a multiple of the gates",
     gates, TN_ESHAPE, "gru: x is (4, 2, 7), it must be (steps, batch, 3 * hidden)"},
    {"tn_gru: x is not of three dimensions, the last a multiple of the gates",
     flat, TN_ESHAPE, "gru: x is (4, 6), it must be (steps, batch, 3 * hidden)"},
    {"tn_gru: no step", no_step, TN_ESHAPE, "gru: x is (0, 2, 6), it must have a step at least"},
    {"tn_gru: a state, weight or bias of another shape",
     state, TN_ESHAPE, "gru: state is (3, 2), for x (4, 2, 6) it must be (2, 2)"},
    {"tn_gru: a state, weight or bias of another shape",
     weight, TN_ESHAPE, "gru: weight is (2, 6), for x (4, 2, 6) it must be (6, 2)"},
    {"tn_gru: a state, weight or bias of another shape",
     bias, TN_ESHAPE, "gru: bias is (2,), for x (4, 2, 6) it must be (6,)"},
    {"tn_lstm: tn_gru's", two_states, TN_ESHAPE, "lstm: state is (3, 2), for x (4, 3, 8) it must be (2, 3, 2)"},
    {"tn_lstm: tn_gru's", lstm_gates, TN_ESHAPE, "lstm: x is (4, 3, 6), it must be (steps, batch, 4 * hidden)"},
    {"tn_gru: not a length for each sequence", count_lengths, TN_ESHAPE, "gru: there are 1 lengths for a batch of 2"},
    {"tn_gru: not a length for each sequence", null_lengths, TN_ESHAPE, "gru: there are 2 lengths at NULL for a batch of 2"},
    {"tn_gru: a length outside [1, steps]", length_of_zero, TN_EINDEX, "gru: length 0 at position 1 is outside [1, 4]"},
    {"tn_gru: a length outside [1, steps]", length_beyond, TN_EINDEX, "gru: length 5 at position 0 is outside [1, 4]"},
    {"nn_gru_forward: x is not (batch, steps, in)",
     layer_x, TN_ESHAPE, "nn_gru \"rnn.weight_ih_l0\": x is (2, 4, 6), it must be (batch, steps, 3)"},
    {"nn_lstm_forward: x is not (batch, steps, in)",
     layer_flat, TN_ESHAPE, "nn_lstm \"rnn.weight_ih_l0\": x is (4, 3), it must be (batch, steps, 3)"},
    {"nn_lstm_forward: the op's",
     layer_state, TN_ESHAPE, "lstm \"rnn\": state is (2, 2), for x (4, 2, 8) it must be (2, 2, 2)"},
    {"nn.h: the ops'", layer_null, TN_EUSAGE, "transpose: input 0 is NULL, and no earlier error says why" UNMADE},
    {"nn_length_mask: a length outside [0, steps]",
     mask_beyond, TN_EINDEX, "nn_length_mask: length 5 at position 0 is outside [0, 4]"},
    {"nn_length_mask: a length outside [0, steps]",
     mask_below, TN_EINDEX, "nn_length_mask: length -1 at position 0 is outside [0, 4]"},
};
enum { N_MISUSES = sizeof misuses / sizeof *misuses };

START_TEST(misused)
{
    check_misuse(&misuses[_i]);
}
END_TEST

START_TEST(a_mask)
{
    static const int32_t length[] = {2, 0, 3};
    const double wanted[] = {1, 1, 0, 0, 0, 0, 1, 1, 1};
    tn_tape_begin(t, TN_GRAD);
    const tn_tensor *mask = nn_length_mask(t, (tn_ids){length, 3}, 3);
    ck_no_error();
    ck_assert_str_eq(TN_STR(mask), "(3, 3)");
    for (int i = 0; i < 9; i++) ck_assert_double_eq((double)mask->data[i], wanted[i]);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, starts, 0, LAYERS);
    tcase_add_loop_test(c, a_state_is_handed_on, 0, LAYERS);
    tcase_add_loop_test(c, lengths, 0, LAYERS);
    tcase_add_loop_test(c, no_gradient_behind_the_end, 0, LAYERS);
    tcase_add_loop_test(c, any_number_of_threads, 0, LAYERS);
    tcase_add_loop_test(c, misused, 0, N_MISUSES);
    tcase_add_test(c, a_mask);
}

int main(void)
{
    return run_case("recurrent", add);
}
