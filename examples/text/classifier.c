/* classifier.c: the net that labels texts. */
#include "classifier.h"

#include <math.h>

void text_classifier_init(text_classifier *m, tn_params *ps, text_sizes size, tn_init rows)
{
    *m = (text_classifier){.words.options = tn_embedding_defaults()};
    m->words.weight = tn_param(ps, TN_DIMS(size.rows, size.dim), rows, "words.weight");
    if (size.hidden) nn_linear_init(&m->hidden, ps, "hidden", 2 * size.dim, size.hidden);
    nn_linear_init(&m->out, ps, "out", size.hidden ? size.hidden : 2 * size.dim, size.classes);
}

/* sqrt(n) for each text of n ids -> (texts, 1) */
static tn_tensor *root_of_length(tn_tape *t, tn_bags texts)
{
    tn_tensor *root = tn_input(t, TN_DIMS(texts.n, 1), NULL, false);

    for (int64_t i = 0; root && i < texts.n; i++) {
        int64_t end = i + 1 < texts.n ? texts.offsets[i + 1] : texts.ids.n;
        root->data[i] = (tn_real)sqrt((double)(end - texts.offsets[i]));
    }
    return root;
}

/* texts -> (texts, 2 dim): beside the mean of a text's rows, times sqrt(n), their maximum. n random rows of length 1 add up
 * to length 1 whatever n is, so a long text's few telling tokens are not averaged away; a maximum is there whole, and a
 * second time makes it no larger. */
static tn_tensor *pool(const text_classifier *m, tn_tape *t, tn_bags texts)
{
    tn_tensor *mean = tn_mul(t, nn_embedding_mean(&m->words, t, texts), root_of_length(t, texts));
    tn_tensor *most = nn_embedding_bag(&m->words, t, texts, TN_BAG_MAX);

    return tn_concat(t, 2, (tn_tensor *[]){mean, most}, 1);
}

tn_tensor *text_classifier_forward(const text_classifier *m, tn_tape *t, tn_bags texts)
{
    tn_tensor *x = pool(m, t, texts);

    if (m->hidden.weight) x = tn_relu(t, nn_linear_forward(&m->hidden, t, x));
    return nn_linear_forward(&m->out, t, x);
}
