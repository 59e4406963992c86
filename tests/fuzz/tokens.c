/* tokens.c: bytes as a text, which is checked, mended, cut into tokens and encoded; and as the lines of a vocabulary. The
 * first byte is the settings. */
#include <string.h>

#include "examples/text/encoder.h"
#include "examples/text/utf8.h"
#include "fuzz.h"

static tn_error err;

/* Character by character: as many bytes as there are, and well-formed ones come back. */
static void decode(text_span text)
{
    const char *end = text.s + text.n;
    char        again[4];
    int32_t     code;
    size_t      first_bad = text.n;
    for (const char *s = text.s; s < end;) {
        int n = text_utf8_decode(s, end, &code);
        require(n >= 1 && n <= end - s);
        if (code < 0 && first_bad == text.n) first_bad = (size_t)(s - text.s);
        require(code < 0 || (text_utf8_encode(code, again) == n && memcmp(again, s, (size_t)n) == 0));
        s += n;
    }
    require(text_utf8_check(text) == first_bad);
}

static void mend(text_span text)
{
    static text_buffer clean;
    int64_t            count = 0;
    clean.n = 0;
    require(text_utf8_replace(&clean, text, &count, &err));
    text_span all = {clean.s, (size_t)clean.n};
    require(text_utf8_check(all) == all.n);
    require((count == 0) == text_span_equal(text, all));
}

/* Tokens are UTF-8 and not empty, and the vocabulary knows each afterwards. */
static void learn(text_encoder *e, text_span text)
{
    static text_tokens tokens;
    text_token         token;
    require(text_encoder_learn(e, &tokens, text, &err));
    require(text_tokens_begin(&tokens, e->settings.kind, text, &err));
    while (text_tokens_next(&tokens, &token)) {
        require(token.text.n && text_utf8_check(token.text) == token.text.n);
        int32_t id = text_vocabulary_find(&e->words, token);
        require(id >= 0 && id < e->words.n && text_span_equal(text_vocabulary_at(&e->words, id), token.text));
    }
}

/* What is written reads back as the same, line by line. */
static void travel(const text_vocabulary *v)
{
    static text_buffer lines;
    text_vocabulary    again = {0};
    lines.n = 0;
    require(text_vocabulary_write(v, &lines, &err) && text_vocabulary_read(&again, lines.s, &err));
    require(again.n == v->n);
    for (int32_t i = 0; i < v->n; i++)
        require(text_span_equal(text_vocabulary_at(v, i), text_vocabulary_at(&again, i)));
    text_vocabulary_free(&again);
}

static void encode(const text_encoder *e, text_span text)
{
    static text_ids ids;
    int64_t         rows = text_encoder_rows(e);
    ids.n = 0;
    require(text_encode(e, text, &ids, &err));
    for (int64_t i = 0; i < ids.n; i++) require(ids.id[i] >= 0 && ids.id[i] < rows);
}

static void read_lines(text_span text)
{
    static text_buffer lines;
    text_vocabulary    v = {0};
    lines.n = 0;
    require(text_buffer_add(&lines, text.s, text.n, &err));
    bool ok = text_vocabulary_read(&v, lines.s, &err);
    if (ok) travel(&v);
    text_vocabulary_free(&v);
    require_told(ok, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (!n) return 0;
    text_span    text = {(const char *)bytes + 1, n - 1};
    text_encoder e = {.settings = {bytes[0] % 3, 1 + (bytes[0] >> 2) % 4, (bytes[0] >> 4) % 4 ? 2 + (bytes[0] >> 4) % 4 : 0, 7}};
    read_lines(text);
    decode(text);
    mend(text);
    learn(&e, text);
    require(text_vocabulary_prune(&e.words, 1 + bytes[0] / 128, &err));
    travel(&e.words);
    encode(&e, text);
    text_encoder_free(&e);
    return 0;
}
