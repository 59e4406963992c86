/* model_file.h: what a model file says beside its numbers: the vocabulary, the tokenizer's settings, the labels, how
 * it decides. They stand in the safetensors file's metadata as text; the tensors are exactly the state_dict. */
#ifndef TEXT_MODEL_FILE_H
#define TEXT_MODEL_FILE_H

#include <tarn/io.h>
#include <tarn/optim.h>

#include "classifier.h"
#include "decision.h"
#include "encoder.h"

typedef struct text_model {
    text_encoder    encoder;
    text_vocabulary labels; /* labels met after training, in a test file, stand behind the model's own */
    int32_t         classes; /* the model's own labels: the first ones */
    text_pooling    pooling;
    text_decision   decision;
} text_model; /* starts as {.encoder = {.settings = ...}, .decision = text_decision_plain()} */

void text_model_free(text_model *m);

/* tn_save, with all that prediction needs, and n pairs more, 3 at most. */
bool text_model_save(const text_model *m, const tn_params *ps, const char *path, int n, const tn_meta *more, tn_error *err);

/* optim_save, with the same and one pair more. */
bool text_model_checkpoint(const text_model *m, const optim *o, const char *path, tn_meta more, tn_error *err);

/* The reverse, from an opened file (path is for the errors). Format errors name the file and what is wrong in it: no
 * model of classify, another format, a setting out of its bounds, a token or a label twice, a threshold without its label.
 * A file of before there were temperatures and thresholds has none. */
bool text_model_read(text_model *m, const tn_file *f, const char *path, tn_error *err);

/* Can a file be written there? What a training of hours asks first. Io error: names the folder. */
bool text_model_path_check(const char *path, tn_error *err);

#endif
