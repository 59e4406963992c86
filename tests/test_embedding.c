/* embedding and embedding_bag against a naive reference written here, with every option, and every misuse. */
#include "tests.h"

enum { ROWS = 7, WIDTH = 5, IDS = 12 };

static const int32_t some_ids[IDS] = {3, 0, 6, 3, 1, 3, 6, 0, 0, 2, 1, 3}; /* never 4, never 5 */

#ifdef TN_DOUBLE
static const double TOLERANCE = 1e-12;
#else
static const double TOLERANCE = 1e-5;
#endif

static void ck_near(double got, double want, const char *what, int64_t i)
{
    ck_assert_msg(fabs(got - want) <= TOLERANCE * fmax(1, fabs(want)), "%s[%lld] is %.9g, the reference says %.9g",
                  what,
                  (long long)i, got, want);
}

static tn_tensor *new_table(void)
{
    return tn_param(ps, TN_DIMS(ROWS, WIDTH), tn_normal(0, 1), "words.weight");
}

/* ---- the reference --------------------------------------------------------------------------------------------- */

static double row_norm(const tn_real *row, double p)
{
    double sum = 0;
    for (int d = 0; d < WIDTH; d++) {
        double x = fabs((double)row[d]);
        sum = !isinf(p) ? sum + pow(x, p) : x > sum ? x : sum;
    }
    return isinf(p) ? sum : pow(sum, 1 / p);
}

/* What a lookup of the row reads. */
static void read_row(const tn_real *table, int32_t id, const tn_embedding_options *o, double *row)
{
    double norm = row_norm(table + id * WIDTH, o->norm_type);
    double scale = o->max_norm > 0 && norm > o->max_norm ? o->max_norm / (norm + 1e-7) : 1;
    for (int d = 0; d < WIDTH; d++) row[d] = (double)table[id * WIDTH + d] * scale;
}

static int32_t padding_of(const tn_embedding_options *o)
{
    if (o->padding_idx == TN_NO_PADDING) return -1;
    return (int32_t)(o->padding_idx < 0 ? o->padding_idx + ROWS : o->padding_idx);
}

static double frequency(const int32_t *ids, int64_t n, int32_t id, const tn_embedding_options *o)
{
    int64_t count = 0;
    for (int64_t k = 0; k < n; k++) count += ids[k] == id;
    return o->scale_grad_by_freq ? (double)count : 1;
}

/* ---- comparing ------------------------------------------------------------------------------------------------- */

static const unsigned modes[] = {TN_GRAD | TN_TRAIN, TN_GRAD, TN_TRAIN, TN_EVAL};

static const tn_embedding_options option_sets[] = {
    {TN_NO_PADDING, 0, 2, false}, {3, 0, 2, false},  {-1, 0, 2, false},  {-7, 0, 2, true},
    {TN_NO_PADDING, 0, 2, true},  {1, 1.5, 2, true}, {-4, 2, 1, false},  {TN_NO_PADDING, 1, (double)INFINITY, false},
    {0, 1.25, 3, false},          {4, 0, 2, false},  {3, 1e9, 2, false},
};
enum { SETS = sizeof option_sets / sizeof *option_sets };

/* The table after a lookup: scaled in place, once, under TN_TRAIN; else as it was. */
static void ck_table(const tn_tensor *table, const tn_real *before, const int32_t *ids, int64_t n, unsigned mode,
                     const tn_embedding_options *o)
{
    for (int32_t id = 0; id < ROWS; id++) {
        double row[WIDTH];
        bool used = false;
        for (int64_t k = 0; k < n; k++) used = used || ids[k] == id;
        read_row(before, id, o, row);
        for (int d = 0; d < WIDTH; d++) {
            int64_t at = id * WIDTH + d;
            if (used && mode & TN_TRAIN) ck_near((double)table->data[at], row[d], "table", at);
            else ck_assert(table->data[at] == before[at]);
        }
    }
}

/* The gradient holds the distinct ids but the padding, in order of first touch, and nothing else. */
static void ck_rows(const tn_tensor *table, const int32_t *ids, int64_t n, int32_t padding)
{
    int32_t want[ROWS];
    int64_t n_want = 0;
    for (int64_t k = 0; k < n; k++) {
        bool known = ids[k] == padding;
        for (int64_t r = 0; r < n_want; r++) known = known || want[r] == ids[k];
        if (!known) want[n_want++] = ids[k];
    }
    tn_gradient g;
    ck_assert(tn_param_gradient(table, &g));
    ck_assert_int_eq(g.n_rows, n_want);
    ck_assert_int_eq(g.width, WIDTH);
    for (int64_t r = 0; r < n_want; r++) ck_assert_int_eq(g.row[r], want[r]);
}

static void ck_gradient(tn_tensor *x, const double *want, const char *what)
{
    const tn_real *got = tn_grad_data(x);
    ck_assert_ptr_nonnull(got);
    for (int64_t i = 0; i < x->n; i++) ck_near((double)got[i], want[i], what, i);
}

static void fill(tn_real *x, int64_t n, uint64_t stream)
{
    for (int64_t i = 0; i < n; i++) x[i] = (tn_real)(tn_rng_uniform(tn_rng_new(9, stream, 0, 0), (uint64_t)i) - 0.4);
}

/* ---- embedding ------------------------------------------------------------------------------------------------- */

static void ck_embedding(const tn_tensor *y, const tn_real *before, const tn_embedding_options *o)
{
    ck_assert_int_eq(y->rank, 2);
    ck_assert_int_eq(y->size[0], IDS);
    for (int k = 0; k < IDS; k++) {
        double row[WIDTH];
        read_row(before, some_ids[k], o, row);
        for (int d = 0; d < WIDTH; d++) ck_near((double)y->data[k * WIDTH + d], row[d], "y", k * WIDTH + d);
    }
}

START_TEST(lookup)
{
    const tn_embedding_options *o = &option_sets[_i % SETS];
    unsigned mode = modes[_i / SETS];
    tn_real before[ROWS * WIDTH], g[IDS * WIDTH];
    double want[ROWS * WIDTH] = {0};
    tn_tensor *table = new_table();
    memcpy(before, table->data, sizeof before);
    tn_tape_begin(t, mode);
    tn_tensor *y = tn_embedding(t, table, (tn_ids){some_ids, IDS}, *o);
    ck_no_error();
    ck_embedding(y, before, o);
    ck_table(table, before, some_ids, IDS, mode, o);
    if (!(mode & TN_GRAD)) return;
    fill(g, IDS * WIDTH, 1);
    ck_assert(tn_backward_from(t, y, g));
    for (int k = 0; k < IDS; k++)
        for (int d = 0; d < WIDTH && some_ids[k] != padding_of(o); d++)
            want[some_ids[k] * WIDTH + d] += (double)g[k * WIDTH + d] / frequency(some_ids, IDS, some_ids[k], o);
    ck_rows(table, some_ids, IDS, padding_of(o));
    ck_gradient(table, want, "table's gradient");
}
END_TEST

START_TEST(nothing_looked_up)
{
    static const int64_t offsets[] = {0, 0, 0};
    tn_tensor *table = new_table();
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_tensor *y = tn_embedding(t, table, (tn_ids){NULL, 0}, option_sets[5]);
    tn_tensor *none = tn_embedding_bag(t, table, (tn_bags){{NULL, 0}, NULL, 0}, NULL, tn_embedding_bag_defaults());
    tn_tensor *empty = tn_embedding_bag(t, table, (tn_bags){{NULL, 0}, offsets, 3}, NULL,
                                        tn_embedding_bag_defaults());
    ck_no_error();
    ck_assert(y->rank == 2 && y->size[0] == 0 && y->size[1] == WIDTH);
    ck_assert(none->rank == 2 && none->size[0] == 0 && none->size[1] == WIDTH);
    ck_assert(empty->rank == 2 && empty->size[0] == 3 && empty->size[1] == WIDTH);
    for (int64_t i = 0; i < empty->n; i++) ck_assert(empty->data[i] == 0);
}
END_TEST

/* A row that occurs often is scaled once: what rounding leaves above the norm stays. */
START_TEST(max_norm_once)
{
    enum { MANY = 100 };
    int32_t ids[3 * MANY];
    for (int k = 0; k < 3 * MANY; k++) ids[k] = k % MANY;
    tn_embedding_options o = tn_embedding_defaults();
    o.max_norm = 1;
    tn_tensor *a = tn_param(ps, TN_DIMS(MANY, WIDTH), tn_uniform(1e12, 2e12), "a");
    tn_tensor *b = tn_param(ps, TN_DIMS(MANY, WIDTH), tn_copy_of(a->data), "b");
    tn_tape_begin(t, TN_TRAIN);
    tn_embedding(t, a, (tn_ids){ids, MANY}, o);
    tn_embedding(t, b, (tn_ids){ids, 3 * MANY}, o);
    ck_no_error();
    ck_assert_mem_eq(a->data, b->data, (size_t)a->n * sizeof *a->data);
}
END_TEST

/* max_norm twice on one table and tape is as in PyTorch; after an op that needs the old values it is an error. */
START_TEST(max_norm_order)
{
    tn_embedding_options o = tn_embedding_defaults();
    o.max_norm = 0.5;
    tn_tensor *table = new_table();
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_embedding(t, table, (tn_ids){some_ids, IDS}, o);
    tn_embedding(t, table, (tn_ids){some_ids, 3}, o);
    ck_no_error();
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_square(t, table);
    ck_assert_ptr_null(tn_embedding(t, table, (tn_ids){some_ids, 3}, o));
    ck_assert_int_eq(err.code, TN_EUSAGE);
}
END_TEST

/* A table that is no parameter is never written. */
START_TEST(max_norm_of_an_input)
{
    tn_real before[ROWS * WIDTH];
    fill(before, ROWS * WIDTH, 2);
    const tn_embedding_options *o = &option_sets[7];
    tn_tape_begin(t, TN_TRAIN);
    tn_tensor *table = tn_const(t, TN_DIMS(ROWS, WIDTH), before);
    ck_embedding(tn_embedding(t, table, (tn_ids){some_ids, IDS}, *o), before, o);
    ck_no_error();
}
END_TEST

/* ---- embedding bag --------------------------------------------------------------------------------------------- */

/* Bags 1 and 4 are empty, bag 2 is one id three times over, the last one is all padding where that is row 3. */
static const int64_t some_offsets[] = {0, 3, 3, 7, 9, 9, 11, 12};
enum { BAGS = 7 };

typedef struct bag_case {
    tn_embedding_bag_options o;
    bool                     weighted;
    int64_t                  n_bags;
} bag_case;

static bag_case bag_case_of(int i)
{
    bag_case c = {.o = {.mode = (tn_bag_mode)(i % 3), .rows = option_sets[i / 3 % SETS]}};
    int form = i / 3 / SETS; /* 0: plain, 1: the last offset given, 2: weighted */
    c.o.include_last_offset = form == 1;
    c.n_bags = form == 1 ? BAGS - 1 : BAGS; /* then the last ids are in no bag */
    c.weighted = form == 2 && c.o.mode == TN_BAG_SUM;
    if (c.o.mode == TN_BAG_MAX) c.o.rows.scale_grad_by_freq = false;
    return c;
}
enum { BAG_CASES = 3 * SETS * 3 };

static int64_t end_of(const bag_case *c, int64_t b)
{
    return b + 1 < c->n_bags || c->o.include_last_offset ? some_offsets[b + 1] : IDS;
}

/* One bag: its value, and what its gradient g adds to the table's and the weights'. */
static void naive_bag(const bag_case *c, const tn_real *before, const tn_real *weight, int64_t b, const tn_real *g,
                      double *value, double *table_grad, double *weight_grad)
{
    int32_t padding = padding_of(&c->o.rows);
    int64_t size = 0, end = end_of(c, b), used = end_of(c, c->n_bags - 1);
    for (int64_t k = some_offsets[b]; k < end; k++) size += some_ids[k] != padding;
    for (int d = 0; d < WIDTH; d++) {
        int64_t winner = -1;
        double sum = 0, most = 0, row[WIDTH];
        for (int64_t k = some_offsets[b]; k < end; k++) {
            int32_t id = some_ids[k];
            if (id == padding) continue;
            read_row(before, id, &c->o.rows, row);
            double w = weight ? (double)weight[k] : 1, shares = c->o.mode == TN_BAG_MEAN ? (double)size : 1;
            if (winner < 0 || row[d] > most) winner = k, most = row[d];
            sum += w * row[d] / shares;
            weight_grad[k] += (double)g[d] * row[d];
            if (c->o.mode != TN_BAG_MAX)
                table_grad[id * WIDTH + d] += w * (double)g[d] / shares / frequency(some_ids, used, id, &c->o.rows);
        }
        value[d] = c->o.mode == TN_BAG_MAX ? most : sum;
        if (c->o.mode == TN_BAG_MAX && winner >= 0) table_grad[some_ids[winner] * WIDTH + d] += (double)g[d];
    }
}

START_TEST(bags)
{
    const bag_case c = bag_case_of(_i % BAG_CASES);
    unsigned mode = modes[_i / BAG_CASES];
    tn_real before[ROWS * WIDTH], g[BAGS * WIDTH], w[IDS];
    double value[BAGS * WIDTH], table_grad[ROWS * WIDTH] = {0}, weight_grad[IDS] = {0};
    tn_tensor *table = new_table();
    memcpy(before, table->data, sizeof before);
    fill(g, BAGS * WIDTH, 3);
    fill(w, IDS, 4);
    tn_tape_begin(t, mode);
    tn_tensor *weights = c.weighted ? tn_input(t, TN_DIMS(IDS), w, true) : NULL;
    tn_tensor *y = tn_embedding_bag(t, table, (tn_bags){{some_ids, IDS}, some_offsets, c.n_bags}, weights, c.o);
    ck_no_error();
    ck_assert_int_eq(y->size[0], c.n_bags);
    for (int64_t b = 0; b < c.n_bags; b++)
        naive_bag(&c, before, c.weighted ? w : NULL, b, g + b * WIDTH, value + b * WIDTH, table_grad, weight_grad);
    for (int64_t i = 0; i < y->n; i++) ck_near((double)y->data[i], value[i], "y", i);
    int64_t used = end_of(&c, c.n_bags - 1);
    ck_table(table, before, some_ids, used, mode, &c.o.rows);
    if (!(mode & TN_GRAD)) return;
    ck_assert(tn_backward_from(t, y, g));
    ck_rows(table, some_ids, used, padding_of(&c.o.rows));
    ck_gradient(table, table_grad, "table's gradient");
    if (weights) ck_gradient(weights, weight_grad, "weights' gradient");
}
END_TEST

/* Equal values in a bag: the first occurrence has the whole gradient. */
START_TEST(max_ties)
{
    static const int32_t ids[] = {2, 0, 1};
    static const int64_t offsets[] = {0};
    const tn_real equal[] = {1, 5, 1, 4, 1, 5}, g[] = {1, 1}, want[] = {0, 0, 0, 0, 1, 1};
    tn_embedding_bag_options o = tn_embedding_bag_defaults();
    o.mode = TN_BAG_MAX;
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *table = tn_input(t, TN_DIMS(3, 2), equal, true);
    tn_tensor *y = tn_embedding_bag(t, table, (tn_bags){{ids, 3}, offsets, 1}, NULL, o);
    ck_assert(y && y->data[0] == 1 && y->data[1] == 5);
    ck_assert(tn_backward_from(t, y, g));
    ck_assert_mem_eq(tn_grad_data(table), want, sizeof want);
}
END_TEST

/* More bags than one piece of parallel work: each still has its own rows. */
START_TEST(many_bags)
{
    enum { MANY = 1000 };
    static int32_t ids[2 * MANY];
    static int64_t offsets[MANY];
    for (int b = 0; b < MANY; b++) {
        offsets[b] = 2 * b;
        ids[2 * b] = b % ROWS;
        ids[2 * b + 1] = (b + 3) % ROWS;
    }
    tn_tensor *table = new_table();
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *y = tn_embedding_bag(t, table, (tn_bags){{ids, 2 * MANY}, offsets, MANY}, NULL,
                                    tn_embedding_bag_defaults());
    ck_no_error();
    for (int b = 0; b < MANY; b++)
        for (int d = 0; d < WIDTH; d++) {
            const tn_real *x = table->data + d;
            ck_near((double)y->data[b * WIDTH + d], (double)(x[ids[2 * b] * WIDTH] + x[ids[2 * b + 1] * WIDTH]) / 2,
                    "y", b);
        }
}
END_TEST

/* ---- misuse ---------------------------------------------------------------------------------------------------- */

static const int32_t bad_ids[] = {0, 1, 2, 50321, -1};

typedef struct misuse {
    const char          *what; /* misuse.h */
    tn_dims              table;
    tn_ids               ids;
    tn_embedding_options o;
    tn_code              code;
    const char          *text;
} misuse;

#define PLAIN {TN_NO_PADDING, 0, 2, false}
#define TABLE {2, {ROWS, WIDTH}}

static const misuse misuses[] = {
    {"tn_embedding: an id outside [0, V)",
     TABLE, {bad_ids, 5}, PLAIN, TN_EINDEX, "embedding \"words\": id 50321 at position 3 is outside [0, 7)" STRANGE_ID},
    {"tn_embedding: an id outside [0, V)",
     TABLE, {bad_ids + 4, 1}, PLAIN, TN_EINDEX, "embedding \"words\": id -1 at position 0 is outside [0, 7)" STRANGE_ID},
    {"tn_embedding: an id outside [0, V)",
     {2, {0, WIDTH}}, {bad_ids, 1}, PLAIN, TN_EINDEX, "embedding \"words\": id 0 at position 0 is outside [0, 0)" STRANGE_ID},
    {"tn_embedding: table is no matrix",
     {1, {ROWS}}, {bad_ids, 1}, PLAIN, TN_ESHAPE, "embedding \"words\": table must be (rows, width), it is (7,)"},
    {"tn_embedding: a negative number of ids",
     TABLE, {bad_ids, -2}, PLAIN, TN_EUSAGE, "embedding \"words\": the number of ids is -2"},
    {"tn_embedding: ids at NULL", TABLE, {NULL, 2}, PLAIN, TN_EUSAGE, "embedding \"words\": ids is NULL, and should hold 2"},
    {"tn_embedding: padding_idx outside [-V, V)",
     TABLE, {bad_ids, 3}, {7, 0, 2, false}, TN_EINDEX, "embedding \"words\": padding_idx 7 is outside [-7, 7)"},
    {"tn_embedding: padding_idx outside [-V, V)",
     TABLE, {bad_ids, 3}, {-8, 0, 2, false}, TN_EINDEX, "embedding \"words\": padding_idx -8 is outside [-7, 7)"},
    {"tn_embedding: max_norm below 0", TABLE, {bad_ids, 3}, {TN_NO_PADDING, -1, 2, false}, TN_EUSAGE,
     "embedding \"words\": max_norm is -1, it must be 0 (off) or more"},
    {"tn_embedding: norm_type of 0 or less", TABLE, {bad_ids, 3}, {TN_NO_PADDING, 1, 0, false}, TN_EUSAGE,
     "embedding \"words\": norm_type is 0, it must be more than 0"},
};

START_TEST(wrong_lookup)
{
    const misuse *m = &misuses[_i];
    tn_tensor *table = tn_param(ps, m->table, tn_constant(0), "words.weight");
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    ck_assert_ptr_null(tn_embedding(t, table, m->ids, m->o));
    ck_error(m->code, m->text);
}
END_TEST

static const int64_t late[] = {1, 2}, falling[] = {0, 4, 2}, beyond[] = {0, 2, 9};

typedef struct bag_misuse {
    const char *what;
    tn_bags     bags;
    tn_bag_mode mode;
    bool        last, freq;
    int64_t     weights; /* how many; 0: NULL */
    tn_code     code;
    const char *text;
} bag_misuse;

static const bag_misuse bag_misuses[] = {
    {"tn_embedding_bag: offsets that do not start at 0", {{some_ids, 6}, late, 2}, TN_BAG_MEAN, false, false, 0, TN_EINDEX,
     "embedding_bag \"words\": offsets[0] is 1, it must be 0"},
    {"tn_embedding_bag: offsets that decrease", {{some_ids, 6}, falling, 3}, TN_BAG_MEAN, false, false, 0, TN_EINDEX,
     "embedding_bag \"words\": offsets[2] is 2, less than the 4 before it"},
    {"tn_embedding_bag: offsets that pass the end", {{some_ids, 6}, beyond, 3}, TN_BAG_MEAN, false, false, 0, TN_EINDEX,
     "embedding_bag \"words\": offsets[2] is 9, past the end of 6 ids"},
    {"tn_embedding_bag: offsets that pass the end", {{some_ids, 6}, beyond, 2}, TN_BAG_MEAN, true, false, 0, TN_EINDEX,
     "embedding_bag \"words\": offsets[2] is 9, past the end of 6 ids"},
    {"tn_embedding_bag: offsets that decrease", {{some_ids, 6}, falling, 2}, TN_BAG_MEAN, true, false, 0, TN_EINDEX,
     "embedding_bag \"words\": offsets[2] is 2, less than the 4 before it"},
    {"tn_embedding_bag: offsets at NULL", {{some_ids, 6}, NULL, 2}, TN_BAG_MEAN, false, false, 0, TN_EUSAGE,
     "embedding_bag \"words\": offsets is NULL, and should hold 2"},
    {"tn_embedding_bag: offsets at NULL", {{some_ids, 6}, NULL, 0}, TN_BAG_MEAN, true, false, 0, TN_EUSAGE,
     "embedding_bag \"words\": offsets is NULL, and should hold 1"},
    {"tn_embedding_bag: a negative number of bags", {{some_ids, 6}, beyond, -1}, TN_BAG_MEAN, false, false, 0, TN_EUSAGE,
     "embedding_bag \"words\": -1 bags of 6 ids"},
    {"tn_embedding_bag: a negative number of ids", {{some_ids, -6}, beyond, 1}, TN_BAG_MEAN, false, false, 0, TN_EUSAGE,
     "embedding_bag \"words\": 1 bags of -6 ids"},
    {"tn_embedding_bag: ids at NULL", {{NULL, 6}, beyond, 1}, TN_BAG_MEAN, false, false, 0, TN_EUSAGE,
     "embedding_bag \"words\": ids is NULL, and should hold 6"},
    {"tn_embedding_bag: an id outside [0, V)", {{bad_ids, 5}, beyond, 2}, TN_BAG_MEAN, false, false, 0, TN_EINDEX,
     "embedding_bag \"words\": id 50321 at position 3 is outside [0, 7)" STRANGE_ID},
    {"tn_embedding_bag: an unknown mode", {{some_ids, 6}, beyond, 2}, (tn_bag_mode)7, false, false, 0, TN_EUSAGE,
     "embedding_bag \"words\": mode 7 is not TN_BAG_MEAN, TN_BAG_SUM or TN_BAG_MAX"},
    {"tn_embedding_bag: scale_grad_by_freq with the maximum",
     {{some_ids, 6}, beyond, 2}, TN_BAG_MAX, false, true, 0, TN_EUSAGE,
     "embedding_bag \"words\": scale_grad_by_freq goes with TN_BAG_MEAN and TN_BAG_SUM, not with TN_BAG_MAX"},
    {"tn_embedding_bag: weights in another mode", {{some_ids, 6}, beyond, 2}, TN_BAG_MEAN, false, false, 6, TN_EUSAGE,
     "embedding_bag \"words\": weights for each sample go with TN_BAG_SUM only"},
    {"tn_embedding_bag: weights in another mode", {{some_ids, 6}, beyond, 2}, TN_BAG_MAX, false, false, 6, TN_EUSAGE,
     "embedding_bag \"words\": weights for each sample go with TN_BAG_SUM only"},
    {"tn_embedding_bag: weights of another size", {{some_ids, 6}, beyond, 2}, TN_BAG_SUM, false, false, 5, TN_ESHAPE,
     "embedding_bag \"words\": weights is (5,), for 6 ids"},
};

START_TEST(wrong_bag)
{
    const bag_misuse *m = &bag_misuses[_i];
    tn_embedding_bag_options o = tn_embedding_bag_defaults();
    o.mode = m->mode;
    o.include_last_offset = m->last;
    o.rows.scale_grad_by_freq = m->freq;
    tn_tensor *table = new_table();
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *weights = m->weights ? tn_input(t, TN_DIMS(m->weights), NULL, true) : NULL;
    ck_assert_ptr_null(tn_embedding_bag(t, table, m->bags, weights, o));
    ck_error(m->code, m->text);
}
END_TEST

/* What is in no bag is not looked at. */
START_TEST(ids_in_no_bag)
{
    tn_embedding_bag_options o = tn_embedding_bag_defaults();
    o.include_last_offset = true;
    static const int64_t offsets[] = {0, 2, 3};
    tn_tape_begin(t, TN_GRAD);
    ck_assert_ptr_nonnull(tn_embedding_bag(t, new_table(), (tn_bags){{bad_ids, 5}, offsets, 2}, NULL, o));
    ck_no_error();
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, lookup, 0, 4 * SETS);
    tcase_add_test(c, nothing_looked_up);
    tcase_add_test(c, max_norm_once);
    tcase_add_test(c, max_norm_order);
    tcase_add_test(c, max_norm_of_an_input);
    tcase_add_loop_test(c, bags, 0, 4 * BAG_CASES);
    tcase_add_test(c, max_ties);
    tcase_add_test(c, many_bags);
    tcase_add_loop_test(c, wrong_lookup, 0, sizeof misuses / sizeof *misuses);
    tcase_add_loop_test(c, wrong_bag, 0, sizeof bag_misuses / sizeof *bag_misuses);
    tcase_add_test(c, ids_in_no_bag);
}

int main(void)
{
    return run_case("embedding", add);
}
