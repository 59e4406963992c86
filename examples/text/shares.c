/* shares.c: what each token adds to a decision. */
#include "shares.h"

#include <math.h>
#include <stdlib.h>

#include <tarn/op.h>

void text_shares_free(text_shares *s)
{
    tn_tape_free(s->t);
    text_ids_free(&s->ids);
    text_tokens_free(&s->tokens);
    free(s->of);
    free(s->each);
    *s = (text_shares){0};
}

text_span text_shares_token(const text_shares *s, int64_t i)
{
    return (text_span){s->text.s + s->of[i].at.begin, (size_t)(s->of[i].at.end - s->of[i].at.begin)};
}

/* ---- the margin -------------------------------------------------------------------------------------------------- */

static void begin(text_shares *s, text_program *p)
{
    if (s->t) return;
    s->t = tn_tape_new(0, 0, p->err);
    s->ids.tells = true;
    for (int i = 0; i < tn_params_count(p->ps); i++)
        tn_freeze(tn_params_at(p->ps, i), tn_params_at(p->ps, i) != p->model.words.weight);
}

static int32_t rival_of(const tn_tensor *logits, int32_t label)
{
    int32_t best = label == 0;

    for (int32_t i = best + 1; i < logits->n; i++)
        if (i != label && logits->data[i] > logits->data[best]) best = i;
    return best;
}

/* Walks back from the margin to the table's rows. */
static bool find_margin(text_shares *s, text_program *p)
{
    const int64_t start = 0;
    tn_bags       text = {{s->ids.id, s->ids.n}, &start, 1};
    tn_tensor    *logits, *margin;

    tn_params_zero_grad(p->ps);
    tn_tape_begin(s->t, TN_GRAD);
    logits = text_classifier_forward(&p->model, s->t, text);
    if (!logits) return false;
    s->rival = rival_of(logits, s->label);
    margin = tn_sub(s->t, tn_slice(s->t, logits, -1, s->label, s->label + 1, 1),
                    tn_slice(s->t, logits, -1, s->rival, s->rival + 1, 1));
    s->margin = s->rest = tn_item(margin);
    return tn_backward(s->t, margin);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

static bool find_tokens(text_shares *s, text_kind kind, tn_error *err)
{
    text_token token;

    if (!text_tokens_begin(&s->tokens, kind == TEXT_CHAR ? TEXT_MIXED : kind, s->text, err)) return false;
    for (s->n = 0; text_tokens_next(&s->tokens, &token);) {
        if (!text_reserve(&s->of, &s->room, s->n + 1, sizeof *s->of, err)) return false;
        s->of[s->n++] = (text_share){{s->tokens.first - s->text.s, s->tokens.last - s->text.s}, 0};
    }
    return true;
}

/* The first token that ends behind a place. */
static int64_t token_behind(const text_shares *s, int64_t place)
{
    int64_t low = 0, high = s->n;

    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (s->of[middle].at.end <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Among the tokens that it touches, in equal parts; none: it stays in the rest. */
static void share_out(text_shares *s, text_range from, double share)
{
    int64_t first = token_behind(s, from.begin), last = first;

    while (last < s->n && s->of[last].at.begin < from.end) last++;
    for (int64_t i = first; i < last; i++) s->of[i].share += share / (double)(last - first);
    if (first < last) s->rest -= share;
}

static int64_t slot(const tn_gradient *g, int32_t id)
{
    return g->slot_of[id] - 1;
}

/* The gradient has one row for each id, whatever its number of places: they share alike. */
static bool share_out_all(text_shares *s, const tn_tensor *table, tn_error *err)
{
    tn_gradient g;

    if (!s->ids.n || !tn_param_gradient(table, &g)) return true;
    if (!text_reserve(&s->each, &s->each_room, g.n_rows, sizeof *s->each, err)) return false;
    for (int64_t k = 0; k < g.n_rows; k++) s->each[k] = 0;
    for (int64_t i = 0; i < s->ids.n; i++) s->each[slot(&g, s->ids.id[i])] += 1;
    for (int64_t k = 0; k < g.n_rows; k++) {
        s->each[k] = text_product(g.data + k * g.width, table->data + g.row[k] * g.width, g.width) / s->each[k];
    }
    for (int64_t i = 0; i < s->ids.n; i++) share_out(s, s->ids.from[i], s->each[slot(&g, s->ids.id[i])]);
    return true;
}

bool text_shares_find(text_shares *s, text_program *p, text_span text, int32_t label)
{
    begin(s, p);
    s->text = text;
    s->label = label;
    s->ids.n = 0;
    return !p->err->code && text_encode(&p->text.encoder, text, &s->ids, p->err) &&
           find_tokens(s, p->text.encoder.settings.kind, p->err) && find_margin(s, p) &&
           share_out_all(s, p->model.words.weight, p->err);
}

void text_shares_sort(text_shares *s, int64_t k)
{
    for (int64_t i = 0; i < k && i < s->n; i++) {
        int64_t best = i;
        for (int64_t j = i + 1; j < s->n; j++)
            if (fabs(s->of[j].share) > fabs(s->of[best].share)) best = j;
        text_share most = s->of[best];
        for (; best > i; best--) s->of[best] = s->of[best - 1];
        s->of[i] = most;
    }
}
