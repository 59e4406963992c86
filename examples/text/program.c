/* program.c: what several commands of examples/classify do. */
#include "program.h"

#include <errno.h>
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

bool text_program_load(text_program *p)
{
    tn_file   *f = tn_file_open(p->options.model, p->err);
    text_sizes size;
    bool       ok = f && text_model_read(&p->text, f, p->options.model, p->err) && sizes_in(f, p, &size);

    if (ok) {
        p->ps = tn_params_new(0, p->err);
        text_classifier_init(&p->model, p->ps, size, tn_constant(0));
        ok = tn_file_load(f, p->ps, TN_STRICT);
    }
    tn_file_close(f);
    return ok;
}

bool text_program_read(text_program *p, int n, char *const *paths, bool learn, text_data *data)
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

bool text_program_evaluate(text_program *p, text_data *data, text_metrics *metrics)
{
    enum { SIZE = 256 };
    tn_tape *t = tn_tape_new(0, 0, p->err);
    int32_t  answers[SIZE];

    text_data_rewind(data);
    for (text_batch b; tn_ok(t) && text_next(data, SIZE, &b);) {
        tn_tape_begin(t, TN_EVAL);
        if (!tn_argmax(t, text_classifier_forward(&p->model, t, b.texts), -1, answers)) break;
        for (int64_t i = 0; i < b.labels.n; i++) text_metrics_add(metrics, b.labels.id[i], answers[i]);
    }
    tn_tape_free(t);
    return !p->err->code;
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
