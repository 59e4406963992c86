/* The pool: every piece once, cut by grain alone, with any number of threads, from many threads, nested, after a fork. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests.h"

enum { N = 10007 };
static atomic_int visits[N];

static void visit(int64_t begin, int64_t end, void *arg)
{
    ck_assert(end - begin <= *(int64_t *)arg && begin % *(int64_t *)arg == 0);
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
        for (int i = 0; i < N; i++) ck_assert_int_eq(atomic_load(&visits[i]), round);
    }
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

static void add(TCase *c)
{
    tcase_add_loop_test(c, every_piece_once, 0, 4);
    tcase_add_test(c, a_nested_call_runs_where_it_is);
    tcase_add_test(c, many_users_at_once);
    tcase_add_test(c, after_a_fork);
    tcase_add_test(c, edges);
}

int main(void)
{
    return run_case("parallel", add);
}
