/* tune.h: a search for the options that train some texts best. */
#ifndef TEXT_TUNE_H
#define TEXT_TUNE_H

#include "program.h"

/* An option of train, and what is tried of it, then NULL; "" is what train has without it. */
typedef struct text_choice {
    const char *option, *values[8];
} text_choice;

/* All that is searched, NULL at its end. */
extern const text_choice text_tune_space[];

/* Tries options on the files that p's options name, for as long or as often as these say, one line to the standard output
 * for each trial; the last line is the command line of the best. Options that were given stay. Which options come when is
 * decided by the seed and by the scores before, so only how many there are depends on the clock. A signal ends it with
 * what is known so far: p->stopped. Errors: those of text_corpus_read and text_train; usage: time for no trial. */
bool text_tune(text_program *p);

#endif
