/* best.c: the parameters of the epoch that did best on validation. */
#include "best.h"

#include <stdlib.h>

#include "locale.h"

static const char epoch_key[] = "tarn.epoch", score_key[] = "tarn.score";

void text_best_free(text_best *b)
{
    tn_snapshot_free(b->params);
    *b = (text_best){0};
}

static bool take(text_best *b, int64_t epoch, double score, const tn_params *ps)
{
    b->epoch = epoch;
    b->score = score;
    if (b->params) return tn_snapshot_update(b->params, ps);
    b->params = tn_params_snapshot(ps);
    return b->params;
}

static bool save(const text_best *b, text_checkpoint *c, const text_model *m, const tn_params *ps)
{
    locale_t      users = text_locale_plain();
    char          epoch[32], score[32];
    const tn_meta more[] = {{epoch_key, epoch}, {score_key, score}};

    snprintf(epoch, sizeof epoch, "%lld", (long long)b->epoch);
    snprintf(score, sizeof score, "%.17g", b->score);
    text_locale_back(users);
    return text_checkpoint_save_beside(c, m, ps, 2, more);
}

bool text_best_offer(text_best *b, int64_t epoch, double score, text_checkpoint *c, const text_model *m, tn_params *ps)
{
    if (b->epoch && score <= b->score) return true;
    return take(b, epoch, score, ps) && (!c->path || save(b, c, m, ps));
}

bool text_best_is_final(const text_best *b, int64_t epoch)
{
    return b->patience && epoch - b->epoch >= b->patience;
}

bool text_best_load(text_best *b, text_checkpoint *c, tn_params *ps)
{
    locale_t    users = text_locale_plain();
    tn_file    *f = text_checkpoint_open_beside(c, tn_params_error(ps));
    const char *epoch = f ? tn_file_meta(f, epoch_key) : NULL, *score = f ? tn_file_meta(f, score_key) : NULL;
    bool        ok = f && tn_file_load(f, ps, TN_STRICT) &&
              take(b, epoch ? strtoll(epoch, NULL, 10) : 0, score ? strtod(score, NULL) : 0, ps);

    text_locale_back(users);
    tn_file_close(f);
    return ok;
}

bool text_best_restore(const text_best *b, tn_params *ps)
{
    return tn_params_restore(ps, b->params);
}
