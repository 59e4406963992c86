/* test_golden_optim.c: 20 steps of each update rule, and tables with several uses, against PyTorch's values in
 * tests/golden. The first case of a file holds the inputs, each further one a rule's options and what came of it. */
#include "golden.h"
#include "tests.h"

#ifdef TN_DOUBLE
static const double tol = 1e-10;
#else
static const double tol = 1e-5;
#endif

enum { STEPS = 20 };
static const int kept_steps[] = {1, 2, 10, STEPS}; /* whose parameters the file holds */

/* ---- the rules, their options in the order of make_golden.py's ORDER ------------------------------------------- */

static optim *make_sgd(const double *o)
{
    return optim_sgd(ps, (optim_sgd_options){.lr = o[0], .momentum = o[1], .dampening = o[2], .weight_decay = o[3],
                                             .nesterov = o[4] != 0});
}

static optim_adam_options adam_options(const double *o)
{
    return (optim_adam_options){.lr = o[0], .beta1 = o[1], .beta2 = o[2], .eps = o[3], .weight_decay = o[4],
                                .amsgrad = o[5] != 0};
}

static optim *make_adam(const double *o)
{
    return optim_adam(ps, adam_options(o));
}

static optim *make_adamw(const double *o)
{
    return optim_adamw(ps, adam_options(o));
}

static optim *make_sparse_adam(const double *o)
{
    return optim_sparse_adam(ps, adam_options(o));
}

static optim *make_adagrad(const double *o)
{
    return optim_adagrad(ps, (optim_adagrad_options){.lr = o[0], .lr_decay = o[1], .weight_decay = o[2],
                                                     .initial_accumulator = o[3], .eps = o[4]});
}

static optim *make_rmsprop(const double *o)
{
    return optim_rmsprop(ps, (optim_rmsprop_options){.lr = o[0], .alpha = o[1], .eps = o[2], .weight_decay = o[3],
                                                     .momentum = o[4], .centered = o[5] != 0});
}

static const struct rule {
    const char *name; /* what a case's name begins with */
    optim *(*make)(const double *option);
} rules[] = {
    {"sgd", make_sgd},         {"adam", make_adam},       {"adamw", make_adamw}, {"sparse_adam", make_sparse_adam},
    {"adagrad", make_adagrad}, {"rmsprop", make_rmsprop},
};
enum { N_RULES = sizeof rules / sizeof *rules };

/* The first word of name is the rule. */
static optim *make_rule(const char *name, const double *option)
{
    size_t n = strcspn(name, " ");
    for (int i = 0; i < N_RULES; i++) {
        if (strlen(rules[i].name) == n && strncmp(rules[i].name, name, n) == 0) return rules[i].make(option);
    }
    ck_abort_msg("no rule for \"%s\"", name);
    return NULL;
}

/* ---- a file ---------------------------------------------------------------------------------------------------- */

/* The inputs, and one of the cases that follow. */
typedef struct two_cases {
    golden_case inputs, c;
} two_cases;

static two_cases read_cases(const char *file, int at)
{
    two_cases two;
    FILE *f = golden_open(file);
    ck_assert(golden_next(f, &two.inputs));
    ck_assert(golden_next(f, &two.c));
    while (--at > 0) {
        golden_free(&two.c);
        ck_assert(golden_next(f, &two.c));
    }
    fclose(f);
    return two;
}

static void free_cases(two_cases *two)
{
    golden_free(&two->inputs);
    golden_free(&two->c);
}

/* How many cases a file has after its first; at least 1, so that a file that is not there fails a test. */
static int count_cases(const char *name)
{
    char path[256], line[512];
    int n = 0;
    snprintf(path, sizeof path, "tests/golden/%s.txt", name);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) n += strncmp(line, "case ", 5) == 0;
    if (f) fclose(f);
    return n < 2 ? 1 : n - 1;
}

static tn_tensor *make_param(const golden_array *a, const char *name)
{
    tn_real *data = golden_reals(a->value, a->n);
    tn_tensor *p = tn_param(ps, a->shape, tn_copy_of(data), "%s", name);
    free(data);
    return p;
}

/* The step-th of the arrays that a holds side by side. */
static golden_array part(const golden_array *a, int64_t step)
{
    golden_array one = {.given = true, .n = a->n / a->shape.at[0]};
    one.value = a->value + step * one.n;
    one.shape.n = a->shape.n - 1;
    for (int i = 0; i < one.shape.n; i++) one.shape.at[i] = a->shape.at[i + 1];
    return one;
}

static void compare_part(golden_report *report, const char *name, const char *what, const tn_real *got,
                         const golden_array *all, int64_t step)
{
    golden_array want = part(all, step);
    golden_compare(report, name, what, got, &want, tol);
}

/* After steps 1, 2, 10 and 20: the parameter against the file. */
static void compare_step(golden_report *report, const golden_case *c, int step, int i, const tn_tensor *param)
{
    char what[64];
    for (int k = 0; k < 4; k++) {
        if (kept_steps[k] != step) continue;
        snprintf(what, sizeof what, "%s after step %d", param->name, step);
        compare_part(report, c->name, what, param->data, &c->grad[i], k);
    }
}

/* ---- dense gradients ------------------------------------------------------------------------------------------- */

/* p * g, whose gradient is g: what came before is added. */
static tn_tensor *with_gradient(tn_tensor *loss, tn_tensor *p, const golden_array *gradients, int step)
{
    golden_array g = part(gradients, step);
    tn_real *data = golden_reals(g.value, g.n);
    tn_tensor *y = tn_sum(t, tn_mul(t, p, tn_input(t, g.shape, data, false)), TN_ALL, false);
    free(data);
    return loss ? tn_add(t, loss, y) : y;
}

/* w at every step, b at every other one: a parameter without a gradient is skipped. */
START_TEST(dense_rule)
{
    two_cases two = read_cases("optim_dense", _i);
    const golden_case *first = &two.inputs, *c = &two.c;
    golden_report report = {0};
    tn_tensor *w = make_param(&first->in[0], "w"), *b = make_param(&first->in[1], "b");
    optim *o = make_rule(c->name, c->option);
    for (int step = 0; step < STEPS; step++) {
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *loss = with_gradient(NULL, w, &first->in[2], step);
        if (step % 2 == 0) loss = with_gradient(loss, b, &first->in[3], step);
        tn_backward(t, loss);
        optim_step(o);
        compare_step(&report, c, step + 1, 0, w);
        compare_step(&report, c, step + 1, 1, b);
    }
    ck_no_error();
    ck_assert_msg(!report.failures, "%d failures:%s", report.failures, report.text);
    optim_free(o);
    free_cases(&two);
}
END_TEST

/* ---- gradients of touched rows --------------------------------------------------------------------------------- */

START_TEST(rows_rule)
{
    two_cases two = read_cases("optim_rows", _i);
    const golden_case *first = &two.inputs, *c = &two.c;
    golden_report report = {0};
    tn_tensor *table = make_param(&first->in[0], "table");
    optim *o = make_rule(c->name, c->option);
    int32_t *id = golden_ids(&first->ids);
    const int64_t n = first->ids.n / STEPS;
    for (int step = 0; step < STEPS; step++) {
        golden_array g = part(&first->in[1], step);
        tn_real *dy = golden_reals(g.value, g.n);
        tn_tape_begin(t, TN_GRAD);
        tn_backward_from(t, tn_embedding(t, table, (tn_ids){id + step * n, n}, tn_embedding_defaults()), dy);
        optim_step(o);
        free(dy);
        compare_step(&report, c, step + 1, 0, table);
    }
    ck_no_error();
    ck_assert_msg(!report.failures, "%d failures:%s", report.failures, report.text);
    optim_free(o);
    free(id);
    free_cases(&two);
}
END_TEST

/* ---- one table, several uses ----------------------------------------------------------------------------------- */

typedef struct uses {
    tn_tensor *table;
    tn_real   *x;
    int32_t   *id; /* the ids, more ids, the labels */
    tn_ids     ids, more, labels;
} uses;

static tn_tensor *look(const uses *u, tn_ids ids)
{
    return tn_embedding(t, u->table, ids, tn_embedding_defaults());
}

static tn_tensor *sum_of_squares(tn_tensor *x)
{
    return tn_sum(t, tn_square(t, x), TN_ALL, false);
}

/* The table as the output layer, PyTorch's weight tying. */
static tn_tensor *out(const uses *u, tn_tensor *h)
{
    return tn_cross_entropy(t, tn_matmul_trans(t, h, u->table, TN_TRANS_B), u->labels);
}

static tn_tensor *features(const uses *u)
{
    return tn_const(t, TN_DIMS(3, 4), u->x);
}

static void next_tape(tn_tensor *loss)
{
    tn_backward(t, loss);
    tn_tape_begin(t, TN_GRAD);
}

static tn_tensor *looked_up_twice(const uses *u)
{
    tn_tensor *a = sum_of_squares(look(u, u->ids));
    return tn_add(t, a, sum_of_squares(look(u, u->more)));
}

static tn_tensor *two_tapes(const uses *u)
{
    next_tape(sum_of_squares(look(u, u->ids)));
    return sum_of_squares(look(u, u->more));
}

/* Backward comes to the output layer first: the gradient is dense from the start. */
static tn_tensor *lookup_first(const uses *u)
{
    return out(u, look(u, u->ids));
}

/* Backward comes to the lookup first: rows, which then become dense. */
static tn_tensor *lookup_last(const uses *u)
{
    tn_tensor *a = out(u, features(u));
    return tn_add(t, a, sum_of_squares(look(u, u->more)));
}

static tn_tensor *output_then_lookup(const uses *u)
{
    next_tape(out(u, features(u)));
    return sum_of_squares(look(u, u->more));
}

static tn_tensor *lookup_then_output(const uses *u)
{
    next_tape(sum_of_squares(look(u, u->more)));
    return out(u, features(u));
}

static tn_tensor *lookup_output_lookup(const uses *u)
{
    tn_tensor *a = out(u, look(u, u->ids));
    return tn_add(t, a, sum_of_squares(look(u, u->more)));
}

static tn_tensor *bag_and_rows(const uses *u)
{
    static const int64_t offsets[] = {0, 1};
    tn_bags bags = {u->more, offsets, 2};
    tn_tensor *a = sum_of_squares(look(u, u->ids));
    a = tn_add(t, a, sum_of_squares(tn_embedding_bag(t, u->table, bags, NULL, tn_embedding_bag_defaults())));
    return tn_add(t, a, sum_of_squares(tn_gather_rows(t, u->table, u->labels)));
}

static const struct several_uses {
    const char *name; /* up to the case's ':' */
    tn_tensor *(*loss)(const uses *);
} several[] = {
    {"looked up twice on one tape", looked_up_twice},
    {"looked up on two tapes before a step", two_tapes},
    {"tied to the output, lookup first", lookup_first},
    {"tied to the output, lookup last", lookup_last},
    {"output and lookup on two tapes", output_then_lookup},
    {"lookup and output on two tapes", lookup_then_output},
    {"lookup, output and lookup", lookup_output_lookup},
    {"a bag, a lookup and rows gathered", bag_and_rows},
};
enum { N_SEVERAL = sizeof several / sizeof *several };

static uses make_uses(const golden_case *first)
{
    uses u = {.table = make_param(&first->in[0], "table")};
    u.x = golden_reals(first->in[1].value, first->in[1].n);
    u.id = golden_ids(&first->ids);
    u.ids = (tn_ids){u.id, 3};
    u.more = (tn_ids){u.id + 3, 4};
    u.labels = (tn_ids){u.id + 7, 3};
    return u;
}

static const struct several_uses *uses_of(const golden_case *c)
{
    size_t n = strcspn(c->name, ":");
    for (int i = 0; i < N_SEVERAL; i++) {
        if (strlen(several[i].name) == n && strncmp(several[i].name, c->name, n) == 0) return &several[i];
    }
    ck_abort_msg("no function for \"%s\"", c->name);
    return NULL;
}

/* Two steps, and the table after each: the rule is given the gradient as it is held. In a second run the gradient is
 * read first, which makes it dense: so the dense update is seen too. */
START_TEST(several_uses_of_a_table)
{
    two_cases two = read_cases("optim_tied", _i);
    const golden_case *c = &two.c;
    golden_report report = {0};
    for (int read_it = 0; read_it < 2; read_it++) {
        uses u = make_uses(&two.inputs);
        optim *o = make_rule(strchr(c->name, ':') + 2, c->option);
        for (int step = 0; step < 2; step++) {
            tn_tape_begin(t, TN_GRAD);
            tn_backward(t, uses_of(c)->loss(&u));
            if (read_it) compare_part(&report, c->name, "gradient", tn_grad_data(u.table), &c->grad[0], step);
            optim_step(o);
            compare_part(&report, c->name, "table", u.table->data, &c->after[0], step);
        }
        ck_no_error();
        optim_free(o);
        free(u.x);
        free(u.id);
        teardown();
        setup();
    }
    free_cases(&two);
    ck_assert_msg(!report.failures, "%d failures:%s", report.failures, report.text);
}
END_TEST

/* ---- the defaults ---------------------------------------------------------------------------------------------- */

/* The case that is named by the rule alone has the options that PyTorch takes by default. */
static void check_defaults(const char *rule, const double *got)
{
    golden_case c;
    bool found = false;
    FILE *f = golden_open("optim_dense");
    while (golden_next(f, &c)) {
        bool is_it = strcmp(c.name, rule) == 0;
        for (int i = 0; is_it && i < c.n_options; i++) ck_assert_double_eq(got[i], c.option[i]);
        found = found || is_it;
        golden_free(&c);
    }
    fclose(f);
    ck_assert_msg(found, "optim_dense.txt has no case \"%s\"", rule);
}

static void check_adam(const char *rule, optim_adam_options o)
{
    check_defaults(rule, (const double[]){o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, o.amsgrad});
}

START_TEST(defaults)
{
    optim_sgd_options s = optim_sgd_defaults();
    optim_adagrad_options a = optim_adagrad_defaults();
    optim_rmsprop_options r = optim_rmsprop_defaults();
    check_defaults("sgd", (const double[]){s.lr, s.momentum, s.dampening, s.weight_decay, s.nesterov});
    check_defaults("adagrad", (const double[]){a.lr, a.lr_decay, a.weight_decay, a.initial_accumulator, a.eps});
    check_defaults("rmsprop", (const double[]){r.lr, r.alpha, r.eps, r.weight_decay, r.momentum, r.centered});
    check_adam("adam", optim_adam_defaults());
    check_adam("adamw", optim_adamw_defaults());
    check_adam("sparse_adam", optim_sparse_adam_defaults());
}
END_TEST

static void add_tests(TCase *c)
{
    tcase_add_loop_test(c, dense_rule, 1, 1 + count_cases("optim_dense"));
    tcase_add_loop_test(c, rows_rule, 1, 1 + count_cases("optim_rows"));
    tcase_add_loop_test(c, several_uses_of_a_table, 1, 1 + count_cases("optim_tied"));
    tcase_add_test(c, defaults);
}

int main(void)
{
    return run_case("golden_optim", add_tests);
}
