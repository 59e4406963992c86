/* vectors.c: pretrained rows, from files and to them. */
#include "vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "locale.h"
#include "reader.h"
#include "utf8.h"

enum {
    CHUNK = 1 << 16,      /* bytes that are read at a time */
    MOST_LINE = 1 << 24,  /* bytes; more is no line of numbers */
    MOST_TOKEN = 1 << 12, /* bytes before the space, in binary */
    SAMPLE = 64           /* rows whose numbers are counted to find dim */
};

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

/* Reads on behind what there is; what was taken leaves. */
static bool fill(text_vectors *v)
{
    int64_t left = v->end - v->begin;
    ssize_t got;

    if (left > 0 && v->begin > 0) memmove(v->bytes, v->bytes + v->begin, (size_t)left);
    v->passed += v->begin;
    v->begin = 0;
    v->end = left;
    if (!text_reserve(&v->bytes, &v->room, left + CHUNK + 1, 1, v->err)) return false;
    got = v->source(v->from, v->bytes + left, CHUNK, v->err);
    if (got > 0) v->end += got;
    v->bytes[v->end] = 0;
    v->finished = got == 0;
    return got >= 0;
}

/* Are n bytes there, from v->begin on? Reads what that takes. */
static bool have(text_vectors *v, int64_t n)
{
    while (v->end - v->begin < n && !v->finished)
        if (!fill(v)) return false;
    return v->end - v->begin >= n;
}

/* How far it is to the next c. -1: it is not among the next `most` bytes, or there was an error. */
static int64_t find(text_vectors *v, char c, int64_t most)
{
    for (int64_t seen = 0; seen < most && have(v, seen + 1);) {
        const char *at = memchr(v->bytes + v->begin + seen, c, (size_t)(v->end - v->begin - seen));
        if (at) return at - v->bytes - v->begin;
        seen = v->end - v->begin;
    }
    return -1;
}

static text_span rest_of(const text_vectors *v)
{
    return (text_span){v->bytes + v->begin, (size_t)(v->end - v->begin)};
}

/* ---- errors ---------------------------------------------------------------------------------------------------- */

/* Bytes of a file as they can stand in an error: what is not printed is '?'. */
typedef struct shown {
    char text[41];
} shown;

static shown show(text_span s)
{
    shown to = {""};
    bool  utf8 = text_utf8_check(s) == s.n;

    for (size_t i = 0; i < s.n && i < sizeof to.text - 1; i++) {
        unsigned char c = (unsigned char)s.s[i];
        to.text[i] = c < 0x20 || c == 0x7F || (c > 0x7F && !utf8) ? '?' : s.s[i];
    }
    return to;
}

static bool fail_line(const text_vectors *v, int64_t line, const char *what)
{
    return tn_fail(v->err, TN_EFORMAT, "%s:%lld: %s", v->path, (long long)line, what);
}

static bool fail_byte(const text_vectors *v, int64_t ahead, const char *what)
{
    return tn_fail(v->err, TN_EFORMAT, "%s: byte %lld, in row %lld: %s", v->path,
                   (long long)(v->passed + v->begin + ahead + 1), (long long)v->rows + 1, what);
}

/* ---- lines and fields ------------------------------------------------------------------------------------------ */

/* Without the end of a line; fastText and word2vec also leave a space there. */
static text_span trim_end(text_span line)
{
    if (line.n && line.s[line.n - 1] == '\r') line.n--;
    if (line.n && line.s[line.n - 1] == ' ') line.n--;
    return line;
}

/* False at the end of the file, and after an error. */
static bool take_line(text_vectors *v, text_span *line)
{
    int64_t n = find(v, '\n', MOST_LINE);
    bool    ended = n >= 0;

    if (v->err->code) return false;
    if (!ended && !v->finished) return fail_line(v, v->line + 1, "a line of more than 16 MB: is it text?");
    if (!ended) n = v->end - v->begin;
    if (!ended && !n) return false;
    *line = trim_end((text_span){v->bytes + v->begin, (size_t)n});
    v->begin += n + ended;
    v->line++;
    return true;
}

/* The last field; line loses it and the space before it. False: there is no space, all that is left is the token. */
static bool take_last(text_span *line, text_span *field)
{
    const char *end = line->s + line->n, *s = end;

    while (s > line->s && s[-1] != ' ') s--;
    if (s == line->s) return false;
    *field = (text_span){s, (size_t)(end - s)};
    line->n = (size_t)(s - line->s) - 1;
    return true;
}

static const char *pass_digits(const char *s, const char *end)
{
    while (s < end && *s >= '0' && *s <= '9') s++;
    return s;
}

static const char *pass_sign(const char *s, const char *end)
{
    return s < end && (*s == '-' || *s == '+') ? s + 1 : s;
}

/* [sign] digits [. digits] [e [sign] digits], with a digit before the e. */
static bool is_number(text_span field)
{
    const char *end = field.s + field.n, *first = pass_sign(field.s, end), *s = pass_digits(first, end), *digits;
    int64_t     n = s - first;

    if (s < end && *s == '.') {
        first = s + 1;
        s = pass_digits(first, end);
        n += s - first;
    }
    if (n && s < end && (*s == 'e' || *s == 'E')) {
        digits = pass_sign(s + 1, end);
        s = pass_digits(digits, end);
        if (s == digits) return false;
    }
    return n && s == end;
}

/* How many numbers end the line, behind a token. */
static int64_t width_of(text_span line)
{
    text_span field;
    int64_t   n = 0;

    while (take_last(&line, &field) && is_number(field)) n++;
    return n;
}

/* ---- which format ---------------------------------------------------------------------------------------------- */

static bool take_whole(text_span *s, int64_t *x)
{
    const char *end = pass_digits(s->s, s->s + s->n);
    int64_t     n = end - s->s;

    if (n < 1 || n > 18) return false;
    for (*x = 0; s->s < end; s->s++, s->n--) *x = *x * 10 + (*s->s - '0');
    return true;
}

/* Is the line two whole numbers and no more? */
static bool read_header(text_span line, int64_t *rows, int64_t *dim)
{
    if (!take_whole(&line, rows) || !line.n || *line.s != ' ') return false;
    line.s++;
    line.n--;
    return take_whole(&line, dim) && !line.n;
}

/* The line that rest begins with; rest loses it. False: its end is not there. */
static bool cut_line(text_span *rest, bool is_last, text_span *line)
{
    const char *newline = rest->n ? memchr(rest->s, '\n', rest->n) : NULL;

    if (!newline && !(is_last && rest->n)) return false;
    line->s = rest->s;
    line->n = newline ? (size_t)(newline - rest->s) : rest->n;
    rest->s += line->n + !!newline;
    rest->n -= line->n + !!newline;
    *line = trim_end(*line);
    return true;
}

/* Is what follows the header binary? The bytes behind the first token are then no line of numbers, nor text at all. */
static bool is_binary(text_vectors *v)
{
    int64_t     space = find(v, ' ', MOST_TOKEN), n = 4 * v->dim;
    text_span   rest = rest_of(v), line;
    const char *s;

    if (space < 0 || (cut_line(&rest, v->finished, &line) && width_of(line) >= v->dim)) return false;
    if (!have(v, space + 1 + n)) n = v->end - v->begin - space - 1;
    s = v->bytes + v->begin + space + 1;
    for (int64_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 && s[i] != '\t' && s[i] != '\n' && s[i] != '\r') return true;
    return text_utf8_check((text_span){s, (size_t)n}) + 3 < (size_t)n; /* the last character may be cut */
}

/* How many numbers most of the first rows have: one alone may be damaged, or have a token with a number in it. */
static int64_t usual_width(text_vectors *v)
{
    int64_t   width[SAMPLE], usual = 0;
    text_span rest, line;
    int       n = 0, most = 0;

    find(v, '\n', MOST_LINE); /* a row at least is there then */
    for (rest = rest_of(v); n < SAMPLE && cut_line(&rest, v->finished, &line);) width[n++] = width_of(line);
    for (int i = 0; i < n; i++) {
        int same = 0;
        for (int j = 0; j < n; j++) same += width[j] == width[i];
        if (same > most) usual = width[i];
        if (same > most) most = same;
    }
    return usual;
}

/* Files that are not what they are taken for. */
static bool check_magic(const text_vectors *v)
{
    static const struct {
        const char *bytes, *what;
    } magic[] = {
        {"\xBA\x16\x4F\x2F", "a model of fastText (.bin): its rows are in the .vec beside it"},
        {"\x1F\x8B", "compressed by gzip: unpack it first"},
        {"PK\x03\x04", "a zip archive: unpack it first"},
        {"BZh", "compressed by bzip2: unpack it first"},
        {"\xFD" "7zXZ", "compressed by xz: unpack it first"},
    };
    text_span all = rest_of(v);

    if (!all.n) return tn_fail(v->err, TN_EFORMAT, "%s: it is empty", v->path);
    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++) {
        size_t n = strlen(magic[i].bytes);
        if (all.n >= n && memcmp(all.s, magic[i].bytes, n) == 0)
            return tn_fail(v->err, TN_EFORMAT, "%s is %s", v->path, magic[i].what);
    }
    return true;
}

static bool begin_with_header(text_vectors *v)
{
    int64_t usual;

    if (v->dim < 1 || v->dim > TEXT_MAX_DIM)
        return tn_fail(v->err, TN_EFORMAT, "%s:1: the header says %lld numbers for each token: not 1 to %d", v->path,
                       (long long)v->dim, TEXT_MAX_DIM);
    v->binary = is_binary(v);
    usual = v->binary ? 0 : usual_width(v);
    if (usual > v->dim)
        return tn_fail(v->err, TN_EFORMAT, "%s:1: the header says %lld numbers for each token, but the rows have %lld",
                       v->path, (long long)v->dim, (long long)usual);
    return !v->err->code;
}

static bool begin_without_header(text_vectors *v)
{
    v->promised = -1;
    v->dim = usual_width(v);
    if (v->err->code) return false;
    if (v->dim < 1)
        return fail_line(v, 1, "no vectors: a line is a token and its numbers, with single spaces between, and the "
                               "first line may be \"rows numbers\"");
    if (v->dim > TEXT_MAX_DIM)
        return tn_fail(v->err, TN_EFORMAT, "%s:1: %lld numbers for each token: more than %d", v->path,
                       (long long)v->dim, TEXT_MAX_DIM);
    return true;
}

static bool find_format(text_vectors *v)
{
    text_span rest, line = {0};

    have(v, CHUNK);
    if (v->err->code || !check_magic(v)) return false;
    rest = rest_of(v);
    if (rest.n >= 3 && memcmp(rest.s, "\xEF\xBB\xBF", 3) == 0) v->begin += 3;
    rest = rest_of(v);
    if (!cut_line(&rest, v->finished, &line) || !read_header(line, &v->promised, &v->dim))
        return begin_without_header(v);
    take_line(v, &line);
    return begin_with_header(v);
}

static ssize_t read_file(void *from, char *to, size_t n, tn_error *err)
{
    text_vectors *v = from;

    return text_file_read(v->path, v->fd, to, n, err);
}

bool text_vectors_open_source(text_vectors *v, const char *name, text_source *source, void *from, tn_error *err)
{
    *v = (text_vectors){.path = name, .source = source, .from = from, .fd = v->fd, .err = err};
    if (!err->code && find_format(v)) return true;
    text_vectors_close(v);
    return false;
}

bool text_vectors_open(text_vectors *v, const char *path, tn_error *err)
{
    v->fd = text_file_open(path, err);
    return v->fd >= 0 && text_vectors_open_source(v, path, read_file, v, err);
}

void text_vectors_close(text_vectors *v)
{
    if (v->source == read_file) text_file_close(v->path, v->fd);
    free(v->bytes);
    *v = (text_vectors){0};
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static bool next_text(text_vectors *v, text_vector *row)
{
    text_span line, field;

    if (!take_line(v, &line)) {
        if (v->rows < v->promised)
            tn_fail(v->err, TN_EFORMAT, "%s: it ends after %lld rows; its header says %lld", v->path,
                    (long long)v->rows, (long long)v->promised);
        return false;
    }
    if (v->promised >= 0 && v->rows == v->promised)
        return tn_fail(v->err, TN_EFORMAT, "%s:%lld: a row more than the %lld that the header says", v->path,
                       (long long)v->line, (long long)v->promised);
    for (int64_t i = v->dim; i > 0; i--) {
        if (!take_last(&line, &field))
            return tn_fail(v->err, TN_EFORMAT, "%s:%lld: a token and %lld numbers: there should be %lld", v->path,
                           (long long)v->line, (long long)(v->dim - i), (long long)v->dim);
        if (!is_number(field))
            return tn_fail(v->err, TN_EFORMAT,
                           "%s:%lld: number %lld of %lld is \"%s\": it should be like 0.25 or -1e-5", v->path,
                           (long long)v->line, (long long)i, (long long)v->dim, show(field).text);
    }
    *row = (text_vector){line, line.s + line.n + 1};
    v->rows++;
    return true;
}

static float float_at(const char *bytes)
{
    const unsigned char *u = (const unsigned char *)bytes;
    uint32_t             bits = (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
    float                x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Behind the last row: a line's end, if anything. */
static bool end_binary(text_vectors *v)
{
    while (have(v, 1) && v->bytes[v->begin] == '\n') v->begin++;
    if (have(v, 1)) fail_byte(v, 0, "a row more than the header says");
    return false;
}

static bool next_binary(text_vectors *v, text_vector *row)
{
    int64_t n;

    if (v->rows == v->promised) return end_binary(v);
    while (have(v, 1) && v->bytes[v->begin] == '\n') v->begin++;
    n = find(v, ' ', MOST_TOKEN);
    if (n >= 0) have(v, n + 1 + 4 * v->dim);
    if (v->err->code) return false;
    if (n < 0 && !v->finished) return fail_byte(v, 0, "no space in 4096 bytes, where a token should end");
    if (n < 0 || !have(v, n + 1 + 4 * v->dim))
        return tn_fail(v->err, TN_EFORMAT, "%s: it ends in row %lld; its header says %lld rows of %lld numbers",
                       v->path, (long long)v->rows + 1, (long long)v->promised, (long long)v->dim);
    *row = (text_vector){{v->bytes + v->begin, (size_t)n}, v->bytes + v->begin + n + 1};
    for (int64_t i = 0; i < v->dim; i++)
        if (!isfinite(float_at(row->numbers + 4 * i))) return fail_byte(v, n + 1 + 4 * i, "NaN or infinity");
    v->begin += n + 1 + 4 * v->dim;
    v->rows++;
    return true;
}

bool text_vectors_next(text_vectors *v, text_vector *row)
{
    if (v->err->code) return false;
    return v->binary ? next_binary(v, row) : next_text(v, row);
}

/* ---- numbers --------------------------------------------------------------------------------------------------- */

static double nearest(const char *s, char **end)
{
    return sizeof(tn_real) == sizeof(float) ? (double)strtof(s, end) : strtod(s, end);
}

static bool read_numbers(const text_vectors *v, const char *s, tn_real *to)
{
    for (int64_t i = 0; i < v->dim; i++) {
        char *end = NULL;
        to[i] = (tn_real)nearest(s, &end);
        if (!isfinite(to[i]))
            return tn_fail(v->err, TN_EFORMAT, "%s:%lld: number %lld of %lld is \"%s\": too large", v->path,
                           (long long)v->line, (long long)i + 1, (long long)v->dim,
                           show((text_span){s, (size_t)(end - s)}).text);
        s = end + 1;
    }
    return true;
}

bool text_vectors_numbers(const text_vectors *v, const text_vector *row, tn_real *to)
{
    locale_t users;
    bool     ok;

    if (v->binary) {
        for (int64_t i = 0; i < v->dim; i++) to[i] = (tn_real)float_at(row->numbers + 4 * i);
        return true;
    }
    users = text_locale_plain();
    ok = read_numbers(v, row->numbers, to);
    text_locale_back(users);
    return ok;
}

/* ---- the rows of a vocabulary ---------------------------------------------------------------------------------- */

/* The token's number: as it stands, or folded. -1: it is none of the vocabulary's, or more than one. */
static int32_t id_of(const text_encoder *e, text_tokens *tokens, text_span text, tn_error *err)
{
    text_token token = {text, text_hash(text)};
    int32_t    id = text_vocabulary_find(&e->words, token);

    if (id >= 0 || !text_tokens_begin(tokens, e->settings.kind, text, err) || !text_tokens_next(tokens, &token))
        return id;
    id = text_vocabulary_find(&e->words, token);
    return text_tokens_next(tokens, &token) ? -1 : id;
}

/* Gives table what a row says of a token, if it is the first one; found: which tokens have theirs. */
static bool take_row(text_vectors *v, const text_encoder *e, const text_vector *row, int32_t id, bool *found,
                     tn_tensor *table, text_coverage *c)
{
    if (found[id]) {
        c->duplicates++;
        return true;
    }
    found[id] = true;
    c->found++;
    c->covered += e->words.count[id];
    return text_vectors_numbers(v, row, table->data + id * v->dim);
}

static void take_rows(text_vectors *v, const text_encoder *e, bool *found, tn_tensor *table, text_coverage *c)
{
    text_tokens tokens = {0};

    for (text_vector row; text_vectors_next(v, &row);) {
        int32_t id;
        if (!row.token.n || text_utf8_check(row.token) < row.token.n) {
            c->malformed++;
            continue;
        }
        id = id_of(e, &tokens, row.token, v->err);
        if (id >= 0 && !take_row(v, e, &row, id, found, table, c)) break;
    }
    c->rows = v->rows;
    text_tokens_free(&tokens);
}

bool text_vectors_fill(text_vectors *v, const text_encoder *e, tn_tensor *table, text_coverage *c)
{
    bool *found = calloc((size_t)e->words.n + 1, sizeof *found);

    *c = (text_coverage){.tokens = e->words.n};
    if (!found) return tn_fail(v->err, TN_EMEMORY, "out of memory: no room for %d tokens", (int)e->words.n);
    for (int32_t i = 0; i < e->words.n; i++) c->uses += e->words.count[i];
    take_rows(v, e, found, table, c);
    free(found);
    if (!v->err->code && !c->found)
        tn_fail(v->err, TN_EFORMAT, "%s: none of its %lld tokens is one of the texts' %lld: is it of another language?",
                v->path, (long long)c->rows, (long long)c->tokens);
    return !v->err->code;
}

/* ---- printing -------------------------------------------------------------------------------------------------- */

/* 12345 as 12,345. */
static void print_whole(int64_t n, FILE *to)
{
    if (n >= 1000) {
        print_whole(n / 1000, to);
        fprintf(to, ",%03d", (int)(n % 1000));
    } else {
        fprintf(to, "%d", (int)n);
    }
}

static double percent(int64_t part, int64_t all)
{
    return all ? 100.0 * (double)part / (double)all : 0;
}

static void print_left_out(int64_t n, const char *what, FILE *to)
{
    if (!n) return;
    fputs("; left out: ", to);
    print_whole(n, to);
    fputs(what, to);
}

void text_coverage_print(const text_coverage *c, const char *path, FILE *to)
{
    locale_t users = text_locale_plain();

    fprintf(to, "%s: ", path);
    print_whole(c->found, to);
    fputs(" of ", to);
    print_whole(c->tokens, to);
    fprintf(to, " tokens (%.1f %%; %.0f %% of the text)", percent(c->found, c->tokens), percent(c->covered, c->uses));
    print_left_out(c->duplicates, " rows of tokens that had one", to);
    print_left_out(c->malformed, " tokens that are no UTF-8", to);
    fputc('\n', to);
    text_locale_back(users);
}

static void print_number(tn_real x, FILE *to)
{
    char text[40];
    int  digits = 5;

    do snprintf(text, sizeof text, "%.*g", ++digits, (double)x); /* at most 9 for a float, 17 for a double */
    while ((tn_real)nearest(text, NULL) != x);
    fprintf(to, " %s", text);
}

static bool has_space(text_span token)
{
    return memchr(token.s, ' ', token.n);
}

static bool write_rows(const text_encoder *e, const tn_tensor *table, FILE *to, tn_error *err)
{
    const int64_t dim = table->size[1];

    for (int32_t id = 0; id < e->words.n; id++) {
        text_span      token = text_vocabulary_at(&e->words, id);
        const tn_real *row = table->data + id * dim;
        if (has_space(token)) continue;
        fwrite(token.s, 1, token.n, to);
        for (int64_t i = 0; i < dim; i++) {
            if (!isfinite(row[i]))
                return tn_fail(err, TN_ENONFINITE, "the row of \"%s\" has a number that is %s", show(token).text,
                               isnan(row[i]) ? "none (NaN)" : "infinite");
            print_number(row[i], to);
        }
        fputc('\n', to);
    }
    return true;
}

bool text_vectors_write(const text_encoder *e, const tn_tensor *table, FILE *to, int64_t *left, tn_error *err)
{
    locale_t users = text_locale_plain();
    bool     ok;

    *left = 0;
    for (int32_t id = 0; id < e->words.n; id++) *left += has_space(text_vocabulary_at(&e->words, id));
    fprintf(to, "%lld %lld\n", (long long)(e->words.n - *left), (long long)table->size[1]);
    ok = write_rows(e, table, to, err);
    text_locale_back(users);
    return ok;
}
