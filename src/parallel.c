/* parallel.c: work in pieces, and the pool of threads that does it. One job at a time: who finds the pool busy does its
 * own work, so two users' threads never wait for each other. Workers spin a little after a job, since the next one is
 * often near, and then sleep. */
#define _GNU_SOURCE /* sched_getaffinity */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "engine.h"

enum { MAX_THREADS = 64, SPINS = 4000 }; /* some tens of microseconds */

typedef void piece_function(int64_t begin, int64_t end, void *arg);

static struct pool {
    pthread_mutex_t lock;       /* of sleeping and of making threads */
    pthread_cond_t  wake;
    atomic_flag     busy;
    atomic_int      threads;    /* wanted; 0: not decided yet */
    int             workers;    /* made */
    atomic_int      sleeping, inside;
    atomic_bool     open;       /* may workers enter the job? */
    atomic_uint     generation;
    piece_function *f;
    void           *arg;
    int64_t         n, grain;
    atomic_llong    next;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .busy = ATOMIC_FLAG_INIT};

static _Thread_local bool in_piece;

static int usable_processors(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

void tn_set_threads(int n)
{
    if (n < 1) n = usable_processors();
    atomic_store(&pool.threads, n > MAX_THREADS ? MAX_THREADS : n);
}

int tn_threads(void)
{
    if (!atomic_load(&pool.threads)) tn_set_threads(0);
    return atomic_load(&pool.threads);
}

/* Some 10 ns, in which another thread of the same core runs on; seldom a call to the system, which costs microseconds on
 * a virtual machine, for when there are more threads than processors. */
static void pause_a_little(int spins)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
    if (spins % 1024 == 1023) sched_yield();
}

static void take_pieces(void)
{
    in_piece = true;
    for (;;) {
        int64_t begin = atomic_fetch_add(&pool.next, pool.grain);
        if (begin >= pool.n) break;
        pool.f(begin, pool.n - begin < pool.grain ? pool.n : begin + pool.grain, pool.arg);
    }
    in_piece = false;
}

static void wait_for_job(unsigned seen)
{
    for (int spins = 0; spins < SPINS; spins++) {
        if (atomic_load(&pool.generation) != seen) return;
        pause_a_little(spins);
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleeping, 1);
    while (atomic_load(&pool.generation) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
    atomic_fetch_sub(&pool.sleeping, 1);
    pthread_mutex_unlock(&pool.lock);
}

static void *work(void *started_at)
{
    unsigned seen = (unsigned)(uintptr_t)started_at;
    int me = 0;
    for (;;) {
        wait_for_job(seen);
        seen = atomic_load(&pool.generation);
        me = atomic_fetch_add(&pool.inside, 1) + 1; /* the caller takes the first share, each who enters one more */
        if (atomic_load(&pool.open) && me < atomic_load(&pool.threads)) take_pieces();
        atomic_fetch_sub(&pool.inside, 1);
    }
    return NULL;
}

/* The child of a fork has none of its parent's threads. */
static void forget_workers(void)
{
    pool.workers = 0;
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    atomic_store(&pool.sleeping, 0);
    atomic_store(&pool.inside, 0);
    atomic_store(&pool.open, false);
    atomic_flag_clear(&pool.busy);
}

/* Called by who holds busy. */
static void make_workers(int wanted)
{
    static bool forks_watched;
    pthread_attr_t attr;
    forks_watched = forks_watched || !pthread_atfork(NULL, NULL, forget_workers);
    if (!forks_watched || pthread_attr_init(&attr)) return;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (pthread_t thread; pool.workers < wanted; pool.workers++)
        if (pthread_create(&thread, &attr, work, (void *)(uintptr_t)atomic_load(&pool.generation))) break;
    pthread_attr_destroy(&attr);
}

static void run_on_pool(int64_t n, int64_t grain, piece_function *f, void *arg)
{
    pool.f = f;
    pool.arg = arg;
    pool.n = n;
    pool.grain = grain;
    atomic_store(&pool.next, 0);
    atomic_store(&pool.open, true);
    atomic_fetch_add(&pool.generation, 1);
    if (atomic_load(&pool.sleeping)) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.lock);
    }
    take_pieces();
    atomic_store(&pool.open, false);
    for (int spins = 0; atomic_load(&pool.inside); spins++) pause_a_little(spins);
}

void tn_parallel_for(int64_t n, int64_t grain, piece_function *f, void *arg)
{
    if (!f) return;
    if (grain < 1) grain = 1;
    if (n <= grain) { /* small ops come here too: no more than a call */
        if (n > 0) f(0, n, arg);
        return;
    }
    if (!in_piece && tn_threads() > 1 && !atomic_flag_test_and_set(&pool.busy)) {
        if (pool.workers < tn_threads() - 1) make_workers(tn_threads() - 1);
        run_on_pool(n, grain, f, arg);
        atomic_flag_clear(&pool.busy);
        return;
    }
    for (int64_t begin = 0; begin < n; begin += grain) f(begin, n - begin < grain ? n : begin + grain, arg);
}
