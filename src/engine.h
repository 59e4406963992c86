/* engine.h: what only the engine sees: the node behind a tensor, a parameter's gradient, the tape, the arena. Ops do not
 * include it. */
#ifndef TARN_ENGINE_H
#define TARN_ENGINE_H

#include <stdarg.h>

#include <tarn/memory.h>
#include <tarn/op.h>
#include <tarn/rng.h>

/* ---- texts -------------------------------------------------------------------------------------------------------- */

/* snprintf, with a decimal point whatever locale the program has chosen. */
int tn__format(char *to, size_t size, const char *format, ...) TN_PRINTF(3, 4);
int tn__format_with(char *to, size_t size, const char *format, va_list args) TN_PRINTF(3, 0);

/* ---- memory: memory.c is the one place that asks the system ------------------------------------------------------- */

/* Has the system give all pages of p[0..bytes) at once, since all of them are about to be written: one by one, at the
 * first write to each, they would cost more than what is written. What p holds stays. */
void  tn__populate(void *p, size_t bytes);

/* Sizes are checked here and nowhere else: the product in *n, or false for a bad rank, a negative size or an array that
 * no address space holds. What stands beside a 0 is multiplied too, as NumPy does: no sizes of a tensor overflow. */
bool tn__count(int rank, const int64_t *size, int64_t *n);

/* Why it said false: the code, and the words into text. */
enum { TN__SHAPE_FAULT = TN_SHAPE_TEXT + 48 };
tn_code tn__shape_fault(int rank, const int64_t *size, char text[TN__SHAPE_FAULT]);

/* Blocks in order, dropped together. Chunks are kept; when a step needed several, the next one gets a single chunk of
 * their sum, so that a step no larger than one seen before asks the system for nothing. */
typedef struct tn__chunk tn__chunk;
typedef struct tn__arena {
    tn__chunk *chunk;  /* the newest, which holds the older ones */
    char      *at, *end;
    size_t     bytes;  /* of all chunks */
} tn__arena;

void *tn__arena_alloc(tn__arena *a, size_t bytes); /* 64-byte aligned when 64 bytes or more, else 16; NULL: no memory */
void *tn__arena_calloc(tn__arena *a, size_t bytes); /* the same, zeroed */
void  tn__arena_rewind(tn__arena *a);
void  tn__arena_free(tn__arena *a);

/* ---- nodes --------------------------------------------------------------------------------------------------------- */

enum {
    TN__WANTS   = 1,   /* a gradient flows through it */
    TN__REACHED = 2,   /* by the walk back from the loss */
    TN__WRITTEN = 4,   /* its gradient has a first contribution */
    TN__KEEP    = 8,   /* tn_keep_grad, or an input that asked for it */
    TN__BUFFER  = 16,
    TN__FROZEN  = 32
};

typedef struct tn__rows {    /* an input whose rows the op's shape declared */
    int      input;
    tn_ids   ids;
    int32_t *slot;           /* of each id in the compact gradient; planned by backward */
} tn__rows;

typedef struct tn__proposal { /* a buffer's next value, by the op that made y */
    struct tn__proposal *next;
    const tn_tensor     *y;
    tn_tensor           *buffer;
    tn_real             *data;
} tn__proposal;

typedef struct tn__node {
    tn_tensor        pub;      /* first: a tensor's address is its node's */
    struct tn__node *root;     /* whose data and gradient it shares; itself if nobody's */
    tn_real         *grad;     /* planned by backward; of a parameter: its dense gradient */
    int64_t          index;    /* on the tape, or in the params */
    unsigned         flags;
    uint32_t         ordinal;  /* among the tape's random ops */
    tn__rows        *rows;
} tn__node;

static inline tn__node *tn__node_of(const tn_tensor *x)
{
    return (tn__node *)x;
}

/* Input i of y. NULL if it is absent, or y is: an op's functions may ask for any. */
static inline tn_tensor *tn__input(const tn_tensor *y, int i)
{
    return y && i >= 0 && i < y->n_in ? y->in[i] : NULL;
}

/* ---- parameters ---------------------------------------------------------------------------------------------------- */

typedef enum tn__grad_kind { TN__NO_GRAD, TN__ROW_GRAD, TN__DENSE_GRAD } tn__grad_kind;

/* A parameter. Its gradient is absent, or compact (slot s is row row[s]), or dense (node.grad). slot_of[r] is row r's
 * slot plus 1. The plan_ fields are the backward's that runs, so that a failed plan can be taken back. */
typedef struct tn__param {
    tn__node          node;    /* first */
    tn_params        *owner;
    void             *block;   /* where node.pub.data lies */
    tn__grad_kind     kind;
    tn_real          *row_grad;
    int32_t          *row, *slot_of;
    int64_t           n_rows, row_capacity;
    tn_real          *pending; /* a buffer's next value */
    bool              has_pending;
    struct tn__param *plan_next;
    bool              planned, plan_dense;
    int64_t           plan_rows; /* n_rows before the plan */
    const tn__rows   *plan_last; /* whose slots were planned last */
    char              name[TN_NAME];
} tn__param;

struct tn_params {
    tn_error  *err;
    uint64_t   seed;
    tn__param **at;
    int        n, capacity;
};

static inline tn__param *tn__param_of(const tn_tensor *x)
{
    return (tn__param *)x;
}

static inline bool tn__is_leaf_of_params(const tn_tensor *x)
{
    return x && !x->tape;
}

/* Does x ask for a gradient (on a tape that records)? */
static inline bool tn__wants(const tn_tensor *x)
{
    unsigned flags = x ? tn__node_of(x)->root->flags : 0;
    return (flags & (TN__WANTS | TN__FROZEN)) == TN__WANTS;
}

int64_t tn__row_width(const tn_tensor *x);               /* numbers in one row: n / size[0] */
bool    tn__reserve_dense(tn__param *p);
bool    tn__reserve_rows(tn__param *p, int64_t more);
void    tn__make_dense(tn__param *p);                    /* reserved already: rows become a dense gradient */
void    tn__touch_rows(tn__param *p, tn_ids ids, int32_t *slot); /* reserved already: gives each id its slot, new ones zeros */
void    tn__drop_rows(tn__param *p, int64_t from);       /* forgets slots from..n_rows */
void    tn__forget_gradient(tn__param *p);

/* ---- the tape ------------------------------------------------------------------------------------------------------ */

typedef enum tn__state { TN__CLOSED, TN__OPEN, TN__SPENT } tn__state;

typedef struct tn__call {    /* of an op's forward or backward, by the clock */
    const tn_op *op;
    tn_dims      shape;      /* of the result, and its numbers */
    int64_t      n;
    int64_t      begin, end; /* nanoseconds */
    bool         backward;
} tn__call;

typedef struct tn__profile {
    tn__call *call;
    int64_t   n, capacity, lost;
} tn__profile;

struct tn_tape {
    tn_error  *err;
    uint64_t   seed, stream, count;
    unsigned   mode;
    tn__state  state;
    tn__arena  arena;
    tn__node **node;
    int64_t    n_nodes, capacity;
    uint32_t   n_random, n_samples;
    void      *scratch;
    size_t     scratch_bytes;
    tn__proposal *proposals;
    tn__profile profile;
    bool       profiling, checking;
};

/* Is x a tensor of the current step of tape? One of an earlier step is not, or its memory is a new tensor's by now. */
static inline bool tn__is_on(const tn_tape *tape, const tn_tensor *x)
{
    int64_t i = tn__node_of(x)->index;
    return x->tape == tape && i >= 0 && i < tape->n_nodes && tape->node[i] == tn__node_of(x);
}

void tn__profile_run(tn_tensor *y, void (*pass)(tn_tensor *y));
void tn__profile_free(tn__profile *p);

/* Calls pass, which is y's forward or backward. */
static inline void tn__run(tn_tensor *y, void (*pass)(tn_tensor *y))
{
    if (y->tape->profiling) tn__profile_run(y, pass);
    else pass(y);
}

/* Are they all finite: what y's op read from outside and gave; the gradients that its backward has added to; dy? */
bool tn__check_forward(const tn_tensor *y);
bool tn__check_backward(const tn_tensor *y);
bool tn__check_start(const tn_tensor *y, const tn_real *dy);

int64_t    tn__tape_count_nodes(const tn_tape *t);
tn_tensor *tn__tape_node(const tn_tape *t, int64_t i); /* in order of creation */

#endif
