/* train.h: the training of examples/classify's model, from texts to a model file. */
#ifndef TEXT_TRAIN_H
#define TEXT_TRAIN_H

#include "program.h"

/* Reads the files that the options name, and the file of --test into test; builds the model and trains it. False
 * after an error, and if a signal stopped it: p->stopped is then the signal, and a checkpoint is there to go on from.
 */
bool text_train(text_program *p, text_data *data, text_data *test);

/* The same with texts that are read and encoded already; validation may be empty. */
bool text_train_on(text_program *p, text_data *data, text_data *validation);

#endif
