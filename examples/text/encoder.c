/* encoder.c: a text as ids. */
#include "encoder.h"

#include <stdlib.h>
#include <string.h>

void text_encoder_free(text_encoder *e)
{
    text_vocabulary_free(&e->words);
    *e = (text_encoder){.settings = e->settings};
}

void text_ids_free(text_ids *ids)
{
    text_tokens_free(&ids->tokens);
    free(ids->id);
    free(ids->from);
    free(ids->hash);
    free(ids->range);
    free(ids->word);
    *ids = (text_ids){0};
}

int64_t text_encoder_rows(const text_encoder *e)
{
    return e->words.n + (e->settings.ngrams > 1 || e->settings.subwords ? e->settings.buckets : 0);
}

bool text_encoder_learn(text_encoder *e, text_tokens *tokens, text_span text, tn_error *err)
{
    text_token token;

    if (!text_tokens_begin(tokens, e->settings.kind, text, err)) return false;
    while (text_tokens_next(tokens, &token))
        if (text_vocabulary_add(&e->words, token, err) < 0) return false;
    return true;
}

static int32_t bucket_of(const text_encoder *e, uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0xD6E8FEB86659FD93u; /* odd, with half of its bits set: the upper half depends on all bits */
    return e->words.n + (int32_t)((hash >> 32) * (uint64_t)e->settings.buckets >> 32);
}

/* The first byte of the next character. */
static int64_t next_character(const char *s, int64_t i)
{
    do i++;
    while (((unsigned char)s[i] & 0xC0) == 0x80);
    return i;
}

/* The pieces of <word>, but for the whole of it; what spelling tricks leave of a word is still there. A word has two
 * characters or more. */
static void encode_pieces(const text_encoder *e, text_span word, text_ids *ids)
{
    char   *s = ids->word;
    int64_t n = (int64_t)word.n + 2;

    s[0] = '<';
    memcpy(s + 1, word.s, word.n);
    s[n - 1] = '>';
    s[n] = 0;
    if (next_character(s, 1) == n - 1) return;
    for (int64_t i = 0; i < n; i = next_character(s, i))
        for (int64_t j = i, length = 1; j < n && length <= e->settings.subwords; length++) {
            j = next_character(s, j);
            if (length >= TEXT_MIN_PIECE && j - i < n)
                ids->id[ids->n++] = bucket_of(e, text_hash((text_span){s + i, (size_t)(j - i)}) + 1);
        }
}

/* Single tokens of the text at s: the known ones become ids; all of their hashes are kept. Returns how many there were. */
static int64_t encode_tokens(const text_encoder *e, const char *s, text_ids *ids)
{
    bool       pieces = e->settings.subwords && e->settings.kind != TEXT_CHAR;
    text_token token;
    int64_t    n = 0;

    for (; text_tokens_next(&ids->tokens, &token); n++) {
        int64_t first = ids->n;
        int32_t id = text_vocabulary_find(&e->words, token);
        if (id >= 0) ids->id[ids->n++] = id;
        if (pieces) encode_pieces(e, token.text, ids);
        ids->hash[n] = token.hash;
        if (!ids->tells) continue;
        ids->range[n] = (text_range){ids->tokens.first - s, ids->tokens.last - s};
        while (first < ids->n) ids->from[first++] = ids->range[n];
    }
    return n;
}

/* Runs of 2 to N neighbours, each as one number in the buckets. */
static void encode_ngrams(const text_encoder *e, int64_t n, text_ids *ids)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t hash = ids->hash[i];
        for (int64_t j = i + 1; j < n && j < i + e->settings.ngrams; j++) {
            hash = hash * 0x9E3779B97F4A7C15u + ids->hash[j];
            ids->id[ids->n++] = bucket_of(e, hash);
            if (ids->tells) ids->from[ids->n - 1] = (text_range){ids->range[i].begin, ids->range[j].end};
        }
    }
}

/* How many ids a text of n bytes has at most: a token takes a byte at least, and a word of k characters, k > 1, has
 * less than 2k pieces of each length. */
static int64_t most_ids(const text_settings *s, int64_t n)
{
    return n * (s->ngrams + 2 * (s->subwords ? s->subwords - TEXT_MIN_PIECE + 1 : 0));
}

static bool reserve_ranges(text_ids *ids, int64_t n, tn_error *err)
{
    return text_reserve(&ids->range, &ids->range_room, n, sizeof *ids->range, err) &&
           text_reserve(&ids->from, &ids->from_room, ids->room, sizeof *ids->from, err);
}

bool text_encode(const text_encoder *e, text_span text, text_ids *ids, tn_error *err)
{
    int64_t n = (int64_t)text.n;

    if (!text_tokens_begin(&ids->tokens, e->settings.kind, text, err) ||
        !text_reserve(&ids->hash, &ids->hash_room, n, sizeof *ids->hash, err) ||
        !text_reserve(&ids->word, &ids->word_room, n + 8, 1, err) ||
        !text_reserve(&ids->id, &ids->room, ids->n + most_ids(&e->settings, n), sizeof *ids->id, err) ||
        (ids->tells && !reserve_ranges(ids, n, err)))
        return false;
    encode_ngrams(e, encode_tokens(e, text.s, ids), ids);
    return true;
}
