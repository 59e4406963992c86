/* classify.c: learns to label texts, and labels them. The model and its training stand here; reading, tokens, the
 * vocabulary, the command line, scores and progress are in text/. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

#include "text/checkpoint.h"
#include "text/data.h"
#include "text/metrics.h"
#include "text/model_file.h"
#include "text/options.h"
#include "text/progress.h"
#include "text/signals.h"
#include "text/utf8.h"

/* ---- the model ------------------------------------------------------------------------------------------------- */

typedef struct classifier {
    nn_embedding words;
    nn_linear    hidden, out; /* hidden.weight is NULL if there is no hidden layer */
} classifier;

typedef struct sizes {
    int64_t rows, dim, hidden, classes;
} sizes;

static void classifier_init(classifier *m, tn_params *ps, sizes size, tn_init rows)
{
    *m = (classifier){.words.options = tn_embedding_defaults()};
    m->words.weight = tn_param(ps, TN_DIMS(size.rows, size.dim), rows, "words.weight");
    if (size.hidden) nn_linear_init(&m->hidden, ps, "hidden", size.dim, size.hidden);
    nn_linear_init(&m->out, ps, "out", size.hidden ? size.hidden : size.dim, size.classes);
}

/* sqrt(n) for each text of n ids -> (texts, 1) */
static tn_tensor *root_of_length(tn_tape *t, tn_bags texts)
{
    tn_tensor *root = tn_input(t, TN_DIMS(texts.n, 1), NULL, false);

    for (int64_t i = 0; root && i < texts.n; i++) {
        int64_t end = i + 1 < texts.n ? texts.offsets[i + 1] : texts.ids.n;
        root->data[i] = (tn_real)sqrt((double)(end - texts.offsets[i]));
    }
    return root;
}

/* texts -> logits (texts, classes). The mean of a text's rows, times sqrt(n): n random rows of length 1 then add up
 * to length 1 whatever n is, so a long text's few telling tokens are not averaged away. */
static tn_tensor *classifier_forward(const classifier *m, tn_tape *t, tn_bags texts)
{
    tn_tensor *x = nn_embedding_mean(&m->words, t, texts);

    x = tn_mul(t, x, root_of_length(t, texts));
    if (m->hidden.weight) x = tn_relu(t, nn_linear_forward(&m->hidden, t, x));
    return nn_linear_forward(&m->out, t, x);
}

/* What the commands work with. */
typedef struct program {
    text_options options;
    text_model   text; /* vocabulary, tokenizer's settings, labels */
    classifier   model;
    tn_params   *ps;
    tn_error    *err;
    int          stopped; /* by this signal; 0: not */
} program;

/* ---- training -------------------------------------------------------------------------------------------------- */

static optim *new_optim(tn_params *ps, text_rule rule, double lr)
{
    optim_sgd_options     sgd = optim_sgd_defaults();
    optim_adam_options    adam = rule == TEXT_ADAMW ? optim_adamw_defaults() : optim_adam_defaults();
    optim_adagrad_options adagrad = optim_adagrad_defaults();
    optim_rmsprop_options rmsprop = optim_rmsprop_defaults();

    sgd.lr = adam.lr = adagrad.lr = rmsprop.lr = lr;
    switch (rule) {
    case TEXT_SGD:
        return optim_sgd(ps, sgd);
    case TEXT_ADAM:
        return optim_adam(ps, adam);
    case TEXT_ADAMW:
        return optim_adamw(ps, adam);
    case TEXT_ADAGRAD:
        return optim_adagrad(ps, adagrad);
    case TEXT_RMSPROP:
        return optim_rmsprop(ps, rmsprop);
    case TEXT_SPARSE_ADAM:
        return optim_sparse_adam(ps, adam);
    }
    return NULL;
}

/* What a training works with, and its own room. */
typedef struct training {
    tn_tape        *t;
    optim          *opt;
    tn_real        *weights; /* of the classes; NULL: all count the same */
    int32_t        *answers; /* of a batch */
    int64_t         room;
    int64_t         batches, steps; /* in an epoch; in all */
    double          loss; /* the last finite one */
    text_checkpoint checkpoint;
    text_progress   progress;
} training;

/* The classes' weights: n / (classes * n of this class), as scikit-learn's "balanced". */
static tn_real *balanced_weights(const text_data *data, int64_t classes, tn_error *err)
{
    tn_real *weights = calloc((size_t)classes, sizeof *weights);

    if (!weights) {
        tn_fail(err, TN_EMEMORY, "out of memory: no room for %lld classes", (long long)classes);
        return NULL;
    }
    for (int64_t i = 0; i < data->n; i++) weights[data->labels[i]] += 1;
    for (int64_t i = 0; i < classes; i++) weights[i] = (tn_real)data->n / ((tn_real)classes * weights[i]);
    return weights;
}

/* What is left to do is told from where it begins. */
static void begin_progress(training *tr, const text_options *o, const text_data *data)
{
    const int64_t done = optim_steps(tr->opt);
    const double  left = 1 - (double)done / (double)tr->steps;

    text_progress_begin(&tr->progress, o->quiet ? NULL : stderr, o->epochs,
                        (int64_t)((double)(data->ids.n * o->epochs) * left));
    tr->progress.epoch = done / tr->batches;
}

static void training_begin(training *tr, program *p, const text_data *data)
{
    const text_options *o = &p->options;

    *tr = (training){.batches = (data->n + o->batch - 1) / o->batch, .loss = NAN};
    tr->steps = tr->batches * o->epochs;
    tr->t = tn_tape_new((uint64_t)o->seed, 0, p->err);
    tr->opt = new_optim(p->ps, o->rule, o->lr);
    if (o->balanced) tr->weights = balanced_weights(data, p->text.classes, p->err);
    text_reserve(&tr->answers, &tr->room, o->batch < data->n ? o->batch : data->n, sizeof *tr->answers, p->err);
    if (text_checkpoint_begin(&tr->checkpoint, o, &p->text, data, p->err) && o->resume)
        text_checkpoint_load(&tr->checkpoint, tr->opt, p->err);
    tn_tape_set_count(tr->t, (uint64_t)optim_steps(tr->opt));
    if (tr->checkpoint.path) text_signals_catch();
    begin_progress(tr, o, data);
}

static void training_end(training *tr)
{
    if (tr->checkpoint.path) text_signals_release();
    text_progress_end(&tr->progress);
    text_checkpoint_end(&tr->checkpoint);
    free(tr->answers);
    free(tr->weights);
    optim_free(tr->opt);
    tn_tape_free(tr->t);
}

static void show(training *tr, const text_batch *b, const tn_tensor *logits, double loss)
{
    int64_t right = 0;

    if (!tn_argmax(tr->t, logits, -1, tr->answers)) return;
    for (int64_t i = 0; i < b->labels.n; i++) right += tr->answers[i] == b->labels.id[i];
    text_progress_step(&tr->progress, b->labels.n, b->texts.ids.n, loss, right);
}

static tn_tensor *loss_of(training *tr, tn_tensor *logits, tn_ids labels)
{
    tn_tensor *weights = NULL, *loss;

    if (tr->weights) weights = tn_const(tr->t, TN_DIMS(logits ? logits->size[1] : 0), tr->weights);
    loss = tn_cross_entropy_with(tr->t, logits, labels, weights, tn_cross_entropy_defaults());
    if (isfinite(tn_item(loss))) tr->loss = tn_item(loss);
    else if (loss)
        tn_fail(tn_tape_error(tr->t), TN_ENONFINITE, "the loss is %s", isnan(tn_item(loss)) ? "not a number" : "infinite");
    return loss;
}

/* Says where it was that a number was none, and what is left. */
static void tell_where(const training *tr, tn_error *err)
{
    const tn_error  cause = *err;
    const long long steps = optim_steps(tr->opt);
    char            kept[300] = "";

    if (cause.code != TN_ENONFINITE) return;
    if (tr->checkpoint.step)
        snprintf(kept, sizeof kept, "; %.200s is as it was after step %lld", tr->checkpoint.path, (long long)tr->checkpoint.step);
    tn_error_clear(err);
    tn_fail(err, cause.code, "step %lld, batch %lld of epoch %lld: %s; the last finite loss was %.6g: try a smaller --lr%s",
            steps + 1, steps % tr->batches + 1, steps / tr->batches + 1, cause.text, tr->loss, kept);
}

/* Between a loss and its step: the loss has just shown that the parameters are good. False: the training ends here. */
static bool keep_checkpoint(program *p, training *tr)
{
    const int stop = text_signals_caught();

    if (!stop && !text_checkpoint_is_due(&tr->checkpoint, optim_steps(tr->opt))) return tn_ok(tr->t);
    if (!tn_ok(tr->t) || !text_checkpoint_save(&tr->checkpoint, &p->text, tr->opt, p->err)) return false;
    p->stopped = stop;
    return !stop;
}

static void train_epoch(program *p, training *tr, text_data *data)
{
    tn_tape *t = tr->t;

    for (text_batch b; tn_ok(t) && text_next(data, p->options.batch, &b);) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN); /* drops the previous step */
        tn_tensor *logits = classifier_forward(&p->model, t, b.texts);
        tn_tensor *loss = loss_of(tr, logits, b.labels);
        if (!keep_checkpoint(p, tr)) return;
        tn_backward(t, loss);
        optim_clip_norm(p->ps, 1); /* large batches come with large rates: one step must not throw the run away */
        optim_set_lr(tr->opt, optim_linear_lr(p->options.lr, optim_steps(tr->opt), tr->steps, 1, 0));
        optim_step(tr->opt); /* does nothing if the step failed */
        show(tr, &b, logits, tn_item(loss));
    }
    if (tn_ok(t)) text_progress_epoch(&tr->progress);
}

/* From the step on that the optimiser is at: 0, or a checkpoint's. */
static bool train_model(program *p, text_data *data)
{
    const text_options *o = &p->options;
    training            tr;

    tn_freeze(p->model.words.weight, o->freeze);
    training_begin(&tr, p, data);
    while (tn_ok(tr.t) && !p->stopped && optim_steps(tr.opt) < tr.steps) {
        const int64_t epoch = optim_steps(tr.opt) / tr.batches, seen = optim_steps(tr.opt) % tr.batches;
        if (!text_data_shuffle(data, tn_rng_new((uint64_t)o->seed, 1, (uint64_t)epoch, 0))) break;
        text_data_skip(data, seen * o->batch);
        train_epoch(p, &tr, data);
    }
    tell_where(&tr, p->err);
    training_end(&tr);
    if (p->stopped)
        fprintf(stderr, "classify: stopped after step %lld of %lld: the same command with --resume goes on from %s\n",
                (long long)tr.checkpoint.step, (long long)tr.steps, o->checkpoint);
    return !p->err->code && !p->stopped;
}

/* ---- reading, reporting ---------------------------------------------------------------------------------------- */

/* The texts of files as ids; learn: the vocabulary and the labels are made from them first. */
static bool read_data(program *p, int n, char *const *paths, bool learn, text_data *data)
{
    text_corpus      corpus = {0};
    text_vocabulary *labels = &p->text.labels;
    bool             ok = text_corpus_read(&corpus, n, paths, p->options.reader, labels, p->err);

    if (ok && learn) {
        ok = text_corpus_sort_labels(&corpus, labels, p->err) &&
             text_corpus_learn(&corpus, &p->text.encoder, p->options.min_count, p->err);
        p->text.classes = labels->n;
    }
    if (ok && corpus.malformed)
        fprintf(stderr, "classify: %lld pieces of %s%s were not UTF-8, and became U+FFFD\n",
                (long long)corpus.malformed, paths[0], n > 1 ? ", ..." : "");
    ok = ok && text_data_encode(data, &corpus, &p->text.encoder);
    text_corpus_free(&corpus);
    return ok;
}

/* What the model says about each text of data, beside what is true. */
static bool evaluate(program *p, text_data *data, text_metrics *metrics)
{
    enum { SIZE = 256 };
    tn_tape *t = tn_tape_new(0, 0, p->err);
    int32_t  answers[SIZE];

    text_data_rewind(data);
    for (text_batch b; tn_ok(t) && text_next(data, SIZE, &b);) {
        tn_tape_begin(t, TN_EVAL);
        if (!tn_argmax(t, classifier_forward(&p->model, t, b.texts), -1, answers)) break;
        for (int64_t i = 0; i < b.labels.n; i++) text_metrics_add(metrics, b.labels.id[i], answers[i]);
    }
    tn_tape_free(t);
    return !p->err->code;
}

static void warn_of_unknown(const program *p, const text_data *data)
{
    int64_t strangers = 0;

    for (int64_t i = 0; i < data->n; i++) strangers += data->labels[i] >= p->text.classes;
    if (strangers)
        fprintf(stderr, "classify: %lld texts have labels that the model does not know: they count as mistakes\n",
                (long long)strangers);
}

/* What was written to the standard output is there, as far as the system says. */
static bool flush(tn_error *err)
{
    if (!fflush(stdout) && !ferror(stdout)) return true;
    return tn_fail(err, TN_EIO, "cannot write to the standard output: %s", strerror(errno));
}

static bool report(program *p, text_data *data)
{
    text_metrics metrics;
    bool         ok = text_metrics_init(&metrics, &p->text.labels, p->err);

    warn_of_unknown(p, data);
    ok = ok && evaluate(p, data, &metrics);
    if (ok && p->options.json)
        text_metrics_json(&metrics, stdout);
    else if (ok)
        text_metrics_print(&metrics, stdout);
    ok = ok && flush(p->err);
    text_metrics_free(&metrics);
    return ok;
}

/* ---- commands -------------------------------------------------------------------------------------------------- */

/* A model for what was read. Rows start small, not as N(0, 1): one that training never touches then says next to
 * nothing. */
static bool build(program *p)
{
    const text_options *o = &p->options;
    sizes               size = {text_encoder_rows(&p->text.encoder), o->dim, o->hidden, p->text.classes};

    if (size.classes < 2)
        return tn_fail(p->err, TN_EFORMAT, "%s: all texts have the same label; to learn takes two or more",
                       o->files[0]);
    if (size.rows < 1)
        return tn_fail(p->err, TN_EFORMAT, "%s: no token occurs %lld times: lower --min-count", o->files[0],
                       (long long)o->min_count);
    p->ps = tn_params_new((uint64_t)o->seed, p->err);
    classifier_init(&p->model, p->ps, size, tn_uniform(-1.0 / (double)o->dim, 1.0 / (double)o->dim));
    return !p->err->code;
}

/* A small set needs more epochs to be learnt: about 120,000 texts are shown in all, each 5 to 25 times. */
static int64_t epochs_for(int64_t texts)
{
    int64_t epochs = (120000 + texts - 1) / texts;

    return epochs < 5 ? 5 : epochs > 25 ? 25 : epochs;
}

static bool learn(program *p, text_data *data, text_data *test)
{
    text_options *o = &p->options;
    char *const   tests[] = {(char *)o->test};

    if (!read_data(p, o->n_files, o->files, true, data) || (o->test && !read_data(p, 1, tests, false, test)))
        return false;
    if (!o->epochs) o->epochs = epochs_for(data->n);
    if (!o->quiet)
        fprintf(stderr, "%lld texts, %lld ids of %lld, %d labels\n", (long long)data->n, (long long)data->ids.n,
                (long long)text_encoder_rows(&p->text.encoder), (int)p->text.classes);
    return build(p) && train_model(p, data);
}

static bool train_command(program *p)
{
    const text_options *o = &p->options;
    text_data           data = {.err = p->err}, test = {.err = p->err};
    bool                ok;

    p->text.encoder.settings = o->settings;
    ok = text_model_path_check(o->model, p->err) && text_checkpoint_path_check(o, p->err) && learn(p, &data, &test) &&
         text_model_save(&p->text, p->ps, o->model, p->err) && (!o->test || report(p, &test));
    text_data_free(&data);
    text_data_free(&test);
    return ok;
}

/* The sizes of the tensors in a model file, so that what is reserved is no larger than the file. */
static bool sizes_in(const tn_file *f, const program *p, sizes *size)
{
    tn_file_entry entry;

    *size = (sizes){text_encoder_rows(&p->text.encoder), 0, 0, p->text.classes};
    for (int i = 0; tn_file_at(f, i, &entry); i++) {
        if (strcmp(entry.name, "words.weight") == 0 && entry.shape.n == 2 && entry.shape.at[0] == size->rows)
            size->dim = entry.shape.at[1];
        if (strcmp(entry.name, "hidden.bias") == 0 && entry.shape.n == 1) size->hidden = entry.shape.at[0];
    }
    if (size->dim < 1)
        return tn_fail(p->err, TN_EFORMAT,
                       "%s: it needs a tensor \"words.weight\" with %lld rows: its vocabulary of %d "
                       "and its buckets",
                       p->options.model, (long long)size->rows, (int)p->text.encoder.words.n);
    return true;
}

static bool load(program *p)
{
    tn_file *f = tn_file_open(p->options.model, p->err);
    sizes    size;
    bool     ok = f && text_model_read(&p->text, f, p->options.model, p->err) && sizes_in(f, p, &size);

    if (ok) {
        p->ps = tn_params_new(0, p->err);
        classifier_init(&p->model, p->ps, size, tn_constant(0));
        ok = tn_file_load(f, p->ps, TN_STRICT);
    }
    tn_file_close(f);
    return ok;
}

static bool eval_command(program *p)
{
    text_data data = {.err = p->err};
    bool      ok = load(p) && read_data(p, 1, p->options.files, false, &data) && report(p, &data);

    text_data_free(&data);
    return ok;
}

/* ---- prediction ------------------------------------------------------------------------------------------------ */

enum { LINES = 256 };

/* Lines that are labelled together, and what is written about them. */
typedef struct answers {
    text_span   line[LINES];
    text_data   data;
    text_buffer out;
    int64_t     malformed;
} answers;

/* label<TAB>probability<TAB>text; malformed UTF-8 as U+FFFD. */
static bool write_answer(program *p, answers *a, text_span line, int32_t label, double probability)
{
    text_span name = text_vocabulary_at(&p->text.labels, label);
    int       parts = (int)(probability * 10000 + 0.5);
    char      number[] = {'\t',
                          (char)('0' + parts / 10000),
                          '.',
                          (char)('0' + parts / 1000 % 10),
                          (char)('0' + parts / 100 % 10),
                          (char)('0' + parts / 10 % 10),
                          (char)('0' + parts % 10),
                          '\t'};

    return text_buffer_add(&a->out, name.s, name.n, p->err) &&
           text_buffer_add(&a->out, number, sizeof number, p->err) &&
           text_utf8_replace(&a->out, line, &a->malformed, p->err) && text_buffer_add(&a->out, "\n", 1, p->err);
}

/* Labels all lines of a, and writes them out. */
static bool answer(program *p, answers *a, tn_tape *t)
{
    int32_t    label[LINES];
    tn_tensor *probability;
    bool       ok;

    tn_tape_begin(t, TN_EVAL);
    probability = tn_softmax(t, classifier_forward(&p->model, t, text_data_all(&a->data).texts), -1);
    ok = tn_argmax(t, probability, -1, label);
    for (int64_t i = 0; ok && i < a->data.n; i++)
        ok = write_answer(p, a, a->line[i], label[i], (double)probability->data[i * p->text.classes + label[i]]);
    if (ok) fwrite(a->out.s, 1, (size_t)a->out.n, stdout);
    ok = ok && flush(p->err);
    text_data_clear(&a->data);
    a->out.n = 0;
    return ok;
}

static bool add_line(program *p, answers *a, text_span line)
{
    a->line[a->data.n] = line;
    return text_data_add(&a->data, &p->text.encoder, line, 0);
}

/* As many lines as there are, up to LINES, and then their answers: nothing is held back while more input is awaited.
 */
static bool answer_lines(program *p, text_lines *in)
{
    answers  a = {.data.err = p->err};
    tn_tape *t = tn_tape_new(0, 0, p->err);
    bool     ok = t;

    for (text_span line; ok && text_lines_next(in, &line);) {
        ok = add_line(p, &a, line);
        while (ok && a.data.n < LINES && !text_lines_will_read(in) && text_lines_next(in, &line))
            ok = add_line(p, &a, line);
        ok = ok && answer(p, &a, t);
    }
    if (a.malformed)
        fprintf(stderr, "classify: %lld pieces were not UTF-8, and became U+FFFD\n", (long long)a.malformed);
    tn_tape_free(t);
    text_data_free(&a.data);
    text_buffer_free(&a.out);
    return ok && !p->err->code;
}

static bool predict_command(program *p)
{
    text_lines in;
    bool       ok;

    if (!load(p) || !text_lines_open(&in, p->options.n_files ? p->options.files[0] : NULL, p->err)) return false;
    ok = answer_lines(p, &in);
    text_lines_close(&in);
    return ok;
}

/* ---- without a command: the bundled texts ---------------------------------------------------------------------- */

/* In none of the bundled texts, though some of their characters stand in profane ones (cocktail, 幹部, 操場, 操作).
 */
static const char *const samples[] = {
    "the cocktail class starts at seven",
    "could you water the plants while we are away",
    "shut up, you stupid bastard",
    "this game is such bullsh1t",
    "放學後我要去操場跑步",
    "我們的幹部都很認真",
    "靠北，錢包不見了",
    "这台机器操作起来很简单",
    "他妈的又堵车了",
    "Ｆｕｃｋ　ｔｈｉｓ　ｇａｍｅ",
};

static bool label_samples(program *p)
{
    answers  a = {.data.err = p->err};
    tn_tape *t = tn_tape_new(0, 0, p->err);
    bool     ok = t;

    for (size_t i = 0; ok && i < sizeof samples / sizeof *samples; i++)
        ok = add_line(p, &a, text_span_of(samples[i]));
    ok = ok && answer(p, &a, t);
    tn_tape_free(t);
    text_data_free(&a.data);
    text_buffer_free(&a.out);
    return ok;
}

static bool demo_command(program *p)
{
    char        path[] = "examples/data/train.tsv";
    char *const files[] = {path};
    text_data   data = {.err = p->err}, test = {.err = p->err};
    bool        ok;

    p->options.files = files;
    p->options.n_files = 1;
    p->options.test = "examples/data/test.tsv";
    p->text.encoder.settings = p->options.settings;
    ok = learn(p, &data, &test) && report(p, &test);
    if (ok) {
        printf("\nSentences that it has not seen:\n");
        ok = label_samples(p);
    }
    text_data_free(&data);
    text_data_free(&test);
    return ok;
}

/* ---- main ------------------------------------------------------------------------------------------------------ */

static bool run(program *p)
{
    switch (p->options.command) {
    case TEXT_TRAIN:
        return train_command(p);
    case TEXT_EVAL:
        return eval_command(p);
    case TEXT_PREDICT:
        return predict_command(p);
    case TEXT_HELP:
        text_options_help(p->options.about, stdout);
        return true;
    default:
        return demo_command(p);
    }
}

int main(int argc, char **argv)
{
    tn_error err = {0};
    program  p = {.err = &err};

    if (text_options_parse(&p.options, argc, argv, &err) && run(&p)) flush(&err);
    if (err.code) fprintf(stderr, "classify: %s\n", err.text);
    tn_params_free(p.ps);
    text_model_free(&p.text);
    if (p.stopped) raise(p.stopped); /* so that whoever waits for the program sees why it ended */
    return err.code == TN_EUSAGE ? 2 : err.code ? 1 : 0;
}
