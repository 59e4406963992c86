/* pca.c: the plane in which points spread most. */
#include "pca.h"

#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 300 };

typedef struct cloud {
    const tn_real *points;
    int64_t        n, dim;
    double        *mean, *axis[2], *next; /* dim each */
} cloud;

static void find_mean(cloud *c)
{
    for (int64_t k = 0; k < c->dim; k++) c->mean[k] = 0;
    for (int64_t i = 0; i < c->n; i++)
        for (int64_t k = 0; k < c->dim; k++) c->mean[k] += (double)c->points[i * c->dim + k] / (double)c->n;
}

/* (x_i - mean) v */
static double place_of(const cloud *c, int64_t i, const double *v)
{
    double sum = 0;

    for (int64_t k = 0; k < c->dim; k++) sum += ((double)c->points[i * c->dim + k] - c->mean[k]) * v[k];
    return sum;
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;

    for (int64_t k = 0; k < n; k++) sum += a[k] * b[k];
    return sum;
}

/* Takes along's part out of v, and makes it 1 long. False: nothing is left. */
static bool straighten(double *v, const double *along, int64_t n)
{
    double part = along ? dot(v, along, n) : 0, length;

    for (int64_t k = 0; along && k < n; k++) v[k] -= part * along[k];
    length = sqrt(dot(v, v, n));
    for (int64_t k = 0; k < n; k++) v[k] = length > 1e-12 ? v[k] / length : 0;
    return length > 1e-12;
}

static void find_axis(cloud *c, int which)
{
    double       *v = c->axis[which];
    const double *along = which ? c->axis[0] : NULL;

    for (int64_t k = 0; k < c->dim; k++) v[k] = 1 / (double)(1 + (k + which) % c->dim);
    for (int round = 0; round < ROUNDS && straighten(v, along, c->dim); round++) {
        for (int64_t k = 0; k < c->dim; k++) c->next[k] = 0;
        for (int64_t i = 0; i < c->n; i++) {
            double place = place_of(c, i, v);
            for (int64_t k = 0; k < c->dim; k++)
                c->next[k] += place * ((double)c->points[i * c->dim + k] - c->mean[k]);
        }
        for (int64_t k = 0; k < c->dim; k++) v[k] = c->next[k];
    }
    straighten(v, along, c->dim);
}

static void place_all(const cloud *c, double *places, double share[2])
{
    double all = 0;

    share[0] = share[1] = 0;
    for (int64_t i = 0; i < c->n; i++) {
        for (int a = 0; a < 2; a++) {
            places[2 * i + a] = place_of(c, i, c->axis[a]);
            share[a] += places[2 * i + a] * places[2 * i + a];
        }
        for (int64_t k = 0; k < c->dim; k++) all += pow((double)c->points[i * c->dim + k] - c->mean[k], 2);
    }
    for (int a = 0; a < 2; a++) share[a] = all > 0 ? share[a] / all : 0;
}

bool text_pca(const tn_real *points, int64_t n, int64_t dim, double *places, double share[2], tn_error *err)
{
    double *room = malloc((size_t)dim * 4 * sizeof *room);
    cloud   c = {.points = points, .n = n, .dim = dim};

    if (!room) return tn_fail(err, TN_EMEMORY, "out of memory: no room for axes of %lld numbers", (long long)dim);
    c.mean = room;
    c.axis[0] = room + dim;
    c.axis[1] = room + 2 * dim;
    c.next = room + 3 * dim;
    find_mean(&c);
    for (int a = 0; a < 2; a++) find_axis(&c, a);
    place_all(&c, places, share);
    free(room);
    return true;
}
