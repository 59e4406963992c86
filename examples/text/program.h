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

/* The texts of a file as ids. Says on the standard error how much was no UTF-8. Errors: those of text_corpus_read. */
bool text_program_read(text_program *p, const char *path, text_data *data);

/* The same for the files that the options name, but for a part that goes to validation, if they want one: vocabulary and
 * labels are made of the rest. */
bool text_program_learn(text_program *p, text_data *data, text_data *validation);

/* What the model says about each text of data, beside what is true. */
bool text_program_evaluate(text_program *p, text_data *data, text_metrics *metrics);

/* What the model says about each text of data, beside what is true. */
bool text_program_evaluate(text_program *p, text_data *data, text_metrics *metrics);

/* What the model says about each text of data, beside what is true, as the options want it: a table or JSON. */
bool text_program_report(text_program *p, text_data *data);

/* Is what was written to the standard output there, as far as the system says? Io error: it is not. */
bool text_program_flush(text_program *p);

#endif
