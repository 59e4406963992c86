/* The pool: every piece once, cut by grain alone, with any number of threads, from many threads, nested, after a fork. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests.h"

enum { N = 10007 };
static atomic_int visits[N], crooked; /* check's assertions are not for threads, and not for millions */

static void visit(int64_t begin, int64_t end, void *arg)
{
    if (end - begin > *(int64_t *)arg || begin % *(int64_t *)arg != 0) atomic_fetch_add(&crooked, 1);
    for (int64_t i = begin; i < end; i++) atomic_fetch_add(&visits[i], 1);
}

START_TEST(every_piece_once)
{
    static const int threads[] = {1, 2, 3, 8};
    tn_set_threads(threads[_i]);
    ck_assert_int_eq(tn_threads(), threads[_i]);
    for (int round = 1; round <= 200; round++) {
        int64_t grain = 1 + round * 37 % 900;
        tn_parallel_for(N, grain, visit, &grain);
        int right = 0;
        for (int i = 0; i < N; i++) right += atomic_load(&visits[i]) == round;
        ck_assert_int_eq(right, N);
    }
    ck_assert_int_eq(atomic_load(&crooked), 0);
}
END_TEST

static void add_one(int64_t begin, int64_t end, void *arg)
{
    atomic_fetch_add((atomic_llong *)arg, end - begin);
}

static void nest(int64_t begin, int64_t end, void *arg)
{
    (void)begin, (void)end;
    tn_parallel_for(100, 7, add_one, arg);
}

/* Each of two pieces waits, ten seconds at most, until the other has begun. */
static void meet(int64_t begin, int64_t end, void *arg)
{
    atomic_int *begun = arg;
    atomic_fetch_add(begun, 1);
    for (int tries = 0; atomic_load(begun) % 2 && tries < 10000; tries++) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (atomic_load(begun) % 2) atomic_fetch_add(begun, 100);
    (void)begin, (void)end;
}

START_TEST(two_pieces_at_once)
{
    atomic_int begun = 0;
    tn_set_threads(2);
    for (int round = 1; round <= 3; round++) {
        tn_parallel_for(2, 1, meet, &begun);
        ck_assert_int_eq(atomic_load(&begun), 2 * round);
    }
}
END_TEST

START_TEST(a_nested_call_runs_where_it_is)
{
    atomic_llong sum = 0;
    tn_set_threads(4);
    tn_parallel_for(50, 1, nest, &sum);
    ck_assert_int_eq(atomic_load(&sum), 5000);
}
END_TEST

static void *user(void *arg)
{
    for (int round = 0; round < 200; round++) tn_parallel_for(1000, 10, add_one, arg);
    return NULL;
}

START_TEST(many_users_at_once)
{
    atomic_llong sum = 0;
    pthread_t thread[4];
    tn_set_threads(3);
    for (int i = 0; i < 4; i++) pthread_create(&thread[i], NULL, user, &sum);
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    ck_assert_int_eq(atomic_load(&sum), 4 * 200 * 1000);
}
END_TEST

START_TEST(after_a_fork)
{
    if (is_emulated()) return;
    atomic_llong sum = 0;
    tn_set_threads(3);
    tn_parallel_for(1000, 10, add_one, &sum);
    pid_t child = fork();
    if (!child) {
        tn_parallel_for(1000, 10, add_one, &sum);
        _exit(atomic_load(&sum) == 2000 ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    tn_parallel_for(1000, 10, add_one, &sum);
    ck_assert_int_eq(atomic_load(&sum), 2000);
}
END_TEST

START_TEST(edges)
{
    atomic_llong sum = 0;
    tn_parallel_for(0, 10, add_one, &sum);
    tn_parallel_for(-5, 10, add_one, &sum);
    ck_assert_int_eq(atomic_load(&sum), 0);
    tn_parallel_for(3, 0, add_one, &sum);
    ck_assert_int_eq(atomic_load(&sum), 3);
    tn_set_threads(0);
    ck_assert_int_ge(tn_threads(), 1);
    tn_set_threads(1 << 20);
    ck_assert_int_le(tn_threads(), 64);
}
END_TEST

/* ---- the same bits with any number of threads -------------------------------------------------------------------- */

enum { MATMUL, MATMUL_TA, MATMUL_TB, MATMUL_BOTH, LINEAR, MOST = 1 << 20 };

/* One block and many, tall, wide and batched, operands that batches share, sizes that fill no block. */
static const struct { tn_dims a, b; int op; } products[] = {
    {{2, {40, 50}}, {2, {50, 60}}, MATMUL},
    {{2, {301, 257}}, {2, {257, 203}}, MATMUL},
    {{2, {257, 301}}, {2, {203, 257}}, MATMUL_BOTH},
    {{2, {300, 70}}, {2, {1000, 70}}, MATMUL_TB},
    {{2, {600, 5}}, {2, {600, 90}}, MATMUL_TA},
    {{3, {40, 33, 35}}, {3, {40, 35, 37}}, MATMUL},
    {{3, {30, 40, 50}}, {2, {50, 60}}, MATMUL},
    {{2, {90, 50}}, {3, {7, 50, 100}}, MATMUL},
    {{4, {3, 1, 60, 70}}, {3, {5, 80, 70}}, MATMUL_TB},
    {{2, {200, 150}}, {2, {170, 150}}, LINEAR},
    {{3, {2, 500, 300}}, {2, {260, 300}}, LINEAR},
    {{2, {64, 30}}, {2, {3000, 30}}, LINEAR},
};
enum { N_PRODUCTS = sizeof products / sizeof *products };

static tn_real *append(tn_real *to, const tn_real *x, int64_t n)
{
    memcpy(to, x, (size_t)n * sizeof *x);
    return to + n;
}

/* The product number i and all gradients, one after the other; with twice, each gradient is added to itself. */
static int64_t run_product(int i, bool twice, tn_real *out)
{
    tn_real *end = out;
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *y = NULL, *a = tn_params_find(ps, "a"), *b = tn_params_find(ps, "b"), *bias = tn_params_find(ps, "bias");
    for (int round = 0; round <= twice; round++) {
        tn_tensor *z = products[i].op == LINEAR ? tn_linear(t, a, b, bias)
                                                : tn_matmul_trans(t, a, b, (unsigned)products[i].op);
        y = y ? tn_add(t, y, z) : z;
    }
    tn_backward(t, tn_sum(t, tn_square(t, y), TN_ALL, false));
    ck_no_error();
    end = append(end, y->data, y->n);
    end = append(end, tn_grad_data(a), a->n);
    end = append(end, tn_grad_data(b), b->n);
    if (products[i].op == LINEAR) end = append(end, tn_grad_data(bias), bias->n);
    tn_params_zero_grad(ps);
    ck_assert_int_le(end - out, MOST);
    return end - out;
}

START_TEST(products_have_the_same_bits)
{
    static const int threads[] = {2, 3, 8};
    static tn_real alone[MOST], many[MOST];
    tn_param(ps, products[_i].a, tn_uniform(-1, 1), "a");
    tn_param(ps, products[_i].b, tn_uniform(-1, 1), "b");
    tn_param(ps, TN_DIMS(products[_i].b.at[0]), tn_uniform(-1, 1), "bias");
    for (int twice = 0; twice < 2; twice++) {
        tn_set_threads(1);
        int64_t n = run_product(_i, twice, alone);
        for (int k = 0; k < 3; k++) {
            tn_set_threads(threads[k]);
            ck_assert_int_eq(run_product(_i, twice, many), n);
            ck_assert_msg(memcmp(alone, many, (size_t)n * sizeof *many) == 0, "%d threads", threads[k]);
        }
    }
}
END_TEST

/* The number of threads may change between an op's shape and its backward. */
START_TEST(threads_may_change_on_the_way)
{
    static const int threads[][2] = {{1, 8}, {8, 1}, {2, 8}};
    static tn_real x[200 * 200], alone[200 * 200];
    for (int i = 0; i < 200 * 200; i++) x[i] = (tn_real)(i % 17) / 3;
    for (int k = -1; k < 3; k++) {
        tn_set_threads(k < 0 ? 1 : threads[k][0]);
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *a = tn_input(t, TN_DIMS(200, 200), x, true), *y = tn_sum(t, tn_matmul(t, a, a), TN_ALL, false);
        tn_set_threads(k < 0 ? 1 : threads[k][1]);
        tn_keep_grad(a);
        tn_backward(t, y);
        ck_no_error();
        if (k < 0) memcpy(alone, tn_grad_data(a), sizeof alone);
        ck_assert_int_eq(memcmp(alone, tn_grad_data(a), sizeof alone), 0);
    }
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, every_piece_once, 0, 4);
    tcase_add_test(c, two_pieces_at_once);
    tcase_add_test(c, a_nested_call_runs_where_it_is);
    tcase_add_test(c, many_users_at_once);
    tcase_add_test(c, after_a_fork);
    tcase_add_test(c, edges);
    tcase_add_loop_test(c, products_have_the_same_bits, 0, N_PRODUCTS);
    tcase_add_test(c, threads_may_change_on_the_way);
}

int main(void)
{
    return run_case("parallel", add);
}
