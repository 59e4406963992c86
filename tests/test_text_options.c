/* test_text_options.c: the command line of classify, and its progress lines. */
#define _XOPEN_SOURCE 700 /* posix_openpt */
#include <fcntl.h>
#include <unistd.h>

#include "tests.h"

#include "examples/text/options.h"
#include "examples/text/progress.h"
#include "examples/text/tune.h"

enum { MOST = 48 };

/* Parses words that are separated by blanks; the words stay until the next call. */
static bool parse(const char *line, text_options *o)
{
    static char copy[600], *argv[MOST];
    int         argc = 0;

    snprintf(copy, sizeof copy, "classify %s", line);
    for (char *word = strtok(copy, " "); word && argc < MOST; word = strtok(NULL, " ")) argv[argc++] = word;
    return text_options_parse(o, argc, argv, &err);
}

START_TEST(defaults)
{
    text_options o;

    ck_assert(parse("", &o));
    ck_assert_int_eq(o.command, TEXT_DEMO);
    ck_assert(parse("train a.tsv", &o));
    ck_assert(o.command == TEXT_TRAIN && o.n_files == 1 && strcmp(o.files[0], "a.tsv") == 0);
    ck_assert_str_eq(o.model, "classify.safetensors");
    ck_assert(o.dim == 64 && o.pooling == TEXT_BOTH && o.hidden == 0 && o.epochs == 0 && o.batch == 32 && o.seed == 1 && o.min_count == 1);
    ck_assert(o.rule == TEXT_SGD && !o.freeze && !o.quiet && !o.test);
    ck_assert(o.held_out == 0 && !o.validation && o.patience == 0 && o.smoothing == 0.1);
    ck_assert(o.threshold == -1 && o.precision == -1 && !o.positive);
    ck_assert_str_eq(o.class_weights, "none");
    ck_assert(o.settings.kind == TEXT_MIXED && o.settings.ngrams == 2 && o.settings.subwords == 5);
    ck_assert_double_eq_tol(o.lr, 0.96, 1e-12);
    ck_assert(parse("predict", &o) && o.command == TEXT_PREDICT && o.n_files == 0);
}
END_TEST

START_TEST(all_options)
{
    text_options o;

    ck_assert(parse("train a --dim 8 b --pooling mean --hidden=4 --lr 0.5 --optimizer adam -- --dim", &o));
    ck_assert(o.dim == 8 && o.pooling == TEXT_MEAN && o.hidden == 4 && o.lr == 0.5 && o.rule == TEXT_ADAM && o.n_files == 3);
    ck_assert_str_eq(o.files[1], "b");
    ck_assert_str_eq(o.files[2], "--dim");
    ck_assert(parse("train --epochs 3 --batch 7 --seed 0 --min-count 2 --ngrams 3 --subwords 0 --buckets 9 -", &o));
    ck_assert(o.epochs == 3 && o.batch == 7 && o.seed == 0 && o.min_count == 2 && o.settings.ngrams == 3);
    ck_assert(o.settings.subwords == 0 && o.settings.buckets == 9 && strcmp(o.files[0], "-") == 0);
    ck_assert(parse("train x --freeze-embedding --class-weights none --tokenizer char --quiet --test=t --utf8 replace", &o));
    ck_assert(o.freeze && strcmp(o.class_weights, "none") == 0 && o.settings.kind == TEXT_CHAR && o.quiet && o.reader.replace);
    ck_assert_str_eq(o.test, "t");
    ck_assert(parse("train x --validation 0.2 --patience 3 --label-smoothing 0.2 --threshold 0.7 --positive b", &o));
    ck_assert(o.held_out == 0.2 && !o.validation && o.patience == 3 && o.smoothing == 0.2 && o.threshold == 0.7);
    ck_assert_str_eq(o.positive, "b");
    ck_assert(parse("train x --validation v.tsv --target-precision 0.95", &o) && o.held_out == 0 && o.precision == 0.95);
    ck_assert_str_eq(o.validation, "v.tsv");
    ck_assert(parse("train x --validation 0.2x", &o) && o.held_out == 0 && strcmp(o.validation, "0.2x") == 0);
    ck_assert(parse("train x --target-precision 0.95", &o) && o.held_out == 0.1);
    ck_assert(parse("train x --report r", &o) && o.held_out == 0.1 && strcmp(o.report, "r") == 0);
    ck_assert(parse("train x --report r --test t", &o) && o.held_out == 0);
    ck_assert(parse("train x --patience 1", &o) && o.held_out == 0.1);
    ck_assert(parse("predict --threshold 0.2 --positive b", &o) && o.threshold == 0.2);
    ck_assert(parse("eval x --threshold 0", &o) && o.threshold == 0);
    ck_assert(parse("train x --checkpoint c --checkpoint-every 7 --resume", &o));
    ck_assert(strcmp(o.checkpoint, "c") == 0 && o.every == 7 && o.resume);
    ck_assert(parse("train x --checkpoint c", &o) && o.every == 1000 && !o.resume);
    ck_assert(parse("train x --vectors v", &o) && strcmp(o.vectors, "v") == 0 && o.dim == 0);
    ck_assert(parse("train x --vectors v --dim 300", &o) && o.dim == 300);
    ck_assert(parse("export-vectors --model m f", &o) && o.command == TEXT_EXPORT_VECTORS && o.n_files == 1);
    ck_assert(parse("eval --model m --json --format csv --text-column a --label-column b x", &o));
    ck_assert(o.json && o.reader.format == TEXT_CSV && strcmp(o.model, "m") == 0);
    ck_assert_str_eq(o.reader.text_column, "a");
    ck_assert_str_eq(o.reader.label_column, "b");
    ck_assert(parse("predict --match rude -q --words --explain --json --column 3 --format csv x", &o));
    ck_assert(o.quiet && o.words && o.explain && o.json && o.column == 3 && strcmp(o.match, "rude") == 0);
    ck_assert(parse("explain --html f a b", &o) && o.command == TEXT_EXPLAIN && o.n_files == 2 && strcmp(o.html, "f") == 0);
    ck_assert(parse("neighbours a", &o) && o.command == TEXT_NEIGHBOURS && o.top == 10);
    ck_assert(parse("neighbours a -n 3", &o) && o.top == 3 && parse("neighbours a --top=4", &o) && o.top == 4);
    ck_assert(parse("tune x --dim 8 --seed 3 --model m --format tsv", &o) && o.budget == 60 && o.trials == 0 && o.dim == 8);
    ck_assert(parse("tune x --budget 90", &o) && o.budget == 90 && o.command == TEXT_TUNE);
    ck_assert(parse("tune x --budget 90s", &o) && o.budget == 90);
    ck_assert(parse("tune x --budget=5m", &o) && o.budget == 300);
    ck_assert(parse("tune x --budget 1h", &o) && o.budget == 3600);
    ck_assert(parse("--version", &o) && o.command == TEXT_VERSION);
    ck_assert(parse("completion zsh", &o) && o.command == TEXT_COMPLETION);
    ck_assert(parse("tune x --trials 7", &o) && o.budget == 0 && o.trials == 7);
    for (const char **rule = (const char *[]){"sgd", "adam", "adamw", "adagrad", "rmsprop", "sparse_adam", NULL}; *rule; rule++) {
        char line[60];
        snprintf(line, sizeof line, "train x --optimizer %s", *rule);
        ck_assert(parse(line, &o) && o.lr > 0);
    }
    ck_no_error();
}
END_TEST

static const char *const wrong[][2] = {
    {"trian", "unknown command trian: did you mean train?"},
    {"fly", "unknown command fly: there are train, eval, predict, explain, neighbours, export-vectors, tune and completion"},
    {"--seed 3", "--seed: first comes a command; there are train, eval, predict, explain, neighbours, export-vectors, tune and completion"},
    {"train", "train: no file to learn from: classify train FILE..."},
    {"train --dim 8", "train: no file to learn from: classify train FILE..."},
    {"eval", "eval: one file, please: classify eval --model M FILE"},
    {"eval a b", "eval: one file, please: classify eval --model M FILE"},
    {"predict a b", "predict: one file at most: classify predict [FILE]"},
    {"export-vectors a b", "export-vectors: one file at most: classify export-vectors [FILE]"},
    {"export-vectors --json", "--json is an option of classify eval"},
    {"train x --epoch 3", "unknown option --epoch: did you mean --epochs?"},
    {"train x --epocs=3", "unknown option --epocs: did you mean --epochs?"},
    {"train x --zzzzzzzz", "unknown option --zzzzzzzz: classify train --help lists them"},
    {"train x -v", "unknown option -v: classify train --help lists them"},
    {"eval x --epochs 3", "--epochs is an option of classify train"},
    {"train x --dim", "--dim: a value is missing: --dim N"},
    {"train x --dim 0", "--dim 0: it must be a whole number from 1 to 65536"},
    {"train x --dim 2.5", "--dim 2.5: it must be a whole number from 1 to 65536"},
    {"train x --dim 8x", "--dim 8x: it must be a whole number from 1 to 65536"},
    {"train x --seed -1", "--seed -1: it must be a whole number from 0 to 9e+15"},
    {"train x --lr nan", "--lr nan: it must be a number from 1e-09 to 1e+30"},
    {"train x --lr abc", "--lr abc: it must be a number from 1e-09 to 1e+30"},
    {"train x --lr=", "--lr : it must be a number from 1e-09 to 1e+30"},
    {"train x --lr 0", "--lr 0: it must be a number from 1e-09 to 1e+30"},
    {"train x --ngrams 9", "--ngrams 9: it must be a whole number from 1 to 8"},
    {"train x --optimizer sdg", "--optimizer sdg: it must be sgd, adam, adamw, adagrad, rmsprop or sparse_adam"},
    {"train x --tokenizer words", "--tokenizer words: it must be mixed, word or char"},
    {"train x --pooling sum", "--pooling sum: it must be both, mean or max"},
    {"train x --format xml", "--format xml: it must be tsv, fasttext, csv or auto"},
    {"train x --utf8 ignore", "--utf8 ignore: it must be error or replace"},
    {"train x --class-weights=", "--class-weights \"\": it must not be empty"},
    {"train x --label-smoothing 2", "--label-smoothing 2: it must be a number from 0 to 1"},
    {"train x --validation 0.6", "--validation 0.6: it must be a share from 0 to 0.5, or a file"},
    {"train x --validation -1", "--validation -1: it must be a share from 0 to 0.5, or a file"},
    {"train x --validation=", "--validation \"\": it must not be empty"},
    {"train x --validation 0 --patience 2", "--patience: on which texts? --validation PART names them"},
    {"train x --validation 0 --target-precision 0.9", "--target-precision: on which texts? --validation PART names them"},
    {"train x --validation 0 --report r", "--report: on which texts? --validation PART names them"},
    {"train x --threshold 0.5 --target-precision 0.9", "--target-precision chooses a threshold: leave --threshold out"},
    {"predict --positive b", "--positive: from which probability on? --threshold X says it"},
    {"predict --threshold 1.5", "--threshold 1.5: it must be a number from 0 to 1"},
    {"train x --quiet=yes", "--quiet takes no value"},
    {"train x --model=", "--model \"\": it must not be empty"},
    {"train x --resume", "--resume: which file? --checkpoint FILE names it"},
    {"train x --checkpoint-every 3", "--checkpoint-every: which file? --checkpoint FILE names it"},
    {"train x --checkpoint c --checkpoint-every 0", "--checkpoint-every 0: it must be a whole number from 1 to 1e+15"},
    {"eval x --resume", "--resume is an option of classify train"},
    {"eval x --words", "--words is an option of classify predict"},
    {"explain", "explain: no text: classify explain \"TEXT\""},
    {"neighbours", "neighbours: one word, please: classify neighbours WORD"},
    {"neighbours a b", "neighbours: one word, please: classify neighbours WORD"},
    {"neighbours a -n 0", "-n 0: it must be a whole number from 1 to 1000000000"},
    {"predict -q", "-q: which label? --match LABEL names it"},
    {"predict --column 0", "--column 0: it must be a whole number from 1 to 1000000"},
    {"predict --column 1 --format fasttext", "--format fasttext: predict reads tsv or csv, or texts a line"},
    {"predict --format csv", "--format: which column? --column N names it"},
    {"tune", "tune: no file to learn from: classify tune FILE..."},
    {"tune x --budget 1d", "--budget 1d: it must be seconds, as 90 or 90s, or 5m, or 1h"},
    {"tune x --budget 0", "--budget 0: it must be seconds, as 90 or 90s, or 5m, or 1h"},
    {"tune x --budget -5", "--budget -5: it must be seconds, as 90 or 90s, or 5m, or 1h"},
    {"tune x --budget h", "--budget h: it must be seconds, as 90 or 90s, or 5m, or 1h"},
    {"tune x --budget 1.5h", "--budget 1.5h: it must be seconds, as 90 or 90s, or 5m, or 1h"},
    {"tune x --budget 999999h", "--budget 999999h: it must be seconds, as 90 or 90s, or 5m, or 1h"},
    {"tune x --budget 99999999999999999999", "--budget 99999999999999999999: it must be seconds, as 90 or 90s, or 5m, or 1h"},
    {"tune x --trials 0", "--trials 0: it must be a whole number from 1 to 1000000"},
    {"tune x --trials 3 --budget 5", "--trials instead of --budget, or --budget instead of --trials: not both"},
    {"tune x --validation v", "tune holds texts out by itself: leave --validation and --patience out"},
    {"tune x --validation 0.2", "tune holds texts out by itself: leave --validation and --patience out"},
    {"tune x --patience 2", "tune holds texts out by itself: leave --validation and --patience out"},
    {"tune x --checkpoint c", "--checkpoint is an option of classify train"},
    {"train x --trials 3", "--trials is an option of classify tune"},
    {"completion", "completion: for which shell? classify completion bash, or zsh"},
    {"completion fish", "completion: for which shell? classify completion bash, or zsh"},
    {"help fly", "unknown command fly: there are train, eval, predict, explain, neighbours, export-vectors, tune and completion"},
};

START_TEST(wrong_command_lines)
{
    text_options o;

    ck_assert(!parse(wrong[_i][0], &o));
    ck_error(TN_EUSAGE, wrong[_i][1]);
}
END_TEST

/* What decides the model, and nothing else; numbers come back as they were. */
START_TEST(description)
{
    static const char *const lines[][2] = {
        {"", "--dim 64\n--pooling both\n--hidden 0\n--epochs 0\n--batch 32\n--lr 0.96\n--optimizer sgd\n--tokenizer mixed\n--ngrams 2\n"
             "--subwords 5\n--buckets 200000\n--min-count 1\n--vectors none\n--freeze-embedding no\n--class-weights none\n"
             "--label-smoothing 0.1\n--validation 0\n--patience 0\n--seed 1\n"},
        {"--dim 3 --pooling max --hidden 4 --epochs 5 --batch 6 --lr 0.10000000000000002 --optimizer rmsprop --tokenizer word --ngrams 1 "
         "--subwords 0 --buckets 7 --min-count 8 --vectors v.vec --freeze-embedding --class-weights a=2,b=1 --label-smoothing 0.3 "
         "--validation v --patience 3 --seed 9000000000000000",
         "--dim 3\n--pooling max\n--hidden 4\n--epochs 5\n--batch 6\n--lr 0.10000000000000002\n--optimizer rmsprop\n--tokenizer word\n"
         "--ngrams 1\n--subwords 0\n--buckets 7\n--min-count 8\n--vectors v.vec\n--freeze-embedding yes\n--class-weights a=2,b=1\n"
         "--label-smoothing 0.3\n--validation v\n--patience 3\n"
         "--seed 9000000000000000\n"}};
    text_options o;

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char        line[550];
        text_buffer b = {0};
        snprintf(line, sizeof line, "train x %s --quiet --model m --test t", lines[i][0]);
        ck_assert(parse(line, &o));
        ck_assert(text_options_describe(&o, &b, &err));
        ck_assert_str_eq(b.s, lines[i][1]);
        text_buffer_free(&b);
    }
    ck_no_error();
}
END_TEST

/* What was given, as it can be given again: not the files, and nothing that is tune's alone. */
START_TEST(as_words)
{
    text_options o, base;
    text_buffer  b = {0};

    ck_assert(parse("tune x --lr 0.10000000000000002 --trials 3 --freeze-embedding --model m's --utf8 replace --format csv", &o));
    ck_assert(text_options_words(&o, NULL, &b, &err));
    ck_assert_str_eq(b.s, " --model 'm'\\''s' --lr 0.10000000000000002 --freeze-embedding --format csv --utf8 replace");
    base = o;
    ck_assert(text_options_set(&o, "--dim", "8", &err) && o.dim == 8);
    b.n = 0;
    ck_assert(text_options_words(&o, &base, &b, &err));
    ck_assert_str_eq(b.s, " --dim 8");
    ck_assert(text_options_set(&o, "--batch", "64", &err) && o.lr == 0.10000000000000002);
    ck_assert(parse("tune x", &o) && text_options_set(&o, "--batch", "64", &err) && o.lr == 64 * 0.03);
    b.n = 0;
    ck_assert(parse("tune x --utf8 error", &o) && text_options_words(&o, NULL, &b, &err));
    ck_assert_str_eq(b.s, " --utf8 error");
    b.n = 0;
    text_options_quote("", &b, &err);
    text_options_quote("x y", &b, &err);
    ck_assert_str_eq(b.s, "'''x y'");
    ck_no_error();
    ck_assert(!text_options_set(&o, "--dim", "x", &err));
    ck_error(TN_EUSAGE, "--dim x: it must be a whole number from 1 to 65536");
    ck_assert(!text_options_set(&o, "--json", "x", &err));
    ck_error(TN_EUSAGE, "--json is an option of classify eval");
    text_buffer_free(&b);
}
END_TEST

/* All that tune tries is what train takes. */
START_TEST(what_is_tried)
{
    text_options o;

    ck_assert(parse("tune x", &o));
    for (const text_choice *c = text_tune_space; c->option; c++) {
        ck_assert_str_eq(c->values[0], "");
        for (int i = 1; i < 8 && c->values[i]; i++) ck_assert(text_options_set(&o, c->option, c->values[i], &err));
        ck_assert(text_options_given(&o, c->option));
    }
    ck_no_error();
}
END_TEST

/* The words that are said to be all that an option takes are what it takes. */
START_TEST(choices)
{
    text_options o;
    text_option  op;
    int          n = 0;

    ck_assert(parse("tune x", &o));
    for (int i = 0; text_option_at(TEXT_TUNE, i, &op); i++) {
        char words[100] = "";
        if (op.choices) snprintf(words, sizeof words, "%s", op.choices);
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " "), n++)
            ck_assert(text_options_set(&o, op.name, word, &err));
        ck_assert(!op.is_file || !op.choices);
    }
    ck_assert_int_ge(n, 15);
    ck_no_error();
}
END_TEST

static void print_help(text_command about, char *text, size_t size)
{
    FILE  *f = tmpfile();
    size_t n;

    text_options_help(about, f);
    rewind(f);
    n = fread(text, 1, size - 1, f);
    text[n] = 0;
    fclose(f);
}

START_TEST(help)
{
    static const struct {
        const char  *line;
        text_command about;
    } asked[] = {{"--help", TEXT_DEMO},         {"-h", TEXT_DEMO},           {"help", TEXT_DEMO},     {"help help", TEXT_DEMO},
                 {"help train", TEXT_TRAIN},    {"train --help", TEXT_TRAIN}, {"eval -h", TEXT_EVAL},
                 {"predict --help", TEXT_PREDICT}, {"explain --help", TEXT_EXPLAIN},
                 {"help neighbours", TEXT_NEIGHBOURS}, {"export-vectors -h", TEXT_EXPORT_VECTORS}, {"tune -h", TEXT_TUNE}};
    text_options o;
    char         text[6000];

    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        ck_assert(parse(asked[i].line, &o));
        ck_assert(o.command == TEXT_HELP && o.about == asked[i].about);
        print_help(o.about, text, sizeof text);
        ck_assert_int_eq(strncmp(text, "usage: classify", 15), 0);
        ck_assert_int_eq(strstr(text, "--epochs N") != NULL, o.about == TEXT_TRAIN || o.about == TEXT_TUNE);
        ck_assert_int_eq(strstr(text, "--json") != NULL, o.about == TEXT_EVAL || o.about == TEXT_PREDICT);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) ck_assert_int_le(strlen(line), 118);
    }
}
END_TEST

#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

START_TEST(nearest_word)
{
    static const char *const words[] = {"apple", "pear", "plum"};

    ck_assert_str_eq(text_nearest("aple", 3, words), "apple");
    ck_assert_str_eq(text_nearest("pler", 3, words), "pear");
    ck_assert_ptr_null(text_nearest("banana", 3, words));
    ck_assert_ptr_null(text_nearest(LONG, 3, words));
    ck_assert_ptr_null(text_nearest("a", 1, (const char *[]){LONG}));
}
END_TEST

/* No terminal: a plain line per epoch, no carriage return. */
START_TEST(progress_lines)
{
    text_progress p;
    char          text[500];
    FILE         *f = tmpfile();
    size_t        n;

    text_progress_begin(&p, f, 2, 400);
    text_progress_step(&p, 3, 100, 1.0, 1);
    text_progress_step(&p, 1, 100, 0.2, 1);
    text_progress_epoch(&p);
    text_progress_step(&p, 4, 200, 0.25, 4);
    text_progress_epoch(&p);
    text_progress_score(&p, 0.75);
    text_progress_end(&p);
    rewind(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    ck_assert_ptr_nonnull(strstr(text, "epoch 1/2  loss 0.8000  accuracy 0.5000  "));
    ck_assert_ptr_nonnull(strstr(text, "\nepoch 2/2  loss 0.2500  accuracy 1.0000  "));
    ck_assert_ptr_nonnull(strstr(text, "\n            on validation: macro-F1 0.7500\n"));
    ck_assert_ptr_null(strchr(text, '\r'));
    text_progress_begin(&p, NULL, 1, 0); /* quiet */
    text_progress_epoch(&p);
    text_progress_end(&p);
}
END_TEST

/* What was written to a terminal since the last call. */
static const char *seen_on(int terminal)
{
    static char text[1000];
    ssize_t     n = read(terminal, text, sizeof text - 1);

    ck_assert_int_gt(n, 0);
    text[n] = 0;
    return text;
}

/* The bar is drawn again and again in its line, with what is left by the rate until now. */
START_TEST(progress_on_a_terminal)
{
    int           terminal = posix_openpt(O_RDWR | O_NOCTTY);
    FILE         *f;
    text_progress p;

    ck_assert(terminal >= 0 && !grantpt(terminal) && !unlockpt(terminal));
    f = fopen(ptsname(terminal), "w");
    ck_assert_ptr_nonnull(f);
    text_progress_begin(&p, f, 2, 4000000);
    p.started -= 1000;
    text_progress_step(&p, 4, 1000000, 0.5, 3);
    ck_assert_ptr_nonnull(strstr(seen_on(terminal), "\repoch 1/2 [######..................] loss 0.5000  0.00 M tokens/s  50:0"));
    p.started -= 100000;
    text_progress_step(&p, 4, 1000000, 1.5, 3);
    ck_assert_ptr_nonnull(strstr(seen_on(terminal), "\repoch 1/2 [############............] loss 1.0000  0.00 M tokens/s  28:0"));
    p.shown += 1000; /* just now */
    text_progress_step(&p, 2, 1000000, 1, 0);
    text_progress_epoch(&p);
    fflush(f);
    ck_assert_int_eq(strncmp(seen_on(terminal), "\r\033[Kepoch 1/2  loss 1.0000  accuracy 0.6000  0.00 M tokens/s\r\n", 60), 0);
    text_progress_end(&p);
    fflush(f);
    ck_assert_str_eq(seen_on(terminal), "\r\033[K");
    text_progress_begin(&p, f, 1, 0); /* nothing to do, and a clock that stands */
    p.started += 1e6;
    p.shown = -1e9;
    text_progress_step(&p, 0, 0, 0, 0);
    ck_assert_ptr_nonnull(strstr(seen_on(terminal), "\repoch 1/1 [########################] loss 0.0000  0.00 M tokens/s  0:00 left \033[K"));
    fclose(f);
    close(terminal);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, defaults);
    tcase_add_test(c, all_options);
    tcase_add_loop_test(c, wrong_command_lines, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(c, description);
    tcase_add_test(c, as_words);
    tcase_add_test(c, what_is_tried);
    tcase_add_test(c, choices);
    tcase_add_test(c, help);
    tcase_add_test(c, nearest_word);
    tcase_add_test(c, progress_lines);
    tcase_add_test(c, progress_on_a_terminal);
}

int main(void)
{
    return run_case("text_options", add);
}
