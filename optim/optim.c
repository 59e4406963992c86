/* optim.c: the engine of the optimisers. It knows parameters, settings and states; a rule knows the mathematics. */
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/memory.h>
#include <tarn/optim.h>

typedef struct slot {
    double   lr_scale, weight_decay;
    int64_t  t;                      /* steps of this parameter */
    tn_real *state[OPTIM_MAX_STATE]; /* taken at its first gradient */
    void    *block[OPTIM_MAX_STATE]; /* where they lie */
} slot;

struct optim {
    tn_params        *ps;
    const optim_rule *rule;
    void             *options;
    double            lr, weight_decay;
    int64_t           steps;
    int               n_state, n_slots;
    slot             *slot;      /* by place in the params; buffers have one too, never used */
    tn_real          *zeros;     /* the gradient of a row that has none */
    int64_t           n_zeros;
};

static tn_error *error_of(const optim *o)
{
    return tn_params_error(o->ps);
}

static bool failed(const optim *o)
{
    return !o || error_of(o)->code != TN_OK;
}

/* ---- settings -------------------------------------------------------------------------------------------------- */

bool optim_check_option(tn_error *err, const char *rule, const char *option, double value, double low, double high)
{
    rule = rule ? rule : "rule";
    option = option ? option : "option";
    if (!isfinite(value)) {
        return tn_fail(err, TN_EUSAGE, "%s: %s is %g, it must be finite", rule, option, value);
    }
    if (value >= low && value < high) {
        return true;
    }
    if (isinf(high)) {
        return tn_fail(err, TN_EUSAGE, "%s: %s is %g, it must be at least %g", rule, option, value, low);
    }
    return tn_fail(err, TN_EUSAGE, "%s: %s is %g, it must be in [%g, %g)", rule, option, value, low, high);
}

static bool check_lr(const optim *o, double lr)
{
    return optim_check_option(error_of(o), o->rule->name, "lr", lr, 0, INFINITY);
}

static bool check_decay(const optim *o, double decay)
{
    const optim_rule *r = o->rule;
    return optim_check_option(error_of(o), r->name, "weight_decay", decay, 0, INFINITY) &&
           (!r->check || r->check(o->options, decay, error_of(o)));
}

/* A slot for each parameter of now. */
static bool reserve_slots(optim *o)
{
    int n = tn_params_count(o->ps);
    if (n <= o->n_slots) {
        return true;
    }
    slot *s = tn_realloc(o->slot, (size_t)n * sizeof *s);
    if (!s) {
        return tn_fail(error_of(o), TN_EMEMORY, "%s: no memory for %d parameters", o->rule->name, n);
    }
    for (int i = o->n_slots; i < n; i++) {
        s[i] = (slot){.lr_scale = 1, .weight_decay = o->weight_decay};
    }
    o->slot = s;
    o->n_slots = n;
    return true;
}

typedef enum setting { LR_SCALE, WEIGHT_DECAY, FROZEN } setting;

static void set_one(optim *o, int i, setting what, double value)
{
    switch (what) {
    case LR_SCALE: o->slot[i].lr_scale = value; break;
    case WEIGHT_DECAY: o->slot[i].weight_decay = value; break;
    case FROZEN: tn_freeze(tn_params_at(o->ps, i), value != 0); break;
    }
}

static int set_matching(optim *o, const char *pattern, setting what, double value)
{
    int n = 0;
    if (!reserve_slots(o)) {
        return 0;
    }
    for (int i = 0; pattern && i < o->n_slots; i++) {
        const tn_tensor *p = tn_params_at(o->ps, i);
        if (tn_is_param(p) && fnmatch(pattern, p->name, 0) == 0) {
            set_one(o, i, what, value);
            n++;
        }
    }
    if (n == 0) {
        tn_fail(error_of(o), TN_EUSAGE, "%s: no parameter matches the pattern \"%s\"", o->rule->name,
                pattern ? pattern : "NULL");
    }
    return n;
}

int optim_set_lr_scale(optim *o, const char *pattern, double scale)
{
    if (failed(o) || !optim_check_option(error_of(o), o->rule->name, "lr_scale", scale, 0, INFINITY)) {
        return 0;
    }
    return set_matching(o, pattern, LR_SCALE, scale);
}

int optim_set_weight_decay(optim *o, const char *pattern, double decay)
{
    return failed(o) || !check_decay(o, decay) ? 0 : set_matching(o, pattern, WEIGHT_DECAY, decay);
}

int optim_set_frozen(optim *o, const char *pattern, bool frozen)
{
    return failed(o) ? 0 : set_matching(o, pattern, FROZEN, frozen);
}

void optim_set_lr(optim *o, double lr)
{
    if (!failed(o) && check_lr(o, lr)) {
        o->lr = lr;
    }
}

double optim_lr(const optim *o)
{
    return o ? o->lr : (double)NAN;
}

int64_t optim_steps(const optim *o)
{
    return o ? o->steps : 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static bool copy_options(optim *o, const void *options)
{
    size_t n = o->rule->options_size;
    o->options = tn_malloc(n ? n : 1);
    if (!o->options) {
        return tn_fail(error_of(o), TN_EMEMORY, "%s: no memory for the options", o->rule->name);
    }
    if (n) {
        memcpy(o->options, options, n);
    }
    return true;
}

static bool count_states(optim *o)
{
    o->n_state = o->rule->n_state ? o->rule->n_state(o->options) : 0;
    if (o->n_state >= 0 && o->n_state <= OPTIM_MAX_STATE) {
        return true;
    }
    return tn_fail(error_of(o), TN_EUSAGE, "%s: the rule wants %d states, it may have 0 to %d", o->rule->name,
                   o->n_state, OPTIM_MAX_STATE);
}

static bool start(optim *o, const void *options)
{
    return check_lr(o, o->lr) && copy_options(o, options) && check_decay(o, o->weight_decay) && count_states(o);
}

static bool check_rule(const optim_rule *rule, const void *options, tn_error *err)
{
    if (!rule || !rule->name || !rule->update) {
        return tn_fail(err, TN_EUSAGE, "optim_new: the rule needs a name and an update");
    }
    if (rule->options_size && !options) {
        return tn_fail(err, TN_EUSAGE, "%s: options is NULL", rule->name);
    }
    return true;
}

optim *optim_new(tn_params *ps, const optim_rule *rule, const void *options, double lr, double weight_decay)
{
    tn_error *err = ps ? tn_params_error(ps) : NULL;
    if (!err || err->code != TN_OK || !check_rule(rule, options, err)) {
        return NULL;
    }
    optim *o = tn_calloc(1, sizeof *o);
    if (!o) {
        tn_fail(err, TN_EMEMORY, "%s: no memory for the optimiser", rule->name);
        return NULL;
    }
    *o = (optim){.ps = ps, .rule = rule, .lr = lr, .weight_decay = weight_decay};
    if (!start(o, options)) {
        optim_free(o);
        return NULL;
    }
    return o;
}

static void free_state(slot *s)
{
    for (int k = 0; k < OPTIM_MAX_STATE; k++) {
        tn_free(s->block[k]);
    }
}

void optim_free(optim *o)
{
    if (!o) {
        return;
    }
    for (int i = 0; i < o->n_slots; i++) {
        free_state(&o->slot[i]);
    }
    tn_free(o->slot);
    tn_free(o->zeros);
    tn_free(o->options);
    tn_free(o);
}

/* ---- a step: reserve everything, then change everything -------------------------------------------------------- */

/* calloc: the pages of a table's state that no step has touched cost nothing. From a cache line's begin, as the
 * table. */
static bool reserve_numbers(slot *s, int k, int64_t n, double initial)
{
    enum { LINE = 64 };
    size_t bytes = (size_t)n * sizeof(tn_real) + LINE;
    s->block[k] = tn_calloc(bytes, 1);
    if (!s->block[k]) {
        return false;
    }
    s->state[k] = (tn_real *)(((uintptr_t)s->block[k] + LINE - 1) & ~(uintptr_t)(LINE - 1));
    for (int64_t i = 0; initial != 0 && i < n; i++) {
        s->state[k][i] = (tn_real)initial;
    }
    return true;
}

static bool reserve_state(optim *o, slot *s, const tn_tensor *param)
{
    for (int k = 0; k < o->n_state; k++) {
        double initial = o->rule->initial ? o->rule->initial(o->options, k) : 0;
        if (!s->state[k] && !reserve_numbers(s, k, param->n, initial)) {
            return tn_fail(error_of(o), TN_EMEMORY, "%s: no memory for the state of \"%s\" %s", o->rule->name,
                           param->name, TN_STR(param));
        }
    }
    return true;
}

static bool visits_touched_rows_only(const optim *o, const slot *s)
{
    return o->rule->touched_rows_only && o->rule->touched_rows_only(o->options, s->weight_decay);
}

static bool reserve_zeros(optim *o, const tn_tensor *param, int64_t width)
{
    if (o->n_zeros >= width && o->zeros) {
        return true;
    }
    tn_free(o->zeros);
    o->zeros = tn_calloc((size_t)width + 1, sizeof *o->zeros);
    o->n_zeros = o->zeros ? width : 0;
    return o->zeros || tn_fail(error_of(o), TN_EMEMORY, "%s: no memory for a row of \"%s\" %s", o->rule->name,
                               param->name, TN_STR(param));
}

static const char *why_no_gradient(const tn_params *ps)
{
    int params = 0;
    for (int i = 0; i < tn_params_count(ps); i++) {
        const tn_tensor *p = tn_params_at(ps, i);
        params += tn_is_param(p);
        if (tn_is_param(p) && !tn_is_frozen(p)) {
            return "no gradient since the last step: call tn_backward first";
        }
    }
    return params ? "every parameter is frozen: tn_freeze(p, false) lets one move"
                  : "its params have no parameters: make the layers (nn_linear_init, tn_param) with the same params";
}

static bool reserve(optim *o)
{
    bool found = false;
    if (!reserve_slots(o)) {
        return false;
    }
    for (int i = 0; i < o->n_slots; i++) {
        const tn_tensor *p = tn_params_at(o->ps, i);
        slot *s = &o->slot[i];
        tn_gradient g;
        if (!tn_param_gradient(p, &g)) {
            continue;
        }
        found = true;
        if (!reserve_state(o, s, p) ||
            (g.row && !visits_touched_rows_only(o, s) && !reserve_zeros(o, p, g.width))) {
            return false;
        }
    }
    return found || tn_fail(error_of(o), TN_EUSAGE, "optim_step: %s", why_no_gradient(o->ps));
}

static void update(const optim *o, slot *s, tn_tensor *param)
{
    optim_update u = {.options = o->options, .param = param, .state = s->state, .n_state = o->n_state};
    if (!tn_param_gradient(param, &u.grad)) {
        return;
    }
    u.lr = o->lr * s->lr_scale;
    u.weight_decay = s->weight_decay;
    u.t = ++s->t;
    if (!visits_touched_rows_only(o, s)) {
        u.zeros = o->zeros;
    }
    o->rule->update(&u);
}

bool optim_step(optim *o)
{
    if (failed(o) || !reserve(o)) {
        return false;
    }
    for (int i = 0; i < o->n_slots; i++) {
        update(o, &o->slot[i], tn_params_at(o->ps, i));
    }
    tn_params_commit(o->ps);
    o->steps++;
    return true;
}

/* ---- a checkpoint ---------------------------------------------------------------------------------------------- */

static const char rule_key[] = "optim.rule", steps_key[] = "optim.steps";

enum { NAME = TN_NAME + 32, NUMBER = 24 };

/* What optim_save gives to tn_save_with, and the texts in it. */
typedef struct contents {
    tn_tensor *array;
    tn_meta   *meta;
    char     (*name)[NAME];     /* of the arrays */
    char     (*key)[NAME];      /* of the parameters' steps */
    char     (*number)[NUMBER]; /* these steps, and the optimiser's */
    int        n, n_meta;
} contents;

static void name_state(char *name, const tn_tensor *param, int k)
{
    snprintf(name, NAME, "optim.%s.%d", param->name, k);
}

static void name_steps(char *key, const tn_tensor *param)
{
    snprintf(key, NAME, "optim.%s.steps", param->name);
}

static void add_meta(contents *c, const char *key, const char *value)
{
    c->meta[c->n_meta++] = (tn_meta){key, value};
}

static void add_slot(contents *c, const optim *o, int i)
{
    const slot *s = &o->slot[i];
    const tn_tensor *p = tn_params_at(o->ps, i);
    if (s->t == 0) {
        return;
    }
    name_steps(c->key[i], p);
    snprintf(c->number[i], NUMBER, "%lld", (long long)s->t);
    add_meta(c, c->key[i], c->number[i]);
    for (int k = 0; k < o->n_state; k++) {
        name_state(c->name[c->n], p, k);
        c->array[c->n] = *p;
        c->array[c->n].name = c->name[c->n];
        c->array[c->n++].data = s->state[k];
    }
}

static bool collect(contents *c, const optim *o, int n, const tn_meta *meta)
{
    size_t slots = (size_t)o->n_slots, states = slots * (size_t)o->n_state;
    *c = (contents){.array = tn_malloc((states + 1) * sizeof *c->array),
                    .meta = tn_malloc((slots + 2 + (size_t)n) * sizeof *c->meta),
                    .name = tn_malloc((states + 1) * sizeof *c->name),
                    .key = tn_malloc((slots + 1) * sizeof *c->key),
                    .number = tn_malloc((slots + 1) * sizeof *c->number)};
    if (!c->array || !c->meta || !c->name || !c->key || !c->number) {
        return tn_fail(error_of(o), TN_EMEMORY, "%s: no memory for a checkpoint", o->rule->name);
    }
    for (int i = 0; i < n; i++) {
        c->meta[c->n_meta++] = meta[i];
    }
    for (int i = 0; i < o->n_slots; i++) {
        add_slot(c, o, i);
    }
    snprintf(c->number[slots], NUMBER, "%lld", (long long)o->steps);
    add_meta(c, rule_key, o->rule->name);
    add_meta(c, steps_key, c->number[slots]);
    return true;
}

bool optim_save(const optim *o, const char *path, int n, const tn_meta *meta)
{
    contents c = {0};
    if (failed(o)) {
        return false;
    }
    if (n < 0 || (n > 0 && !meta)) {
        return tn_save(o->ps, path, n, meta); /* it says what is wrong */
    }
    bool ok = collect(&c, o, n, meta) && tn_save_with(o->ps, path, c.n, c.array, c.n_meta, c.meta);
    tn_free(c.array);
    tn_free(c.meta);
    tn_free(c.name);
    tn_free(c.key);
    tn_free(c.number);
    return ok;
}

/* A count in digits alone; missing says what it is if there is none. */
static bool read_count(const optim *o, const tn_file *f, const char *path, const char *key, int64_t missing, int64_t *to)
{
    const char *text = tn_file_meta(f, key);
    size_t n = text ? strlen(text) : 0;
    bool digits = n > 0 && n <= 18 && strspn(text, "0123456789") == n;
    *to = digits ? strtoll(text, NULL, 10) : text ? -1 : missing;
    return *to >= 0 || tn_fail(error_of(o), TN_EFORMAT, "load \"%s\": \"%s\" is \"%.40s\", not a count of steps", path, key,
                               text ? text : "");
}

static bool read_slot(optim *o, tn_file *f, const char *path, int i)
{
    slot *s = &o->slot[i];
    const tn_tensor *p = tn_params_at(o->ps, i);
    char name[NAME];
    name_steps(name, p);
    if (!read_count(o, f, path, name, 0, &s->t) || (s->t && !reserve_state(o, s, p))) {
        return false;
    }
    for (int k = 0; s->t && k < o->n_state; k++) {
        name_state(name, p, k);
        if (!tn_file_read(f, name, s->state[k], p->n)) {
            return false;
        }
    }
    return true;
}

/* Into o, which is new. */
static bool read_state(optim *o, tn_file *f, const char *path)
{
    const char *rule = tn_file_meta(f, rule_key);
    if (!rule) {
        return tn_fail(error_of(o), TN_EFORMAT, "load \"%s\": it holds no optimiser's state: optim_save writes it", path);
    }
    if (strcmp(rule, o->rule->name) != 0) {
        return tn_fail(error_of(o), TN_EFORMAT, "load \"%s\": it holds the state of %.40s, this optimiser is %s", path, rule,
                       o->rule->name);
    }
    if (!reserve_slots(o) || !read_count(o, f, path, steps_key, -1, &o->steps)) {
        return false;
    }
    for (int i = 0; i < o->n_slots; i++) {
        if (!read_slot(o, f, path, i)) {
            return false;
        }
    }
    return true;
}

/* What from holds becomes o's; settings stay. */
static void take_state(optim *o, optim *from)
{
    for (int i = 0; i < o->n_slots; i++) {
        slot *s = &o->slot[i], read = from->slot[i];
        free_state(s);
        from->slot[i] = (slot){0};
        read.lr_scale = s->lr_scale;
        read.weight_decay = s->weight_decay;
        *s = read;
    }
    o->steps = from->steps;
}

bool optim_load(optim *o, const char *path)
{
    if (failed(o)) {
        return false;
    }
    tn_file *f = tn_file_open(path, error_of(o));
    optim *read = f ? optim_new(o->ps, o->rule, o->options, o->lr, o->weight_decay) : NULL;
    bool ok = read && read_state(read, f, path) && reserve_slots(o) && tn_file_load(f, o->ps, TN_STRICT);
    if (ok) {
        take_state(o, read);
    }
    optim_free(read);
    tn_file_close(f);
    return ok;
}

/* ---- what an update visits ------------------------------------------------------------------------------------- */

static void set_span(const optim_update *u, optim_span *s, int64_t at, const tn_real *grad)
{
    s->param = u->param->data + at;
    s->grad = grad;
    for (int i = 0; i < u->n_state; i++) {
        s->state[i] = u->state[i] + at;
    }
}

static int64_t count_spans(const optim_update *u)
{
    return !u->grad.row ? 1 : u->zeros ? u->param->size[0] : u->grad.n_rows;
}

enum { AHEAD = 8 };

/* Touched rows lie anywhere in a table larger than any cache: they are asked for ahead. Inline, because gcc drops
 * calls of functions that only prefetch. */
static inline __attribute__((always_inline)) void fetch_row(const optim_update *u, int64_t at)
{
    enum { LINE = 64 / sizeof(tn_real) };
    for (int64_t d = at; d < at + u->grad.width; d += LINE) {
        __builtin_prefetch(u->param->data + d, 1);
        for (int i = 0; i < u->n_state; i++) {
            __builtin_prefetch(u->state[i] + d, 1);
        }
    }
}

bool optim_next(const optim_update *u, optim_span *s)
{
    int64_t k = u && s ? s->next++ : INT64_MAX;
    if (k == INT64_MAX || k >= count_spans(u)) {
        return false;
    }
    const tn_gradient *g = &u->grad;
    s->n = g->row ? g->width : u->param->n;
    if (g->row && !u->zeros && k + AHEAD < g->n_rows) {
        fetch_row(u, g->row[k + AHEAD] * g->width);
    }
    if (!g->row) {
        set_span(u, s, 0, g->data);
    } else if (!u->zeros) {
        set_span(u, s, g->row[k] * g->width, g->data + k * g->width);
    } else {
        set_span(u, s, k * g->width, g->slot_of[k] ? g->data + (g->slot_of[k] - 1) * g->width : u->zeros);
    }
    return true;
}

/* ---- in pieces ------------------------------------------------------------------------------------------------- */

/* Numbers, of which fewer are moved before another thread is awake. The rows that a step has touched are still in this
 * processor's caches: only many are worth passing on to another one. */
enum { PIECE = 1 << 14, ROWS_PIECE = 1 << 18 };

typedef struct pieces {
    const optim_update *u;
    optim_move         *move;
    const void         *factors;
} pieces;

static void move_numbers(int64_t begin, int64_t end, void *arg)
{
    const pieces *p = arg;
    optim_span s = {.n = end - begin};
    set_span(p->u, &s, begin, p->u->grad.data + begin);
    p->move(&s, p->factors);
}

static void move_rows(int64_t begin, int64_t end, void *arg)
{
    const pieces *p = arg;
    for (optim_span s = {.next = begin}; s.next < end;) {
        optim_next(p->u, &s);
        p->move(&s, p->factors);
    }
}

static void move_touched_rows(int64_t begin, int64_t end, void *arg)
{
    const pieces *p = arg;
    const tn_gradient g = p->u->grad;
    optim_span s = {.n = g.width};
    for (int64_t k = begin; k < end; k++) {
        fetch_row(p->u, g.row[k + AHEAD < g.n_rows ? k + AHEAD : k] * g.width);
        set_span(p->u, &s, g.row[k] * g.width, g.data + k * g.width);
        p->move(&s, p->factors);
    }
}

void optim_each(const optim_update *u, optim_move *move, const void *factors)
{
    pieces p = {u, move, factors};
    if (!u || !move) {
        return;
    }
    if (!u->grad.row) {
        tn_parallel_for(u->param->n, PIECE, move_numbers, &p);
    } else {
        tn_parallel_for(count_spans(u), 1 + ROWS_PIECE / (u->grad.width + 1), u->zeros ? move_rows : move_touched_rows, &p);
    }
}
