/* train.h: the training of examples/classify's model, from texts to a model file. */
#ifndef TEXT_TRAIN_H
#define TEXT_TRAIN_H

#include "report.h"

/* Reads the files that the options name into sets, builds the model and trains it; tells report of it, unless that is
 * NULL. False after an error, and if a signal stopped it: p->stopped is then the signal, and a checkpoint is there to go on
 * from. */
bool text_train(text_program *p, text_sets *sets, text_report *report);

/* The same with texts that are read and encoded already; validation and test may be empty. */
bool text_train_on(text_program *p, text_sets *sets, text_report *report);

#endif
