/* Whole trainings: the classifier, the MLP and a small GPT. The same bytes with any number of threads, from threads of
 * the user's, after a fork, with another allocator and on every instruction set with fma; and steps that ask the system for
 * no memory. The sizes are such that every kind of op has more than one piece to share out. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/kernels.h"
#include "tests.h"

/* ---- the data: three batches for each model, the same in every run --------------------------------------------- */

enum { BATCHES = 3, CLASSES = 5 };
enum { TEXTS = 150, WORDS = 20, VOCABULARY = 3000, WIDTH = 64 };                       /* the classifier */
enum { ROWS = 300, IN = 100, HIDDEN = 96 };                                            /* the MLP */
enum { DIM = 48, HEADS = 4, LENGTH = 36, BATCH = 10, CHARACTERS = 90 };                 /* the GPT, of one block */
enum { TOKENS = BATCH * LENGTH };

static int32_t words[BATCHES][TEXTS * WORDS], characters[BATCHES][TOKENS + 1], labels[BATCHES][TOKENS];
static int64_t offsets[TEXTS];
static tn_real rows[BATCHES][ROWS * IN];

static void fill_ids(int32_t *id, int64_t n, uint64_t below, uint64_t stream)
{
    tn_rng random = tn_rng_new(1, stream, 0, 0);
    for (int64_t i = 0; i < n; i++) id[i] = (int32_t)tn_rng_below(random, (uint64_t)i, below);
}

static void fill_data(void)
{
    for (int b = 0; b < BATCHES; b++) {
        fill_ids(words[b], TEXTS * WORDS, VOCABULARY, (uint64_t)b);
        fill_ids(characters[b], TOKENS + 1, CHARACTERS, (uint64_t)b);
        fill_ids(labels[b], TOKENS, CLASSES, (uint64_t)b);
        for (int i = 0; i < ROWS * IN; i++) rows[b][i] = (tn_real)(words[b][i % (TEXTS * WORDS)] % 17 + i % 7) / 16;
    }
    for (int i = 0; i < TEXTS; i++) offsets[i] = i * WORDS;
}

/* ---- the models ------------------------------------------------------------------------------------------------ */

typedef struct block {
    nn_layer_norm norm1, norm2;
    nn_linear     qkv, out, up, down;
} block;

/* What the three of them are made of. */
typedef struct net {
    nn_embedding words;
    tn_tensor   *positions;
    block        block;
    nn_linear    hidden, out;
} net;

static void classifier_init(net *m, tn_params *params)
{
    nn_embedding_init(&m->words, params, "words", VOCABULARY, WIDTH);
    nn_linear_init(&m->hidden, params, "hidden", WIDTH, WIDTH);
    nn_linear_init(&m->out, params, "out", WIDTH, CLASSES);
}

static tn_tensor *classifier_loss(const net *m, tn_tape *tape, int b)
{
    const tn_bags texts = {{words[b], TEXTS * WORDS}, offsets, TEXTS};
    tn_tensor *x = nn_embedding_mean(&m->words, tape, texts);
    x = tn_relu(tape, nn_linear_forward(&m->hidden, tape, x));
    return tn_cross_entropy(tape, nn_linear_forward(&m->out, tape, x), (tn_ids){labels[b], TEXTS});
}

static void mlp_init(net *m, tn_params *params)
{
    nn_linear_init(&m->hidden, params, "hidden", IN, HIDDEN);
    nn_linear_init(&m->out, params, "out", HIDDEN, CLASSES);
}

static tn_tensor *mlp_loss(const net *m, tn_tape *tape, int b)
{
    tn_tensor *x = nn_linear_forward(&m->hidden, tape, tn_const(tape, TN_DIMS(ROWS, IN), rows[b]));
    x = nn_linear_forward(&m->out, tape, tn_relu(tape, x));
    return tn_cross_entropy(tape, x, (tn_ids){labels[b], ROWS});
}

static void block_init(block *l, tn_params *params)
{
    nn_layer_norm_init(&l->norm1, params, "norm1", DIM);
    nn_layer_norm_init(&l->norm2, params, "norm2", DIM);
    nn_linear_init(&l->qkv, params, "qkv", DIM, 3 * DIM);
    nn_linear_init(&l->out, params, "out", DIM, DIM);
    nn_linear_init(&l->up, params, "up", DIM, 4 * DIM);
    nn_linear_init(&l->down, params, "down", 4 * DIM, DIM);
}

static void gpt_init(net *m, tn_params *params)
{
    nn_embedding_init(&m->words, params, "tokens", CHARACTERS, DIM);
    m->positions = tn_param(params, TN_DIMS(LENGTH, DIM), tn_normal(0, 1), "positions.weight");
    block_init(&m->block, params);
    nn_linear_init(&m->out, params, "head", DIM, CHARACTERS);
}

static tn_tensor *attention(const block *l, tn_tape *tape, tn_tensor *x)
{
    const tn_attention_options causal = {.heads = HEADS, .causal = true};
    tn_tensor *qkv = nn_linear_forward(&l->qkv, tape, x); /* side by side */
    return nn_linear_forward(&l->out, tape, tn_attention(tape, qkv, NULL, NULL, NULL, causal));
}

static tn_tensor *block_forward(const block *l, tn_tape *tape, tn_tensor *x)
{
    x = tn_add(tape, x, attention(l, tape, nn_layer_norm_forward(&l->norm1, tape, x)));
    tn_tensor *h = nn_linear_forward(&l->up, tape, nn_layer_norm_forward(&l->norm2, tape, x));
    h = nn_linear_forward(&l->down, tape, tn_gelu_tanh(tape, h));
    return tn_add(tape, x, tn_dropout(tape, h, 0.1));
}

static tn_tensor *gpt_loss(const net *m, tn_tape *tape, int b)
{
    tn_tensor *x = nn_embedding_forward(&m->words, tape, (tn_ids){characters[b], TOKENS});
    x = tn_add(tape, tn_reshape(tape, x, TN_DIMS(BATCH, LENGTH, DIM)), m->positions);
    x = block_forward(&m->block, tape, x);
    return tn_cross_entropy(tape, nn_linear_forward(&m->out, tape, x), (tn_ids){characters[b] + 1, TOKENS});
}

typedef struct model {
    const char *name;
    void       (*init)(net *m, tn_params *params);
    tn_tensor *(*loss)(const net *m, tn_tape *tape, int batch);
} model;

static const model models[] = {
    {"classifier", classifier_init, classifier_loss},
    {"mlp", mlp_init, mlp_loss},
    {"gpt", gpt_init, gpt_loss},
};
enum { MODELS = sizeof models / sizeof *models };

/* ---- a training ------------------------------------------------------------------------------------------------ */

static optim *sgd(tn_params *params)
{
    return optim_sgd(params, optim_sgd_defaults());
}

static optim *adagrad(tn_params *params)
{
    return optim_adagrad(params, optim_adagrad_defaults());
}

static optim *adamw(tn_params *params)
{
    return optim_adamw(params, optim_adamw_defaults());
}

static optim *sparse_adam(tn_params *params)
{
    return optim_sparse_adam(params, optim_sparse_adam_defaults());
}

typedef optim *rule(tn_params *params);
static rule *const rules[] = {sgd, adagrad, adamw, sparse_adam};
enum { RULES = sizeof rules / sizeof *rules };

/* All that one training has; two of them share nothing but the data. */
typedef struct training {
    const model *model;
    tn_error     err;
    tn_params   *params;
    tn_tape     *tape;
    optim       *optim;
    net          net;
} training;

static void training_begin(training *r, const model *m, rule *make)
{
    *r = (training){.model = m};
    r->params = tn_params_new(1, &r->err);
    r->tape = tn_tape_new(1, 0, &r->err);
    m->init(&r->net, r->params);
    r->optim = make(r->params);
}

static void training_step(training *r, int step)
{
    tn_tape_begin(r->tape, TN_GRAD | TN_TRAIN);
    tn_backward(r->tape, r->model->loss(&r->net, r->tape, step % BATCHES));
    optim_step(r->optim);
}

static bool training_end(training *r)
{
    optim_free(r->optim);
    tn_tape_free(r->tape);
    tn_params_free(r->params);
    return r->err.code == TN_OK;
}

/* A training from its begin to a file; no check in here, as it runs on threads and in children too. */
static bool train(const model *m, const char *path)
{
    training r;
    training_begin(&r, m, adagrad);
    for (int step = 0; step < BATCHES; step++) training_step(&r, step);
    tn_save(r.params, path, 0, NULL);
    return training_end(&r);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/tarn-test-XXXXXX";

typedef struct path {
    char text[64];
} path;

static path in_folder(int number)
{
    path p;
    snprintf(p.text, sizeof p.text, "%s/%d", folder, number);
    return p;
}

static void make_folder(void)
{
    fill_data();
    ck_assert(mkdtemp(folder) != NULL);
}

static void drop_folder(void)
{
    for (int i = 0; i < 16; i++) remove(in_folder(i).text);
    rmdir(folder);
}

static size_t read_model(int number, void *to, size_t most)
{
    FILE *f = fopen(in_folder(number).text, "rb");
    ck_assert(f != NULL);
    size_t n = fread(to, 1, most, f);
    fclose(f);
    return n;
}

/* The models saved as a and b, byte for byte. */
static bool same_models(int a, int b)
{
    static char first[1 << 22], second[1 << 22];
    size_t n = read_model(a, first, sizeof first);
    ck_assert(n > 0 && n < sizeof first);
    return read_model(b, second, sizeof second) == n && memcmp(first, second, n) == 0;
}

/* ---- the same bytes -------------------------------------------------------------------------------------------- */

START_TEST(with_any_number_of_threads)
{
    static const int threads[] = {1, 2, 3, 8};
    for (int i = 0; i < 4; i++) {
        tn_set_threads(threads[i]);
        ck_assert(train(&models[_i], in_folder(i).text));
        ck_assert_msg(same_models(0, i), "%s with %d threads", models[_i].name, threads[i]);
    }
}
END_TEST

typedef struct user {
    const model *model;
    path         path;
    bool         ok;
} user;

static void *train_user(void *arg)
{
    user *u = arg;
    u->ok = train(u->model, u->path.text);
    return NULL;
}

/* Each with a tape and params of its own, at the same time. */
START_TEST(from_threads_of_the_users)
{
    user      users[MODELS];
    pthread_t thread[MODELS];
    tn_set_threads(3);
    for (int i = 0; i < MODELS; i++) ck_assert(train(&models[i], in_folder(i).text));
    for (int i = 0; i < MODELS; i++) {
        users[i] = (user){&models[i], in_folder(MODELS + i), false};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, train_user, &users[i]), 0);
    }
    for (int i = 0; i < MODELS; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < MODELS; i++) ck_assert_msg(users[i].ok && same_models(i, MODELS + i), "%s", models[i].name);
}
END_TEST

static void train_pieces(int64_t begin, int64_t end, void *arg)
{
    for (int64_t i = begin; i < end; i++) train_user((user *)arg + i);
}

/* An op within a piece is a nested call: it runs where it is. */
START_TEST(from_pieces_of_parallel_work)
{
    enum { PIECES = 3 };
    user users[PIECES];
    tn_set_threads(3);
    ck_assert(train(&models[_i], in_folder(PIECES).text));
    for (int i = 0; i < PIECES; i++) users[i] = (user){&models[_i], in_folder(i), false};
    tn_parallel_for(PIECES, 1, train_pieces, users);
    for (int i = 0; i < PIECES; i++) ck_assert(users[i].ok && same_models(PIECES, i));
}
END_TEST

/* Trains in a child, on the instruction set isa if it is not NULL. */
static void train_in_child(const model *m, const char *isa, int number)
{
    int   status = -1;
    pid_t child = fork();
    if (!child) {
        if (isa) setenv("TARN_ISA", isa, 1);
        _exit((isa && strcmp(tn__kernels_get()->isa, isa)) || !train(m, in_folder(number).text));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(after_a_fork)
{
    if (is_emulated()) return;
    tn_set_threads(3);
    ck_assert(train(&models[_i], in_folder(0).text));
    train_in_child(&models[_i], NULL, 1);
    ck_assert(same_models(0, 1));
    ck_assert(train(&models[_i], in_folder(2).text));
    ck_assert(same_models(0, 2));
}
END_TEST

/* Memory of other habits than libc's: always elsewhere, full of ones, 16 bytes off a line's beginning. */
static void *resize_otherwise(void *arg, void *p, size_t bytes)
{
    enum { BEFORE = 64 + 16 };
    char  *old = p ? (char *)p - BEFORE : NULL, *new = bytes ? aligned_alloc(64, (BEFORE + bytes + 63) / 64 * 64) : NULL;
    size_t held = 0;
    (void)arg;
    if (new) {
        memset(new, 0xFF, BEFORE + bytes);
        memcpy(new, &bytes, sizeof bytes);
        if (old) memcpy(&held, old, sizeof held);
        if (old) memcpy(new + BEFORE, p, held < bytes ? held : bytes);
    }
    if (new || !bytes) free(old);
    return new ? new + BEFORE : NULL;
}

START_TEST(with_another_allocator)
{
    const tn_allocator otherwise = {resize_otherwise, NULL};
    tn_set_threads(2);
    ck_assert(train(&models[_i], in_folder(0).text));
    teardown();
    ck_assert(tn_set_allocator(&otherwise));
    ck_assert(train(&models[_i], in_folder(1).text));
    ck_assert(tn_set_allocator(NULL));
    setup();
    ck_assert(same_models(0, 1));
}
END_TEST

/* Where the machine has both. The choice falls at the first use, so each has a process of its own. */
START_TEST(on_avx2_and_avx512)
{
    if (!tn__kernels_named("avx2") || !tn__kernels_named("avx512")) return;
    tn_set_threads(2);
    train_in_child(&models[_i], "avx2", 0);
    train_in_child(&models[_i], "avx512", 1);
    ck_assert(same_models(0, 1));
}
END_TEST

/* ---- forward passes of one set of parameters, at the same time ------------------------------------------------- */

enum { ROUNDS = 2 };

typedef struct reader {
    const training *of;
    tn_error        err;
    tn_real         loss[ROUNDS * BATCHES];
} reader;

static void *read_params(void *arg)
{
    reader  *r = arg;
    tn_tape *tape = tn_tape_new(1, 0, &r->err);
    for (int i = 0; i < ROUNDS * BATCHES; i++) {
        tn_tape_begin(tape, TN_EVAL);
        r->loss[i] = (tn_real)tn_item(r->of->model->loss(&r->of->net, tape, i % BATCHES));
    }
    tn_tape_free(tape);
    return NULL;
}

START_TEST(many_read_the_same_params)
{
    enum { READERS = 3 };
    training r;
    reader   alone, readers[READERS];
    pthread_t thread[READERS];
    tn_set_threads(2);
    training_begin(&r, &models[_i], sgd);
    alone = (reader){.of = &r};
    read_params(&alone);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (reader){.of = &r};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, read_params, &readers[i]), 0);
    }
    for (int i = 0; i < READERS; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < READERS; i++) {
        ck_assert_int_eq(readers[i].err.code, TN_OK);
        ck_assert_mem_eq(readers[i].loss, alone.loss, sizeof alone.loss);
    }
    ck_assert(alone.err.code == TN_OK && training_end(&r));
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* The linker sends every call of these here, the library's among them (--wrap, in the Makefile). */
static atomic_long asked;
#define COUNTED(f, parameters, arguments)  \
    void *__real_##f parameters;           \
    void *__wrap_##f parameters;           \
    void *__wrap_##f parameters            \
    {                                      \
        atomic_fetch_add(&asked, 1);       \
        return __real_##f arguments;       \
    }
COUNTED(malloc, (size_t n), (n))
COUNTED(calloc, (size_t n, size_t size), (n, size))
COUNTED(realloc, (void *p, size_t n), (p, n))
COUNTED(aligned_alloc, (size_t to, size_t n), (to, n))
COUNTED(mmap, (void *p, size_t n, int protection, int flags, int file, off_t at), (p, n, protection, flags, file, at))

/* Every batch has been seen, and the tape has had a begin to put its memory together. */
START_TEST(steps_ask_the_system_for_nothing)
{
    training r;
    long     before, after;
    tn_set_threads(2);
    training_begin(&r, &models[_i / RULES], rules[_i % RULES]);
    for (int step = 0; step < BATCHES + 1; step++) training_step(&r, step);
    before = atomic_load(&asked);
    for (int step = BATCHES + 1; step <= 2 * BATCHES; step++) training_step(&r, step);
    after = atomic_load(&asked);
    ck_assert_int_gt(before, 0);
    ck_assert_int_eq(after - before, 0);
    ck_assert_msg(training_end(&r), "%s", r.err.text);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_unchecked_fixture(c, make_folder, drop_folder);
    tcase_add_loop_test(c, with_any_number_of_threads, 0, MODELS);
    tcase_add_test(c, from_threads_of_the_users);
    tcase_add_loop_test(c, from_pieces_of_parallel_work, 0, MODELS);
    tcase_add_loop_test(c, after_a_fork, 0, MODELS);
    tcase_add_loop_test(c, with_another_allocator, 0, MODELS);
    tcase_add_loop_test(c, on_avx2_and_avx512, 0, MODELS);
    tcase_add_loop_test(c, many_read_the_same_params, 0, MODELS);
    tcase_add_loop_test(c, steps_ask_the_system_for_nothing, 0, MODELS * RULES);
}

int main(void)
{
    return run_case("training", add);
}
