/* decision.c: from logits to a label. */
#include "decision.h"

#include <math.h>
#include <stdlib.h>

#include <tarn/ops.h>

text_decision text_decision_plain(void)
{
    return (text_decision){.temperature = 1, .positive = -1};
}

tn_tensor *text_decision_probability(const text_decision *d, tn_tape *t, tn_tensor *logits)
{
    return tn_softmax(t, tn_mul_number(t, logits, 1 / d->temperature), -1);
}

int32_t text_decision_label(const text_decision *d, const tn_real *probability, int64_t n)
{
    const int32_t left_out = d->threshold > 0 ? d->positive : -1;
    int32_t       best = left_out == 0;

    if (left_out >= 0 && (double)probability[left_out] >= d->threshold) return left_out;
    for (int32_t i = best + 1; i < n; i++)
        if (i != left_out && probability[i] > probability[best]) best = i;
    return best;
}

double text_decision_of(const text_decision *d, const tn_real *logits, int64_t n, int64_t label)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++) sum += exp(((double)logits[i] - (double)logits[label]) / d->temperature);
    return 1 / sum;
}

/* ---- the temperature --------------------------------------------------------------------------------------------- */

/* d/db of -log softmax(b z) against the target: what z is on average by softmax(b z), less what it is by the target. */
static double slope_of(const tn_real *z, int64_t n, int32_t label, double b, double rest)
{
    double most = (double)z[0], sum = 0, mean = 0, others = 0;

    for (int64_t i = 1; i < n; i++)
        if ((double)z[i] > most) most = (double)z[i];
    for (int64_t i = 0; i < n; i++) {
        double p = exp(b * ((double)z[i] - most));
        sum += p;
        mean += p * (double)z[i];
        others += i == label ? 0 : (double)z[i];
    }
    return mean / sum - (1 - rest) * (double)z[label] - rest * others / (double)(n - 1);
}

static double slope(text_answers a, double b)
{
    const double rest = 1 / ((double)a.n + 2);
    double       sum = 0;

    for (int64_t i = 0; i < a.n; i++)
        if (a.labels[i] < a.classes) sum += slope_of(a.logits + i * a.classes, a.classes, a.labels[i], b, rest);
    return sum;
}

/* The loss is convex in b = 1 / temperature: its slope has one zero. */
double text_temperature_fit(text_answers a)
{
    double low = 1e-3, high = 1e3;

    if (!(slope(a, low) < 0 && slope(a, high) > 0)) return 1;
    for (int i = 0; i < 60; i++) {
        double middle = sqrt(low * high);
        if (slope(a, middle) < 0)
            low = middle;
        else
            high = middle;
    }
    return 1 / sqrt(low * high);
}

/* ---- the threshold ----------------------------------------------------------------------------------------------- */

typedef struct scored {
    double p;
    bool   is;
} scored;

static int by_score(const void *left, const void *right)
{
    const scored *a = left, *b = right;

    return (a->p < b->p) - (a->p > b->p);
}

/* Between two neighbours in the order of scores, so that a rounding does not decide. */
static text_cut best_cut(const scored *s, int64_t n, double precision)
{
    text_cut best = {.threshold = 1};
    int64_t  all = 0, right = 0;

    for (int64_t i = 0; i < n; i++) all += s[i].is;
    for (int64_t i = 0; i < n; i++) {
        right += s[i].is;
        if (i + 1 < n && s[i + 1].p == s[i].p) continue;
        double found = (double)right / (double)(i + 1);
        if (found >= precision || (best.precision < precision && found > best.precision))
            best = (text_cut){i + 1 < n ? (s[i].p + s[i + 1].p) / 2 : s[i].p, found, all ? (double)right / (double)all : 0};
    }
    return best;
}

bool text_threshold_fit(const text_decision *d, text_answers a, double precision, text_cut *cut, tn_error *err)
{
    scored *s = malloc(((size_t)a.n + 1) * sizeof *s);

    if (!s) return tn_fail(err, TN_EMEMORY, "out of memory: no room for %lld scores", (long long)a.n);
    for (int64_t i = 0; i < a.n; i++)
        s[i] = (scored){text_decision_of(d, a.logits + i * a.classes, a.classes, d->positive), a.labels[i] == d->positive};
    qsort(s, (size_t)a.n, sizeof *s, by_score);
    *cut = best_cut(s, a.n, precision);
    free(s);
    return true;
}
