/* utf8.c: UTF-8, strictly. */
#include "utf8.h"

#include <string.h>

/* The length that a first byte promises, and the range of the second byte, which rules out overlong forms, surrogates
 * and what is beyond U+10FFFF (Unicode, table 3-7). 0: not a first byte. */
static int promised(unsigned char first, unsigned char *low, unsigned char *high)
{
    *low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    *high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (first < 0x80) return 1;
    if (first < 0xC2 || first > 0xF4) return 0;
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

int text_utf8_decode(const char *s, const char *end, int32_t *code)
{
    const unsigned char *u = (const unsigned char *)s;
    unsigned char        low, high;
    int                  n = promised(u[0], &low, &high);
    int32_t              c = n == 1 ? u[0] : u[0] & (0xFF >> (n + 1));

    for (int i = 1; i < n; i++, low = 0x80, high = 0xBF) {
        if (i >= end - s || u[i] < low || u[i] > high) {
            *code = -1;
            return i;
        }
        c = c << 6 | (u[i] & 0x3F);
    }
    *code = n ? c : -1;
    return n ? n : 1;
}

int text_utf8_encode(int32_t code, char *to)
{
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    if (n == 1) {
        to[0] = (char)code;
        return 1;
    }
    for (int i = n - 1; i > 0; i--, code >>= 6) to[i] = (char)(0x80 | (code & 0x3F));
    to[0] = (char)(0xFF << (8 - n) | code);
    return n;
}

int text_utf8_width(int32_t code)
{
    static const struct {
        int32_t first, last;
        int     width;
    } ranges[] = {
        {0x0300, 0x036F, 0}, {0x1100, 0x115F, 2}, {0x200B, 0x200F, 0}, {0x202A, 0x202E, 0}, {0x2060, 0x206F, 0},
        {0x2E80, 0x303E, 2}, {0x3041, 0xA4CF, 2}, {0xA960, 0xA97F, 2}, {0xAC00, 0xD7A3, 2}, {0xF900, 0xFAFF, 2},
        {0xFE00, 0xFE0F, 0}, {0xFE30, 0xFE6F, 2}, {0xFEFF, 0xFEFF, 0}, {0xFF01, 0xFF60, 2}, {0xFFE0, 0xFFE6, 2},
        {0x16FE0, 0x1B2FF, 2}, {0x1F300, 0x1FAFF, 2}, {0x20000, 0x3FFFD, 2}, {0xE0000, 0xE0FFF, 0},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges && ranges[i].first <= code; i++)
        if (code <= ranges[i].last) return ranges[i].width;
    return 1;
}

/* How many bytes from s on are plain ASCII for certain: eight at a time. */
static size_t ascii_run(const char *s, size_t n)
{
    size_t   i = 0;
    uint64_t eight;

    for (; i + sizeof eight <= n; i += sizeof eight) {
        memcpy(&eight, s + i, sizeof eight);
        if (eight & 0x8080808080808080u) break;
    }
    return i;
}

size_t text_utf8_check(text_span text)
{
    const char *end = text.s + text.n;
    size_t      i = 0;
    int32_t     code;

    while (i < text.n) {
        i += ascii_run(text.s + i, text.n - i);
        if (i == text.n) break;
        int taken = text_utf8_decode(text.s + i, end, &code);
        if (code < 0) return i;
        i += (size_t)taken;
    }
    return text.n;
}

bool text_has_control(text_span text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.s[i] < 0x20) return true;
    return false;
}

bool text_utf8_replace(text_buffer *b, text_span text, int64_t *count, tn_error *err)
{
    for (;;) {
        size_t  good = text_utf8_check(text);
        int32_t code;
        if (!text_buffer_add(b, text.s, good, err)) return false;
        if (good == text.n) return true;
        int taken = text_utf8_decode(text.s + good, text.s + text.n, &code);
        if (!text_buffer_add(b, "\xEF\xBF\xBD", 3, err)) return false;
        text.s += good + (size_t)taken;
        text.n -= good + (size_t)taken;
        ++*count;
    }
}
