/* vocabulary.c: the known tokens, numbered from 0. */
#include "vocabulary.h"

#include <stdlib.h>
#include <string.h>

void text_vocabulary_free(text_vocabulary *v)
{
    text_buffer_free(&v->bytes);
    free(v->start);
    free(v->count);
    free(v->slot);
    *v = (text_vocabulary){0};
}

text_span text_vocabulary_at(const text_vocabulary *v, int32_t id)
{
    return (text_span){v->bytes.s + v->start[id], (size_t)(v->start[id + 1] - v->start[id]) - 1};
}

static text_slot taken(uint64_t hash, int32_t id)
{
    return (text_slot){(uint32_t)(hash >> 32), id};
}

/* The slot that holds token, or the free one where it belongs. */
static text_slot *slot_of(const text_vocabulary *v, text_token token)
{
    uint64_t mask = (uint64_t)v->slots - 1;
    uint32_t check = (uint32_t)(token.hash >> 32);

    for (uint64_t i = token.hash & mask;; i = (i + 1) & mask) {
        text_slot *s = &v->slot[i];
        if (s->id < 0 || (s->check == check && text_span_equal(text_vocabulary_at(v, s->id), token.text))) return s;
    }
}

int32_t text_vocabulary_find(const text_vocabulary *v, text_token token)
{
    return v->slots ? slot_of(v, token)->id : -1;
}

int32_t text_vocabulary_find_name(const text_vocabulary *v, int32_t n, text_span name)
{
    int32_t id = text_vocabulary_find(v, (text_token){name, text_hash(name)});

    return id < n ? id : -1;
}

void text_vocabulary_list(const text_vocabulary *v, int32_t n, text_buffer *to, tn_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        text_buffer_add(to, ", ", i ? 2 : 0, err);
        text_add(to, text_vocabulary_at(v, i), err);
    }
}

static int64_t slots_for(int64_t n)
{
    int64_t slots = 1024;

    while (slots < 2 * n) slots *= 2;
    return slots;
}

/* A table of the given size, with the tokens that there are. */
static bool rehash(text_vocabulary *v, int64_t slots, tn_error *err)
{
    text_slot *old = v->slot;
    text_slot *fresh = (uint64_t)slots > SIZE_MAX / sizeof *fresh ? NULL : malloc((size_t)slots * sizeof *fresh);

    if (!fresh) return tn_fail(err, TN_EMEMORY, "out of memory: no room for a vocabulary of %d tokens", v->n);
    text_populate(fresh, (size_t)slots * sizeof *fresh);
    memset(fresh, -1, (size_t)slots * sizeof *fresh); /* no id but -1 */
    v->slot = fresh;
    v->slots = slots;
    for (int32_t id = 0; id < v->n; id++) {
        text_token token = {text_vocabulary_at(v, id), 0};
        token.hash = text_hash(token.text);
        *slot_of(v, token) = taken(token.hash, id);
    }
    free(old);
    return true;
}

static bool reserve_tokens(text_vocabulary *v, int64_t n, int64_t bytes, tn_error *err)
{
    if (n > INT32_MAX) return tn_fail(err, TN_EMEMORY, "more than %d different tokens", INT32_MAX);
    return text_reserve(&v->bytes.s, &v->bytes.room, bytes + 1, 1, err) &&
           text_reserve(&v->start, &v->start_room, n + 1, sizeof *v->start, err) &&
           text_reserve(&v->count, &v->count_room, n, sizeof *v->count, err);
}

/* Makes the bytes from the last token's line to end the next one's, for which there is room. */
static void number(text_vocabulary *v, int64_t end)
{
    v->start[0] = 0;
    v->count[v->n] = 0;
    v->start[++v->n] = end;
}

static bool append(text_vocabulary *v, text_span text, tn_error *err)
{
    if (!reserve_tokens(v, (int64_t)v->n + 1, v->bytes.n + (int64_t)text.n + 1, err)) return false;
    text_add(&v->bytes, text, err);
    text_buffer_add(&v->bytes, "\n", 1, err);
    number(v, v->bytes.n);
    return true;
}

int32_t text_vocabulary_add(text_vocabulary *v, text_token token, tn_error *err)
{
    text_slot *s;

    if (2 * (int64_t)v->n >= v->slots && !rehash(v, v->slots ? 2 * v->slots : 1024, err)) return -1;
    s = slot_of(v, token);
    if (s->id < 0) {
        if (!append(v, token.text, err)) return -1;
        *s = taken(token.hash, v->n - 1);
    }
    v->count[s->id]++;
    return s->id;
}

typedef struct ranked {
    int64_t count;
    int32_t id;
} ranked;

static int by_count(const void *left, const void *right)
{
    const ranked *a = left, *b = right;

    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    return (a->id > b->id) - (a->id < b->id);
}

/* Fills the empty vocabulary with the tokens of from, in the order of rank. */
static bool copy_ranked(text_vocabulary *v, const text_vocabulary *from, const ranked *rank, int64_t min_count,
                        tn_error *err)
{
    for (int32_t i = 0; i < from->n && rank[i].count >= min_count; i++) {
        if (!append(v, text_vocabulary_at(from, rank[i].id), err)) return false;
        v->count[i] = rank[i].count;
    }
    return true;
}

bool text_vocabulary_prune(text_vocabulary *v, int64_t min_count, tn_error *err)
{
    text_vocabulary kept = {0};
    ranked         *rank = malloc(((size_t)v->n + 1) * sizeof *rank);
    bool            ok;

    if (!rank) return tn_fail(err, TN_EMEMORY, "out of memory: no room to sort %d tokens", v->n);
    for (int32_t i = 0; i < v->n; i++) rank[i] = (ranked){v->count[i], i};
    qsort(rank, (size_t)v->n, sizeof *rank, by_count);
    ok = copy_ranked(&kept, v, rank, min_count, err) && rehash(&kept, slots_for(kept.n), err);
    free(rank);
    if (!ok) {
        text_vocabulary_free(&kept);
        return false;
    }
    text_vocabulary_free(v);
    *v = kept;
    return true;
}

bool text_vocabulary_write(const text_vocabulary *v, text_buffer *to, tn_error *err)
{
    return text_buffer_add(to, v->bytes.s, v->n ? (size_t)v->start[v->n] : 0, err);
}

static int64_t count_lines(text_span lines)
{
    int64_t n = 0;

    for (size_t i = 0; i < lines.n; i++) n += lines.s[i] == '\n';
    return n;
}

/* Room at once: arrays that grow would touch pages that they then leave. */
static bool copy_lines(text_vocabulary *v, text_span lines, tn_error *err)
{
    int64_t n = count_lines(lines);

    return reserve_tokens(v, n, (int64_t)lines.n, err) && rehash(v, slots_for(n), err) &&
           text_buffer_add(&v->bytes, lines.s, lines.n, err);
}

/* Numbers the token whose line begins at at, and is not empty. */
static bool read_token(text_vocabulary *v, const char *at, const char *end, tn_error *err)
{
    text_span  text = {at, (size_t)(end - at)};
    text_token token = {text, text_hash(text)};
    text_slot *s = slot_of(v, token);

    if (s->id >= 0)
        return tn_fail(err, TN_EFORMAT, "\"%.*s\" stands twice, again in line %d", text.n > 60 ? 60 : (int)text.n, at,
                       v->n + 1);
    number(v, end + 1 - v->bytes.s);
    *s = taken(token.hash, v->n - 1);
    return true;
}

bool text_vocabulary_read(text_vocabulary *v, const char *lines, tn_error *err)
{
    const char *at, *end;

    if (!copy_lines(v, text_span_of(lines), err)) return false;
    for (at = v->bytes.s; *at; at = end + 1) {
        end = strchr(at, '\n');
        if (!end || end == at) return tn_fail(err, TN_EFORMAT, "line %d %s", v->n + 1, end ? "is empty" : "has no end");
        if (!read_token(v, at, end, err)) return false;
    }
    return true;
}
