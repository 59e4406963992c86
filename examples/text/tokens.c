/* tokens.c: a line of text as a sequence of tokens. */
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

#include "utf8.h"

static const char *const kind_names[] = {[TEXT_MIXED] = "mixed", [TEXT_WORD] = "word", [TEXT_CHAR] = "char"};

const char *text_kind_name(text_kind kind)
{
    return kind_names[kind];
}

bool text_kind_of(const char *name, text_kind *kind)
{
    int i = text_find_word(name, 3, kind_names);

    if (i >= 0) *kind = (text_kind)i;
    return i >= 0;
}

/* ---- characters ------------------------------------------------------------------------------------------------ */

/* What a character does to a token. GAP ends it, NOTHING is passed over inside it. */
typedef enum { LETTER, SYMBOL, CJK, GAP, NOTHING } character;

/* ASCII, folded: ' ' for what separates and '\'' for what vanishes. Its punctuation only separates, which measures
 * better than tokens of it (on tweets); dont and don't are one word. Chinese punctuation, full-width too, is worth
 * its tokens. */
static const char ascii[] = "                                "
                            "       '        0123456789      "
                            " abcdefghijklmnopqrstuvwxyz     "
                            " abcdefghijklmnopqrstuvwxyz     ";

/* Beyond ASCII: all that is not a letter or a digit, in order, to the last code point; what lies between is a letter. */
static const struct range {
    int32_t   first, last;
    character what;
} ranges[] = {
    {0x0080, 0x00A0, GAP},     {0x00A1, 0x00A9, SYMBOL},    {0x00AB, 0x00AC, SYMBOL},    {0x00AD, 0x00AD, NOTHING},
    {0x00AE, 0x00B4, SYMBOL},  {0x00B6, 0x00B9, SYMBOL},    {0x00BB, 0x00BF, SYMBOL},    {0x00D7, 0x00D7, SYMBOL},
    {0x00F7, 0x00F7, SYMBOL},  {0x1100, 0x11FF, CJK},       {0x1680, 0x1680, GAP},       {0x2000, 0x200A, GAP},
    {0x200B, 0x200F, NOTHING}, {0x2010, 0x2018, SYMBOL},    {0x2019, 0x2019, NOTHING},   {0x201A, 0x2027, SYMBOL},
    {0x2028, 0x2029, GAP},     {0x202A, 0x202E, NOTHING},   {0x202F, 0x202F, GAP},       {0x2030, 0x205E, SYMBOL},
    {0x205F, 0x205F, GAP},     {0x2060, 0x206F, NOTHING},   {0x2070, 0x2BFF, SYMBOL},    {0x2E00, 0x2E7F, SYMBOL},
    {0x2E80, 0x2FFF, CJK},     {0x3000, 0x3000, GAP},       {0x3001, 0x3004, SYMBOL},    {0x3005, 0x3007, CJK},
    {0x3008, 0x3020, SYMBOL},  {0x3021, 0x3029, CJK},       {0x302A, 0x3030, SYMBOL},    {0x3031, 0x3035, CJK},
    {0x3036, 0x3037, SYMBOL},  {0x3038, 0x303C, CJK},       {0x303D, 0x303F, SYMBOL},    {0x3040, 0x31FF, CJK},
    {0x3200, 0x33FF, SYMBOL},  {0x3400, 0x4DBF, CJK},       {0x4DC0, 0x4DFF, SYMBOL},    {0x4E00, 0xA4CF, CJK},
    {0xA960, 0xA97F, CJK},     {0xAC00, 0xD7FF, CJK},       {0xE000, 0xF8FF, SYMBOL},    {0xF900, 0xFAFF, CJK},
    {0xFE00, 0xFE0F, NOTHING}, {0xFE10, 0xFE1F, SYMBOL},    {0xFE30, 0xFE6F, SYMBOL},    {0xFEFF, 0xFEFF, NOTHING},
    {0xFF01, 0xFF0F, SYMBOL},  {0xFF1A, 0xFF20, SYMBOL},    {0xFF3B, 0xFF40, SYMBOL},    {0xFF5B, 0xFF65, SYMBOL},
    {0xFF66, 0xFFDF, CJK},     {0xFFE0, 0xFFFF, SYMBOL},    {0x16FE0, 0x1B2FF, CJK},     {0x1F000, 0x1FAFF, SYMBOL},
    {0x20000, 0x3FFFF, CJK},   {0xE0000, 0xE0FFF, NOTHING}, {0xF0000, 0x10FFFF, SYMBOL},
};

static character character_of(int32_t code)
{
    int low = 0, high = (int)(sizeof ranges / sizeof *ranges);

    while (low < high) {
        int middle = (low + high) / 2;
        if (code > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return code >= ranges[low].first ? ranges[low].what : LETTER;
}

static int32_t lower_greek(int32_t c)
{
    if (c >= 0x391 && c <= 0x3AB) return c + 0x20;
    if (c >= 0x388 && c <= 0x38A) return c + 0x25;
    return c == 0x386 ? 0x3AC : c == 0x38C ? 0x3CC : c == 0x38E || c == 0x38F ? c + 0x3F : c == 0x3C2 ? 0x3C3 : c;
}

static int32_t lower_cyrillic(int32_t c)
{
    if (c < 0x410) return c + 0x50;
    if (c < 0x430) return c + 0x20;
    return (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || c >= 0x4D0 ? c | 1 : c;
}

static int32_t lower_latin(int32_t c)
{
    if (c < 0x100) return c >= 0xC0 && c <= 0xDE && c != 0xD7 ? c + 0x20 : c;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c + (c & 1); /* these pairs begin at odd numbers */
    return c == 0x178 ? 0xFF : c == 0x130 || c == 0x131 || c == 0x138 || c == 0x149 || c == 0x17F ? c : c | 1;
}

/* Full-width to half-width, then to lower case: where that is a matter of one number to another. */
static int32_t fold(int32_t c)
{
    if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 0x20 : c;
    if (c < 0x180) return lower_latin(c);
    if (c >= 0x386 && c <= 0x3C2) return lower_greek(c);
    if (c >= 0x400 && c <= 0x52F) return lower_cyrillic(c);
    return c >= 0x1E00 && c <= 0x1EFF && !(c >= 0x1E96 && c <= 0x1E9F) ? c | 1 : c;
}

/* ---- tokens ---------------------------------------------------------------------------------------------------- */

static uint64_t eight_bytes(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;

    return (uint64_t)u[0] | (uint64_t)u[1] << 8 | (uint64_t)u[2] << 16 | (uint64_t)u[3] << 24 | (uint64_t)u[4] << 32 |
           (uint64_t)u[5] << 40 | (uint64_t)u[6] << 48 | (uint64_t)u[7] << 56;
}

static uint64_t hash_mix(uint64_t h, uint64_t bytes)
{
    h = (h ^ bytes) * 0x9E3779B97F4A7C15u; /* 2^64 over the golden ratio */
    return h ^ h >> 29;
}

uint64_t text_hash(text_span bytes)
{
    uint64_t h = bytes.n;
    char     last[8] = {0};

    for (; bytes.n >= 8; bytes.s += 8, bytes.n -= 8) h = hash_mix(h, eight_bytes(bytes.s));
    for (size_t i = 0; i < bytes.n; i++) last[i] = bytes.s[i];
    return hash_mix(hash_mix(h, eight_bytes(last)), 0);
}

bool text_tokens_begin(text_tokens *t, text_kind kind, text_span text, tn_error *err)
{
    t->kind = kind;
    t->at = t->first = t->last = text.s;
    t->end = text.s + text.n;
    t->gap = t->begun = false;
    /* folding makes nothing longer but a malformed byte, which is a token by itself */
    return text_reserve(&t->folded, &t->room, (int64_t)text.n + 8, 1, err);
}

void text_tokens_free(text_tokens *t)
{
    free(t->folded);
    *t = (text_tokens){0};
}

/* The character that an HTML entity at s stands for ("&amp;", "&#8220;"), and how many bytes it takes; 0: there is none. */
static int look_at_entity(const char *s, const char *end, int32_t *code)
{
    static const struct entity {
        const char *text;
        int32_t     code;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&nbsp;", 0xA0}};
    int32_t number = 0;
    int     n = 2;

    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        size_t length = strlen(entities[i].text);
        if ((size_t)(end - s) < length || memcmp(s, entities[i].text, length) != 0) continue;
        *code = entities[i].code;
        return (int)length;
    }
    if (end - s < 4 || s[1] != '#') return 0;
    for (; n < 9 && s + n < end && s[n] >= '0' && s[n] <= '9'; n++) number = 10 * number + (s[n] - '0');
    if (s + n == end || s[n] != ';' || number < 1 || number > 0x10FFFF || (number >= 0xD800 && number < 0xE000)) return 0;
    *code = number;
    return n + 1;
}

static bool is_alphanumeric(char c)
{
    return (unsigned char)c < 0x80 && ascii[(int)c] > '\'';
}

/* The bytes of a web address at t->at, or of a name behind an '@' there, as in "@somebody"; 0: there is none. Four letters
 * make a name: @ss is none. */
static int64_t look_at_address(const text_tokens *t)
{
    const char *s = t->at;
    int64_t     n = 1;

    if (t->kind == TEXT_CHAR) return 0;
    if (*s == '@' && !(t->begun && is_alphanumeric(s[-1]))) {
        while (s + n < t->end && (s[n] == '_' || is_alphanumeric(s[n]))) n++;
        return n > 4 ? n : 0;
    }
    if (t->end - s < 8 || (memcmp(s, "http://", 7) != 0 && memcmp(s, "https://", 8) != 0)) return 0;
    while (s + n < t->end && s[n] > ' ' && s[n] < 0x7F) n++;
    return n;
}

static void look_at_ascii(text_kind kind, int32_t *code, character *what)
{
    const char folded = ascii[*code];

    *what = folded == ' ' ? GAP : folded == '\'' ? NOTHING : LETTER;
    if (kind == TEXT_CHAR && *code > ' ' && *code < 0x7F) *what = SYMBOL;
    if (folded > '\'') *code = folded;
}

/* The character at t->at, folded, and how many bytes it takes. */
static int look(const text_tokens *t, int32_t *code, character *what)
{
    int taken = *t->at == '&' ? look_at_entity(t->at, t->end, code) : 0;

    if (!taken) taken = text_utf8_decode(t->at, t->end, code);
    if (*code < 0) *code = TEXT_REPLACEMENT;
    if (*code < 0x80) {
        look_at_ascii(t->kind, code, what);
        return taken;
    }
    *what = character_of(*code);
    *code = fold(*code);
    return taken;
}

/* Does a run go on with this character? */
static bool joins(text_kind kind, character what)
{
    return what == LETTER || (what == CJK && kind == TEXT_WORD);
}

/* The rest of a run whose first n bytes are folded; returns its length. */
static size_t run(text_tokens *t, size_t n)
{
    const char *last = t->at;

    while (t->at < t->end) {
        unsigned char c = (unsigned char)*t->at;
        if (c < 0x80 && ascii[c] > '\'') { /* most of most texts */
            t->folded[n++] = ascii[c];
            last = ++t->at;
            continue;
        }
        int32_t   code;
        character what;
        int       taken = look(t, &code, &what);
        if (what != NOTHING && !joins(t->kind, what)) break;
        t->at += taken;
        if (what == NOTHING) continue;
        n += (size_t)text_utf8_encode(code, t->folded + n);
        last = t->at;
    }
    t->last = last;
    return n;
}

static bool finish(text_tokens *t, size_t n, text_token *token)
{
    t->gap = false;
    t->begun = true;
    token->text = (text_span){t->folded, n};
    token->hash = text_hash(token->text);
    return true;
}

bool text_is_word(text_span token)
{
    const text_tokens t = {.at = token.s, .end = token.s + token.n};
    int32_t           code;
    character         what;

    if (!token.n) return false;
    look(&t, &code, &what);
    return what == LETTER || what == CJK;
}

bool text_tokens_next(text_tokens *t, text_token *token)
{
    while (t->at < t->end) {
        int32_t   code;
        character what;
        int64_t   address = look_at_address(t);
        int       taken;

        if (address) {
            t->folded[0] = *t->at == '@' ? '@' : '/';
            t->at += address;
            return finish(t, 1, token);
        }
        taken = look(t, &code, &what);
        if (what == GAP || what == NOTHING) {
            t->gap = t->gap || what == GAP;
            t->at += taken;
            continue;
        }
        if (t->kind == TEXT_CHAR && t->gap && t->begun) {
            t->folded[0] = ' ';
            t->first = t->last;
            t->last = t->at;
            return finish(t, 1, token);
        }
        t->first = t->at;
        t->at += taken;
        t->last = t->at;
        size_t n = (size_t)text_utf8_encode(code, t->folded);
        if (t->kind != TEXT_CHAR && joins(t->kind, what)) n = run(t, n);
        return finish(t, n, token);
    }
    return false;
}
