/* gemm.c: C (m x n) = op(A) op(B) in float: tarn's and, loaded at run time, OpenBLAS', BLIS' and oneDNN's. A request
 * is "LIBRARY NN|NT|TN M N K". */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include <tarn/tarn.h>

#include "bench.h"

typedef void cblas_function(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                            const float *b, int ldb, float beta, float *c, int ldc);
typedef int dnnl_function(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                          const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

typedef struct product {
    bool            ta, tb;
    int64_t         m, n, k;
    float          *a, *b, *c;
    void           *scratch;
    tn_error        err;
    tn_tape        *tape;
    tn_tensor      *op; /* NULL: one thread, the kernel itself */
    cblas_function *cblas;
    dnnl_function  *dnnl;
} product;

static void product_drop(void *state)
{
    product *p = state;
    tn_tape_free(p->tape);
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->scratch);
    free(p);
}

/* rest: " TN 64 128 784" */
static product *product_of(const char *rest)
{
    char      trans[3];
    long long m, n, k;
    product  *p = calloc(1, sizeof *p);
    if (!p || sscanf(rest, "%2s %lld %lld %lld", trans, &m, &n, &k) != 4) {
        free(p);
        return NULL;
    }
    *p = (product){.ta = trans[0] == 'T', .tb = trans[1] == 'T', .m = m, .n = n, .k = k};
    p->a = bench_numbers(m * k);
    p->b = bench_numbers(k * n);
    p->c = bench_numbers(m * n);
    return p;
}

/* ---- tarn ------------------------------------------------------------------------------------------------------ */

static tn_tensor *product_op(product *p)
{
    tn_tape_begin(p->tape, TN_EVAL);
    tn_tensor *a = tn_const(p->tape, p->ta ? TN_DIMS(p->k, p->m) : TN_DIMS(p->m, p->k), p->a);
    tn_tensor *b = tn_const(p->tape, p->tb ? TN_DIMS(p->n, p->k) : TN_DIMS(p->k, p->n), p->b);
    tn_tensor *y = tn_matmul_trans(p->tape, a, b, (p->ta ? TN_TRANS_A : 0) | (p->tb ? TN_TRANS_B : 0));
    bench_check(&p->err);
    return y;
}

/* With several threads the op shares the product out: its forward, again and again. */
static void *tarn_prepare(const char *rest)
{
    product *p = product_of(rest);
    if (!p) return NULL;
    p->scratch = bench_alloc((int64_t)tn__gemm_scratch(p->m, p->n, p->k));
    if (tn_threads() > 1) {
        p->tape = tn_tape_new(1, 0, &p->err);
        p->op = product_op(p);
    }
    return p;
}

static void tarn_run(void *state)
{
    product *p = state;
    if (p->op) p->op->op->forward(p->op);
    else
        tn__kernels_get()->gemm(p->ta, p->tb, p->m, p->n, p->k, p->a, p->ta ? p->m : p->k, p->b,
                                p->tb ? p->k : p->n, p->c, p->n, false, p->scratch);
}

/* ---- the peers ------------------------------------------------------------------------------------------------- */

/* The same names in other distributions' versions; RTLD_LOCAL, since two of them define cblas_sgemm. */
static void *symbol(const char *const *files, const char *name)
{
    for (; *files; files++) {
        void *library = dlopen(*files, RTLD_NOW | RTLD_LOCAL);
        if (library) return dlsym(library, name);
    }
    return NULL;
}

/* Not through a conversion, which ISO C does not have between objects and functions. */
static void *with_function(const char *rest, void *function, size_t at)
{
    product *p = function ? product_of(rest) : NULL;
    if (p) memcpy((char *)p + at, &function, sizeof function);
    return p;
}

static void *openblas_prepare(const char *rest)
{
    static const char *const files[] = {"libopenblas.so.0", "libopenblas.so", NULL};
    return with_function(rest, symbol(files, "cblas_sgemm"), offsetof(product, cblas));
}

static void *blis_prepare(const char *rest)
{
    static const char *const files[] = {"libblis.so.4", "libblis.so", NULL};
    return with_function(rest, symbol(files, "cblas_sgemm"), offsetof(product, cblas));
}

static void *onednn_prepare(const char *rest)
{
    static const char *const files[] = {"libdnnl.so.2", "libdnnl.so.3", "libdnnl.so", NULL};
    return with_function(rest, symbol(files, "dnnl_sgemm"), offsetof(product, dnnl));
}

static void peer_run(void *state)
{
    enum { ROW_MAJOR = 101, NOT_TRANSPOSED = 111 };
    product *p = state;
    int64_t  lda = p->ta ? p->m : p->k, ldb = p->tb ? p->k : p->n;
    if (p->cblas)
        p->cblas(ROW_MAJOR, NOT_TRANSPOSED + p->ta, NOT_TRANSPOSED + p->tb, (int)p->m, (int)p->n, (int)p->k, 1, p->a,
                 (int)lda, p->b, (int)ldb, 0, p->c, (int)p->n);
    else
        p->dnnl(p->ta ? 'T' : 'N', p->tb ? 'T' : 'N', p->m, p->n, p->k, 1, p->a, lda, p->b, ldb, 0, p->c, p->n);
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"tarn", tarn_prepare, tarn_run, product_drop},
        {"openblas", openblas_prepare, peer_run, product_drop},
        {"blis", blis_prepare, peer_run, product_drop},
        {"onednn", onednn_prepare, peer_run, product_drop},
        {NULL, NULL, NULL, NULL},
    };
    return bench_main(argc, argv, works);
}
