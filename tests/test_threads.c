/* Many tapes, each on a thread of the user's, read one params at once while nobody writes it: each has a seed, a mode and
 * shapes of its own, and gets the bits that it gets alone. */
#include <pthread.h>

#include "tests.h"

enum { READERS = 8, STEPS = 4, VOCABULARY = 500, WIDTH = 32, CLASSES = 7, LONGEST = 20, MOST = 30 };

/* Every kind of layer: tables and products, attention, recurrence, norms with and without buffers. */
typedef struct net {
    nn_embedding         words;
    nn_positional        places;
    nn_transformer_block block;
    nn_gru               gru;
    nn_batch_norm1d      norm;
    nn_linear            out;
} net;

static void net_init(net *m, tn_params *params)
{
    nn_embedding_init(&m->words, params, "words", VOCABULARY, WIDTH);
    nn_positional_init(&m->places, params, "places", LONGEST, WIDTH);
    nn_transformer_block_init(&m->block, params, "block", WIDTH, 4, 2 * WIDTH);
    nn_gru_init(&m->gru, params, "gru", WIDTH, WIDTH);
    nn_batch_norm1d_init(&m->norm, params, "norm", WIDTH);
    nn_linear_init(&m->out, params, "out", WIDTH, CLASSES);
}

/* ids of (texts, length) -> probabilities (texts, classes) */
static tn_tensor *net_forward(const net *m, tn_tape *tape, tn_ids ids, int64_t texts)
{
    int64_t length = ids.n / texts;
    tn_tensor *x = tn_reshape(tape, nn_embedding_forward(&m->words, tape, ids), TN_DIMS(texts, length, WIDTH)), *last = NULL;
    x = nn_transformer_block_forward(&m->block, tape, nn_positional_forward(&m->places, tape, x), NULL, true);
    nn_gru_forward(&m->gru, tape, x, (tn_ids){NULL, 0}, &last);
    last = tn_dropout(tape, nn_batch_norm1d_forward(&m->norm, tape, last), 0.2);
    return tn_softmax(tape, nn_linear_forward(&m->out, tape, last), -1);
}

typedef struct reader {
    const net *net;
    uint64_t   seed;
    unsigned   mode;
    tn_error   err;
    int64_t    n;
    tn_real    y[STEPS * MOST * CLASSES];
} reader;

static void read_once(reader *r, tn_tape *tape, int64_t step)
{
    tn_rng  random = tn_rng_new(r->seed, 1, (uint64_t)step, 0);
    int64_t texts = 2 + (int64_t)tn_rng_below(random, 0, MOST - 2), length = 1 + (int64_t)tn_rng_below(random, 1, LONGEST);
    int32_t id[MOST * LONGEST];
    for (int64_t i = 0; i < texts * length; i++) id[i] = (int32_t)tn_rng_below(random, (uint64_t)i + 2, VOCABULARY);
    tn_tape_begin(tape, r->mode);
    tn_tensor *y = net_forward(r->net, tape, (tn_ids){id, texts * length}, texts);
    if (!y) return;
    memcpy(r->y + r->n, y->data, (size_t)y->n * sizeof *y->data);
    r->n += y->n;
}

static void *read_params(void *arg)
{
    reader  *r = arg;
    tn_tape *tape = tn_tape_new(r->seed, 0, &r->err);
    for (int64_t step = 0; step < STEPS; step++) read_once(r, tape, step);
    tn_tape_free(tape);
    return NULL;
}

START_TEST(many_tapes_read_one_params)
{
    static const unsigned modes[] = {TN_EVAL, TN_TRAIN, TN_GRAD, TN_GRAD | TN_TRAIN};
    static reader alone[READERS], readers[READERS];
    pthread_t     thread[READERS];
    net           m;
    net_init(&m, ps);
    tn_set_threads(1);
    for (int i = 0; i < READERS; i++) {
        readers[i] = alone[i] = (reader){.net = &m, .seed = (uint64_t)i / 4, .mode = modes[i % 4]};
        read_params(&alone[i]);
    }
    tn_set_threads(_i);
    for (int i = 0; i < READERS; i++) ck_assert_int_eq(pthread_create(&thread[i], NULL, read_params, &readers[i]), 0);
    for (int i = 0; i < READERS; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < READERS; i++) {
        ck_assert_str_eq(readers[i].err.text, "");
        ck_assert_int_gt(readers[i].n, 0);
        ck_assert_int_eq(readers[i].n, alone[i].n);
        ck_assert_msg(!memcmp(readers[i].y, alone[i].y, sizeof alone[i].y), "reader %d", i);
    }
    ck_assert_mem_ne(alone[0].y, alone[1].y, sizeof alone[0].y); /* one drops out, by its seed */
    ck_assert_mem_ne(alone[1].y, alone[5].y, sizeof alone[0].y);
    ck_no_error();
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, many_tapes_read_one_params, 1, 4);
}

int main(void)
{
    return run_case("threads", add);
}
