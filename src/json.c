/* json.c: strings, integers and punctuation, read strictly by RFC 8259. */
#include "json.h"

#include <stdio.h>
#include <string.h>

bool tn__json_fail(tn__json *j, size_t at, const char *problem)
{
    if (!j->problem) {
        j->problem = problem;
        j->problem_at = at;
    }
    return false;
}

/* The character looked at; 0, which no JSON text holds, at the end. */
static char peek(const tn__json *j)
{
    return j->at < j->size ? j->bytes[j->at] : 0;
}

void tn__json_skip(tn__json *j)
{
    while (peek(j) == ' ' || peek(j) == '\t' || peek(j) == '\n' || peek(j) == '\r') {
        j->at++;
    }
}

static bool accept(tn__json *j, char c)
{
    tn__json_skip(j);
    if (peek(j) != c) return false;
    j->at++;
    return true;
}

bool tn__json_expect(tn__json *j, char c)
{
    if (j->problem) return false;
    if (accept(j, c)) return true;
    switch (c) {
    case ':': return tn__json_fail(j, j->at, "':' is expected");
    case ',': return tn__json_fail(j, j->at, "',' is expected");
    case '[': return tn__json_fail(j, j->at, "'[' is expected");
    case ']': return tn__json_fail(j, j->at, "']' is expected");
    default: return tn__json_fail(j, j->at, "'{' is expected");
    }
}

bool tn__json_more(tn__json *j, char close, int i)
{
    if (j->problem || accept(j, close)) return false;
    if (i == 0 || accept(j, ',')) {
        return true;
    }
    return tn__json_fail(j, j->at, close == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
}

/* ---- strings ----------------------------------------------------------------------------------------------------- */

/* Four hexadecimal digits at byte `at`; -1 if they are not. */
static int32_t hex4(const tn__json *j, size_t at)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    int32_t code = 0;
    for (size_t i = at; i < at + 4; i++) {
        const char *d = i < j->size && j->bytes[i] ? strchr(digits, j->bytes[i]) : NULL;
        if (!d) return -1;
        code = code << 4 | (int32_t)((d - digits) % 16);
    }
    return code;
}

static void put_utf8(tn__json *j, int32_t code)
{
    unsigned char *to = (unsigned char *)j->text;
    int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const int32_t lead[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (unsigned char)(lead[more] | code >> 6 * more);
    while (more-- > 0) {
        *to++ = (unsigned char)(0x80 | (code >> 6 * more & 0x3F));
    }
    j->text = (char *)to;
}

/* \uXXXX, or the two of them that make a surrogate pair. */
static bool read_code_point(tn__json *j)
{
    size_t at = j->at;
    int32_t code = hex4(j, at + 2), low;
    j->at += 6;
    if (code < 0) return tn__json_fail(j, at, "four hexadecimal digits are expected after \\u");
    if (code == 0) {
        return tn__json_fail(j, at, "a zero byte in a string");
    }
    if (code >= 0xD800 && code <= 0xDFFF) {
        bool pair = code <= 0xDBFF && j->at + 1 < j->size && j->bytes[j->at] == '\\' && j->bytes[j->at + 1] == 'u';
        low = pair ? hex4(j, j->at + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF) return tn__json_fail(j, at, "half of a surrogate pair");
        code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
        j->at += 6;
    }
    put_utf8(j, code);
    return true;
}

/* What a backslash and c stand for; 0: nothing. */
static char escaped(char c)
{
    switch (c) {
    case '"': case '\\': case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
    }
}

static bool read_escape(tn__json *j)
{
    char c = j->at + 1 < j->size ? j->bytes[j->at + 1] : 0;
    if (c == 'u') return read_code_point(j);
    if (!escaped(c)) return tn__json_fail(j, j->at, "an unknown escape sequence");
    *j->text++ = escaped(c);
    j->at += 2;
    return true;
}

/* What stands neither for itself nor for the string's end. */
static bool read_special(tn__json *j)
{
    if (peek(j) == '\\') return read_escape(j);
    return tn__json_fail(j, j->at, j->at < j->size ? "a control character in a string" : "the string does not end");
}

static bool stands_for_itself(char c)
{
    return c != '"' && c != '\\' && (unsigned char)c >= 0x20;
}

static void read_plain(tn__json *j)
{
    const char *from = j->bytes + j->at, *end = j->bytes + j->size;
    char *to = j->text;
    while (from < end && stands_for_itself(*from)) *to++ = *from++;
    j->at = (size_t)(from - j->bytes);
    j->text = to;
}

const char *tn__json_string(tn__json *j)
{
    if (j->problem) return NULL;
    if (!accept(j, '"')) {
        tn__json_fail(j, j->at, "a string is expected");
        return NULL;
    }
    char *start = j->text;
    for (read_plain(j); peek(j) != '"'; read_plain(j)) {
        if (!read_special(j)) return NULL;
    }
    j->at++;
    *j->text++ = 0;
    return start;
}

const char *tn__json_escape(char c, char *to)
{
    static const char from[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    const char *known = strchr(from, c);
    bool control = (unsigned char)c < 0x20;
    to[0] = known ? '\\' : c;
    to[1] = known ? letter[known - from] : 0;
    to[2] = 0;
    if (control && !known) snprintf(to, 7, "\\u%04x", (unsigned char)c);
    return to;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int64_t tn__json_integer(tn__json *j)
{
    if (j->problem) return 0;
    tn__json_skip(j);
    size_t at = j->at;
    int64_t value = 0;
    for (; is_digit(peek(j)); j->at++) {
        int digit = peek(j) - '0';
        if (value > (INT64_MAX - digit) / 10) {
            tn__json_fail(j, at, "a number is larger than 9223372036854775807");
            return 0;
        }
        value = value * 10 + digit;
    }
    bool leading_zero = j->at > at + 1 && j->bytes[at] == '0';
    if (j->at == at || leading_zero || (peek(j) && strchr(".eE", peek(j)))) {
        tn__json_fail(j, at, "a non-negative integer is expected, in digits only");
        return 0;
    }
    return value;
}

/* ---- UTF-8 ------------------------------------------------------------------------------------------------------- */

size_t tn__utf8_length(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t length = u[0] < 0x80 ? 1 : u[0] < 0xC2 ? 0 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : u[0] < 0xF5 ? 4 : 0;
    if (length > n) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((u[i] & 0xC0) != 0x80) return 0;
    }
    bool overlong = (u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xF0 && u[1] < 0x90);
    bool surrogate = u[0] == 0xED && u[1] > 0x9F, beyond = u[0] == 0xF4 && u[1] > 0x8F;
    return overlong || surrogate || beyond ? 0 : length;
}

size_t tn__utf8_check(const char *s, size_t n)
{
    size_t at = 0;
    for (size_t length; at < n && (length = tn__utf8_length(s + at, n - at)) > 0;) at += length;
    return at;
}
