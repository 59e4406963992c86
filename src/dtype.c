/* dtype.c: the element types of safetensors, decoded from little-endian bytes on any machine. */
#include <math.h>
#include <string.h>

#include "safetensors.h"

/* Without a loop, compilers see that where bytes stand in this order it is one load. */
static uint32_t bits16(const unsigned char *from)
{
    return from[0] | (uint32_t)from[1] << 8;
}

static uint32_t bits32(const unsigned char *from)
{
    return bits16(from) | bits16(from + 2) << 16;
}

static uint64_t bits64(const unsigned char *from)
{
    return bits32(from) | (uint64_t)bits32(from + 4) << 32;
}

static float float_of(uint32_t b)
{
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* ---- to tn_real: infinities and NaNs travel as they are ---------------------------------------------------------- */

static int64_t f64_to_real(const unsigned char *from, int64_t n, tn_real *to)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t b = bits64(from + 8 * i);
        double x;
        memcpy(&x, &b, sizeof x);
        to[i] = (tn_real)x;
        if (isinf(to[i]) && !isinf(x)) return i;
    }
    return n;
}

static int64_t f32_to_real(const unsigned char *from, int64_t n, tn_real *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = float_of(bits32(from + 4 * i));
    return n;
}

static int64_t bf16_to_real(const unsigned char *from, int64_t n, tn_real *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = float_of(bits16(from + 2 * i) << 16);
    return n;
}

/* IEEE half precision: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction. */
static float half(uint32_t h)
{
    uint32_t sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31) return float_of(sign | 0x7F800000 | fraction << 13);
    if (exponent) return float_of(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    float subnormal = (float)fraction * 0x1p-24f;
    return sign ? -subnormal : subnormal;
}

static int64_t f16_to_real(const unsigned char *from, int64_t n, tn_real *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = half(bits16(from + 2 * i));
    return n;
}

/* ---- to int64_t -------------------------------------------------------------------------------------------------- */

static void i64_to_int(const unsigned char *from, int64_t n, int64_t *to)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t b = bits64(from + 8 * i);
        memcpy(&to[i], &b, sizeof b);
    }
}

static void i32_to_int(const unsigned char *from, int64_t n, int64_t *to)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t b = bits32(from + 4 * i);
        int32_t x;
        memcpy(&x, &b, sizeof x);
        to[i] = x;
    }
}

static void u8_to_int(const unsigned char *from, int64_t n, int64_t *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = from[i];
}

const tn__dtype *tn__dtype_find(const char *name)
{
    static const tn__dtype all[] = {
        {"F64", 8, f64_to_real, NULL}, {"F32", 4, f32_to_real, NULL}, {"F16", 2, f16_to_real, NULL},
        {"BF16", 2, bf16_to_real, NULL}, {"I64", 8, NULL, i64_to_int}, {"I32", 4, NULL, i32_to_int},
        {"U8", 1, NULL, u8_to_int}, {"BOOL", 1, NULL, NULL}, {"I8", 1, NULL, NULL}, {"I16", 2, NULL, NULL},
        {"U16", 2, NULL, NULL}, {"U32", 4, NULL, NULL}, {"U64", 8, NULL, NULL}, {"F8_E4M3", 1, NULL, NULL},
        {"F8_E5M2", 1, NULL, NULL}, {"C64", 8, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i].name, name)) return &all[i];
    return NULL;
}
