/* mask.h: a text without the words that decided its label. */
#ifndef TEXT_MASK_H
#define TEXT_MASK_H

#include "shares.h"

/* Adds the text of s without every word whose share is half of the largest one's or more: a character becomes *, one of
 * two columns (Chinese, Japanese, Korean) the wide ＊, so that what stands behind stays in its place. Half: where a list
 * of profane words says what should go, on the lines of Davidson's test part that are called offensive, 0.93 of what is
 * masked is on it, and 0.94 of what is on it is masked. */
bool text_mask_words(const text_shares *s, text_buffer *to, tn_error *err);

#endif
