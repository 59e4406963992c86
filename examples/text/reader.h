/* reader.h: labelled texts from files, as label<TAB>text, as fastText's `__label__x text` or as CSV with a header. */
#ifndef TEXT_READER_H
#define TEXT_READER_H

#include <sys/types.h>

#include "memory.h"

typedef enum text_format { TEXT_AUTO, TEXT_TSV, TEXT_FASTTEXT, TEXT_CSV } text_format;

const char *text_format_name(text_format format);
bool        text_format_of(const char *name, text_format *format); /* false: no such format */

typedef struct text_reader_options {
    text_format format;       /* TEXT_AUTO: found out from the name (.csv) and the first line */
    const char *text_column;  /* CSV: NULL for "text" */
    const char *label_column; /* CSV: NULL for "label" */
    bool        replace;      /* malformed UTF-8 becomes U+FFFD and is counted; else it is an error */
} text_reader_options;

/* A file, read whole; "-" is the standard input. Columns are counted from 0. */
typedef struct text_reader {
    const char         *path;
    text_reader_options options;
    text_buffer         bytes;
    char               *at, *end;
    int64_t             line;      /* of `at`, from 1 */
    int64_t             malformed; /* pieces that were replaced */
    int                 text_column, label_column, columns;
    tn_error           *err;
} text_reader;

typedef struct text_record {
    text_span label, text; /* borrowed from the reader */
    int64_t   line;        /* where it begins, from 1 */
} text_record;

/* Reads the file and, for CSV, its header. Errors: io (no such file, a folder, ...), memory, format (names the file
 * and the line). After an error the reader need not be closed. */
bool text_reader_open(text_reader *r, const char *path, text_reader_options options, tn_error *err);

/* The same of bytes in memory, which are copied; path is for errors, and tells .csv. */
bool text_reader_parse(text_reader *r, text_span bytes, const char *path, text_reader_options options, tn_error *err);

/* The next labelled text; lines of nothing but white space are passed over. False at the end and after an error.
 * Format errors name file and line: no label, a label without text, a quote that never ends (column too), malformed
 * UTF-8 (byte too). */
bool text_reader_next(text_reader *r, text_record *record);
void text_reader_close(text_reader *r);

/* A file's descriptor ("-": the standard input), -1 after an io error; up to n of its bytes: 0 at the end, -1 after an io
 * error. */
int     text_file_open(const char *path, tn_error *err);
ssize_t text_file_read(const char *path, int fd, char *to, size_t n, tn_error *err);
void    text_file_close(const char *path, int fd);

/* Reads path ("-": the standard input) to its end, without a byte order mark. */
bool text_read_file(const char *path, text_buffer *to, tn_error *err);

/* One field of CSV at r->at and the comma or line's end behind it, both of which are passed; *more if it was a comma. Its
 * quotes are taken away in place. column, from 0, is for the error: a quote that never ends, text behind a quote. */
bool text_csv_field(text_reader *r, int column, text_span *field, bool *more);

/* Does it end in .csv? NULL does not. */
bool        text_is_csv_name(const char *path);
const char *text_path_name(const char *path); /* for errors; "standard input" */

/* Lines from a stream, as they come: for texts without labels. A line ends in "\n", "\r\n" or with the file. */
typedef struct text_lines {
    const char *path;
    int         fd;
    char       *buffer;
    int64_t     begin, end, room;
    int64_t     seen; /* bytes before this place are known to hold no line's end; or it is one */
    bool        begun, finished;
    bool        csv;            /* set by whoever opened it: lines are records, and go on beyond a line's end in quotes */
    bool        quoted, closed; /* csv, at seen: within quotes; no quote can open here */
    tn_error   *err;
} text_lines;

bool text_lines_open(text_lines *l, const char *path, tn_error *err); /* NULL or "-": the standard input */

/* The next line; false at the end and after an error. Lines are borrowed until a call that reads more input. */
bool text_lines_next(text_lines *l, text_span *line);

/* Will the next line have to read more input, and perhaps to wait for it? Then it is time to write out. */
bool text_lines_will_read(text_lines *l);
void text_lines_close(text_lines *l);

#endif
