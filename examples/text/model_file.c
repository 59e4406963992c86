/* model_file.c: what a model file says beside its numbers. */
#include "model_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "locale.h"
#include "utf8.h"

static const char version_key[] = "tarn.classify", version[] = "2";
static const char kind_key[] = "tarn.tokenizer", ngrams_key[] = "tarn.ngrams";
static const char subwords_key[] = "tarn.subwords", buckets_key[] = "tarn.buckets";
static const char pooling_key[] = "tarn.pooling";
static const char temperature_key[] = "tarn.temperature", threshold_key[] = "tarn.threshold";
static const char positive_key[] = "tarn.positive";
static const char labels_key[] = "tarn.labels", words_key[] = "tarn.vocabulary";

void text_model_free(text_model *m)
{
    text_encoder_free(&m->encoder);
    text_vocabulary_free(&m->labels);
    m->classes = 0;
}

/* What a model file says, and the texts of it. */
enum { MOST_PAIRS = 14 };
typedef struct description {
    text_buffer labels, words, positive;
    char        ngrams[32], subwords[32], buckets[32], temperature[32], threshold[32];
    tn_meta     meta[MOST_PAIRS];
    int         n;
} description;

static void add(description *d, const char *key, const char *value)
{
    d->meta[d->n++] = (tn_meta){key, value};
}

/* What prediction does with the logits; what says nothing is left out. */
static bool describe_decision(description *d, const text_model *m, tn_error *err)
{
    const text_decision *how = &m->decision;
    locale_t             users = text_locale_plain();

    snprintf(d->temperature, sizeof d->temperature, "%.17g", how->temperature);
    snprintf(d->threshold, sizeof d->threshold, "%.17g", how->threshold);
    text_locale_back(users);
    if (how->temperature != 1) add(d, temperature_key, d->temperature);
    if (how->threshold > 0) add(d, threshold_key, d->threshold);
    if (how->positive < 0) return true;
    text_span label = text_vocabulary_at(&m->labels, how->positive);
    if (!text_buffer_add(&d->positive, label.s, label.n, err)) return false;
    add(d, positive_key, d->positive.s);
    return true;
}

static bool describe(description *d, const text_model *m, tn_error *err)
{
    const text_settings *s = &m->encoder.settings;
    text_vocabulary      own = m->labels;

    *d = (description){.labels = {0}};
    own.n = m->classes;
    if (!text_vocabulary_write(&own, &d->labels, err) || !text_vocabulary_write(&m->encoder.words, &d->words, err))
        return false;
    snprintf(d->ngrams, sizeof d->ngrams, "%lld", (long long)s->ngrams);
    snprintf(d->subwords, sizeof d->subwords, "%lld", (long long)s->subwords);
    snprintf(d->buckets, sizeof d->buckets, "%lld", (long long)s->buckets);
    add(d, version_key, version);
    add(d, kind_key, text_kind_name(s->kind));
    add(d, ngrams_key, d->ngrams);
    add(d, subwords_key, d->subwords);
    add(d, buckets_key, d->buckets);
    add(d, pooling_key, text_pooling_name(m->pooling));
    add(d, labels_key, d->labels.s);
    add(d, words_key, d->words.s);
    return describe_decision(d, m, err);
}

static void description_free(description *d)
{
    text_buffer_free(&d->labels);
    text_buffer_free(&d->words);
    text_buffer_free(&d->positive);
}

bool text_model_save(const text_model *m, const tn_params *ps, const char *path, int n, const tn_meta *more, tn_error *err)
{
    description d;
    bool        ok = describe(&d, m, err);

    for (int i = 0; i < n; i++) add(&d, more[i].key, more[i].value);
    ok = ok && tn_save(ps, path, d.n, d.meta);

    description_free(&d);
    return ok;
}

bool text_model_checkpoint(const text_model *m, const optim *o, const char *path, tn_meta more, tn_error *err)
{
    description d;
    bool        ok = describe(&d, m, err);

    add(&d, more.key, more.value);
    ok = ok && optim_save(o, path, d.n, d.meta);
    description_free(&d);
    return ok;
}

static const char *need(const tn_file *f, const char *path, const char *key, tn_error *err)
{
    const char *text = tn_file_meta(f, key);

    if (!text) tn_fail(err, TN_EFORMAT, "%s: its metadata has no \"%s\"", path, key);
    return text;
}

/* A whole number from low to high, written in digits alone. */
static bool read_number(const tn_file *f, const char *path, const char *key, int64_t low, int64_t high, int64_t *to,
                        tn_error *err)
{
    const char *text = need(f, path, key, err);
    size_t      n;

    if (!text) return false;
    n = strlen(text);
    *to = n > 0 && n < 12 && strspn(text, "0123456789") == n ? strtoll(text, NULL, 10) : -1;
    if (*to < low || *to > high)
        return tn_fail(err, TN_EFORMAT, "%s: \"%s\" is \"%.40s\", not a whole number from %lld to %lld", path, key,
                       text, (long long)low, (long long)high);
    return true;
}

static bool read_settings(text_settings *s, const tn_file *f, const char *path, tn_error *err)
{
    const char *kind = need(f, path, kind_key, err);

    if (!kind) return false;
    if (!text_kind_of(kind, &s->kind))
        return tn_fail(err, TN_EFORMAT, "%s: \"%s\" is \"%.40s\", not mixed, word or char", path, kind_key, kind);
    return read_number(f, path, ngrams_key, 1, TEXT_MAX_NGRAMS, &s->ngrams, err) &&
           read_number(f, path, subwords_key, 0, TEXT_MAX_SUBWORDS, &s->subwords, err) &&
           read_number(f, path, buckets_key, 1, TEXT_MAX_BUCKETS, &s->buckets, err);
}

static bool read_pooling(text_pooling *p, const tn_file *f, const char *path, tn_error *err)
{
    const char *name = need(f, path, pooling_key, err);

    if (!name || text_pooling_of(name, p)) return name;
    return tn_fail(err, TN_EFORMAT, "%s: \"%s\" is \"%.40s\", not both, mean or max", path, pooling_key, name);
}

static bool read_real(const tn_file *f, const char *path, const char *key, double low, double high, double *to, tn_error *err)
{
    const char *text = tn_file_meta(f, key);
    locale_t    users;
    char       *end;

    if (!text) return true;
    users = text_locale_plain();
    *to = strtod(text, &end);
    text_locale_back(users);
    if (end == text || *end || !(*to >= low && *to <= high))
        return tn_fail(err, TN_EFORMAT, "%s: \"%s\" is \"%.40s\", not a number from %g to %g", path, key, text, low, high);
    return true;
}

static bool read_decision(text_model *m, const tn_file *f, const char *path, tn_error *err)
{
    text_decision *how = &m->decision;
    const char    *positive = tn_file_meta(f, positive_key);

    *how = text_decision_plain();
    if (!read_real(f, path, temperature_key, 1e-6, 1e6, &how->temperature, err) ||
        !read_real(f, path, threshold_key, 0, 1, &how->threshold, err))
        return false;
    if (positive) how->positive = text_vocabulary_find_name(&m->labels, m->labels.n, text_span_of(positive));
    if (how->positive < 0 && (positive || how->threshold > 0))
        return tn_fail(err, TN_EFORMAT, "%s: \"%s\" is \"%.40s\", not one of its labels", path, positive_key,
                       positive ? positive : "");
    return true;
}

static bool read_lines(text_vocabulary *v, const tn_file *f, const char *path, const char *key, tn_error *err)
{
    const char *lines = need(f, path, key, err);
    tn_error    cause = {0};

    if (!lines) return false;
    if (text_vocabulary_read(v, lines, &cause)) return true;
    return tn_fail(err, cause.code, "%s: \"%s\": %s", path, key, cause.text);
}

static bool check_version(const tn_file *f, const char *path, tn_error *err)
{
    const char *found = tn_file_meta(f, version_key);

    if (!found)
        return tn_fail(err, TN_EFORMAT, "%s is no model of classify: its metadata has no \"%s\"", path, version_key);
    if (strcmp(found, version) != 0)
        return tn_fail(err, TN_EFORMAT, "%s has format %.20s; this program reads format %s", path, found, version);
    return true;
}

/* Labels are printed as columns: nothing in them may look like the end of one. */
static bool check_labels(const text_vocabulary *labels, const char *path, tn_error *err)
{
    for (int32_t i = 0; i < labels->n; i++)
        if (text_has_control(text_vocabulary_at(labels, i)))
            return tn_fail(err, TN_EFORMAT, "%s: \"%s\" has a control character", path, labels_key);
    return labels->n || tn_fail(err, TN_EFORMAT, "%s: \"%s\" is empty", path, labels_key);
}

bool text_model_read(text_model *m, const tn_file *f, const char *path, tn_error *err)
{
    bool ok = check_version(f, path, err) && read_settings(&m->encoder.settings, f, path, err) &&
              read_pooling(&m->pooling, f, path, err) && read_lines(&m->labels, f, path, labels_key, err) &&
              check_labels(&m->labels, path, err) && read_lines(&m->encoder.words, f, path, words_key, err) &&
              read_decision(m, f, path, err);

    m->classes = m->labels.n;
    return ok;
}

bool text_model_path_check(const char *path, tn_error *err)
{
    const char *slash = strrchr(path, '/');
    text_buffer folder = {0};
    struct stat about;
    bool        ok;

    if ((slash && !slash[1]) || (stat(path, &about) == 0 && S_ISDIR(about.st_mode)))
        return tn_fail(err, TN_EIO, "cannot write \"%s\": it is a folder", path);
    ok = text_buffer_add(&folder, slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1, err);
    if (ok && access(folder.s, W_OK) != 0)
        ok = tn_fail(err, TN_EIO, "cannot write \"%s\": %s: %s", path, folder.s, strerror(errno));
    text_buffer_free(&folder);
    return ok;
}
