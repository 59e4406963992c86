/* mask.c: a text without the words that decided its label. */
#include "mask.h"

#include "utf8.h"

/* The share from which on a word is masked. */
static double threshold(const text_shares *s)
{
    double most = 0;

    for (int64_t i = 0; i < s->n; i++)
        if (s->of[i].share > most && text_is_word(text_shares_token(s, i))) most = s->of[i].share;
    return most / 2;
}

static void add_mask(text_span word, text_buffer *to, tn_error *err)
{
    static const char *const masks[] = {"", "*", "\xEF\xBC\x8A"};
    const char              *end = word.s + word.n;

    for (int32_t code; word.s < end;) {
        word.s += text_utf8_decode(word.s, end, &code);
        text_add(to, text_span_of(masks[text_utf8_width(code)]), err);
    }
}

bool text_mask_words(const text_shares *s, text_buffer *to, tn_error *err)
{
    const double from = threshold(s);
    int64_t      at = 0;

    for (int64_t i = 0; i < s->n; i++) {
        const text_span word = text_shares_token(s, i);
        if (!(s->of[i].share > 0 && s->of[i].share >= from && text_is_word(word))) continue;
        text_buffer_add(to, s->text.s + at, (size_t)(s->of[i].at.begin - at), err);
        add_mask(word, to, err);
        at = s->of[i].at.end;
    }
    text_buffer_add(to, s->text.s + at, s->text.n - (size_t)at, err);
    return !err->code;
}
