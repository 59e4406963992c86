/* tune.c: a search for the options that train some texts best. It begins with train's own, and then changes one to three
 * of the best so far. A trial has to hold against the best on one part of the texts after the other, each held out from
 * its training: most are out after the first, and what is best was better on all of them together. */
#define _POSIX_C_SOURCE 200809L
#include "tune.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tarn/rng.h>

#include "locale.h"
#include "signals.h"
#include "train.h"

const text_choice text_tune_space[] = {
    {"--lr", {"", "0.25", "0.5", "1.5", "2.5", "4"}},
    {"--epochs", {"", "3", "6", "10", "15", "40"}},
    {"--ngrams", {"", "1", "3", "4"}},
    {"--subwords", {"", "0", "4", "6"}},
    {"--dim", {"", "8", "16", "32"}},
    {"--pooling", {"", "mean", "max"}},
    {"--hidden", {"", "16"}},
    {"--buckets", {"", "50000", "1000000"}},
    {"--min-count", {"", "2", "3", "5"}},
    {"--tokenizer", {"", "word", "char"}},
    {"--class-weights", {"", "balanced"}},
    {NULL, {NULL}},
};
enum { ROWS = sizeof text_tune_space / sizeof *text_tune_space - 1 };

enum { PARTS = 3, STREAM_PARTS = 11, STREAM_TRIALS = 12, DRAWS = 1000 };
static const double held_out = 0.2; /* of each label's texts, in each part */

typedef struct tune_trial {
    int8_t value[ROWS]; /* which one each option has */
    int    parts;       /* how many it was trained and measured on */
    double f1[PARTS];
} tune_trial;

typedef struct tuning {
    text_program *p;
    text_options  options; /* without a trial's */
    text_corpus   corpus;
    tune_trial   *tried;
    int64_t       n, room, best;
    char          failure[160]; /* of the trial that was last; "": it did not fail */
} tuning;

static double now(void)
{
    struct timespec t = {0};

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- one trial ------------------------------------------------------------------------------------------------- */

static bool options_of(const tuning *t, const tune_trial *trial, text_options *o, tn_error *err)
{
    *o = t->options;
    for (int i = 0; i < ROWS; i++) {
        const char *value = text_tune_space[i].values[trial->value[i]];
        if (*value && !text_options_set(o, text_tune_space[i].option, value, err)) return false;
    }
    return true;
}

/* The texts in two: those that are learnt from and those that are held out from it, as the seed and the part say. */
static bool split(const tuning *t, int part, text_corpus *learn, text_corpus *held, tn_error *err)
{
    const text_corpus *c = &t->corpus;
    const tn_rng       rng = tn_rng_new((uint64_t)t->options.seed, STREAM_PARTS, (uint64_t)part, 0);

    if (!text_reserve(&learn->texts, &learn->texts_room, c->n, sizeof *c->texts, err) ||
        !text_reserve(&learn->labels, &learn->labels_room, c->n, sizeof *c->labels, err))
        return false;
    memcpy(learn->texts, c->texts, (size_t)c->n * sizeof *c->texts);
    memcpy(learn->labels, c->labels, (size_t)c->n * sizeof *c->labels);
    learn->n = c->n;
    if (!text_corpus_split(learn, held_out, t->p->text.classes, rng, held, err)) return false;
    return held->n || tn_fail(err, TN_EFORMAT, "%s: %lld texts are too few to hold some out: it takes three of a label",
                              t->options.files[0], (long long)c->n);
}

/* Learns from one part of a split, and measures on the other. */
static bool train_and_measure(text_program *p, const text_corpus *learn, const text_corpus *held, double *f1)
{
    text_encoder *e = &p->text.encoder;
    text_sets     sets = {{.err = p->err}, {.err = p->err}, {.err = p->err}};
    text_scores   s;
    bool          ok = text_corpus_learn(learn, e, p->options.min_count, p->err) && text_data_encode(&sets.train, learn, e) &&
              text_data_encode(&sets.test, held, e) && text_train_on(p, &sets, NULL) && text_program_score(p, &sets.test, &s);

    if (ok) *f1 = s.macro_f1;
    text_sets_free(&sets);
    return ok;
}

/* False after an error, and if it was stopped: t->p->stopped then. */
static bool run_part(tuning *t, const text_options *o, int part, double *f1, tn_error *err)
{
    text_program p = {.options = *o, .text = t->p->text, .err = err};
    text_corpus  learn = {0}, held = {0};
    bool         ok;

    p.text.encoder = (text_encoder){.settings = o->settings};
    ok = split(t, part, &learn, &held, err) && train_and_measure(&p, &learn, &held, f1);
    t->p->stopped = p.stopped;
    tn_params_free(p.ps);
    text_encoder_free(&p.text.encoder);
    text_corpus_free(&learn);
    text_corpus_free(&held);
    return ok;
}

/* Over the first parts. */
static double mean_of(const tune_trial *trial, int parts)
{
    double sum = 0;

    for (int i = 0; i < parts; i++) sum += trial->f1[i];
    return parts ? sum / parts : 0;
}

/* One part after the other, as long as it is better than the best. */
static bool run(tuning *t, tune_trial *trial, tn_error *err)
{
    text_options o;

    if (!options_of(t, trial, &o, err)) return false;
    for (int i = 0; i < PARTS; i++) {
        if (!run_part(t, &o, i, &trial->f1[i], err)) return false;
        trial->parts = i + 1;
        if (t->n && mean_of(trial, i + 1) <= mean_of(&t->tried[t->best], i + 1)) break;
    }
    return true;
}

/* ---- which ones ------------------------------------------------------------------------------------------------ */

static int values_of(const tuning *t, int row)
{
    const text_choice *c = &text_tune_space[row];
    int                n = 0;

    if (text_options_given(&t->options, c->option)) return 1;
    if (t->options.vectors && strcmp(c->option, "--dim") == 0) return 1;
    while (c->values[n]) n++;
    return n;
}

static bool was_tried(const tuning *t, const tune_trial *trial)
{
    for (int64_t i = 0; i < t->n; i++)
        if (memcmp(t->tried[i].value, trial->value, sizeof trial->value) == 0) return true;
    return false;
}

/* The best one but for one to three of its options. False: nothing new is left. */
static bool draw(const tuning *t, tune_trial *trial)
{
    for (int k = 0; k < DRAWS; k++) {
        const tn_rng rng = tn_rng_new((uint64_t)t->options.seed, STREAM_TRIALS, (uint64_t)t->n, (uint64_t)k);
        uint64_t     place = 0;
        memset(trial, 0, sizeof *trial);
        if (t->n) memcpy(trial->value, t->tried[t->best].value, sizeof trial->value);
        for (int64_t i = t->n ? tn_rng_below(rng, place++, 3) : -1; i >= 0; i--) {
            int row = (int)tn_rng_below(rng, place++, ROWS);
            trial->value[row] = (int8_t)tn_rng_below(rng, place++, values_of(t, row));
        }
        if (!was_tried(t, trial)) return true;
    }
    return false;
}

/* ---- what is shown --------------------------------------------------------------------------------------------- */

/* The best one is measured on the same parts, so what is better than it is so on all of them. */
static void print_trial(const tuning *t, const tune_trial *trial, bool is_best, const char *words, double seconds)
{
    const double mean = mean_of(trial, trial->parts), best = t->n ? mean_of(&t->tried[t->best], trial->parts) : mean;
    char         score[40] = "failed        -";

    if (!*t->failure) snprintf(score, sizeof score, "%.4f%c %+.4f", mean, is_best ? '*' : ' ', mean - best);
    printf("%5lld    %-15s  %5d  %7.1f  %s%s%s\n", (long long)t->n + 1, score, trial->parts, seconds,
           *words ? words + 1 : "(as train has them)", *t->failure ? ": " : "", t->failure);
    fflush(stdout);
}

/* The command line of the best one. */
static bool print_command(const tuning *t, tn_error *err)
{
    text_buffer  line = {0};
    text_options o;
    bool         dashes = false;

    if (!options_of(t, &t->tried[t->best], &o, err)) return false;
    text_options_quote(o.program, &line, err);
    text_buffer_print(&line, err, " train");
    text_options_words(&o, NULL, &line, err);
    for (int i = 0; i < o.n_files; i++) dashes = dashes || (o.files[i][0] == '-' && o.files[i][1]);
    text_buffer_add(&line, " --", dashes ? 3 : 0, err);
    for (int i = 0; i < o.n_files; i++) {
        text_buffer_print(&line, err, " ");
        text_options_quote(o.files[i], &line, err);
    }
    if (!err->code) printf("%s\n", line.s);
    text_buffer_free(&line);
    return !err->code;
}

static bool print_best(const tuning *t, tn_error *err)
{
    printf("\nthe best of %lld is trial %lld: macro-F1 %.4f, the first one's %.4f, mean of %d parts of %.0f %% each\n",
           (long long)t->n, (long long)t->best + 1, mean_of(&t->tried[t->best], PARTS), mean_of(t->tried, PARTS), PARTS,
           100 * held_out);
    return print_command(t, err);
}

/* ---- the search ------------------------------------------------------------------------------------------------ */

/* Is it a matter of this trial alone that it failed? The first one has no odd options. */
static bool may_go_on(tuning *t, const tn_error *err)
{
    const bool odd = err->code == TN_ENONFINITE || err->code == TN_EFORMAT;

    if (!odd || !t->n) return false;
    snprintf(t->failure, sizeof t->failure, "%.150s", err->text);
    return true;
}

/* False: the search ends here. */
static bool next_trial(tuning *t, tn_error *err)
{
    const double began = now();
    tn_error     own = {0};
    text_buffer  words = {0};
    text_options o;
    tune_trial   trial;
    bool         ok, is_best;

    if (!draw(t, &trial)) return false;
    t->failure[0] = 0;
    ok = run(t, &trial, &own) || (own.code && may_go_on(t, &own));
    if (!ok && own.code) tn_fail(err, own.code, "%s", own.text);
    ok = ok && options_of(t, &trial, &o, err) && text_options_words(&o, &t->options, &words, err) &&
         text_reserve(&t->tried, &t->room, t->n + 1, sizeof *t->tried, err);
    if (ok) {
        is_best = !*t->failure && trial.parts == PARTS &&
                  (!t->n || mean_of(&trial, PARTS) > mean_of(&t->tried[t->best], PARTS));
        print_trial(t, &trial, is_best, words.s, now() - began);
        if (is_best) t->best = t->n;
        t->tried[t->n++] = trial;
    }
    text_buffer_free(&words);
    return ok;
}

static void search(tuning *t, tn_error *err)
{
    const text_options *o = &t->options;

    text_signals_catch();
    if (o->budget) alarm((unsigned)o->budget);
    printf("%5s  %8s  %7s  %5s  %7s  %s\n", "trial", "macro-F1", "to best", "parts", "seconds", "options");
    while (!text_signals_caught() && (!o->trials || t->n < o->trials) && next_trial(t, err)) continue;
    alarm(0);
    t->p->stopped = text_signals_caught() == SIGALRM ? 0 : text_signals_caught();
    text_signals_release();
}

static bool read_texts(tuning *t)
{
    text_program *p = t->p;
    bool          ok = text_corpus_read(&t->corpus, p->options.n_files, p->options.files, p->options.reader, &p->text.labels,
                                        p->err) &&
              text_corpus_sort_labels(&t->corpus, &p->text.labels, p->err);

    p->text.classes = p->text.labels.n;
    return ok;
}

bool text_tune(text_program *p)
{
    tuning   t = {.p = p, .options = p->options};
    locale_t users = text_locale_plain();
    bool     ok = read_texts(&t);

    t.options.quiet = true;
    if (ok) search(&t, p->err);
    ok = ok && !p->err->code;
    if (ok && t.n) ok = print_best(&t, p->err);
    if (ok && !t.n && !p->stopped)
        ok = tn_fail(p->err, TN_EUSAGE, "--budget: the time was over before one training was: a longer one, please");
    text_locale_back(users);
    free(t.tried);
    text_corpus_free(&t.corpus);
    return ok;
}
