/* test_text_shares.c: what each token adds to a decision, and where ids come from. */
#include "tests.h"

#include "examples/text/mask.h"

/* A model with random numbers whose vocabulary is words; the parameters are the fixture's. */
static text_program program_of(text_settings settings, text_pooling pooling, const char *words, int64_t hidden, int64_t classes)
{
    text_program p = {.text.encoder.settings = settings, .text.classes = (int32_t)classes, .ps = ps, .err = &err};
    text_tokens  tokens = {0};
    tn_tensor   *x;

    ck_assert(text_encoder_learn(&p.text.encoder, &tokens, text_span_of(words), &err));
    ck_assert(text_vocabulary_prune(&p.text.encoder.words, 1, &err));
    text_tokens_free(&tokens);
    text_classifier_init(&p.model, ps, (text_sizes){text_encoder_rows(&p.text.encoder), 8, hidden, classes, pooling}, tn_normal(0, 1));
    for (int i = 0; i < tn_params_count(ps); i++) {
        x = tn_params_at(ps, i);
        for (int64_t k = 0; x != p.model.words.weight && k < x->n; k++) x->data[k] = (tn_real)sin((double)(7 * i + 3 * k + 1));
    }
    return p;
}

static void free_program(text_program *p)
{
    p->ps = NULL;
    text_model_free(&p->text);
}

#define SAME_AS(a, b) ck_assert_double_le(fabs((a) - (b)), 1e3 * (sizeof(tn_real) == 4 ? 6e-8 : 1e-16) * (1 + fabs(b)))

/* w . row, w the difference of two labels' weights. */
static double pull(const text_program *p, const text_shares *s, int32_t id)
{
    const tn_real *x = p->model.words.weight->data + 8 * id, *w = p->model.out.weight->data;
    double         sum = 0;

    for (int k = 0; k < 8; k++) sum += (double)x[k] * ((double)w[8 * s->label + k] - (double)w[8 * s->rival + k]);
    return sum;
}

/* a has its two places' rows and pairs: each pair is half a's, the pair of two a's all. */
START_TEST(by_hand)
{
    text_program p = program_of((text_settings){TEXT_MIXED, 2, 0, 1000}, TEXT_MEAN, "a 你 好", 0, 3);
    text_shares  s = {0};
    text_ids     ids = {0};
    double       root = sqrt(9); /* five tokens, four pairs */

    ck_assert(text_encode(&p.text.encoder, text_span_of("A a, 你好a"), &ids, &err));
    ck_assert(text_shares_find(&s, &p, text_span_of("A a, 你好a"), 1));
    ck_assert_int_eq(ids.n, 9);
    ck_assert(s.n == 5 && s.label == 1 && s.rival != 1);
    for (int64_t i = 0; i < 5; i++) {
        double sum = pull(&p, &s, ids.id[i]);
        if (i) sum += pull(&p, &s, ids.id[5 + i - 1]) / 2;
        if (i < 4) sum += pull(&p, &s, ids.id[5 + i]) / 2;
        SAME_AS(s.of[i].share, sum / root);
    }
    ck_assert(text_span_equal(text_shares_token(&s, 0), text_span_of("A")));
    ck_assert(s.of[2].at.begin == 5 && s.of[2].at.end == 8);
    SAME_AS(s.rest, (double)p.model.out.bias->data[1] - (double)p.model.out.bias->data[s.rival]);
    text_ids_free(&ids);
    text_shares_free(&s);
    free_program(&p);
}
END_TEST

static const char *const texts[] = {"", "a", "你好，世界 hello", "don't' stop the music the music", "x\xffy ＡＢＣ操場 x", "   . ", "zz qq ww"};

/* They add up to the margin, and in a linear model the rest is the biases. */
START_TEST(they_add_up)
{
    static const text_settings settings[] = {
        {TEXT_MIXED, 1, 0, 1}, {TEXT_MIXED, 2, 5, 1000}, {TEXT_WORD, 3, 4, 1000}, {TEXT_CHAR, 3, 0, 1000}};
    const int64_t hidden = _i / 4 ? 6 : 0;
    text_program  p = program_of(settings[_i % 4], (text_pooling)(_i % 3), "a hello world the music 你 好 操 x", hidden, 2 + _i % 2);
    text_shares   s = {0};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int32_t label = 0; label < p.text.classes; label++) {
            double sum = 0;
            ck_assert(text_shares_find(&s, &p, text_span_of(texts[i]), label));
            for (int64_t k = 0; k < s.n; k++) sum += s.of[k].share;
            SAME_AS(sum + s.rest, s.margin);
            if (hidden == 0 && settings[_i % 4].kind != TEXT_CHAR)
                SAME_AS(s.rest, (double)p.model.out.bias->data[label] - (double)p.model.out.bias->data[s.rival]);
        }
    ck_no_error();
    text_shares_free(&s);
    free_program(&p);
}
END_TEST

/* What a hidden layer's shares leave over is the biases': without biases nothing is left. */
START_TEST(nothing_is_left_without_biases)
{
    text_program p = program_of((text_settings){TEXT_MIXED, 2, 5, 1000}, TEXT_BOTH, "a hello world the music 你 好", 6, 3);
    text_shares  s = {0};

    for (int64_t k = 0; k < p.model.hidden.bias->n; k++) p.model.hidden.bias->data[k] = 0;
    for (int64_t k = 0; k < p.model.out.bias->n; k++) p.model.out.bias->data[k] = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert(text_shares_find(&s, &p, text_span_of(texts[i]), 0));
        ck_assert_double_le(fabs(s.rest), 1e-4 * (1 + fabs(s.margin)));
    }
    text_shares_free(&s);
    free_program(&p);
}
END_TEST

/* A text without one of its tokens: where the share is large, the margin goes the way that the share says. */
START_TEST(as_leaving_a_token_out)
{
    text_program p = program_of((text_settings){TEXT_MIXED, 2, 0, 5000}, TEXT_MEAN, "a b c d e f g h i j k l m n o p q r s t u v w x y z",
                                _i ? 16 : 0, 2);
    text_shares  s = {0}, without = {0};
    int          large = 0, agree = 0;

    for (int start = 0; start < 26; start++) {
        char   whole[100] = "", part[100];
        double most = 0;
        for (int k = 0; k < 20; k++) snprintf(whole + 2 * k, 3, "%c ", 'a' + (start * 3 + k * 7) % 26);
        ck_assert(text_shares_find(&s, &p, text_span_of(whole), 0));
        for (int64_t i = 0; i < s.n; i++) most = larger(most, fabs(s.of[i].share));
        for (int64_t i = 0; i < s.n; i++) {
            const text_range at = s.of[i].at;
            if (fabs(s.of[i].share) < most / 2) continue;
            snprintf(part, sizeof part, "%.*s%s", (int)at.begin, whole, whole + at.end);
            ck_assert(text_shares_find(&without, &p, text_span_of(part), 0));
            large++;
            agree += (s.margin - without.margin > 0) == (s.of[i].share > 0);
        }
    }
    ck_assert_int_ge(large, 100);
    ck_assert_msg(agree >= large * 9 / 10, "%d of %d", agree, large);
    text_shares_free(&s);
    text_shares_free(&without);
    free_program(&p);
}
END_TEST

START_TEST(the_weightiest_first)
{
    static const double sorted[] = {-5, 4, 3, 1, 2};
    text_share          of[] = {{{0, 1}, 1}, {{1, 2}, -5}, {{2, 3}, 2}, {{3, 4}, 3}, {{4, 5}, 4}};
    text_shares         s = {.of = of, .n = 5};

    text_shares_sort(&s, 3);
    for (int i = 0; i < 5; i++) ck_assert(s.of[i].share == sorted[i]);
    text_shares_sort(&s, 99);
    ck_assert(s.of[3].share == 2);
}
END_TEST

/* Half of the largest share of a word or more: every character by its width; no symbol, nothing against the label. */
START_TEST(masked_words)
{
    static const struct {
        double      share[6];
        const char *masked;
    } rows[] = {{{1, 2, 9, 0, 0, 0}, "* ＊， be don't é"}, {{0, 0, 9, 4, 2, 1.9}, "a 你， ** ***** é"},
                {{-9, 0, 0, 0, 0, 1}, "a 你， be don't *"}, {{-1, 0, 9, -1, -1, -2}, "a 你， be don't é"}};
    text_share  of[] = {{{0, 1}, 0}, {{2, 5}, 0}, {{5, 8}, 0}, {{9, 11}, 0}, {{12, 17}, 0}, {{18, 21}, 0}};
    text_shares s = {.text = text_span_of("a 你， be don't e\xCC\x81"), .of = of, .n = 6};
    text_buffer b = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char wanted[60], *composed;
        for (int k = 0; k < 6; k++) of[k].share = rows[i].share[k];
        b.n = 0;
        ck_assert(text_mask_words(&s, &b, &err));
        strcpy(wanted, rows[i].masked);
        composed = strstr(wanted, "é");
        if (composed) strcpy(composed, "e\xCC\x81");
        ck_assert_str_eq(b.s, wanted);
    }
    text_buffer_free(&b);
}
END_TEST

/* The bytes of a token, and of what is made of several. */
START_TEST(where_ids_come_from)
{
    text_encoder e = {.settings = {TEXT_MIXED, 2, 3, 1000}};
    text_ids     ids = {.tells = true}, plain = {0};
    const char  *text = " Ab'c'  你\xE2\x80\x8Bx ";
    static const text_range from[] = {{1, 5}, {1, 5}, {1, 5}, {8, 11}, {14, 15}, {1, 11}, {8, 15}};

    ck_assert(text_encoder_learn(&e, &ids.tokens, text_span_of("你 x"), &err) && text_vocabulary_prune(&e.words, 1, &err));
    for (int again = 0; again < 2; again++) {
        ck_assert(text_encode(&e, text_span_of(text), &ids, &err));
        ck_assert_int_eq(ids.n, 7 * (again + 1));
        for (int i = 0; i < 7; i++) {
            ck_assert_int_eq(ids.from[7 * again + i].begin, from[i].begin);
            ck_assert_int_eq(ids.from[7 * again + i].end, from[i].end);
        }
    }
    ck_assert(text_encode(&e, text_span_of(text), &plain, &err));
    ck_assert(plain.n == 7 && !plain.from && memcmp(plain.id, ids.id, 7 * sizeof *ids.id) == 0);
    text_ids_free(&ids);
    text_ids_free(&plain);
    e.settings.kind = TEXT_CHAR; /* a gap's bytes are those between */
    ids.tells = true;
    ck_assert(text_encode(&e, text_span_of("x\t x"), &ids, &err));
    ck_assert(ids.n == 4 && ids.from[2].begin == 0 && ids.from[2].end == 3 && ids.from[3].begin == 1 && ids.from[3].end == 4);
    text_ids_free(&ids);
    text_encoder_free(&e);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, by_hand);
    tcase_add_loop_test(c, they_add_up, 0, 8);
    tcase_add_test(c, nothing_is_left_without_biases);
    tcase_add_loop_test(c, as_leaving_a_token_out, 0, 2);
    tcase_add_test(c, the_weightiest_first);
    tcase_add_test(c, masked_words);
    tcase_add_test(c, where_ids_come_from);
}

int main(void)
{
    return run_case("text_shares", add);
}
