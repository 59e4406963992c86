/* Saved models: what is written comes back, what is malformed is refused by name and byte, and a save or a load that
 * fails changes nothing. */
#include "misuse.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "safetensors.h"

#ifdef TN_DOUBLE
#define TYPE "F64"
#else
#define TYPE "F32"
#endif

/* ---- files made by hand ------------------------------------------------------------------------------------------ */

typedef struct bytes {
    size_t         n;
    unsigned char *at;
} bytes;

/* A file of this header and n bytes of data (zeros if data is NULL); in memory of its exact size, so that the
 * sanitizers see a read past its end. */
static bytes make_file(const char *header, size_t n, const void *data)
{
    size_t length = strlen(header);
    bytes b = {8 + length + n, calloc(1, 8 + length + n)};
    ck_assert(b.at != NULL);
    for (int i = 0; i < 8; i++) b.at[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(b.at + 8, header, length);
    if (data) memcpy(b.at + 8 + length, data, n);
    return b;
}

static tn_file *parse(bytes b)
{
    return tn__safetensors_parse(b.at, b.n, "m.safetensors", &err);
}

static const char *in_folder(const char *name)
{
    static char folder[] = "/tmp/tarn-test-XXXXXX", path[128];
    static bool made;
    if (!made) ck_assert(mkdtemp(folder) != NULL);
    made = true;
    snprintf(path, sizeof path, "%s%s%s", folder, *name ? "/" : "", name);
    return path;
}

static int count_files(void)
{
    int n = 0;
    DIR *d = opendir(in_folder(""));
    for (struct dirent *e; (e = readdir(d));) n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return n;
}

static void clear_folder(void)
{
    char name[512];
    DIR *d = opendir(in_folder(""));
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(name, sizeof name, "%s/%s", in_folder(""), e->d_name);
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) remove(name);
    }
    closedir(d);
    rmdir(in_folder(""));
}

static bytes read_whole(const char *path)
{
    struct stat s;
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f && !fstat(fileno(f), &s), "%s cannot be opened", path);
    bytes b = {(size_t)s.st_size, malloc((size_t)s.st_size + 1)};
    ck_assert_uint_eq(fread(b.at, 1, b.n, f), b.n);
    fclose(f);
    return b;
}

/* ---- there and back ---------------------------------------------------------------------------------------------- */

static const tn_meta PAIRS[] = {
    {"vocabulary", "你\n好\n嗎"}, {"", "empty key"}, {"empty value", ""},
    {"quote \" backslash \\ slash /", "\b\f\n\r\t\x01\x1f\x7f"},
    {"\xF0\x9F\x8C\x8A", "beyond the BMP: \xF0\x9F\x8C\x8A"},
};
enum { N_PAIRS = sizeof PAIRS / sizeof *PAIRS };

static void add_model(tn_params *to, bool filled)
{
    tn_init init = filled ? tn_normal(0, 1) : tn_constant(0);
    tn_param(to, TN_DIMS(3, 5), init, "words.weight");
    tn_param(to, TN_SCALAR, init, "scale");
    tn_param(to, TN_DIMS(4, 0), init, "nothing");
    tn_buffer(to, TN_DIMS(1, 2, 1, 1, 1, 1, 2, 1), init, "嗎 \"quoted\"\t");
}

START_TEST(behind_the_end_of_memory_is_nothing)
{
    char to[5] = "****";
    char *two = malloc(2); /* a byte more, and AddressSanitizer says so */
    memcpy(two, "ab", 2);
    const tn__in in = tn__in_memory(two, 2);
    ck_assert_int_eq(tn__in_read(&in, 1, to, 4), 1);
    ck_assert_int_eq(tn__in_read(&in, 2, to, 1), 0);
    ck_assert_int_eq(tn__in_read(&in, 9, to, 1), 0);
    ck_assert_str_eq(to, "b***");
    free(two);
}
END_TEST

START_TEST(what_is_saved_comes_back)
{
    tn_params *other = tn_params_new(2, &err);
    add_model(ps, true);
    add_model(other, false);
    tn_params_at(ps, 0)->data[3] = (tn_real)NAN;
    tn_params_at(ps, 0)->data[4] = -(tn_real)INFINITY;
    tn_params_at(ps, 0)->data[5] = (tn_real)-0.0;
    ck_assert(tn_save(ps, in_folder("a.safetensors"), N_PAIRS, PAIRS));
    tn_file *f = tn_file_open(in_folder("a.safetensors"), &err);
    ck_no_error();
    for (int i = 0; i < N_PAIRS; i++) ck_assert_str_eq(tn_file_meta(f, PAIRS[i].key), PAIRS[i].value);
    ck_assert_ptr_null(tn_file_meta(f, "no such key"));
    ck_assert(tn_file_load(f, other, TN_STRICT));
    ck_no_error();
    for (int i = 0; i < 4; i++) {
        const tn_tensor *a = tn_params_at(ps, i), *b = tn_params_at(other, i);
        ck_assert(a->n == 0 || !memcmp(a->data, b->data, (size_t)a->n * sizeof *a->data));
    }
    tn_file_close(f);
    tn_params_free(other);
    ck_assert_int_eq(count_files(), 1);
    clear_folder();
}
END_TEST

/* In a program that has closed its standard input the next file is number 0. */
START_TEST(a_file_with_the_number_0)
{
    add_model(ps, true);
    ck_assert(tn_save(ps, in_folder("a.safetensors"), 0, NULL));
    const int input = dup(0);
    close(0);
    tn_file *f = tn_file_open(in_folder("a.safetensors"), &err);
    ck_no_error();
    ck_assert(tn_file_load(f, ps, TN_STRICT));
    tn_file_close(f);
    dup2(input, 0);
    close(input);
    clear_folder();
}
END_TEST

START_TEST(what_is_in_the_file)
{
    static const char *const names[] = {"nothing", "scale", "words.weight", "嗎 \"quoted\"\t"};
    tn_file_entry e;
    add_model(ps, true);
    ck_assert(tn_save(ps, in_folder("a.safetensors"), 0, NULL));
    tn_file *f = tn_file_open(in_folder("a.safetensors"), &err);
    ck_assert_int_eq(tn_file_count(f), 4);
    for (int i = 0; i < 4; i++) {
        ck_assert(tn_file_at(f, i, &e));
        ck_assert_str_eq(e.name, names[i]);
        ck_assert_str_eq(e.dtype, TYPE);
    }
    ck_assert_int_eq(e.shape.n, 8);
    ck_assert_int_eq(e.shape.at[6], 2);
    ck_assert(!tn_file_at(f, 4, &e) && !tn_file_at(f, -1, &e));
    ck_assert_int_eq(tn_file_count(NULL), 0);
    ck_assert_ptr_null(tn_file_meta(f, "any"));
    tn_file_close(f);
    tn_file_close(NULL);
    clear_folder();
}
END_TEST

/* Written out, so that a change of one byte in what tarn writes is seen. */
START_TEST(the_bytes_of_a_file)
{
    const tn_real b[] = {1, -2};
    const tn_meta pairs[] = {{"z", "1"}, {"a", "\"\n"}};
#ifdef TN_DOUBLE
    static const char expected[] = "\x90\0\0\0\0\0\0\0{\"__metadata__\":{\"a\":\"\\\"\\n\",\"z\":\"1\"},"
                                   "\"a\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
                                   "\"b\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[8,24]}} "
                                   "\0\0\0\0\0\0\xe0\x3f\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0";
#else
    static const char expected[] = "\x90\0\0\0\0\0\0\0{\"__metadata__\":{\"a\":\"\\\"\\n\",\"z\":\"1\"},"
                                   "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
                                   "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}} "
                                   "\0\0\0\x3f\0\0\x80\x3f\0\0\0\xc0";
#endif
    tn_param(ps, TN_DIMS(2), tn_copy_of(b), "b");
    tn_param(ps, TN_SCALAR, tn_constant(0.5), "a");
    ck_assert(tn_save(ps, in_folder("a"), 2, pairs));
    bytes got = read_whole(in_folder("a"));
    ck_assert_uint_eq(got.n, sizeof expected - 1);
    ck_assert(!memcmp(got.at, expected, got.n));
    free(got.at);
    clear_folder();
}
END_TEST

START_TEST(the_same_state_gives_the_same_bytes)
{
    tn_params *other = tn_params_new(9, &err);
    const tn_meta forward[] = {{"a", "1"}, {"b", "2"}}, back[] = {{"b", "2"}, {"a", "1"}};
    tn_param(ps, TN_DIMS(2), tn_constant(1), "x");
    tn_param(ps, TN_DIMS(3), tn_constant(2), "a.b");
    tn_param(other, TN_DIMS(3), tn_constant(2), "a.b");
    tn_param(other, TN_DIMS(2), tn_constant(1), "x");
    ck_assert(tn_save(ps, in_folder("a"), 2, forward) && tn_save(other, in_folder("b"), 2, back));
    bytes a = read_whole(in_folder("a")), b = read_whole(in_folder("b"));
    ck_assert_uint_eq(a.n, b.n);
    ck_assert(!memcmp(a.at, b.at, a.n));
    ck_assert_uint_eq(a.at[0] % 8, 0);
    free(a.at);
    free(b.at);
    tn_params_free(other);
    clear_folder();
}
END_TEST

/* Written by tests/golden/safetensors_torch.py from PyTorch, with three types, and the logits on some ids. */
static int64_t numbers(const char *text, double *to)
{
    int64_t n = 0;
    char *end;
    for (double x; x = number_at(text, &end), end != text; text = end) to[n++] = x;
    return n;
}

START_TEST(a_model_from_pytorch_gives_its_logits)
{
    nn_embedding words;
    nn_linear out;
    double id[16], begin[16], logit[16];
    int32_t ids[16];
    int64_t offsets[16];
    nn_embedding_init(&words, ps, "words", 7, 5);
    nn_linear_init(&out, ps, "out", 5, 3);
    tn_file *f = tn_file_open("tests/golden/embedding_bag.safetensors", &err);
    ck_assert(tn_file_load(f, ps, TN_STRICT));
    int64_t n = numbers(tn_file_meta(f, "ids"), id), bags = numbers(tn_file_meta(f, "offsets"), begin);
    for (int64_t i = 0; i < n; i++) ids[i] = (int32_t)id[i];
    for (int64_t i = 0; i < bags; i++) offsets[i] = (int64_t)begin[i];
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *y = nn_linear_forward(&out, t, nn_embedding_mean(&words, t, (tn_bags){{ids, n}, offsets, bags}));
    ck_no_error();
    ck_assert_int_eq(numbers(tn_file_meta(f, "logits"), logit), y->n);
    ck_assert_int_eq(y->n, 12);
    for (int64_t i = 0; i < y->n; i++) ck_assert_double_eq_tol((double)y->data[i], logit[i], 1e-5);
    tn_file_close(f);
}
END_TEST

/* ---- what a reader must refuse ----------------------------------------------------------------------------------- */

#define ENTRY(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define A ENTRY("a", "F32", "[2]", "[0,8]")
#define SMALL "{\"__metadata__\":{\"k\\n\":\"\\u4f60\"}," A "," ENTRY("b", "F64", "[1,2]", "[8,24]") "}  "
#define DIGITS "a non-negative integer is expected, in digits only"

static const struct refusal {
    const char *header;
    size_t      n; /* bytes of data */
    tn_code     code;
    const char *text; /* after `load "m.safetensors": ` */
} REFUSED[] = {
    /* 2: UTF-8, one object, which begins with { and may end in spaces */
    {"", 0, TN_EFORMAT, "byte 8: the header does not begin with '{'"},
    {" {}", 0, TN_EFORMAT, "byte 8: the header does not begin with '{'"},
    {"[]", 0, TN_EFORMAT, "byte 8: the header does not begin with '{'"},
    {"\xEF\xBB\xBF{}", 0, TN_EFORMAT, "byte 8: the header does not begin with '{'"},
    {"{}{}", 0, TN_EFORMAT, "byte 10: something other than spaces after the header's object"},
    {"{}\n", 0, TN_EFORMAT, "byte 10: something other than spaces after the header's object"},
    {"{", 0, TN_EFORMAT, "byte 9: a string is expected"},
    {"{}   x", 0, TN_EFORMAT, "byte 13: something other than spaces after the header's object"},
    {"{\"\xFF\":1}", 0, TN_EFORMAT, "byte 10: the header is not UTF-8"},
    {"{\"\xC0\xAF\":1}", 0, TN_EFORMAT, "byte 10: the header is not UTF-8"},
    {"{\"\xE0\x9F\xBF\":1}", 0, TN_EFORMAT, "byte 10: the header is not UTF-8"},
    {"{\"\xF0\x8F\xBF\xBF\":1}", 0, TN_EFORMAT, "byte 10: the header is not UTF-8"},
    {"{\"\xED\xA0\x80\":1}", 0, TN_EFORMAT, "byte 10: the header is not UTF-8"},
    {"{\"\xF4\x90\x80\x80\":1}", 0, TN_EFORMAT, "byte 10: the header is not UTF-8"},
    {"{\"\xE4\xBD", 0, TN_EFORMAT, "byte 10: the header is not UTF-8"},
    {"{" A ",}", 8, TN_EFORMAT, "byte 62: a string is expected"},
    {"{" A " " A "}", 8, TN_EFORMAT, "byte 62: ',' or '}' is expected"},
    {"{\"a\" {}}", 0, TN_EFORMAT, "byte 13: ':' is expected"},
    {"{'a':{}}", 0, TN_EFORMAT, "byte 9: a string is expected"},
    {"{\"a\n\":{}}", 0, TN_EFORMAT, "byte 11: a control character in a string"},
    {"{\"a", 0, TN_EFORMAT, "byte 11: the string does not end"},
    {"{\"\\", 0, TN_EFORMAT, "byte 10: an unknown escape sequence"},
    {"{\"\\x\":1}", 0, TN_EFORMAT, "byte 10: an unknown escape sequence"},
    {"{\"\\u12", 0, TN_EFORMAT, "byte 10: four hexadecimal digits are expected after \\u"},
    {"{\"\\u12G4\":1}", 0, TN_EFORMAT, "byte 10: four hexadecimal digits are expected after \\u"},
    {"{\"\\u0000\":1}", 0, TN_EFORMAT, "byte 10: a zero byte in a string"},
    /* 3: no duplicate keys after unescaping, no lone surrogates, bounded nesting */
    {"{" A ",\"\\u0061\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]}}", 8, TN_EFORMAT,
     "byte 62: tensor \"a\" is there twice (also at byte 9)"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, TN_EFORMAT, "byte 27: __metadata__ twice"},
    {"{\"__metadata__\":{\"k\":\"1\",\"b\":\"2\",\"\\u006b\":\"3\"}}", 0, TN_EFORMAT,
     "byte 41: the key \"k\" is there twice (also at byte 25)"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, TN_EFORMAT,
     "byte 28: the same key twice"},
    {"{\"\\ud800\":1}", 0, TN_EFORMAT, "byte 10: half of a surrogate pair"},
    {"{\"\\udc00\":1}", 0, TN_EFORMAT, "byte 10: half of a surrogate pair"},
    {"{\"\\ud800\\u0041\":1}", 0, TN_EFORMAT, "byte 10: half of a surrogate pair"},
    {"{\"\\ud800\\ud800\":1}", 0, TN_EFORMAT, "byte 10: half of a surrogate pair"},
    {"{\"\\ud800\\udbff\":1}", 0, TN_EFORMAT, "byte 10: half of a surrogate pair"},
    {"{\"\\ud800\\ue000\":1}", 0, TN_EFORMAT, "byte 10: half of a surrogate pair"},
    {"{\"\\udfff\":1}", 0, TN_EFORMAT, "byte 10: half of a surrogate pair"},
    {"{\"\\ud800\\n\":1}", 0, TN_EFORMAT, "byte 10: half of a surrogate pair"},
    {"{\"\\ud800\\", 0, TN_EFORMAT, "byte 10: half of a surrogate pair"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[[[[[[2]]]]]],\"data_offsets\":[0,8]}}", 8, TN_EFORMAT,
     "byte 37: " DIGITS},
    {"{\"a\":[[[[[[[[[[[[[[[[", 0, TN_EFORMAT, "byte 13: '{' is expected"},
    /* 4: metadata is string to string */
    {"{\"__metadata__\":{\"k\":1}}", 0, TN_EFORMAT, "byte 29: a string is expected"},
    {"{\"__metadata__\":{\"k\":null}}", 0, TN_EFORMAT, "byte 29: a string is expected"},
    {"{\"__metadata__\":{\"k\":{}}}", 0, TN_EFORMAT, "byte 29: a string is expected"},
    {"{\"__metadata__\":[]}", 0, TN_EFORMAT, "byte 24: '{' is expected"},
    {"{\"__metadata__\":null}", 0, TN_EFORMAT, "byte 24: '{' is expected"},
    /* 5: exactly dtype, shape, data_offsets; non-negative integers */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, TN_EFORMAT,
     "byte 9: a tensor needs dtype, shape and data_offsets"},
    {"{\"a\":{}}", 8, TN_EFORMAT, "byte 9: a tensor needs dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 8, TN_EFORMAT,
     "byte 61: a tensor has dtype, shape and data_offsets, and nothing else"},
    {"{\"a\":1}", 0, TN_EFORMAT, "byte 13: '{' is expected"},
    {"{\"a\":{\"dtype\":1}}", 0, TN_EFORMAT, "byte 22: a string is expected"},
    {"{\"a\":{\"shape\":2}}", 0, TN_EFORMAT, "byte 22: '[' is expected"},
    {"{" ENTRY("a", "F32", "[2.0]", "[0,8]") "}", 8, TN_EFORMAT, "byte 37: " DIGITS},
    {"{" ENTRY("a", "F32", "[2e0]", "[0,8]") "}", 8, TN_EFORMAT, "byte 37: " DIGITS},
    {"{" ENTRY("a", "F32", "[-0]", "[0,0]") "}", 0, TN_EFORMAT, "byte 37: " DIGITS},
    {"{" ENTRY("a", "F32", "[02]", "[0,8]") "}", 8, TN_EFORMAT, "byte 37: " DIGITS},
    {"{" ENTRY("a", "F32", "[\"2\"]", "[0,8]") "}", 8, TN_EFORMAT, "byte 37: " DIGITS},
    {"{" ENTRY("a", "F32", "[true]", "[0,8]") "}", 8, TN_EFORMAT, "byte 37: " DIGITS},
    {"{" ENTRY("a", "F32", "[2,]", "[0,8]") "}", 8, TN_EFORMAT, "byte 39: " DIGITS},
    {"{" ENTRY("a", "F32", "[2", "[0,8]") "}", 8, TN_EFORMAT, "byte 39: " DIGITS},
    {"{" ENTRY("a", "F32", "[9223372036854775808]", "[0,8]") "}", 8, TN_EFORMAT,
     "byte 37: a number is larger than 9223372036854775807"},
    {"{" ENTRY("a", "F32", "[99999999999999999999999999]", "[0,8]") "}", 8, TN_EFORMAT,
     "byte 37: a number is larger than 9223372036854775807"},
    {"{" ENTRY("a", "F32", "[4294967296,4294967296]", "[0,8]") "}", 8, TN_EFORMAT,
     "byte 36: the product of the sizes is too large"},
    {"{" ENTRY("a", "F32", "[0,4611686018427387904,9]", "[0,0]") "}", 0, TN_EFORMAT,
     "byte 36: the product of the sizes is too large"},
    {"{" ENTRY("a", "F32", "[4611686018427387904,4]", "[0,0]") "}", 0, TN_EFORMAT,
     "byte 36: the product of the sizes is too large"},
    {"{" ENTRY("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, TN_EFORMAT,
     "byte 36: a tensor of more than 8 dimensions, which tarn does not have"},
    {"{" ENTRY("a", "F32", "[2]", "[0]") "}", 8, TN_EFORMAT, "byte 57: ',' is expected"},
    {"{" ENTRY("a", "F32", "[2]", "[0,8,8]") "}", 8, TN_EFORMAT, "byte 59: ']' is expected"},
    {"{" ENTRY("a", "F32", "[2]", "[]") "}", 8, TN_EFORMAT, "byte 56: " DIGITS},
    {"{" ENTRY("a", "F32", "[2]", "[0,-8]") "}", 8, TN_EFORMAT, "byte 58: " DIGITS},
    /* 6: a dtype that is not known, which is not malformed */
    {"{" ENTRY("a", "F4", "[2]", "[0,8]") "}", 8, TN_EUSAGE,
     "byte 9: tensor \"a\" is of type \"F4\", which tarn does not know: save it as F32"},
    {"{" ENTRY("a", "f32", "[2]", "[0,8]") "}", 8, TN_EUSAGE,
     "byte 9: tensor \"a\" is of type \"f32\", which tarn does not know: save it as F32"},
    {"{" ENTRY("a", "F4", "[2]", "[0,8]") "}", 9, TN_EFORMAT, "byte 69: the tensors end here, the file has 70 bytes"},
    /* 7: no holes, overlaps, trailing bytes, truncation */
    {"{" A "}", 7, TN_EFORMAT, "byte 9: tensor \"a\" is at bytes 0 to 8 of the data, which has 7"},
    {"{" A "}", 9, TN_EFORMAT, "byte 70: the tensors end here, the file has 71 bytes"},
    {"{}", 1, TN_EFORMAT, "byte 10: the tensors end here, the file has 11 bytes"},
    {"{" ENTRY("a", "F32", "[2]", "[1,9]") "}", 9, TN_EFORMAT,
     "byte 9: tensor \"a\" begins at byte 1 of the data, the one before it ends at 0: a hole"},
    {"{" ENTRY("a", "F32", "[2]", "[8,0]") "}", 8, TN_EFORMAT,
     "byte 9: tensor \"a\" is at bytes 8 to 0 of the data, which has 8"},
    {"{" ENTRY("a", "F32", "[3]", "[0,8]") "}", 8, TN_EFORMAT,
     "byte 9: tensor \"a\" has 3 numbers of 4 bytes, but 8 bytes of data"},
    {"{" ENTRY("a", "F32", "[2]", "[0,9]") "}", 9, TN_EFORMAT,
     "byte 9: tensor \"a\" has 9 bytes of data, no multiple of 4"},
    {"{" ENTRY("a", "F32", "[]", "[0,0]") "}", 0, TN_EFORMAT,
     "byte 9: tensor \"a\" has 1 numbers of 4 bytes, but 0 bytes of data"},
    {"{" ENTRY("a", "F64", "[1152921504606846976]", "[0,8]") "}", 8, TN_EFORMAT, NULL},
    {"{" A "," ENTRY("b", "F32", "[2]", "[12,20]") "}", 20, TN_EFORMAT,
     "byte 62: tensor \"b\" begins at byte 12 of the data, the one before it ends at 8: a hole"},
    {"{" A "," ENTRY("b", "F32", "[2]", "[4,12]") "}", 12, TN_EFORMAT,
     "byte 62: tensor \"b\" begins at byte 4 of the data, the one before it ends at 8: an overlap"},
    {"{" A "," ENTRY("b", "F32", "[2]", "[0,8]") "}", 8, TN_EFORMAT,
     "byte 62: tensor \"b\" begins at byte 0 of the data, the one before it ends at 8: an overlap"},
    {"{" A "," ENTRY("b", "F32", "[0]", "[4,4]") "}", 8, TN_EFORMAT,
     "byte 62: tensor \"b\" begins at byte 4 of the data, the one before it ends at 8: an overlap"},
};

START_TEST(malformed_headers)
{
    const struct refusal *r = &REFUSED[_i];
    char expected[TN_ERROR_TEXT];
    bytes b = make_file(r->header, r->n, NULL);
    ck_assert_msg(!parse(b), "accepted: %s", r->header);
    snprintf(expected, sizeof expected, "load \"m.safetensors\": %s", r->text ? r->text : err.text + 22);
    ck_error(r->code, expected);
    free(b.at);
}
END_TEST

START_TEST(sizes_of_the_header_that_lie) /* point 1 */
{
    unsigned char small[8] = {1, 2, 3}, huge[16] = {0, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'};
    unsigned char most[16] = {0x01, 0xe1, 0xf5, 0x05}, all_ones[8], beyond[16] = {9, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    memset(all_ones, 0xff, sizeof all_ones);
    ck_assert(!parse((bytes){0, small}));
    ck_error(TN_EFORMAT, "load \"m.safetensors\": byte 0: the file ends here, the header's size takes 8 bytes");
    ck_assert(!parse((bytes){7, small}));
    ck_error(TN_EFORMAT, "load \"m.safetensors\": byte 7: the file ends here, the header's size takes 8 bytes");
    ck_assert(!parse((bytes){16, huge}));
    ck_error(TN_EFORMAT, "load \"m.safetensors\": byte 0: the header's size is 9223372036854775808, at most "
                         "100000000 is possible: no safetensors file?");
    ck_assert(!parse((bytes){8, all_ones}));
    ck_error(TN_EFORMAT, "load \"m.safetensors\": byte 0: the header's size is 18446744073709551615, at most "
                         "100000000 is possible: no safetensors file?");
    ck_assert(!parse((bytes){16, most}));
    ck_error(TN_EFORMAT, "load \"m.safetensors\": byte 0: the header's size is 100000001, at most 100000000 is "
                         "possible: no safetensors file?");
    ck_assert(!parse((bytes){16, beyond}));
    ck_error(TN_EFORMAT, "load \"m.safetensors\": byte 16: the file ends here, its header at 17");
}
END_TEST

/* What is unusual and legal. */
START_TEST(headers_that_are_fine)
{
    static const struct {
        const char *header;
        size_t      n;
    } fine[] = {
        {"{}", 0}, {"{}       ", 0}, {"{ \t\r\n}", 0}, {"{\"__metadata__\":{}}", 0},
        {"{" ENTRY("a", "F32", "[]", "[0,4]") "}", 4},
        {"{" ENTRY("", "F32", "[0]", "[0,0]") "}", 0},
        {"{" ENTRY("a", "F32", "[0,2305843009213693952,3]", "[0,0]") "," ENTRY("b", "U8", "[1]", "[0,1]") "}", 1},
        {"{" ENTRY("a", "U8", "[1]", "[0,1]") "," ENTRY("b", "F32", "[0]", "[0,0]") "}", 1},
        {"{" ENTRY("../../etc/passwd", "BOOL", "[3]", "[0,3]") "}", 3},
        {"{ \"a\" : { \"data_offsets\" : [ 0 , 8 ] , \"shape\" : [ 2 ] ,\n\"dtype\" : \"F32\" } }", 8},
        {"{" ENTRY("\\ud83c\\udf0a\\u4f60\\/\\\"", "F8_E5M2", "[1]", "[0,1]") "}", 1},
        {"{" ENTRY("c", "F16", "[1]", "[9,11]") "," ENTRY("b", "U8", "[1]", "[8,9]") ","
         ENTRY("a", "F64", "[1]", "[0,8]") "}", 11},
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        bytes b = make_file(fine[i].header, fine[i].n, NULL);
        tn_file *f = parse(b);
        ck_no_error();
        ck_assert_msg(f != NULL, "refused: %s", fine[i].header);
        tn_file_close(f);
        free(b.at);
    }
}
END_TEST

/* The ends of what UTF-8 writes in one, two, three and four bytes, and of what needs a surrogate pair. */
START_TEST(escapes_in_strings)
{
    static const struct {
        const char *written, *read;
    } escapes[] = {
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"}, {"\\u0001\\u007f", "\x01\x7f"}, {"\\u0080\\u07FF", "\xc2\x80\xdf\xbf"},
        {"\\u0800\\ud7ff", "\xe0\xa0\x80\xed\x9f\xbf"}, {"\\uE000\\uffff", "\xee\x80\x80\xef\xbf\xbf"},
        {"\\ud800\\udc00", "\xf0\x90\x80\x80"}, {"\\uD801\\udfff", "\xf0\x90\x9f\xbf"}, {"\\udbff\\uDFFF", "\xf4\x8f\xbf\xbf"},
    };
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        char header[128];
        snprintf(header, sizeof header, "{\"__metadata__\":{\"k\":\"%s\"}}", escapes[i].written);
        bytes b = make_file(header, 0, NULL);
        tn_file *f = parse(b);
        ck_no_error();
        ck_assert_str_eq(tn_file_meta(f, "k"), escapes[i].read);
        tn_file_close(f);
        free(b.at);
    }
}
END_TEST

START_TEST(a_file_cut_at_any_byte_is_refused)
{
    bytes b = make_file(SMALL, 24, NULL);
    tn_file *f = parse(b);
    ck_no_error();
    tn_file_close(f);
    for (size_t n = 0; n < b.n; n++) {
        bytes cut = {n, malloc(n ? n : 1)};
        memcpy(cut.at, b.at, n);
        ck_assert_msg(!parse(cut), "accepted: %zu of %zu bytes", n, b.n);
        ck_assert_int_eq(err.code, TN_EFORMAT);
        tn_error_clear(&err);
        free(cut.at);
    }
    free(b.at);
}
END_TEST

/* No change of one byte may crash the reader, or make it silent about an error. */
START_TEST(a_file_with_any_byte_changed_does_no_harm)
{
    static const unsigned char values[] = {0, ' ', '"', ',', '0', '9', ':', '[', '\\', ']', '{', '}', 0x80, 0xff};
    double x[8];
    bytes b = make_file(SMALL, 24, NULL);
    for (size_t i = 0; i < b.n * sizeof values; i++) {
        unsigned char *changed = &b.at[i / sizeof values], was = *changed;
        *changed = values[i % sizeof values];
        tn_file *f = parse(b);
        ck_assert(f || err.code);
        ck_assert(!f || !err.code);
        if (f) tn_file_read(f, "a", (tn_real *)x, 2);
        tn_file_close(f);
        tn_error_clear(&err);
        *changed = was;
    }
    free(b.at);
}
END_TEST

/* A quadratic check for duplicates would not end within the test's time. */
START_TEST(many_tensors)
{
    enum { N = 300000, ROOM = 64 };
    char *header = malloc((size_t)N * ROOM), *end = header;
    for (int i = 0; i < N; i++)
        end += sprintf(end, "%c" ENTRY("%d", "U8", "[0]", "[0,0]"), i ? ',' : '{', i);
    strcpy(end, "}");
    bytes b = make_file(header, 0, NULL);
    tn_file *f = parse(b);
    ck_no_error();
    ck_assert_int_eq(tn_file_count(f), N);
    tn_file_close(f);
    free(b.at);
    free(header);
}
END_TEST

/* ---- does it fit? ------------------------------------------------------------------------------------------------ */

/* As PyTorch has num_batches_tracked. */
START_TEST(a_buffer_may_be_there_in_integers)
{
    const unsigned char data[] = {0, 1, 0, 0, 0, 0, 0, 0, 7, 9};
    bytes b = make_file("{" ENTRY("norm.batches", "I64", "[]", "[0,8]") "," ENTRY("few", "U8", "[2]", "[8,10]") "}", 10, data);
    tn_tensor *count = tn_buffer(ps, TN_SCALAR, tn_constant(3), "norm.batches");
    tn_tensor *few = tn_buffer(ps, TN_DIMS(2), tn_constant(3), "few");
    tn_file *f = parse(b);
    ck_assert_msg(tn_file_load(f, ps, TN_STRICT), "%s", err.text);
    ck_assert_double_eq(tn_item(count), 256);
    ck_assert(few->data[0] == 7 && few->data[1] == 9);
    tn_file_close(f);
    free(b.at);
}
END_TEST

START_TEST(all_that_does_not_fit_is_named_at_once)
{
    bytes b = make_file("{" ENTRY("fc.weight", "F32", "[2,1]", "[0,8]") "," ENTRY("step", "I64", "[]", "[8,16]") ","
                        ENTRY("surplus", "U8", "[0]", "[16,16]") "," ENTRY("optim.m", "U8", "[0]", "[16,16]") "}",
                        16, NULL);
    tn_tensor *w = tn_param(ps, TN_DIMS(2, 2), tn_constant(7), "fc.weight");
    tn_param(ps, TN_SCALAR, tn_constant(7), "step");
    tn_param(ps, TN_DIMS(1), tn_constant(7), "absent");
    tn_file *f = parse(b);
    ck_assert(!tn_file_load(f, ps, TN_STRICT));
    ck_misuse("tn_file_load: a name that is unexpected",
              TN_EFORMAT, "load \"m.safetensors\": tensor \"fc.weight\" is (2, 1), the model wants (2, 2); tensor "
                       "\"step\" is of type I64, the model wants F32, F64, F16 or BF16; tensor \"absent\" is missing; "
                       "tensor \"surplus\" is unexpected");
    ck_assert(!tn_file_load(f, ps, TN_IGNORE_UNEXPECTED));
    ck_misuse("tn_file_load: a name that is missing",
              TN_EFORMAT, "load \"m.safetensors\": tensor \"fc.weight\" is (2, 1), the model wants (2, 2); tensor "
                       "\"step\" is of type I64, the model wants F32, F64, F16 or BF16; tensor \"absent\" is missing");
    ck_assert_double_eq((double)w->data[3], 7);
    tn_file_close(f);
    free(b.at);
}
END_TEST

/* (2, 1) numbers at 0 and, the same or not, at 8. */
static void load_twice_named(const char *first, const char *second, const char *data, const char *text)
{
    char header[256];
    snprintf(header, sizeof header, "{\"words\":%s,\"out\":%s}", first, second);
    bytes b = make_file(header, 16, data);
    tn_file *f = parse(b);
    ck_assert_int_eq(tn_file_load(f, ps, TN_STRICT), !text);
    if (text) ck_error(TN_EFORMAT, text);
    tn_file_close(f);
    free(b.at);
}

#define TYPED(type, shape, offsets) "{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

/* Tied weights have two names in PyTorch. */
START_TEST(a_second_name_for_the_same_weights)
{
    static const char same[] = "\0\0\x80?\0\0\0@\0\0\x80?\0\0\0@", other[] = "\0\0\x80?\0\0\0@\0\0\x80?\0\1\0@";
    static const char text[] = "load \"m.safetensors\": tensor \"out\" is unexpected";
    const tn_tensor *words = tn_param(ps, TN_DIMS(2, 1), tn_constant(7), "words");
    load_twice_named(TYPED("F32", "[2,1]", "[0,8]"), TYPED("F32", "[2,1]", "[8,16]"), other, text);
    load_twice_named(TYPED("F32", "[2,1]", "[0,8]"), TYPED("F32", "[1,2]", "[8,16]"), same, text);
    load_twice_named(TYPED("F32", "[2,1]", "[0,8]"), TYPED("F32", "[2]", "[8,16]"), same, text);
    load_twice_named(TYPED("F32", "[2,1]", "[0,8]"), TYPED("I32", "[2,1]", "[8,16]"), same, text);
    load_twice_named(TYPED("F32", "[1,2]", "[0,8]"), TYPED("F32", "[2,1]", "[8,16]"), same,
                     "load \"m.safetensors\": tensor \"words\" is (1, 2), the model wants (2, 1); tensor \"out\" is unexpected");
    load_twice_named(TYPED("BOOL", "[2,1]", "[0,2]"), TYPED("U8", "[14]", "[2,16]"), same,
                     "load \"m.safetensors\": tensor \"words\" is of type BOOL, the model wants F32, F64, F16 or BF16; "
                     "tensor \"out\" is unexpected");
    ck_assert_double_eq((double)words->data[1], 7);
    load_twice_named(TYPED("F32", "[2,1]", "[0,8]"), TYPED("F32", "[2,1]", "[8,16]"), same, NULL);
    ck_assert_double_eq((double)words->data[0], 1);
    ck_assert_double_eq((double)words->data[1], 2);
    load_twice_named(TYPED("F32", "[2,1]", "[8,16]"), TYPED("F32", "[2,1]", "[0,8]"), same, NULL);
}
END_TEST

/* They differ in the last byte, behind more than is read at once. */
START_TEST(second_names_are_compared_to_the_end)
{
    char *data = calloc(2, 40000);
    ck_assert_ptr_nonnull(data);
    tn_param(ps, TN_DIMS(100, 100), tn_constant(7), "words");
    for (int i = 0; i < 2; i++) {
        bytes b = make_file("{\"words\":" TYPED("F32", "[100,100]", "[0,40000]") ",\"out\":"
                            TYPED("F32", "[100,100]", "[40000,80000]") "}", 80000, data);
        tn_file *f = parse(b);
        ck_assert_int_eq(tn_file_load(f, ps, TN_STRICT), i == 0);
        if (i) ck_error(TN_EFORMAT, "load \"m.safetensors\": tensor \"out\" is unexpected");
        tn_file_close(f);
        free(b.at);
        data[79999] = 1;
    }
    free(data);
}
END_TEST

/* Zeros and ones are alike by chance. */
START_TEST(equal_vectors_are_not_tied)
{
    tn_param(ps, TN_DIMS(2), tn_constant(7), "words");
    load_twice_named(TYPED("F32", "[2]", "[0,8]"), TYPED("F32", "[2]", "[8,16]"), NULL,
                     "load \"m.safetensors\": tensor \"out\" is unexpected");
}
END_TEST

START_TEST(one_wrong_shape)
{
    bytes b = make_file("{" ENTRY("fc.weight", "F32", "[2,64]", "[0,512]") "}", 512, NULL);
    tn_param(ps, TN_DIMS(2, 128), tn_constant(7), "fc.weight");
    tn_file *f = parse(b);
    ck_assert(!tn_file_load(f, ps, TN_STRICT));
    ck_misuse("tn_file_load: a tensor of another shape",
              TN_EFORMAT, "load \"m.safetensors\": tensor \"fc.weight\" is (2, 64), the model wants (2, 128)");
    ck_assert(!tn_file_load(f, ps, 6));
    ck_misuse("tn_file_load: other flags",
              TN_EUSAGE, "load \"m.safetensors\": flags 6 are not TN_STRICT or TN_IGNORE_UNEXPECTED");
    tn_file_close(f);
    free(b.at);
}
END_TEST

START_TEST(more_than_a_text_can_hold)
{
    bytes b = make_file("{}", 0, NULL);
    for (int i = 0; i < 100; i++) tn_param(ps, TN_SCALAR, tn_constant(0), "layer.%d.weight", i);
    tn_file *f = parse(b);
    ck_assert(!tn_file_load(f, ps, TN_STRICT));
    ck_assert_ptr_nonnull(strstr(err.text, "; tensor \"layer.19.weight\" is missing; ... and 80 more"));
    ck_assert_uint_lt(strlen(err.text), TN_ERROR_TEXT - 1);
    tn_file_close(f);
    free(b.at);
}
END_TEST

START_TEST(further_names_may_be_ignored)
{
    bytes b = make_file("{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "BOOL", "[1]", "[4,5]") "}", 5,
                        "\0\0\x80?\1");
    tn_tensor *a = tn_param(ps, TN_DIMS(1), tn_constant(0), "a");
    tn_file *f = parse(b);
    ck_assert(tn_file_load(f, ps, TN_IGNORE_UNEXPECTED));
    ck_assert_double_eq((double)a->data[0], 1);
    tn_file_close(f);
    free(b.at);
}
END_TEST

START_TEST(a_load_forgets_gradients)
{
    bytes b = make_file("{" ENTRY("a", "F32", "[1]", "[0,4]") "}", 4, NULL);
    tn_tensor *a = tn_param(ps, TN_DIMS(1), tn_constant(3), "a");
    tn_gradient g;
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, tn_sum(t, a, TN_ALL, false));
    ck_assert(tn_param_gradient(a, &g));
    tn_file *f = parse(b);
    ck_assert(tn_file_load(f, ps, TN_STRICT));
    ck_assert(!tn_param_gradient(a, &g));
    tn_file_close(f);
    free(b.at);
}
END_TEST

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Each type after an odd number of bytes, so that nothing is aligned. */
START_TEST(half_precision)
{
    static const unsigned char data[] = {0,
        0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b, 0x01, 0x00, 0xff, 0x83, 0x00, 0x04, 0x00, 0x80, 0x00, 0x7c, 0x00, 0xfc,
        0x01, 0x7e, 0x55, 0x35};
    static const double expected[] = {1, -2, 65504, 0x1p-24, -1023 * 0x1p-24, 0x1p-14, -0.0, INFINITY, -INFINITY, NAN,
                                      0.333251953125};
    tn_real x[11];
    bytes b = make_file("{" ENTRY("a", "U8", "[1]", "[0,1]") "," ENTRY("h", "F16", "[11]", "[1,23]") "}", sizeof data,
                        data);
    tn_file *f = parse(b);
    ck_assert(tn_file_read(f, "h", x, 11));
    for (int i = 0; i < 11; i++) {
        ck_assert(isnan(expected[i]) ? isnan((double)x[i]) : (double)x[i] == expected[i]);
        ck_assert(!signbit((double)x[i]) == !signbit(expected[i]));
    }
    tn_file_close(f);
    free(b.at);
}
END_TEST

START_TEST(brain_floats)
{
    static const unsigned char data[] = {0, 0x80, 0x3f, 0x49, 0xc0, 0x80, 0x7f, 0x80, 0xff, 0xc0, 0x7f, 0x01, 0x00,
                                         0x7f, 0x7f};
    static const double expected[] = {1, -3.140625, INFINITY, -INFINITY, NAN, 0x1p-133, 0x1.fep127};
    tn_real x[7];
    bytes b = make_file("{" ENTRY("a", "U8", "[1]", "[0,1]") "," ENTRY("h", "BF16", "[7]", "[1,15]") "}", sizeof data,
                        data);
    tn_file *f = parse(b);
    ck_assert(tn_file_read(f, "h", x, 7));
    for (int i = 0; i < 7; i++) ck_assert(isnan(expected[i]) ? isnan((double)x[i]) : (double)x[i] == expected[i]);
    tn_file_close(f);
    free(b.at);
}
END_TEST

/* 1, the smallest subnormals, infinities and a NaN of both types; what float holds comes to both builds as it is. */
START_TEST(singles_and_doubles)
{
    static const unsigned char data[] = {0,
        0, 0, 0x80, 0x3f, 1, 0, 0, 0x80, 0, 0, 0x80, 0xff, 1, 0, 0xc0, 0x7f, 0xff, 0xff, 0x7f, 0x7f,
        0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0xa0, 0xb6, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f, 0, 0, 0, 0, 0, 0,
        0xf8, 0x7f, 0, 0, 0, 0xe0, 0xff, 0xff, 0xef, 0x47};
    static const double single[] = {1, -0x1p-149, -INFINITY, NAN, 0x1.fffffep127};
    static const double twice[] = {1, -0x1p-149, INFINITY, NAN, 0x1.fffffep127};
    tn_real x[5], y[5];
    bytes b = make_file("{" ENTRY("a", "U8", "[1]", "[0,1]") "," ENTRY("s", "F32", "[5]", "[1,21]") ","
                        ENTRY("d", "F64", "[5]", "[21,61]") "}", sizeof data, data);
    tn_file *f = parse(b);
    ck_assert(tn_file_read(f, "s", x, 5) && tn_file_read(f, "d", y, 5));
    for (int i = 0; i < 5; i++) {
        ck_assert(isnan(single[i]) ? isnan((double)x[i]) : (double)x[i] == single[i]);
        ck_assert(isnan(twice[i]) ? isnan((double)y[i]) : (double)y[i] == twice[i]);
    }
    tn_file_close(f);
    free(b.at);
}
END_TEST

/* 1e300 is a number in the double build, and too large in float: then nothing changes, not even what came before. */
START_TEST(a_number_that_does_not_fit)
{
    static const double data[] = {2, 3, 1e300};
    bytes b = make_file("{" ENTRY("a", "F64", "[2]", "[0,16]") "," ENTRY("b", "F64", "[1]", "[16,24]") "}",
                        sizeof data, data);
    tn_tensor *a = tn_param(ps, TN_DIMS(2), tn_constant(7), "a");
    tn_param(ps, TN_DIMS(1), tn_constant(7), "b");
    tn_file *f = parse(b);
    bool ok = tn_file_load(f, ps, TN_STRICT);
#ifdef TN_DOUBLE
    ck_assert(ok);
    ck_assert_double_eq((double)a->data[1], 3);
#else
    ck_assert(!ok);
    ck_misuse("tn_file_load: a value that does not fit",
              TN_EFORMAT, "load \"m.safetensors\": byte 134: tensor \"b\": number 0 is too large for this build's " "type");
    ck_assert_double_eq((double)a->data[1], 7);
#endif
    tn_file_close(f);
    free(b.at);
}
END_TEST

START_TEST(integers)
{
    static const unsigned char data[] = {0xff, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0x80};
    int64_t x[2];
    bytes b = make_file("{" ENTRY("u", "U8", "[1]", "[0,1]") "," ENTRY("i", "I32", "[2]", "[1,9]") ","
                        ENTRY("l", "I64", "[2,1]", "[9,25]") "}", sizeof data, data);
    tn_file *f = parse(b);
    ck_assert(tn_file_read_ints(f, "u", x, 1));
    ck_assert(x[0] == 255);
    ck_assert(tn_file_read_ints(f, "i", x, 2));
    ck_assert(x[0] == -2 && x[1] == INT32_MIN);
    ck_assert(tn_file_read_ints(f, "l", x, 2));
    ck_assert(x[0] == INT64_MAX && x[1] == INT64_MIN);
    ck_no_error();
    tn_file_close(f);
    free(b.at);
}
END_TEST

START_TEST(reading_what_is_not_there)
{
    int64_t i[2];
    tn_real x[2];
    bytes b = make_file("{" A "," ENTRY("i", "I64", "[1]", "[8,16]") "," ENTRY("b", "BOOL", "[1]", "[16,17]") "}", 17,
                        NULL);
    tn_file *f = parse(b);
    ck_assert(!tn_file_read(f, "c", x, 2));
    ck_misuse("tn_file_read: no such entry", TN_EFORMAT, "load \"m.safetensors\": there is no tensor \"c\"");
    ck_assert(!tn_file_read(f, "a", x, 1));
    ck_misuse("tn_file_read: the entry has another number of them",
              TN_ESHAPE, "load \"m.safetensors\": tensor \"a\" has 2 numbers, the room is for 1");
    ck_assert(!tn_file_read(f, "i", x, 1));
    ck_misuse("tn_file_read: an entry of the other kind",
              TN_EUSAGE, "load \"m.safetensors\": tensor \"i\" is of type I64: read it with tn_file_read_ints");
    ck_assert(!tn_file_read_ints(f, "a", i, 2));
    ck_misuse("tn_file_read_ints: an entry of the other kind",
              TN_EUSAGE, "load \"m.safetensors\": tensor \"a\" is of type F32: read it with tn_file_read");
    ck_assert(!tn_file_read(f, "b", x, 1));
    ck_misuse("tn_file_read: an entry of a type that neither reads",
              TN_EUSAGE, "load \"m.safetensors\": tensor \"b\" is of type BOOL: tarn does not read that, save it as " "F32");
    ck_assert(!tn_file_read(f, NULL, x, 1));
    ck_misuse("tn_file_read: name is NULL", TN_EUSAGE, "load \"m.safetensors\": the name is NULL");
    ck_assert(!tn_file_read(f, "a", NULL, 2));
    ck_misuse("tn_file_read: room at NULL", TN_EUSAGE, "load \"m.safetensors\": the room for numbers is NULL");
    tn_fail(&err, TN_EIO, "earlier");
    ck_assert(!tn_file_read(f, "a", x, 2) && !tn_file_load(f, ps, TN_STRICT) && !tn_file_open("x", &err));
    ck_error(TN_EIO, "earlier");
    ck_assert(!tn_file_read(NULL, "a", x, 2));
    ck_assert(!tn_file_load(NULL, ps, TN_STRICT) && !tn_file_load(f, NULL, TN_STRICT));
    tn_file_close(f);
    free(b.at);
}
END_TEST

START_TEST(files_that_cannot_be_opened)
{
    char expected[200];
    ck_assert(!tn_load(ps, "/no/such/file", TN_STRICT));
    ck_misuse("tn_load: tn_file_open's", TN_EIO, "load \"/no/such/file\": cannot open: No such file or directory");
    ck_assert(!tn_load(ps, in_folder(""), TN_STRICT));
    snprintf(expected, sizeof expected, "load \"%s\": it is a directory", in_folder(""));
    ck_error(TN_EIO, expected);
    ck_assert(!tn_load(ps, NULL, TN_STRICT));
    ck_error(TN_EUSAGE, "load: the path is NULL");
    ck_assert(!tn_load(NULL, "x", TN_STRICT) && !tn_file_open("x", NULL));
    clear_folder();
}
END_TEST

static tn_file *open_bytes(bytes b)
{
    FILE *out = fopen(in_folder("a"), "wb");
    ck_assert(out && fwrite(b.at, 1, b.n, out) == b.n && !fclose(out));
    free(b.at);
    return tn_file_open(in_folder("a"), &err);
}

START_TEST(misused_files)
{
    char text[300];
    const char *path = in_folder("a");
    int64_t i[2];
    tn_real x[2];
    ck_assert_ptr_null(tn_file_open("/no/such/file", &err));
    ck_misuse("tn_file_open: a file that cannot be opened or read",
              TN_EIO, "load \"/no/such/file\": cannot open: No such file or directory");
    ck_assert_ptr_null(tn_file_open(NULL, &err));
    ck_misuse("tn_file_open: path is NULL", TN_EUSAGE, "load: the path is NULL");
    ck_assert_ptr_null(open_bytes(make_file("{\"a\"", 0, NULL)));
    snprintf(text, sizeof text, "load \"%s\": byte 12: ':' is expected", path);
    ck_misuse("tn_file_open: a damaged header", TN_EFORMAT, text);
    ck_assert_ptr_null(open_bytes(make_file("{" ENTRY("a", "F4", "[2]", "[0,8]") "}", 8, NULL)));
    ck_assert_ptr_nonnull(strstr(err.text, "F4"));
    ck_misuse("tn_file_open: a well-formed file with a type that tarn does not know", TN_EUSAGE, err.text);

    tn_file *f = open_bytes(make_file("{" ENTRY("b", "BOOL", "[1]", "[16,17]") "," ENTRY("i", "I64", "[1]", "[8,16]") "," A "}",
                                      17,
                                      "\377\377\377\377\377\377\377\177\1\0\0\0\0\0\0\0"));
    ck_no_error();
    ck_assert(!tn_file_read_ints(f, "c", i, 1));
    snprintf(text, sizeof text, "load \"%s\": there is no tensor \"c\"", path);
    ck_misuse("tn_file_read_ints: no such entry", TN_EFORMAT, text);
    ck_assert(!tn_file_read_ints(f, "i", i, 2));
    snprintf(text, sizeof text, "load \"%s\": tensor \"i\" has 1 numbers, the room is for 2", path);
    ck_misuse("tn_file_read_ints: the entry has another number of them", TN_ESHAPE, text);
    ck_assert(!tn_file_read_ints(f, "b", i, 1));
    snprintf(text, sizeof text, "load \"%s\": tensor \"b\" is of type BOOL: tarn does not read that, save it as F32", path);
    ck_misuse("tn_file_read_ints: an entry of a type that neither reads", TN_EUSAGE, text);
    ck_assert(!tn_file_read_ints(f, NULL, i, 1));
    snprintf(text, sizeof text, "load \"%s\": the name is NULL", path);
    ck_misuse("tn_file_read_ints: name is NULL", TN_EUSAGE, text);
    ck_assert(!tn_file_read_ints(f, "i", NULL, 1));
    snprintf(text, sizeof text, "load \"%s\": the room for numbers is NULL", path);
    ck_misuse("tn_file_read_ints: room at NULL", TN_EUSAGE, text);
    ck_assert(!truncate(path, 20));
    ck_assert(!tn_file_read_ints(f, "i", i, 1));
    snprintf(text, sizeof text, "load \"%s\": byte 180: the file became shorter meanwhile", path);
    ck_misuse("tn_file_read_ints: a file that cannot be read", TN_EIO, text);
    ck_assert(!tn_file_read(f, "a", x, 2));
    snprintf(text, sizeof text, "load \"%s\": byte 172: the file became shorter meanwhile", path);
    ck_misuse("tn_file_read: a file that cannot be read", TN_EIO, text);
    tn_file_close(f);
    ck_assert(!tn_file_load(NULL, ps, TN_STRICT));
    ck_misuse("tn_file_load: f is NULL", TN_EUSAGE, "load: the file is NULL, and no earlier error says why");
    clear_folder();
}
END_TEST

/* Of two errors, the params' one says nothing of what the file's one says. */
START_TEST(a_file_that_has_failed)
{
    tn_error theirs = {0};
    tn_real  x;
    tn_param(ps, TN_DIMS(1), tn_constant(7), "a");
    tn_file_close(open_bytes(make_file("{" ENTRY("a", "F32", "[1]", "[0,4]") "}", 4, NULL)));
    tn_file *f = tn_file_open(in_folder("a"), &theirs);
    ck_assert(!tn_file_read(f, "b", &x, 1));
    ck_assert_int_eq(theirs.code, TN_EFORMAT);
    ck_assert(!tn_file_load(f, ps, TN_STRICT));
    ck_no_error();
    tn_file_close(f);
    clear_folder();
}
END_TEST

START_TEST(misused_loads)
{
    char text[300];
    const double large = 1e300;
    tn_file_close(open_bytes(make_file("{" ENTRY("a", "F64", "[1]", "[0,8]") "}", 8, &large)));
    tn_param(ps, TN_DIMS(2), tn_constant(0), "a");
    ck_assert(!tn_load(ps, in_folder("a"), TN_STRICT));
    snprintf(text, sizeof text, "load \"%s\": tensor \"a\" is (1,), the model wants (2,)", in_folder("a"));
    ck_misuse("tn_load: tn_file_load's", TN_EFORMAT, text);
    tn_real x = 0;
    tn_file *f = tn_file_open(in_folder("a"), &err);
    bool fits = tn_file_read(f, "a", &x, 1);
    ck_assert(fits == (sizeof x == 8));
    snprintf(text, sizeof text, "load \"%s\": byte 62: tensor \"a\": number 0 is too large for this build's type",
             in_folder("a"));
    if (!fits) ck_misuse("tn_file_read: a value that does not fit", TN_EFORMAT, text);
    tn_file_close(f);
    clear_folder();
}
END_TEST

/* 100,000,000 bytes are what the format has room for. */
START_TEST(more_than_the_format_has_room_for)
{
    enum { N = 100000000 };
    char text[300], *value = malloc(N + 1);
    memset(value, 'x', N);
    value[N] = 0;
    ck_assert(!tn_save(ps, in_folder("a"), 1, (tn_meta[]){{"key", value}}));
    snprintf(text, sizeof text, "save \"%s\": names and pairs take 100000032 bytes, the format has room for 100000000",
             in_folder("a"));
    ck_misuse("tn_save: more than 100 MB of names and pairs", TN_EUSAGE, text);
    ck_assert_int_eq(count_files(), 0);
    free(value);
    clear_folder();
}
END_TEST

START_TEST(a_file_that_becomes_shorter)
{
    char expected[200];
    tn_param(ps, TN_DIMS(100), tn_constant(7), "a");
    ck_assert(tn_save(ps, in_folder("a"), 0, NULL));
    tn_file *f = tn_file_open(in_folder("a"), &err);
    ck_assert(!truncate(in_folder("a"), 100));
    ck_assert(!tn_file_load(f, ps, TN_STRICT));
    snprintf(expected, sizeof expected, "load \"%s\": byte 100: the file became shorter meanwhile", in_folder("a"));
    ck_misuse("tn_file_load: a file that cannot be read", TN_EIO, expected);
    tn_file_close(f);
    clear_folder();
}
END_TEST

/* ---- saves that fail --------------------------------------------------------------------------------------------- */

START_TEST(pairs_and_names_that_cannot_be_saved)
{
    static const struct {
        const char *what;
        tn_meta     pair[2];
        tn_code     code;
        const char *text;
    } bad[] = {
        {"tn_save: a key twice", {{"k", "1"}, {"k", "1"}}, TN_EUSAGE, "save \"x\": the key \"k\" is given twice"},
        {"tn_save: a key or value that is NULL", {{"k", "1"}, {NULL, "2"}}, TN_EUSAGE,
             "save \"x\": the key of pair 1 is NULL"},
        {"tn_save: a key or value that is NULL", {{"k", NULL}, {"l", "2"}}, TN_EUSAGE,
             "save \"x\": the value of pair 0 is NULL"},
        {"tn_save: text that is not UTF-8", {{"k", "\xff"}, {"l", "2"}}, TN_EUSAGE,
         "save \"x\": the value of pair 0 (\"k\") is not UTF-8"},
        {"tn_save: text that is not UTF-8", {{"k", "1"}, {"\xe4\xbd", "2"}}, TN_EUSAGE,
         "save \"x\": the key of pair 1 (\"\?\?\") is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert(!tn_save(ps, "x", 2, bad[i].pair));
        ck_error(bad[i].code, bad[i].text);
    }
    ck_assert(!tn_save(ps, "x", 1, NULL));
    ck_misuse("tn_save: pairs at NULL", TN_EUSAGE, "save \"x\": 1 pairs, at NULL");
    ck_assert(!tn_save(ps, NULL, 0, NULL));
    ck_misuse("tn_save: path is NULL", TN_EUSAGE, "save: the path is NULL");
    tn_param(ps, TN_SCALAR, tn_constant(0), "__metadata__");
    ck_assert(!tn_save(ps, "x", 0, NULL));
    ck_misuse("tn_save: a name that is the format's own",
              TN_EUSAGE, "save \"x\": the name \"__metadata__\" is the format's own");
    ck_assert(!tn_save(NULL, "x", 0, NULL));
    ck_assert(access("x", F_OK) != 0);
}
END_TEST

/* The ends of what is allowed in one, two, three and four bytes, and what lies behind them. */
START_TEST(text_that_is_utf8_and_text_that_is_not)
{
    static const char *const good[] = {"\x01\x7f",     "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xed\x9f\xbf",
                                       "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",         "\xbf",         "\xc1\xbf",         "\xc2",         "\xc2\x7f",
                                      "\xc2\xc0",     "\xe0\x9f\xbf", "\xe1\x80",         "\xe1\x80\x7f", "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert(tn_save(ps, in_folder("m"), 1, (tn_meta[]){{"k", good[i]}}));
        tn_file *f = tn_file_open(in_folder("m"), &err);
        ck_assert_str_eq(tn_file_meta(f, "k"), good[i]);
        tn_file_close(f);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(!tn_save(ps, in_folder("m"), 1, (tn_meta[]){{"k", bad[i]}}), "%zu", i);
        ck_assert_ptr_nonnull(strstr(err.text, "the value of pair 0 (\"k\") is not UTF-8"));
        tn_error_clear(&err);
    }
    clear_folder();
}
END_TEST

/* A long name is cut at its end, a long path at its beginning: at whole characters. */
START_TEST(long_names_in_errors)
{
    char name[300] = "", expected[400];
    for (int i = 0; i < 83; i++) strcat(name, "a");
    strcpy(name + 82, "\xe4\xbd\xa0");
    ck_assert(!tn_save(ps, "x", 2, (tn_meta[]){{name, "1"}, {name, "2"}}));
    snprintf(expected, sizeof expected, "save \"x\": the key \"%s\" is given twice", name);
    ck_error(TN_EUSAGE, expected);
    strcat(name, "b");
    ck_assert(!tn_save(ps, "x", 2, (tn_meta[]){{name, "1"}, {name, "2"}}));
    snprintf(expected, sizeof expected, "save \"x\": the key \"%.85s...\" is given twice", name);
    ck_error(TN_EUSAGE, expected);
    for (name[0] = 0; strlen(name) < 220;) strcat(name, "\xc3\xa9");
    ck_assert(!tn__safetensors_parse((unsigned char *)name, 0, name + 20, &err));
    snprintf(expected, sizeof expected, "load \"%s\": byte 0: the file ends here, the header's size takes 8 bytes", name + 20);
    ck_error(TN_EFORMAT, expected);
    ck_assert(!tn__safetensors_parse((unsigned char *)name, 0, strcat(name, "x"), &err));
    snprintf(expected, sizeof expected, "load \"...%s\": byte 0: the file ends here, the header's size takes 8 bytes",
             name + 22);
    ck_error(TN_EFORMAT, expected);
}
END_TEST

START_TEST(arrays_beside_the_params)
{
    tn_real two[] = {1, 2}, back[2];
    const char *path = in_folder("m.safetensors");
    tn_param(ps, TN_DIMS(2), tn_constant(7), "b");
    const tn_tensor more[] = {{.name = "c", .data = two, .n = 2, .rank = 2, .size = {1, 2}},
                              {.name = "a", .data = NULL, .n = 0, .rank = 1, .size = {0}}};
    ck_assert(tn_save_with(ps, path, 2, more, 1, (tn_meta[]){{"key", "value"}}));
    tn_file *f = tn_file_open(path, &err);
    tn_file_entry e;
    ck_assert(tn_file_count(f) == 3 && tn_file_at(f, 2, &e) && e.shape.n == 2 && e.shape.at[1] == 2);
    ck_assert(tn_file_read(f, "c", back, 2) && back[1] == 2 && tn_file_read(f, "b", back, 2) && back[1] == 7);
    ck_assert_str_eq(tn_file_meta(f, "key"), "value");
    tn_file_close(f);
    ck_no_error();
    clear_folder();
}
END_TEST

START_TEST(arrays_that_cannot_be_saved)
{
    tn_real two[] = {1, 2};
    const struct { const char *what; tn_tensor more[2]; int n; tn_code code; const char *text; } cases[] = {
        {"tn_save_with: a name twice",
         {{.name = "b", .data = two, .n = 2, .rank = 1, .size = {2}}}, 1, TN_EUSAGE,
              "save \"x\": the name \"b\" is given twice"},
        {"tn_save_with: a name twice",
         {{.name = "a", .data = two, .n = 1}, {.name = "a", .data = two, .n = 1}}, 2, TN_EUSAGE,
         "save \"x\": the name \"a\" is given twice"},
        {"tn_save_with: a name or data that is NULL",
         {{.data = two, .n = 1}}, 1, TN_EUSAGE, "save \"x\": the name of tensor 0 is NULL"},
        {"tn_save_with: a name or data that is NULL",
         {{.name = "a", .n = 1}}, 1, TN_EUSAGE, "save \"x\": the data of tensor 0 is NULL"},
        {"tn_save_with: tn_save's",
         {{.name = "a\377", .data = two, .n = 1}}, 1, TN_EUSAGE, "save \"x\": the name \"a?\" is not UTF-8"},
        {"tn_save_with: n is not the product of the sizes",
         {{.name = "a", .data = two, .n = 2, .rank = 1, .size = {3}}}, 1, TN_ESHAPE,
         "save \"x\": the tensor \"a\" has 2 numbers, its shape is another"},
        {"tn_save_with: n is not the product of the sizes",
         {{.name = "a", .data = two, .n = 2, .rank = 9}}, 1, TN_ESHAPE,
         "save \"x\": the tensor \"a\" has 2 numbers, its shape is another"},
        {"tn_save_with: arrays at NULL",
         {{.name = "a"}}, -1, TN_EUSAGE, "save \"x\": -1 tensors more, at NULL"},
    };
    tn_param(ps, TN_DIMS(2), tn_constant(7), "b");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert(!tn_save_with(ps, "x", cases[i].n, cases[i].more, 0, NULL));
        ck_error(cases[i].code, cases[i].text);
    }
    ck_assert(!tn_save_with(ps, "x", 1, NULL, 0, NULL));
    ck_misuse("tn_save_with: arrays at NULL", TN_EUSAGE, "save \"x\": 1 tensors more, at NULL");
    ck_assert(!tn_save_with(NULL, "x", 0, NULL, 0, NULL) && access("x", F_OK) == -1);
}
END_TEST

START_TEST(places_that_cannot_be_saved_to)
{
    char expected[200];
    ck_assert(!tn_save(ps, "/no/such/folder/x", 0, NULL));
    ck_misuse("tn_save: a file that cannot be written",
              TN_EIO, "save \"/no/such/folder/x\": cannot create a file beside it: No such file or directory");
    ck_assert(!tn_save(ps, in_folder(""), 0, NULL));
    snprintf(expected, sizeof expected, "save \"%s\": it is a directory", in_folder(""));
    ck_error(TN_EIO, expected);
    ck_assert(!mkfifo(in_folder("pipe"), 0600));
    ck_assert(!tn_save(ps, in_folder("pipe"), 0, NULL));
    snprintf(expected, sizeof expected, "save \"%s\": it is not a regular file", in_folder("pipe"));
    ck_error(TN_EIO, expected);
    ck_assert(!tn_load(ps, in_folder("pipe"), TN_STRICT)); /* and does not wait for a writer */
    snprintf(expected, sizeof expected, "load \"%s\": it is not a regular file", in_folder("pipe"));
    ck_error(TN_EIO, expected);
    ck_assert(!symlink("circle", in_folder("circle")));
    ck_assert(!tn_save(ps, in_folder("circle"), 0, NULL));
    snprintf(expected, sizeof expected, "save \"%s\": cannot use this path: Too many levels of symbolic links", in_folder("circle"));
    ck_error(TN_EIO, expected);
    tn_fail(&err, TN_ESHAPE, "earlier");
    ck_assert(!tn_save(ps, in_folder("x"), 0, NULL));
    ck_assert_int_eq(count_files(), 2);
    clear_folder();
}
END_TEST

/* The file that is written meanwhile stands beside it and has a longer name. */
START_TEST(paths_that_are_too_long)
{
    char path[PATH_MAX] = "";
    tn_param(ps, TN_DIMS(1), tn_constant(1), "a");
    for (strcpy(path, in_folder("")); strlen(path) < sizeof path - 50;) strcat(path, "/.");
    strcat(path, "/aaaaaaaaaaaaaaaa");
    ck_assert(!tn_save(ps, path, 0, NULL));
    ck_assert_int_eq(err.code, TN_EIO);
    ck_assert(strncmp(err.text, "save \"/tmp/", 11) == 0 && strlen(err.text) == sizeof err.text - 1);
    tn_error_clear(&err);
    path[sizeof path - 40] = 0;
    ck_assert(!tn_save(ps, path, 0, NULL));
    ck_assert_int_eq(err.code, TN_EIO);
    tn_error_clear(&err);
    ck_assert_int_eq(count_files(), 0);
    path[sizeof path - 41] = 0;
    ck_assert(tn_save(ps, path, 0, NULL));
    ck_assert_int_eq(count_files(), 1);
    clear_folder();
}
END_TEST

/* Of a process that had the same number, and was killed. */
START_TEST(a_file_that_is_in_the_way_of_the_new_one)
{
    char name[64];
    tn_param(ps, TN_DIMS(1), tn_constant(1), "a");
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, ".tarn-%ld-%d.tmp", (long)getpid(), i);
        FILE *f = fopen(in_folder(name), "w");
        ck_assert(f != NULL);
        fclose(f);
    }
    ck_assert(tn_save(ps, in_folder("a"), 0, NULL));
    ck_assert_int_eq(count_files(), 4);
    clear_folder();
}
END_TEST

/* A limit on the size of files stands for a full disk: the write fails in the middle, for root too. */
START_TEST(a_save_that_fails_leaves_the_old_file)
{
    struct rlimit limit;
    char expected[200];
    tn_tensor *a = tn_param(ps, TN_DIMS(100000), tn_constant(1), "a");
    ck_assert(tn_save(ps, in_folder("a"), 0, NULL));
    bytes before = read_whole(in_folder("a"));
    a->data[0] = 2;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 200001;
    ck_assert(!setrlimit(RLIMIT_FSIZE, &limit));
    ck_assert(!tn_save(ps, in_folder("a"), 0, NULL));
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    snprintf(expected, sizeof expected, "save \"%s\": cannot write: File too large", in_folder("a"));
    ck_error(TN_EIO, expected);
    ck_assert_int_eq(count_files(), 1);
    bytes after = read_whole(in_folder("a"));
    ck_assert_uint_eq(before.n, after.n);
    ck_assert(!memcmp(before.at, after.at, after.n));
    free(before.at);
    free(after.at);
    clear_folder();
}
END_TEST

static unsigned mode_of(const char *path)
{
    struct stat s;
    ck_assert(!lstat(path, &s));
    return (unsigned)s.st_mode & 07777;
}

START_TEST(the_mode_of_the_old_file_is_kept)
{
    umask(027);
    ck_assert(tn_save(ps, in_folder("a"), 0, NULL));
    ck_assert_uint_eq(mode_of(in_folder("a")), 0640);
    ck_assert(!chmod(in_folder("a"), 0604));
    ck_assert(tn_save(ps, in_folder("a"), 0, NULL));
    ck_assert_uint_eq(mode_of(in_folder("a")), 0604);
    clear_folder();
}
END_TEST

START_TEST(a_symbolic_link_stays_one)
{
    struct stat s;
    tn_param(ps, TN_SCALAR, tn_constant(5), "x");
    ck_assert(tn_save(ps, in_folder("real"), 0, NULL));
    ck_assert(!symlink("real", in_folder("link")));
    tn_params_at(ps, 0)->data[0] = 6;
    ck_assert(tn_save(ps, in_folder("link"), 0, NULL));
    ck_assert(!lstat(in_folder("link"), &s) && S_ISLNK(s.st_mode));
    ck_assert(tn_load(ps, in_folder("real"), TN_STRICT));
    ck_assert_double_eq((double)tn_params_at(ps, 0)->data[0], 6);
    ck_assert_int_eq(count_files(), 2);
    clear_folder();
}
END_TEST

START_TEST(a_file_in_the_current_folder)
{
    ck_assert(!chdir(in_folder("")));
    tn_param(ps, TN_SCALAR, tn_constant(5), "x");
    ck_assert(tn_save(ps, "here", 0, NULL) && tn_save(ps, "here", 0, NULL) && tn_load(ps, "here", TN_STRICT));
    ck_no_error();
    ck_assert_int_eq(count_files(), 1);
    clear_folder();
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, behind_the_end_of_memory_is_nothing);
    tcase_add_test(c, what_is_saved_comes_back);
    tcase_add_test(c, a_file_with_the_number_0);
    tcase_add_test(c, what_is_in_the_file);
    tcase_add_test(c, the_bytes_of_a_file);
    tcase_add_test(c, the_same_state_gives_the_same_bytes);
    tcase_add_test(c, a_model_from_pytorch_gives_its_logits);
    tcase_add_loop_test(c, malformed_headers, 0, (int)(sizeof REFUSED / sizeof *REFUSED));
    tcase_add_test(c, sizes_of_the_header_that_lie);
    tcase_add_test(c, headers_that_are_fine);
    tcase_add_test(c, escapes_in_strings);
    tcase_add_test(c, a_file_cut_at_any_byte_is_refused);
    tcase_add_test(c, a_file_with_any_byte_changed_does_no_harm);
    tcase_add_test(c, many_tensors);
    tcase_add_test(c, a_buffer_may_be_there_in_integers);
    tcase_add_test(c, all_that_does_not_fit_is_named_at_once);
    tcase_add_test(c, a_second_name_for_the_same_weights);
    tcase_add_test(c, second_names_are_compared_to_the_end);
    tcase_add_test(c, equal_vectors_are_not_tied);
    tcase_add_test(c, one_wrong_shape);
    tcase_add_test(c, more_than_a_text_can_hold);
    tcase_add_test(c, further_names_may_be_ignored);
    tcase_add_test(c, a_load_forgets_gradients);
    tcase_add_test(c, half_precision);
    tcase_add_test(c, brain_floats);
    tcase_add_test(c, singles_and_doubles);
    tcase_add_test(c, a_number_that_does_not_fit);
    tcase_add_test(c, integers);
    tcase_add_test(c, reading_what_is_not_there);
    tcase_add_test(c, files_that_cannot_be_opened);
    tcase_add_test(c, misused_files);
    tcase_add_test(c, a_file_that_has_failed);
    tcase_add_test(c, misused_loads);
    tcase_add_test(c, more_than_the_format_has_room_for);
    tcase_add_test(c, a_file_that_becomes_shorter);
    tcase_add_test(c, pairs_and_names_that_cannot_be_saved);
    tcase_add_test(c, text_that_is_utf8_and_text_that_is_not);
    tcase_add_test(c, long_names_in_errors);
    tcase_add_test(c, arrays_beside_the_params);
    tcase_add_test(c, arrays_that_cannot_be_saved);
    tcase_add_test(c, places_that_cannot_be_saved_to);
    tcase_add_test(c, paths_that_are_too_long);
    tcase_add_test(c, a_file_that_is_in_the_way_of_the_new_one);
    tcase_add_test(c, a_save_that_fails_leaves_the_old_file);
    tcase_add_test(c, the_mode_of_the_old_file_is_kept);
    tcase_add_test(c, a_symbolic_link_stays_one);
    tcase_add_test(c, a_file_in_the_current_folder);
}

int main(void)
{
    return run_case("io", add);
}
