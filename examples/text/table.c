/* table.c: one column of TSV or CSV, and columns appended. */
#include "table.h"

#include <string.h>

void text_table_free(text_table *t)
{
    text_buffer_free(&t->copy);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static bool fail_column(const text_table *t, int64_t columns)
{
    return tn_fail(t->err, TN_EFORMAT, "%s:%lld: %lld columns, but --column %lld", text_path_name(t->path), (long long)t->line,
                   (long long)columns, (long long)t->column);
}

static bool tsv_text(text_table *t, text_span record, text_span *text)
{
    const char *at = record.s, *end = record.s + record.n, *tab = NULL;

    for (int64_t column = 1;; column++, at = tab + 1) {
        tab = memchr(at, '\t', (size_t)(end - at));
        if (column == t->column) break;
        if (!tab) return fail_column(t, column);
    }
    *text = (text_span){at, (size_t)((tab ? tab : end) - at)};
    t->field = (text_range){at - record.s, at - record.s + (int64_t)text->n};
    return true;
}

static bool csv_text(text_table *t, text_span record, text_span *text, int64_t *columns)
{
    text_reader r = {.path = t->path, .line = t->line, .err = t->err};
    bool        more = true, found = false;

    t->copy.n = 0;
    if (!text_buffer_add(&t->copy, record.s, record.n, t->err)) return false;
    r.at = t->copy.s;
    r.end = r.at + t->copy.n;
    for (*columns = 0; more; ++*columns) {
        const int64_t begin = r.at - t->copy.s;
        text_span     field;
        if (!text_csv_field(&r, (int)*columns, &field, &more)) return false;
        if (*columns + 1 != t->column) continue;
        found = true;
        *text = field;
        t->field = (text_range){begin, r.at - t->copy.s - more};
    }
    return found || fail_column(t, *columns);
}

bool text_table_begin(text_table *t, text_span record, bool *is_header)
{
    text_span text;

    if (t->format == TEXT_AUTO)
        t->format = text_is_csv_name(t->path) || (record.n && memchr(record.s, ',', record.n) && !memchr(record.s, '\t', record.n))
                        ? TEXT_CSV
                        : TEXT_TSV;
    *is_header = t->format == TEXT_CSV;
    return !*is_header || csv_text(t, record, &text, &t->columns);
}

bool text_table_text(text_table *t, text_span record, text_span *text)
{
    int64_t columns;

    if (t->format == TEXT_TSV) return tsv_text(t, record, text);
    if (!csv_text(t, record, text, &columns)) return false;
    if (columns == t->columns) return true;
    return tn_fail(t->err, TN_EFORMAT, "%s:%lld: %lld columns, but the header has %lld", text_path_name(t->path),
                   (long long)t->line, (long long)columns, (long long)t->columns);
}

void text_table_pass(text_table *t, text_span record)
{
    t->line++;
    for (size_t i = 0; i < record.n; i++) t->line += record.s[i] == '\n';
}

/* ---- written ----------------------------------------------------------------------------------------------------- */

static void add_quoted(text_buffer *out, text_span s, tn_error *err)
{
    text_buffer_add(out, "\"", 1, err);
    for (size_t i = 0; i < s.n; i++) {
        text_buffer_add(out, "\"", s.s[i] == '"', err);
        text_buffer_add(out, s.s + i, 1, err);
    }
    text_buffer_add(out, "\"", 1, err);
}

void text_table_add(const text_table *t, text_span record, text_span text, text_buffer *out, tn_error *err)
{
    const bool quoted = t->format == TEXT_CSV && t->field.begin < t->field.end && record.s[t->field.begin] == '"';

    text_buffer_add(out, record.s, (size_t)t->field.begin, err);
    (quoted ? add_quoted : text_add)(out, text, err);
    text_buffer_add(out, record.s + t->field.end, record.n - (size_t)t->field.end, err);
}

void text_table_add_cell(const text_table *t, text_span cell, text_buffer *out, tn_error *err)
{
    const bool csv = t->format == TEXT_CSV;
    const bool quoted = csv && cell.n && (memchr(cell.s, '"', cell.n) || memchr(cell.s, ',', cell.n));

    text_buffer_add(out, csv ? "," : "\t", 1, err);
    (quoted ? add_quoted : text_add)(out, cell, err);
}
