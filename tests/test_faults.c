/* A whole life (texts read, a vocabulary, training with each optimiser, a model saved, loaded, used) in which the n-th
 * request for memory fails, for every n. Each stage that fails says so, leaves all as it was, and does its work when it is
 * called again: the model that comes out is the same to the byte. Then threads that cannot be made. */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "examples/text/data.h"
#include "examples/text/model_file.h"
#include "faults.h"
#include "tests.h"

/* ---- files ----------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/tarn-test-XXXXXX", texts_path[64], model_path[64], array_path[64], state_path[64];
static const char old[] = "the old file";

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f != NULL);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), f), strlen(text));
    ck_assert_int_eq(fclose(f), 0);
}

static size_t read_whole(const char *path, char *to, size_t most)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s", path);
    size_t n = fread(to, 1, most, f);
    fclose(f);
    ck_assert_uint_lt(n, most);
    return n;
}

static int count_files(void)
{
    DIR *d = opendir(folder);
    int  n = 0;
    ck_assert(d != NULL);
    for (const struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.' || strstr(e->d_name, "tmp");
    closedir(d);
    return n;
}

static void make_folder(void)
{
    memcpy(strchr(folder, 0) - 6, "XXXXXX", 6); /* another case had its own */
    ck_assert(mkdtemp(folder) != NULL);
    snprintf(texts_path, sizeof texts_path, "%s/texts.tsv", folder);
    snprintf(model_path, sizeof model_path, "%s/model", folder);
    snprintf(array_path, sizeof array_path, "%s/array.npy", folder);
    snprintf(state_path, sizeof state_path, "%s/state", folder);
    write_text(texts_path, "good\tthe cat sat on the mat\nbad\tno no never\ngood\t一隻貓坐在墊子上\nbad\tthe dog\n"
                           "good\ta mat is a mat\nbad\tnever say never\ngood\tcats and mats\nbad\t不要不要\n");
}

static void drop_folder(void)
{
    remove(texts_path);
    remove(model_path);
    remove(array_path);
    remove(state_path);
    rmdir(folder);
}

/* ---- a rule of the user's, which lets the test see the state --------------------------------------------------- */

enum { PARAMS = 16 };
static struct {
    const tn_real *at;
    int64_t        n;
} states[PARAMS];
static int n_states;

static void momentum(const optim_update *u)
{
    for (optim_span s = {0}; optim_next(u, &s);)
        for (int64_t i = 0; i < s.n; i++) s.param[i] -= (tn_real)u->lr * (s.state[0][i] = s.state[0][i] / 2 + s.grad[i]);
    for (int i = 0; i <= n_states; i++) {
        if (i < n_states && states[i].at == u->state[0]) return;
        if (i < n_states) continue;
        states[n_states].at = u->state[0];
        states[n_states++].n = u->param->n;
        return;
    }
}

static int one(const void *options)
{
    (void)options;
    return 1;
}

static optim *seen(tn_params *params)
{
    static const optim_rule rule = {.name = "seen", .n_state = one, .update = momentum};
    return optim_new(params, &rule, NULL, 0.1, 0);
}

static optim *sgd(tn_params *params)
{
    optim_sgd_options o = optim_sgd_defaults();
    o.momentum = 0.9;
    return optim_sgd(params, o);
}

static optim *adam(tn_params *params)
{
    return optim_adam(params, optim_adam_defaults());
}

static optim *adamw(tn_params *params)
{
    optim_adam_options o = optim_adamw_defaults();
    o.amsgrad = true;
    return optim_adamw(params, o);
}

static optim *sparse_adam(tn_params *params)
{
    return optim_sparse_adam(params, optim_sparse_adam_defaults());
}

static optim *adagrad(tn_params *params)
{
    return optim_adagrad(params, optim_adagrad_defaults());
}

static optim *rmsprop(tn_params *params)
{
    optim_rmsprop_options o = optim_rmsprop_defaults();
    o.momentum = 0.9;
    o.centered = true;
    return optim_rmsprop(params, o);
}

typedef optim *rule(tn_params *params);
static rule *const rules[] = {sgd, adam, adamw, sparse_adam, adagrad, rmsprop, seen};
enum { RULES = sizeof rules / sizeof *rules };

/* ---- a life, in stages ----------------------------------------------------------------------------------------- */

typedef struct net {
    nn_embedding    words;
    nn_batch_norm1d norm;
    nn_linear       hidden, out;
} net;

enum { TEXTS = 8, DIM = 4, MOST = 1 << 16 };

/* One model: the one that is trained, or the one that is loaded. */
typedef struct life {
    tn_error   err;
    text_model text;
    text_data  data;
    tn_params *params;
    tn_tape   *tape;
    net        net;
    optim     *optim;
    rule      *make;
    int        step, half;
    int32_t    answers[TEXTS];
} life;

static void life_begin(life *l, rule *make)
{
    *l = (life){.make = make};
    l->data.err = &l->err;
    n_states = 0;
}

static void forget_texts(life *l)
{
    text_model_free(&l->text);
    text_data_free(&l->data);
    l->text = (text_model){.encoder.settings = {TEXT_MIXED, 2, 4, 50}, .decision = text_decision_plain()};
}

static bool end(life *l)
{
    forget_texts(l);
    optim_free(l->optim);
    tn_tape_free(l->tape);
    tn_params_free(l->params);
    return true;
}

static bool read_texts(life *l)
{
    text_corpus corpus = {0};
    char *const paths[] = {texts_path};
    forget_texts(l);
    bool ok = text_corpus_read(&corpus, 1, paths, (text_reader_options){0}, &l->text.labels, &l->err) &&
              text_corpus_sort_labels(&corpus, &l->text.labels, &l->err) &&
              text_corpus_learn(&corpus, &l->text.encoder, 1, &l->err) &&
              text_data_encode(&l->data, &corpus, &l->text.encoder);
    l->text.classes = l->text.labels.n;
    text_corpus_free(&corpus);
    return ok;
}

static void net_init(life *l)
{
    nn_embedding_init(&l->net.words, l->params, "words", text_encoder_rows(&l->text.encoder), DIM);
    nn_batch_norm1d_init(&l->net.norm, l->params, "norm", DIM);
    nn_linear_init(&l->net.hidden, l->params, "hidden", DIM, DIM);
    nn_linear_init(&l->net.out, l->params, "out", DIM, 2);
}

static bool build(life *l)
{
    tn_params_free(l->params);
    l->params = tn_params_new(1, &l->err);
    net_init(l);
    return l->err.code == TN_OK;
}

static bool begin_training(life *l)
{
    tn_tape_free(l->tape);
    optim_free(l->optim);
    l->tape = tn_tape_new(1, 0, &l->err);
    tn_profile(l->tape, true);
    l->optim = l->make(l->params);
    tn_freeze(l->net.hidden.weight, true);
    return optim_set_weight_decay(l->optim, "*.bias", 0) > 0;
}

static tn_tensor *forward(life *l, tn_bags texts)
{
    tn_tensor *x = nn_batch_norm1d_forward(&l->net.norm, l->tape, nn_embedding_mean(&l->net.words, l->tape, texts));
    x = tn_relu(l->tape, nn_linear_forward(&l->net.hidden, l->tape, tn_dropout(l->tape, x, 0.2)));
    return nn_linear_forward(&l->net.out, l->tape, x);
}

static bool shuffle(life *l)
{
    return text_data_shuffle(&l->data, tn_rng_new(1, 1, (uint64_t)l->step, 0));
}

/* A step adds the gradients of two batches; those of the last step are larger than all before, and the table's gradient
 * becomes dense there, after more of its rows have been planned. */
static bool learn_half(life *l)
{
    const int size = l->step == 2 ? TEXTS / 2 : TEXTS / 4;
    text_batch b;
    l->data.next = l->half * size;
    tn_tape_set_count(l->tape, (uint64_t)(2 * l->step + l->half));
    tn_tape_begin(l->tape, TN_GRAD | TN_TRAIN);
    if (!text_next(&l->data, size, &b)) return false;
    tn_tensor *penalty = NULL, *loss;
    if (l->step == 2 && l->half == 1)
        penalty = tn_mean(l->tape, tn_square(l->tape, l->net.words.weight), TN_ALL, false);
    loss = tn_cross_entropy(l->tape, forward(l, b.texts), b.labels);
    return tn_backward(l->tape, penalty ? tn_add(l->tape, loss, penalty) : loss);
}

static bool move(life *l)
{
    return optim_step(l->optim);
}

static bool keep(life *l)
{
    tn_snapshot *s = tn_params_snapshot(l->params);
    bool         ok = s && tn_params_restore(l->params, s);
    tn_snapshot_free(s);
    return ok;
}

static bool look(life *l)
{
    FILE *nowhere = fopen("/dev/null", "w");
    tn_draw(l->tape, nowhere);
    tn_profile_print(l->tape, nowhere);
    tn_summary(l->params, nowhere);
    tn_print(l->net.words.weight, nowhere);
    fclose(nowhere);
    return l->err.code == TN_OK;
}

static bool read_gradient(life *l)
{
    return tn_grad_data(l->net.words.weight);
}

static bool save(life *l)
{
    return text_model_save(&l->text, l->params, model_path, 0, NULL, &l->err);
}

static bool save_array(life *l)
{
    return tn_npy_save(l->net.words.weight, array_path, &l->err);
}

static bool save_state(life *l)
{
    return optim_save(l->optim, state_path, 0, NULL);
}

static bool load_state(life *l)
{
    return optim_load(l->optim, state_path);
}

static bool load_model(life *l, tn_file *f)
{
    if (!f || !text_model_read(&l->text, f, model_path, &l->err)) return false;
    l->params = tn_params_new(2, &l->err);
    net_init(l);
    return tn_file_load(f, l->params, TN_STRICT);
}

static bool load(life *l)
{
    tn_params_free(l->params);
    l->params = NULL;
    forget_texts(l);
    tn_file *f = tn_file_open(model_path, &l->err);
    bool     ok = load_model(l, f);
    tn_file_close(f);
    return ok;
}

static bool predict(life *l)
{
    tn_tape_free(l->tape);
    l->tape = tn_tape_new(1, 0, &l->err);
    tn_tape_begin(l->tape, TN_EVAL);
    text_data_clear(&l->data);
    if (!text_data_add(&l->data, &l->text.encoder, text_span_of("the cat says never"), 0)) return false;
    return tn_argmax(l->tape, tn_softmax(l->tape, forward(l, text_data_all(&l->data).texts), -1), -1, l->answers);
}

static bool load_array(life *l)
{
    tn_tape_begin(l->tape, TN_EVAL);
    const tn_tensor *x = tn_npy_load(l->tape, array_path), *w = l->net.words.weight;
    return x && x->n == w->n && memcmp(x->data, w->data, (size_t)w->n * sizeof *w->data) == 0;
}

/* ---- what a stage that fails leaves ---------------------------------------------------------------------------- */

/* Parameters, buffers, gradients as they are held, the states that the rule showed, steps: all bytes of them. */
typedef struct bytes {
    char   at[MOST];
    size_t n;
} bytes;

static void put(bytes *b, const void *from, size_t n)
{
    ck_assert_uint_lt(b->n + n, sizeof b->at);
    if (n) memcpy(b->at + b->n, from, n);
    b->n += n;
}

static void put_gradient(bytes *b, const tn_tensor *x)
{
    tn_gradient g;
    if (!tn_param_gradient(x, &g)) return;
    put(b, &g.n_rows, sizeof g.n_rows);
    if (g.row) put(b, g.row, (size_t)g.n_rows * sizeof *g.row);
    if (g.row) put(b, g.slot_of, (size_t)x->size[0] * sizeof *g.slot_of);
    put(b, g.data, (size_t)(g.n_rows * g.width) * sizeof *g.data);
}

static void describe(const life *l, bytes *b)
{
    const int64_t steps = optim_steps(l->optim);
    b->n = 0;
    for (int i = 0; i < tn_params_count(l->params); i++) {
        const tn_tensor *x = tn_params_at(l->params, i);
        put(b, x->data, (size_t)x->n * sizeof *x->data);
        put_gradient(b, x);
    }
    for (int i = 0; i < n_states; i++) put(b, states[i].at, (size_t)states[i].n * sizeof *states[i].at);
    put(b, &steps, sizeof steps);
}

static void check_same(const bytes *a, const bytes *b)
{
    ck_assert_uint_eq(a->n, b->n);
    ck_assert_mem_eq(a->at, b->at, a->n);
}

static bool watched(life *l, bool (*stage)(life *l))
{
    fault_watch(true);
    const bool ok = stage(l);
    fault_watch(false);
    return ok;
}

/* Runs a stage; one that fails says so, leaves all as it was, and runs again. */
static void run(life *l, bool (*stage)(life *l))
{
    static bytes before, after;
    const bool   makes = stage == read_texts || stage == build || stage == load || stage == begin_training;
    if (!makes) describe(l, &before);
    const bool ok = watched(l, stage);
    ck_assert_int_eq(ok, l->err.code == TN_OK);
    if (ok) return;
    ck_assert(fault_struck());
    ck_assert_int_eq(l->err.code, TN_EMEMORY);
    ck_assert_msg(strstr(l->err.text, "memory") != NULL, "%s", l->err.text);
    if (!makes) {
        describe(l, &after);
        check_same(&before, &after);
    }
    fault_clear();
    tn_error_clear(&l->err);
    ck_assert_msg(watched(l, stage), "%s", l->err.text);
}

static void run_end(life *l)
{
    ck_assert(watched(l, end));
}

/* The same for what writes a file: the old one is there, and nothing beside it. */
static void run_save(life *l, bool (*stage)(life *l), const char *path)
{
    static char there[MOST];
    write_text(path, old);
    const int files = count_files();
    if (!watched(l, stage)) {
        ck_assert_int_eq(l->err.code, TN_EMEMORY);
        ck_assert_uint_eq(read_whole(path, there, sizeof there), strlen(old));
        ck_assert_mem_eq(there, old, strlen(old));
        fault_clear();
        tn_error_clear(&l->err);
        ck_assert_msg(watched(l, stage), "%s", l->err.text);
    }
    ck_assert_int_eq(count_files(), files);
}

/* ---- lives ----------------------------------------------------------------------------------------------------- */

static void train(life *l)
{
    run(l, read_texts);
    run(l, build);
    run(l, begin_training);
    for (l->step = 0; l->step < 3; l->step++) {
        tn_freeze(l->net.hidden.weight, l->step == 0); /* what thaws takes its state when others have theirs */
        run(l, shuffle);
        for (l->half = 0; l->half < 2; l->half++) run(l, learn_half);
        if (l->step == 1) run(l, look);
        ck_assert(optim_clip_norm(l->params, 1) >= 0);
        run(l, move);
    }
    run(l, keep);
}

/* The model that a life leaves, and what it says. */
static void live(rule *make, bytes *model)
{
    static life a, b;
    const long  blocks = fault_blocks();
    life_begin(&a, make);
    train(&a);
    run_save(&a, save, model_path);
    run_save(&a, save_array, array_path);
    run_save(&a, save_state, state_path);
    run_end(&a);
    life_begin(&b, make);
    run(&b, load);
    run(&b, begin_training);
    b.net.out.bias->data[0] += 1; /* what the state's file says otherwise */
    run(&b, load_state);
    ck_assert_int_eq(optim_steps(b.optim), 3);
    run(&b, predict);
    run(&b, load_array);
    run_end(&b);
    ck_assert_int_eq(fault_blocks(), blocks);
    fault_clear();
    model->n = read_whole(model_path, model->at, sizeof model->at);
    put(model, b.answers, sizeof b.answers);
}

/* Nothing fails: with each rule and on any number of threads the same comes out. make valgrind runs this case alone. */
START_TEST(nothing_fails)
{
    static bytes want, got;
    tn_set_threads(1);
    live(rules[_i], &want);
    tn_set_threads(3);
    live(rules[_i], &got);
    check_same(&want, &got);
}
END_TEST

/* The n-th request alone fails; with the last rule once more: it and all after it, until a stage has failed. */
START_TEST(every_request_for_memory_fails)
{
    static bytes want, got;
    const tn_allocator allocator = {fault_resize, NULL};
    const bool on = _i == RULES;
    rule *const make = rules[on ? RULES - 1 : _i];
    long n = 0;
    ck_assert(tn_set_allocator(&allocator));
    tn_set_threads(1);
    live(make, &want);
    do {
        fault_set(FAULT_MEMORY, ++n, ENOMEM, on);
        live(make, &got);
        check_same(&want, &got);
    } while (fault_struck());
    ck_assert_int_gt(n, 100);
    ck_assert(tn_set_allocator(NULL));
}
END_TEST

/* libc's malloc, and threads that encode texts at the same time. */
START_TEST(every_malloc_fails)
{
    static bytes want, got;
    long n = 0;
    tn_set_threads(_i);
    live(adagrad, &want);
    do {
        fault_set(FAULT_MEMORY, ++n, ENOMEM, false);
        live(adagrad, &got);
        check_same(&want, &got);
    } while (fault_struck());
    ck_assert_int_gt(n, 100);
}
END_TEST

/* A gradient that is read densely, by rows until then. */
START_TEST(a_dense_gradient_that_finds_no_room)
{
    static life l;
    life_begin(&l, sgd);
    run(&l, read_texts);
    run(&l, build);
    run(&l, begin_training);
    run(&l, shuffle);
    run(&l, learn_half);
    fault_set(FAULT_MEMORY, 1, ENOMEM, false);
    run(&l, read_gradient);
    ck_assert(fault_struck());
    run_end(&l);
}
END_TEST

/* ---- ops ------------------------------------------------------------------------------------------------------- */

static bool has_sample(const tn_op *op, int k)
{
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    const bool there = op->sample && op->sample(t, k);
    ck_no_error();
    return there;
}

/* Forward and backward of an op's k-th sample, where the tape has this much room and gets no more. */
static void try_sample(const tn_op *op, int k, int64_t room)
{
    enum { ALL = 1 << 16 }; /* a tape's first chunk */
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_input(t, TN_DIMS((ALL - 1024 - room) / (int64_t)sizeof(tn_real)), NULL, false);
    ck_no_error();
    fault_set(FAULT_MEMORY, 1, ENOMEM, true);
    fault_watch(true);
    tn_tensor *sum = tn_sum(t, op->sample(t, k), TN_ALL, false);
    if (sum && tn_wants(sum, 0)) tn_backward(t, sum);
    fault_watch(false);
    fault_clear();
}

/* Whatever part of an op finds no room, it says so; with room for all of it, it is done. */
START_TEST(ops_that_find_no_room)
{
    enum { STEP = 48, ENOUGH = 60000 };
    const tn_op *op = tests_builtin_ops[_i];
    tn_set_threads(1);
    setup();
    for (int k = 0; has_sample(op, k); k++) {
        tn_tape_trim(t);
        for (int64_t room = 0; room < ENOUGH; room += STEP) {
            try_sample(op, k, room);
            ck_assert(room > 0 || err.code != TN_OK);
            if (err.code == TN_OK) break;
            ck_assert_msg(err.code == TN_EMEMORY && strstr(err.text, "out of memory"), "%s", err.text);
            tn_error_clear(&err);
        }
    }
    teardown();
}
END_TEST

/* ---- the allocator --------------------------------------------------------------------------------------------- */

START_TEST(an_allocator_serves_all_that_is_taken_after)
{
    const tn_allocator allocator = {fault_resize, NULL};
    char *p = tn_malloc(3);
    ck_assert(p != NULL);
    ck_assert(!tn_set_allocator(&allocator)); /* p is libc's */
    tn_free(p);
    ck_assert(tn_set_allocator(&allocator));
    p = tn_calloc(5, 100);
    ck_assert(p != NULL);
    ck_assert(!tn_set_allocator(NULL)); /* p is the allocator's, which aborts if it is given another's */
    for (int i = 0; i < 500; i++) ck_assert_int_eq(p[i], 0);
    memcpy(p, "kept", 5);
    p = tn_realloc(p, 100000);
    ck_assert_str_eq(p, "kept");
    tn_free(p);
    tn_free(NULL);
    ck_assert(tn_set_allocator(NULL));
}
END_TEST

static void check_sizes(void)
{
    void *none = tn_malloc(0), *empty = tn_calloc(0, 8), *sizeless = tn_calloc(8, 0), *from_nothing = tn_realloc(NULL, 0);
    ck_assert(none && empty && sizeless && from_nothing);
    tn_free(none);
    tn_free(empty);
    tn_free(sizeless);
    tn_free(from_nothing);
    ck_assert_ptr_null(tn_malloc(SIZE_MAX));
    ck_assert_ptr_null(tn_malloc((size_t)PTRDIFF_MAX + 1));
    ck_assert_ptr_null(tn_calloc(SIZE_MAX / 2, 3));
    ck_assert_ptr_null(tn_realloc(NULL, SIZE_MAX));
}

START_TEST(sizes_of_nothing_and_of_too_much)
{
    const tn_allocator allocator = {fault_resize, NULL};
    check_sizes();
    ck_assert(tn_set_allocator(&allocator));
    check_sizes();
    ck_assert(tn_set_allocator(NULL));
}
END_TEST

/* ---- threads --------------------------------------------------------------------------------------------------- */

enum { WIDE = 200, ROWS = 400, THREADS = 4 };

static void train_wide(bytes *loss)
{
    static tn_real x[ROWS * WIDE];
    nn_linear layer;
    setup();
    nn_linear_init(&layer, ps, "layer", WIDE, WIDE);
    optim *o = adam(ps);
    for (int i = 0; i < ROWS * WIDE; i++) x[i] = (tn_real)(i % 37) / 8;
    loss->n = 0;
    for (int step = 0; step < 3; step++) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN);
        tn_tensor *y = tn_mean(t, tn_square(t, nn_linear_forward(&layer, t, tn_const(t, TN_DIMS(ROWS, WIDE), x))), TN_ALL, false);
        tn_backward(t, y);
        optim_step(o);
        put(loss, y->data, sizeof *y->data);
    }
    ck_no_error();
    optim_free(o);
    teardown();
}

/* None can be made from the _i-th on (from the first: all work is the caller's), or only the _i-th cannot. */
START_TEST(threads_that_cannot_be_made)
{
    static bytes want, got;
    const bool on = _i % 2;
    const int  n = _i / 2 + 1;
    tn_set_threads(1);
    train_wide(&want);
    tn_set_threads(THREADS);
    fault_set(FAULT_THREAD, n, EAGAIN, on);
    fault_watch(true);
    train_wide(&got);
    fault_watch(false);
    ck_assert(fault_struck());
    ck_assert_int_ge(fault_calls(), n);
    check_same(&want, &got);
    fault_clear();
    train_wide(&got);
    check_same(&want, &got);
}
END_TEST

/* Without a watch on forks there are no threads: a child would wait for those of its parent. */
START_TEST(forks_that_cannot_be_watched)
{
    static bytes want, got;
    tn_set_threads(1);
    train_wide(&want);
    tn_set_threads(THREADS);
    fault_set(FAULT_FORK_WATCH, 1, ENOMEM, true);
    fault_watch(true);
    train_wide(&got);
    fault_watch(false);
    ck_assert(fault_struck());
    check_same(&want, &got);
    fault_set(FAULT_THREAD, 1, EAGAIN, true);
    fault_watch(true);
    train_wide(&got);
    fault_watch(false);
    ck_assert(fault_struck()); /* none had been made before */
    check_same(&want, &got);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("faults");
    TCase *whole = tcase_create("life"), *c = tcase_create("faults");
    int ops = 0;
    while (tests_builtin_ops[ops]) ops++;
    tcase_add_unchecked_fixture(whole, make_folder, drop_folder);
    tcase_set_timeout(whole, 600);
    tcase_add_loop_test(whole, nothing_fails, 0, RULES);
    suite_add_tcase(s, whole);
    tcase_add_unchecked_fixture(c, make_folder, drop_folder);
    tcase_set_timeout(c, 600);
    tcase_add_loop_test(c, every_request_for_memory_fails, 0, RULES + 1);
    tcase_add_loop_test(c, every_malloc_fails, 1, 4);
    tcase_add_test(c, a_dense_gradient_that_finds_no_room);
    tcase_add_loop_test(c, ops_that_find_no_room, 0, ops);
    tcase_add_test(c, an_allocator_serves_all_that_is_taken_after);
    tcase_add_test(c, sizes_of_nothing_and_of_too_much);
    tcase_add_loop_test(c, threads_that_cannot_be_made, 0, 2 * (THREADS - 1));
    tcase_add_test(c, forks_that_cannot_be_watched);
    suite_add_tcase(s, c);
    return run_suite(s);
}
