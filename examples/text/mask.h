/* mask.h: a text without the words that decided its label. */
#ifndef TEXT_MASK_H
#define TEXT_MASK_H

#include "shares.h"

/* Adds the text of s, every word with a share of SHARE or more masked: a character becomes *, one as wide as two (most of
 * Chinese, Japanese and Korean) becomes U+FF0A, the wide *, so that columns stay. */
bool text_mask_words(const text_shares *s, text_buffer *to, tn_error *err);

#endif
