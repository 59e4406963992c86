/* data.c: labelled texts as one compact array of ids, and batches of it. */
#include "data.h"

#include <tarn/op.h>

#include <stdlib.h>
#include <string.h>

/* ---- the texts of some files ----------------------------------------------------------------------------------- */

static bool add_record(text_corpus *c, text_record record, text_vocabulary *names, tn_error *err)
{
    text_token name = {record.label, text_hash(record.label)};
    int32_t    label = text_vocabulary_add(names, name, err);

    if (label < 0 || !text_reserve(&c->texts, &c->texts_room, c->n + 1, sizeof *c->texts, err) ||
        !text_reserve(&c->labels, &c->labels_room, c->n + 1, sizeof *c->labels, err))
        return false;
    c->texts[c->n] = record.text;
    c->labels[c->n++] = label;
    return true;
}

static bool read_one(text_corpus *c, const char *path, text_reader_options options, text_vocabulary *names,
                     tn_error *err)
{
    text_reader *r = &c->readers[c->n_readers];
    text_record  record;

    if (!text_reader_open(r, path, options, err)) return false;
    c->n_readers++;
    c->malformed += r->malformed;
    while (text_reader_next(r, &record))
        if (!add_record(c, record, names, err)) return false;
    return !err->code;
}

bool text_corpus_read(text_corpus *c, int n, char *const *paths, text_reader_options options, text_vocabulary *names,
                      tn_error *err)
{
    c->readers = calloc((size_t)n + 1, sizeof *c->readers);
    if (!c->readers) return tn_fail(err, TN_EMEMORY, "out of memory: no room for %d files", n);
    for (int i = 0; i < n; i++)
        if (!read_one(c, paths[i], options, names, err)) return false;
    return c->n || tn_fail(err, TN_EFORMAT, "%s: there is no text in it", n ? paths[0] : "no file");
}

void text_corpus_free(text_corpus *c)
{
    for (int i = 0; i < c->n_readers; i++) text_reader_close(&c->readers[i]);
    free(c->readers);
    free(c->texts);
    free(c->labels);
    *c = (text_corpus){0};
}

typedef struct ranked {
    text_span name;
    int32_t   label;
} ranked;

static int by_name(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    int           order = memcmp(a->name.s, b->name.s, a->name.n < b->name.n ? a->name.n : b->name.n);

    return order ? order : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

/* Sorts the names; number[i] becomes the new number of label i. rank and number have room for all. */
static bool renumber(text_vocabulary *names, ranked *rank, int32_t *number, tn_error *err)
{
    text_vocabulary fresh = {0};

    for (int32_t i = 0; i < names->n; i++) rank[i] = (ranked){text_vocabulary_at(names, i), i};
    qsort(rank, (size_t)names->n, sizeof *rank, by_name);
    for (int32_t i = 0; i < names->n; i++) {
        number[rank[i].label] = i;
        if (text_vocabulary_add(&fresh, (text_token){rank[i].name, text_hash(rank[i].name)}, err) < 0) {
            text_vocabulary_free(&fresh);
            return false;
        }
    }
    text_vocabulary_free(names);
    *names = fresh;
    return true;
}

bool text_corpus_sort_labels(text_corpus *c, text_vocabulary *names, tn_error *err)
{
    ranked  *rank = malloc((size_t)names->n * sizeof *rank + 1);
    int32_t *number = malloc((size_t)names->n * sizeof *number + 1);
    bool     ok = rank && number;

    if (!ok) tn_fail(err, TN_EMEMORY, "out of memory: no room for %d labels", (int)names->n);
    ok = ok && renumber(names, rank, number, err);
    for (int64_t i = 0; ok && i < c->n; i++) c->labels[i] = number[c->labels[i]];
    free(rank);
    free(number);
    return ok;
}

/* How many texts of each label are to go. */
static void set_quotas(const text_corpus *c, double share, int64_t labels, int64_t *quota)
{
    for (int64_t i = 0; i < labels; i++) quota[i] = 0;
    for (int64_t i = 0; i < c->n; i++) quota[c->labels[i]]++;
    for (int64_t i = 0; i < labels; i++) {
        int64_t goes = (int64_t)(share * (double)quota[i] + 0.5);
        quota[i] = goes < quota[i] ? goes : quota[i] - 1;
    }
}

/* Those that go are the first ones of their label in a random order; both parts stay in the order of the files. */
static bool move(text_corpus *c, const int32_t *order, int64_t *quota, bool *goes, text_corpus *part, tn_error *err)
{
    int64_t n = 0;

    for (int64_t i = 0; i < c->n; i++) goes[order[i]] = quota[c->labels[order[i]]]-- > 0;
    for (int64_t i = 0; i < c->n; i++) {
        text_corpus *to = goes[i] ? part : c;
        int64_t      k = goes[i] ? part->n : n;
        if (goes[i] && (!text_reserve(&part->texts, &part->texts_room, k + 1, sizeof *part->texts, err) ||
                        !text_reserve(&part->labels, &part->labels_room, k + 1, sizeof *part->labels, err)))
            return false;
        to->texts[k] = c->texts[i];
        to->labels[k] = c->labels[i];
        *(goes[i] ? &part->n : &n) += 1;
    }
    c->n = n;
    return true;
}

bool text_corpus_split(text_corpus *c, double share, int64_t labels, tn_rng rng, text_corpus *part, tn_error *err)
{
    int32_t *order = malloc((size_t)c->n * sizeof *order + 1);
    int64_t *quota = malloc((size_t)labels * sizeof *quota + 1);
    bool    *goes = malloc((size_t)c->n * sizeof *goes + 1);
    bool     ok = order && quota && goes;

    if (ok) {
        tn_rng_shuffle(rng, c->n, order);
        set_quotas(c, share, labels, quota);
        ok = move(c, order, quota, goes, part, err);
    } else
        tn_fail(err, TN_EMEMORY, "out of memory: no room for the order of %lld texts", (long long)c->n);
    free(order);
    free(quota);
    free(goes);
    return ok;
}

void text_corpus_give(text_corpus *c, text_corpus *part)
{
    part->readers = c->readers;
    part->n_readers = c->n_readers;
    c->readers = NULL;
    c->n_readers = 0;
    text_corpus_free(c);
}

bool text_corpus_learn(const text_corpus *c, text_encoder *e, int64_t min_count, tn_error *err)
{
    text_tokens tokens = {0};
    bool        ok = true;

    for (int64_t i = 0; ok && i < c->n; i++) ok = text_encoder_learn(e, &tokens, c->texts[i], err);
    text_tokens_free(&tokens);
    return ok && text_vocabulary_prune(&e->words, min_count, err);
}

/* ---- as ids ---------------------------------------------------------------------------------------------------- */

bool text_data_add(text_data *d, const text_encoder *e, text_span text, int32_t label)
{
    if (!text_reserve(&d->offsets, &d->offsets_room, d->n + 2, sizeof *d->offsets, d->err) ||
        !text_reserve(&d->labels, &d->labels_room, d->n + 1, sizeof *d->labels, d->err) ||
        !text_encode(e, text, &d->ids, d->err))
        return false;
    d->offsets[0] = 0;
    d->labels[d->n++] = label;
    d->offsets[d->n] = d->ids.n;
    return true;
}

void text_data_clear(text_data *d)
{
    d->n = d->ids.n = d->next = 0;
}

void text_data_free(text_data *d)
{
    text_ids_free(&d->ids);
    free(d->offsets);
    free(d->labels);
    free(d->order);
    text_ids_free(&d->batch);
    free(d->batch_offsets);
    free(d->batch_labels);
    text_corpus_free(&d->corpus);
    *d = (text_data){.err = d->err};
}

/* Texts are encoded in rounds of many pieces, each piece by whichever thread is free, and joined in their order. */
enum { PIECE = 64, PIECES = 16 };

typedef struct text_round {
    const text_corpus  *corpus;
    const text_encoder *encoder;
    int64_t             begin;
    text_data           piece[PIECES];
    tn_error            err[PIECES];
} text_round;

static void encode_piece(int64_t begin, int64_t end, void *arg)
{
    text_round        *r = arg;
    const text_corpus *c = r->corpus;
    text_data         *piece = &r->piece[begin / PIECE];

    text_data_clear(piece);
    for (int64_t i = r->begin + begin; i < r->begin + end; i++)
        if (!text_data_add(piece, r->encoder, c->texts[i], c->labels[i])) return;
}

/* Adds the texts of piece, or takes its error. */
static bool join(text_data *d, const text_data *piece)
{
    int64_t n = d->n + piece->n, n_ids = d->ids.n + piece->ids.n;

    if (piece->err->code) return tn_fail(d->err, piece->err->code, "%s", piece->err->text);
    if (!text_reserve(&d->offsets, &d->offsets_room, n + 1, sizeof *d->offsets, d->err) ||
        !text_reserve(&d->labels, &d->labels_room, n, sizeof *d->labels, d->err) ||
        !text_reserve(&d->ids.id, &d->ids.room, n_ids, sizeof *d->ids.id, d->err))
        return false;
    if (piece->ids.n) memcpy(d->ids.id + d->ids.n, piece->ids.id, (size_t)piece->ids.n * sizeof *piece->ids.id);
    memcpy(d->labels + d->n, piece->labels, (size_t)piece->n * sizeof *piece->labels);
    for (int64_t i = 0; i <= piece->n; i++) d->offsets[d->n + i] = d->ids.n + piece->offsets[i];
    d->n = n;
    d->ids.n = n_ids;
    return true;
}

static bool encode_round(text_data *d, text_round *r)
{
    int64_t left = r->corpus->n - r->begin, n = left < PIECE * PIECES ? left : PIECE * PIECES;

    tn_parallel_for(n, PIECE, encode_piece, r);
    for (int64_t k = 0; k * PIECE < n; k++)
        if (!join(d, &r->piece[k])) return false;
    return true;
}

bool text_data_encode(text_data *d, const text_corpus *c, const text_encoder *e)
{
    text_round *r = calloc(1, sizeof *r);
    bool        ok = true;

    if (!r) return tn_fail(d->err, TN_EMEMORY, "out of memory: no room for a round of texts");
    r->corpus = c;
    r->encoder = e;
    for (int k = 0; k < PIECES; k++) r->piece[k].err = &r->err[k];
    for (; ok && r->begin < c->n; r->begin += PIECE * PIECES) ok = encode_round(d, r);
    for (int k = 0; k < PIECES; k++) text_data_free(&r->piece[k]);
    free(r);
    return ok;
}

void text_data_keep(text_data *d, text_corpus *c)
{
    d->corpus = *c;
    *c = (text_corpus){0};
}

text_batch text_data_all(const text_data *d)
{
    return (text_batch){{{d->ids.id, d->ids.n}, d->offsets, d->n}, {d->labels, d->n}};
}

void text_data_rewind(text_data *d)
{
    free(d->order);
    d->order = NULL;
    d->next = 0;
}

bool text_data_shuffle(text_data *d, tn_rng rng)
{
    if (!d->order) d->order = malloc(((size_t)d->n + 1) * sizeof *d->order);
    if (!d->order)
        return tn_fail(d->err, TN_EMEMORY, "out of memory: no room for the order of %lld texts", (long long)d->n);
    tn_rng_shuffle(rng, d->n, d->order);
    d->next = 0;
    return true;
}

void text_data_skip(text_data *d, int64_t n)
{
    d->next += n < d->n - d->next ? n : d->n - d->next;
}

/* Copies text i to the end of the batch, as its k-th. */
static bool append(text_data *d, int64_t i, int64_t k)
{
    int64_t n = d->offsets[i + 1] - d->offsets[i];

    if (!text_reserve(&d->batch.id, &d->batch.room, d->batch.n + n, sizeof *d->batch.id, d->err)) return false;
    if (n) memcpy(d->batch.id + d->batch.n, d->ids.id + d->offsets[i], (size_t)n * sizeof *d->batch.id);
    d->batch_offsets[k] = d->batch.n;
    d->batch_labels[k] = d->labels[i];
    d->batch.n += n;
    return true;
}

bool text_next(text_data *d, int64_t size, text_batch *b)
{
    int64_t n = size < d->n - d->next ? size : d->n - d->next;

    if (n < 1 || !text_reserve(&d->batch_offsets, &d->batch_offsets_room, n, sizeof *d->batch_offsets, d->err) ||
        !text_reserve(&d->batch_labels, &d->batch_labels_room, n, sizeof *d->batch_labels, d->err))
        return false;
    d->batch.n = 0;
    for (int64_t k = 0; k < n; k++, d->next++)
        if (!append(d, d->order ? d->order[d->next] : d->next, k)) return false;
    *b = (text_batch){{{d->batch.id, d->batch.n}, d->batch_offsets, n}, {d->batch_labels, n}};
    return true;
}
