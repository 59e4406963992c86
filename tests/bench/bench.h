/* bench.h: what the benchmark programs share. A program serves requests, one line each, until its input ends; so
 * bench.py can let tarn and its peers take turns, all of them warm:
 *
 *     $ echo "step 64" | build/bench/mlp 1
 *     step 64<TAB>0.00031<TAB>s
 *
 * The answer is the mean time of one run over as many runs as fill a repeat. The request "rss" answers the process's
 * peak memory in bytes; what cannot be done answers with "-" and the reason in place of the unit. Requests may also
 * be given as arguments: PROGRAM THREADS SECONDS REQUEST..., each is then repeated 7 times (for perf and people). */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

typedef struct bench_work {
    const char *name;                   /* a request's first word; NULL ends the list */
    void *(*prepare)(const char *rest); /* what comes after it -> the state; NULL: not here */
    void (*run)(void *state);           /* what is timed */
    void (*drop)(void *state);
} bench_work;

int bench_main(int argc, char **argv, const bench_work *works);

double bench_now(void);
void  *bench_alloc(int64_t bytes);                  /* aligned to 64; ends the program if there is no memory */
float *bench_numbers(int64_t n);                    /* in [-0.5, 0.5), the same in every run */
void   bench_check(const void *err);                /* ends the program with a tn_error's text, if there is one */

#endif
