/* escapes.c: a text inside JSON and inside HTML. */
#include "escapes.h"

#include <string.h>

/* What stands for c; NULL: c itself. */
static const char *in_json(unsigned char c, char room[8])
{
    static const char plain[] = "\"\\\n\r\t", *const short_ones[] = {"\\\"", "\\\\", "\\n", "\\r", "\\t"};
    const char       *found = c ? strchr(plain, c) : NULL;

    if (found) return short_ones[found - plain];
    if (c >= 0x20 && c != 0x7F) return NULL;
    memcpy(room, "\\u00", 4);
    room[4] = "0123456789abcdef"[c >> 4];
    room[5] = "0123456789abcdef"[c & 15];
    room[6] = 0;
    return room;
}

static const char *in_html(unsigned char c, char room[8])
{
    (void)room;
    return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : c ? NULL : "\xEF\xBF\xBD";
}

/* Runs that stand for themselves are added as a whole. */
static void add(text_buffer *to, text_span text, const char *(*escape)(unsigned char, char *), tn_error *err)
{
    char        room[8];
    const char *instead;
    size_t      from = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (!(instead = escape((unsigned char)text.s[i], room))) continue;
        text_buffer_add(to, text.s + from, i - from, err);
        text_add(to, text_span_of(instead), err);
        from = i + 1;
    }
    text_buffer_add(to, text.s + from, text.n - from, err);
}

void text_add_json(text_buffer *to, text_span text, tn_error *err)
{
    text_buffer_add(to, "\"", 1, err);
    add(to, text, in_json, err);
    text_buffer_add(to, "\"", 1, err);
}

void text_add_html(text_buffer *to, text_span text, tn_error *err)
{
    add(to, text, in_html, err);
}
