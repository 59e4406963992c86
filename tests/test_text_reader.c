/* test_text_reader.c: labelled texts from files, lines from streams. */
#include <unistd.h>

#include "tests.h"

#include "examples/text/reader.h"

static char path[64];

/* Writes n bytes to a fresh file whose name ends in ending. */
static void file_of(const char *bytes, size_t n, const char *ending)
{
    snprintf(path, sizeof path, "/tmp/tarn_reader_%ld%s", (long)getpid(), ending);
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

/* What is read, as [label|text]line for each record; the error stays in err. */
static const char *records_of(text_reader_options options)
{
    static char read[2000];
    text_reader r;
    text_record record;
    size_t      n = 0;

    read[0] = 0;
    if (text_reader_open(&r, path, options, &err)) {
        while (text_reader_next(&r, &record))
            n += (size_t)snprintf(read + n, sizeof read - n, "[%.*s|%.*s]%lld", (int)record.label.n, record.label.s,
                                  (int)record.text.n, record.text.s, (long long)record.line);
        text_reader_close(&r);
    }
    unlink(path);
    return read;
}

static const struct row {
    text_format format;
    const char *ending, *bytes, *records;
} rows[] = {
    {TEXT_AUTO, ".tsv", "", ""},
    {TEXT_AUTO, ".tsv", "\n \n\t\n", ""},
    {TEXT_AUTO, ".tsv", "a\tx y\nb\tz\n", "[a|x y]1[b|z]2"},
    {TEXT_AUTO, ".tsv", "a\tx y\r\nb\tz\r\n", "[a|x y]1[b|z]2"},
    {TEXT_AUTO, ".tsv", "\xEF\xBB\xBF" "a\tx y\nb\tz", "[a|x y]1[b|z]2"},
    {TEXT_AUTO, ".tsv", "\n\na\tx\n\nb\t\n", "[a|x]3[b|]5"},
    {TEXT_AUTO, ".tsv", " a \tx\ty, z\n", "[a|x\ty, z]1"},
    {TEXT_AUTO, ".txt", "__label__a x y\n__label__b\n__label__c\tz\r\n", "[a|x y]1[b|]2[c|z]3"},
    {TEXT_AUTO, ".txt", "label,text\na,x\n", "[a|x]2"},
    {TEXT_TSV, ".txt", "__label__a\tx\n", "[__label__a|x]1"},
    {TEXT_AUTO, ".csv", "", ""},
    {TEXT_AUTO, ".csv", "label,text\n", ""},
    {TEXT_AUTO, ".CSV", "id,Text,Label\r\n1,x y,a\r\n2,\"z, \"\"q\"\"\",b\r\n", "[a|x y]2[b|z, \"q\"]3"},
    {TEXT_AUTO, ".csv", "label,text\na,\"two\nlines\"\n\nb,z", "[a|two\nlines]2[b|z]5"},
    {TEXT_AUTO, ".csv", "\xEF\xBB\xBF\"label\",\"text\"\r\n\"a\",\"\"\r\n\"b\",\"x\"", "[a|]2[b|x]3"},
    {TEXT_AUTO, ".csv", "text,label\n\"\"\"\",a\n", "[a|\"]2"},
    {TEXT_AUTO, ".csv", "text,label\nin \"the\" middle,a\n", "[a|in \"the\" middle]2"},
    {TEXT_TSV, "", "a\tx\n \t ", "[a|x]1"},
    {TEXT_CSV, "", "text,label,Text,label\r\na,b,c,d", "[b|a]2"},
    {TEXT_CSV, "", "label,text\na,x\r", "[a|x]2"},
    {TEXT_CSV, "", "label,text\na,\"x\"\r", "[a|x]2"},
    {TEXT_CSV, "", "text,label\nx\r,a\r\n\ry,b", "[a|x\r]2[b|\ry]3"},
};

START_TEST(good_files)
{
    file_of(rows[_i].bytes, strlen(rows[_i].bytes), rows[_i].ending);
    ck_assert_str_eq(records_of((text_reader_options){.format = rows[_i].format}), rows[_i].records);
    ck_no_error();
}
END_TEST

static const struct bad {
    text_format format;
    const char *bytes, *text; /* %s: the file's name */
} bad[] = {
    {TEXT_TSV, "a\tx\nno tab\n", "%s:2: no tab: a line is label<TAB>text (--format says another format)"},
    {TEXT_TSV, "a\tx\n \tx\n", "%s:2: no label before the tab"},
    {TEXT_TSV, "a\x01" "b\tx\n", "%s:1: the label has a control character"},
    {TEXT_AUTO, "one line\n", "%s:1: no tab: a line is label<TAB>text (--format says another format)"},
    {TEXT_AUTO, "a\tx\nb\tx\xC0\xAF\n",
     "%s:2: byte 4 (0xC0) is not UTF-8: save the file as UTF-8, or give --utf8 replace"},
    {TEXT_AUTO, "\xFF\xFE" "a\n", "%s:1: byte 1 (0xFF) is not UTF-8: save the file as UTF-8, or give --utf8 replace"},
    {TEXT_FASTTEXT, "__label__a x\nb y\n", "%s:2: the line does not begin with __label__"},
    {TEXT_FASTTEXT, "__label__ x\n", "%s:1: __label__ without a name"},
    {TEXT_FASTTEXT, "__label__a __label__b x\n", "%s:1: two labels: each text has one here"},
    {TEXT_CSV, "text,lab\nx,a\n", "%s:1: no column \"label\" (there are: text, lab): give --label-column"},
    {TEXT_CSV, "txt,label\nx,a\n", "%s:1: no column \"text\" (there are: txt, label): give --text-column"},
    {TEXT_CSV, "text,label\nx,a\nx\n", "%s:3: 1 columns, but the header has 2"},
    {TEXT_CSV, "text,label\nx,a,b\n", "%s:2: 3 columns, but the header has 2"},
    {TEXT_CSV, "text,label\nx,\n", "%s:2: column 2: an empty label"},
    {TEXT_CSV, "text,label\nx,a\n\n\"x\ny,a\n", "%s:4: column 1: the quote that begins here never ends"},
    {TEXT_CSV, "text,label\n\"x\"y,a\n",
     "%s:2: column 1: text after the closing quote (a quote inside a field is written twice)"},
    {TEXT_CSV, "text,label\n\"x\"\ry,a\n",
     "%s:2: column 1: text after the closing quote (a quote inside a field is written twice)"},
    {TEXT_CSV, "text,label\nx,\"a\nb\"\n", "%s:2: the label has a control character"},
    {TEXT_CSV, "text,\"label", "%s:1: column 2: the quote that begins here never ends"},
};

START_TEST(bad_files)
{
    char expected[300];

    file_of(bad[_i].bytes, strlen(bad[_i].bytes), "");
    records_of((text_reader_options){.format = bad[_i].format});
    snprintf(expected, sizeof expected, bad[_i].text, path);
    ck_error(TN_EFORMAT, expected);
}
END_TEST

START_TEST(named_columns)
{
    static const char bytes[] = "id,tweet,class\n7,x,a\n";

    file_of(bytes, strlen(bytes), ".csv");
    ck_assert_str_eq(records_of((text_reader_options){.text_column = "tweet", .label_column = "class"}), "[a|x]2");
    ck_no_error();
}
END_TEST

START_TEST(replaced_bytes_and_zero_bytes)
{
    text_reader r;
    text_record record;

    file_of("a\tx\xFFy\0z\xE4\n", 9, "");
    ck_assert(text_reader_open(&r, path, (text_reader_options){.replace = true}, &err));
    ck_assert(text_reader_next(&r, &record));
    ck_assert(text_span_equal(record.text, (text_span){"x\xEF\xBF\xBDy\0z\xEF\xBF\xBD", 10}));
    ck_assert_int_eq(r.malformed, 2);
    ck_assert(!text_reader_next(&r, &record));
    ck_no_error();
    text_reader_close(&r);
    unlink(path);
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
    text_reader r;
    text_lines  l;

    ck_assert(!text_reader_open(&r, "/nosuch/file", (text_reader_options){0}, &err));
    ck_error(TN_EIO, "cannot open \"/nosuch/file\": No such file or directory");
    ck_assert(!text_reader_open(&r, "/tmp", (text_reader_options){0}, &err));
    ck_error(TN_EIO, "cannot read \"/tmp\": Is a directory");
    ck_assert(!text_reader_parse(&r, (text_span){"", SIZE_MAX}, "f", (text_reader_options){0}, &err));
    ck_assert_int_eq(err.code, TN_EMEMORY);
    tn_error_clear(&err);
    ck_assert(!text_lines_open(&l, "/nosuch/file", &err));
    ck_error(TN_EIO, "cannot open \"/nosuch/file\": No such file or directory");
}
END_TEST

START_TEST(names_of_formats)
{
    text_format format;

    for (int i = TEXT_AUTO; i <= TEXT_CSV; i++)
        ck_assert(text_format_of(text_format_name((text_format)i), &format) && (int)format == i);
    ck_assert(!text_format_of("xml", &format));
}
END_TEST

/* ---- lines ----------------------------------------------------------------------------------------------------- */

START_TEST(lines_of_all_lengths)
{
    text_lines l;
    text_span  line;
    FILE      *f;

    file_of("", 0, "");
    f = fopen(path, "wb");
    fputs("\xEF\xBB\xBF", f);
    for (int n = 0; n < 300000; n = n * 3 + 1) fprintf(f, "%0*d%s", n, 0, n % 2 ? "\n" : "\r\n");
    fputs("end\r", f);
    fclose(f);
    ck_assert(text_lines_open(&l, path, &err));
    for (int n = 0; n < 300000; n = n * 3 + 1) {
        ck_assert(text_lines_next(&l, &line));
        ck_assert_uint_eq(line.n, n ? (size_t)n : 1); /* 0 prints one digit anyway */
    }
    ck_assert(text_lines_next(&l, &line) && text_span_equal(line, text_span_of("end")));
    ck_assert(!text_lines_next(&l, &line) && !text_lines_next(&l, &line));
    ck_no_error();
    text_lines_close(&l);
    unlink(path);
}
END_TEST

START_TEST(lines_as_they_come)
{
    text_lines l;
    text_span  line;
    int        ends[2];
    char       name[40];

    ck_assert_int_eq(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    ck_assert(text_lines_open(&l, name, &err));
    ck_assert_int_eq(write(ends[1], "\xEF\xBB\xBFone\ntwo\nthr", 14), 14);
    ck_assert(text_lines_next(&l, &line) && text_span_equal(line, text_span_of("one")));
    ck_assert(!text_lines_will_read(&l));
    ck_assert(text_lines_next(&l, &line) && text_span_equal(line, text_span_of("two")));
    ck_assert(text_lines_will_read(&l));
    ck_assert_int_eq(write(ends[1], "ee", 2), 2);
    close(ends[1]);
    ck_assert(text_lines_next(&l, &line) && text_span_equal(line, text_span_of("three")));
    ck_assert(!text_lines_next(&l, &line));
    text_lines_close(&l);
    close(ends[0]);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, good_files, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(c, bad_files, 0, sizeof bad / sizeof *bad);
    tcase_add_test(c, named_columns);
    tcase_add_test(c, replaced_bytes_and_zero_bytes);
    tcase_add_test(c, files_that_cannot_be_read);
    tcase_add_test(c, names_of_formats);
    tcase_add_test(c, lines_of_all_lengths);
    tcase_add_test(c, lines_as_they_come);
}

int main(void)
{
    return run_case("text_reader", add);
}
