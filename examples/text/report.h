/* report.h: a page about a training: how it went, what the model does on texts that it has not learnt, what it has learnt. */
#ifndef TEXT_REPORT_H
#define TEXT_REPORT_H

#include "program.h"

typedef struct text_epoch {
    double number;                /* from 1 */
    double loss;                  /* on what it learns */
    double judged_loss, judged_f1; /* on what it is judged by */
} text_epoch;

typedef struct text_report {
    text_epoch *epoch; /* those of this run: one that went on from a checkpoint does not know the earlier ones */
    int64_t     epochs, room;
    tn_real    *rows; /* of the most frequent tokens, as they began */
    int64_t     n_rows;
} text_report; /* starts as {0} */

void text_report_free(text_report *r);

/* Before training: the rows. Memory error. */
bool text_report_begin(text_report *r, const text_program *p);
bool text_report_epoch(text_report *r, text_epoch e, tn_error *err); /* after each epoch */

/* What a model is judged by: the texts of --test, else those of the validation part. */
text_data *text_report_judge(text_sets *sets);

/* The page, into the file that the options name: all or nothing. It needs nothing beside it and runs nothing; all that comes
 * from texts, labels and options is escaped. Errors: those of text_output_open; memory. */
bool text_report_write(const text_report *r, text_program *p, text_sets *sets);

#endif
