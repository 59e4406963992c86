/* profile.c: what each op of a tape took, recorded while tn_profile is on; as a table and as a trace. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "json.h"

/* ---- recording --------------------------------------------------------------------------------------------------- */

void tn_profile(tn_tape *t, bool on)
{
    if (!t) return;
    t->profiling = on;
    if (on) t->profile.n = t->profile.lost = 0;
}

void tn__profile_free(tn__profile *p)
{
    tn_free(p->call);
    *p = (tn__profile){NULL, 0, 0, 0};
}

static int64_t now(void)
{
    struct timespec s;
    clock_gettime(CLOCK_MONOTONIC, &s);
    return (int64_t)s.tv_sec * 1000000000 + s.tv_nsec;
}

/* Room for one call more. Measuring must not make a step fail: what finds no room is counted, and said. */
static bool make_room(tn__profile *p)
{
    if (p->n < p->capacity) return true;
    int64_t capacity = p->capacity ? 2 * p->capacity : 1024;
    tn__call *call = tn_realloc(p->call, (size_t)capacity * sizeof *call);
    if (!call) return false;
    p->call = call;
    p->capacity = capacity;
    return true;
}

void tn__profile_run(tn_tensor *y, void (*pass)(tn_tensor *y))
{
    tn__profile *p = &y->tape->profile;
    tn__call c = {.op = y->op, .shape.n = y->rank, .n = y->n, .backward = y->tape->state == TN__SPENT};
    memcpy(c.shape.at, y->size, sizeof c.shape.at);
    bool room = make_room(p);
    c.begin = now();
    pass(y);
    c.end = now();
    if (room) p->call[p->n++] = c;
    else p->lost++;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

typedef struct sums {
    const tn_op *op; /* NULL: all of them */
    int64_t      calls, forward, backward, numbers;
} sums;

static void add_call(sums *s, const tn__call *c)
{
    int64_t *time = c->backward ? &s->backward : &s->forward;
    *time += c->end - c->begin;
    if (c->backward) return;
    s->calls++;
    s->numbers += c->n;
}

static sums *find(sums *row, size_t *n, const tn_op *op)
{
    size_t i = 0;
    while (i < *n && row[i].op != op) i++;
    if (i == *n) row[(*n)++] = (sums){.op = op};
    return &row[i];
}

static int compare_time(const void *a, const void *b)
{
    const sums *x = a, *y = b;
    int64_t s = x->forward + x->backward, u = y->forward + y->backward;
    return s != u ? (s < u) - (s > u) : strcmp(x->op->name, y->op->name);
}

static void put_sums(const sums *s, const sums *all, int name, FILE *to)
{
    int64_t time = s->forward + s->backward, total = all->forward + all->backward;
    char times[100];
    tn__format(times, sizeof times, "%11.3f  %11.3f  %6.1f%%", (double)s->forward / 1e6, (double)s->backward / 1e6,
               total ? 100 * (double)time / (double)total : 0.0);
    fprintf(to, "%-*s  %8" PRId64 "  %s  %12" PRId64 "\n", name, s->op ? s->op->name : "total", s->calls, times,
            s->numbers * (int64_t)sizeof(tn_real));
}

static void put_rule(int n, FILE *to)
{
    while (n-- > 0) fputc('-', to);
    fputc('\n', to);
}

static void put_table(const sums *row, size_t n, const sums *all, FILE *to)
{
    int name = (int)strlen("total");
    for (size_t i = 0; i < n; i++)
        if ((int)strlen(row[i].op->name) > name) name = (int)strlen(row[i].op->name);
    int width = name + fprintf(to, "%-*s  %8s  %11s  %11s  %7s  %12s\n", name, "op", "calls", "forward ms", "backward ms", "share",
                               "result bytes") - name - 1;
    put_rule(width, to);
    for (size_t i = 0; i < n; i++) put_sums(&row[i], all, name, to);
    put_rule(width, to);
    put_sums(all, all, name, to);
}

void tn_profile_print(const tn_tape *t, FILE *to)
{
    if (!t || !to) return;
    const tn__profile *p = &t->profile;
    sums all = {0}, *row = tn_malloc((size_t)p->n * sizeof *row);
    size_t n = 0;
    if (!row) {
        tn_fail(t->err, TN_EMEMORY, "tn_profile_print: out of memory");
        return;
    }
    for (int64_t i = 0; i < p->n; i++) {
        add_call(find(row, &n, p->call[i].op), &p->call[i]);
        add_call(&all, &p->call[i]);
    }
    qsort(row, n, sizeof *row, compare_time);
    put_table(row, n, &all, to);
    if (p->lost) fprintf(to, "%" PRId64 " more were not recorded: out of memory\n", p->lost);
    tn_free(row);
}

/* ---- the trace --------------------------------------------------------------------------------------------------- */

static void put_escaped(const char *s, FILE *to)
{
    char escaped[7];
    for (; *s; s++) fputs(tn__json_escape(*s, escaped), to);
}

/* Microseconds, in digits that no locale changes. */
static void put_time(const char *key, int64_t ns, FILE *to)
{
    fprintf(to, ",\"%s\":%" PRId64 ".%03d", key, ns / 1000, (int)(ns % 1000));
}

static void put_call(const tn__call *c, int64_t start, FILE *to)
{
    tn_tensor y = {.rank = c->shape.n};
    memcpy(y.size, c->shape.at, sizeof y.size);
    fputs("{\"name\":\"", to);
    put_escaped(c->op->name, to);
    fprintf(to, "%s\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":1", c->backward ? " backward" : "",
            c->backward ? "backward" : "forward");
    put_time("ts", c->begin - start, to);
    put_time("dur", c->end - c->begin, to);
    fprintf(to, ",\"args\":{\"shape\":\"%s\",\"bytes\":%" PRId64 "}}", TN_STR(&y), c->n * (int64_t)sizeof(tn_real));
}

void tn_profile_trace(const tn_tape *t, FILE *to)
{
    if (!t || !to) return;
    fputs("{\"traceEvents\":[", to);
    for (int64_t i = 0; i < t->profile.n; i++) {
        fputs(i ? ",\n" : "\n", to);
        put_call(&t->profile.call[i], t->profile.call[0].begin, to);
    }
    fputs("\n]}\n", to);
}
