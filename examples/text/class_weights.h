/* class_weights.h: how much the texts of each label count in training. */
#ifndef TEXT_CLASS_WEIGHTS_H
#define TEXT_CLASS_WEIGHTS_H

#include "data.h"

/* The classes' weights, which the caller frees, into *weights; how is
 *   none               NULL: all count the same
 *   balanced           n / (classes * n of this class), as scikit-learn has it
 *   2,1                by the labels in their order, which is that of their bytes
 *   rude=2,polite=0.5  by name; who is not named has 1
 * Usage error: a number of weights that is not that of the labels, an unknown label, a weight that is no number from 0
 * to 1e6; the text names the labels. Memory. */
bool text_class_weights(const char *how, const text_vocabulary *labels, int32_t classes, const text_data *data,
                        tn_real **weights, tn_error *err);

#endif
