/* .npy files: NumPy's bytes in and out; damaged and hostile headers, and what is said about each. */
#include <stdio.h>
#include <unistd.h>

#include "misuse.h"
#include "npy.h"

static char path[64];

static void set_path(void)
{
    setup();
    snprintf(path, sizeof path, "/tmp/tarn-test-%ld.npy", (long)getpid());
}

static void remove_path(void)
{
    remove(path);
    teardown();
}

static void put_file(const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* A file of version major.0 with this header, which gets its end of line, and n bytes of data. */
static void put_npy(int major, const char *header, const void *data, size_t n)
{
    unsigned char file[2048] = "\x93NUMPY";
    size_t length = strlen(header) + 1, width = major == 1 ? 2 : 4, begin = 8 + width;
    file[6] = (unsigned char)major;
    for (size_t i = 0; i < width; i++) file[8 + i] = (unsigned char)(length >> 8 * i);
    memcpy(file + begin, header, length - 1);
    file[begin + length - 1] = '\n';
    memcpy(file + begin + length, data, n);
    put_file(file, begin + length + n);
}

static tn_tensor *load(void)
{
    tn_tape_begin(t, TN_GRAD);
    return tn_npy_load(t, path);
}

/* The text without "load "path": ", the error cleared. */
static const char *cause(void)
{
    static char text[TN_ERROR_TEXT];
    char prefix[128];
    int n = snprintf(prefix, sizeof prefix, "load \"%s\": ", path);
    ck_assert_msg(!strncmp(err.text, prefix, (size_t)n), "\"%s\" names another file", err.text);
    strcpy(text, err.text + n);
    tn_error_clear(&err);
    return text;
}

/* ---- good files ---------------------------------------------------------------------------------------------------- */

static const struct good {
    int         major;
    const char *header;
    const void *data;
    size_t      bytes;
    const char *shape;
} GOOD[] = {
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }       ", (const float[]){1, -2, 3}, 12, "(3,)"},
    {2, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3), }", (const double[]){1, -2, 3}, 24, "(1, 3)"},
    {3, "{\"shape\":(3,1),\"descr\":\"<i4\",\"fortran_order\":False}", (const int32_t[]){1, -2, 3}, 12, "(3, 1)"},
    {1, "{'fortran_order': False, 'descr': '<i8', 'shape': (3, 1, 1,)}", (const int64_t[]){1, -2, 3}, 24, "(3, 1, 1)"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", (const float[]){1}, 4, "()"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4), }", "", 0, "(0, 4)"},
};

START_TEST(reads)
{
    static const tn_real want[] = {1, -2, 3};
    put_npy(GOOD[_i].major, GOOD[_i].header, GOOD[_i].data, GOOD[_i].bytes);
    tn_tensor *x = load();
    ck_no_error();
    ck_assert_str_eq(TN_STR(x), GOOD[_i].shape);
    for (int64_t i = 0; i < x->n; i++) ck_assert(x->data[i] == want[i]);
}
END_TEST

/* The bytes are those of numpy.save(path, numpy.array([[1, -2, 3]], "<f4" or "<f8")). */
START_TEST(writes_numpys_bytes)
{
    static const tn_real number[] = {1, -2, 3};
    char want[128] = "\x93NUMPY\1\0v", header[120], got[256];
    snprintf(header, sizeof header, "{'descr': '<f%d', 'fortran_order': False, 'shape': (1, 3), }%60s",
             (int)sizeof(tn_real), "");
    memcpy(want + 10, header, 117);
    want[127] = '\n';
    tn_tape_begin(t, TN_EVAL);
    ck_assert(tn_npy_save(tn_const(t, TN_DIMS(1, 3), number), path, &err));
    FILE *f = fopen(path, "rb");
    ck_assert_uint_eq(fread(got, 1, sizeof got, f), 128 + sizeof number);
    fclose(f);
    ck_assert_mem_eq(got, want, sizeof want);
    ck_assert_mem_eq(got + 128, number, sizeof number);
}
END_TEST

START_TEST(reads_what_it_wrote)
{
    enum { N = 10007 };
    tn_tensor *w = tn_param(ps, TN_DIMS(N, 1, 2), tn_normal(0, 1), "w");
    ck_assert(tn_npy_save(w, path, &err));
    tn_tensor *x = load();
    ck_no_error();
    ck_assert_str_eq(TN_STR(x), "(10007, 1, 2)");
    ck_assert_mem_eq(x->data, w->data, (size_t)w->n * sizeof *w->data);
}
END_TEST

/* ---- bad files ----------------------------------------------------------------------------------------------------- */

#define HEAD "{'descr': '<f4', 'fortran_order': False, "
static const struct bad {
    const char *header;
    tn_code     code;
    const char *text;
} BAD[] = {
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", TN_EUSAGE,
     "it has numbers of type \">f4\"; <f4, <f8, <i4 and <i8 are read: convert it with astype(\"<f4\")"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", TN_EUSAGE,
     "it has numbers of type \"|O\"; <f4, <f8, <i4 and <i8 are read: convert it with astype(\"<f4\")"},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", TN_EUSAGE,
     "it is in Fortran's order: save numpy.ascontiguousarray of it"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", TN_EFORMAT,
     "character 34 of the .npy header: True or False is wanted here"},
    {"", TN_EFORMAT, "character 0 of the .npy header: { is wanted here"},
    {"{", TN_EFORMAT, "character 1 of the .npy header: a short string is wanted here"},
    {"{}", TN_EFORMAT, "the .npy header wants descr, fortran_order and shape"},
    {HEAD "}", TN_EFORMAT, "the .npy header wants descr, fortran_order and shape"},
    {HEAD "'descr': '<f4'}", TN_EFORMAT, "the .npy header has the key \"descr\" twice"},
    {HEAD "'shape': (1,), 'more': 1}", TN_EFORMAT, "the .npy header has the key \"more\""},
    {HEAD "'a key that is much too long': 1}", TN_EFORMAT, "character 41 of the .npy header: a short string is wanted here"},
    {HEAD "'sh\\x61pe': (1,)}", TN_EFORMAT, "character 41 of the .npy header: a short string is wanted here"},
    {HEAD "'shape' (1,)}", TN_EFORMAT, "character 49 of the .npy header: a colon is wanted here"},
    {HEAD "'shape': 1}", TN_EFORMAT, "character 50 of the .npy header: ( is wanted here"},
    {HEAD "'shape': (1)}", TN_EFORMAT, "character 52 of the .npy header: a comma is wanted here"},
    {HEAD "'shape': (1, 1 1)}", TN_EFORMAT, "character 56 of the .npy header: a comma is wanted here"},
    {HEAD "'shape': (,)}", TN_EFORMAT, "character 51 of the .npy header: a size is wanted here"},
    {HEAD "'shape': (-1,)}", TN_EFORMAT, "character 51 of the .npy header: a size is wanted here"},
    {HEAD "'shape': (1.0,)}", TN_EFORMAT, "character 52 of the .npy header: a comma is wanted here"},
    {HEAD "'shape': (1,1,1,1,1,1,1,1,1)}", TN_EFORMAT, "more than 8 dimensions"},
    {HEAD "'shape': (99999999999999999999,)}", TN_EFORMAT, "the shape is larger than any memory"},
    {HEAD "'shape': (4611686018427387904, 4)}", TN_EFORMAT, "the shape is larger than any memory"},
    {HEAD "'shape': (2,)}", TN_EFORMAT, "the file has 70 bytes, its header says 74"},
    {HEAD "'shape': (0,)}", TN_EFORMAT, "the file has 70 bytes, its header says 66"},
    {HEAD "'shape': (100000000000,)}", TN_EFORMAT, "the file has 81 bytes, its header says 400000000077"},
    {HEAD "'shape': (1,)} import os", TN_EFORMAT, "character 56 of the .npy header: spaces and the end of the line is wanted here"},
};

START_TEST(refuses)
{
    put_npy(1, BAD[_i].header, "\0\0\0", 4);
    ck_assert_ptr_null(load());
    ck_assert_int_eq(err.code, BAD[_i].code);
    ck_assert_str_eq(cause(), BAD[_i].text);
}
END_TEST

static const struct damaged {
    const char *bytes;
    size_t      n;
    const char *text;
} DAMAGED[] = {
    {"", 0, "the file ends too early: no .npy file?"},
    {"\x93NUMPY\1", 7, "the file ends too early: no .npy file?"},
    {"PK\3\4 an .npz", 12, "byte 0: it does not begin as a .npy file does"},
    {"\x93NUMPY\4\0\0\0\0\0", 12, "byte 6: only versions 1.0, 2.0 and 3.0 are known"},
    {"\x93NUMPY\1\1\0\0\0\0", 12, "byte 6: only versions 1.0, 2.0 and 3.0 are known"},
    {"\x93NUMPY\1\0\0\0{}\n", 13, "byte 8: a header of this length is not possible"},
    {"\x93NUMPY\2\0\377\377\377\377{}\n", 15, "byte 8: a header of this length is not possible"},
    {"\x93NUMPY\1\0\14\0{}\n", 13, "the file ends too early: no .npy file?"},
    {"\x93NUMPY\1\0\4\0{}\0\n", 14, "the .npy header has a zero byte"},
};

START_TEST(refuses_damage)
{
    put_file(DAMAGED[_i].bytes, DAMAGED[_i].n);
    ck_assert_ptr_null(load());
    ck_assert_int_eq(err.code, TN_EFORMAT);
    ck_assert_str_eq(cause(), DAMAGED[_i].text);
}
END_TEST

/* Every byte of a good file, changed to every value: read or refused, never more (under the sanitizers). */
START_TEST(survives_any_byte)
{
    put_npy(1, HEAD "'shape': (3,), }", (const float[]){1, 2, 3}, 12);
    unsigned char file[128];
    FILE *f = fopen(path, "rb");
    size_t n = fread(file, 1, sizeof file, f);
    fclose(f);
    for (size_t i = 0; i < n; i++)
        for (int value = 0; value < 256; value++) {
            unsigned char before = file[i];
            file[i] = (unsigned char)value;
            tn_tape_begin(t, TN_EVAL);
            tn_tensor *x = tn__npy_parse(t, file, n, path);
            file[i] = before;
            ck_assert((x == NULL) == (err.code != TN_OK));
            tn_error_clear(&err);
        }
}
END_TEST

START_TEST(refuses_numbers_that_do_not_fit)
{
    put_npy(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}", (const int64_t[]){3, INT64_MAX}, 16);
    ck_assert_ptr_null(load());
    ck_assert_str_eq(cause(), "number 1 does not fit this build's type");
    put_npy(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}", (const int64_t[]){3, (INT64_C(1) << 53) + 1}, 16);
    ck_assert_ptr_null(load());
    ck_assert_str_eq(cause(), "number 1 does not fit this build's type");
    if (sizeof(tn_real) == 8) return;
    put_npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", (const double[]){1e300}, 8);
    ck_assert_ptr_null(load());
    ck_assert_str_eq(cause(), "number 0 does not fit this build's type");
}
END_TEST

/* One of each kind, by its whole text. */
START_TEST(misused)
{
    char text[300];
    put_npy(1, "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "", 0);
    snprintf(text, sizeof text, "load \"%s\": it has numbers of type \"|O\"; <f4, <f8, <i4 and <i8 are read: convert it with "
             "astype(\"<f4\")", path);
    ck_assert_ptr_null(load());
    ck_misuse("tn_npy_load: another type", TN_EUSAGE, text);
    put_npy(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", "\0\0\0", 4);
    snprintf(text, sizeof text, "load \"%s\": it is in Fortran's order: save numpy.ascontiguousarray of it", path);
    ck_assert_ptr_null(load());
    ck_misuse("tn_npy_load: Fortran's order", TN_EUSAGE, text);
    put_npy(1, HEAD "'shape': (2,)}", "\0\0\0", 4);
    snprintf(text, sizeof text, "load \"%s\": the file has 70 bytes, its header says 74", path);
    ck_assert_ptr_null(load());
    ck_misuse("tn_npy_load: a file of another length than that says", TN_EFORMAT, text);
    put_file("PK\3\4 an .npz", 12);
    snprintf(text, sizeof text, "load \"%s\": byte 0: it does not begin as a .npy file does", path);
    ck_assert_ptr_null(load());
    ck_misuse("tn_npy_load: a damaged header", TN_EFORMAT, text);
    put_npy(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}", (const int64_t[]){3, INT64_MAX}, 16);
    snprintf(text, sizeof text, "load \"%s\": number 1 does not fit this build's type", path);
    ck_assert_ptr_null(load());
    ck_misuse("tn_npy_load: a number that does not fit", TN_EFORMAT, text);
    put_npy(1, HEAD "'shape': (1,)}", "\0\0\0", 4);
    tn_tape_trim(t);
    ck_assert_ptr_null(tn_npy_load(t, path));
    ck_misuse("tn_npy_load: tn_input's", TN_EUSAGE, "tn_input: no step has begun on this tape: call tn_tape_begin first, "
                                                    "with "
              "TN_GRAD | TN_TRAIN to train or TN_EVAL to predict");
}
END_TEST

START_TEST(refuses_calls)
{
    tn_tape_begin(t, TN_EVAL);
    ck_assert_ptr_null(tn_npy_load(t, "/nosuch/a.npy"));
    ck_misuse("tn_npy_load: a file that cannot be opened or read",
              TN_EIO, "load \"/nosuch/a.npy\": cannot open: No such file or directory");
    ck_assert_ptr_null(tn_npy_load(t, "/tmp"));
    ck_error(TN_EIO, "load \"/tmp\": it is a directory");
    ck_assert_ptr_null(tn_npy_load(t, NULL));
    ck_misuse("tn_npy_load: path is NULL", TN_EUSAGE, "load: the path is NULL");
    ck_assert_ptr_null(tn_npy_load(NULL, path));
    ck_assert(!tn_npy_save(NULL, path, &err));
    ck_misuse("tn_npy_save: x is NULL", TN_EUSAGE, "save: the tensor is NULL");
    ck_assert(!tn_npy_save(tn_scalar(t, 1), NULL, &err));
    ck_misuse("tn_npy_save: path is NULL", TN_EUSAGE, "save: the path is NULL");
    ck_assert(!tn_npy_save(tn_scalar(t, 1), "/nosuch/a.npy", &err));
    ck_misuse("tn_npy_save: a file that cannot be written",
              TN_EIO, "save \"/nosuch/a.npy\": cannot create a file beside it: No such file or directory");
    ck_assert(!tn_npy_save(tn_scalar(t, 1), path, NULL));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("npy");
    TCase *c = tcase_create("npy");
    tcase_add_checked_fixture(c, set_path, remove_path);
    tcase_add_loop_test(c, reads, 0, (int)(sizeof GOOD / sizeof *GOOD));
    tcase_add_test(c, writes_numpys_bytes);
    tcase_add_test(c, reads_what_it_wrote);
    tcase_add_loop_test(c, refuses, 0, (int)(sizeof BAD / sizeof *BAD));
    tcase_add_loop_test(c, refuses_damage, 0, (int)(sizeof DAMAGED / sizeof *DAMAGED));
    tcase_add_test(c, survives_any_byte);
    tcase_add_test(c, refuses_numbers_that_do_not_fit);
    tcase_add_test(c, misused);
    tcase_add_test(c, refuses_calls);
    suite_add_tcase(s, c);
    return run_suite(s);
}
