/* vocabulary.h: the known tokens, numbered from 0; a hash table without a chain or an allocation per token. */
#ifndef TEXT_VOCABULARY_H
#define TEXT_VOCABULARY_H

#include "tokens.h"

typedef struct text_slot {
    uint32_t check; /* the hash's upper half */
    int32_t  id;    /* -1: free */
} text_slot;

typedef struct text_vocabulary {
    int32_t     n;
    text_buffer bytes; /* all tokens, each a line, as a model file has them */
    int64_t    *start; /* line i is bytes [start[i], start[i + 1]) */
    int64_t    *count; /* how often it was added; 0 of what was read, since a file does not say */
    int64_t     start_room, count_room;
    text_slot  *slot; /* a power of two of them, at most half of them taken */
    int64_t     slots;
} text_vocabulary; /* starts as {0} */

void text_vocabulary_free(text_vocabulary *v);

int32_t   text_vocabulary_find(const text_vocabulary *v, text_token token); /* -1: unknown */
text_span text_vocabulary_at(const text_vocabulary *v, int32_t id);

/* For labels, of which the first n count: the one of this name, -1 if there is none; all of them, as "a, b, c". */
int32_t text_vocabulary_find_name(const text_vocabulary *v, int32_t n, text_span name);
void    text_vocabulary_list(const text_vocabulary *v, int32_t n, text_buffer *to, tn_error *err);

/* The token's number, a new one if it is unknown; counts it. -1 after a memory error. */
int32_t text_vocabulary_add(text_vocabulary *v, text_token token, tn_error *err);

/* Drops tokens that were added less than min_count times and numbers the others anew: the most frequent first (of
 * equals the earlier), so that the rows that are used most lie together. */
bool text_vocabulary_prune(text_vocabulary *v, int64_t min_count, tn_error *err);

/* The tokens as lines, for a model file; and back, into an empty vocabulary. Format error: a token twice or an empty one,
 * named by its line. */
bool text_vocabulary_write(const text_vocabulary *v, text_buffer *to, tn_error *err);
bool text_vocabulary_read(text_vocabulary *v, const char *lines, tn_error *err);

#endif
