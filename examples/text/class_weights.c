/* class_weights.c: how much the texts of each label count in training. */
#include "class_weights.h"

#include <stdlib.h>
#include <string.h>

#include "locale.h"

static void balance(const text_data *data, int32_t classes, tn_real *weights)
{
    for (int32_t i = 0; i < classes; i++) weights[i] = 0;
    for (int64_t i = 0; i < data->n; i++) weights[data->labels[i]] += 1;
    for (int32_t i = 0; i < classes; i++) weights[i] = (tn_real)data->n / ((tn_real)classes * weights[i]);
}

/* Of "name=2" or "2". */
static bool read_weight(const char *how, text_span item, tn_real *to, tn_error *err)
{
    locale_t users = text_locale_plain();
    char     text[40], *end;
    double   x;

    snprintf(text, sizeof text, "%.*s", (int)(item.n < sizeof text ? item.n : sizeof text - 1), item.s);
    x = strtod(text, &end);
    text_locale_back(users);
    if (end == text || *end || !(x >= 0 && x <= 1e6))
        return tn_fail(err, TN_EUSAGE, "--class-weights %.200s: \"%s\" is no number from 0 to 1e6", how, text);
    *to = (tn_real)x;
    return true;
}

static bool fail_labels(const char *how, text_span name, const text_vocabulary *labels, int32_t classes, tn_error *err)
{
    text_buffer list = {0};

    text_vocabulary_list(labels, classes, &list, err);
    if (name.s)
        tn_fail(err, TN_EUSAGE, "--class-weights %.200s: there is no label \"%.*s\"; there are %s", how, (int)name.n, name.s,
                list.s);
    else
        tn_fail(err, TN_EUSAGE, "--class-weights %.200s: one weight for each label, please: %s", how, list.s);
    text_buffer_free(&list);
    return false;
}

/* The k-th item of how: its weight goes to the label that it names, or to the k-th one. */
static bool read_item(const char *how, text_span item, int32_t k, const text_vocabulary *labels, int32_t classes,
                      tn_real *weights, tn_error *err)
{
    size_t  name = item.n;
    int32_t label = k;

    while (name && item.s[name - 1] != '=') name--;
    if (name) {
        text_span found = {item.s, name - 1};
        label = text_vocabulary_find_name(labels, classes, found);
        if (label < 0) return fail_labels(how, found, labels, classes, err);
    }
    if (label >= classes) return fail_labels(how, (text_span){0}, labels, classes, err);
    return read_weight(how, (text_span){item.s + name, item.n - name}, &weights[label], err);
}

static bool read_all(const char *how, const text_vocabulary *labels, int32_t classes, tn_real *weights, tn_error *err)
{
    int32_t k = 0;

    for (int32_t i = 0; i < classes; i++) weights[i] = 1;
    for (const char *s = how; s; k++) {
        size_t n = strcspn(s, ",");
        if (!read_item(how, (text_span){s, n}, k, labels, classes, weights, err)) return false;
        s = s[n] ? s + n + 1 : NULL;
    }
    return k == classes || strchr(how, '=') || fail_labels(how, (text_span){0}, labels, classes, err);
}

bool text_class_weights(const char *how, const text_vocabulary *labels, int32_t classes, const text_data *data,
                        tn_real **weights, tn_error *err)
{
    *weights = NULL;
    if (strcmp(how, "none") == 0) return true;
    *weights = malloc((size_t)classes * sizeof **weights);
    if (!*weights) return tn_fail(err, TN_EMEMORY, "out of memory: no room for %d classes", (int)classes);
    if (strcmp(how, "balanced") != 0) return read_all(how, labels, classes, *weights, err);
    balance(data, classes, *weights);
    return true;
}
