/* test_text_vectors.c: rows of other programs' files, and what is wrong in them. */
#include "tests.h"

#include "examples/text/locale.h"
#include "examples/text/vectors.h"

/* Bytes in memory, a few at a time. */
typedef struct bytes {
    text_span left;
    size_t    most;
} bytes;

static ssize_t take_bytes(void *from, char *to, size_t n, tn_error *e)
{
    bytes *b = from;

    (void)e;
    if (n > b->most) n = b->most;
    if (n > b->left.n) n = b->left.n;
    memcpy(to, b->left.s, n);
    b->left.s += n;
    b->left.n -= n;
    return (ssize_t)n;
}

/* What is read, as [token|numbers] for each row; the error stays in err. */
static const char *rows_of(text_span file, size_t most)
{
    static char  read[2000];
    locale_t     users = text_locale_plain();
    text_vectors v = {0};
    text_vector  row;
    bytes        b = {file, most};
    tn_real      x[8] = {0};
    size_t       n = 0;

    read[0] = 0;
    if (text_vectors_open_source(&v, "f", take_bytes, &b, &err)) {
        ck_assert_int_le(v.dim, 8);
        while (text_vectors_next(&v, &row) && text_vectors_numbers(&v, &row, x)) {
            n += (size_t)snprintf(read + n, sizeof read - n, "[%.*s|", (int)row.token.n, row.token.s);
            for (int64_t i = 0; i < v.dim; i++)
                n += (size_t)snprintf(read + n, sizeof read - n, i ? " %g" : "%g", (double)x[i]);
            n += (size_t)snprintf(read + n, sizeof read - n, "]");
        }
        text_vectors_close(&v);
    }
    text_locale_back(users);
    return read;
}

typedef struct example {
    const char *bytes;
    size_t      n;
    const char *expected;
} example;
#define ROW(bytes, expected) {bytes, sizeof bytes - 1, expected}

#define ONE "\0\0\x80\x3F"
#define HALF "\0\0\0\xBF"

static const example good[] = {
    ROW("1 2 3\n2 4 5\n", "[1|2 3][2|4 5]"),
    ROW("1 x 3\n2 y 4\n", "[1 x|3][2 y|4]"),
    /* with a header: fastText, which leaves a space at the end; word2vec */
    ROW("2 3\na 1 2 3 \nb -0.5 1e-3 +4. \n", "[a|1 2 3][b|-0.5 0.001 4]"),
    ROW("2 3 \r\na 1 2 3\r\nb .5 1E3 0\r\n", "[a|1 2 3][b|0.5 1000 0]"),
    ROW("1 3\na 1 2 3", "[a|1 2 3]"),
    ROW("\xEF\xBB\xBF" "1 1\na 1\n", "[a|1]"),
    ROW("1 2\nNew York 1 2\n", "[New York|1 2]"),
    ROW("1 2\n2000 1 2\n", "[2000|1 2]"),
    ROW("0 2\n", ""),
    /* tokens that are white space elsewhere, none at all, and no UTF-8 */
    ROW("4 1\n\xC2\xA0 1\n\xE3\x80\x80x 2\n 3\n\xFF 4\n", "[\xC2\xA0|1][\xE3\x80\x80x|2][|3][\xFF|4]"),
    /* without: GloVe, with spaces in tokens */
    ROW("a 1 2\nb 3 4\n", "[a|1 2][b|3 4]"),
    ROW(". . . 1 2\na 3 4\nb 5 6\nat x@y.z 7 8\n", "[. . .|1 2][a|3 4][b|5 6][at x@y.z|7 8]"),
    ROW("covid 19 1 2\na 3 4\nb 5 6", "[covid 19|1 2][a|3 4][b|5 6]"),
    ROW("5 1 2\n6 3 4\n7 5 6\n", "[5|1 2][6|3 4][7|5 6]"),
    ROW("a 1\n", "[a|1]"),
    /* binary: with and without line ends */
    ROW("2 2\na " ONE HALF "\nbc " HALF ONE "\n", "[a|1 -0.5][bc|-0.5 1]"),
    ROW("2 2\na " ONE HALF "bc " HALF ONE, "[a|1 -0.5][bc|-0.5 1]"),
    ROW("1 2\n\xE4\xBD\xA0 \n\n\n\n" ONE, "[\xE4\xBD\xA0|6.64635e-33 1]"),
    ROW("1 3\na \n\0\0\x3F 1\n\x3E\0\0\x80\x3F", "[a|0.500001 0.134953 1]"),
};

START_TEST(good_files)
{
    const example *r = &good[_i];
    text_span  file = {r->bytes, r->n};

    ck_assert_str_eq(rows_of(file, SIZE_MAX), r->expected);
    ck_no_error();
    ck_assert_str_eq(rows_of(file, 1), r->expected);
    ck_no_error();
}
END_TEST

#define NO_VECTORS                                                                                                        \
    "f:1: no vectors: a line is a token and its numbers, with single spaces between, and the first line may be "         \
    "\"rows numbers\""
#define LIKE ": it should be like 0.25 or -1e-5"

static const example bad[] = {
    ROW("", "f: it is empty"),
    ROW("\xBA\x16\x4F\x2F\x0C\0\0\0", "f is a model of fastText (.bin): its rows are in the .vec beside it"),
    ROW("\x1F\x8B\x08", "f is compressed by gzip: unpack it first"),
    ROW("PK\x03\x04", "f is a zip archive: unpack it first"),
    ROW("BZh9", "f is compressed by bzip2: unpack it first"),
    ROW("\xFD" "7zXZ\0", "f is compressed by xz: unpack it first"),
    ROW("\n", NO_VECTORS),
    ROW("hello\n", NO_VECTORS),
    ROW("a\t1\t2\n", NO_VECTORS),
    ROW("a 0,5 0,5\n", NO_VECTORS),
    ROW("2 0\na\nb\n", "f:1: the header says 0 numbers for each token: not 1 to 65536"),
    ROW("2 65537\na\nb\n", "f:1: the header says 65537 numbers for each token: not 1 to 65536"),
    ROW("2 2\na 1 2 3\nb 4 5 6\n", "f:1: the header says 2 numbers for each token, but the rows have 3"),
    ROW("2 3\na 1 2 3\nb 4 5\n", "f:3: a token and 2 numbers: there should be 3"),
    ROW("2 3\na 1 2 3\n\n", "f:3: a token and 0 numbers: there should be 3"),
    ROW("a 1 2 3\nb 4 5 6\nc 7 8", "f:3: a token and 2 numbers: there should be 3"),
    ROW("a 1 2\nb 4 5 6\nc 7 8 9\n", "f:1: a token and 2 numbers: there should be 3"),
    ROW("2 3\na 1 2 3\n", "f: it ends after 1 rows; its header says 2"),
    ROW("2 3", "f: it ends after 0 rows; its header says 2"),
    ROW("1 3\na 1 2 3\nb 4 5 6\n", "f:3: a row more than the 1 that the header says"),
    ROW("1 3\na 1 2 3\n\n", "f:3: a row more than the 1 that the header says"),
    ROW("1 3\na 1 x 3\n", "f:2: number 2 of 3 is \"x\"" LIKE),
    ROW("1 3\na 1 0,5 3\n", "f:2: number 2 of 3 is \"0,5\"" LIKE),
    ROW("1 3\na 1  3\n", "f:2: number 2 of 3 is \"\"" LIKE),
    ROW("1 3\na 1 2\t3 4\n", "f:2: number 2 of 3 is \"2?3\"" LIKE),
    ROW("1 1\na nan\n", "f:2: number 1 of 1 is \"nan\"" LIKE),
    ROW("1 1\na -inf\n", "f:2: number 1 of 1 is \"-inf\"" LIKE),
    ROW("1 1\na 0x1p3\n", "f:2: number 1 of 1 is \"0x1p3\"" LIKE),
    ROW("1 1\na 1e\n", "f:2: number 1 of 1 is \"1e\"" LIKE),
    ROW("1 1\na 1e+\n", "f:2: number 1 of 1 is \"1e+\"" LIKE),
    ROW("1 1\na .\n", "f:2: number 1 of 1 is \".\"" LIKE),
    ROW("1 1\na .e5\n", "f:2: number 1 of 1 is \".e5\"" LIKE),
    ROW("1 1\na --1\n", "f:2: number 1 of 1 is \"--1\"" LIKE),
    ROW("1 1\na 1.2.3\n", "f:2: number 1 of 1 is \"1.2.3\"" LIKE),
    ROW("1 1\na xy\xE4\xBD\xA0\n", "f:2: number 1 of 1 is \"xy\xE4\xBD\xA0\"" LIKE),
    ROW("1 1\na \xEF\xBC\x91\n", "f:2: number 1 of 1 is \"\xEF\xBC\x91\"" LIKE),
    ROW("1 1\na 12345678901234567890123456789012345678901x\n", "f:2: number 1 of 1 is \"1234567890123456789012345678901234567890\"" LIKE),
    ROW("1 1\na \x7F\xFF\n", "f:2: number 1 of 1 is \"??\"" LIKE),
    ROW("1 1\na \r1\n", "f:2: number 1 of 1 is \"?1\"" LIKE),
    ROW("1234567890123456789 1\na x\n", "f:2: number 1 of 1 is \"x\"" LIKE),
    ROW("5\na x\n", NO_VECTORS),
    ROW("5x 3\na x\n", "f:2: number 1 of 1 is \"x\"" LIKE),
    ROW("1 2\na 1 -1e400\n", "f:2: number 2 of 2 is \"-1e400\": too large"),
    ROW("2 2\na " ONE HALF "\nb " ONE, "f: it ends in row 2; its header says 2 rows of 2 numbers"),
    ROW("2 2\na " ONE HALF "\nb " ONE "\0\0\0", "f: it ends in row 2; its header says 2 rows of 2 numbers"),
    ROW("2 2\na " ONE HALF, "f: it ends in row 2; its header says 2 rows of 2 numbers"),
    ROW("2 2\na " ONE HALF "\nbcd", "f: it ends in row 2; its header says 2 rows of 2 numbers"),
    ROW("1 2\na " ONE HALF "\nb " ONE HALF, "f: byte 16, in row 2: a row more than the header says"),
    ROW("1 2\na " ONE "\0\0\xC0\x7F", "f: byte 11, in row 1: NaN or infinity"),
    ROW("1 2\na \0\0\x80\xFF" ONE, "f: byte 7, in row 1: NaN or infinity"),
};

START_TEST(bad_files)
{
    const example *r = &bad[_i];
    text_span  file = {r->bytes, r->n};

    rows_of(file, SIZE_MAX);
    ck_error(TN_EFORMAT, r->expected);
    rows_of(file, 1);
    ck_error(TN_EFORMAT, r->expected);
}
END_TEST

/* Lines and tokens that never end are refused, not collected. */
START_TEST(endless)
{
    enum { MANY = 40 << 20 };
    char  *x = malloc(MANY);
    size_t n = sizeof "2 1\na " ONE "\n" - 1;

    memset(x, 'x', MANY);
    memcpy(x, "2 1\na 1\n", 8);
    rows_of((text_span){x, MANY}, SIZE_MAX);
    ck_error(TN_EFORMAT, "f:3: a line of more than 16 MB: is it text?");
    memcpy(x, "2 1\na " ONE "\n", n);
    rows_of((text_span){x, MANY}, SIZE_MAX);
    ck_error(TN_EFORMAT, "f: byte 12, in row 2: no space in 4096 bytes, where a token should end");
    free(x);
}
END_TEST

/* More numbers in a row than are read at a time: in binary as many as are allowed, in text one more. */
START_TEST(wide_rows)
{
    enum { DIM = TEXT_MAX_DIM, SIZE = 20 + 4 * DIM };
    char        *x = calloc(SIZE, 1), *text = malloc(2 * DIM + 4);
    tn_real     *numbers = malloc(DIM * sizeof *numbers);
    const size_t n = (size_t)sprintf(x, "1 %d\na ", DIM);
    text_vectors v = {0};
    text_vector  row;
    bytes        b = {{x, n + 4 * DIM}, SIZE_MAX};

    memcpy(x + n + 4 * (DIM - 1), HALF, 4);
    ck_assert(text_vectors_open_source(&v, "f", take_bytes, &b, &err));
    ck_assert(text_vectors_next(&v, &row) && text_vectors_numbers(&v, &row, numbers));
    ck_assert(numbers[0] == 0 && numbers[DIM - 1] == (tn_real)-0.5);
    ck_assert(!text_vectors_next(&v, &row));
    ck_no_error();
    text_vectors_close(&v);
    text[0] = 'a';
    for (int i = 0; i <= DIM; i++) memcpy(text + 1 + 2 * i, " 1", 2);
    rows_of((text_span){text, 2 * DIM + 3}, SIZE_MAX);
    ck_error(TN_EFORMAT, "f:1: 65537 numbers for each token: more than 65536");
    free(numbers);
    free(text);
    free(x);
}
END_TEST

/* After an error nothing more is read. */
START_TEST(after_an_error)
{
    text_vectors v = {0};
    text_vector  row;
    bytes        b = {text_span_of("a 1 2\nb 1\nc 1 2\nd 1 2\n"), SIZE_MAX};

    ck_assert(text_vectors_open_source(&v, "f", take_bytes, &b, &err));
    ck_assert(text_vectors_next(&v, &row) && !text_vectors_next(&v, &row) && !text_vectors_next(&v, &row));
    text_vectors_close(&v);
    ck_assert(!text_vectors_open_source(&v, "f", take_bytes, &b, &err));
    ck_error(TN_EFORMAT, "f:2: a token and 1 numbers: there should be 2");
}
END_TEST

/* A place beyond what is read at a time. */
START_TEST(far_away)
{
    enum { ROWS = 10000 };
    char  *x = malloc(100 + 11 * ROWS);
    size_t n = (size_t)sprintf(x, "%d 2\n", ROWS);

    for (int i = 0; i < ROWS; i++, n += 11) memcpy(x + n, "a " ONE HALF "\n", 11);
    memcpy(x + n - 3, "\xC0\x7F", 2);
    text_vectors v = {0};
    text_vector  row;
    bytes        b = {{x, n}, SIZE_MAX};
    ck_assert(text_vectors_open_source(&v, "f", take_bytes, &b, &err));
    while (text_vectors_next(&v, &row)) ck_assert(row.token.n == 1);
    ck_error(TN_EFORMAT, "f: byte 110004, in row 10000: NaN or infinity");
    text_vectors_close(&v);
    free(x);
}
END_TEST

/* ---- numbers --------------------------------------------------------------------------------------------------- */

/* The number that text says, by way of a file. */
static tn_real number(const char *text)
{
    text_vectors v = {0};
    text_vector  r;
    char         file[200];
    bytes        b = {{file, (size_t)snprintf(file, sizeof file, "1 1\na %s\n", text)}, SIZE_MAX};
    tn_real      x = 0;

    ck_assert(text_vectors_open_source(&v, "f", take_bytes, &b, &err));
    ck_assert(text_vectors_next(&v, &r) && text_vectors_numbers(&v, &r, &x));
    text_vectors_close(&v);
    return x;
}

/* Halfway cases, which rounding twice would get wrong. */
START_TEST(nearest_numbers)
{
    const bool single = sizeof(tn_real) == sizeof(float);

    ck_assert(number("0.1") == (tn_real)(single ? (double)0.1f : 0.1));
    ck_assert(number("16777217") == (tn_real)(single ? 16777216.0 : 16777217.0));
    /* a little above the middle of 1 and the next float, by less than a double tells */
    ck_assert(number("1.00000005960464477539062500000000001") == (tn_real)(single ? (double)0x1.000002p0f : 0x1.000001p0));
    ck_assert(number("1e-400") == 0);
    ck_assert(number(single ? "3.4028235e38" : "1.7976931348623157e308") > 3e38);
    ck_no_error();
}
END_TEST

/* ---- a vocabulary's rows --------------------------------------------------------------------------------------- */

static text_encoder encoder_of(text_kind kind, const char *text)
{
    text_encoder e = {.settings = {kind, 1, 0, 1}};
    text_tokens  tokens = {0};

    ck_assert(text_encoder_learn(&e, &tokens, text_span_of(text), &err) && text_vocabulary_prune(&e.words, 1, &err));
    text_tokens_free(&tokens);
    return e;
}

static bool fill(const text_encoder *e, const char *file, tn_tensor *table, text_coverage *c)
{
    text_vectors v = {0};
    bytes        b = {text_span_of(file), SIZE_MAX};
    bool         ok = text_vectors_open_source(&v, "f", take_bytes, &b, &err) && text_vectors_fill(&v, e, table, c);

    text_vectors_close(&v);
    return ok;
}

/* Folded as the tokenizer does, the first one counts, no UTF-8 is passed over, others stay as they were. */
START_TEST(fills_rows)
{
    text_encoder  e = encoder_of(TEXT_MIXED, "the the the cat \xE4\xBD\xA0 sat dont");
    tn_tensor    *table = tn_param(ps, TN_DIMS(e.words.n + 1, 2), tn_constant(7), "words");
    text_coverage c;
    const tn_real expected[] = {1, 2, 3, 4, 5, 6, 7, 7, 9, 9, 7, 7};

    ck_assert_int_eq(e.words.n, 5);
    ck_assert(fill(&e, "9 2\nThe 1 2\nthe 8 8\nthe cat 0 0\ndog 0 0\n\xEF\xBC\xA3\xEF\xBC\xA1\xEF\xBC\xB4 3 4\n"
                       "\xE4\xBD\xA0 5 6\n\xFF 1 1\nDon't 9 9\n 1 1\n", table, &c));
    for (int i = 0; i < 12; i++) ck_assert(table->data[i] == expected[i]);
    ck_assert(c.rows == 9 && c.duplicates == 1 && c.malformed == 2 && c.tokens == 5 && c.found == 4);
    ck_assert(c.uses == 7 && c.covered == 6);
    text_encoder_free(&e);
    ck_no_error();
}
END_TEST

/* The gap between words, which stands in no file by its folding. */
START_TEST(fills_gap)
{
    text_encoder  e = encoder_of(TEXT_CHAR, "a a b");
    tn_tensor    *table = tn_param(ps, TN_DIMS(e.words.n, 1), tn_constant(7), "words");
    text_coverage c;

    ck_assert(fill(&e, "2 1\na 1\n  2\n", table, &c) && c.found == 2 && e.words.n == 3);
    text_encoder_free(&e);
    ck_no_error();
}
END_TEST

START_TEST(fills_nothing)
{
    text_encoder  e = encoder_of(TEXT_MIXED, "the cat");
    tn_tensor    *table = tn_param(ps, TN_DIMS(e.words.n, 2), tn_constant(7), "words");
    text_coverage c;

    ck_assert(!fill(&e, "2 2\nle 1 2\nchat 3 4\n", table, &c));
    ck_error(TN_EFORMAT, "f: none of its 2 tokens is one of the texts' 2: is it of another language?");
    ck_assert(!fill(&e, "2 2\nthe 1 2\ncat 3 1e999\n", table, &c));
    ck_error(TN_EFORMAT, "f:3: number 2 of 2 is \"1e999\": too large");
    text_encoder_free(&e);
}
END_TEST

static void print_to(FILE *f, char *text, size_t size)
{
    size_t n;

    rewind(f);
    n = fread(text, 1, size - 1, f);
    text[n] = 0;
    fclose(f);
}

START_TEST(coverage)
{
    static const text_coverage c = {5000000, 0, 0, 20000, 12345, 1000000, 930000}, d = {9, 1234567, 2, 3, 1, 0, 0};
    char                       text[400];
    FILE                      *f = tmpfile();

    text_coverage_print(&c, "f", f);
    text_coverage_print(&d, "g", f);
    print_to(f, text, sizeof text);
    ck_assert_str_eq(text, "f: 12,345 of 20,000 tokens (61.7 %; 93 % of the text)\n"
                           "g: 1 of 3 tokens (33.3 %; 0 % of the text); left out: 1,234,567 rows of tokens that had one; "
                           "left out: 2 tokens that are no UTF-8\n");
}
END_TEST

/* Writing and reading again gives the same numbers; few digits where few will do. */
START_TEST(there_and_back)
{
    text_encoder  e = encoder_of(TEXT_CHAR, "a bc");
    tn_tensor    *table = tn_param(ps, TN_DIMS(e.words.n, 3), tn_normal(0, 1), "words");
    tn_tensor    *copy = tn_param(ps, TN_DIMS(e.words.n, 3), tn_constant(0), "copy");
    text_coverage c;
    char          text[1000];
    FILE         *f = tmpfile();
    int64_t       left;
    const int32_t gap = text_vocabulary_find(&e.words, (text_token){text_span_of(" "), text_hash(text_span_of(" "))});

    ck_assert(e.words.n == 4 && gap >= 0);
    table->data[0] = (tn_real)0.1;
    table->data[1] = (tn_real)1e-30;
    table->data[2] = -5;
    ck_assert(text_vectors_write(&e, table, f, &left, &err) && left == 1);
    print_to(f, text, sizeof text);
    ck_assert_int_eq(strncmp(text, "3 3\na 0.1 1e-30 -5\n", 19), 0);
    ck_assert(fill(&e, text, copy, &c) && c.found == 3);
    for (int32_t i = 0; i < e.words.n * 3; i++) ck_assert(copy->data[i] == (i / 3 == gap ? 0 : table->data[i]));
    f = tmpfile();
    table->data[2] = (tn_real)NAN;
    ck_assert(!text_vectors_write(&e, table, f, &left, &err));
    ck_error(TN_ENONFINITE, "the row of \"a\" has a number that is none (NaN)");
    table->data[2] = (tn_real)INFINITY;
    ck_assert(!text_vectors_write(&e, table, f, &left, &err));
    ck_error(TN_ENONFINITE, "the row of \"a\" has a number that is infinite");
    fclose(f);
    text_encoder_free(&e);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, good_files, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(c, bad_files, 0, sizeof bad / sizeof *bad);
    tcase_add_test(c, endless);
    tcase_add_test(c, wide_rows);
    tcase_add_test(c, after_an_error);
    tcase_add_test(c, far_away);
    tcase_add_test(c, nearest_numbers);
    tcase_add_test(c, fills_rows);
    tcase_add_test(c, fills_gap);
    tcase_add_test(c, fills_nothing);
    tcase_add_test(c, coverage);
    tcase_add_test(c, there_and_back);
}

int main(void)
{
    return run_case("text_vectors", add);
}
