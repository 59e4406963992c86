/* encoder.h: a text as ids. One function for training and for prediction: what it needs is saved with the model. */
#ifndef TEXT_ENCODER_H
#define TEXT_ENCODER_H

#include "vocabulary.h"

enum { TEXT_MAX_NGRAMS = 8, TEXT_MIN_PIECE = 3, TEXT_MAX_SUBWORDS = 8, TEXT_MAX_BUCKETS = 1000000000 };

typedef struct text_settings {
    text_kind kind;
    int64_t   ngrams;   /* 1: single tokens only; N: also each 2 to N neighbouring tokens, hashed */
    int64_t   subwords; /* 0: none; N: also each piece of 3 to N characters of a word, its ends marked, hashed */
    int64_t   buckets;  /* the numbers that the hashed ones share */
} text_settings;

/* Ids 0 to words.n - 1 are the vocabulary's tokens, those from words.n on are the buckets. A token outside the
 * vocabulary has no id of its own, but its n-grams and pieces have theirs, as fastText does it. */
typedef struct text_encoder {
    text_settings   settings;
    text_vocabulary words;
} text_encoder; /* starts as {.settings = ...} */

void    text_encoder_free(text_encoder *e);
int64_t text_encoder_rows(const text_encoder *e); /* how many ids there are: the table's rows */

/* An array of ids that grows, and the room that making them takes again and again; starts as {0}. Each thread has its
 * own, the encoder they share. */
typedef struct text_ids {
    int32_t    *id;
    text_range *from;  /* if tells: the bytes of its text that each id was made of; a piece of a word: of the word */
    bool        tells; /* set before the first text */
    int64_t     n, room, from_room;
    text_tokens tokens;
    uint64_t   *hash;  /* of this text's tokens */
    text_range *range; /* theirs, if tells */
    char       *word;  /* a word between its marks */
    int64_t     hash_room, range_room, word_room;
} text_ids;

void text_ids_free(text_ids *ids);

/* Counts the tokens of a text into the vocabulary: the pass before. */
bool text_encoder_learn(text_encoder *e, text_tokens *tokens, text_span text, tn_error *err);

/* Appends the ids of a text to ids. */
bool text_encode(const text_encoder *e, text_span text, text_ids *ids, tn_error *err);

#endif
