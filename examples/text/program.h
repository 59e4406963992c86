/* program.h: what the commands of examples/classify work with, and what several of them do. */
#ifndef TEXT_PROGRAM_H
#define TEXT_PROGRAM_H

#include "classifier.h"
#include "data.h"
#include "metrics.h"
#include "model_file.h"
#include "options.h"

typedef struct text_program {
    text_options    options;
    text_model      text; /* vocabulary, tokenizer's settings, labels */
    text_classifier model;
    tn_params      *ps;
    tn_error       *err;
    int             stopped; /* by this signal; 0: not */
    bool            matched; /* there was a line with the label that --match names */
} text_program;

/* The model file that the options name, which decides as they want it. Errors: those of text_model_read and tn_file_load;
 * format: its table has not as many rows as its vocabulary and buckets; usage: it has no such label. */
bool text_program_load(text_program *p);

/* The label that --positive names. Usage error: the model has no such label. */
bool text_program_set_positive(text_program *p);

/* What a training reads. */
typedef struct text_sets {
    text_data train, validation, test;
} text_sets; /* starts as {.train.err = err, ...} */

void text_sets_free(text_sets *s);

/* The texts of a file as ids; keeps the texts, if there is to be a report. Says on the standard error how much was no UTF-8. Errors: those of text_corpus_read. */
bool text_program_read(text_program *p, const char *path, text_data *data);

/* All that the options name. A part goes to validation, if they want one; vocabulary and labels are made of the rest. */
bool text_program_learn(text_program *p, text_sets *sets);

/* The logits of all texts of data, which the caller frees. Memory error. */
tn_real *text_program_logits(text_program *p, text_data *data);

/* What the model says about each text of data, beside what is true. */
bool text_program_evaluate(text_program *p, text_data *data, text_metrics *metrics);

/* How it does on data, in three numbers. Memory error. */
typedef struct text_scores {
    double macro_f1, loss, calibration_error; /* loss: the mean of -log p(truth) */
} text_scores;
bool text_program_score(text_program *p, text_data *data, text_scores *scores);

/* What the model says about each text of data, beside what is true, as the options want it: a table or JSON. */
bool text_program_report(text_program *p, text_data *data);

/* Is what was written to the standard output there, as far as the system says? Io error: it is not. */
bool text_program_flush(text_program *p);

#endif
