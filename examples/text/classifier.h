/* classifier.h: the net that labels texts: a table of rows, one for each id, their mean, perhaps a hidden layer, and
 * a linear layer to one logit for each class. */
#ifndef TEXT_CLASSIFIER_H
#define TEXT_CLASSIFIER_H

#include <tarn/nn.h>

typedef struct text_classifier {
    nn_embedding words;
    nn_linear    hidden, out; /* hidden.weight is NULL if there is no hidden layer */
} text_classifier;

typedef struct text_sizes {
    int64_t rows, dim, hidden, classes; /* hidden: 0 if there is no hidden layer */
} text_sizes;

/* Its parameters, under the names of PyTorch's state_dict; rows: how the table begins. Errors: those of tn_param. */
void text_classifier_init(text_classifier *m, tn_params *ps, text_sizes size, tn_init rows);

/* texts -> logits (texts, classes). */
tn_tensor *text_classifier_forward(const text_classifier *m, tn_tape *t, tn_bags texts);

#endif
