/* Files from strangers: what claims to be larger, more or deeper than it is. Each is refused, or read, in memory that is
 * bounded by the file's own size, and in time that is about linear in it (a test that is not would not end). */
#include <unistd.h>

#include "examples/text/program.h"
#include "npy.h"
#include "peak.h"
#include "safetensors.h"
#include "tests.h"

enum { SMALL = 1 << 14, MILLION = 1000000 };

static peak memory;

static void count_memory(void)
{
    ck_assert(peak_begin(&memory, SIZE_MAX));
    setup();
    peak_reset(&memory);
}

/* ---- a file that grows ------------------------------------------------------------------------------------------- */

typedef struct file {
    char  *at;
    size_t n, room;
} file;

static void add(file *f, const char *text)
{
    size_t n = strlen(text);
    if (f->n + n + 1 > f->room) f->at = realloc(f->at, f->room = 2 * (f->n + n + 64));
    ck_assert(f->at != NULL);
    memcpy(f->at + f->n, text, n + 1);
    f->n += n;
}

static void add_times(file *f, int times, const char *text)
{
    for (int i = 0; i < times; i++) add(f, text);
}

/* The header's size is the first 8 bytes, for which there is room before it. */
static file begin_header(void)
{
    file f = {NULL, 0, 0};
    add(&f, "........");
    return f;
}

static void end_header(file *f)
{
    for (int i = 0; i < 8; i++) f->at[i] = (char)((f->n - 8) >> 8 * i);
}

static void refuse(file *f, const char *text)
{
    end_header(f);
    ck_assert(!tn__safetensors_parse(f->at, f->n, "m", &err));
    ck_error(TN_EFORMAT, text);
    ck_assert_msg(memory.most <= 8 * f->n + SMALL, "%zu bytes of memory for %zu of file", memory.most, f->n);
    free(f->at);
}

/* ---- safetensors ------------------------------------------------------------------------------------------------- */

#define TENSOR(shape, offsets) "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static const struct claim {
    const char *header, *text;
} CLAIMS[] = {
    {TENSOR("[9223372036854775807]", "[0,0]"), "load \"m\": byte 36: the product of the sizes is too large"},
    {TENSOR("[9223372036854775808]", "[0,0]"), "load \"m\": byte 37: a number is larger than 9223372036854775807"},
    {TENSOR("[4294967296,4294967296]", "[0,0]"), "load \"m\": byte 36: the product of the sizes is too large"},
    {TENSOR("[1125899906842624]", "[0,0]"),
     "load \"m\": byte 9: tensor \"a\" has 1125899906842624 numbers of 4 bytes, but 0 bytes of data"},
    {TENSOR("[1]", "[0,9223372036854775807]"),
     "load \"m\": byte 9: tensor \"a\" is at bytes 0 to 9223372036854775807 of the data, which has 0"},
    {TENSOR("[1]", "[9223372036854775807,9223372036854775807]"),
     "load \"m\": byte 9: tensor \"a\" is at bytes 9223372036854775807 to 9223372036854775807 of the data, which has 0"},
};

START_TEST(claims)
{
    file f = begin_header();
    add(&f, CLAIMS[_i].header);
    refuse(&f, CLAIMS[_i].text);
}
END_TEST

START_TEST(a_nesting_of_100000)
{
    static const char *const before[] = {"{\"a\":", "{\"a\":{\"shape\":", "{\"__metadata__\":{\"a\":"};
    static const char *const text[] = {"load \"m\": byte 13: '{' is expected",
                                       "load \"m\": byte 23: a non-negative integer is expected, in digits only",
                                       "load \"m\": byte 29: a string is expected"};
    file f = begin_header();
    add(&f, before[_i]);
    add_times(&f, 100000, "[");
    refuse(&f, text[_i]);
    f = begin_header();
    add_times(&f, 100000, "{\"a\":");
    refuse(&f, "load \"m\": byte 14: a tensor has dtype, shape and data_offsets, and nothing else");
}
END_TEST

/* Each might be a second name for a weight of two dimensions: to compare each with each would take days. */
START_TEST(a_million_tensors)
{
    char one[128];
    file f = begin_header();
    for (int i = 0; i < MILLION; i++) {
        snprintf(one, sizeof one, "%c\"%d\":{\"dtype\":\"F32\",\"shape\":[0,1],\"data_offsets\":[0,0]}", i ? ',' : '{', i);
        add(&f, one);
    }
    add(&f, "}");
    end_header(&f);
    tn_file *m = tn__safetensors_parse(f.at, f.n, "m", &err);
    ck_no_error();
    ck_assert_int_eq(tn_file_count(m), MILLION);
    tn_param(ps, TN_DIMS(0, 2), tn_constant(0), "w");
    ck_assert(!tn_file_load(m, ps, TN_STRICT));
    ck_assert_int_eq(err.code, TN_EFORMAT);
    ck_assert_str_eq(err.text + strlen(err.text) - 16, " and 999977 more");
    tn_file_close(m);
    ck_assert_msg(memory.most <= 8 * f.n, "%zu bytes of memory for %zu of file", memory.most, f.n);
    free(f.at);
}
END_TEST

START_TEST(a_million_pairs)
{
    char one[32];
    file f = begin_header();
    add(&f, "{\"__metadata__\":");
    for (int i = 0; i < MILLION; i++) {
        snprintf(one, sizeof one, "%c\"%d\":\"\"", i ? ',' : '{', i);
        add(&f, one);
    }
    add(&f, "}}");
    end_header(&f);
    tn_file *m = tn__safetensors_parse(f.at, f.n, "m", &err);
    ck_no_error();
    ck_assert_str_eq(tn_file_meta(m, "999999"), "");
    tn_file_close(m);
    ck_assert_msg(memory.most <= 8 * f.n, "%zu bytes of memory for %zu of file", memory.most, f.n);
    free(f.at);
}
END_TEST

/* A name is a name: it is compared, never opened. */
START_TEST(a_name_that_climbs)
{
    file f = begin_header();
    add(&f, "{\"__metadata__\":{\"../k\":\"../../v\"},"
            "\"../../tmp/w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}");
    end_header(&f);
    add(&f, "1234");
    tn_file *m = tn__safetensors_parse(f.at, f.n, "m", &err);
    ck_no_error();
    tn_file_entry e;
    ck_assert(tn_file_at(m, 0, &e));
    ck_assert_str_eq(e.name, "../../tmp/w");
    ck_assert_str_eq(tn_file_meta(m, "../k"), "../../v");
    ck_assert(!tn_file_load(m, ps, TN_STRICT));
    ck_error(TN_EFORMAT, "load \"m\": tensor \"../../tmp/w\" is unexpected");
    tn_file_close(m);
    free(f.at);
}
END_TEST

/* ---- .npy -------------------------------------------------------------------------------------------------------- */

static const struct array {
    const char *shape, *text;
} ARRAYS[] = {
    {"(9223372036854775807,)", "the shape is larger than any memory"},
    {"(9223372036854775808,)", "the shape is larger than any memory"},
    {"(4294967296, 4294967296)", "the shape is larger than any memory"},
    {"(1125899906842624,)", "the file has 81 bytes, its header says 4503599627370577"},
};

START_TEST(arrays)
{
    char bytes[256] = "\x93NUMPY\1", want[256];
    int n = 10 + snprintf(bytes + 10, sizeof bytes - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': %s}\n", ARRAYS[_i].shape);
    bytes[8] = (char)(n - 10);
    tn_tape_begin(t, TN_EVAL);
    ck_assert_ptr_null(tn__npy_parse(t, bytes, (size_t)n, "a"));
    snprintf(want, sizeof want, "load \"a\": %s", ARRAYS[_i].text);
    ck_error(TN_EFORMAT, want);
    ck_assert_uint_le(memory.most, SMALL);
}
END_TEST

START_TEST(a_header_of_brackets)
{
    file f = {NULL, 0, 0};
    add(&f, "\x93NUMPY\2.....{'shape': ");
    add_times(&f, 60000, "(");
    size_t n = f.n - 12;
    f.at[7] = 0;
    for (int i = 0; i < 4; i++) f.at[8 + i] = (char)(n >> 8 * i);
    tn_tape_begin(t, TN_EVAL);
    ck_assert_ptr_null(tn__npy_parse(t, f.at, f.n, "a"));
    ck_error(TN_EFORMAT, "load \"a\": character 11 of the .npy header: a size is wanted here");
    ck_assert_uint_le(memory.most, f.n + SMALL);
    free(f.at);
}
END_TEST

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* 100,000 times one thing, in each format, and as it must be read: with replacement. */
START_TEST(much_of_one_thing)
{
    static const char *const things[] = {",",  "\"",        "\"\"", "\t",       "\n",     "\r",
                                         " ", "__label__", "\xff", "\xf0\x9f", "a\tb\n", "\xe2\x80\x8d"};
    for (size_t i = 0; i < sizeof things / sizeof *things; i++)
        for (int format = TEXT_AUTO; format <= TEXT_CSV; format++) {
            text_reader_options options = {.format = (text_format)format, .replace = true};
            file f = {NULL, 0, 0};
            text_reader r;
            text_record record;
            add(&f, format == TEXT_CSV ? "text,label\n" : "");
            add_times(&f, MILLION / 10, things[i]);
            if (text_reader_parse(&r, (text_span){f.at, f.n}, "texts", options, &err)) {
                ck_assert_int_le(r.bytes.n, 3 * (int64_t)f.n);
                while (text_reader_next(&r, &record)) ck_assert_uint_gt(record.label.n, 0);
                text_reader_close(&r);
            }
            ck_assert(err.code == TN_OK || err.code == TN_EFORMAT);
            tn_error_clear(&err);
            free(f.at);
        }
}
END_TEST

/* ---- a model of classify ----------------------------------------------------------------------------------------- */

/* A table and a bias of 90 KB, and between them a matrix of 10 GB. */
START_TEST(a_model_wider_than_its_file)
{
    char path[64];
    file f = begin_header();
    add(&f, "{\"__metadata__\":{\"tarn.classify\":\"2\",\"tarn.tokenizer\":\"mixed\",\"tarn.ngrams\":\"1\",\"tarn.subwords\":\"0\","
            "\"tarn.buckets\":\"1\",\"tarn.pooling\":\"mean\",\"tarn.labels\":\"a\\nb\\n\",\"tarn.vocabulary\":\"x\\n\"},"
            "\"words.weight\":{\"dtype\":\"U8\",\"shape\":[1,50000],\"data_offsets\":[0,50000]},"
            "\"hidden.bias\":{\"dtype\":\"U8\",\"shape\":[50000],\"data_offsets\":[50000,100000]}}");
    end_header(&f);
    add_times(&f, 100000, "1");
    snprintf(path, sizeof path, "/tmp/tarn-test-%ld.model", (long)getpid());
    FILE *to = fopen(path, "wb");
    ck_assert(to && fwrite(f.at, 1, f.n, to) == f.n && fclose(to) == 0);
    text_program p = {.options = {.model = path}, .err = &err};
    bool loaded = text_program_load(&p);
    remove(path);
    ck_assert(!loaded);
    ck_assert_int_eq(err.code, TN_EFORMAT);
    ck_assert_str_eq(err.text + strlen(path), ": it holds 100000 numbers, a model of its sizes (dim 50000, hidden 50000, 2 classes) has "
                     "2500200002");
    ck_assert_uint_le(memory.most, f.n + SMALL);
    text_model_free(&p.text);
    tn_params_free(p.ps);
    free(f.at);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hostile");
    TCase *c = tcase_create("hostile");
    tcase_add_checked_fixture(c, count_memory, teardown);
    tcase_set_timeout(c, 600);
    tcase_add_loop_test(c, claims, 0, (int)(sizeof CLAIMS / sizeof *CLAIMS));
    tcase_add_loop_test(c, a_nesting_of_100000, 0, 3);
    tcase_add_test(c, a_million_tensors);
    tcase_add_test(c, a_million_pairs);
    tcase_add_test(c, a_name_that_climbs);
    tcase_add_loop_test(c, arrays, 0, (int)(sizeof ARRAYS / sizeof *ARRAYS));
    tcase_add_test(c, a_header_of_brackets);
    tcase_add_test(c, much_of_one_thing);
    tcase_add_test(c, a_model_wider_than_its_file);
    suite_add_tcase(s, c);
    return run_suite(s);
}
