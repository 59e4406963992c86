/* unary.c: the ops of one input, element by element. Each is its value and its slope, one line of mathematics each,
 * and a row that makes the op of them; the hot ones go by kernels. */
#include "kernels/kernels.h"
#include "shape.h"

#include <tarn/ops.h>

/* An op's numbers: a slope, an exponent, bounds. */
typedef struct numbers {
    double a, b;
} numbers;

/* What a value (x, a, b) and a slope (all of it) may look at. A slope is dL/dx, the incoming dy multiplied in: so a
 * branch that passes nothing gives 0 even for an infinite dy, as in PyTorch. */
typedef struct element {
    tn_real x, y, dy, a, b;
} element;
typedef tn_real (*rule)(element e);

TN__INLINE void map(const tn_tensor *y, int64_t begin, int64_t end, rule value)
{
    const numbers *k = y->attr;
    const tn_real *restrict x = y->in[0]->data, a = (tn_real)k->a, b = (tn_real)k->b;
    tn_real *restrict out = y->data;
    for (int64_t i = begin; i < end; i++) out[i] = value((element){.x = x[i], .a = a, .b = b});
}

/* What a piece of the backward pass is given. */
typedef void grad_kernel(int64_t n, const tn_real *x, const tn_real *dy, tn_real *g, bool first);
typedef struct back {
    const tn_tensor *y;
    const tn_real   *dy;
    tn_real         *g;
    bool             first;
    grad_kernel     *kernel;
} back;

TN__INLINE void chain(const back *j, int64_t begin, int64_t end, rule slope)
{
    const numbers *k = j->y->attr;
    const tn_real *restrict x = j->y->in[0]->data, *restrict out = j->y->data, *restrict dy = j->dy;
    const tn_real a = (tn_real)k->a, b = (tn_real)k->b;
    tn_real *restrict g = j->g;
    if (j->first) for (int64_t i = begin; i < end; i++) g[i] = slope((element){x[i], out[i], dy[i], a, b});
    else for (int64_t i = begin; i < end; i++) g[i] += slope((element){x[i], out[i], dy[i], a, b});
}

typedef void piece(int64_t begin, int64_t end, void *job);

static void forward(tn_tensor *y, piece *values)
{
    tn__pieces(y->n, values, y);
}

static void backward(tn_tensor *y, piece *slopes, grad_kernel *kernel)
{
    back j = {.y = y, .dy = tn_grad_out(y), .kernel = kernel};
    j.g = tn_grad(y, 0, &j.first);
    if (j.g) tn__pieces(y->n, slopes, &j);
}

static bool shape_like_x(tn_tensor *y)
{
    return tn_set_shape_like(y, y->in[0]);
}

/* Two ranges of values, one on each side of a kink where there is one. */
static tn_tensor *sample_input(tn_tape *t, int k, double low, double high, double low2, double high2)
{
    switch (k) {
    case 0: return tn_sample(t, TN_DIMS(3, 5), low, high);
    case 1: return tn_sample(t, TN_DIMS(3, 5), low2, high2);
    case 2: return tn_sample(t, TN_SCALAR, low, high);
    case 3: return tn_sample(t, TN_DIMS(1), low2, high2);
    case 4: return tn_sample(t, TN_DIMS(2, 0), low, high);
    default: return NULL;
    }
}

static tn_tensor *apply(tn_tape *t, const tn_op *op, tn_tensor *x, double a, double b)
{
    numbers k = {a, b};
    return tn_apply(t, op, 1, &x, &k);
}

/* One row of the family: the op of f_forward and f_backward, with the two ranges of its samples. VALUE and SLOPE make
 * those two of f_value and f_slope. */
#define VALUE(f) \
    static void f##_values(int64_t begin, int64_t end, void *y) { map(y, begin, end, f##_value); } \
    static void f##_forward(tn_tensor *y) { forward(y, f##_values); }
#define SLOPE(f) \
    static void f##_slopes(int64_t begin, int64_t end, void *job) { chain(job, begin, end, f##_slope); } \
    static void f##_backward(tn_tensor *y) { backward(y, f##_slopes, NULL); }
#define OP(f) const tn_op tn__op_##f = {.name = #f, .n_in = 1, .attr_size = sizeof(numbers), .shape = shape_like_x, \
                                        .forward = f##_forward, .backward = f##_backward, .sample = f##_sample}
#define ROW(f, low, high, low2, high2) \
    static tn_tensor *f##_sample(tn_tape *t, int k) \
    { \
        tn_tensor *x = sample_input(t, k, low, high, low2, high2); \
        return x ? tn_##f(t, x) : NULL; \
    } \
    OP(f)

/* ---- values and slopes in one line --------------------------------------------------------------------------------- */

static inline tn_real neg_value(element e) { return -e.x; }
static inline tn_real neg_slope(element e) { return -e.dy; }
VALUE(neg) SLOPE(neg)
ROW(neg, -2, 2, -9, 9);

static inline tn_real abs_value(element e) { return TN__M(fabs)(e.x); }
static inline tn_real abs_slope(element e) { return e.x > 0 ? e.dy : e.x < 0 ? -e.dy : 0; }
VALUE(abs) SLOPE(abs)
ROW(abs, 0.5, 2, -2, -0.5);

static inline tn_real sqrt_value(element e) { return TN__M(sqrt)(e.x); }
static inline tn_real sqrt_slope(element e) { return e.dy / (2 * e.y); }
VALUE(sqrt) SLOPE(sqrt)
ROW(sqrt, 0.5, 2, 4, 9);

static inline tn_real rsqrt_value(element e) { return 1 / TN__M(sqrt)(e.x); }
static inline tn_real rsqrt_slope(element e) { return (tn_real)-0.5 * e.dy * (e.y * e.y * e.y); }
VALUE(rsqrt) SLOPE(rsqrt)
ROW(rsqrt, 0.5, 2, 4, 9);

static inline tn_real square_value(element e) { return e.x * e.x; }
static inline tn_real square_slope(element e) { return 2 * e.x * e.dy; }
VALUE(square) SLOPE(square)
ROW(square, -2, 2, 1, 3);

static inline tn_real reciprocal_value(element e) { return 1 / e.x; }
static inline tn_real reciprocal_slope(element e) { return -e.dy * (e.y * e.y); }
VALUE(reciprocal) SLOPE(reciprocal)
ROW(reciprocal, 0.5, 2, -2, -0.5);

static inline tn_real relu_value(element e) { return e.x <= 0 ? 0 : e.x; } /* lets NaN pass, as PyTorch does */
static inline tn_real relu_slope(element e) { return e.x <= 0 ? 0 : e.dy; }
VALUE(relu) SLOPE(relu)
ROW(relu, 0.5, 2, -2, -0.5);

/* ---- by libm ------------------------------------------------------------------------------------------------------- */

static inline tn_real expm1_value(element e) { return TN__M(expm1)(e.x); }
static inline tn_real expm1_slope(element e) { return e.dy * (e.y + 1); }
VALUE(expm1) SLOPE(expm1)
ROW(expm1, -2, 2, -0.001, 0.001);

static inline tn_real log1p_value(element e) { return TN__M(log1p)(e.x); }
static inline tn_real log1p_slope(element e) { return e.dy / (e.x + 1); }
VALUE(log1p) SLOPE(log1p)
ROW(log1p, -0.5, 2, -0.001, 0.001);

static inline tn_real sin_value(element e) { return TN__M(sin)(e.x); }
static inline tn_real sin_slope(element e) { return e.dy * TN__M(cos)(e.x); }
VALUE(sin) SLOPE(sin)
ROW(sin, -2, 2, 3, 6);

static inline tn_real cos_value(element e) { return TN__M(cos)(e.x); }
static inline tn_real cos_slope(element e) { return -e.dy * TN__M(sin)(e.x); }
VALUE(cos) SLOPE(cos)
ROW(cos, -2, 2, 3, 6);

/* ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|); its slope is the sigmoid. */
static inline tn_real softplus_value(element e)
{
    return (e.x <= 0 ? 0 : e.x) + TN__M(log1p)(TN__M(exp)(-TN__M(fabs)(e.x)));
}
static inline tn_real softplus_slope(element e)
{
    tn_real z = TN__M(exp)(-TN__M(fabs)(e.x));
    return e.dy * (e.x < 0 ? z : 1) / (1 + z);
}
VALUE(softplus) SLOPE(softplus)
ROW(softplus, -2, 2, -9, 9);

/* ---- by kernels ---------------------------------------------------------------------------------------------------- */

#define KERNEL_VALUE(f) \
    static void f##_values(int64_t begin, int64_t end, void *job) \
    { \
        const tn_tensor *y = job; \
        tn__kernels_get()->f(end - begin, y->in[0]->data + begin, y->data + begin); \
    } \
    static void f##_forward(tn_tensor *y) { forward(y, f##_values); }

static void slopes_by_kernel(int64_t begin, int64_t end, void *job)
{
    const back *j = job;
    j->kernel(end - begin, j->y->in[0]->data + begin, j->dy + begin, j->g + begin, j->first);
}
#define KERNEL_SLOPE(f) \
    static void f##_backward(tn_tensor *y) { backward(y, slopes_by_kernel, tn__kernels_get()->f##_grad); }

static inline tn_real exp_slope(element e) { return e.dy * e.y; }
KERNEL_VALUE(exp) SLOPE(exp)
ROW(exp, -2, 2, -3, 0);

static inline tn_real log_slope(element e) { return e.dy / e.x; }
KERNEL_VALUE(log) SLOPE(log)
ROW(log, 0.5, 2, 4, 9);

static inline tn_real tanh_slope(element e) { return e.dy * (1 - e.y * e.y); }
KERNEL_VALUE(tanh) SLOPE(tanh)
ROW(tanh, -2, 2, -0.1, 0.1);

static inline tn_real sigmoid_slope(element e) { return e.dy * (1 - e.y) * e.y; }
KERNEL_VALUE(sigmoid) SLOPE(sigmoid)
ROW(sigmoid, -2, 2, -6, 6);

static inline tn_real erf_slope(element e) /* 2 / sqrt(pi) e^(-x^2) */
{
    return e.dy * (tn_real)1.1283791670955126 * TN__M(exp)(-e.x * e.x);
}
KERNEL_VALUE(erf) SLOPE(erf)
ROW(erf, -2, 2, -0.1, 0.1);

KERNEL_VALUE(gelu) KERNEL_SLOPE(gelu)
ROW(gelu, -2, 2, -0.1, 0.1);

KERNEL_VALUE(gelu_tanh) KERNEL_SLOPE(gelu_tanh)
ROW(gelu_tanh, -2, 2, -0.1, 0.1);

KERNEL_VALUE(silu) KERNEL_SLOPE(silu)
ROW(silu, -2, 2, -0.1, 0.1);

/* ---- with numbers -------------------------------------------------------------------------------------------------- */

static inline tn_real add_number_value(element e) { return e.x + e.a; }
static inline tn_real add_number_slope(element e) { return e.dy; }
VALUE(add_number) SLOPE(add_number)
static tn_tensor *add_number_sample(tn_tape *t, int k)
{
    tn_tensor *x = sample_input(t, k, -2, 2, -9, 9);
    return x ? tn_add_number(t, x, k - 1.5) : NULL;
}
OP(add_number);

static inline tn_real mul_number_value(element e) { return e.x * e.a; }
static inline tn_real mul_number_slope(element e) { return e.dy * e.a; }
VALUE(mul_number) SLOPE(mul_number)
static tn_tensor *mul_number_sample(tn_tape *t, int k)
{
    tn_tensor *x = sample_input(t, k, -2, 2, -9, 9);
    return x ? tn_mul_number(t, x, k - 1.5) : NULL;
}
OP(mul_number);

/* Both sides are computed and added: a choice of products would be a branch, and the loop would not vectorise. */
static inline tn_real two_slopes(tn_real x, tn_real v, tn_real a)
{
    return (x > 0 ? v : 0) + a * (x > 0 ? 0 : v);
}

static inline tn_real leaky_relu_value(element e) { return two_slopes(e.x, e.x, e.a); }
static inline tn_real leaky_relu_slope(element e) { return two_slopes(e.x, e.dy, e.a); }
VALUE(leaky_relu) SLOPE(leaky_relu)
static tn_tensor *leaky_relu_sample(tn_tape *t, int k)
{
    tn_tensor *x = sample_input(t, k, 0.5, 2, -2, -0.5);
    return x ? tn_leaky_relu(t, x, k < 3 ? 0.01 : 0) : NULL;
}
OP(leaky_relu);

static inline tn_real elu_value(element e) { return e.x > 0 ? e.x : e.a * TN__M(expm1)(e.x); }
static inline tn_real elu_slope(element e) /* a e^x = y + a */
{
    return (e.x > 0 ? e.dy : 0) + ((e.x > 0 ? 0 : e.y) + e.a) * (e.x > 0 ? 0 : e.dy);
}
VALUE(elu) SLOPE(elu)
static tn_tensor *elu_sample(tn_tape *t, int k)
{
    tn_tensor *x = sample_input(t, k, 0.5, 2, -2, -0.5);
    return x ? tn_elu(t, x, k < 3 ? 1 : 0.3) : NULL;
}
OP(elu);

static inline tn_real clamp_value(element e)
{
    tn_real above = e.x < e.a ? e.a : e.x; /* NaN stays */
    return above > e.b ? e.b : above;
}
static inline tn_real clamp_slope(element e) { return ((e.x >= e.a) & (e.x <= e.b)) ? e.dy : 0; }
VALUE(clamp) SLOPE(clamp)
static bool clamp_shape(tn_tensor *y)
{
    const numbers *k = y->attr;
    if (!(k->a <= k->b)) return tn_op_fail(y, TN_EUSAGE, "low %g and high %g: low <= high is needed", k->a, k->b);
    return shape_like_x(y);
}
static tn_tensor *clamp_sample(tn_tape *t, int k)
{
    tn_tensor *x = k < 5 ? sample_input(t, k, -0.5, 0.5, 1.5, 3) : k == 5 ? tn_sample(t, TN_DIMS(4), -3, -1.5) : NULL;
    return x ? tn_clamp(t, x, -1, k == 3 ? HUGE_VAL : 1) : NULL;
}
const tn_op tn__op_clamp = {.name = "clamp", .n_in = 1, .attr_size = sizeof(numbers), .shape = clamp_shape,
                            .forward = clamp_forward, .backward = clamp_backward, .sample = clamp_sample};

/* The exponents that people use most need no logarithm. */
static inline tn_real power_value(element e) { return TN__M(pow)(e.x, e.a); }
static inline tn_real power_slope(element e)
{
    return e.a == 0 ? 0 : e.dy * (e.a * TN__M(pow)(e.x, e.a - 1)); /* 0 even where x^-1 is infinite */
}
static inline tn_real cube_value(element e) { return e.x * e.x * e.x; }
static inline tn_real cube_slope(element e) { return e.dy * (3 * (e.x * e.x)); }

VALUE(power) SLOPE(power)
VALUE(cube) SLOPE(cube)

static void pow_number_forward(tn_tensor *y)
{
    double exponent = ((const numbers *)y->attr)->a;
    if (exponent == 2) square_forward(y);
    else if (exponent == 3) cube_forward(y);
    else if (exponent == 0.5) sqrt_forward(y);
    else if (exponent == -1) reciprocal_forward(y);
    else power_forward(y);
}

static void pow_number_backward(tn_tensor *y)
{
    double exponent = ((const numbers *)y->attr)->a;
    if (exponent == 2) square_backward(y);
    else if (exponent == 3) cube_backward(y);
    else if (exponent == 0.5) sqrt_backward(y);
    else if (exponent == -1) reciprocal_backward(y);
    else power_backward(y);
}

static tn_tensor *pow_number_sample(tn_tape *t, int k)
{
    static const double exponent[] = {2, 3, 0.5, -1, 1.7, 0, -0.5, 1, -2};
    if (k >= 5 + (int)(sizeof exponent / sizeof *exponent)) return NULL;
    tn_tensor *x = k < 5 ? sample_input(t, k, 0.5, 2, 2, 3) : tn_sample(t, TN_DIMS(2, 3), 0.5, 2);
    return tn_pow_number(t, x, k < 5 ? 2.5 : exponent[k - 5]);
}
OP(pow_number);

/* ---- sign has no gradient ------------------------------------------------------------------------------------------ */

static inline tn_real sign_value(element e) { return (tn_real)((e.x > 0) - (e.x < 0)); }
VALUE(sign)
const tn_op tn__op_sign = {.name = "sign", .n_in = 1, .attr_size = sizeof(numbers), .shape = shape_like_x,
                           .forward = sign_forward};

/* ---- constructors -------------------------------------------------------------------------------------------------- */

tn_tensor *tn_neg(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_neg, x, 0, 0); }
tn_tensor *tn_abs(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_abs, x, 0, 0); }
tn_tensor *tn_sign(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_sign, x, 0, 0); }
tn_tensor *tn_exp(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_exp, x, 0, 0); }
tn_tensor *tn_expm1(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_expm1, x, 0, 0); }
tn_tensor *tn_log(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_log, x, 0, 0); }
tn_tensor *tn_log1p(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_log1p, x, 0, 0); }
tn_tensor *tn_sqrt(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_sqrt, x, 0, 0); }
tn_tensor *tn_rsqrt(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_rsqrt, x, 0, 0); }
tn_tensor *tn_square(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_square, x, 0, 0); }
tn_tensor *tn_reciprocal(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_reciprocal, x, 0, 0); }
tn_tensor *tn_sin(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_sin, x, 0, 0); }
tn_tensor *tn_cos(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_cos, x, 0, 0); }
tn_tensor *tn_tanh(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_tanh, x, 0, 0); }
tn_tensor *tn_sigmoid(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_sigmoid, x, 0, 0); }
tn_tensor *tn_softplus(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_softplus, x, 0, 0); }
tn_tensor *tn_relu(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_relu, x, 0, 0); }
tn_tensor *tn_leaky_relu(tn_tape *t, tn_tensor *x, double slope) { return apply(t, &tn__op_leaky_relu, x, slope, 0); }
tn_tensor *tn_elu(tn_tape *t, tn_tensor *x, double alpha) { return apply(t, &tn__op_elu, x, alpha, 0); }
tn_tensor *tn_gelu(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_gelu, x, 0, 0); }
tn_tensor *tn_gelu_tanh(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_gelu_tanh, x, 0, 0); }
tn_tensor *tn_silu(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_silu, x, 0, 0); }
tn_tensor *tn_erf(tn_tape *t, tn_tensor *x) { return apply(t, &tn__op_erf, x, 0, 0); }
tn_tensor *tn_clamp(tn_tape *t, tn_tensor *x, double low, double high)
{
    return apply(t, &tn__op_clamp, x, low, high);
}
tn_tensor *tn_pow_number(tn_tape *t, tn_tensor *x, double exponent)
{
    return apply(t, &tn__op_pow_number, x, exponent, 0);
}
tn_tensor *tn_add_number(tn_tape *t, tn_tensor *x, double k) { return apply(t, &tn__op_add_number, x, k, 0); }
tn_tensor *tn_mul_number(tn_tape *t, tn_tensor *x, double k) { return apply(t, &tn__op_mul_number, x, k, 0); }
