/* options.c: the command line of examples/classify. One row per option; the help is made of the same rows. */
#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "locale.h"

/* SAME: decides the model, so a training that goes on must have the same. */
enum {
    TRAIN = 1 << TEXT_TRAIN,
    EVAL = 1 << TEXT_EVAL,
    PREDICT = 1 << TEXT_PREDICT,
    EXPLAIN = 1 << TEXT_EXPLAIN,
    NEIGHBOURS = 1 << TEXT_NEIGHBOURS,
    EXPORT = 1 << TEXT_EXPORT_VECTORS,
    TUNE = 1 << TEXT_TUNE, /* and all of SAME */
    SAME = 1 << 16
};

/* The rules' names, and the learning rate that each begins with here. For sgd it is per text of a batch: a batch's
 * gradient is a mean, so twice as large a batch takes twice as large a step; but no more than LARGE_BATCH texts' worth,
 * beyond which such steps do not learn but jump. */
enum { LARGE_BATCH = 128, EVERY = 1000, BUDGET = 60 };
static const struct rule {
    const char *name;
    double      lr;
} rules[] = {
    [TEXT_SGD] = {"sgd", 0.03},          [TEXT_ADAM] = {"adam", 0.003},
    [TEXT_ADAMW] = {"adamw", 0.003},     [TEXT_ADAGRAD] = {"adagrad", 0.1},
    [TEXT_RMSPROP] = {"rmsprop", 0.003}, [TEXT_SPARSE_ADAM] = {"sparse_adam", 0.003},
};

static const text_options defaults = {
    .model = "classify.safetensors",
    .settings = {TEXT_MIXED, 2, 5, 200000},
    .min_count = 1,
    .dim = 64,
    .batch = 32,
    .seed = 1,
    .top = 10,
    .class_weights = "none",
    .smoothing = 0.1,
    .held_out = -1,
    .threshold = -1,
    .precision = -1,
};

/* ---- the table ------------------------------------------------------------------------------------------------- */

typedef enum sort { FLAG, WORD, WHOLE, NUMBER, FORMAT, KIND, POOLING, RULE, POLICY, WEIGHTS, PART, SPAN } sort;

typedef struct option {
    const char *name, *argument;
    sort        sort;
    size_t      place;
    double      low, high;
    unsigned    commands;
    const char *help;
} option;

#define AT(field) offsetof(text_options, field)

static const option table[] = {
    {"--model", "PATH", WORD, AT(model), 0, 0, TRAIN | EVAL | PREDICT | EXPLAIN | NEIGHBOURS | EXPORT | TUNE,
     "the model file (default classify.safetensors)"},
    {"--test", "FILE", WORD, AT(test), 0, 0, TRAIN, "texts to report on at the end, held out from training"},
    {"--report", "FILE", WORD, AT(report), 0, 0, TRAIN,
     "a page about the training, as HTML: judged by --test, else by the validation part"},
    {"--dim", "N", WHOLE, AT(dim), 1, 65536, TRAIN | SAME, "numbers per token (default 64, or those of --vectors)"},
    {"--pooling", "HOW", POOLING, AT(pooling), 0, 0, TRAIN | SAME,
     "of a text's tokens: their mean, their max or both (default both)"},
    {"--hidden", "N", WHOLE, AT(hidden), 0, 65536, TRAIN | SAME, "size of the hidden layer, 0: none (default 0)"},
    {"--epochs", "N", WHOLE, AT(epochs), 1, 1e6, TRAIN | SAME,
     "times that each text is seen (default: 5 to 25, more for fewer texts)"},
    {"--batch", "N", WHOLE, AT(batch), 1, 1e6, TRAIN | SAME, "texts per step (default 32)"},
    {"--lr", "X", NUMBER, AT(lr), 1e-9, 1e30, TRAIN | SAME, "learning rate, going down to 0 (default for sgd: 0.03 x batch, at most 3.84)"},
    {"--optimizer", "NAME", RULE, AT(rule), 0, 0, TRAIN | SAME,
     "sgd, adam, adamw, adagrad, rmsprop or sparse_adam (default sgd)"},
    {"--tokenizer", "KIND", KIND, AT(settings.kind), 0, 0, TRAIN | SAME, "mixed, word or char (default mixed)"},
    {"--ngrams", "N", WHOLE, AT(settings.ngrams), 1, TEXT_MAX_NGRAMS, TRAIN | SAME,
     "1: single tokens; N: also 2 to N neighbours (default 2)"},
    {"--subwords", "N", WHOLE, AT(settings.subwords), 0, TEXT_MAX_SUBWORDS, TRAIN | SAME,
     "also pieces of words of 3 to N letters, 0: none (default 5)"},
    {"--buckets", "N", WHOLE, AT(settings.buckets), 1, TEXT_MAX_BUCKETS, TRAIN | SAME,
     "rows that n-grams and pieces share (default 200000)"},
    {"--min-count", "N", WHOLE, AT(min_count), 1, 1e15, TRAIN | SAME, "leave out tokens that are rarer (default 1)"},
    {"--vectors", "FILE", WORD, AT(vectors), 0, 0, TRAIN | SAME,
     "begin with the rows of FILE: fastText's .vec, word2vec's text or binary, GloVe's"},
    {"--freeze-embedding", NULL, FLAG, AT(freeze), 0, 0, TRAIN | SAME,
     "leave the tokens' rows as they begin: random, or those of --vectors"},
    {"--class-weights", "HOW", WEIGHTS, AT(class_weights), 0, 0, TRAIN | SAME,
     "none; balanced: rare ones count as much; 2,1: by name; rude=2 (default none)"},
    {"--label-smoothing", "X", NUMBER, AT(smoothing), 0, 1, TRAIN | SAME,
     "this share of a text's label goes to all labels alike (default 0.1)"},
    {"--validation", "PART", PART, AT(validation), 0, 0.5, TRAIN | SAME,
     "held out, to calibrate on: a share of the texts, or a file (default 0; 0.1 if needed)"},
    {"--patience", "N", WHOLE, AT(patience), 0, 1e6, TRAIN | SAME,
     "stop after N epochs that were no better on validation, keep the best (default 0: off)"},
    {"--positive", "LABEL", WORD, AT(positive), 0, 0, TRAIN | EVAL | PREDICT,
     "the label that a threshold is about (default: the rarer one in training, saved)"},
    {"--threshold", "X", NUMBER, AT(threshold), 0, 1, TRAIN | EVAL | PREDICT,
     "say it from this probability on; 0: the likeliest (default: as saved, else 0)"},
    {"--target-precision", "X", NUMBER, AT(precision), 0, 1, TRAIN,
     "save the threshold that has this precision on validation"},
    {"--seed", "N", WHOLE, AT(seed), 0, 9e15, TRAIN | SAME, "the same seed gives the same model (default 1)"},
    {"--budget", "TIME", SPAN, AT(budget), 1, 1e6, TUNE, "how long to search: 90 or 90s, 5m, 1h (default 60s)"},
    {"--trials", "N", WHOLE, AT(trials), 1, 1e6, TUNE, "how many to try, however long it takes, instead of --budget"},
    {"--checkpoint", "FILE", WORD, AT(checkpoint), 0, 0, TRAIN,
     "keep in FILE what a training that was stopped goes on from"},
    {"--checkpoint-every", "N", WHOLE, AT(every), 1, 1e15, TRAIN, "steps from one checkpoint to the next (default 1000)"},
    {"--resume", NULL, FLAG, AT(resume), 0, 0, TRAIN, "go on from the checkpoint, with the same texts and options"},
    {"--quiet", NULL, FLAG, AT(quiet), 0, 0, TRAIN, "no progress"},
    {"--json", NULL, FLAG, AT(json), 0, 0, EVAL, "the report as one line of JSON"},
    {"--match", "LABEL", WORD, AT(match), 0, 0, PREDICT,
     "only lines of this label; exit status as grep's: 0 some, 1 none, 2 an error"},
    {"-q", NULL, FLAG, AT(quiet), 0, 0, PREDICT, "with --match: no output, and the first line that matches is the last"},
    {"--words", NULL, FLAG, AT(words), 0, 0, PREDICT,
     "mask the words that speak for the label (of --match; or for all but clean)"},
    {"--explain", NULL, FLAG, AT(explain), 0, 0, PREDICT, "a last column: the tokens that weigh most, as token:share"},
    {"--json", NULL, FLAG, AT(json), 0, 0, PREDICT, "each answer as a line of JSON"},
    {"--column", "N", WHOLE, AT(column), 1, 1e6, PREDICT,
     "read TSV, or CSV with a header: the texts' column, from 1; append the answers"},
    {"--html", "FILE", WORD, AT(html), 0, 0, EXPLAIN, "a page that a browser opens, instead of columns"},
    {"-n", "N", WHOLE, AT(top), 1, 1e9, NEIGHBOURS, "how many (default 10)"},
    {"--top", "N", WHOLE, AT(top), 1, 1e9, NEIGHBOURS, "the same"},
    {"--format", "NAME", FORMAT, AT(reader.format), 0, 0, TRAIN | EVAL | PREDICT | TUNE,
     "tsv, fasttext, csv or auto: found out (default auto)"},
    {"--text-column", "NAME", WORD, AT(reader.text_column), 0, 0, TRAIN | EVAL | TUNE,
     "CSV: the texts' column (default text)"},
    {"--label-column", "NAME", WORD, AT(reader.label_column), 0, 0, TRAIN | EVAL | TUNE,
     "CSV: the labels' column (default label)"},
    {"--utf8", "POLICY", POLICY, AT(reader.replace), 0, 0, TRAIN | EVAL | TUNE,
     "bytes that are not UTF-8: error, or replace (default error)"},
};
enum { OPTIONS = sizeof table / sizeof *table };
_Static_assert(OPTIONS <= 64, "text_options.given has a bit for each");

static const char *const command_names[] = {
    [TEXT_DEMO] = "",
    [TEXT_TRAIN] = "train",
    [TEXT_EVAL] = "eval",
    [TEXT_PREDICT] = "predict",
    [TEXT_EXPLAIN] = "explain",
    [TEXT_NEIGHBOURS] = "neighbours",
    [TEXT_EXPORT_VECTORS] = "export-vectors",
    [TEXT_TUNE] = "tune",
    [TEXT_COMPLETION] = "completion",
    [TEXT_HELP] = "help",
};

const char *text_command_name(text_command command)
{
    return command_names[command];
}

static bool belongs(const option *op, unsigned commands)
{
    return op->commands & (commands & TUNE ? commands | SAME : commands);
}

/* The words that it takes; NULL: too many. */
static const char *choices_of(const option *op)
{
    switch (op->sort) {
    case FORMAT:
        return "auto tsv fasttext csv";
    case KIND:
        return "mixed word char";
    case POOLING:
        return "mean max both";
    case RULE:
        return "sgd adam adamw adagrad rmsprop sparse_adam";
    case POLICY:
        return "error replace";
    case WEIGHTS:
        return "balanced none";
    default:
        return NULL;
    }
}

bool text_option_at(text_command command, int i, text_option *to)
{
    for (const option *op = table; op < table + OPTIONS; op++)
        if (belongs(op, 1u << command) && i-- == 0) {
            bool is_file = op->argument && (strcmp(op->argument, "FILE") == 0 || strcmp(op->argument, "PATH") == 0);
            *to = (text_option){op->name, op->argument, choices_of(op), op->help, is_file};
            return true;
        }
    return false;
}

/* ---- what was meant -------------------------------------------------------------------------------------------- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance: letters to change, leave out or put in. Words of this program are shorter than its row. */
static int distance(const char *a, const char *b)
{
    int row[64], n = (int)strlen(b);

    if (strlen(a) > 60 || n > 60) return 99;
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 0; a[i]; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 0; j < n; j++) {
            int change = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = least(change, least(row[j], row[j + 1]) + 1);
        }
    }
    return row[n];
}

const char *text_nearest(const char *typed, int n, const char *const *words)
{
    const char *best = NULL;
    int         found = 0;

    for (int i = 0; i < n; i++) {
        int d = distance(typed, words[i]);
        if (d <= 1 + (int)strlen(words[i]) / 4 && (!best || d < found)) {
            best = words[i];
            found = d;
        }
    }
    return best;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static bool fail_value(const char *name, const char *value, const char *right, tn_error *err)
{
    return tn_fail(err, TN_EUSAGE, "%s %.60s: %s", name, value, right);
}

static bool set_number(const option *op, const char *value, void *to, tn_error *err)
{
    locale_t users = text_locale_plain();
    char    *end;
    double   x = strtod(value, &end);
    bool     whole = op->sort == WHOLE;

    text_locale_back(users);
    if (end == value || *end || !(x >= op->low && x <= op->high) || (whole && (double)(int64_t)x != x))
        return tn_fail(err, TN_EUSAGE, "%s %.60s: it must be a %s from %.10g to %.10g", op->name, value,
                       whole ? "whole number" : "number", op->low, op->high);
    if (whole)
        *(int64_t *)to = (int64_t)x;
    else
        *(double *)to = x;
    return true;
}

/* Seconds, minutes or hours. */
static bool set_span(const option *op, const char *value, int64_t *to, tn_error *err)
{
    size_t  n = strspn(value, "0123456789");
    int64_t unit = !value[n] || strcmp(value + n, "s") == 0 ? 1 : strcmp(value + n, "m") == 0 ? 60 : 3600;

    *to = n > 0 && n < 8 ? strtoll(value, NULL, 10) * unit : 0;
    if ((unit < 3600 || strcmp(value + n, "h") == 0) && (double)*to >= op->low && (double)*to <= op->high) return true;
    return fail_value(op->name, value, "it must be seconds, as 90 or 90s, or 5m, or 1h", err);
}

static bool set_rule(const option *op, const char *value, text_rule *to, tn_error *err)
{
    for (int i = 0; i < (int)(sizeof rules / sizeof *rules); i++)
        if (strcmp(value, rules[i].name) == 0) {
            *to = (text_rule)i;
            return true;
        }
    return fail_value(op->name, value, "it must be sgd, adam, adamw, adagrad, rmsprop or sparse_adam", err);
}

/* One of two words: the second one is true. */
static bool set_either(const option *op, const char *value, const char *no, const char *yes, bool *to, tn_error *err)
{
    *to = strcmp(value, yes) == 0;
    if (*to || strcmp(value, no) == 0) return true;
    return tn_fail(err, TN_EUSAGE, "%s %.60s: it must be %s or %s", op->name, value, no, yes);
}

/* A number is a share, everything else a file. */
static bool set_part(text_options *o, const option *op, const char *value, tn_error *err)
{
    locale_t users = text_locale_plain();
    char    *end;
    double   x = strtod(value, &end);
    bool     number = end != value && !*end;

    text_locale_back(users);

    if (number && !(x >= op->low && x <= op->high))
        return tn_fail(err, TN_EUSAGE, "%s %.60s: it must be a share from %g to %g, or a file", op->name, value, op->low,
                       op->high);
    o->validation = number ? NULL : value;
    o->held_out = number ? x : 0;
    return *value || fail_value(op->name, "\"\"", "it must not be empty", err);
}

static bool set(text_options *o, const option *op, const char *value, tn_error *err)
{
    void *to = (char *)o + op->place;

    switch (op->sort) {
    case FLAG:
        return *(bool *)to = true;
    case WORD:
    case WEIGHTS:
        *(const char **)to = value;
        return *value || fail_value(op->name, "\"\"", "it must not be empty", err);
    case WHOLE:
    case NUMBER:
        return set_number(op, value, to, err);
    case FORMAT:
        return text_format_of(value, to) || fail_value(op->name, value, "it must be tsv, fasttext, csv or auto", err);
    case KIND:
        return text_kind_of(value, to) || fail_value(op->name, value, "it must be mixed, word or char", err);
    case POOLING:
        return text_pooling_of(value, to) || fail_value(op->name, value, "it must be both, mean or max", err);
    case RULE:
        return set_rule(op, value, to, err);
    case POLICY:
        return set_either(op, value, "error", "replace", to, err);
    case SPAN:
        return set_span(op, value, to, err);
    default: /* PART */
        return set_part(o, op, value, err);
    }
}

/* ---- the command line ------------------------------------------------------------------------------------------ */

static const option *find(unsigned commands, const char *typed, int n)
{
    for (int i = 0; i < OPTIONS; i++)
        if (belongs(&table[i], commands) && strncmp(typed, table[i].name, (size_t)n) == 0 && !table[i].name[n])
            return &table[i];
    return NULL;
}

static bool unknown_option(text_command command, const char *typed, int n, tn_error *err)
{
    const char *words[OPTIONS + 1] = {"--help"}, *near;
    char        name[64];

    snprintf(name, sizeof name, "%.*s", n > 60 ? 60 : n, typed);
    for (int i = 0; i < OPTIONS; i++) words[i + 1] = belongs(&table[i], 1u << command) ? table[i].name : "--help";
    for (int i = TEXT_TRAIN; i < TEXT_HELP; i++)
        if (find(1u << i, typed, n)) return tn_fail(err, TN_EUSAGE, "%s is an option of classify %s", name, command_names[i]);
    near = text_nearest(name, OPTIONS + 1, words);
    if (near) return tn_fail(err, TN_EUSAGE, "unknown option %s: did you mean %s?", name, near);
    return tn_fail(err, TN_EUSAGE, "unknown option %s: classify %s --help lists them", name, command_names[command]);
}

/* The option at argv[*i], with its value behind '=' or in the next word; *i moves to its last word. */
static bool parse_option(text_options *o, int argc, char **argv, int *i, tn_error *err)
{
    const char   *typed = argv[*i];
    int           n = (int)strcspn(typed, "=");
    const char   *value = typed[n] ? typed + n + 1 : NULL;
    const option *op = find(1u << o->command, typed, n);

    if (!op) return unknown_option(o->command, typed, n, err);
    if (op->sort == FLAG && value) return tn_fail(err, TN_EUSAGE, "%s takes no value", op->name);
    if (op->sort != FLAG && !value && ++*i < argc) value = argv[*i];
    if (op->sort != FLAG && !value)
        return tn_fail(err, TN_EUSAGE, "%s: a value is missing: %s %s", op->name, op->name, op->argument);
    o->given |= UINT64_C(1) << (op - table);
    return set(o, op, value, err);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* All commands: "train, eval and predict". */
static bool unknown_command(const char *word, tn_error *err)
{
    char   list[200] = "";
    size_t n = 0;

    for (int i = TEXT_TRAIN; i < TEXT_HELP; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == TEXT_TRAIN ? "" : i < TEXT_HELP - 1 ? ", " : " and ",
                              command_names[i]);
    if (word[0] == '-') return tn_fail(err, TN_EUSAGE, "%.60s: first comes a command; there are %s", word, list);
    return tn_fail(err, TN_EUSAGE, "unknown command %.60s: there are %s", word, list);
}

static bool find_command(text_options *o, const char *word, tn_error *err)
{
    const char *near;

    for (int i = TEXT_TRAIN; i <= TEXT_HELP; i++)
        if (strcmp(word, command_names[i]) == 0) {
            o->command = (text_command)i;
            return true;
        }
    near = text_nearest(word, TEXT_HELP, command_names + 1);
    if (near) return tn_fail(err, TN_EUSAGE, "unknown command %.60s: did you mean %s?", word, near);
    return unknown_command(word, err);
}

static bool check_files(const text_options *o, tn_error *err)
{
    const char *name = command_names[o->command];

    switch (o->command) {
    case TEXT_TRAIN:
    case TEXT_TUNE:
        return o->n_files || tn_fail(err, TN_EUSAGE, "%s: no file to learn from: classify %s FILE...", name, name);
    case TEXT_EVAL:
        return o->n_files == 1 || tn_fail(err, TN_EUSAGE, "eval: one file, please: classify eval --model M FILE");
    case TEXT_COMPLETION:
        if (o->n_files == 1 && (strcmp(o->files[0], "bash") == 0 || strcmp(o->files[0], "zsh") == 0)) return true;
        return tn_fail(err, TN_EUSAGE, "completion: for which shell? classify completion bash, or zsh");
    case TEXT_PREDICT:
    case TEXT_EXPORT_VECTORS:
        return o->n_files < 2 || tn_fail(err, TN_EUSAGE, "%s: one file at most: classify %s [FILE]", name, name);
    case TEXT_EXPLAIN:
        return o->n_files || tn_fail(err, TN_EUSAGE, "explain: no text: classify explain \"TEXT\"");
    default:
        return o->n_files == 1 || tn_fail(err, TN_EUSAGE, "neighbours: one word, please: classify neighbours WORD");
    }
}

/* What chooses by validation has some, if nothing is said of it. */
static bool check_validation(text_options *o, tn_error *err)
{
    const char *wanted = o->precision >= 0 ? "--target-precision" : o->patience ? "--patience" : NULL;
    bool        none;

    if (!wanted && o->report && !o->test) wanted = "--report";
    if (o->command == TEXT_TUNE && (o->validation || o->held_out > 0 || o->patience))
        return tn_fail(err, TN_EUSAGE, "tune holds texts out by itself: leave --validation and --patience out");
    if (o->held_out < 0) o->held_out = wanted ? 0.1 : 0;
    none = !o->validation && o->held_out == 0;
    if (o->command != TEXT_TRAIN && o->positive && o->threshold < 0)
        return tn_fail(err, TN_EUSAGE, "--positive: from which probability on? --threshold X says it");
    if (o->precision >= 0 && o->threshold >= 0)
        return tn_fail(err, TN_EUSAGE, "--target-precision chooses a threshold: leave --threshold out");
    if (none && wanted) return tn_fail(err, TN_EUSAGE, "%s: on which texts? --validation PART names them", wanted);
    return true;
}

static bool check_checkpoint(text_options *o, tn_error *err)
{
    if (!o->checkpoint && (o->resume || o->every))
        return tn_fail(err, TN_EUSAGE, "%s: which file? --checkpoint FILE names it", o->resume ? "--resume" : "--checkpoint-every");
    if (!o->every) o->every = EVERY;
    return true;
}

static bool check_predict(const text_options *o, tn_error *err)
{
    if (o->command != TEXT_PREDICT) return true;
    if (o->quiet && !o->match) return tn_fail(err, TN_EUSAGE, "-q: which label? --match LABEL names it");
    if (o->reader.format == TEXT_FASTTEXT)
        return tn_fail(err, TN_EUSAGE, "--format fasttext: predict reads tsv or csv, or texts a line");
    if (o->reader.format && !o->column) return tn_fail(err, TN_EUSAGE, "--format: which column? --column N names it");
    return true;
}

static bool check_budget(text_options *o, tn_error *err)
{
    if (o->budget && o->trials)
        return tn_fail(err, TN_EUSAGE, "--trials instead of --budget, or --budget instead of --trials: not both");
    if (!o->trials && !o->budget) o->budget = BUDGET;
    return true;
}

/* Files move to the front of argv + 2 as they are found. */
static bool parse_words(text_options *o, int argc, char **argv, tn_error *err)
{
    bool only_files = false;

    o->files = argv + 2;
    for (int i = 2; i < argc; i++) {
        if (!only_files && is_help(argv[i])) {
            o->about = o->command;
            o->command = TEXT_HELP;
            return true;
        }
        if (!only_files && strcmp(argv[i], "--") == 0)
            only_files = true;
        else if (only_files || argv[i][0] != '-' || !argv[i][1])
            argv[2 + o->n_files++] = argv[i];
        else if (!parse_option(o, argc, argv, &i, err))
            return false;
    }
    return check_files(o, err);
}

static double default_lr(const text_options *o)
{
    int64_t texts = o->batch < LARGE_BATCH ? o->batch : LARGE_BATCH;
    return rules[o->rule].lr * (o->rule == TEXT_SGD ? (double)texts : 1);
}

bool text_options_parse(text_options *o, int argc, char **argv, tn_error *err)
{
    *o = defaults;
    o->program = argv[0];
    o->lr = default_lr(o);
    if (argc < 2) return true;
    if (is_help(argv[1]) || strcmp(argv[1], "--version") == 0) {
        o->command = is_help(argv[1]) ? TEXT_HELP : TEXT_VERSION;
        return true;
    }
    if (!find_command(o, argv[1], err)) return false;
    if (o->command == TEXT_HELP) {
        text_options about = defaults;
        if (argc > 2 && find_command(&about, argv[2], err))
            o->about = about.command == TEXT_HELP ? TEXT_DEMO : about.command;
        return !err->code;
    }
    o->lr = 0;
    o->dim = 0;
    if (!parse_words(o, argc, argv, err) || !check_validation(o, err) || !check_checkpoint(o, err) || !check_predict(o, err) ||
        !check_budget(o, err))
        return false;
    if (o->lr == 0) o->lr = default_lr(o);
    if (!o->dim && !o->vectors) o->dim = defaults.dim;
    return true;
}

bool text_options_given(const text_options *o, const char *name)
{
    const option *op = find(~0u, name, (int)strlen(name));

    return o->given >> (op - table) & 1;
}

bool text_options_set(text_options *o, const char *name, const char *value, tn_error *err)
{
    const option *op = find(1u << o->command, name, (int)strlen(name));

    if (!op) return unknown_option(o->command, name, (int)strlen(name), err);
    if (!set(o, op, value, err)) return false;
    o->given |= UINT64_C(1) << (op - table);
    if (!text_options_given(o, "--lr")) o->lr = default_lr(o);
    return true;
}

/* ---- what decides the model ------------------------------------------------------------------------------------ */

/* In as few digits as give it back. */
static void put_number(double x, char *to, size_t size)
{
    locale_t users = text_locale_plain();
    int      digits = 15;

    do snprintf(to, size, "%.*g", digits, x);
    while (strtod(to, NULL) != x && digits++ < 17);
    text_locale_back(users);
}

static const char *value_of(const text_options *o, const option *op, char *room, size_t size)
{
    const void *at = (const char *)o + op->place;

    switch (op->sort) {
    case WORD:
    case WEIGHTS:
        return *(const char *const *)at ? *(const char *const *)at : "none";
    case WHOLE:
        snprintf(room, size, "%lld", (long long)*(const int64_t *)at);
        return room;
    case NUMBER:
        put_number(*(const double *)at, room, size);
        return room;
    case KIND:
        return text_kind_name(*(const text_kind *)at);
    case POOLING:
        return text_pooling_name(*(const text_pooling *)at);
    case RULE:
        return rules[*(const text_rule *)at].name;
    case FORMAT:
        return text_format_name(*(const text_format *)at);
    case POLICY:
        return *(const bool *)at ? "replace" : "error";
    case PART:
        if (!o->validation) put_number(o->held_out, room, size);
        return o->validation ? o->validation : room;
    default:
        return *(const bool *)at ? "yes" : "no";
    }
}

bool text_options_describe(const text_options *o, text_buffer *to, tn_error *err)
{
    char room[40];

    for (int i = 0; i < OPTIONS; i++)
        if (table[i].commands & SAME)
            text_buffer_print(to, err, "%s %s\n", table[i].name, value_of(o, &table[i], room, sizeof room));
    return !err->code;
}

/* ---- as a command line ------------------------------------------------------------------------------------------ */

void text_options_quote(const char *word, text_buffer *to, tn_error *err)
{
    bool plain = *word && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=+:,@%-")] == 0;

    text_buffer_add(to, "'", !plain, err);
    for (; *word; word++) text_buffer_add(to, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1, err);
    text_buffer_add(to, "'", !plain, err);
}

bool text_options_words(const text_options *o, const text_options *but, text_buffer *to, tn_error *err)
{
    const uint64_t which = o->given & ~(but ? but->given : 0);
    char           room[40];

    text_buffer_add(to, "", 0, err);
    for (int i = 0; i < OPTIONS; i++)
        if (which >> i & 1 && table[i].commands & TRAIN) {
            text_buffer_print(to, err, " %s%s", table[i].name, table[i].sort == FLAG ? "" : " ");
            if (table[i].sort != FLAG) text_options_quote(value_of(o, &table[i], room, sizeof room), to, err);
        }
    return !err->code;
}

/* ---- help ------------------------------------------------------------------------------------------------------ */

static const char *const intros[] = {
    [TEXT_DEMO] = "usage: classify                            train on examples/data, report, label some sentences\n"
                  "       classify train [options] FILE...    learn from labelled texts, write a model\n"
                  "       classify eval [options] FILE        how well a model labels texts whose labels are known\n"
                  "       classify predict [options] [FILE]   label each line of FILE, or of the standard input\n"
                  "       classify explain [options] TEXT...  why a text has its label, token by token\n"
                  "       classify neighbours [options] WORD  the tokens whose embeddings are nearest to a word's\n"
                  "       classify export-vectors [options] [FILE]   the tokens' rows, for other programs\n"
                  "       classify tune [options] FILE...     search for the options that train these texts best\n"
                  "       classify completion bash|zsh        what the shell completes classify's options by\n"
                  "       classify COMMAND --help             the options of a command\n"
                  "       classify --version\n"
                  "\n"
                  "Labelled texts: label<TAB>text, or fastText's __label__x text, or CSV with a header. UTF-8.\n"
                  "Exit status: 0 all done, 1 something failed, 2 a wrong command line; of predict --match LABEL 0 if\n"
                  "any line is of this label, 1 if none is, 2 after an error.\n",
    [TEXT_TRAIN] =
        "usage: classify train [options] FILE...\n"
        "Learns from labelled texts and writes a model, which holds all that prediction needs.\n"
        "FILE: label<TAB>text, or fastText's __label__x text, or CSV with a header; - is the standard input.\n\n",
    [TEXT_EVAL] =
        "usage: classify eval [options] FILE\n"
        "Labels the texts of FILE with a model and compares: accuracy, precision, recall, F1, confusion.\n\n",
    [TEXT_PREDICT] =
        "usage: classify predict [options] [FILE]\n"
        "Reads a text a line, from FILE or the standard input; writes label<TAB>probability<TAB>text.\n\n",
    [TEXT_EXPLAIN] =
        "usage: classify explain [options] TEXT...\n"
        "What each token of a text adds to the logarithm of the odds of its label against the next one.\n\n",
    [TEXT_NEIGHBOURS] =
        "usage: classify neighbours [options] WORD\n"
        "Writes cosine<TAB>token for the tokens whose embeddings are nearest to the word's.\n\n",
    [TEXT_TUNE] =
        "usage: classify tune [options] FILE...\n"
        "Tries options of train on texts that it holds out, and ends with the command line of the best it found.\n"
        "Options that are given stay as they are.\n\n",
    [TEXT_COMPLETION] =
        "usage: classify completion bash|zsh\n"
        "Writes a script. bash: eval \"$(classify completion bash)\"; zsh: source <(classify completion zsh)\n\n",
    [TEXT_EXPORT_VECTORS] =
        "usage: classify export-vectors [options] [FILE]\n"
        "Writes the row of each token of a model's vocabulary to FILE or the standard output, as fastText's .vec.\n\n",
};

void text_options_help(text_command about, FILE *to)
{
    text_option op;

    fputs(intros[about], to);
    if (about == TEXT_DEMO) return;
    for (int i = 0; text_option_at(about, i, &op); i++) {
        int n = fprintf(to, "  %s %s", op.name, op.argument ? op.argument : "");
        fprintf(to, "%*s%s\n", 25 - n, "", op.help);
    }
    fputs("  --help                 this text\n", to);
}
