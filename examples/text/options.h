/* options.h: the command line of examples/classify: what may be asked for, within which bounds, and the help. */
#ifndef TEXT_OPTIONS_H
#define TEXT_OPTIONS_H

#include <stdio.h>

#include "classifier.h"
#include "encoder.h"
#include "reader.h"

typedef enum text_command {
    TEXT_DEMO,
    TEXT_TRAIN,
    TEXT_EVAL,
    TEXT_PREDICT,
    TEXT_EXPLAIN,
    TEXT_NEIGHBOURS,
    TEXT_EXPORT_VECTORS,
    TEXT_TUNE,
    TEXT_COMPLETION,
    TEXT_HELP,
    TEXT_VERSION
} text_command;

typedef enum text_rule { TEXT_SGD, TEXT_ADAM, TEXT_ADAMW, TEXT_ADAGRAD, TEXT_RMSPROP, TEXT_SPARSE_ADAM } text_rule;

typedef struct text_options {
    const char         *program; /* as it was called */
    uint64_t            given;   /* a bit for each option of the table that was */
    text_command        command;
    text_command        about; /* TEXT_HELP: the command that it is about, TEXT_DEMO for the program */
    char *const        *files;
    int                 n_files;
    const char         *model, *test, *checkpoint; /* NULL: none is kept */
    const char         *match, *html;              /* NULL: all lines; no page */
    const char         *vectors;                   /* NULL: rows begin random */
    const char         *report;                    /* NULL: none is written */
    const char         *validation;                /* a file; NULL: this share of the texts: held_out */
    const char         *class_weights;             /* "balanced", "none", or weights: class_weights.h */
    const char         *positive;                  /* the label that a threshold is about; NULL: as it comes */
    text_reader_options reader;
    text_settings       settings;
    text_pooling        pooling;
    int64_t             min_count;
    int64_t             hidden, batch, seed;
    int64_t             dim;    /* 0: that of the vectors */
    int64_t             epochs; /* 0: by the number of texts */
    int64_t             every;  /* steps from checkpoint to checkpoint */
    int64_t             column; /* of the texts, from 1; 0: each line is a text */
    int64_t             top;
    int64_t             budget; /* seconds; 0: trials count */
    int64_t             trials;
    int64_t             patience; /* epochs; 0: all epochs are trained, the last one is kept */
    double              lr, smoothing, held_out;
    double              threshold, precision; /* -1: not given */
    text_rule           rule;
    bool                freeze, quiet, json, resume, explain, words;
} text_options;

/* Reads the command line into *o, from the defaults on. argv is put in another order: files last. Usage errors name
 * what was given and what would be right. */
bool text_options_parse(text_options *o, int argc, char **argv, tn_error *err);

/* Adds the options that decide the model, a line each ("--dim 16"): a training that goes on must have the same. */
bool text_options_describe(const text_options *o, text_buffer *to, tn_error *err);

bool text_options_given(const text_options *o, const char *name); /* name: one of the table's */

/* As if name had been given with this value, in a command line that has been read. Usage errors as there. */
bool text_options_set(text_options *o, const char *name, const char *value, tn_error *err);

/* Adds the options of train that were given, but for those that were given in `but` (NULL: none), as words of a command
 * line (" --dim 8"); a word as a shell would take it. */
bool text_options_words(const text_options *o, const text_options *but, text_buffer *to, tn_error *err);
void text_options_quote(const char *word, text_buffer *to, tn_error *err);

/* A command's options, for who lists them: the i-th, from 0; false after the last. */
typedef struct text_option {
    const char *name, *argument; /* argument: NULL if it takes none */
    const char *choices;         /* all words that it takes, spaces between; NULL: others too */
    const char *help;
    bool        is_file; /* its argument */
} text_option;
bool        text_option_at(text_command command, int i, text_option *to);
const char *text_command_name(text_command command);

void text_options_help(text_command about, FILE *to);

/* The option's word of the two or more that is closest to what was typed; NULL if none is close. */
const char *text_nearest(const char *typed, int n, const char *const *words);

#endif
