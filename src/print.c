/* print.c: a tensor as NumPy prints it: the shortest digits that give the number back, at most 8 after the point, all
 * numbers in columns, lines of 75, and beyond 1,000 numbers three from each end of a dimension. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tensor.h>

enum { PRECISION = 8, THRESHOLD = 1000, EDGE = 3, LINE = 75 };

/* ---- decimal digits ---------------------------------------------------------------------------------------------- */

enum { ALL_DIGITS = 17 }; /* enough for every double */

/* d.ddd times ten to the exponent. */
typedef struct decimal {
    char digit[24];
    int  n, exponent;
} decimal;

/* |x| rounded to n digits. Any locale's decimal point is passed over. */
static decimal rounded(tn_real x, int n)
{
    char text[48], *s = text;
    decimal d = {"", 0, 0};
    snprintf(text, sizeof text, "%.*e", n - 1, fabs((double)x));
    for (; *s != 'e'; s++)
        if (*s >= '0' && *s <= '9') d.digit[d.n++] = *s;
    d.exponent = atoi(s + 1);
    return d;
}

/* The next decimal of as many digits. */
static decimal next_up(decimal d)
{
    int i = d.n - 1;
    while (i >= 0 && d.digit[i] == '9') d.digit[i--] = '0';
    if (i >= 0) {
        d.digit[i]++;
    } else {
        d.digit[0] = '1';
        d.exponent++;
    }
    return d;
}

static bool reads_as(const decimal *d, tn_real x)
{
    char text[48];
    snprintf(text, sizeof text, "%.*se%d", d->n, d->digit, d->exponent - (d->n - 1));
    tn_real back = sizeof x == sizeof(float) ? (tn_real)strtof(text, NULL) : (tn_real)strtod(text, NULL);
    return back == (x < 0 ? -x : x);
}

/* The fewest digits that read as |x|; of these the nearest. Where `most` do not suffice, |x| rounded to that many.
 * Above a power of two the numbers are twice as far apart as below: there a neighbour may do when the nearest does
 * not. */
static decimal shortest(tn_real x, int most)
{
    decimal d = {"", 0, 0}, up;
    for (int n = 1; n <= most; n++) {
        d = rounded(x, n);
        up = next_up(d);
        if (reads_as(&d, x)) break;
        if (reads_as(&up, x)) return up;
    }
    while (d.n > 1 && d.digit[d.n - 1] == '0') d.n--;
    return d;
}

/* With at most `fraction` digits after the point, and the number's own digits before it (50331650 reads as
 * numpy.float32(50331648) too, but an array of it shows all eight). */
static decimal shortest_fixed(tn_real x, int fraction)
{
    int before = rounded(x, ALL_DIGITS + 1).exponent + 1, most = before + fraction;
    decimal d = shortest(x, most < 1 ? 1 : most < ALL_DIGITS ? most : ALL_DIGITS);
    return d.n < before ? rounded(x, before) : d;
}

/* ---- one number -------------------------------------------------------------------------------------------------- */

enum { WORD = 400 }; /* the longest double, and columns around it */

static char *put(char *to, char c, int times)
{
    for (; times > 0; times--) *to++ = c;
    *to = 0;
    return to;
}

static char *put_digits(char *to, const decimal *d, int from, int end)
{
    for (int i = from; i < end; i++) *to++ = i < 0 || i >= d->n ? '0' : d->digit[i];
    *to = 0;
    return to;
}

static void put_fixed(char *to, tn_real x, decimal d)
{
    if (signbit(x)) to = put(to, '-', 1);
    to = d.exponent < 0 ? put(to, '0', 1) : put_digits(to, &d, 0, d.exponent + 1);
    to = put(to, '.', 1);
    if (d.digit[0] != '0') put_digits(to, &d, d.exponent + 1, d.n);
}

/* At least `fraction` digits after the point: the number's own ones, where the shortest are fewer. */
static void put_scientific(char *to, tn_real x, int most, int fraction, int exponent_digits)
{
    decimal d = shortest(x, most);
    if (d.n < fraction + 1) d = rounded(x, fraction + 1);
    if (signbit(x)) to = put(to, '-', 1);
    to = put(put_digits(to, &d, 0, 1), '.', 1);
    to = put_digits(to, &d, 1, d.n);
    snprintf(to, 16, "e%c%0*d", d.exponent < 0 ? '-' : '+', exponent_digits, abs(d.exponent));
}

/* A number on its own: str(numpy.float32(x)). */
static void put_scalar(char *to, tn_real x)
{
    double size = fabs((double)x);
    if (!isfinite(x)) {
        strcpy(to, isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
    } else if (size == 0 || (size >= 1e-4 && size < 1e16)) {
        put_fixed(to, x, shortest(x, ALL_DIGITS));
        if (to[strlen(to) - 1] == '.') strcat(to, "0");
    } else {
        put_scientific(to, x, ALL_DIGITS, 0, 2);
        char *e = strchr(to, 'e');
        if (e[-1] == '.') memmove(e - 1, e, strlen(e) + 1);
    }
}

/* ---- what all numbers have in common ----------------------------------------------------------------------------- */

typedef struct printer {
    const tn_tensor *x;
    FILE            *to;
    bool             cut;             /* only the ends of each dimension are shown */
    bool             scientific;
    int              left, right;     /* columns before and after the point */
    int              fraction;        /* digits after the point, if scientific */
    int              exponent_digits;
    char             line[LINE + WORD];
    int              used, skip;      /* bytes of the line; of these, how many stand there already */
} printer;

static bool is_cut(const printer *p, int axis)
{
    return p->cut && p->x->size[axis] > 2 * EDGE;
}

static int64_t shown(const printer *p, int axis)
{
    return is_cut(p, axis) ? 2 * EDGE : p->x->size[axis];
}

static int64_t index_of(const printer *p, int axis, int64_t i)
{
    return is_cut(p, axis) && i >= EDGE ? p->x->size[axis] - 2 * EDGE + i : i;
}

static int64_t count_shown(const printer *p)
{
    int64_t n = 1;
    for (int axis = 0; axis < p->x->rank; axis++) n *= shown(p, axis);
    return n;
}

/* The k-th number that is shown. */
static tn_real number_at(const printer *p, int64_t k)
{
    int64_t offset = 0, stride = 1;
    for (int axis = p->x->rank - 1; axis >= 0; axis--) {
        offset += index_of(p, axis, k % shown(p, axis)) * stride;
        k /= shown(p, axis);
        stride *= p->x->size[axis];
    }
    return p->x->data[offset];
}

static void choose_notation(printer *p)
{
    tn_real most = 0, least = 0;
    for (int64_t k = 0, n = count_shown(p); k < n; k++) {
        tn_real x = number_at(p, k), size = x < 0 ? -x : x;
        if (!isfinite(x) || x == 0) continue;
        if (size > most) most = size;
        if (least == 0 || size < least) least = size;
    }
    p->scientific = most != 0 && (most >= (tn_real)1e8 || (double)least < 0.0001 || most / least > 1000);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static void measure_finite(printer *p, tn_real x)
{
    char word[WORD];
    if (p->scientific) put_scientific(word, x, PRECISION + 1, 0, 2);
    else put_fixed(word, x, shortest_fixed(x, PRECISION));
    const char *point = strchr(word, '.'), *e = strchr(word, 'e');
    p->left = larger(p->left, (int)(point - word));
    if (!e) {
        p->right = larger(p->right, (int)strlen(point + 1));
        return;
    }
    p->fraction = larger(p->fraction, (int)(e - point) - 1);
    p->exponent_digits = larger(p->exponent_digits, (int)strlen(e) - 2);
    p->right = p->fraction + p->exponent_digits + 2;
}

static void measure(printer *p)
{
    int nonfinite = 0; /* the longest of nan, inf, -inf */
    choose_notation(p);
    for (int64_t k = 0, n = count_shown(p); k < n; k++) {
        tn_real x = number_at(p, k);
        if (isfinite(x)) measure_finite(p, x);
        else nonfinite = larger(nonfinite, isinf(x) && x < 0 ? 4 : 3);
    }
    p->left = larger(p->left, nonfinite - (p->right + 1));
}

static void put_word(const printer *p, char *to, tn_real x)
{
    char word[WORD];
    if (!isfinite(x)) {
        put_scalar(word, x);
        strcpy(put(to, ' ', p->left + 1 + p->right - (int)strlen(word)), word);
        return;
    }
    if (p->scientific) put_scientific(word, x, PRECISION + 1, p->fraction, p->exponent_digits);
    else put_fixed(word, x, shortest_fixed(x, PRECISION));
    const char *point = strchr(word, '.');
    to = put(to, ' ', p->left - (int)(point - word));
    strcpy(to, word);
    put(to + strlen(word), ' ', p->right - (int)strlen(point + 1));
}

/* ---- rows and brackets ------------------------------------------------------------------------------------------- */

static void new_line(printer *p)
{
    while (p->used > 0 && p->line[p->used - 1] == ' ') p->used--;
    if (p->used > p->skip) fwrite(p->line + p->skip, 1, (size_t)(p->used - p->skip), p->to);
    fputc('\n', p->to);
    p->used = p->x->rank;
    p->skip = 0;
    memset(p->line, ' ', (size_t)p->used);
}

static void add_word(printer *p, const char *word, bool last)
{
    int length = (int)strlen(word), width = LINE - p->x->rank;
    if (p->used + length > width) new_line(p);
    memcpy(p->line + p->used, word, (size_t)length);
    p->used += length;
    if (!last) p->line[p->used++] = ' ';
}

static void print_row(printer *p, int64_t k)
{
    char word[WORD];
    int axis = p->x->rank - 1;
    p->used = p->skip = p->x->rank; /* the brackets and spaces that stand before it */
    for (int64_t i = 0, n = shown(p, axis); i < n; i++) {
        if (is_cut(p, axis) && i == EDGE) add_word(p, "...", false);
        put_word(p, word, number_at(p, k + i));
        add_word(p, word, i == n - 1);
    }
    fwrite(p->line + p->skip, 1, (size_t)(p->used - p->skip), p->to);
}

static void separate(printer *p, int axis)
{
    char text[2 * TN_MAX_RANK + 2];
    put(put(text, '\n', p->x->rank - 1 - axis), ' ', axis + 1);
    fputs(text, p->to);
}

/* The part of the dimensions from axis on that begins with the k-th number shown. */
static void print_axis(printer *p, int axis, int64_t k)
{
    fputc('[', p->to);
    int64_t n = shown(p, axis), inner = 1;
    for (int a = axis + 1; a < p->x->rank; a++) inner *= shown(p, a);
    if (axis == p->x->rank - 1) print_row(p, k);
    for (int64_t i = 0; i < n && axis < p->x->rank - 1; i++) {
        if (i) separate(p, axis);
        if (is_cut(p, axis) && i == EDGE) {
            fputs("...", p->to);
            separate(p, axis);
        }
        print_axis(p, axis + 1, k + i * inner);
    }
    fputc(']', p->to);
}

void tn_print(const tn_tensor *x, FILE *to)
{
    char word[WORD];
    if (!to) return;
    if (!x || !x->data) {
        fputs("None", to);
    } else if (x->rank == 0) {
        put_scalar(word, x->data[0]);
        fputs(word, to);
    } else if (x->n == 0) {
        fputs("[]", to);
    } else {
        printer p = {.x = x, .to = to, .cut = x->n > THRESHOLD};
        measure(&p);
        print_axis(&p, 0, 0);
    }
    fputc('\n', to);
}
