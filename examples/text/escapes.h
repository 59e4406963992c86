/* escapes.h: a text inside JSON and inside HTML. The text is UTF-8. */
#ifndef TEXT_ESCAPES_H
#define TEXT_ESCAPES_H

#include "memory.h"

void text_add_json(text_buffer *to, text_span text, tn_error *err); /* with its quotes (RFC 8259) */
void text_add_html(text_buffer *to, text_span text, tn_error *err); /* as content or between double quotes */

#endif
