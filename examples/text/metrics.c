/* metrics.c: accuracy, precision, recall, F1. */
#include "metrics.h"

#include <math.h>
#include <stdlib.h>

#include "locale.h"

enum { MOST_PRINTED = 12 };

bool text_metrics_init(text_metrics *m, const text_vocabulary *names, tn_error *err)
{
    *m = (text_metrics){.names = names, .classes = names->n};
    m->confusion = calloc((size_t)names->n * (size_t)names->n + 1, sizeof *m->confusion);
    return m->confusion || tn_fail(err, TN_EMEMORY, "out of memory: no room to count %d classes", names->n);
}

void text_metrics_free(text_metrics *m)
{
    free(m->confusion);
    *m = (text_metrics){0};
}

void text_metrics_add(text_metrics *m, int32_t truth, int32_t answer, double confidence)
{
    int              k = confidence < 1 ? (int)(confidence * TEXT_BINS) : TEXT_BINS - 1;
    struct text_bin *bin = &m->bin[k];

    m->confusion[truth * m->classes + answer]++;
    m->n++;
    bin->n++;
    bin->right += truth == answer;
    bin->confidence += confidence;
}

static double ratio(int64_t part, int64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

text_score text_metrics_score(const text_metrics *m, int64_t class)
{
    text_score s = {0};
    int64_t    right = m->confusion[class * m->classes + class];

    for (int64_t i = 0; i < m->classes; i++) {
        s.support += m->confusion[class * m->classes + i];
        s.answers += m->confusion[i * m->classes + class];
    }
    s.precision = ratio(right, s.answers);
    s.recall = ratio(right, s.support);
    s.f1 = ratio(2 * right, s.support + s.answers);
    return s;
}

double text_metrics_accuracy(const text_metrics *m)
{
    int64_t right = 0;

    for (int64_t i = 0; i < m->classes; i++) right += m->confusion[i * m->classes + i];
    return ratio(right, m->n);
}

double text_metrics_macro_f1(const text_metrics *m)
{
    double  sum = 0;
    int64_t occurring = 0;

    for (int64_t i = 0; i < m->classes; i++) {
        text_score s = text_metrics_score(m, i);
        sum += s.f1;
        occurring += s.support + s.answers > 0;
    }
    return occurring ? sum / (double)occurring : 0;
}

double text_metrics_calibration_error(const text_metrics *m)
{
    double sum = 0;

    for (int k = 0; k < TEXT_BINS; k++) sum += fabs((double)m->bin[k].right - m->bin[k].confidence);
    return m->n ? sum / (double)m->n : 0;
}

/* How many columns a terminal takes for a name: two for most characters of three bytes and more. */
static int width_of(text_span name)
{
    int width = 0;

    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.s[i];
        width += c >= 0xE0 ? 2 : c < 0x80 || c >= 0xC0 ? 1 : 0;
    }
    return width;
}

static void print_name(const text_metrics *m, int64_t class, int width, FILE *to)
{
    text_span name = text_vocabulary_at(m->names, (int32_t) class);

    fprintf(to, "%*s%.*s", width - width_of(name), "", (int)name.n, name.s);
}

static int widest(const text_metrics *m)
{
    int most = 9;

    for (int64_t i = 0; i < m->classes; i++) {
        int width = width_of(text_vocabulary_at(m->names, (int32_t)i));
        most = width > most ? width : most;
    }
    return most;
}

static void print_confusion(const text_metrics *m, int width, FILE *to)
{
    fprintf(to, "\n%*s  said to be:\n%*s", width, "truth", width, "");
    for (int64_t j = 0; j < m->classes; j++) {
        fprintf(to, "  ");
        print_name(m, j, width, to);
    }
    for (int64_t i = 0; i < m->classes; i++) {
        fprintf(to, "\n");
        print_name(m, i, width, to);
        for (int64_t j = 0; j < m->classes; j++)
            fprintf(to, "  %*lld", width, (long long)m->confusion[i * m->classes + j]);
    }
    fprintf(to, "\n");
}

void text_metrics_print(const text_metrics *m, FILE *to)
{
    locale_t users = text_locale_plain();
    int      width = widest(m);

    fprintf(to, "%*s  precision  recall      F1    texts\n", width, "class");
    for (int64_t i = 0; i < m->classes; i++) {
        text_score s = text_metrics_score(m, i);
        print_name(m, i, width, to);
        fprintf(to, "  %9.4f  %6.4f  %6.4f  %7lld\n", s.precision, s.recall, s.f1, (long long)s.support);
    }
    fprintf(to, "%lld texts: accuracy %.4f, macro-F1 %.4f, expected calibration error %.4f\n", (long long)m->n,
            text_metrics_accuracy(m), text_metrics_macro_f1(m), text_metrics_calibration_error(m));
    if (m->classes <= MOST_PRINTED) print_confusion(m, width, to);
    text_locale_back(users);
}

static void json_string(text_span s, FILE *to)
{
    fputc('"', to);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];
        if (c < 0x20 || c == 0x7F)
            fprintf(to, "\\u%04x", c);
        else
            fprintf(to, c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    fputc('"', to);
}

void text_metrics_json(const text_metrics *m, FILE *to)
{
    locale_t users = text_locale_plain();

    fprintf(to, "{\"texts\": %lld, \"accuracy\": %.6f, \"macro_f1\": %.6f, \"calibration_error\": %.6f, \"classes\": [",
            (long long)m->n, text_metrics_accuracy(m), text_metrics_macro_f1(m), text_metrics_calibration_error(m));
    for (int64_t i = 0; i < m->classes; i++) {
        text_score s = text_metrics_score(m, i);
        fprintf(to, i ? ", {\"label\": " : "{\"label\": ");
        json_string(text_vocabulary_at(m->names, (int32_t)i), to);
        fprintf(to, ", \"precision\": %.6f, \"recall\": %.6f, \"f1\": %.6f, \"texts\": %lld}", s.precision, s.recall,
                s.f1, (long long)s.support);
    }
    fprintf(to, "], \"confusion\": [");
    for (int64_t i = 0; i < m->classes; i++)
        for (int64_t j = 0; j < m->classes; j++)
            fprintf(to, "%s%lld%s",
                    j   ? ", "
                    : i ? ", ["
                        : "[",
                    (long long)m->confusion[i * m->classes + j], j + 1 == m->classes ? "]" : "");
    fprintf(to, "]}\n");
    text_locale_back(users);
}
