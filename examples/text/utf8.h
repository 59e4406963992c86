/* utf8.h: UTF-8, strictly: overlong forms, surrogates and numbers beyond U+10FFFF are not characters. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include "memory.h"

enum { TEXT_REPLACEMENT = 0xFFFD };

/* The code point at s, where s < end: *code, and how many bytes it takes. Bytes that are not UTF-8 give -1 in *code;
 * the bytes taken are then what Unicode calls the maximal subpart (chapter 3.9), at least one. */
int text_utf8_decode(const char *s, const char *end, int32_t *code);

/* Writes code as UTF-8 and returns the number of bytes, 1 to 4. */
int text_utf8_encode(int32_t code, char *to);

/* How many columns a terminal takes for a character: 2 for most of Chinese, Japanese, Korean and emoji, 0 for what is not
 * seen or stands on the one before. */
int text_utf8_width(int32_t code);

/* The place of the first byte that is not UTF-8; text.n if all is well. */
size_t text_utf8_check(text_span text);

/* Is there a character that is not seen but does something: a tab, a line's end, anything below a space? */
bool text_has_control(text_span text);

/* Adds text to b with each malformed piece replaced by U+FFFD; *count goes up by their number. */
bool text_utf8_replace(text_buffer *b, text_span text, int64_t *count, tn_error *err);

#endif
