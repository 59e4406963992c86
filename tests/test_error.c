/* Errors: the first one is kept, long texts are cut at a whole character, codes have names. */
#include "tests.h"

START_TEST(the_first_is_kept)
{
    ck_assert(!tn_fail(&err, TN_EINDEX, "id %d", 7));
    ck_assert(!tn_fail(&err, TN_ESHAPE, "later"));
    ck_error(TN_EINDEX, "id 7");
    ck_no_error();
    ck_assert(!tn_fail(NULL, TN_EINDEX, "nobody listens"));
    tn_error_clear(NULL);
}
END_TEST

START_TEST(a_long_text_is_cut_at_a_whole_character)
{
    char text[2 * TN_ERROR_TEXT + 1] = "";
    for (int i = 0; i < _i; i++) strcat(text, "x");
    while (strlen(text) + 3 < sizeof text) strcat(text, "好");
    tn_fail(&err, TN_EIO, "%s", text);
    size_t n = strlen(err.text);
    ck_assert_uint_lt(n, TN_ERROR_TEXT);
    ck_assert_uint_ge(n, TN_ERROR_TEXT - 4);
    ck_assert_str_eq(err.text + n - 3, "...");
    ck_assert_uint_eq((n - 3 - (size_t)_i) % 3, 0);
}
END_TEST

START_TEST(codes_have_names)
{
    static const char *const name[] = {"ok", "shape", "index", "memory", "io", "format", "nonfinite", "usage"};
    for (int code = TN_OK; code <= TN_EUSAGE; code++) ck_assert_str_eq(tn_code_name((tn_code)code), name[code]);
    ck_assert_str_eq(tn_code_name((tn_code)99), "unknown");
}
END_TEST

START_TEST(shapes_as_text)
{
    char text[TN_SHAPE_TEXT];
    tn_tape_begin(t, TN_EVAL);
    ck_assert_str_eq(tn_shape_text(tn_scalar(t, 1), text), "()");
    ck_assert_str_eq(tn_shape_text(tn_input(t, TN_DIMS(4), NULL, false), text), "(4,)");
    ck_assert_str_eq(tn_shape_text(tn_input(t, TN_DIMS(1, 2, 3, 4, 5, 6, 7, 0), NULL, false), text), "(1, 2, 3, 4, 5, 6, 7, 0)");
    ck_assert_str_eq(tn_shape_text(NULL, text), "NULL");
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, the_first_is_kept);
    tcase_add_loop_test(c, a_long_text_is_cut_at_a_whole_character, 0, 4);
    tcase_add_test(c, codes_have_names);
    tcase_add_test(c, shapes_as_text);
}

int main(void)
{
    return run_case("error", add);
}
