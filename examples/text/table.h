/* table.h: one column of TSV or CSV, record by record, and records with columns appended. CSV is as reader.h reads it,
 * its first record a header; TSV has no header and no quotes. Both end their lines in "\n" here. */
#ifndef TEXT_TABLE_H
#define TEXT_TABLE_H

#include "reader.h"

typedef struct text_table {
    const char *path;
    text_format format; /* TEXT_AUTO until the first record: CSV if it has a comma and no tab */
    int64_t     column; /* of the texts, from 1 */
    int64_t     columns; /* of CSV's header; 0: it is still to come */
    int64_t     line;   /* where the next record begins, from 1 */
    text_buffer copy;   /* of a record, whose quotes are taken away in place */
    text_range  field;  /* the column's bytes in the record, quotes and all */
    tn_error   *err;
} text_table; /* starts as {.path, .format, .column, .line = 1, .err} */

/* Takes the first record as the header if it is one: then *is_header, and there is no text. */
bool text_table_begin(text_table *t, text_span record, bool *is_header);

/* The text in the record's column, until the next call. Format errors name the file and the line: there is no such
 * column; a quote that never ends, or ends too early; not as many columns as the header has. */
bool text_table_text(text_table *t, text_span record, text_span *text);

/* Moves t->line behind a record. */
void text_table_pass(text_table *t, text_span record);

/* Adds the record whose text was asked for last, with another text in its column, to out. */
void text_table_add(const text_table *t, text_span record, text_span text, text_buffer *out, tn_error *err);

/* Adds one more column: quoted, where CSV needs it. */
void text_table_add_cell(const text_table *t, text_span cell, text_buffer *out, tn_error *err);

void text_table_free(text_table *t);

#endif
