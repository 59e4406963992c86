/* predict.h: labels for texts without labels, as they come. */
#ifndef TEXT_PREDICT_H
#define TEXT_PREDICT_H

#include "program.h"

/* label<TAB>probability<TAB>text for each line of path, NULL or "-" for the standard input, to the standard output;
 * each answer is out before more input is awaited. Errors: those of text_lines_open, and io: it cannot be written. */
bool text_predict(text_program *p, const char *path);

/* The same for n texts in memory. */
bool text_predict_all(text_program *p, int n, const char *const *texts);

#endif
