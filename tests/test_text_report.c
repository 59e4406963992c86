/* test_text_report.c: what classify's report is drawn with: principal axes, charts, escapes; whole pages, and what is written
 * about single texts. */
#include <unistd.h>

#include "tests.h"

#include "examples/text/answer.h"
#include "examples/text/chart.h"
#include "examples/text/escapes.h"
#include "examples/text/explain.h"
#include "examples/text/neighbours.h"
#include "examples/text/output.h"
#include "examples/text/pca.h"
#include "examples/text/predict.h"
#include "examples/text/report.h"
#include "examples/text/train.h"

/* Points along a line, and less far along another one; both axes are known. */
START_TEST(axes)
{
    enum { N = 50 };
    static tn_real points[N * 3];
    static double  places[N * 2];
    double         share[2], sign[2] = {0, 0};

    for (int i = 0; i < N; i++) {
        double a = i - 24.5, b = i % 2 ? 1 : -1; /* along (3, 0, 4) / 5 and (0, 1, 0), from (7, 8, 9) on */
        points[3 * i] = (tn_real)(7 + 0.6 * a);
        points[3 * i + 1] = (tn_real)(8 + b);
        points[3 * i + 2] = (tn_real)(9 + 0.8 * a);
    }
    ck_assert(text_pca(points, N, 3, places, share, &err));
    sign[0] = places[0] < 0 ? 1 : -1;
    sign[1] = places[1] < 0 ? 1 : -1;
    for (int i = 0; i < N; i++) {
        ck_assert_double_eq_tol(places[2 * i] * sign[0], i - 24.5, 0.1);
        ck_assert_double_eq_tol(places[2 * i + 1] * sign[1], i % 2 ? 1 : -1, 0.1);
    }
    ck_assert_double_eq_tol(share[0], 208.25 / 209.25, 1e-3);
    ck_assert_double_eq_tol(share[0] + share[1], 1, 1e-6);
}
END_TEST

/* One number each, one point, all the same: no second axis, no NaN. */
START_TEST(axes_of_little)
{
    static const tn_real points[] = {1, 3, 5, 5};
    double               places[8], share[2];

    ck_assert(text_pca(points, 3, 1, places, share, &err));
    ck_assert_double_eq_tol(fabs(places[0]), 2, 1e-12);
    ck_assert(fabs(places[2]) < 1e-12 && places[1] == 0 && places[3] == 0 && places[5] == 0);
    ck_assert_double_eq_tol(share[0], 1, 1e-12);
    ck_assert_double_eq(share[1], 0);
    ck_assert(text_pca(points, 1, 4, places, share, &err));
    ck_assert(places[0] == 0 && places[1] == 0 && share[0] == 0 && share[1] == 0);
    ck_assert(text_pca(points + 2, 2, 1, places, share, &err));
    ck_assert(places[0] == 0 && places[2] == 0 && share[0] == 0);
    ck_no_error();
}
END_TEST

static int count(const char *in, const char *what)
{
    int n = 0;

    for (const char *s = in; (s = strstr(s, what)); s += strlen(what)) n++;
    return n;
}

/* Ticks at round numbers, whole ones where things are counted. */
START_TEST(ticks)
{
    static const struct {
        double from, to;
        bool   whole;
        int    ticks;
        const char *some;
    } axes_of[] = {{0, 1, false, 6, ">0.2<"}, {1, 25, true, 5, ">15<"}, {1, 2, true, 2, ">2<"}, {1, 3, false, 5, ">1.5<"},
                   {-0.31, 0.42, false, 4, ">-0.2<"}, {0, 3e6, false, 4, ">1e+06<"}, {0.5, 0.5, false, 1, NULL}};

    for (size_t i = 0; i < sizeof axes_of / sizeof *axes_of; i++) {
        text_buffer page = {0};
        text_chart  c = {&page, &err, {axes_of[i].from, axes_of[i].to}, {10, 10.5}};
        text_chart_begin(&c, "x", "y", axes_of[i].whole);
        text_chart_end(&c);
        if (axes_of[i].some) {
            ck_assert_int_eq(count(page.s, "text-anchor=\"middle\">") - 2, axes_of[i].ticks);
            ck_assert_ptr_nonnull(strstr(page.s, axes_of[i].some));
        }
        ck_assert_int_eq(count(page.s, "text-anchor=\"end\">"), 6);
        ck_assert(!strstr(page.s, "nan") && !strstr(page.s, "inf") && !strstr(page.s, ">-0<"));
        text_buffer_free(&page);
    }
}
END_TEST

START_TEST(drawn)
{
    static const double x[] = {0, 5, 10, 99}, y[] = {0, 1, 2, -7};
    text_buffer page = {0};
    text_chart  c = {&page, &err, {0, 10}, {0, 2}};
    text_places taken = {.n = 0};

    text_chart_line(&c, 1, true, 4, x, y);
    ck_assert_str_eq(page.s, "<polyline class=\"line s1 dashed\" points=\"48.0,210.0 198.0,110.0 348.0,10.0 348.0,210.0 \"/>\n");
    page.n = 0;
    text_chart_dot(&c, 8, 5, 1, 2.5, text_span_of("<a & \"b\">"));
    ck_assert_str_eq(page.s, "<circle class=\"dot s2\" cx=\"198.0\" cy=\"110.0\" r=\"2.5\"><title>&lt;a &amp; &quot;b&quot;&gt;</title></circle>\n");
    page.n = 0;
    text_chart_mark(&c, 2.5, "here");
    text_chart_mark(&c, 7.5, "there");
    ck_assert_str_eq(page.s, "<line class=\"mark\" x1=\"123.0\" y1=\"10\" x2=\"123.0\" y2=\"210\"/><text x=\"127.0\" y=\"20\" text-anchor=\"start\">here</text>\n"
                             "<line class=\"mark\" x1=\"273.0\" y1=\"10\" x2=\"273.0\" y2=\"210\"/><text x=\"269.0\" y=\"20\" text-anchor=\"end\">there</text>\n");
    page.n = 0;
    text_chart_word(&c, &taken, 5, 1, text_span_of("<w>"));
    ck_assert_str_eq(page.s, "<text class=\"word\" x=\"202.0\" y=\"114.0\">&lt;w&gt;</text>\n");
    page.n = 0;
    text_chart_word(&c, &taken, 5.1, 1, text_span_of("over it"));
    text_chart_word(&c, &taken, 10, 1, text_span_of("beyond the edge"));
    ck_assert(page.n == 0 && taken.n == 1);
    text_chart_word(&c, &taken, 5, 1.5, text_span_of("beside it"));
    ck_assert(taken.n == 2);
    text_buffer_free(&page);
}
END_TEST

/* From the lower left end of what both axes show to the upper right one. */
START_TEST(diagonals)
{
    static const struct {
        text_interval x, y;
        const char   *drawn;
    } charts[] = {{{0, 1}, {0, 1}, "x1=\"48.0\" y1=\"210.0\" x2=\"348.0\" y2=\"10.0\""},
                  {{0.5, 1}, {0, 2}, "x1=\"48.0\" y1=\"160.0\" x2=\"348.0\" y2=\"110.0\""},
                  {{0, 2}, {0.5, 1}, "x1=\"123.0\" y1=\"210.0\" x2=\"198.0\" y2=\"10.0\""}};

    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        text_buffer page = {0};
        text_chart  c = {&page, &err, charts[i].x, charts[i].y};
        text_chart_diagonal(&c);
        ck_assert_ptr_nonnull(strstr(page.s, charts[i].drawn));
        text_buffer_free(&page);
    }
}
END_TEST

/* A word that would leave the picture at its right or lower end is left out, and so are more words than there is room for. */
START_TEST(words_within_the_picture)
{
    text_buffer page = {0};
    text_chart  c = {&page, &err, {0, 1}, {0, 1}};
    text_places taken = {.n = 0};
    const struct {
        double      x, y;
        const char *word;
        int         n;
    } words[] = {{0.5, 0.99, "a", 1}, {1, 0.5, "a", 1}, {0.5, 0, "a", 1}, {0.99, 0.4, "a", 2}, {0.99, 0.2, "\xC3\xA9", 3},
                 {0.99, 0.1, "\xE4\xBD\xA0", 3}, {0.94, 0.1, "\xE4\xBD\xA0", 4}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        text_chart_word(&c, &taken, words[i].x, words[i].y, text_span_of(words[i].word));
        ck_assert_msg(taken.n == words[i].n, "%zu: %d", i, taken.n);
    }
    taken.n = 0;
    for (int i = 0; i < 2 * TEXT_MOST_WORDS; i++) text_chart_word(&c, &taken, i % 8 / 10.0, (i / 8) / 8.0 + 0.05, text_span_of("a"));
    ck_assert_int_eq(taken.n, TEXT_MOST_WORDS);
    text_buffer_free(&page);
}
END_TEST

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static void set_numbers(tn_params *params, double phase)
{
    for (int i = 0; i < tn_params_count(params); i++) {
        tn_tensor *x = tn_params_at(params, i);
        for (int64_t k = 0; k < x->n; k++) x->data[k] = (tn_real)sin(phase + 3 * i + 1.7 * (double)k);
    }
}

/* A model that has learnt nothing, but whose numbers are known, so that its page can be. */
static void write_page(char **words, int n_words, text_decision decision, const text_epoch *epochs, int n)
{
    text_program p = {.err = &err, .ps = ps};
    text_sets    sets = {{.err = &err}, {.err = &err}, {.err = &err}};
    text_report  r = {0};
    text_sizes   sizes;

    ck_assert(text_options_parse(&p.options, n_words, words, &err));
    p.text.encoder.settings = p.options.settings;
    ck_assert(text_program_learn(&p, &sets));
    sizes = (text_sizes){text_encoder_rows(&p.text.encoder), p.options.dim, 0, p.text.classes, p.options.pooling};
    text_classifier_init(&p.model, ps, sizes, tn_constant(0));
    set_numbers(ps, 0);
    ck_assert(text_report_begin(&r, &p));
    for (int i = 0; i < n; i++) ck_assert(text_report_epoch(&r, epochs[i], &err));
    set_numbers(ps, 1);
    p.text.decision = decision;
    ck_assert_msg(text_report_write(&r, &p, &sets), "%s", err.text);
    text_report_free(&r);
    text_sets_free(&sets);
    text_model_free(&p.text);
}

static size_t read_text(const char *path, char *to, size_t size)
{
    FILE  *f = fopen(path, "rb");
    size_t n;

    ck_assert_msg(f != NULL, "%s", path);
    n = fread(to, 1, size - 1, f);
    to[n] = 0;
    fclose(f);
    return n;
}

/* Where what is to be compared with tests/golden/name is written. */
static char *made_of(const char *name)
{
    static char made[200];
    const char *keep = getenv("KEEP");

    snprintf(made, sizeof made, "%s/%s%ld", keep ? keep : "/tmp", name, keep ? 0 : (long)getpid());
    return made;
}

/* Two numbers whose last digits are neighbours may be one number, rounded. */
static bool same_number(const char **a, const char **b)
{
    char        *a_end, *b_end;
    const double x = number_at(*a, &a_end), y = number_at(*b, &b_end);
    const char  *point = memchr(*a, '.', (size_t)(a_end - *a));

    *a = a_end;
    *b = b_end;
    return x == y || (point && fabs(x - y) < 1.5 * pow(10, (double)(point + 1 - a_end)));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* As it was when somebody looked at it. What is meant to look otherwise is looked at, and takes the place of the old one:
 * KEEP=folder in the environment has the test leave it there. */
static void check_golden(const char *name)
{
    static char made[1 << 16], golden[1 << 16];
    char        kept[100];
    const char *a = made, *b = golden;
    bool        same = true;

    snprintf(kept, sizeof kept, "tests/golden/%s", name);
    read_text(made_of(name), made, sizeof made);
    if (!getenv("KEEP")) unlink(made_of(name));
    read_text(kept, golden, sizeof golden);
    while (same && (*a || *b)) same = is_digit(*a) && is_digit(*b) ? same_number(&a, &b) : *a++ == *b++;
    ck_assert_msg(same, "%s: behind %.*s comes %.60s, should be %.60s", kept, a - made < 60 ? (int)(a - made) : 60,
                  a - made < 60 ? made : a - 60, a, b);
}

static void check_page(const char *name, char **words, int n_words, text_decision decision, const text_epoch *epochs, int n)
{
    words[3] = made_of(name);
    write_page(words, n_words, decision, epochs, n);
    check_golden(name);
}

#define WORDS(...) (char *[]){"classify", "train", "--report", NULL, __VA_ARGS__}, sizeof((char *[]){"classify", "train", "--report", NULL, __VA_ARGS__}) / sizeof(char *)

START_TEST(a_page_of_three_labels)
{
    static const text_epoch epochs[] = {{1, 1.1, 1.0, 0.31}, {2, 0.7, 0.85, 0.52}, {3, 0.4, 0.88, 0.65}, {4, 0.3, 0.95, 0.61}};

    check_page("report.html", WORDS("--seed", "3", "--dim", "4", "--ngrams", "1", "--subwords", "0", "--validation", "0.5",
                                    "--target-precision", "0.9", "tests/golden/report.tsv"),
               (text_decision){1.5, 0.4, 1}, epochs, 4);
}
END_TEST

START_TEST(a_page_of_a_training_that_went_on)
{
    static const text_epoch epochs[] = {{3, 0.5, 0.6, 1}};

    check_page("report_again.html", WORDS("--dim", "2", "--ngrams", "1", "--subwords", "0", "--validation", "0", "--test",
                                          "tests/golden/report.tsv", "tests/golden/report.tsv"),
               (text_decision){1, 0, 2}, epochs, 1);
}
END_TEST

/* Every text belongs to one label with a probability of 1. */
START_TEST(a_page_of_one_who_is_sure)
{
    static char page[1 << 16];
    char       *words[] = {"classify", "train", "--report", made_of("sure.html"), "--dim", "2", "--ngrams", "1", "--subwords", "0",
                           "--validation", "0", "--test", "tests/golden/report.tsv", "tests/golden/report.tsv"};

    write_page(words, sizeof words / sizeof *words, (text_decision){1e-6, 0, 1}, (text_epoch[]){{1, 0.5, 0.6, 1}}, 1);
    read_text(made_of("sure.html"), page, sizeof page);
    unlink(made_of("sure.html"));
    ck_assert(strstr(page, "</html>") && !strstr(page, "nan") && !strstr(page, "inf"));
}
END_TEST

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static text_program labelling(void)
{
    text_program p = {.err = &err, .ps = ps, .text = {.classes = 3, .decision = text_decision_plain(), .encoder.settings = {TEXT_MIXED, 2, 4, 50}}};
    text_tokens  tokens = {0};
    text_buffer  names = {0};

    text_add(&names, text_span_of("kind\nrude<b>\n\"中\"\n"), &err);
    ck_assert(text_vocabulary_read(&p.text.labels, names.s, &err));
    ck_assert(text_encoder_learn(&p.text.encoder, &tokens, text_span_of("the tea is good 你 好 & that is 茶"), &err));
    ck_assert(text_vocabulary_prune(&p.text.encoder.words, 1, &err));
    text_classifier_init(&p.model, ps, (text_sizes){text_encoder_rows(&p.text.encoder), 4, 0, 3, TEXT_BOTH}, tn_constant(0));
    set_numbers(ps, 0.5);
    text_tokens_free(&tokens);
    text_buffer_free(&names);
    return p;
}

START_TEST(probabilities)
{
    static const struct {
        double      p;
        const char *written;
    } rows[] = {{0, "0.0000"}, {0.00004, "0.0000"}, {0.00006, "0.0001"}, {0.12346, "0.1235"}, {0.98765, "0.9877"}, {0.99996, "1.0000"}, {1, "1.0000"}};
    text_buffer b = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        b.n = 0;
        text_add_probability(&b, rows[i].p, &err);
        ck_assert_str_eq(b.s, rows[i].written);
    }
    text_buffer_free(&b);
}
END_TEST

static const char *const texts[] = {"the \"tea\" is good & that is it", "你好, 茶 <b>", "", "x", "\xFF?"};
enum { TEXTS = sizeof texts / sizeof *texts, WELL_FORMED = TEXTS - 1 };

/* As lines and as JSON, with the tokens that weigh most and without. */
START_TEST(answers)
{
    text_program p = labelling();
    text_shares  shares = {0};
    text_buffer  b = {0};
    text_output  out;

    for (int i = 0; i < WELL_FORMED; i++) {
        text_data      d = {.err = &err};
        int32_t        label;
        const tn_real *probability;
        ck_assert(text_data_add(&d, &p.text.encoder, text_span_of(texts[i]), 0));
        probability = text_answers_find(&p, t, &d, &label);
        ck_assert(probability && text_shares_find(&shares, &p, text_span_of(texts[i]), label));
        for (int k = 0; k < 2; k++) {
            const text_answer a = {text_span_of(texts[i]), label, probability, k ? &shares : NULL};
            ck_assert(text_answer_add_json(&p, &a, &b));
            if (k) text_shares_sort(&shares, TEXT_SHOWN);
            ck_assert(text_answer_add(&p, &a, &b));
        }
        text_data_free(&d);
    }
    ck_assert(text_output_open(&out, made_of("answers.txt"), &err));
    fwrite(b.s, 1, (size_t)b.n, out.to);
    ck_assert(text_output_close(&out));
    check_golden("answers.txt");
    text_buffer_free(&b);
    text_shares_free(&shares);
    text_model_free(&p.text);
}
END_TEST

/* What comes on the standard output goes to where it is compared with tests/golden/name. */
static int capture(const char *name)
{
    const int screen = dup(STDOUT_FILENO);

    fflush(stdout);
    ck_assert_ptr_nonnull(freopen(made_of(name), "w", stdout));
    return screen;
}

static void check_captured(int screen, const char *name)
{
    fflush(stdout);
    dup2(screen, STDOUT_FILENO);
    close(screen);
    check_golden(name);
}

START_TEST(explanations)
{
    text_program p = labelling();
    int          screen;

    p.options.html = made_of("explain.html");
    ck_assert(text_explain(&p, TEXTS, (char *const *)texts));
    check_golden("explain.html");
    p.options.html = NULL;
    screen = capture("explain.txt");
    ck_assert(text_explain(&p, TEXTS, (char *const *)texts));
    check_captured(screen, "explain.txt");
    text_model_free(&p.text);
}
END_TEST

/* Command lines of predict, what each writes of the texts above or of a table, and whether a line matched. */
START_TEST(predictions)
{
    static const char *const lines[] = {"", "--match rude<b>", "--match rude<b> -q", "--match kind --words", "--explain", "--json --explain",
                                        "--column 2 --format tsv", "--column 2 --format tsv --explain --words --match kind",
                                        "--column 1 --format csv --words --match kind", "--column 1 --format csv --match kind",
                                        "--column 2 --format csv --json", "--threshold 0.2 --positive rude<b>"};
    const int                screen = capture("predict.txt");

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char         line[200], *words[20];
        int          n = 0;
        text_program p = labelling();
        snprintf(line, sizeof line, "classify predict %s", lines[i]);
        for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) words[n++] = word;
        ck_assert(text_options_parse(&p.options, n, words, &err));
        if (p.options.positive) p.text.decision = (text_decision){1, p.options.threshold, 1};
        printf("predict %s\n", lines[i]);
        const bool tsv = strstr(lines[i], "tsv"), csv = strstr(lines[i], "csv");
        ck_assert_msg(text_predict(&p, tsv ? "tests/golden/predict.tsv" : csv ? "tests/golden/predict.csv" : "tests/golden/predict.lines"), "%s", err.text);
        printf("%s\n", p.matched ? "some" : "none");
        text_model_free(&p.text);
        teardown(), setup();
    }
    check_captured(screen, "predict.txt");
}
END_TEST

START_TEST(labels_that_are_not_there)
{
    text_program p = labelling();

    p.options.match = "nosuch";
    ck_assert(!text_predict_all(&p, 1, texts));
    ck_error(TN_EUSAGE, "--match nosuch: there is no such label: the model has kind, rude<b>, \"中\"");
    p.options.match = NULL;
    p.options.words = true;
    ck_assert(!text_predict(&p, NULL));
    ck_error(TN_EUSAGE, "--words: no label is \"clean\", so --match LABEL must say whose words: the model has kind, rude<b>, \"中\"");
    text_model_free(&p.text);
}
END_TEST

START_TEST(nearest)
{
    text_program p = labelling();
    int          screen = capture("neighbours.txt");

    p.options.top = 4;
    ck_assert(text_neighbours(&p, "TEA"));
    p.options.top = 100;
    ck_assert(text_neighbours(&p, "你"));
    check_captured(screen, "neighbours.txt");
    ck_assert(!text_neighbours(&p, "coffee"));
    ck_error(TN_EUSAGE, "neighbours: \"coffee\" is not in the vocabulary: no training text has it");
    ck_assert(!text_neighbours(&p, "你好"));
    ck_error(TN_EUSAGE, "neighbours: \"你好\" is 2 tokens to this model (--tokenizer mixed), and should be one");
    text_model_free(&p.text);
}
END_TEST

/* Trainings of few texts: the losses and scores of each epoch, and what is decided in the end. */
START_TEST(trainings)
{
    static const char *const lines[] = {
        "", "--batch 4 --epochs 2", "--optimizer adam --hidden 3 --batch 3", "--optimizer adamw", "--optimizer adagrad", "--optimizer rmsprop",
        "--optimizer sparse_adam", "--pooling mean --tokenizer char", "--pooling max --tokenizer word", "--class-weights none --label-smoothing 0.2",
        "--class-weights kind=3", "--freeze-embedding", "--patience 1 --epochs 40 --lr 3", "--target-precision 0.9 --positive kind",
        "--threshold 0.3", "--min-count 2 --ngrams 3 --subwords 4 --buckets 90", "--test tests/golden/report.tsv --patience 2", "--seed 4 --dim 5"};
    FILE *f = fopen(made_of("train.txt"), "w");

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char         line[300], *words[40];
        int          n = 0;
        text_program p = {.err = &err};
        text_sets    sets = {{.err = &err}, {.err = &err}, {.err = &err}};
        text_report  r = {0};
        snprintf(line, sizeof line, "classify train --quiet --dim 3 --ngrams 1 --subwords 0 --epochs 3 --validation 0.3 --report r %s tests/golden/report.tsv",
                 lines[i]);
        for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) words[n++] = word;
        ck_assert_msg(text_options_parse(&p.options, n, words, &err), "%s", err.text);
        p.text.encoder.settings = p.options.settings;
        p.text.pooling = p.options.pooling;
        ck_assert_msg(text_train(&p, &sets, &r), "%s: %s", lines[i], err.text);
        fprintf(f, "train %s\n", lines[i]);
        for (int64_t k = 0; k < r.epochs; k++)
            fprintf(f, "%g %.4f %.4f %.4f\n", r.epoch[k].number, r.epoch[k].loss, r.epoch[k].judged_loss, r.epoch[k].judged_f1);
        fprintf(f, "temperature %.3f threshold %.3f of %d\n", p.text.decision.temperature, p.text.decision.threshold, (int)p.text.decision.positive);
        text_report_free(&r);
        text_sets_free(&sets);
        text_model_free(&p.text);
        tn_params_free(p.ps);
    }
    fclose(f);
    check_golden("train.txt");
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, axes);
    tcase_add_test(c, axes_of_little);
    tcase_add_test(c, ticks);
    tcase_add_test(c, drawn);
    tcase_add_test(c, a_page_of_three_labels);
    tcase_add_test(c, a_page_of_a_training_that_went_on);
    tcase_add_test(c, a_page_of_one_who_is_sure);
    tcase_add_test(c, probabilities);
    tcase_add_test(c, answers);
    tcase_add_test(c, explanations);
    tcase_add_test(c, predictions);
    tcase_add_test(c, labels_that_are_not_there);
    tcase_add_test(c, nearest);
    tcase_add_test(c, trainings);
    tcase_add_test(c, diagonals);
    tcase_add_test(c, words_within_the_picture);
}

int main(void)
{
    return run_case("text_report", add);
}
