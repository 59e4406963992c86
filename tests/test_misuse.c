/* What the headers of the engine say can fail, and is not in the tables of other tests: the tape, parameters, an op's shape,
 * memory that there is none of; threads; and NULL for every pointer that a function takes. */
#include <stdio.h>
#include <unistd.h>

#include <tarn/rng.h>

#include "misuse.h"

static tn_tensor *scalar(void)
{
    return tn_input(t, TN_SCALAR, NULL, true);
}

static tn_tensor *number(void)
{
    return tn_param(ps, TN_SCALAR, tn_constant(1), "w.weight");
}

#if !defined(__SANITIZE_ADDRESS__) /* which stops there: test_misuse_freed.c */
/* A tensor of a step before, where no new one will be. */
static tn_tensor *old(void)
{
    tn_tensor *x = NULL;
    for (int i = 0; i < 8; i++) x = scalar();
    tn_tape_begin(t, TN_GRAD);
    return x;
}
#endif

static tn_tape *other;

static tn_tensor *theirs(void)
{
    if (!other) other = tn_tape_new(1, 1, &err);
    tn_tape_begin(other, TN_GRAD);
    return tn_input(other, TN_SCALAR, NULL, true);
}

static void finish(void)
{
    tn_tape_free(other);
    other = NULL;
    teardown();
}

static void spend(void)
{
    tn_backward(t, tn_square(t, scalar()));
}

/* On a tape on which no step has begun. */
static void unbegin(void)
{
    tn_tape_trim(t);
}

/* ---- an op of the test's, whose shape does what a row says --------------------------------------------------------- */

static bool (*in_shape)(tn_tensor *y);

static bool shape(tn_tensor *y)
{
    return in_shape(y);
}

static void nothing(tn_tensor *y)
{
    (void)y;
}

static const tn_op mine = {.name = "mine", .n_in = 1, .shape = shape, .forward = nothing, .backward = nothing};

static tn_tensor *apply(bool (*f)(tn_tensor *y), tn_tensor *x)
{
    in_shape = f;
    return tn_apply(t, &mine, 1, &x, NULL);
}

#define IN_SHAPE(name, x, expression)       \
    static bool name##_in_shape(tn_tensor *y) \
    {                                       \
        return expression;                  \
    }                                       \
    MISUSE(name, ck_assert_ptr_null(apply(name##_in_shape, x)))

static bool like(tn_tensor *y)
{
    return tn_set_shape_like(y, y->in[0]);
}

static bool size_0(tn_tensor *y)
{
    return tn_set_shape(y, 0, NULL);
}

static const tn_op nameless = {.n_in = 1, .shape = shape}, shapeless = {.name = "mine", .n_in = 1};

static tn_tensor *no_sample(tn_tape *tape, int k)
{
    return tn_sample(tape, TN_DIMS(1 + k), 0, 1); /* a leaf */
}

static tn_tensor *bad_sample(tn_tape *tape, int k)
{
    return tn_sample(tape, TN_DIMS(-1 - k), 0, 1);
}

static bool gradcheck(tn_tensor *(*sample)(tn_tape *tape, int k))
{
    tn_op op = mine;
    op.sample = sample;
    return tn_gradcheck(t, &op);
}

/* ---- misuse -> code -> text ---------------------------------------------------------------------------------------- */

#define DEEP ((tn_dims){9, {1}})
#define HUGE_ TN_DIMS(INT64_MAX, 4)
static const tn_real one = 1;

MISUSE(input_rank, ck_assert_ptr_null(tn_input(t, DEEP, NULL, false)))
MISUSE(input_minus_rank, ck_assert_ptr_null(tn_input(t, ((tn_dims){-1, {0}}), NULL, false)))
MISUSE(input_huge, ck_assert_ptr_null(tn_input(t, HUGE_, NULL, false)))
MISUSE(input_huge_of_nothing, ck_assert_ptr_null(tn_input(t, TN_DIMS(INT64_C(1) << 62, 0, 4), NULL, false)))
MISUSE(input_spent, spend(); ck_assert_ptr_null(scalar()))
MISUSE(const_closed, unbegin(); ck_assert_ptr_null(tn_const(t, TN_SCALAR, &one)))
MISUSE(const_negative, ck_assert_ptr_null(tn_const(t, TN_DIMS(2, -2), &one)))
MISUSE(scalar_spent, spend(); ck_assert_ptr_null(tn_scalar(t, 1)))
MISUSE(detach_other, ck_assert_ptr_null(tn_detach(t, theirs())))
#if !defined(__SANITIZE_ADDRESS__)
MISUSE(detach_old, ck_assert_ptr_null(tn_detach(t, old())))
MISUSE(backward_old, ck_assert(!tn_backward(t, old())))
MISUSE(apply_old, ck_assert_ptr_null(apply(like, old())))
#endif
MISUSE(detach_closed, unbegin(); ck_assert_ptr_null(tn_detach(t, number())))
MISUSE(backward_closed, unbegin(); ck_assert(!tn_backward(t, number())))
MISUSE(backward_other, ck_assert(!tn_backward(t, theirs())))
MISUSE(dy_null, ck_assert(!tn_backward_from(t, scalar(), NULL)))
MISUSE(from_nothing, ck_assert(!tn_backward_from(t, NULL, &one)))

MISUSE(param_null, ck_assert_ptr_null(tn_param(ps, TN_SCALAR, tn_constant(0), (const char *)NULL)))
MISUSE(param_reserved, ck_assert_ptr_null(tn_param(ps, TN_SCALAR, tn_constant(0), "optim.w")))
MISUSE(param_rank, ck_assert_ptr_null(tn_param(ps, DEEP, tn_constant(0), "w")))
MISUSE(param_huge, ck_assert_ptr_null(tn_param(ps, HUGE_, tn_constant(0), "w")))
MISUSE(buffer_twice, number(); ck_assert_ptr_null(tn_buffer(ps, TN_SCALAR, tn_constant(0), "w.weight")))

static void restore_other(void)
{
    tn_params *others = tn_params_new(1, &err);
    tn_snapshot *s = tn_params_snapshot(others);
    ck_assert(!tn_params_restore(ps, s));
    tn_snapshot_free(s);
    tn_params_free(others);
}
MISUSE(average_null, ck_assert(!tn_snapshot_average(NULL, ps, 1)))

MISUSE(apply_closed, unbegin(); ck_assert_ptr_null(apply(like, number())))
MISUSE(apply_spent, spend(); ck_assert_ptr_null(apply(like, number())))
MISUSE(op_null, ck_assert_ptr_null(tn_apply(t, NULL, 0, NULL, NULL)))
MISUSE(op_nameless, ck_assert_ptr_null(tn_apply(t, &nameless, 0, NULL, NULL)))
MISUSE(op_shapeless, ck_assert_ptr_null(tn_apply(t, &shapeless, 0, NULL, NULL)))
MISUSE(inputs_null, ck_assert_ptr_null(tn_apply(t, &mine, 1, NULL, NULL)))
MISUSE(inputs_minus, ck_assert_ptr_null(tn_apply(t, &mine, -1, NULL, NULL)))
MISUSE(input_null, ck_assert_ptr_null(apply(like, NULL)))
MISUSE(input_other, ck_assert_ptr_null(apply(like, theirs())))
IN_SHAPE(shape_fails, scalar(), tn_op_fail(y, TN_EINDEX, "id %d", 7))
IN_SHAPE(size_null, scalar(), tn_set_shape(y, 2, NULL))
IN_SHAPE(like_null, scalar(), tn_set_shape_like(y, NULL))
IN_SHAPE(alias_none, scalar(), tn_alias(y, 1))
IN_SHAPE(rows_of_none, scalar(), tn_touch_rows(y, -1, (tn_ids){NULL, 0}))
IN_SHAPE(write_temporary, scalar(), tn_write_input(y, 0))
IN_SHAPE(write_none, scalar(), tn_write_input(y, 1))
IN_SHAPE(write_needed, (tn_square(t, number()), tn_params_at(ps, 0)), tn_write_input(y, 0))
IN_SHAPE(propose_none, scalar(), tn_propose(y, 1))
IN_SHAPE(dim_outside, scalar(), tn_wrap_dim(y, 2, &(int64_t){2}))
IN_SHAPE(dim_null, scalar(), tn_wrap_dim(y, 2, NULL))
IN_SHAPE(saved_huge, scalar(), tn_alloc_saved(y, (size_t)PTRDIFF_MAX))
MISUSE(check_null, ck_assert(!tn_gradcheck(t, NULL)))
MISUSE(check_sample, ck_assert(!gradcheck(bad_sample)))
MISUSE(sample_negative, ck_assert_ptr_null(tn_sample(t, TN_DIMS(-1), 0, 1)))
MISUSE(check_other, ck_assert(!gradcheck(no_sample)))

#define SPENT ": this tape is spent: tn_backward has walked it; begin the next step with tn_tape_begin"
#define CLOSED ": no step has begun on this tape: call tn_tape_begin first, with TN_GRAD | TN_TRAIN to train or TN_EVAL to predict"
#define OTHERS " is of another tape; copy it with tn_input"
#define GONE " is of an earlier step, and gone; copy its data before tn_tape_begin, and give it to tn_input after"

static const misuse misuses[] = {
    {"tn_input: a rank over TN_MAX_RANK", input_rank, TN_ESHAPE, "tn_input: a rank of 9 is not in 0..8"},
    {"tn_input: a rank over TN_MAX_RANK", input_minus_rank, TN_ESHAPE, "tn_input: a rank of -1 is not in 0..8"},
    {"tn_input: a shape larger than any memory", input_huge, TN_EMEMORY,
     "tn_input: the shape (9223372036854775807, 4) is larger than any memory"},
    {"tn_input: a shape larger than any memory", input_huge_of_nothing, TN_EMEMORY,
     "tn_input: the shape (4611686018427387904, 0, 4) is larger than any memory"},
    {"tn_input: a tape that tn_backward has walked", input_spent, TN_EUSAGE, "tn_input" SPENT},
    {"tn_const: no step begun", const_closed, TN_EUSAGE, "tn_const" CLOSED},
    {"tn_const: a negative size", const_negative, TN_ESHAPE, "tn_const: the shape (2, -2) has a negative size"},
    {"tn_scalar: a tape that tn_backward has walked", scalar_spent, TN_EUSAGE, "tn_scalar" SPENT},
    {"tn_detach: x is of another tape", detach_other, TN_EUSAGE, "tn_detach: input 0 ()" OTHERS},
#if !defined(__SANITIZE_ADDRESS__)
    {"tn_detach: x is of an earlier step", detach_old, TN_EUSAGE, "tn_detach: input 0 ()" GONE},
    {"tn_backward: loss is of an earlier step", backward_old, TN_EUSAGE,
     "backward: the loss () is not of this tape and step"},
    {"tn_apply: a tensor of an earlier step", apply_old, TN_EUSAGE, "mine: input 0 ()" GONE},
#endif
    {"tn_detach: no step begun", detach_closed, TN_EUSAGE, "tn_detach" CLOSED},
    {"tn_backward: no step begun", backward_closed, TN_EUSAGE, "backward: no step has begun: call tn_tape_begin first"},
    {"tn_backward: loss is of another tape", backward_other, TN_EUSAGE, "backward: the loss () is not of this tape and step"},
    {"tn_backward_from: dy is NULL", dy_null, TN_EUSAGE, "backward: dy is NULL"},
    {"tn_backward_from: loss is NULL", from_nothing, TN_EUSAGE, "backward: the loss is NULL, and no earlier error says why"},

    {"tn_param: a name that is NULL", param_null, TN_EUSAGE, "tn_param: the name is NULL"},
    {"tn_param: a name under the reserved optim.", param_reserved, TN_EUSAGE,
     "tn_param: the name \"optim.w\" begins with \"optim.\", which is the optimiser's"},
    {"tn_param: a rank over TN_MAX_RANK", param_rank, TN_ESHAPE, "tn_param \"w\": a rank of 9 is not in 0..8"},
    {"tn_param: a shape larger than any memory", param_huge, TN_EMEMORY,
     "tn_param \"w\": the shape (9223372036854775807, 4) is larger than any memory"},
    {"tn_buffer: a name that is there already", buffer_twice, TN_EUSAGE, "tn_param: there is a \"w.weight\" already"},
    {"tn_params_restore: s is of another params", restore_other, TN_EUSAGE, "snapshot: it is of other params"},
    {"tn_snapshot_average: s is NULL", average_null, TN_EUSAGE, "snapshot: it is NULL, and no earlier error says why"},

    {"tn_apply: no step begun", apply_closed, TN_EUSAGE, "mine" CLOSED},
    {"tn_apply: a tape that tn_backward has walked", apply_spent, TN_EUSAGE, "mine" SPENT},
    {"tn_apply: an op that is NULL or has no name or shape", op_null, TN_EUSAGE,
     "tn_apply: the op needs a name and a shape function"},
    {"tn_apply: an op that is NULL or has no name or shape", op_nameless, TN_EUSAGE,
     "tn_apply: the op needs a name and a shape function"},
    {"tn_apply: an op that is NULL or has no name or shape", op_shapeless, TN_EUSAGE,
     "tn_apply: the op needs a name and a shape function"},
    {"tn_apply: inputs at NULL", inputs_null, TN_EUSAGE, "mine: 1 inputs, at NULL"},
    {"tn_apply: another number of inputs", inputs_minus, TN_EUSAGE, "mine: takes 1 inputs, was given -1"},
    {"tn_apply: a required input that is NULL", input_null, TN_EUSAGE,
     "mine: input 0 is NULL, and no earlier error says why" UNMADE},
    {"tn_apply: a tensor of another tape", input_other, TN_EUSAGE, "mine: input 0 ()" OTHERS},
    {"tn_apply: those of op->shape", shape_fails, TN_EINDEX, "mine: id 7"},
    {"tn_set_shape: size is NULL", size_null, TN_EUSAGE, "mine: the sizes of its shape are NULL"},
    {"tn_set_shape_like: x is NULL", like_null, TN_EUSAGE, "mine: the tensor that gives its shape is NULL"},
    {"tn_alias: no such input", alias_none, TN_EUSAGE, "mine: there is no input 1"},
    {"tn_touch_rows: no such input", rows_of_none, TN_EUSAGE, "mine: there is no input -1"},
    {"tn_write_input: an input that is no parameter", write_temporary, TN_EUSAGE,
     "mine: changes input 0 in place, so that must be a parameter"},
    {"tn_write_input: an input that is no parameter", write_none, TN_EUSAGE,
     "mine: changes input 1 in place, so that must be a parameter"},
    {"tn_write_input: an earlier op on this tape needs the old values", write_needed, TN_EUSAGE,
     "mine \"w\": changes its table in place, and an earlier square on this tape needs the old values: do the lookup first"},
    {"tn_propose: an input that is no buffer", propose_none, TN_EUSAGE, "mine: input 1 is not a buffer (tn_buffer)"},
    {"tn_wrap_dim: another dim", dim_outside, TN_EINDEX, "mine: dimension 2 is outside [-2, 2)"},
    {"tn_wrap_dim: dim is NULL", dim_null, TN_EUSAGE, "mine: its dimension is NULL"},
    {"tn_alloc_saved: no room", saved_huge, TN_EMEMORY, "mine: out of memory (9223372036854775807 bytes wanted, 65536 in "
                                                        "use)"},
    {"tn_gradcheck: an op that is NULL", check_null, TN_EUSAGE, "gradcheck: the op is NULL"},
    {"tn_gradcheck: a sample that is not this op's result", check_other, TN_EUSAGE,
     "gradcheck: mine, sample 0 is not this op's result"},
    {"tn_gradcheck: those of the samples", check_sample, TN_ESHAPE, "tn_input: the shape (-1,) has a negative size"},
    {"tn_sample: a negative size", sample_negative, TN_ESHAPE, "tn_input: the shape (-1,) has a negative size"},
};
enum { MISUSES = sizeof misuses / sizeof *misuses };

START_TEST(misused)
{
    check_misuse(&misuses[_i]);
}
END_TEST

/* ---- no memory ------------------------------------------------------------------------------------------------------ */

static bool empty; /* is there none? */

static void *resize(void *user, void *p, size_t bytes)
{
    (void)user;
    if (bytes) return empty ? NULL : realloc(p, bytes);
    free(p);
    return NULL;
}

static void setup_with_allocator(void)
{
    empty = false;
    ck_assert(tn_set_allocator(&(tn_allocator){resize, NULL}));
    setup();
}

static void teardown_with_allocator(void)
{
    teardown();
    ck_assert(tn_set_allocator(NULL));
}

/* Takes all that the tape has left. */
static bool fill(tn_tensor *y)
{
    empty = true;
    for (size_t bytes = 1 << 16; bytes; bytes /= 2) {
        while (tn_alloc_saved(y, bytes)) {}
        tn_error_clear(&err);
    }
    return false;
}

static void fill_tape(void)
{
    apply(fill, scalar());
}

#define NO_ROOM(name, before, call) \
    static void name(void)          \
    {                               \
        before;                     \
        empty = true;               \
        call;                       \
    }
#define NO_ROOM_IN_SHAPE(name, x, expression) \
    static bool name##_in_shape(tn_tensor *y) \
    {                                         \
        fill(y);                              \
        return expression;                    \
    }                                         \
    MISUSE(name, ck_assert_ptr_null(apply(name##_in_shape, x)))

static tn_tensor *loss;
static optim     *o;
static tn_file   *file;
static char       path[64];

static void save(void)
{
    snprintf(path, sizeof path, "/tmp/tarn-misuse-%ld", (long)getpid());
    number();
    tn_save(ps, path, 0, NULL);
    file = tn_file_open(path, &err);
}

static void load(void)
{
    ck_assert(!tn_file_load(file, ps, TN_STRICT));
    tn_file_close(file);
    remove(path);
}

static void save_array(void)
{
    snprintf(path, sizeof path, "/tmp/tarn-misuse-%ld", (long)getpid());
    tn_npy_save(number(), path, &err);
}

static void make_optim(void)
{
    number();
    o = optim_sgd(ps, optim_sgd_defaults());
}

static const int32_t zero_id[] = {0};

static void by_rows(void) /* the gradient of a table */
{
    tn_tensor *table = tn_param(ps, TN_DIMS(3, 2), tn_constant(1), "words.weight");
    tn_backward(t, tn_sum(t, tn_embedding(t, table, (tn_ids){zero_id, 1}, tn_embedding_defaults()), TN_ALL, false));
}

NO_ROOM(tape_no_room, (void)0, ck_assert_ptr_null(tn_tape_new(1, 0, &err)))
NO_ROOM(params_no_room, (void)0, ck_assert_ptr_null(tn_params_new(1, &err)))
NO_ROOM(input_no_room, fill_tape(), ck_assert_ptr_null(scalar()))
NO_ROOM(op_no_room, loss = scalar(); fill_tape(), ck_assert_ptr_null(tn_neg(t, loss)))
NO_ROOM(apply_no_room, loss = scalar(); fill_tape(), ck_assert_ptr_null(apply(like, loss)))
NO_ROOM(backward_no_room, loss = tn_square(t, scalar()); fill_tape(), ck_assert(!tn_backward(t, loss)))
NO_ROOM(dense_no_room, by_rows(), ck_assert_ptr_null(tn_grad_data(tn_params_at(ps, 0))))
NO_ROOM(param_no_room, (void)0, ck_assert_ptr_null(number()))
NO_ROOM(buffer_no_room, (void)0, ck_assert_ptr_null(tn_buffer(ps, TN_SCALAR, tn_constant(0), "b")))
NO_ROOM(snapshot_no_room, (void)0, ck_assert_ptr_null(tn_params_snapshot(ps)))
NO_ROOM(draw_no_room, (void)0, tn_draw(t, stdout))
NO_ROOM(profile_no_room, (void)0, tn_profile_print(t, stdout))
NO_ROOM(save_no_room, (void)0, ck_assert(!tn_save(ps, "/nosuch/x", 0, NULL)))
NO_ROOM(open_no_room, (void)0, ck_assert_ptr_null(tn_file_open("/nosuch/x", &err)))
NO_ROOM(load_no_room, save(), load())
NO_ROOM(npy_save_no_room, loss = scalar(), ck_assert(!tn_npy_save(loss, "/nosuch/x", &err)))
NO_ROOM(npy_load_no_room, save_array(), ck_assert_ptr_null(tn_npy_load(t, path)); remove(path))
NO_ROOM(optim_no_room, (void)0, ck_assert_ptr_null(optim_sgd(ps, optim_sgd_defaults())))
NO_ROOM(scale_no_room, make_optim(), ck_assert_int_eq(optim_set_lr_scale(o, "*", 1), 0); optim_free(o))
NO_ROOM(decay_no_room, make_optim(), ck_assert_int_eq(optim_set_weight_decay(o, "*", 1), 0); optim_free(o))
NO_ROOM(frozen_no_room, make_optim(), ck_assert_int_eq(optim_set_frozen(o, "*", true), 0); optim_free(o))
NO_ROOM(optim_save_no_room, make_optim(), ck_assert(!optim_save(o, "/nosuch/x", 0, NULL)); optim_free(o))
NO_ROOM(optim_load_no_room, make_optim(), ck_assert(!optim_load(o, "/nosuch/x")); optim_free(o))
NO_ROOM_IN_SHAPE(saved_no_room, scalar(), tn_alloc_saved(y, 1))
NO_ROOM_IN_SHAPE(scratch_no_room, scalar(), tn_alloc_scratch(y, 1))
NO_ROOM_IN_SHAPE(rows_no_room, scalar(), tn_touch_rows(y, 0, (tn_ids){NULL, 0}))
NO_ROOM_IN_SHAPE(propose_no_room, tn_buffer(ps, TN_SCALAR, tn_constant(0), "b"), tn_propose(y, 0))

/* The texts go on with numbers of bytes, or the path of a test. */
static const misuse no_memory[] = {
    {"tn_tape_new: no room", tape_no_room, TN_EMEMORY, "tn_tape_new: out of memory"},
    {"tn_params_new: no room", params_no_room, TN_EMEMORY, "tn_params_new: out of memory"},
    {"tn_input: no room", input_no_room, TN_EMEMORY, "tn_input: out of memory ("},
    {"ops.h: no room", op_no_room, TN_EMEMORY, "neg: out of memory ("},
    {"tn_apply: no room", apply_no_room, TN_EMEMORY, "mine: out of memory ("},
    {"tn_backward: no room", backward_no_room, TN_EMEMORY, "backward: out of memory for the gradient of a tensor of ()"},
    {"tn_grad_data: no room for that", dense_no_room, TN_EMEMORY,
     "tn_grad_data: out of memory for the dense gradient of \"words.weight\""},
    {"tn_param: no room", param_no_room, TN_EMEMORY, "tn_param \"w.weight\": out of memory for 1 numbers"},
    {"tn_buffer: no room", buffer_no_room, TN_EMEMORY, "tn_param \"b\": out of memory for 1 numbers"},
    {"tn_params_snapshot: no room", snapshot_no_room, TN_EMEMORY, "tn_params_snapshot: out of memory for 0 numbers"},
    {"tn_draw: no room", draw_no_room, TN_EMEMORY, "draw: out of memory"},
    {"tn_profile_print: no room", profile_no_room, TN_EMEMORY, "tn_profile_print: out of memory"},
    {"tn_save: no room", save_no_room, TN_EMEMORY, "save \"/nosuch/x\": out of memory"},
    {"tn_file_open: no room", open_no_room, TN_EMEMORY, "load: out of memory"},
    {"tn_file_load: no room for a copy of the values", load_no_room, TN_EMEMORY, "load \"/tmp/tarn-misuse-"},
    {"tn_npy_save: no room", npy_save_no_room, TN_EMEMORY, "save \"/nosuch/x\": out of memory"},
    {"tn_npy_load: no room", npy_load_no_room, TN_EMEMORY, "load \"/tmp/tarn-misuse-"},
    {"optim_new: no room", optim_no_room, TN_EMEMORY, "sgd: no memory for the optimiser"},
    {"optim_set_lr_scale: no room for settings", scale_no_room, TN_EMEMORY, "sgd: no memory for 1 parameters"},
    {"optim_set_weight_decay: no room for settings", decay_no_room, TN_EMEMORY, "sgd: no memory for 1 parameters"},
    {"optim_set_frozen: no room for settings", frozen_no_room, TN_EMEMORY, "sgd: no memory for 1 parameters"},
    {"optim_save: no room", optim_save_no_room, TN_EMEMORY, "sgd: no memory for a checkpoint"},
    {"optim_load: no room", optim_load_no_room, TN_EMEMORY, "load: out of memory"},
    {"tn_alloc_saved: no room", saved_no_room, TN_EMEMORY, "mine: out of memory ("},
    {"tn_alloc_scratch: no room", scratch_no_room, TN_EMEMORY, "mine: out of memory (64 bytes wanted, "},
    {"tn_touch_rows: no room", rows_no_room, TN_EMEMORY, "mine: out of memory ("},
    {"tn_propose: no room", propose_no_room, TN_EMEMORY, "mine: out of memory ("},
};
enum { NO_MEMORY = sizeof no_memory / sizeof *no_memory };

START_TEST(out_of_memory)
{
    const misuse *m = &no_memory[_i];
    tn_tape_begin(t, TN_GRAD);
    scalar(); /* the tape has a chunk */
    m->call();
    ck_assert_msg(!strncmp(err.text, m->text, strlen(m->text)), "%s", err.text);
    ck_assert_int_eq(err.code, m->code);
}
END_TEST

/* ---- wrong owners --------------------------------------------------------------------------------------------------- */

static void threads_of_a_step(int forward, int backward, int step, tn_real *w)
{
    enum { N = 70000 };
    tn_params *own = tn_params_new(3, &err);
    tn_tensor *p = tn_param(own, TN_DIMS(N), tn_normal(0, 1), "w");
    optim *adam = optim_adam(own, optim_adam_defaults());
    tn_set_threads(forward);
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *y = tn_sum(t, tn_square(t, tn_tanh(t, p)), TN_ALL, false);
    tn_set_threads(backward);
    tn_backward(t, y);
    tn_set_threads(step);
    optim_step(adam);
    memcpy(w, p->data, N * sizeof *w);
    optim_free(adam);
    tn_params_free(own);
}

/* A step may be begun with one number of threads and go on with another; numbers that make no sense are put right. */
START_TEST(another_number_of_threads)
{
    static tn_real alone[70000], w[70000];
    if (is_emulated()) return;
    threads_of_a_step(1, 1, 1, alone);
    threads_of_a_step(3, 1, 2, w);
    ck_assert_mem_eq(w, alone, sizeof w);
    threads_of_a_step(1, 4, 1, w);
    ck_assert_mem_eq(w, alone, sizeof w);
    ck_no_error();
    tn_set_threads(-5);
    ck_assert_int_ge(tn_threads(), 1);
    tn_set_threads(INT32_MAX);
    ck_assert_int_ge(tn_threads(), 1);
    tn_set_threads(1);
}
END_TEST

/* A tape takes parameters of several params: each keeps its own gradient, and an optimiser moves its own. */
START_TEST(parameters_of_two_params)
{
    tn_params *others = tn_params_new(2, &err);
    tn_tensor *a = number(), *b = tn_param(others, TN_SCALAR, tn_constant(3), "w.weight");
    optim *mover = optim_sgd(ps, (optim_sgd_options){.lr = 1});
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, tn_mul(t, a, b)));
    ck_assert(optim_step(mover));
    ck_assert_double_eq(tn_item(a), -2);
    ck_assert_double_eq(tn_item(b), 3);
    ck_assert_double_eq((double)tn_grad_data(b)[0], 1);
    tn_params_zero_grad(ps);
    ck_assert_double_eq((double)tn_grad_data(b)[0], 1);
    ck_assert(!optim_step(mover));
    ck_error(TN_EUSAGE, "optim_step: no gradient since the last step: call tn_backward first");
    tn_freeze(tn_square(t, a), true); /* no parameter: nothing happens; and the tape is spent */
    ck_error(TN_EUSAGE, "square" SPENT);
    optim_free(mover);
    tn_params_free(others);
}
END_TEST

/* ---- nothing -------------------------------------------------------------------------------------------------------- */

static void check_shape(const tn_tensor *x, const char *shape)
{
    ck_no_error();
    ck_assert_str_eq(TN_STR(x), shape);
}

/* No rows, no ids, no bags, bags of nothing, no inputs: what comes of it is empty, or zeros. */
START_TEST(ops_of_nothing)
{
    static const int64_t offsets[] = {0, 0};
    const tn_ids none = {NULL, 0};
    tn_op any = mine;
    any.n_in = -1;
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_tensor *rows = tn_input(t, TN_DIMS(0, 2), NULL, true), *table = tn_input(t, TN_DIMS(3, 2), NULL, true);
    check_shape(tn_gather_rows(t, rows, none), "(0, 2)");
    check_shape(tn_scatter_add_rows(t, table, none, rows), "(3, 2)");
    check_shape(tn_embedding(t, rows, none, tn_embedding_defaults()), "(0, 2)");
    check_shape(tn_embedding_bag(t, rows, (tn_bags){none, NULL, 0}, NULL, tn_embedding_bag_defaults()), "(0, 2)");
    tn_tensor *bags = tn_embedding_bag(t, table, (tn_bags){none, offsets, 2}, NULL, tn_embedding_bag_defaults());
    check_shape(bags, "(2, 2)");
    for (int i = 0; i < 4; i++) ck_assert_double_eq((double)bags->data[i], 0);
    check_shape(tn_reshape(t, rows, TN_DIMS(5, 0)), "(5, 0)");
    check_shape(tn_concat(t, 2, (tn_tensor *[]){rows, rows}, 0), "(0, 2)");
    check_shape(nn_length_mask(t, none, 4), "(0, 4)");
    check_shape(nn_sinusoids(t, 0, 0), "(0, 0)");
    in_shape = size_0;
    check_shape(tn_apply(t, &any, 0, NULL, NULL), "()");
    ck_assert(tn_backward_from(t, tn_add(t, rows, rows), &one));
    ck_no_error();
}
END_TEST

START_TEST(params_of_nothing)
{
    FILE *to = tmpfile();
    nn_linear l;
    tn_snapshot *s = tn_params_snapshot(ps);
    ck_takes(tn_params_restore(ps, s));
    tn_snapshot_free(s);
    ck_skips(tn_params_zero_grad(ps));
    ck_skips(tn_params_commit(ps));
    ck_takes(optim_clip_norm(ps, 1) == 0);
    ck_skips(optim_clip_value(ps, 1));
    ck_skips(tn_summary(ps, to));
    ck_skips(tn_draw(t, to));
    ck_skips(tn_profile_print(t, to));
    ck_skips(tn_profile_trace(t, to));
    snprintf(path, sizeof path, "/tmp/tarn-misuse-%ld", (long)getpid());
    ck_takes(tn_save(ps, path, 0, NULL) && tn_load(ps, path, TN_STRICT));
    o = optim_sgd(ps, optim_sgd_defaults());
    ck_takes(optim_save(o, path, 0, NULL) && optim_load(o, path));
    nn_linear_init(&l, ps, "", 0, 0); /* the names are ".weight" and ".bias" */
    ck_takes(tn_save(ps, path, 0, NULL) && tn_load(ps, path, TN_STRICT));
    tn_tape_begin(t, TN_GRAD);
    ck_takes(tn_npy_save(tn_input(t, TN_DIMS(0, 3), NULL, false), path, &err));
    check_shape(tn_npy_load(t, path), "(0, 3)");
    ck_skips(tn_print(tn_input(t, TN_DIMS(0, 3), NULL, false), to));
    check_shape(nn_linear_forward(&l, t, tn_input(t, TN_DIMS(2, 0), NULL, true)), "(2, 0)");
    ck_skips(tn_rng_fill(tn_rng_new(1, 2, 3, 4), 0, 0, NULL));
    ck_skips(tn_rng_shuffle(tn_rng_new(1, 2, 3, 4), 0, NULL));
    ck_takes(tn_rng_below(tn_rng_new(1, 2, 3, 4), 0, 0) == 0);
    optim_free(o);
    fclose(to);
    remove(path);
}
END_TEST

/* ---- NULL ---------------------------------------------------------------------------------------------------------- */

START_TEST(null_tape)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = scalar();
    ck_ignores(tn_tape_new(1, 0, NULL));
    ck_skips(tn_tape_free(NULL));
    ck_skips(tn_tape_begin(NULL, TN_GRAD));
    ck_ignores(tn_tape_mode(NULL));
    ck_ignores(tn_tape_error(NULL));
    ck_ignores(tn_ok(NULL));
    ck_ignores(tn_tape_count(NULL));
    ck_skips(tn_tape_set_count(NULL, 3));
    ck_ignores(tn_tape_bytes(NULL));
    ck_skips(tn_tape_trim(NULL));
    ck_ignores(tn_input(NULL, TN_SCALAR, &one, true));
    ck_takes(tn_input(t, TN_SCALAR, NULL, true));
    ck_ignores(tn_const(NULL, TN_SCALAR, &one));
    ck_refuses(tn_const(t, TN_SCALAR, NULL), TN_EUSAGE, "tn_const: data is NULL");
    ck_takes(tn_const(t, TN_DIMS(0, 3), NULL));
    ck_ignores(tn_scalar(NULL, 1));
    ck_ignores(!isnan(tn_item(NULL)));
    ck_ignores(tn_detach(NULL, x));
    ck_refuses(tn_detach(t, NULL), TN_EUSAGE, "tn_detach: input 0 is NULL, and no earlier error says why");
    ck_ignores(tn_backward(NULL, x));
    ck_refuses(tn_backward(t, NULL), TN_EUSAGE, "backward: the loss is NULL, and no earlier error says why");
    ck_ignores(tn_backward_from(NULL, x, &one));
    ck_refuses(tn_backward_from(t, NULL, &one), TN_EUSAGE, "backward: the loss is NULL, and no earlier error says why");
    ck_refuses(tn_backward_from(t, x, NULL), TN_EUSAGE, "backward: dy is NULL");
    ck_ignores(tn_keep_grad(NULL));
    ck_ignores(tn_grad_data(NULL));
    ck_ignores(tn_argmax(NULL, x, 0, (int32_t[1]){0}));
    ck_refuses(tn_argmax(t, NULL, 0, (int32_t[1]){0}), TN_EUSAGE, "argmax: x is NULL, and no earlier error says why");
    ck_refuses(tn_argmax(t, tn_reshape(t, x, TN_DIMS(1)), 0, NULL), TN_EUSAGE,
               "argmax: index is NULL: it takes x.n / size[dim] numbers");
}
END_TEST

START_TEST(null_params)
{
    tn_tensor *w = number();
    tn_snapshot *s = tn_params_snapshot(ps);
    ck_ignores(tn_params_new(1, NULL));
    ck_skips(tn_params_free(NULL));
    ck_ignores(tn_params_error(NULL));
    ck_takes(tn_copy_of(NULL).kind == TN_INIT_COPY);
    ck_ignores(tn_param(NULL, TN_SCALAR, tn_constant(0), "x"));
    ck_refuses(tn_param(ps, TN_SCALAR, tn_constant(0), (const char *)NULL), TN_EUSAGE, "tn_param: the name is NULL");
    ck_ignores(tn_buffer(NULL, TN_SCALAR, tn_constant(0), "x"));
    ck_refuses(tn_buffer(ps, TN_SCALAR, tn_constant(0), (const char *)NULL), TN_EUSAGE, "tn_param: the name is NULL");
    ck_ignores(tn_params_count(NULL));
    ck_ignores(tn_params_at(NULL, 0));
    ck_ignores(tn_params_find(NULL, "w.weight"));
    ck_ignores(tn_params_find(ps, NULL));
    ck_ignores(tn_is_param(NULL));
    ck_ignores(tn_is_buffer(NULL));
    ck_ignores(tn_is_frozen(NULL));
    ck_skips(tn_freeze(NULL, true));
    ck_skips(tn_params_zero_grad(NULL));
    ck_ignores(tn_params_snapshot(NULL));
    ck_ignores(tn_params_restore(NULL, s));
    ck_refuses(tn_params_restore(ps, NULL), TN_EUSAGE, "snapshot: it is NULL, and no earlier error says why");
    ck_ignores(tn_snapshot_update(s, NULL));
    ck_refuses(tn_snapshot_update(NULL, ps), TN_EUSAGE, "snapshot: it is NULL, and no earlier error says why");
    ck_ignores(tn_snapshot_average(s, NULL, 1));
    ck_refuses(tn_snapshot_average(NULL, ps, 1), TN_EUSAGE, "snapshot: it is NULL, and no earlier error says why");
    ck_skips(tn_snapshot_free(NULL));
    ck_assert_double_eq(tn_item(w), 1);
    tn_snapshot_free(s);
}
END_TEST

START_TEST(null_looking)
{
    char text[TN_SHAPE_TEXT];
    FILE *to = tmpfile();
    const tn_tensor *w = number();
    ck_skips(tn_print(NULL, to));
    ck_assert_int_eq(ftell(to), 5); /* None, and the end of the line */
    ck_skips(tn_print(w, NULL));
    ck_skips(tn_draw(NULL, to));
    ck_skips(tn_draw(t, NULL));
    ck_skips(tn_tape_check_finite(NULL, true));
    ck_skips(tn_profile(NULL, true));
    ck_skips(tn_profile_print(NULL, to));
    ck_skips(tn_profile_print(t, NULL));
    ck_skips(tn_profile_trace(NULL, to));
    ck_skips(tn_profile_trace(t, NULL));
    ck_skips(tn_summary(NULL, to));
    ck_skips(tn_summary(ps, NULL));
    ck_assert_int_eq(ftell(to), 5);
    ck_takes(!strcmp(tn_shape_text(NULL, text), "NULL"));
    ck_ignores(tn_shape_text(w, NULL));
    ck_ignores(tn_fail(NULL, TN_EIO, "nobody listens"));
    ck_refuses(tn_fail(&err, TN_EIO, (const char *)NULL), TN_EIO, "");
    ck_skips(tn_error_clear(NULL));
    fclose(to);
}
END_TEST

START_TEST(null_files)
{
    char text[200];
    tn_file_entry e;
    int64_t i;
    tn_real x;
    save();
    ck_ignores(tn_save(NULL, path, 0, NULL));
    ck_refuses(tn_save(ps, NULL, 0, NULL), TN_EUSAGE, "save: the path is NULL");
    ck_refuses(tn_save(ps, "x", 1, NULL), TN_EUSAGE, "save \"x\": 1 pairs, at NULL");
    ck_ignores(tn_save_with(NULL, path, 0, NULL, 0, NULL));
    ck_refuses(tn_save_with(ps, NULL, 0, NULL, 0, NULL), TN_EUSAGE, "save: the path is NULL");
    ck_refuses(tn_save_with(ps, "x", 1, NULL, 0, NULL), TN_EUSAGE, "save \"x\": 1 tensors more, at NULL");
    ck_refuses(tn_save_with(ps, "x", 0, NULL, 1, NULL), TN_EUSAGE, "save \"x\": 1 pairs, at NULL");
    ck_ignores(tn_file_open(path, NULL));
    ck_refuses(tn_file_open(NULL, &err), TN_EUSAGE, "load: the path is NULL");
    ck_skips(tn_file_close(NULL));
    ck_ignores(tn_file_meta(NULL, "key"));
    ck_ignores(tn_file_meta(file, NULL));
    ck_ignores(tn_file_count(NULL));
    ck_ignores(tn_file_at(NULL, 0, &e));
    ck_ignores(tn_file_at(file, 0, NULL));
    ck_refuses(tn_file_load(NULL, ps, TN_STRICT), TN_EUSAGE, "load: the file is NULL, and no earlier error says why");
    ck_ignores(tn_file_load(file, NULL, TN_STRICT));
    ck_ignores(tn_load(NULL, path, TN_STRICT));
    ck_refuses(tn_load(ps, NULL, TN_STRICT), TN_EUSAGE, "load: the path is NULL");
    ck_ignores(tn_file_read_ints(NULL, "w.weight", &i, 1));
    ck_ignores(tn_file_read(NULL, "w.weight", &x, 1));
    snprintf(text, sizeof text, "load \"%s\": the name is NULL", path);
    ck_refuses(tn_file_read_ints(file, NULL, &i, 1), TN_EUSAGE, text);
    ck_refuses(tn_file_read(file, NULL, &x, 1), TN_EUSAGE, text);
    snprintf(text, sizeof text, "load \"%s\": there is no tensor \"w\"", path);
    ck_refuses(tn_file_read_ints(file, "w", NULL, 0), TN_EFORMAT, text); /* no room is needed for nothing */
    snprintf(text, sizeof text, "load \"%s\": the room for numbers is NULL", path);
    ck_refuses(tn_file_read_ints(file, "w.weight", NULL, 1), TN_EUSAGE, text);
    ck_refuses(tn_file_read(file, "w.weight", NULL, 1), TN_EUSAGE, text);
    tn_file_close(file);
    tn_tape_begin(t, TN_EVAL);
    ck_ignores(tn_npy_load(NULL, path));
    ck_refuses(tn_npy_load(t, NULL), TN_EUSAGE, "load: the path is NULL");
    ck_refuses(tn_npy_save(NULL, path, &err), TN_EUSAGE, "save: the tensor is NULL");
    ck_refuses(tn_npy_save(tn_scalar(t, 1), NULL, &err), TN_EUSAGE, "save: the path is NULL");
    ck_ignores(tn_npy_save(tn_scalar(t, 1), "x", NULL));
    remove(path);
}
END_TEST

static bool null_in_shape(tn_tensor *y)
{
    return tn_alias(y, 0) && tn_set_shape_like(y, y->in[0]);
}

static void do_nothing(int64_t begin, int64_t end, void *arg)
{
    (void)begin, (void)end, (void)arg;
}

START_TEST(null_door)
{
    tn_gradient g;
    bool first;
    const int32_t *at;
    int64_t dim = 0;
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = scalar(), *y = apply(null_in_shape, x);
    ck_assert_ptr_nonnull(y);
    ck_ignores(tn_apply(NULL, &mine, 1, &x, NULL));
    ck_refuses(tn_apply(t, NULL, 1, &x, NULL), TN_EUSAGE, "tn_apply: the op needs a name and a shape function");
    ck_refuses(tn_apply(t, &mine, 1, NULL, NULL), TN_EUSAGE, "mine: 1 inputs, at NULL");
    ck_takes(tn_apply(t, &mine, 1, &x, NULL));
    ck_ignores(tn_set_shape(NULL, 0, NULL));
    ck_ignores(tn_set_shape_like(NULL, x));
    ck_refuses(tn_set_shape_like(y, NULL), TN_EUSAGE, "mine: the tensor that gives its shape is NULL");
    ck_ignores(tn_alias(NULL, 0));
    ck_ignores(tn_alloc_saved(NULL, 1));
    ck_ignores(tn_alloc_scratch(NULL, 1));
    ck_ignores(tn_touch_rows(NULL, 0, (tn_ids){zero_id, 1}));
    ck_ignores(tn_write_input(NULL, 0));
    ck_skips(tn_random(NULL));
    ck_ignores(tn_propose(NULL, 0));
    ck_ignores(tn_proposal(NULL, 0));
    ck_ignores(tn_op_fail(NULL, TN_EUSAGE, "nobody listens"));
    ck_refuses(tn_op_fail(y, TN_EUSAGE, (const char *)NULL), TN_EUSAGE, "mine: ");
    ck_ignores(tn_wrap_dim(NULL, 0, &dim));
    ck_refuses(tn_wrap_dim(y, 1, NULL), TN_EUSAGE, "mine: its dimension is NULL");
    ck_ignores(tn_scratch(NULL));
    ck_ignores(tn_training(NULL));
    ck_ignores(tn_grad_out(NULL));
    ck_ignores(tn_grad(NULL, 0, &first));
    ck_ignores(tn_grad(y, 0, NULL));
    ck_ignores(tn_grad(y, 1, &first));
    ck_ignores(tn_wants(NULL, 0));
    ck_ignores(tn_wants(y, -1));
    ck_ignores(tn_grad_row(NULL, 0, 0));
    ck_ignores(tn_grad_row(y, 0, 0)); /* no rows were declared */
    ck_ignores(tn_grad_rows(NULL, 0, &at));
    ck_ignores(tn_grad_rows(y, 0, NULL));
    ck_ignores(tn_param_gradient(NULL, &g));
    ck_ignores(tn_param_gradient(number(), NULL));
    ck_skips(tn_params_commit(NULL));
    ck_ignores(tn_gradcheck(NULL, &mine));
    ck_refuses(tn_gradcheck(t, NULL), TN_EUSAGE, "gradcheck: the op is NULL");
    ck_ignores(tn_sample(NULL, TN_SCALAR, 0, 1));
    ck_skips(tn_parallel_for(4, 1, NULL, NULL));
    ck_skips(tn_parallel_for(4, 1, do_nothing, NULL));
    ck_ignores(tn_op_rng(NULL).key);
    ck_skips(tn_rng_fill(tn_rng_new(1, 2, 3, 4), 0, 4, NULL));
    ck_skips(tn_rng_shuffle(tn_rng_new(1, 2, 3, 4), 4, NULL));
    ck_ignores(tn_set_allocator(NULL)); /* blocks are held */
    void *p;
    ck_takes((p = tn_realloc(NULL, 8)) != NULL);
    tn_free(p);
    ck_skips(tn_free(NULL));
}
END_TEST

static void update(const optim_update *u)
{
    for (optim_span s = {0}; optim_next(u, &s);) s.param[0] = 7;
}

static void move(const optim_span *s, const void *factors)
{
    (void)s, (void)factors;
}

START_TEST(null_optim)
{
    static const optim_rule rule = {.name = "mine", .options_size = 4, .update = update};
    const optim_update u = {.param = number(), .grad = {.n_rows = 1, .width = 1}};
    optim_span s = {0};
    make_optim();
    tn_error_clear(&err); /* w.weight was there */
    o = optim_sgd(ps, optim_sgd_defaults());
    ck_ignores(optim_step(NULL));
    ck_skips(optim_free(NULL));
    ck_ignores(optim_steps(NULL));
    ck_skips(optim_set_lr(NULL, 1));
    ck_takes(isnan(optim_lr(NULL)));
    ck_ignores(optim_save(NULL, "x", 0, NULL));
    ck_refuses(optim_save(o, NULL, 0, NULL), TN_EUSAGE, "save: the path is NULL");
    ck_refuses(optim_save(o, "x", 1, NULL), TN_EUSAGE, "save \"x\": 1 pairs, at NULL");
    ck_ignores(optim_load(NULL, "x"));
    ck_refuses(optim_load(o, NULL), TN_EUSAGE, "load: the path is NULL");
    ck_ignores(optim_set_lr_scale(NULL, "*", 1));
    ck_refuses(optim_set_lr_scale(o, NULL, 1), TN_EUSAGE, "sgd: no parameter matches the pattern \"NULL\"");
    ck_ignores(optim_set_weight_decay(NULL, "*", 1));
    ck_refuses(optim_set_weight_decay(o, NULL, 1), TN_EUSAGE, "sgd: no parameter matches the pattern \"NULL\"");
    ck_ignores(optim_set_frozen(NULL, "*", true));
    ck_refuses(optim_set_frozen(o, NULL, true), TN_EUSAGE, "sgd: no parameter matches the pattern \"NULL\"");
    ck_ignores(optim_sgd(NULL, optim_sgd_defaults()));
    ck_ignores(optim_adam(NULL, optim_adam_defaults()));
    ck_ignores(optim_adamw(NULL, optim_adamw_defaults()));
    ck_ignores(optim_sparse_adam(NULL, optim_sparse_adam_defaults()));
    ck_ignores(optim_adagrad(NULL, optim_adagrad_defaults()));
    ck_ignores(optim_rmsprop(NULL, optim_rmsprop_defaults()));
    ck_takes(isnan(optim_clip_norm(NULL, 1)));
    ck_skips(optim_clip_value(NULL, 1));
    ck_ignores(optim_next(NULL, &s));
    ck_ignores(optim_next(&u, NULL));
    ck_skips(optim_each(NULL, move, NULL));
    ck_skips(optim_each(&u, NULL, NULL));
    ck_skips(optim_each(&u, move, NULL));
    ck_ignores(optim_new(NULL, &rule, &one, 1, 0));
    ck_refuses(optim_new(ps, NULL, &one, 1, 0), TN_EUSAGE, "optim_new: the rule needs a name and an update");
    ck_refuses(optim_new(ps, &rule, NULL, 1, 0), TN_EUSAGE, "mine: options is NULL");
    ck_ignores(optim_check_option(NULL, "mine", "x", 7, 0, 1));
    ck_refuses(optim_check_option(&err, NULL, "x", 7, 0, 1), TN_EUSAGE, "rule: x is 7, it must be in [0, 1)");
    ck_refuses(optim_check_option(&err, "mine", NULL, 7, 0, 1), TN_EUSAGE, "mine: option is 7, it must be in [0, 1)");
    optim_free(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("misuse");
    TCase *c = tcase_create("misuse"), *memory = tcase_create("memory");
    tcase_add_checked_fixture(c, setup, finish);
    tcase_add_checked_fixture(memory, setup_with_allocator, teardown_with_allocator);
    tcase_set_timeout(c, 600);
    tcase_add_loop_test(c, misused, 0, MISUSES);
    tcase_add_loop_test(memory, out_of_memory, 0, NO_MEMORY);
    tcase_add_test(c, another_number_of_threads);
    tcase_add_test(c, parameters_of_two_params);
    tcase_add_test(c, ops_of_nothing);
    tcase_add_test(c, params_of_nothing);
    tcase_add_test(c, null_tape);
    tcase_add_test(c, null_params);
    tcase_add_test(c, null_looking);
    tcase_add_test(c, null_files);
    tcase_add_test(c, null_door);
    tcase_add_test(c, null_optim);
    suite_add_tcase(suite, c);
    suite_add_tcase(suite, memory);
    return run_suite(suite);
}
