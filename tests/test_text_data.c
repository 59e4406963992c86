/* test_text_data.c: texts of files as one array of ids, and its batches; scores; the metadata of a model file. */
#include <unistd.h>

#include "tests.h"

#include "examples/text/best.h"
#include "examples/text/data.h"
#include "examples/text/metrics.h"
#include "examples/text/model_file.h"
#include "examples/text/program.h"

static char path[64];

static char *file_of(const char *bytes)
{
    snprintf(path, sizeof path, "/tmp/tarn_data_%ld", (long)getpid());
    FILE *f = fopen(path, "wb");
    ck_assert(f && fputs(bytes, f) >= 0 && fclose(f) == 0);
    return path;
}

static text_corpus corpus_of(const char *bytes, text_vocabulary *names)
{
    text_corpus c = {0};
    char *const paths[] = {file_of(bytes)};

    ck_assert(text_corpus_read(&c, 1, paths, (text_reader_options){0}, names, &err));
    unlink(path);
    return c;
}

START_TEST(labels_in_the_order_of_their_bytes)
{
    text_vocabulary names = {0};
    text_corpus     c = corpus_of("b\tx\na\ty\nb\tz\nab\tw\n", &names);
    static const int expected[] = {2, 0, 2, 1};

    ck_assert(text_corpus_sort_labels(&c, &names, &err));
    ck_assert_int_eq(names.n, 3);
    ck_assert(text_span_equal(text_vocabulary_at(&names, 1), text_span_of("ab")));
    for (int i = 0; i < 4; i++) ck_assert_int_eq(c.labels[i], expected[i]);
    text_corpus_free(&c);
    text_vocabulary_free(&names);
}
END_TEST

START_TEST(no_text_at_all)
{
    text_vocabulary names = {0};
    text_corpus     c = {0};
    char *const     paths[] = {file_of("\n\n")};
    char            expected[100];

    ck_assert(!text_corpus_read(&c, 1, paths, (text_reader_options){0}, &names, &err));
    snprintf(expected, sizeof expected, "%s: there is no text in it", path);
    ck_error(TN_EFORMAT, expected);
    text_corpus_free(&c);
    text_vocabulary_free(&names);
    unlink(path);
    ck_assert(!text_corpus_read(&c, 0, NULL, (text_reader_options){0}, &names, &err));
    ck_error(TN_EFORMAT, "no file: there is no text in it");
    text_corpus_free(&c);
}
END_TEST

/* Texts of 0 to 3 times "x", whose label is that number: a batch can be checked by itself. */
static text_data counted(text_encoder *e)
{
    static const char *const texts[] = {"", "x", "x x", "x x x"};
    text_data                d = {.err = &err};

    ck_assert(text_encoder_learn(e, &d.ids.tokens, text_span_of("x"), &err) && text_vocabulary_prune(&e->words, 1, &err));
    for (int i = 0; i < 10; i++) ck_assert(text_data_add(&d, e, text_span_of(texts[i % 4]), i % 4));
    return d;
}

static int64_t check_batch(const text_batch *b)
{
    ck_assert_int_eq(b->texts.n, b->labels.n);
    for (int64_t i = 0; i < b->texts.n; i++) {
        int64_t end = i + 1 < b->texts.n ? b->texts.offsets[i + 1] : b->texts.ids.n;
        ck_assert_int_eq(end - b->texts.offsets[i], b->labels.id[i]);
    }
    ck_assert_int_eq(b->texts.offsets[0], 0);
    return b->texts.n;
}

START_TEST(batches)
{
    text_encoder e = {.settings = {TEXT_MIXED, 1, 0, 1}};
    text_data    d = counted(&e);
    text_batch   b;
    int32_t      first[10], again[10];

    ck_assert_int_eq(d.ids.n, 13);
    b = text_data_all(&d);
    ck_assert_int_eq(check_batch(&b), 10);
    for (int64_t size = 1; size <= 11; size++) {
        int64_t seen = 0, tokens = 0;
        ck_assert(text_data_shuffle(&d, tn_rng_new(1, 1, (uint64_t)size, 0)));
        for (; text_next(&d, size, &b); tokens += b.texts.ids.n) seen += check_batch(&b);
        ck_assert(seen == 10 && tokens == 13);
    }
    text_data_shuffle(&d, tn_rng_new(1, 1, 0, 0));
    ck_assert(text_next(&d, 10, &b));
    memcpy(first, b.labels.id, sizeof first);
    text_data_shuffle(&d, tn_rng_new(1, 1, 0, 0));
    ck_assert(text_next(&d, 10, &b) && memcmp(first, b.labels.id, sizeof first) == 0);
    text_data_shuffle(&d, tn_rng_new(2, 1, 0, 0));
    ck_assert(text_next(&d, 10, &b));
    memcpy(again, b.labels.id, sizeof again);
    ck_assert_int_ne(memcmp(first, again, sizeof first), 0);
    text_data_rewind(&d);
    ck_assert(text_next(&d, 10, &b));
    for (int i = 0; i < 10; i++) ck_assert_int_eq(b.labels.id[i], i % 4);
    text_data_clear(&d);
    ck_assert(!text_next(&d, 10, &b) && d.n == 0);
    text_data_free(&d);
    text_encoder_free(&e);
}
END_TEST

/* More than a round of texts, of 0 to 6 tokens: as text by text, with any number of threads. */
START_TEST(encoded_alike_by_any_number_of_threads)
{
    enum { N = 20000 };
    static const char *const words[] = {"a", "bb", "嗎", "ccc", "a bb", "", "x y z a bb ccc"};
    text_encoder             e = {.settings = {TEXT_MIXED, 2, 4, 1000}};
    text_data                one_by_one = {.err = &err};
    text_corpus              c = {.texts = malloc(N * sizeof *c.texts), .labels = malloc(N * sizeof *c.labels), .n = N};

    for (int i = 0; i < N; i++) c.texts[i] = text_span_of(words[i * 31 % 101 % 7]), c.labels[i] = i % 3;
    ck_assert(text_corpus_learn(&c, &e, 1, &err));
    for (int i = 0; i < N; i++) ck_assert(text_data_add(&one_by_one, &e, c.texts[i], c.labels[i]));
    for (int threads = 1; threads <= 8; threads = 2 * threads + 1) {
        text_data d = {.err = &err};
        tn_set_threads(threads);
        ck_assert(text_data_encode(&d, &c, &e));
        ck_assert(d.n == N && d.ids.n == one_by_one.ids.n);
        ck_assert_int_eq(memcmp(d.ids.id, one_by_one.ids.id, (size_t)d.ids.n * sizeof *d.ids.id), 0);
        ck_assert_int_eq(memcmp(d.labels, one_by_one.labels, N * sizeof *d.labels), 0);
        ck_assert_int_eq(memcmp(d.offsets, one_by_one.offsets, (N + 1) * sizeof *d.offsets), 0);
        text_data_free(&d);
    }
    text_data_free(&one_by_one);
    text_corpus_free(&c);
    text_encoder_free(&e);
}
END_TEST

/* A share of each label goes, by the seed; no label loses all; both parts stay in the order of the file. */
START_TEST(split)
{
    enum { N = 40 };
    static const int left[] = {30, 8, 1, 1};
    char            bytes[N * 8] = "";
    text_vocabulary names = {0};
    int64_t         moved = 0;

    for (int i = 0; i < N; i++) sprintf(bytes + strlen(bytes), "%c\t%d\n", i < 30 ? 'a' : i < 38 ? 'b' : i < 39 ? 'c' : 'd', i);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        text_corpus c = corpus_of(bytes, &names), part = {0}, again = corpus_of(bytes, &names), same = {0};
        int         count[4] = {0};
        ck_assert(text_corpus_split(&c, 0.25, names.n, tn_rng_new(seed, 2, 0, 0), &part, &err));
        ck_assert(text_corpus_split(&again, 0.25, names.n, tn_rng_new(seed, 2, 0, 0), &same, &err));
        ck_assert(part.n == 10 && c.n == 30 && same.n == 10);
        for (int64_t i = 0; i < c.n; i++) count[c.labels[i]]++;
        for (int64_t i = 0; i < part.n; i++) count[part.labels[i]]++, moved += atoi(part.texts[i].s);
        for (int i = 0; i < 4; i++) ck_assert_int_eq(count[i], left[i]);
        for (int64_t i = 0; i < part.n; i++) ck_assert(text_span_equal(part.texts[i], same.texts[i]));
        for (int64_t i = 1; i < part.n; i++) ck_assert_int_lt(atoi(part.texts[i - 1].s), atoi(part.texts[i].s));
        for (int64_t i = 1; i < c.n; i++) ck_assert_int_lt(atoi(c.texts[i - 1].s), atoi(c.texts[i].s));
        ck_assert_int_le(atoi(part.texts[part.n - 1].s), 37);
        text_corpus_free(&part), text_corpus_free(&same);
        text_corpus_free(&c), text_corpus_free(&again);
    }
    ck_assert_int_ne(moved, 3 * (moved / 3)); /* three draws, not one */
    text_corpus c = corpus_of("a\t1\nb\t2\na\t3\n", &names), part = {0};
    ck_assert(text_corpus_split(&c, 0.9, names.n, tn_rng_new(1, 2, 0, 0), &part, &err));
    ck_assert(c.n == 2 && part.n == 1 && part.labels[0] == 0);
    text_corpus_free(&part), text_corpus_free(&c);
    text_vocabulary_free(&names);
}
END_TEST

/* ---- scores ---------------------------------------------------------------------------------------------------- */

static text_vocabulary names_of(int n, const char *const *names)
{
    text_vocabulary v = {0};

    for (int i = 0; i < n; i++)
        text_vocabulary_add(&v, (text_token){text_span_of(names[i]), text_hash(text_span_of(names[i]))}, &err);
    return v;
}

static const char *text_of(const text_metrics *m, void (*print)(const text_metrics *, FILE *))
{
    static char text[2000];
    FILE       *f = tmpfile();
    size_t      n;

    print(m, f);
    rewind(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

/* Values by hand; scikit-learn defines them so. */
START_TEST(scores)
{
    static const char *const names[] = {"a", "b", "c\"", "never"};
    static const int         truth[] = {0, 0, 0, 1, 1, 2, 2, 2}, answer[] = {0, 0, 1, 1, 0, 2, 2, 1};
    text_vocabulary v = names_of(4, names);
    text_metrics    m;

    ck_assert(text_metrics_init(&m, &v, &err));
    ck_assert(text_metrics_accuracy(&m) == 0 && text_metrics_macro_f1(&m) == 0);
    ck_assert_double_eq(text_metrics_calibration_error(&m), 0);
    for (int i = 0; i < 8; i++) text_metrics_add(&m, truth[i], answer[i], i < 5 ? 0.9 : i < 7 ? 0.5 : 1);
    /* three of five are right at 0.9, two of two at 0.5, none of one at 1 */
    ck_assert_double_eq_tol(text_metrics_calibration_error(&m), (fabs(3 - 5 * 0.9) + fabs(2 - 2 * 0.5) + 1) / 8, 1e-12);
    ck_assert_double_eq_tol(text_metrics_accuracy(&m), 0.625, 1e-12);
    ck_assert_double_eq_tol(text_metrics_macro_f1(&m), (2.0 / 3 + 0.4 + 0.8) / 3, 1e-12);
    ck_assert_double_eq_tol(text_metrics_score(&m, 1).precision, 1.0 / 3, 1e-12);
    ck_assert_double_eq_tol(text_metrics_score(&m, 1).recall, 0.5, 1e-12);
    ck_assert_double_eq(text_metrics_score(&m, 3).f1, 0);
    ck_assert_ptr_nonnull(strstr(text_of(&m, text_metrics_print), "8 texts: accuracy 0.6250, macro-F1 0.6222, expected calibration error 0.4375\n"));
    ck_assert_str_eq(
        text_of(&m, text_metrics_json),
        "{\"texts\": 8, \"accuracy\": 0.625000, \"macro_f1\": 0.622222, \"calibration_error\": 0.437500, \"classes\": ["
        "{\"label\": \"a\", \"precision\": 0.666667, \"recall\": 0.666667, \"f1\": 0.666667, \"texts\": 3}, "
        "{\"label\": \"b\", \"precision\": 0.333333, \"recall\": 0.500000, \"f1\": 0.400000, \"texts\": 2}, "
        "{\"label\": \"c\\\"\", \"precision\": 1.000000, \"recall\": 0.666667, \"f1\": 0.800000, \"texts\": 3}, "
        "{\"label\": \"never\", \"precision\": 0.000000, \"recall\": 0.000000, \"f1\": 0.000000, \"texts\": 0}], "
        "\"confusion\": [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 2, 0], [0, 0, 0, 0]]}\n");
    text_metrics_free(&m);
    text_vocabulary_free(&v);
}
END_TEST

/* Bytes that are not seen are escaped, wide characters take two columns, more than twelve classes have no table. */
START_TEST(names_of_classes)
{
    static const char *const few[] = {"\x01\x7F\\", "你é", "a name that is long"};
    static const char *const many[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"};
    text_vocabulary          v = names_of(3, few);
    text_metrics             m;

    ck_assert(text_metrics_init(&m, &v, &err));
    ck_assert_ptr_nonnull(strstr(text_of(&m, text_metrics_json), "{\"label\": \"\\u0001\\u007f\\\\\", "));
    ck_assert_ptr_nonnull(strstr(text_of(&m, text_metrics_print), "\n                你é     0.0000  0.0000  0.0000        0\n"));
    ck_assert_ptr_nonnull(strstr(text_of(&m, text_metrics_print), "\n              truth  said to be:\n"));
    text_metrics_free(&m);
    text_vocabulary_free(&v);
    v = names_of(13, many);
    ck_assert(text_metrics_init(&m, &v, &err));
    ck_assert_ptr_null(strstr(text_of(&m, text_metrics_print), "said to be"));
    ck_assert_ptr_nonnull(strstr(text_of(&m, text_metrics_print), "\n        m     0.0000"));
    text_metrics_free(&m);
    text_vocabulary_free(&v);
}
END_TEST

/* ---- the model file -------------------------------------------------------------------------------------------- */

static const tn_meta good[] = {{"tarn.classify", "2"},   {"tarn.tokenizer", "word"},  {"tarn.ngrams", "3"},
                               {"tarn.subwords", "4"},   {"tarn.buckets", "100"},     {"tarn.pooling", "max"},
                               {"tarn.labels", "bad\ngood\n"},
                               {"tarn.vocabulary", "你\nx\n"}};
enum { PAIRS = sizeof good / sizeof *good };

/* Reads a model whose metadata is the good one, but for one pair: another value, NULL, left out, or a pair more. */
static bool read_with(const char *key, const char *value, text_model *m)
{
    tn_meta  meta[PAIRS + 1];
    int      n = 0;
    tn_file *f;
    bool     ok, more = *key;

    for (int i = 0; i < PAIRS; i++) {
        bool other = strcmp(good[i].key, key) == 0;
        more = more && !other;
        if (!other || value) meta[n++] = (tn_meta){good[i].key, other ? value : good[i].value};
    }
    if (more) meta[n++] = (tn_meta){key, value};
    snprintf(path, sizeof path, "/tmp/tarn_data_%ld", (long)getpid());
    ck_assert(tn_save(ps, path, n, meta));
    f = tn_file_open(path, &err);
    ck_assert_ptr_nonnull(f);
    *m = (text_model){0};
    ok = text_model_read(m, f, "the model", &err);
    tn_file_close(f);
    unlink(path);
    return ok;
}

START_TEST(model_file_there_and_back)
{
    static const char *const names[] = {"bad", "good", "met later"};
    text_model m, again = {0};
    tn_file   *f;

    ck_assert(read_with("", "", &m));
    ck_assert(m.classes == 2 && m.labels.n == 2 && m.encoder.words.n == 2);
    ck_assert(m.encoder.settings.kind == TEXT_WORD && m.encoder.settings.ngrams == 3);
    ck_assert(m.encoder.settings.subwords == 4 && m.encoder.settings.buckets == 100 && m.pooling == TEXT_MAX);
    text_vocabulary_free(&m.labels);
    m.labels = names_of(3, names);
    ck_assert(m.decision.temperature == 1 && m.decision.threshold == 0 && m.decision.positive == -1); /* not in the file */
    m.decision = (text_decision){1.2345678901234567, 0.1, 1};
    ck_assert(text_model_save(&m, ps, path, 0, NULL, &err));
    f = tn_file_open(path, &err);
    ck_assert(text_model_read(&again, f, path, &err));
    ck_assert_int_eq(again.pooling, TEXT_MAX);
    ck_assert_int_eq(again.labels.n, 2); /* not the one that training never saw */
    ck_assert_str_eq(tn_file_meta(f, "tarn.vocabulary"), "你\nx\n");
    ck_assert_str_eq(tn_file_meta(f, "tarn.positive"), "good");
    ck_assert(memcmp(&again.decision, &m.decision, sizeof again.decision) == 0);
    tn_file_close(f);
    unlink(path);
    text_model_free(&m);
    text_model_free(&again);
}
END_TEST

static const struct bad_meta {
    const char *key, *value, *text;
} bad_meta[] = {
    {"tarn.classify", NULL, "the model is no model of classify: its metadata has no \"tarn.classify\""},
    {"tarn.classify", "1", "the model has format 1; this program reads format 2"},
    {"tarn.tokenizer", NULL, "the model: its metadata has no \"tarn.tokenizer\""},
    {"tarn.tokenizer", "words", "the model: \"tarn.tokenizer\" is \"words\", not mixed, word or char"},
    {"tarn.ngrams", NULL, "the model: its metadata has no \"tarn.ngrams\""},
    {"tarn.ngrams", "0", "the model: \"tarn.ngrams\" is \"0\", not a whole number from 1 to 8"},
    {"tarn.ngrams", "9", "the model: \"tarn.ngrams\" is \"9\", not a whole number from 1 to 8"},
    {"tarn.subwords", "", "the model: \"tarn.subwords\" is \"\", not a whole number from 0 to 8"},
    {"tarn.subwords", "-1", "the model: \"tarn.subwords\" is \"-1\", not a whole number from 0 to 8"},
    {"tarn.buckets", "99999999999999999999",
     "the model: \"tarn.buckets\" is \"99999999999999999999\", not a whole number from 1 to 1000000000"},
    {"tarn.buckets", "1e3", "the model: \"tarn.buckets\" is \"1e3\", not a whole number from 1 to 1000000000"},
    {"tarn.pooling", "sum", "the model: \"tarn.pooling\" is \"sum\", not both, mean or max"},
    {"tarn.pooling", NULL, "the model: its metadata has no \"tarn.pooling\""},
    {"tarn.labels", "", "the model: \"tarn.labels\" is empty"},
    {"tarn.labels", "a\na\n", "the model: \"tarn.labels\": \"a\" stands twice, again in line 2"},
    {"tarn.labels", "a\tb\n", "the model: \"tarn.labels\" has a control character"},
    {"tarn.vocabulary", "a", "the model: \"tarn.vocabulary\": line 1 has no end"},
    {"tarn.vocabulary", "\n", "the model: \"tarn.vocabulary\": line 1 is empty"},
    {"tarn.vocabulary", NULL, "the model: its metadata has no \"tarn.vocabulary\""},
    {"tarn.temperature", "0", "the model: \"tarn.temperature\" is \"0\", not a number from 1e-06 to 1e+06"},
    {"tarn.temperature", "1e7", "the model: \"tarn.temperature\" is \"1e7\", not a number from 1e-06 to 1e+06"},
    {"tarn.temperature", "", "the model: \"tarn.temperature\" is \"\", not a number from 1e-06 to 1e+06"},
    {"tarn.temperature", "nan", "the model: \"tarn.temperature\" is \"nan\", not a number from 1e-06 to 1e+06"},
    {"tarn.temperature", "1x", "the model: \"tarn.temperature\" is \"1x\", not a number from 1e-06 to 1e+06"},
    {"tarn.threshold", "2", "the model: \"tarn.threshold\" is \"2\", not a number from 0 to 1"},
    {"tarn.threshold", "0.5", "the model: \"tarn.positive\" is \"\", not one of its labels"},
    {"tarn.positive", "c", "the model: \"tarn.positive\" is \"c\", not one of its labels"},
};

START_TEST(hostile_metadata)
{
    text_model m;

    ck_assert(!read_with(bad_meta[_i].key, bad_meta[_i].value, &m));
    ck_error(TN_EFORMAT, bad_meta[_i].text);
    text_model_free(&m);
}
END_TEST

/* A model of the metadata above, 2 + 100 rows and 2 labels, whose tensors are these, from a file. */
static bool load_with(const tn_params *tensors, double threshold, text_program *p)
{
    *p = (text_program){.err = &err, .options = {.model = path, .threshold = threshold}};
    snprintf(path, sizeof path, "/tmp/tarn_data_%ld", (long)getpid());
    ck_assert(tn_save(tensors, path, PAIRS, good));
    const bool ok = text_program_load(p);
    unlink(path);
    return ok;
}

static void drop_program(text_program *p)
{
    tn_params_free(p->ps);
    text_model_free(&p->text);
}

START_TEST(tensors_of_a_model)
{
    enum { ROWS = 102 };
    text_program p;
    char         expected[300];

    nn_linear out;
    tn_param(ps, TN_DIMS(ROWS), tn_constant(0), "other");
    tn_param(ps, TN_DIMS(ROWS - 1, 3), tn_constant(0), "more.weight");
    ck_assert(!load_with(ps, -1, &p));
    snprintf(expected, sizeof expected, "%s: it needs a tensor \"words.weight\" with 102 rows: its vocabulary of 2 and its buckets", path);
    ck_error(TN_EFORMAT, expected);
    drop_program(&p);
    teardown(), setup();
    tn_param(ps, TN_DIMS(ROWS - 1, 3), tn_constant(0), "words.weight");
    ck_assert(!load_with(ps, -1, &p));
    ck_error(TN_EFORMAT, expected);
    drop_program(&p);
    teardown(), setup();
    tn_param(ps, TN_DIMS(ROWS), tn_constant(0), "words.weight");
    ck_assert(!load_with(ps, -1, &p));
    ck_error(TN_EFORMAT, expected);
    drop_program(&p);
    teardown(), setup();
    tn_param(ps, TN_DIMS(ROWS, 3), tn_constant(0), "words.weight");
    tn_param(ps, TN_DIMS(2), tn_constant(0), "hidden.bias");
    ck_assert(!load_with(ps, -1, &p)); /* 306 rows' numbers, 2 x (3 + 1), 2 x (2 + 1) */
    snprintf(expected, sizeof expected, "%s: it holds 308 numbers, a model of its sizes (dim 3, hidden 2, 2 classes) has 320", path);
    ck_error(TN_EFORMAT, expected);
    drop_program(&p);
    teardown(), setup();
    tn_param(ps, TN_DIMS(ROWS, 3), tn_constant(0), "words.weight");
    nn_linear_init(&out, ps, "out", 3, 2);
    ck_assert(load_with(ps, -1, &p) && p.text.decision.threshold == 0 && tn_params_count(p.ps) == 3);
    drop_program(&p);
    ck_assert(!load_with(ps, 0.5, &p));
    ck_error(TN_EUSAGE, "--threshold: of which label? --positive LABEL names it");
    drop_program(&p);
    tn_param(ps, TN_DIMS(1, 1), tn_constant(0), "hidden.bias");
    ck_assert(!load_with(ps, -1, &p)); /* a net without a hidden layer has no such tensor */
    ck_assert_int_eq(err.code, TN_EFORMAT);
    drop_program(&p);
}
END_TEST

/* The best epoch, in a file beside the checkpoint: of this training, and what it says. */
START_TEST(the_best_of_a_training)
{
    static const struct {
        const char *training, *says;
    } others[] = {{"--dim 1\n--seed 2\n", "that one has --seed 2, this one --seed 1"}, {"--dim 1\n", "that one has , this one --seed 1"}};
    char            training[] = "--dim 1\n--seed 1\n", expected[200];
    text_checkpoint c = {.path = path, .training = {.s = training}, .beside = {.s = path}};
    text_best       best = {0};
    tn_tensor      *x = tn_param(ps, TN_DIMS(2), tn_constant(3), "x");

    snprintf(path, sizeof path, "/tmp/tarn_data_%ld", (long)getpid());
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert(tn_save(ps, path, 1, &(tn_meta){"tarn.training", others[i].training}));
        ck_assert(!text_best_load(&best, &c, ps));
        snprintf(expected, sizeof expected, "%s is of another training: %s", path, others[i].says);
        ck_error(TN_EUSAGE, expected);
    }
    ck_assert(tn_save(ps, path, 0, NULL) && !text_best_load(&best, &c, ps));
    snprintf(expected, sizeof expected, "%s is no checkpoint: its metadata has no \"tarn.training\"", path);
    ck_error(TN_EFORMAT, expected);
    ck_assert(tn_save(ps, path, 1, &(tn_meta){"tarn.training", training}));
    ck_assert(text_best_load(&best, &c, ps) && best.epoch == 0 && best.score == 0);
    ck_assert(tn_save(ps, path, 3, (tn_meta[]){{"tarn.training", training}, {"tarn.epoch", "7"}, {"tarn.score", "0.25"}}));
    x->data[1] = 9;
    ck_assert(text_best_load(&best, &c, ps) && best.epoch == 7 && best.score == 0.25 && x->data[1] == 3);
    x->data[1] = 9;
    ck_assert(text_best_restore(&best, ps) && x->data[1] == 3);
    unlink(path);
    ck_assert(!text_best_load(&best, &c, ps));
    ck_assert_int_eq(err.code, TN_EIO);
    text_best_free(&best);
}
END_TEST

START_TEST(where_a_model_can_be_written)
{
    ck_assert(text_model_path_check("model", &err) && text_model_path_check("/tmp/model", &err));
    ck_assert(!text_model_path_check("/nosuch/model", &err));
    ck_error(TN_EIO, "cannot write \"/nosuch/model\": /nosuch/: No such file or directory");
    ck_assert(!text_model_path_check("/tmp", &err));
    ck_error(TN_EIO, "cannot write \"/tmp\": it is a folder");
    ck_assert(!text_model_path_check("/tmp/model/", &err));
    ck_error(TN_EIO, "cannot write \"/tmp/model/\": it is a folder");
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, labels_in_the_order_of_their_bytes);
    tcase_add_test(c, no_text_at_all);
    tcase_add_test(c, batches);
    tcase_add_test(c, encoded_alike_by_any_number_of_threads);
    tcase_add_test(c, split);
    tcase_add_test(c, scores);
    tcase_add_test(c, names_of_classes);
    tcase_add_test(c, model_file_there_and_back);
    tcase_add_loop_test(c, hostile_metadata, 0, sizeof bad_meta / sizeof *bad_meta);
    tcase_add_test(c, tensors_of_a_model);
    tcase_add_test(c, the_best_of_a_training);
    tcase_add_test(c, where_a_model_can_be_written);
}

int main(void)
{
    return run_case("text_data", add);
}
