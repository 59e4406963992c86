/* test_text_table.c: records of TSV and CSV as they stream, and columns appended to them. */
#include <unistd.h>

#include "tests.h"

#include "examples/text/table.h"

/* Bytes through a pipe, the first n of them a read of their own. */
static void open_pieces(text_lines *l, int ends[2], const char *bytes, size_t n, char *name)
{
    ck_assert_int_eq(pipe(ends), 0);
    sprintf(name, "/dev/fd/%d", ends[0]);
    ck_assert(text_lines_open(l, name, &err));
    l->csv = true;
    ck_assert_int_eq(write(ends[1], bytes, n), (long)n);
}

/* Quotes that open, double and close, wherever the stream is cut; a quote inside a field is a character. */
START_TEST(csv_records_however_they_are_cut)
{
    static const char        bytes[] = "\xEF\xBB\xBF\"a\nb\",c\r\n1,\"x\"\"\n\"\"\"\n\"\",\"\"\"\"\na\"b,\"\n,\"\n\n,x\n\"end\ns";
    static const char *const records[] = {"\"a\nb\",c", "1,\"x\"\"\n\"\"\"", "\"\",\"\"\"\"", "a\"b,\"\n,\"", "", ",x", "\"end\ns"};
    text_lines               l;
    text_span                line;
    int                      ends[2];
    char                     name[40];

    for (size_t n = 1; n < sizeof bytes - 1; n++) {
        open_pieces(&l, ends, bytes, n, name);
        for (int i = 0; i < 7; i++) {
            if (text_lines_will_read(&l) && ends[1] >= 0) {
                ck_assert_int_eq(write(ends[1], bytes + n, sizeof bytes - 1 - n), (long)(sizeof bytes - 1 - n));
                close(ends[1]);
                ends[1] = -1;
            }
            ck_assert(text_lines_next(&l, &line));
            ck_assert_msg(text_span_equal(line, text_span_of(records[i])), "cut at %zu: record %d is %.*s", n, i, (int)line.n,
                          line.s);
        }
        ck_assert(!text_lines_next(&l, &line));
        text_lines_close(&l);
        close(ends[0]);
    }
    ck_no_error();
}
END_TEST

static const struct {
    text_format format;
    int64_t     column;
    const char *record, *text, *written; /* with the text x"y, and the cells a,"b and c */
} good[] = {
    {TEXT_TSV, 1, "", "", "x\"y\ta,\"b\tc"},
    {TEXT_TSV, 1, "a\tb", "a", "x\"y\tb\ta,\"b\tc"},
    {TEXT_TSV, 2, "a\tb", "b", "a\tx\"y\ta,\"b\tc"},
    {TEXT_TSV, 2, "a\t\"b\"\tc", "\"b\"", "a\tx\"y\tc\ta,\"b\tc"},
    {TEXT_CSV, 1, "a,b", "a", "x\"y,b,\"a,\"\"b\",c"},
    {TEXT_CSV, 2, "a,\"b,\"\"\n\"", "b,\"\n", "a,\"x\"\"y\",\"a,\"\"b\",c"},
    {TEXT_CSV, 1, "\"\",b", "", "\"x\"\"y\",b,\"a,\"\"b\",c"},
    {TEXT_CSV, 2, "a,", "", "a,x\"y,\"a,\"\"b\",c"},
};

START_TEST(columns)
{
    text_table  table = {.format = good[_i].format, .column = good[_i].column, .columns = 2, .line = 1, .err = &err};
    text_buffer out = {0};
    text_span   record = text_span_of(good[_i].record), text;

    ck_assert(text_table_text(&table, record, &text));
    ck_assert(text_span_equal(text, text_span_of(good[_i].text)));
    text_table_add(&table, record, text, &out, &err);
    ck_assert_str_eq(out.s, good[_i].record);
    out.n = 0;
    text_table_add(&table, record, text_span_of("x\"y"), &out, &err);
    text_table_add_cell(&table, text_span_of("a,\"b"), &out, &err);
    text_table_add_cell(&table, text_span_of("c"), &out, &err);
    ck_assert_str_eq(out.s, good[_i].written);
    ck_no_error();
    text_buffer_free(&out);
    text_table_free(&table);
}
END_TEST

static const struct {
    text_format format;
    const char *record, *says;
} bad[] = {
    {TEXT_TSV, "", "t:7: 1 columns, but --column 3"},
    {TEXT_TSV, "a\tb", "t:7: 2 columns, but --column 3"},
    {TEXT_CSV, "a,b", "t:7: 2 columns, but --column 3"},
    {TEXT_CSV, "a,b,c,d", "t:7: 4 columns, but the header has 3"},
    {TEXT_CSV, "a,\"b\"x,c", "t:7: column 2: text after the closing quote (a quote inside a field is written twice)"},
    {TEXT_CSV, "a,\"\n\",\"b", "t:8: column 3: the quote that begins here never ends"},
};

START_TEST(bad_records)
{
    text_table table = {.path = "t", .format = bad[_i].format, .column = 3, .columns = 3, .line = 7, .err = &err};
    text_span  text;

    ck_assert(!text_table_text(&table, text_span_of(bad[_i].record), &text));
    ck_error(TN_EFORMAT, bad[_i].says);
    text_table_free(&table);
}
END_TEST

START_TEST(cells)
{
    static const struct {
        text_format format;
        const char *cell, *written;
    } all[] = {{TEXT_TSV, "", "\t"}, {TEXT_TSV, "a,\"b", "\ta,\"b"}, {TEXT_CSV, "", ","}, {TEXT_CSV, "a", ",a"},
               {TEXT_CSV, "a,b", ",\"a,b\""}, {TEXT_CSV, "\"", ",\"\"\"\""}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const text_table table = {.format = all[i].format, .err = &err};
        text_buffer      out = {0};
        text_table_add_cell(&table, text_span_of(all[i].cell), &out, &err);
        ck_assert_str_eq(out.s, all[i].written);
        text_buffer_free(&out);
    }
}
END_TEST

START_TEST(formats_and_lines)
{
    static const struct {
        const char *path, *first;
        bool        is_header;
    } found[] = {{NULL, "", false}, {NULL, "a,b", true}, {NULL, "a,b\tc", false}, {NULL, "a", false}, {"x.CSV", "a", true}, {"x.tsv", "a\tb", false}};

    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        text_table table = {.path = found[i].path, .column = 1, .line = 1, .err = &err};
        bool       is_header = !found[i].is_header;
        ck_assert(text_table_begin(&table, text_span_of(found[i].first), &is_header));
        ck_assert_int_eq(is_header, found[i].is_header);
        text_table_pass(&table, text_span_of("a\nb\n"));
        ck_assert_int_eq(table.line, 4);
        text_table_free(&table);
    }
    ck_no_error();
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, csv_records_however_they_are_cut);
    tcase_add_loop_test(c, columns, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(c, bad_records, 0, sizeof bad / sizeof *bad);
    tcase_add_test(c, cells);
    tcase_add_test(c, formats_and_lines);
}

int main(void)
{
    return run_case("text_table", add);
}
