/* bench.c: the loop that serves requests, the clock, and the number of runs that fill a repeat. */
#define _XOPEN_SOURCE 700 /* getrusage */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <tarn/tarn.h>

#include "bench.h"

enum { SLOTS = 4, LINE = 256, REPEATS = 7 };

/* A work that is ready to run, and how many runs fill a repeat. */
typedef struct slot {
    char              request[LINE];
    const bench_work *work;
    void             *state;
    int64_t           runs;
} slot;

typedef struct server {
    const bench_work *works;
    double            seconds; /* that a repeat takes */
    slot              slots[SLOTS];
    int               next;
} server;

/* BENCH_CLOCK=cpu: the processor time of this process, for a look at one thread's work on a busy machine. */
double bench_now(void)
{
    struct timespec t;
    clock_gettime(getenv("BENCH_CLOCK") ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void *bench_alloc(int64_t bytes)
{
    void *p = aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64);
    if (!p) {
        fprintf(stderr, "no memory for %lld bytes\n", (long long)bytes);
        exit(EXIT_FAILURE);
    }
    return p;
}

float *bench_numbers(int64_t n)
{
    float *x = bench_alloc(n * (int64_t)sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = (float)((uint64_t)i * 2654435761u >> 16 & 255) / 256 - 0.5f;
    return x;
}

void bench_check(const void *err)
{
    const tn_error *e = err;
    if (!e->code) return;
    fprintf(stderr, "%s\n", e->text);
    exit(EXIT_FAILURE);
}

static double time_of(const slot *s, int64_t runs)
{
    double begin = bench_now();
    for (int64_t i = 0; i < runs; i++) s->work->run(s->state);
    return bench_now() - begin;
}

/* Two runs unseen, then as many as it takes. */
static void calibrate(slot *s, double seconds)
{
    double spent = time_of(s, 2) / 2;
    s->runs = 1;
    while ((spent = time_of(s, s->runs)) < seconds / 4) s->runs *= spent < seconds / 40 ? 8 : 2;
    s->runs = (int64_t)((double)s->runs * seconds / spent) + 1;
}

static slot *find(server *v, const char *request)
{
    for (int i = 0; i < SLOTS; i++)
        if (v->slots[i].work && strcmp(v->slots[i].request, request) == 0) return &v->slots[i];
    return NULL;
}

static const bench_work *work_of(const server *v, const char *request)
{
    size_t word = strcspn(request, " ");
    for (const bench_work *w = v->works; w->name; w++)
        if (strlen(w->name) == word && strncmp(w->name, request, word) == 0) return w;
    return NULL;
}

/* In place of the one prepared longest ago. */
static slot *prepare(server *v, const char *request)
{
    slot             *s = &v->slots[v->next++ % SLOTS];
    const bench_work *w = work_of(v, request);
    if (s->work) s->work->drop(s->state);
    *s = (slot){.work = NULL};
    if (!w) return NULL;
    s->state = w->prepare(request + strlen(w->name));
    if (!s->state) return NULL;
    s->work = w;
    snprintf(s->request, sizeof s->request, "%s", request);
    calibrate(s, v->seconds);
    return s;
}

static void serve(server *v, const char *request)
{
    struct rusage usage;
    if (strcmp(request, "rss") == 0) {
        getrusage(RUSAGE_SELF, &usage);
        printf("rss\t%lld\tB\n", (long long)usage.ru_maxrss * 1024);
    } else {
        slot *s = find(v, request);
        if (!s) s = prepare(v, request);
        if (s) printf("%s\t%.9g\ts\n", request, time_of(s, s->runs) / (double)s->runs);
        else printf("%s\t-\tnot here\n", request);
    }
    fflush(stdout);
}

int bench_main(int argc, char **argv, const bench_work *works)
{
    server v = {.works = works, .seconds = argc > 2 ? atof(argv[2]) : 0.1};
    char   line[LINE];
    tn_set_threads(argc > 1 ? atoi(argv[1]) : 1);
    for (int i = 3; i < argc; i++)
        for (int r = 0; r < REPEATS; r++) serve(&v, argv[i]);
    while (argc <= 3 && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        serve(&v, line);
    }
    for (int i = 0; i < SLOTS; i++)
        if (v.slots[i].work) v.slots[i].work->drop(v.slots[i].state);
    return EXIT_SUCCESS;
}
