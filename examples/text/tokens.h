/* tokens.h: a line of text as a sequence of tokens. The one function that training and prediction share.
 *
 * Full-width forms fold to half-width, and letters to lower case. By kind:
 *   mixed  a run of letters and digits is a token; each Chinese, Japanese or Korean character is one, each symbol too
 *   word   the same, but Chinese, Japanese and Korean characters make runs as letters do (for text cut into words)
 *   char   each character is a token, and so is the gap between two words
 * An HTML entity reads as its character. A web address is the token '/' and a name behind an '@' the token '@', whichever
 * it is, but for kind char. White space, control characters (zero bytes too) and ASCII punctuation only separate; apostrophes and invisible
 * marks (BOM, zero-width joiners) vanish. In kind char ASCII punctuation is tokens. */
#ifndef TEXT_TOKENS_H
#define TEXT_TOKENS_H

#include "memory.h"

typedef enum text_kind { TEXT_MIXED, TEXT_WORD, TEXT_CHAR } text_kind;

const char *text_kind_name(text_kind kind);
bool        text_kind_of(const char *name, text_kind *kind); /* false: no such kind */

typedef struct text_token {
    text_span text; /* folded, in UTF-8; valid until the next token */
    uint64_t  hash;
} text_token;

/* A walk over one text. Malformed UTF-8 reads as U+FFFD. */
typedef struct text_tokens {
    text_kind   kind;
    const char *at, *end;
    const char *first, *last; /* the token's own bytes in the text: [first, last) */
    bool        gap;          /* char: white space since the last token */
    bool        begun;
    char       *folded; /* the token's bytes */
    int64_t     room;
} text_tokens;

/* Starts on text; t is {0} at first, and may be used again for the next text. Memory error: none for its longest
 * token. */
bool text_tokens_begin(text_tokens *t, text_kind kind, text_span text, tn_error *err);
bool text_tokens_next(text_tokens *t, text_token *token); /* false at the end */
void text_tokens_free(text_tokens *t);

/* Letters, digits, or Chinese, Japanese or Korean, and not a symbol. */
bool text_is_word(text_span token);

/* The same bytes give the same number on every machine: bucket numbers stand in model files. */
uint64_t text_hash(text_span bytes);

#endif
