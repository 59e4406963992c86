/* predict.h: labels for texts without labels, as they come. */
#ifndef TEXT_PREDICT_H
#define TEXT_PREDICT_H

#include "program.h"

/* label<TAB>probability<TAB>text for each line of path, NULL or "-" for the standard input, to the standard output;
 * each answer is out before more input is awaited. The options decide what more is written, or what else: lines of one
 * label only, nothing, masked words, the tokens that weigh most, JSON. Says in p->matched whether there was a line of
 * the label that they ask for. Errors: those of text_lines_open; usage: the model has no such label; io: it cannot be
 * written. */
bool text_predict(text_program *p, const char *path);

/* The same for n texts in memory, at most 256. */
bool text_predict_all(text_program *p, int n, const char *const *texts);

#endif
