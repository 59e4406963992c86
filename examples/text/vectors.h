/* vectors.h: pretrained rows, one for each token, from files of other programs and to them.
 *
 * What is read, found out by itself: fastText's .vec and word2vec's text (a header "rows numbers", then a line for each
 * token: the token, its numbers, single spaces between), GloVe's text (the same without a header) and word2vec's binary
 * (the header, then token, space, numbers as little-endian 32-bit floats). The file is never in memory as a whole. */
#ifndef TEXT_VECTORS_H
#define TEXT_VECTORS_H

#include <stdio.h>
#include <sys/types.h>

#include <tarn/tensor.h>

#include "encoder.h"

/* Where bytes come from: up to n of them, 0 at the end, -1 after an error, which is in err then. */
typedef ssize_t text_source(void *from, char *to, size_t n, tn_error *err);

enum { TEXT_MAX_DIM = 65536 };

typedef struct text_vectors {
    const char  *path; /* for errors */
    text_source *source;
    void        *from;
    int          fd; /* of a file that text_vectors_open opened */
    char        *bytes;
    int64_t      begin, end, room; /* bytes [begin, end) are read and not yet taken; a zero byte follows */
    int64_t      passed;           /* bytes of the file before the first of them */
    bool         finished;         /* the source has no more */
    bool         binary;
    int64_t      dim;      /* numbers of a row */
    int64_t      promised; /* rows, by the header; -1: there is none */
    int64_t      rows;     /* taken so far */
    int64_t      line;     /* the one taken last, from 1 */
    tn_error    *err;
} text_vectors; /* starts as {0} */

/* Reads as far as it takes to know the format and dim. Errors: io; format, with the line: a fastText .bin, a compressed
 * file, a header without sense, no numbers. */
bool text_vectors_open(text_vectors *v, const char *path, tn_error *err);
bool text_vectors_open_source(text_vectors *v, const char *name, text_source *source, void *from, tn_error *err);
void text_vectors_close(text_vectors *v);

/* A row, until the next one. */
typedef struct text_vector {
    text_span   token; /* any bytes; spaces too */
    const char *numbers;
} text_vector;

/* The next row. False at the end, and after a format error, with the line (in binary the byte): too few numbers, what
 * is no number, NaN or infinity; fewer rows or more than the header says. */
bool text_vectors_next(text_vectors *v, text_vector *row);

/* Its dim numbers, each the tn_real that is nearest to what is written, whatever the locale. Format error: one does not
 * fit. */
bool text_vectors_numbers(const text_vectors *v, const text_vector *row, tn_real *to);

/* What became of the rows of a file, and of the tokens of a vocabulary. */
typedef struct text_coverage {
    int64_t rows;                  /* in the file */
    int64_t duplicates, malformed; /* of them left out: their token had one already; it is no UTF-8 */
    int64_t tokens, found;         /* of the vocabulary */
    int64_t uses, covered;         /* in the texts: of all tokens; of those that were found */
} text_coverage;

/* Gives the tokens of e's vocabulary, folded as the tokenizer does, the rows that the file has for them: table is
 * (rows, v->dim), the vocabulary's tokens first. A token's first row counts; what has none stays as it is. Errors: those
 * of text_vectors_next and text_vectors_numbers; memory; format: no token has a row. */
bool text_vectors_fill(text_vectors *v, const text_encoder *e, tn_tensor *table, text_coverage *c);
void text_coverage_print(const text_coverage *c, const char *path, FILE *to);

/* Writes the vocabulary's rows of table as text with a header, each number in as few digits as give it back. Left out
 * are tokens with a space, which other programs would take for two fields (the gap between words, with tokens of kind
 * char): *left is their number. Nonfinite error: a number is NaN or infinite. Whether `to` took it all its owner asks. */
bool text_vectors_write(const text_encoder *e, const tn_tensor *table, FILE *to, int64_t *left, tn_error *err);

#endif
