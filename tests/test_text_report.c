/* test_text_report.c: what classify's report is drawn with: principal axes, charts, escapes. */
#include "tests.h"

#include "examples/text/chart.h"
#include "examples/text/escapes.h"
#include "examples/text/pca.h"

/* Points along a line, and less far along another one; both axes are known. */
START_TEST(axes)
{
    enum { N = 50 };
    static tn_real points[N * 3];
    static double  places[N * 2];
    double         share[2], sign[2] = {0, 0};

    for (int i = 0; i < N; i++) {
        double a = i - 24.5, b = i % 2 ? 1 : -1; /* along (3, 0, 4) / 5 and (0, 1, 0), from (7, 8, 9) on */
        points[3 * i] = (tn_real)(7 + 0.6 * a);
        points[3 * i + 1] = (tn_real)(8 + b);
        points[3 * i + 2] = (tn_real)(9 + 0.8 * a);
    }
    ck_assert(text_pca(points, N, 3, places, share, &err));
    sign[0] = places[0] < 0 ? 1 : -1;
    sign[1] = places[1] < 0 ? 1 : -1;
    for (int i = 0; i < N; i++) {
        ck_assert_double_eq_tol(places[2 * i] * sign[0], i - 24.5, 0.1);
        ck_assert_double_eq_tol(places[2 * i + 1] * sign[1], i % 2 ? 1 : -1, 0.1);
    }
    ck_assert_double_eq_tol(share[0], 208.25 / 209.25, 1e-3);
    ck_assert_double_eq_tol(share[0] + share[1], 1, 1e-6);
}
END_TEST

/* One number each, one point, all the same: no second axis, no NaN. */
START_TEST(axes_of_little)
{
    static const tn_real points[] = {1, 3, 5, 5};
    double               places[8], share[2];

    ck_assert(text_pca(points, 3, 1, places, share, &err));
    ck_assert_double_eq_tol(fabs(places[0]), 2, 1e-12);
    ck_assert(fabs(places[2]) < 1e-12 && places[1] == 0 && places[3] == 0 && places[5] == 0);
    ck_assert_double_eq_tol(share[0], 1, 1e-12);
    ck_assert_double_eq(share[1], 0);
    ck_assert(text_pca(points, 1, 4, places, share, &err));
    ck_assert(places[0] == 0 && places[1] == 0 && share[0] == 0 && share[1] == 0);
    ck_assert(text_pca(points + 2, 2, 1, places, share, &err));
    ck_assert(places[0] == 0 && places[2] == 0 && share[0] == 0);
    ck_no_error();
}
END_TEST

static int count(const char *in, const char *what)
{
    int n = 0;

    for (const char *s = in; (s = strstr(s, what)); s += strlen(what)) n++;
    return n;
}

/* Ticks at round numbers, whole ones where things are counted. */
START_TEST(ticks)
{
    static const struct {
        double from, to;
        bool   whole;
        int    ticks;
        const char *some;
    } axes_of[] = {{0, 1, false, 6, ">0.2<"}, {1, 25, true, 5, ">15<"}, {1, 2, true, 2, ">2<"}, {1, 3, false, 5, ">1.5<"},
                   {-0.31, 0.42, false, 4, ">-0.2<"}, {0, 3e6, false, 4, ">1e+06<"}, {0.5, 0.5, false, 1, NULL}};

    for (size_t i = 0; i < sizeof axes_of / sizeof *axes_of; i++) {
        text_buffer page = {0};
        text_chart  c = {&page, &err, {axes_of[i].from, axes_of[i].to}, {10, 10.5}};
        text_chart_begin(&c, "x", "y", axes_of[i].whole);
        text_chart_end(&c);
        if (axes_of[i].some) {
            ck_assert_int_eq(count(page.s, "text-anchor=\"middle\">") - 2, axes_of[i].ticks);
            ck_assert_ptr_nonnull(strstr(page.s, axes_of[i].some));
        }
        ck_assert_int_eq(count(page.s, "text-anchor=\"end\">"), 6);
        ck_assert(!strstr(page.s, "nan") && !strstr(page.s, "inf") && !strstr(page.s, ">-0<"));
        text_buffer_free(&page);
    }
}
END_TEST

START_TEST(drawn)
{
    static const double x[] = {0, 5, 10, 99}, y[] = {0, 1, 2, -7};
    text_buffer page = {0};
    text_chart  c = {&page, &err, {0, 10}, {0, 2}};
    text_places taken = {.n = 0};

    text_chart_line(&c, 1, true, 4, x, y);
    ck_assert_str_eq(page.s, "<polyline class=\"line s1 dashed\" points=\"48.0,210.0 198.0,110.0 348.0,10.0 348.0,210.0 \"/>\n");
    page.n = 0;
    text_chart_dot(&c, 8, 5, 1, 2.5, text_span_of("<a & \"b\">"));
    ck_assert_str_eq(page.s, "<circle class=\"dot s2\" cx=\"198.0\" cy=\"110.0\" r=\"2.5\"><title>&lt;a &amp; &quot;b&quot;&gt;</title></circle>\n");
    page.n = 0;
    text_chart_word(&c, &taken, 5, 1, text_span_of("<w>"));
    ck_assert_str_eq(page.s, "<text class=\"word\" x=\"202.0\" y=\"114.0\">&lt;w&gt;</text>\n");
    page.n = 0;
    text_chart_word(&c, &taken, 5.1, 1, text_span_of("over it"));
    text_chart_word(&c, &taken, 10, 1, text_span_of("beyond the edge"));
    ck_assert(page.n == 0 && taken.n == 1);
    text_chart_word(&c, &taken, 5, 1.5, text_span_of("beside it"));
    ck_assert(taken.n == 2);
    text_buffer_free(&page);
}
END_TEST

/* From the lower left end of what both axes show to the upper right one. */
START_TEST(diagonals)
{
    static const struct {
        text_interval x, y;
        const char   *drawn;
    } charts[] = {{{0, 1}, {0, 1}, "x1=\"48.0\" y1=\"210.0\" x2=\"348.0\" y2=\"10.0\""},
                  {{0.5, 1}, {0, 2}, "x1=\"48.0\" y1=\"160.0\" x2=\"348.0\" y2=\"110.0\""},
                  {{0, 2}, {0.5, 1}, "x1=\"123.0\" y1=\"210.0\" x2=\"198.0\" y2=\"10.0\""}};

    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        text_buffer page = {0};
        text_chart  c = {&page, &err, charts[i].x, charts[i].y};
        text_chart_diagonal(&c);
        ck_assert_ptr_nonnull(strstr(page.s, charts[i].drawn));
        text_buffer_free(&page);
    }
}
END_TEST

/* A word that would leave the picture at its right or lower end is left out, and so are more words than there is room for. */
START_TEST(words_within_the_picture)
{
    text_buffer page = {0};
    text_chart  c = {&page, &err, {0, 1}, {0, 1}};
    text_places taken = {.n = 0};
    const struct {
        double      x, y;
        const char *word;
        int         n;
    } words[] = {{0.5, 0.99, "a", 1}, {1, 0.5, "a", 1}, {0.5, 0, "a", 1}, {0.99, 0.4, "a", 2}, {0.99, 0.2, "\xC3\xA9", 3},
                 {0.99, 0.1, "\xE4\xBD\xA0", 3}, {0.94, 0.1, "\xE4\xBD\xA0", 4}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        text_chart_word(&c, &taken, words[i].x, words[i].y, text_span_of(words[i].word));
        ck_assert_msg(taken.n == words[i].n, "%zu: %d", i, taken.n);
    }
    taken.n = 0;
    for (int i = 0; i < 2 * TEXT_MOST_WORDS; i++) text_chart_word(&c, &taken, i % 8 / 10.0, (i / 8) / 8.0 + 0.05, text_span_of("a"));
    ck_assert_int_eq(taken.n, TEXT_MOST_WORDS);
    text_buffer_free(&page);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, axes);
    tcase_add_test(c, axes_of_little);
    tcase_add_test(c, ticks);
    tcase_add_test(c, drawn);
    tcase_add_test(c, diagonals);
    tcase_add_test(c, words_within_the_picture);
}

int main(void)
{
    return run_case("text_report", add);
}
