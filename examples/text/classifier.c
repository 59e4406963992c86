/* classifier.c: the net that labels texts. */
#include "classifier.h"

#include <math.h>

static const char *const pooling_names[] = {[TEXT_BOTH] = "both", [TEXT_MEAN] = "mean", [TEXT_MAX] = "max"};

const char *text_pooling_name(text_pooling pooling)
{
    return pooling_names[pooling];
}

bool text_pooling_of(const char *name, text_pooling *pooling)
{
    int i = text_find_word(name, 3, pooling_names);

    if (i >= 0) *pooling = (text_pooling)i;
    return i >= 0;
}

void text_classifier_init(text_classifier *m, tn_params *ps, text_sizes size, tn_init rows)
{
    const int64_t pooled = size.pooling == TEXT_BOTH ? 2 * size.dim : size.dim;

    *m = (text_classifier){.words.options = tn_embedding_defaults(), .pooling = size.pooling};
    m->words.weight = tn_param(ps, TN_DIMS(size.rows, size.dim), rows, "words.weight");
    if (size.hidden) nn_linear_init(&m->hidden, ps, "hidden", pooled, size.hidden);
    nn_linear_init(&m->out, ps, "out", size.hidden ? size.hidden : pooled, size.classes);
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

/* n random rows of length 1 add up to length sqrt(n): with the mean times sqrt(n) a long text's few telling tokens are
 * not averaged away. */
static tn_tensor *mean(const text_classifier *m, tn_tape *t, tn_bags texts)
{
    return tn_mul(t, nn_embedding_mean(&m->words, t, texts), root_of_length(t, texts));
}

/* In the maximum a telling token stands whole, however long the text is, and once, however often it occurs. */
static tn_tensor *pool(const text_classifier *m, tn_tape *t, tn_bags texts)
{
    tn_tensor *most;

    if (m->pooling == TEXT_MEAN) return mean(m, t, texts);
    most = nn_embedding_bag(&m->words, t, texts, TN_BAG_MAX);
    return m->pooling == TEXT_MAX ? most : tn_concat(t, 2, (tn_tensor *[]){mean(m, t, texts), most}, 1);
}

tn_tensor *text_classifier_forward(const text_classifier *m, tn_tape *t, tn_bags texts)
{
    tn_tensor *x = pool(m, t, texts);

    if (m->hidden.weight) x = tn_relu(t, nn_linear_forward(&m->hidden, t, x));
    return nn_linear_forward(&m->out, t, x);
}

double text_product(const tn_real *a, const tn_real *b, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}
