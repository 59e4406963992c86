/* program.c: what several commands of examples/classify do. */
#include "program.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As doubles, which do not overflow. */
static double numbers_of(const text_sizes *s)
{
    double rows = (double)s->rows, dim = (double)s->dim, hidden = (double)s->hidden, classes = (double)s->classes;

    return rows * dim + hidden * (dim + 1) + classes * ((hidden > 0 ? hidden : dim) + 1);
}

static double numbers_in(const tn_file *f)
{
    tn_file_entry entry;
    double        all = 0;

    for (int i = 0; tn_file_at(f, i, &entry); i++) {
        double n = 1;
        for (int d = 0; d < entry.shape.n; d++) n *= (double)entry.shape.at[d];
        all += n;
    }
    return all;
}

/* The sizes of the tensors in a model file. What is reserved is no larger than the file: a long "hidden.bias" and a wide
 * table alone would make a matrix of their product. */
static bool sizes_in(const tn_file *f, const text_program *p, text_sizes *size)
{
    tn_file_entry entry;

    *size = (text_sizes){text_encoder_rows(&p->text.encoder), 0, 0, p->text.classes, p->text.pooling};
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
    if (numbers_of(size) > numbers_in(f))
        return tn_fail(p->err, TN_EFORMAT, "%s: it holds %.0f numbers, a model of its sizes (dim %lld, hidden %lld, %lld classes) has %.0f",
                       p->options.model, numbers_in(f), (long long)size->dim, (long long)size->hidden, (long long)size->classes,
                       numbers_of(size));
    return true;
}

static bool no_label(text_program *p)
{
    text_buffer list = {0};

    text_vocabulary_list(&p->text.labels, p->text.classes, &list, p->err);
    tn_fail(p->err, TN_EUSAGE, "--positive %.200s: there is no such label; there are %s", p->options.positive, list.s);
    text_buffer_free(&list);
    return false;
}

bool text_program_set_positive(text_program *p)
{
    int32_t label = text_vocabulary_find_name(&p->text.labels, p->text.classes, text_span_of(p->options.positive));

    if (label < 0) return no_label(p);
    p->text.decision.positive = label;
    return true;
}

/* As the model was saved, but for what the options say. */
static bool set_decision(text_program *p)
{
    text_decision *d = &p->text.decision;

    if (p->options.positive && !text_program_set_positive(p)) return false;
    if (p->options.threshold >= 0) d->threshold = p->options.threshold;
    return d->threshold == 0 || d->positive >= 0 ||
           tn_fail(p->err, TN_EUSAGE, "--threshold: of which label? --positive LABEL names it");
}

bool text_program_load(text_program *p)
{
    tn_file   *f = tn_file_open(p->options.model, p->err);
    text_sizes size;
    bool       ok = f && text_model_read(&p->text, f, p->options.model, p->err) && sizes_in(f, p, &size) && set_decision(p);

    if (ok) {
        p->ps = tn_params_new(0, p->err);
        text_classifier_init(&p->model, p->ps, size, tn_constant(0));
        ok = tn_file_load(f, p->ps, TN_STRICT);
    }
    tn_file_close(f);
    return ok;
}

static bool read_files(text_program *p, int n, char *const *paths, text_corpus *corpus)
{
    if (!text_corpus_read(corpus, n, paths, p->options.reader, &p->text.labels, p->err)) return false;
    if (corpus->malformed)
        fprintf(stderr, "classify: %lld pieces of %s%s were not UTF-8, and became U+FFFD\n",
                (long long)corpus->malformed, paths[0], n > 1 ? ", ..." : "");
    return true;
}

void text_sets_free(text_sets *s)
{
    text_data_free(&s->train);
    text_data_free(&s->validation);
    text_data_free(&s->test);
}

bool text_program_read(text_program *p, const char *path, text_data *data)
{
    char *const paths[] = {(char *)path};
    text_corpus corpus = {0};
    bool        ok = read_files(p, 1, paths, &corpus) && text_data_encode(data, &corpus, &p->text.encoder);

    if (ok && p->options.report) text_data_keep(data, &corpus);
    text_corpus_free(&corpus);
    return ok;
}

/* The held-out part, drawn by a stream of its own. */
static bool hold_out(text_program *p, text_corpus *corpus, text_corpus *part)
{
    tn_rng rng = tn_rng_new((uint64_t)p->options.seed, 2, 0, 0);

    return p->options.held_out <= 0 ||
           text_corpus_split(corpus, p->options.held_out, p->text.labels.n, rng, part, p->err);
}

bool text_program_learn(text_program *p, text_sets *sets)
{
    const text_options *o = &p->options;
    text_corpus         corpus = {0}, part = {0};
    text_encoder       *e = &p->text.encoder;
    bool                ok = read_files(p, o->n_files, o->files, &corpus) &&
              text_corpus_sort_labels(&corpus, &p->text.labels, p->err) && hold_out(p, &corpus, &part) &&
              text_corpus_learn(&corpus, e, o->min_count, p->err);

    p->text.classes = p->text.labels.n;
    ok = ok && text_data_encode(&sets->train, &corpus, e) && text_data_encode(&sets->validation, &part, e);
    if (ok && o->report) text_corpus_give(&corpus, &part), text_data_keep(&sets->validation, &part);
    text_corpus_free(&part);
    text_corpus_free(&corpus);
    return ok && (!o->validation || text_program_read(p, o->validation, &sets->validation)) &&
           (!o->test || text_program_read(p, o->test, &sets->test));
}

bool text_program_evaluate(text_program *p, text_data *data, text_metrics *metrics)
{
    enum { SIZE = 256 };
    const text_decision *how = &p->text.decision;
    const int64_t        classes = p->text.classes;
    tn_tape             *t = tn_tape_new(0, 0, p->err);
    tn_tensor           *y;

    text_data_rewind(data);
    for (text_batch b; tn_ok(t) && text_next(data, SIZE, &b);) {
        tn_tape_begin(t, TN_EVAL);
        y = text_decision_probability(how, t, text_classifier_forward(&p->model, t, b.texts));
        for (int64_t i = 0; y && i < b.labels.n; i++) {
            const tn_real *probability = y->data + i * classes;
            int32_t        truth = b.labels.id[i], answer = text_decision_label(how, probability, classes);
            text_metrics_add(metrics, truth, answer, (double)probability[answer]);
            if (truth < classes) metrics->loss -= log((double)probability[truth] + 1e-30);
        }
    }
    tn_tape_free(t);
    return !p->err->code;
}

bool text_program_score(text_program *p, text_data *data, text_scores *scores)
{
    text_metrics m;
    bool         ok = text_metrics_init(&m, &p->text.labels, p->err) && text_program_evaluate(p, data, &m);

    if (ok) *scores = (text_scores){text_metrics_macro_f1(&m), m.loss / (double)m.n, text_metrics_calibration_error(&m)};
    text_metrics_free(&m);
    return ok;
}

tn_real *text_program_logits(text_program *p, text_data *data)
{
    enum { SIZE = 256 };
    const int64_t n = data->n * p->text.classes;
    tn_real      *logits = malloc((size_t)n * sizeof *logits), *to = logits;
    tn_tape      *t = tn_tape_new(0, 0, p->err);

    if (!logits) tn_fail(p->err, TN_EMEMORY, "out of memory: no room for %lld logits", (long long)n);
    text_data_rewind(data);
    for (text_batch b; tn_ok(t) && text_next(data, SIZE, &b);) {
        tn_tape_begin(t, TN_EVAL);
        const tn_tensor *y = text_classifier_forward(&p->model, t, b.texts);
        for (int64_t i = 0; y && i < y->n; i++) *to++ = y->data[i];
    }
    tn_tape_free(t);
    return logits;
}

static void warn_of_unknown(const text_program *p, const text_data *data)
{
    int64_t strangers = 0;

    for (int64_t i = 0; i < data->n; i++) strangers += data->labels[i] >= p->text.classes;
    if (strangers)
        fprintf(stderr, "classify: %lld texts have labels that the model does not know: they count as mistakes\n",
                (long long)strangers);
}

bool text_program_flush(text_program *p)
{
    if (!fflush(stdout) && !ferror(stdout)) return true;
    return tn_fail(p->err, TN_EIO, "cannot write to the standard output: %s", strerror(errno));
}

bool text_program_report(text_program *p, text_data *data)
{
    text_metrics metrics;
    bool         ok = text_metrics_init(&metrics, &p->text.labels, p->err);

    warn_of_unknown(p, data);
    ok = ok && text_program_evaluate(p, data, &metrics);
    if (ok && p->options.json)
        text_metrics_json(&metrics, stdout);
    else if (ok)
        text_metrics_print(&metrics, stdout);
    ok = ok && text_program_flush(p);
    text_metrics_free(&metrics);
    return ok;
}
