/* classifier.h: the net that labels texts: a table of rows, one for each id, their mean and their maximum, perhaps a
 * hidden layer, and a linear layer to one logit for each class. */
#ifndef TEXT_CLASSIFIER_H
#define TEXT_CLASSIFIER_H

#include <tarn/nn.h>

#include "memory.h"

/* What becomes of the rows of a text: their mean times sqrt(n), their maximum, or both side by side. */
typedef enum text_pooling { TEXT_BOTH, TEXT_MEAN, TEXT_MAX } text_pooling;

const char *text_pooling_name(text_pooling pooling);
bool        text_pooling_of(const char *name, text_pooling *pooling); /* false: no such pooling */

typedef struct text_classifier {
    nn_embedding words;
    text_pooling pooling;
    nn_linear    hidden, out; /* hidden.weight is NULL if there is no hidden layer */
} text_classifier;

typedef struct text_sizes {
    int64_t      rows, dim, hidden, classes; /* hidden: 0 if there is no hidden layer */
    text_pooling pooling;
} text_sizes;

/* Its parameters, under the names of PyTorch's state_dict; rows: how the table begins. Errors: those of tn_param. */
void text_classifier_init(text_classifier *m, tn_params *ps, text_sizes size, tn_init rows);

/* texts -> logits (texts, classes). */
tn_tensor *text_classifier_forward(const text_classifier *m, tn_tape *t, tn_bags texts);

/* Of two rows of n numbers, summed in double precision. */
double text_product(const tn_real *a, const tn_real *b, int64_t n);

#endif
