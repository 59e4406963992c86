/* test_text_tokens.c: texts as tokens, tokens as numbers. */
#include "tests.h"

#include "examples/text/encoder.h"
#include "examples/text/utf8.h"

/* The tokens of a text, with a bar behind each. */
static const char *tokens_of(text_kind kind, text_span text)
{
    static char  joined[1000];
    text_tokens  walk = {0};
    text_token   token;
    size_t       n = 0;

    ck_assert(text_tokens_begin(&walk, kind, text, &err));
    while (text_tokens_next(&walk, &token)) {
        ck_assert_uint_eq(token.hash, text_hash(token.text));
        memcpy(joined + n, token.text.s, token.text.n);
        n += token.text.n;
        joined[n++] = '|';
    }
    joined[n] = 0;
    text_tokens_free(&walk);
    return joined;
}

static const struct row {
    text_kind   kind;
    const char *text, *tokens;
} rows[] = {
    {TEXT_MIXED, "", ""},
    {TEXT_MIXED, " \t\r\n", ""},
    {TEXT_MIXED, "Hello, World! 42x", "hello|world|42x|"},
    {TEXT_MIXED, "don't Don\xE2\x80\x99t", "dont|dont|"},
    {TEXT_MIXED, "你好嗎 ok嗎", "你|好|嗎|ok|嗎|"},
    {TEXT_MIXED, "操場，很大。", "操|場|,|很|大|。|"},
    {TEXT_MIXED, "ＦＵＣＫ　ｙｏｕ１２３！", "fuck|you123|!|"},
    {TEXT_MIXED, "ÀÉÎÕÜ ÿŸ Ŝtrange ŹŻ", "àéîõü|ÿÿ|ŝtrange|źż|"},
    {TEXT_MIXED, "ĀĹĽň ĸŉſ İı ƀǅ", "āĺľň|ĸŉſ|İı|ƀǅ|"},
    {TEXT_MIXED, "ΑΒΓ ΆΈΉΊΌΎΏ λόγος ΪΫ ΐ΅", "αβγ|άέήίόύώ|λόγοσ|ϊϋ|ΐ΅|"},
    {TEXT_MIXED, "ПРИВЕТ Ёж Ѣ Ґґ Ӑ Ӏ Ҁҁ҂Ҋҿ ЀЏ яѐџ", "привет|ёж|ѣ|ґґ|ӑ|Ӏ|ҁҁ҂ҋҿ|ѐџ|яѐџ|"},
    {TEXT_MIXED, "Ấ Ẕ ẞ Ạỿ", "ấ|ẕ|ẞ|ạỿ|"},
    {TEXT_MIXED, "カタカナ ｶﾅ 한국", "カ|タ|カ|ナ|ｶ|ﾅ|한|국|"},
    {TEXT_MIXED, "good😀😀bad", "good|😀|😀|bad|"},
    {TEXT_MIXED, "a\xE2\x80\x8B" "b\xEF\xBB\xBF" "c\xC2\xAD" "d", "abcd|"},
    {TEXT_MIXED, "\xEF\xBB\xBFword", "word|"},
    {TEXT_MIXED, "a\xFFz \x80", "a|\xEF\xBF\xBD|z|\xEF\xBF\xBD|"},
    {TEXT_MIXED, "a\xC2\xA0" "b\xE3\x80\x80" "c", "a|b|c|"},
    {TEXT_MIXED, "×÷ €5", "×|÷|€|5|"},
    {TEXT_MIXED, "𠀀𠀁", "𠀀|𠀁|"},
    {TEXT_MIXED, "a&amp;b &#8220;c&#8221; d&apos;s &#233;t&#201;", "a|b|“|c|”|ds|été|"},
    {TEXT_MIXED, "&#xe9; &#55296; &#0; &#1114112; &#12 &; &amp", "xe9|55296|0|1114112|12|amp|"},
    {TEXT_MIXED, "&#123456789; &#57344; &#55295; &#57343; &#1114111; a &#1234", "123456789|\xEE\x80\x80|\xED\x9F\xBF|57343|\xF4\x8F\xBF\xBF|a|1234|"},
    {TEXT_MIXED, "a &#1", "a|1|"},
    {TEXT_MIXED, "http://a.bc", "/|"},
    {TEXT_MIXED, "http://a.b\x7Fx http:// https://", "/|x|/|/|"},
    {TEXT_CHAR, "a\x7F" "b", "a| |b|"},
    {TEXT_MIXED, "@some_body: RT @Other1 x@others @ss &#8220;@more", "@|rt|@|x|others|ss|“|@|"},
    {TEXT_MIXED, "http://t.co/Ab1 (https://x.org/a?b=1) https:/ 看http://a.b/c看", "/|/|https|看|/|看|"},
    {TEXT_CHAR, "@some http://a", "@|s|o|m|e| |h|t|t|p|:|/|/|a|"},
    {TEXT_WORD, "今天 天氣 Good day。", "今天|天氣|good|day|。|"},
    {TEXT_CHAR, " Ab,  你 c ", "a|b|,| |你| |c|"},
    {TEXT_CHAR, "\r\n", ""},
};

START_TEST(tokens)
{
    ck_assert_str_eq(tokens_of(rows[_i].kind, text_span_of(rows[_i].text)), rows[_i].tokens);
}
END_TEST

START_TEST(what_is_a_word)
{
    static const char *const good[] = {"a", "7", "你", "é", "&#233;"}, *const none[] = {"", "!", "'", "。", " ", "😀"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) ck_assert_msg(text_is_word(text_span_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) ck_assert_msg(!text_is_word(text_span_of(none[i])), "%s", none[i]);
}
END_TEST

START_TEST(what_never_changes_a_text)
{
    static const char *const same[] = {"wor d", "wor d\n", "wor d\r\n", "\xEF\xBB\xBFwor d", "  wor\td  ", "WOR D"};

    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        for (int kind = TEXT_MIXED; kind <= TEXT_CHAR; kind++)
            ck_assert_str_eq(tokens_of((text_kind)kind, text_span_of(same[i])), kind == TEXT_CHAR ? "w|o|r| |d|" : "wor|d|");
    ck_assert_str_eq(tokens_of(TEXT_MIXED, (text_span){"a\0b", 3}), "a|b|");
}
END_TEST

START_TEST(the_hash_is_the_same_everywhere)
{
    ck_assert_uint_eq(text_hash(text_span_of("")), 0x0u);
    ck_assert_uint_eq(text_hash(text_span_of("word")), 0x5C59B707D9976861u);
    ck_assert_uint_eq(text_hash(text_span_of("a longer text, of three times eight")), 0xAB520177E7D91D30u);
    ck_assert_uint_ne(text_hash((text_span){"a\0", 2}), text_hash((text_span){"a", 1}));
}
END_TEST

/* Between two letters, every code point: a model that was trained once reads its texts so for ever. */
START_TEST(the_tokens_are_the_same_everywhere)
{
    static const uint64_t sums[] = {[TEXT_MIXED] = UINT64_C(6801875960793079184), [TEXT_WORD] = UINT64_C(8595152581201127741), [TEXT_CHAR] = UINT64_C(4274277099365773972)};

    for (int kind = TEXT_MIXED; kind <= TEXT_CHAR; kind++) {
        text_tokens walk = {0};
        text_token  token;
        uint64_t    sum = 0;
        for (int32_t code = 1; code < 0x110000; code++) {
            char text[6] = "a";
            int  n = 1;
            if (code == 0xD800) code = 0xE000; /* what lies between are no characters */
            n += text_utf8_encode(code, text + n);
            text[n++] = 'b';
            ck_assert(text_tokens_begin(&walk, (text_kind)kind, (text_span){text, (size_t)n}, &err));
            while (text_tokens_next(&walk, &token)) sum = sum * 31 + token.hash;
        }
        ck_assert_uint_eq(sum, sums[kind]);
        text_tokens_free(&walk);
    }
}
END_TEST

START_TEST(names_of_kinds)
{
    text_kind kind;

    for (int i = TEXT_MIXED; i <= TEXT_CHAR; i++)
        ck_assert(text_kind_of(text_kind_name((text_kind)i), &kind) && (int)kind == i);
    ck_assert(!text_kind_of("words", &kind));
}
END_TEST

/* ---- the vocabulary -------------------------------------------------------------------------------------------- */

static text_token token(const char *s)
{
    return (text_token){text_span_of(s), text_hash(text_span_of(s))};
}

START_TEST(numbers_by_first_come)
{
    text_vocabulary v = {0};
    char            name[20];

    ck_assert_int_eq(text_vocabulary_find(&v, token("a")), -1);
    for (int turn = 0; turn < 2; turn++)
        for (int i = 0; i < 5000; i++) {
            snprintf(name, sizeof name, "token%d", i);
            ck_assert_int_eq(text_vocabulary_add(&v, token(name), &err), i);
        }
    ck_assert_int_eq(v.n, 5000);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "token%d", i);
        ck_assert_int_eq(text_vocabulary_find(&v, token(name)), i);
        ck_assert(text_span_equal(text_vocabulary_at(&v, i), text_span_of(name)));
        ck_assert_int_eq(v.count[i], 2);
    }
    ck_assert_int_eq(text_vocabulary_find(&v, token("token5000")), -1);
    text_vocabulary_free(&v);
}
END_TEST

/* Of labels only the first ones count. */
START_TEST(names)
{
    text_vocabulary v = {0};
    text_buffer     list = {0};

    for (int i = 0; i < 3; i++) text_vocabulary_add(&v, token((const char *[]){"a", "b", "c"}[i]), &err);
    ck_assert_int_eq(text_vocabulary_find_name(&v, 2, text_span_of("b")), 1);
    ck_assert_int_eq(text_vocabulary_find_name(&v, 2, text_span_of("c")), -1);
    ck_assert_int_eq(text_vocabulary_find_name(&v, 3, text_span_of("d")), -1);
    text_vocabulary_list(&v, 2, &list, &err);
    ck_assert_str_eq(list.s, "a, b");
    text_buffer_free(&list);
    text_vocabulary_free(&v);
}
END_TEST

START_TEST(the_same_hash_is_not_the_same_token)
{
    text_vocabulary v = {0};
    text_token      a = token("a"), b = token("b");

    b.hash = a.hash;
    ck_assert_int_eq(text_vocabulary_add(&v, a, &err), 0);
    ck_assert_int_eq(text_vocabulary_find(&v, b), -1);
    ck_assert_int_eq(text_vocabulary_add(&v, b, &err), 1);
    ck_assert_int_eq(text_vocabulary_find(&v, a), 0);
    text_vocabulary_free(&v);
}
END_TEST

START_TEST(pruned_and_sorted_by_count)
{
    static const char *const words[] = {"once", "twice", "thrice", "twice", "thrice", "zwei", "thrice", "zwei"};
    text_vocabulary v = {0};
    text_buffer     lines = {0};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) text_vocabulary_add(&v, token(words[i]), &err);
    ck_assert(text_vocabulary_prune(&v, 2, &err));
    ck_assert(text_vocabulary_write(&v, &lines, &err));
    ck_assert_str_eq(lines.s, "thrice\ntwice\nzwei\n");
    ck_assert_int_eq(text_vocabulary_find(&v, token("zwei")), 2);
    ck_assert_int_eq(text_vocabulary_find(&v, token("once")), -1);
    text_vocabulary_free(&v);
    ck_assert(text_vocabulary_read(&v, lines.s, &err));
    ck_assert_int_eq(v.n, 3);
    ck_assert_int_eq(text_vocabulary_find(&v, token("zwei")), 2);
    ck_assert(text_vocabulary_prune(&v, 5, &err));
    ck_assert_int_eq(v.n, 0);
    text_vocabulary_free(&v);
    text_buffer_free(&lines);
}
END_TEST

#define SIXTY "123456789.123456789.123456789.123456789.123456789.123456789."
#define SEVENTY SIXTY "123456789."

START_TEST(bad_lists_of_tokens)
{
    static const char *const bad[][2] = {{"a\nb\na\n", "\"a\" stands twice, again in line 3"},
                                         {"a\n\nb\n", "line 2 is empty"},
                                         {"a\nb", "line 2 has no end"},
                                         {SEVENTY "\n" SEVENTY "\n", "\"" SIXTY "\" stands twice, again in line 2"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        text_vocabulary v = {0};
        ck_assert(!text_vocabulary_read(&v, bad[i][0], &err));
        ck_error(TN_EFORMAT, bad[i][1]);
        text_vocabulary_free(&v);
    }
}
END_TEST

/* ---- ids ------------------------------------------------------------------------------------------------------- */

START_TEST(ids_of_a_text)
{
    text_encoder e = {.settings = {TEXT_MIXED, 1, 0, 1000}};
    text_ids     ids = {0};

    ck_assert(text_encoder_learn(&e, &ids.tokens, text_span_of("你好好嗎嗎 嗎"), &err) && text_vocabulary_prune(&e.words, 1, &err));
    ck_assert_int_eq(text_encoder_rows(&e), 3);
    ck_assert(text_encode(&e, text_span_of("你嗎嗎好?也"), &ids, &err));
    ck_assert_int_eq(ids.n, 4); /* most frequent first: 嗎 0, 好 1, 你 2 */
    ck_assert(ids.id[0] == 2 && ids.id[1] == 0 && ids.id[2] == 0 && ids.id[3] == 1);
    ck_assert(text_encode(&e, text_span_of(""), &ids, &err));
    ck_assert_int_eq(ids.n, 4);
    text_ids_free(&ids);
    text_encoder_free(&e);
}
END_TEST

START_TEST(ngrams_of_unknown_tokens_too)
{
    text_encoder e = {.settings = {TEXT_MIXED, 3, 0, 1000}};
    text_ids     ids = {0}, again = {0}, other = {0};

    ck_assert(text_encoder_learn(&e, &ids.tokens, text_span_of("b"), &err) && text_vocabulary_prune(&e.words, 1, &err));
    ck_assert_int_eq(text_encoder_rows(&e), 1001);
    ck_assert(text_encode(&e, text_span_of("a b c d"), &ids, &err));
    ck_assert_int_eq(ids.n, 1 + 3 + 2);
    ck_assert_int_eq(ids.id[0], 0);
    for (int i = 1; i < 6; i++) ck_assert(ids.id[i] >= 1 && ids.id[i] <= 1000);
    ck_assert(text_encode(&e, text_span_of("A, B C   D\r\n"), &again, &err));
    ck_assert(again.n == ids.n && memcmp(again.id, ids.id, 6 * sizeof *ids.id) == 0);
    ck_assert(text_encode(&e, text_span_of("a c b d"), &other, &err));
    ck_assert_int_ne(memcmp(other.id, ids.id, 6 * sizeof *ids.id), 0);
    text_ids_free(&ids);
    text_ids_free(&again);
    text_ids_free(&other);
    text_encoder_free(&e);
}
END_TEST

START_TEST(pieces_of_words)
{
    text_encoder e = {.settings = {TEXT_MIXED, 1, 4, 1000000}};
    text_ids     ids = {0}, longer = {0};

    ck_assert(text_vocabulary_prune(&e.words, 1, &err));
    ck_assert(text_encode(&e, text_span_of("a 你 ab"), &ids, &err)); /* <ab and ab>; one character has no pieces */
    ck_assert_int_eq(ids.n, 2);
    ck_assert(text_encode(&e, text_span_of("aéb"), &longer, &err)); /* <aé aéb éb> <aéb aéb> */
    ck_assert_int_eq(longer.n, 5);
    ck_assert(text_encode(&e, text_span_of("ab"), &longer, &err));
    ck_assert(longer.n == 7 && memcmp(longer.id + 5, ids.id, 2 * sizeof *ids.id) == 0);
    text_ids_free(&ids);
    text_ids_free(&longer);
    text_encoder_free(&e);
}
END_TEST

/* A word of any length has no more ids than were reserved for it: ASan would see it. */
START_TEST(room_for_the_most_ids)
{
    char word[300];

    for (int n = 1; n < 300; n += 7) {
        text_encoder e = {.settings = {TEXT_MIXED, 8, 8, 10}};
        text_ids     ids = {0};
        for (int i = 0; i < n; i++) word[i] = (char)(i % 5 == 4 ? ' ' : 'a');
        ck_assert(text_encode(&e, (text_span){word, (size_t)n}, &ids, &err));
        ck_assert_int_le(ids.n, ids.room);
        for (int i = 0; i < n; i++) word[i] = 'a';
        ck_assert(text_encode(&e, (text_span){word, (size_t)n}, &ids, &err));
        ck_assert_int_le(ids.n, ids.room);
        text_ids_free(&ids);
        text_encoder_free(&e);
    }
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, tokens, 0, sizeof rows / sizeof *rows);
    tcase_add_test(c, what_is_a_word);
    tcase_add_test(c, what_never_changes_a_text);
    tcase_add_test(c, the_hash_is_the_same_everywhere);
    tcase_add_test(c, the_tokens_are_the_same_everywhere);
    tcase_add_test(c, names_of_kinds);
    tcase_add_test(c, numbers_by_first_come);
    tcase_add_test(c, names);
    tcase_add_test(c, the_same_hash_is_not_the_same_token);
    tcase_add_test(c, pruned_and_sorted_by_count);
    tcase_add_test(c, bad_lists_of_tokens);
    tcase_add_test(c, ids_of_a_text);
    tcase_add_test(c, ngrams_of_unknown_tokens_too);
    tcase_add_test(c, pieces_of_words);
    tcase_add_test(c, room_for_the_most_ids);
}

int main(void)
{
    return run_case("text_tokens", add);
}
