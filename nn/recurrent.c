/* recurrent.c: a layer of GRU or of LSTM over a batch of sequences. */
#include <math.h>

#include "layer.h"

typedef struct kind {
    const char *name;
    int64_t     gates;
    bool        has_cell; /* beside h, a state c */
    tn_tensor *(*op)(tn_tape *, tn_tensor *x, tn_tensor *state, tn_tensor *weight, tn_tensor *bias, tn_ids lengths);
} kind;

static const kind gru = {"nn_gru", 3, false, tn_gru}, lstm = {"nn_lstm", 4, true, tn_lstm};

static void init(nn_recurrent *r, tn_params *ps, const char *name, int64_t in, int64_t hidden, const kind *k)
{
    char who[32];
    snprintf(who, sizeof who, "%s_init", k->name);
    if (!nn__begin(r, sizeof *r, ps, name, who)) return;
    const double bound = hidden > 0 ? 1 / sqrt((double)hidden) : 0;
    const tn_init uniform = tn_uniform(-bound, bound);
    const int64_t rows = hidden <= INT64_MAX / k->gates ? k->gates * hidden : INT64_MAX; /* more than there is memory for */
    r->weight_ih = tn_param(ps, TN_DIMS(rows, in), uniform, "%s.weight_ih_l0", name);
    r->weight_hh = tn_param(ps, TN_DIMS(rows, hidden), uniform, "%s.weight_hh_l0", name);
    r->bias_ih = tn_param(ps, TN_DIMS(rows), uniform, "%s.bias_ih_l0", name);
    r->bias_hh = tn_param(ps, TN_DIMS(rows), uniform, "%s.bias_hh_l0", name);
    if (!r->bias_hh) *r = (nn_recurrent){.weight_ih = NULL};
}

void nn_gru_init(nn_gru *g, tn_params *ps, const char *name, int64_t in, int64_t hidden)
{
    init(g, ps, name, in, hidden, &gru);
}

void nn_lstm_init(nn_lstm *l, tn_params *ps, const char *name, int64_t in, int64_t hidden)
{
    init(l, ps, name, in, hidden, &lstm);
}

static bool check(const nn_recurrent *r, tn_tape *t, const kind *k, const tn_tensor *x)
{
    if (!tn_ok(t)) return false;
    if (!r || !r->weight_ih)
        return tn_fail(tn_tape_error(t), TN_EUSAGE, "%s: there are no weights: call %s_init first", k->name, k->name);
    if (!x || (x->rank == 3 && x->size[2] == r->weight_ih->size[1])) return true; /* an op finds the words for NULL */
    return tn_fail(tn_tape_error(t), TN_ESHAPE, "%s \"%s\": x is %s, it must be (batch, steps, %lld)", k->name,
                   r->weight_ih->name, TN_STR(x), (long long)r->weight_ih->size[1]);
}

/* The states at all steps, as the op has them; *state goes from the first to the last. */
static tn_tensor *states_of(const nn_recurrent *r, tn_tape *t, const kind *k, tn_tensor *x, tn_ids lengths, tn_tensor **state)
{
    tn_tensor *first = state ? *state : NULL;
    if (state) *state = NULL;
    x = check(r, t, k, x) ? tn_linear(t, tn_transpose(t, x, 0, 1), r->weight_ih, r->bias_ih) : NULL;
    if (!x) return NULL;
    const int64_t steps = x->size[0], batch = x->size[1], hidden = r->weight_hh->size[1];
    const tn_dims shape = k->has_cell ? TN_DIMS(2, batch, hidden) : TN_DIMS(batch, hidden);
    tn_tensor *y = k->op(t, x, first ? first : tn_input(t, shape, NULL, false), r->weight_hh, r->bias_hh, lengths);
    if (state) *state = tn_reshape(t, tn_slice(t, y, -3, steps - 1, steps, 1), shape);
    return y;
}

/* (steps, batch, hidden) -> (batch, steps, hidden), zeros behind each length */
static tn_tensor *outputs(tn_tape *t, tn_tensor *h, tn_ids lengths)
{
    tn_tensor *y = tn_transpose(t, h, 0, 1);
    if (!y || !lengths.id) return y;
    tn_tensor *mask = nn_length_mask(t, lengths, y->size[1]);
    return tn_where(t, tn_reshape(t, mask, TN_DIMS(y->size[0], y->size[1], 1)), y, tn_scalar(t, 0));
}

tn_tensor *nn_gru_forward(const nn_gru *g, tn_tape *t, tn_tensor *x, tn_ids lengths, tn_tensor **state)
{
    return outputs(t, states_of(g, t, &gru, x, lengths, state), lengths);
}

tn_tensor *nn_lstm_forward(const nn_lstm *l, tn_tape *t, tn_tensor *x, tn_ids lengths, tn_tensor **state)
{
    tn_tensor *y = states_of(l, t, &lstm, x, lengths, state);
    tn_tensor *h = y ? tn_reshape(t, tn_slice(t, y, 0, 0, 1, 1), TN_DIMS(y->size[1], y->size[2], y->size[3])) : NULL;
    return outputs(t, h, lengths);
}
