/* test_text_utf8.c: UTF-8, strictly; spans and buffers. */
#include "tests.h"

#include "examples/text/escapes.h"
#include "examples/text/utf8.h"

static text_span span(const char *s)
{
    return text_span_of(s);
}

START_TEST(every_code_point_and_back)
{
    char    bytes[8] = {0};
    int32_t code;

    for (int32_t c = 0; c <= 0x10FFFF; c++) {
        int n = text_utf8_encode(c, bytes);
        int taken = text_utf8_decode(bytes, bytes + n, &code);
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        ck_assert_int_eq(code, surrogate ? -1 : c);
        ck_assert_int_eq(taken, surrogate ? 1 : n);
        ck_assert_int_eq(text_utf8_check((text_span){bytes, (size_t)n}), surrogate ? 0 : n);
    }
}
END_TEST

/* what, where the first malformed byte is, what replacing gives, how many replacements */
static const struct row {
    const char *bytes;
    size_t      bad;
    const char *replaced;
    int64_t     count;
} rows[] = {
    {"", 0, "", 0},
    {"plain ASCII, longer than eight bytes", 36, "plain ASCII, longer than eight bytes", 0},
    {"12345678\xE4\xBD\xA0", 11, "12345678\xE4\xBD\xA0", 0},
    {"\xFF", 0, "\xEF\xBF\xBD", 1},
    {"a\x80z", 1, "a\xEF\xBF\xBDz", 1},
    {"\xC0\xAF", 0, "\xEF\xBF\xBD\xEF\xBF\xBD", 2},                                 /* an overlong '/' */
    {"\xC1\xBF", 0, "\xEF\xBF\xBD\xEF\xBF\xBD", 2},
    {"\xE0\x80\xAF", 0, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 3},                 /* overlong, three bytes */
    {"\xF0\x80\x80\xAF", 0, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 4}, /* overlong, four bytes */
    {"\xED\xA0\x80", 0, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 3},                 /* a surrogate */
    {"\xF4\x90\x80\x80", 0, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 4}, /* U+110000 */
    {"\xF5", 0, "\xEF\xBF\xBD", 1},
    {"ok \xE4\xBD", 3, "ok \xEF\xBF\xBD", 1},                                       /* cut at the end */
    {"\xE4\xBD!", 0, "\xEF\xBF\xBD!", 1},                                           /* a maximal subpart is one piece */
    {"\xF0\x9F\x98", 0, "\xEF\xBF\xBD", 1},
    {"12345678\xFF" "12345678\xFE", 8, "12345678\xEF\xBF\xBD" "12345678\xEF\xBF\xBD", 2},
};

START_TEST(malformed_bytes)
{
    const struct row *r = &rows[_i];
    text_buffer       b = {0};
    int64_t           count = 0;

    ck_assert_uint_eq(text_utf8_check(span(r->bytes)), r->bad);
    ck_assert(text_utf8_replace(&b, span(r->bytes), &count, &err));
    ck_assert_str_eq(b.s, r->replaced);
    ck_assert_int_eq(count, r->count);
    ck_assert_uint_eq(text_utf8_check(span(b.s)), strlen(b.s));
    text_buffer_free(&b);
}
END_TEST

START_TEST(never_reads_past_the_end)
{
    /* each string's own copy, so that ASan sees a byte too many */
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        size_t n = strlen(rows[k].bytes);
        for (size_t cut = 1; cut <= n; cut++) {
            char   *copy = malloc(cut);
            int32_t code;
            memcpy(copy, rows[k].bytes, cut);
            for (size_t i = 0; i < cut;) {
                int taken = text_utf8_decode(copy + i, copy + cut, &code);
                ck_assert(taken >= 1 && i + (size_t)taken <= cut);
                i += (size_t)taken;
            }
            free(copy);
        }
    }
}
END_TEST

START_TEST(spans_and_buffers)
{
    text_buffer b = {0};
    int64_t     room = 0;
    int        *numbers = NULL;

    ck_assert(text_span_equal((text_span){NULL, 0}, span("")));
    ck_assert(!text_span_equal(span("ab"), span("ac")) && !text_span_equal(span("ab"), span("abc")));
    for (int i = 0; i < 1000; i++) ck_assert(text_buffer_add(&b, "xy\0z", 4, &err));
    ck_assert_int_eq(b.n, 4000);
    ck_assert_int_eq(b.s[4000], 0);
    ck_assert(!text_buffer_add(&b, "x", SIZE_MAX - 1, &err) && b.n == 4000);
    ck_error(TN_EMEMORY, "out of memory: no room for a text of 18446744073709551614 bytes");
    text_buffer_free(&b);
    ck_assert(text_reserve(&numbers, &room, 5, sizeof *numbers, &err) && room >= 5);
    ck_assert(!text_reserve(&numbers, &room, INT64_MAX, sizeof *numbers, &err) && numbers);
    ck_assert_int_eq(err.code, TN_EMEMORY);
    free(numbers);
}
END_TEST

START_TEST(columns_of_a_terminal)
{
    int count[4] = {0};
    static const struct {
        int32_t code;
        int     width;
    } widths[] = {{'a', 1}, {0xE9, 1}, {0x301, 0}, {0x416, 1}, {0x1EA1, 1}, {0x200D, 0}, {0x2026, 1}, {0x3000, 2}, {0x4F60, 2},
                  {0xAC00, 2}, {0xFF0A, 2}, {0xFF71, 1}, {0xFFE5, 2}, {0x1F600, 2}, {0x20000, 2}, {0x10FFFF, 1}, {-1, 1}};

    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        ck_assert_msg(text_utf8_width(widths[i].code) == widths[i].width, "U+%04X", (unsigned)widths[i].code);
    for (int32_t code = 0; code < 0x110000; code++) count[text_utf8_width(code) & 3]++;
    ck_assert_int_eq(count[0], 4251); /* accents, joiners, directions, forms and tags */
    ck_assert_int_eq(count[2], 192567);
    ck_assert_int_eq(count[3], 0);
}
END_TEST

START_TEST(in_json_and_in_html)
{
    static const char bytes[] = "a\"b\\\n\r\t\1\x1f\x7f \0</é你>&";
    text_buffer       b = {0};

    text_add_json(&b, (text_span){bytes, sizeof bytes - 1}, &err);
    ck_assert_str_eq(b.s, "\"a\\\"b\\\\\\n\\r\\t\\u0001\\u001f\\u007f \\u0000</é你>&\"");
    b.n = 0;
    text_add_html(&b, span("<a href=\"x\">&amp;'你"), &err);
    ck_assert_str_eq(b.s, "&lt;a href=&quot;x&quot;&gt;&amp;amp;'你");
    b.n = 0;
    text_add_html(&b, (text_span){"x\0", 2}, &err);
    text_add_json(&b, span(""), &err);
    ck_assert_str_eq(b.s, "x\xEF\xBF\xBD\"\"");
    b.n = 0;
    ck_assert(text_buffer_print(&b, &err, "%d %s", 7, "x") && text_buffer_print(&b, &err, "%0*d", 400, 1));
    ck_assert(b.n == 403 && strlen(b.s) == 403 && strncmp(b.s, "7 x000", 6) == 0);
    text_buffer_free(&b);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, every_code_point_and_back);
    tcase_add_loop_test(c, malformed_bytes, 0, sizeof rows / sizeof *rows);
    tcase_add_test(c, never_reads_past_the_end);
    tcase_add_test(c, spans_and_buffers);
    tcase_add_test(c, columns_of_a_terminal);
    tcase_add_test(c, in_json_and_in_html);
}

int main(void)
{
    return run_case("text_utf8", add);
}
