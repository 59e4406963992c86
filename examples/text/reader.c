/* reader.c: labelled texts from files. The file is in memory as a whole, so records are views of it, and CSV's quotes
 * are taken away in place. */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "utf8.h"

static const char *const format_names[] = {
    [TEXT_AUTO] = "auto", [TEXT_TSV] = "tsv", [TEXT_FASTTEXT] = "fasttext", [TEXT_CSV] = "csv"};

const char *text_format_name(text_format format)
{
    return format_names[format];
}

bool text_format_of(const char *name, text_format *format)
{
    int i = text_find_word(name, 4, format_names);

    if (i >= 0) *format = (text_format)i;
    return i >= 0;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static const char byte_order_mark[] = "\xEF\xBB\xBF";

static bool is_stdin(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

const char *text_path_name(const char *path)
{
    return is_stdin(path) ? "standard input" : path;
}

int text_file_open(const char *path, tn_error *err)
{
    int fd;

    do fd = is_stdin(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) tn_fail(err, TN_EIO, "cannot open \"%s\": %s", path, strerror(errno));
    return fd;
}

void text_file_close(const char *path, int fd)
{
    if (!is_stdin(path)) close(fd);
}

ssize_t text_file_read(const char *path, int fd, char *to, size_t n, tn_error *err)
{
    ssize_t got;

    do got = read(fd, to, n);
    while (got < 0 && errno == EINTR);
    if (got < 0) tn_fail(err, TN_EIO, "cannot read \"%s\": %s", text_path_name(path), strerror(errno));
    return got;
}

static void drop_mark(text_buffer *b)
{
    size_t n = strlen(byte_order_mark);

    if (b->n >= (int64_t)n && memcmp(b->s, byte_order_mark, n) == 0) memmove(b->s, b->s + n, (size_t)(b->n -= (int64_t)n) + 1);
}

static bool read_to_end(const char *path, int fd, text_buffer *to, tn_error *err)
{
    struct stat about;
    int64_t     guess = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? (int64_t)about.st_size : 0;

    for (int64_t step = guess + 2;; step = 1 << 16) { /* room for its end and for the zero byte */
        ssize_t got;
        if (!text_reserve(&to->s, &to->room, to->n + step, 1, err)) return false;
        got = text_file_read(path, fd, to->s + to->n, (size_t)(to->room - to->n - 1), err);
        if (got > 0) to->n += got;
        to->s[to->n] = 0;
        if (got <= 0) return got == 0;
    }
}

bool text_read_file(const char *path, text_buffer *to, tn_error *err)
{
    int  fd = text_file_open(path, err);
    bool ok = fd >= 0 && read_to_end(path, fd, to, err);

    if (fd >= 0) text_file_close(path, fd);
    if (ok) drop_mark(to);
    return ok;
}

/* ---- spans ----------------------------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static text_span trim(text_span s)
{
    for (; s.n && is_space(s.s[0]); s.s++) s.n--;
    while (s.n && is_space(s.s[s.n - 1])) s.n--;
    return s;
}

static bool begins_with(text_span s, const char *start)
{
    return s.n >= strlen(start) && memcmp(s.s, start, strlen(start)) == 0;
}

static bool fail_at(text_reader *r, int64_t line, const char *what)
{
    return tn_fail(r->err, TN_EFORMAT, "%s:%lld: %s", text_path_name(r->path), (long long)line, what);
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

/* The line at r->at without its end; moves past it. */
static text_span take_line(text_reader *r)
{
    char  *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    char  *stop = newline ? newline : r->end;
    size_t n = (size_t)(stop - r->at);

    text_span line = {r->at, n && r->at[n - 1] == '\r' ? n - 1 : n};
    r->at = newline ? newline + 1 : r->end;
    r->line++;
    return line;
}

static bool tsv_record(text_reader *r, text_span line, text_record *record)
{
    const char *tab = memchr(line.s, '\t', line.n);

    if (!tab) return fail_at(r, record->line, "no tab: a line is label<TAB>text (--format says another format)");
    record->label = trim((text_span){line.s, (size_t)(tab - line.s)});
    record->text = (text_span){tab + 1, (size_t)(line.s + line.n - tab) - 1};
    return record->label.n || fail_at(r, record->line, "no label before the tab");
}

static const char label_mark[] = "__label__";

static bool fasttext_record(text_reader *r, text_span line, text_record *record)
{
    size_t n = strlen(label_mark);

    line = trim(line);
    if (!begins_with(line, label_mark)) return fail_at(r, record->line, "the line does not begin with __label__");
    for (; n < line.n && !is_space(line.s[n]); n++)
        ;
    record->label = (text_span){line.s + strlen(label_mark), n - strlen(label_mark)};
    record->text = trim((text_span){line.s + n, line.n - n});
    if (!record->label.n) return fail_at(r, record->line, "__label__ without a name");
    if (begins_with(record->text, label_mark)) return fail_at(r, record->line, "two labels: each text has one here");
    return true;
}

/* ---- CSV ------------------------------------------------------------------------------------------------------- */

static bool fail_csv(text_reader *r, int64_t line, int column, const char *what)
{
    return tn_fail(r->err, TN_EFORMAT, "%s:%lld: column %d: %s", text_path_name(r->path), (long long)line, column + 1, what);
}

/* The content of a quoted field, r->at behind its first quote; doubled quotes become one, in place. */
static bool quoted_field(text_reader *r, int column, text_span *field)
{
    int64_t first = r->line;
    char   *to = r->at;

    field->s = to;
    for (;; r->at++) {
        if (r->at == r->end) return fail_csv(r, first, column, "the quote that begins here never ends");
        if (*r->at == '"' && (r->at + 1 == r->end || *++r->at != '"')) break;
        r->line += *r->at == '\n';
        *to++ = *r->at;
    }
    if (*r->at == '"') r->at++; /* the last byte of the file */
    field->n = (size_t)(to - field->s);
    return true;
}

static text_span plain_field(text_reader *r)
{
    text_span field = {r->at, 0};

    while (r->at < r->end && *r->at != ',' && *r->at != '\n') r->at++;
    field.n = (size_t)(r->at - field.s);
    if (field.n && field.s[field.n - 1] == '\r' && (r->at == r->end || *r->at == '\n')) field.n--;
    return field;
}

/* One field and what ends it: *more if that is a comma. */
bool text_csv_field(text_reader *r, int column, text_span *field, bool *more)
{
    if (r->at < r->end && *r->at == '"') {
        r->at++;
        if (!quoted_field(r, column, field)) return false;
        if (r->at < r->end && *r->at == '\r' && (r->at + 1 == r->end || r->at[1] == '\n')) r->at++;
    } else {
        *field = plain_field(r);
    }
    *more = r->at < r->end && *r->at == ',';
    if (r->at < r->end && !*more && *r->at != '\n')
        return fail_csv(r, r->line, column, "text after the closing quote (a quote inside a field is written twice)");
    if (r->at < r->end) r->line += *r->at++ == '\n';
    return true;
}

static bool csv_record(text_reader *r, text_record *record)
{
    bool more = true;
    int  column = 0;

    for (; more; column++) {
        text_span field;
        if (!text_csv_field(r, column, &field, &more)) return false;
        if (column == r->label_column) record->label = trim(field);
        if (column == r->text_column) record->text = field;
    }
    if (column != r->columns)
        return tn_fail(r->err, TN_EFORMAT, "%s:%lld: %d columns, but the header has %d", text_path_name(r->path),
                       (long long)record->line, column, r->columns);
    if (!record->label.n) return fail_csv(r, record->line, r->label_column, "an empty label");
    return true;
}

static bool same_name(text_span field, const char *name)
{
    return field.n == strlen(name) && strncasecmp(field.s, name, field.n) == 0;
}

/* Finds the two columns in the header, and lists in *names what there is. */
static bool csv_columns(text_reader *r, const char *text, const char *label, text_buffer *names)
{
    bool more = true;

    r->text_column = r->label_column = -1;
    for (r->columns = 0; more; r->columns++) {
        text_span field;
        if (!text_csv_field(r, r->columns, &field, &more)) return false;
        field = trim(field);
        if (same_name(field, text) && r->text_column < 0) r->text_column = r->columns;
        if (same_name(field, label) && r->label_column < 0) r->label_column = r->columns;
        text_buffer_add(names, ", ", r->columns ? 2 : 0, r->err);
        text_add(names, field, r->err);
    }
    return !r->err->code;
}

static bool csv_header(text_reader *r)
{
    const char *text = r->options.text_column ? r->options.text_column : "text";
    const char *label = r->options.label_column ? r->options.label_column : "label";
    text_buffer names = {0};
    bool        ok = csv_columns(r, text, label, &names);

    if (ok && (r->text_column < 0 || r->label_column < 0))
        ok = tn_fail(r->err, TN_EFORMAT, "%s:1: no column \"%s\" (there are: %.400s): give --%s-column",
                     text_path_name(r->path), r->text_column < 0 ? text : label, names.s,
                     r->text_column < 0 ? "text" : "label");
    text_buffer_free(&names);
    return ok;
}

/* ---- the reader ------------------------------------------------------------------------------------------------ */

/* All bytes are UTF-8, or made so, or it is an error. */
static bool check_utf8(text_reader *r)
{
    text_span   all = {r->bytes.s, (size_t)r->bytes.n};
    size_t      good = text_utf8_check(all);
    text_buffer clean = {0};
    int64_t     line = 1, first = 0;

    if (good == all.n) return true;
    if (r->options.replace) {
        bool ok = text_utf8_replace(&clean, all, &r->malformed, r->err);
        text_buffer_free(&r->bytes);
        r->bytes = clean;
        return ok;
    }
    for (size_t i = 0; i < good; i++)
        if (all.s[i] == '\n') {
            line++;
            first = (int64_t)i + 1;
        }
    return tn_fail(r->err, TN_EFORMAT,
                   "%s:%lld: byte %lld (0x%02X) is not UTF-8: save the file as UTF-8, or give "
                   "--utf8 replace",
                   text_path_name(r->path), (long long)line, (long long)((int64_t)good - first + 1),
                   (unsigned char)all.s[good]);
}

bool text_is_csv_name(const char *path)
{
    size_t n = path ? strlen(path) : 0;

    return n > 4 && strcasecmp(path + n - 4, ".csv") == 0;
}

/* The format by the file's name and its first line that is not blank. */
static text_format guess(const text_reader *r)
{
    text_reader ahead = *r;
    text_span   line = {0};

    if (text_is_csv_name(r->path)) return TEXT_CSV;
    while (ahead.at < ahead.end && trim(line).n == 0) line = take_line(&ahead);
    if (begins_with(trim(line), label_mark)) return TEXT_FASTTEXT;
    return line.n && !memchr(line.s, '\t', line.n) && memchr(line.s, ',', line.n) ? TEXT_CSV : TEXT_TSV;
}

static bool prepare(text_reader *r)
{
    if (!check_utf8(r)) return false;
    r->at = r->bytes.s;
    r->end = r->at + r->bytes.n;
    if (r->options.format == TEXT_AUTO) r->options.format = guess(r);
    return r->options.format != TEXT_CSV || r->at == r->end || csv_header(r);
}

bool text_reader_open(text_reader *r, const char *path, text_reader_options options, tn_error *err)
{
    *r = (text_reader){.path = path, .options = options, .line = 1, .err = err};
    if (text_read_file(path, &r->bytes, err) && prepare(r)) return true;
    text_reader_close(r);
    return false;
}

bool text_reader_parse(text_reader *r, text_span bytes, const char *path, text_reader_options options, tn_error *err)
{
    *r = (text_reader){.path = path, .options = options, .line = 1, .err = err};
    if (text_buffer_add(&r->bytes, bytes.s, bytes.n, err)) {
        drop_mark(&r->bytes);
        if (prepare(r)) return true;
    }
    text_reader_close(r);
    return false;
}

void text_reader_close(text_reader *r)
{
    text_buffer_free(&r->bytes);
    r->at = r->end = NULL;
}

/* Passes over lines of nothing but white space. */
static void skip_blank(text_reader *r)
{
    for (char *p = r->at; p < r->end && is_space(*p); p++)
        if (*p == '\n') {
            r->at = p + 1;
            r->line++;
        } else if (p + 1 == r->end) {
            r->at = r->end;
        }
}

/* Labels become columns of what is printed: no tab, no line's end, nothing else that is not seen. */
static bool check_label(text_reader *r, const text_record *record)
{
    return !text_has_control(record->label) || fail_at(r, record->line, "the label has a control character");
}

bool text_reader_next(text_reader *r, text_record *record)
{
    bool ok;

    *record = (text_record){{"", 0}, {"", 0}, 0};
    skip_blank(r);
    if (r->at == r->end) return false;
    record->line = r->line;
    if (r->options.format == TEXT_CSV)
        ok = csv_record(r, record);
    else if (r->options.format == TEXT_FASTTEXT)
        ok = fasttext_record(r, take_line(r), record);
    else
        ok = tsv_record(r, take_line(r), record);
    return ok && check_label(r, record);
}

/* ---- lines from a stream --------------------------------------------------------------------------------------- */

enum { READ_SIZE = 1 << 16 };

bool text_lines_open(text_lines *l, const char *path, tn_error *err)
{
    *l = (text_lines){.path = path, .err = err};
    l->fd = text_file_open(path, err);
    return l->fd >= 0;
}

void text_lines_close(text_lines *l)
{
    text_file_close(l->path, l->fd);
    free(l->buffer);
    *l = (text_lines){.fd = -1};
}

/* A quote opens where a field begins, and where the last one has just ended: it is a doubled one then. A byte order mark
 * is as if it were not there. */
static char *record_end(text_lines *l)
{
    for (int64_t i = l->seen; i < l->end; i++) {
        const char c = l->buffer[i];
        if (!l->begun && i < 3 && c == byte_order_mark[i]) continue;
        if (c == '\n' && !l->quoted) {
            l->closed = false;
            return l->buffer + i;
        }
        if (l->quoted || (c == '"' && !l->closed))
            l->quoted = l->quoted != (c == '"');
        else
            l->closed = c != ',';
    }
    return NULL;
}

static char *line_end(const text_lines *l)
{
    return l->seen < l->end ? memchr(l->buffer + l->seen, '\n', (size_t)(l->end - l->seen)) : NULL;
}

/* Moves l->seen on to the next line's end, or to the end of what there is; no byte is looked at twice. */
static bool has_line(text_lines *l)
{
    char *newline = l->csv ? record_end(l) : line_end(l);

    l->seen = newline ? newline - l->buffer : l->end;
    return newline;
}

bool text_lines_will_read(text_lines *l)
{
    return !has_line(l) && !l->finished;
}

/* Moves what is left to the front and reads on behind it. */
static bool fill(text_lines *l)
{
    int64_t left = l->end - l->begin;
    ssize_t got;

    if (left && l->begin) memmove(l->buffer, l->buffer + l->begin, (size_t)left);
    l->seen -= l->begin;
    l->begin = 0;
    l->end = left;
    if (!text_reserve(&l->buffer, &l->room, left + READ_SIZE, 1, l->err)) return false;
    got = text_file_read(l->path, l->fd, l->buffer + left, (size_t)(l->room - left), l->err);
    if (got > 0) l->end += got;
    l->finished = got == 0;
    return got >= 0;
}

/* A byte order mark at the very beginning, once it is there as a whole. */
static void pass_mark(text_lines *l)
{
    if (!l->begun && l->end >= 3 && memcmp(l->buffer, byte_order_mark, 3) == 0) l->begin = 3;
    l->begun = true;
}

bool text_lines_next(text_lines *l, text_span *line)
{
    const char *start;
    int64_t     n;

    while (text_lines_will_read(l))
        if (!fill(l)) return false;
    pass_mark(l);
    if (l->begin == l->end) return false;
    start = l->buffer + l->begin;
    n = l->seen - l->begin;
    l->begin = l->seen = l->seen < l->end ? l->seen + 1 : l->end;
    *line = (text_span){start, (size_t)(n && start[n - 1] == '\r' ? n - 1 : n)};
    return true;
}
