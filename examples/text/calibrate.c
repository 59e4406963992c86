/* calibrate.c: temperature and threshold, from texts that a model has not seen. */
#include "calibrate.h"

#include <stdlib.h>

#include "locale.h"

static int32_t rarest(const text_program *p, const text_data *data, tn_error *err)
{
    const int32_t classes = p->text.classes;
    int64_t      *count = calloc((size_t)classes, sizeof *count);
    int32_t       best = 0;

    if (!count) tn_fail(err, TN_EMEMORY, "out of memory: no room to count %d classes", (int)classes);
    for (int64_t i = 0; count && i < data->n; i++) count[data->labels[i]]++;
    for (int32_t i = 1; count && i < classes; i++)
        if (count[i] < count[best]) best = i;
    free(count);
    return best;
}

bool text_calibrate_begin(text_program *p, const text_data *data)
{
    text_decision *d = &p->text.decision;

    *d = text_decision_plain();
    if (p->options.positive && !text_program_set_positive(p)) return false;
    if (!p->options.positive) d->positive = rarest(p, data, p->err);
    return !p->err->code;
}

static bool fit_temperature(text_program *p, text_data *validation, text_answers a)
{
    text_decision *d = &p->text.decision;
    text_scores    before, after;

    if (!p->options.quiet && !text_program_score(p, validation, &before)) return false;
    d->temperature = text_temperature_fit(a);
    if (p->options.quiet) return true;
    if (!text_program_score(p, validation, &after)) return false;
    fprintf(stderr, "%lld texts of validation: temperature %.3f, expected calibration error %.4f (%.4f without)\n",
            (long long)validation->n, d->temperature, after.calibration_error, before.calibration_error);
    return true;
}

static bool fit_threshold(text_program *p, text_answers a)
{
    text_decision *d = &p->text.decision;
    const double   wanted = p->options.precision;
    text_span      name = text_vocabulary_at(&p->text.labels, d->positive);
    text_cut       cut;

    if (!text_threshold_fit(d, a, wanted, &cut, p->err)) return false;
    d->threshold = cut.threshold;
    if (cut.precision < wanted)
        fprintf(stderr, "classify: no threshold gives %.*s a precision of %g on validation; the best is taken\n", (int)name.n,
                name.s, wanted);
    if (!p->options.quiet || cut.precision < wanted)
        fprintf(stderr, "threshold for %.*s: %.4f, with precision %.4f and recall %.4f on validation\n", (int)name.n, name.s,
                cut.threshold, cut.precision, cut.recall);
    return true;
}

bool text_calibrate(text_program *p, text_data *validation)
{
    text_answers a = {.labels = validation->labels, .n = validation->n, .classes = p->text.classes};
    locale_t     users = text_locale_plain();
    tn_real     *logits = validation->n ? text_program_logits(p, validation) : NULL;
    bool         ok = !p->err->code;

    a.logits = logits;
    if (ok && validation->n) ok = fit_temperature(p, validation, a) && (p->options.precision < 0 || fit_threshold(p, a));
    if (ok && p->options.threshold > 0) p->text.decision.threshold = p->options.threshold;
    free(logits);
    text_locale_back(users);
    return ok;
}
