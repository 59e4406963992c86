/* Random numbers: Philox's published answer, and the stream's laws: it is a pure function, its parts are independent, its
 * numbers are uniform and normal. */
#include <tarn/rng.h>

#include "tests.h"

enum { N = 100000 };

START_TEST(a_pure_function)
{
    tn_rng a = tn_rng_new(1, 2, 3, 4), b = tn_rng_new(1, 2, 3, 4);
    ck_assert_uint_eq(tn_rng_bits(a, 99), tn_rng_bits(b, 99));
    const tn_rng other[] = {tn_rng_new(9, 2, 3, 4), tn_rng_new(1, 9, 3, 4), tn_rng_new(1, 2, 9, 4), tn_rng_new(1, 2, 3, 9),
                            tn_rng_new(2, 1, 3, 4), tn_rng_new(1, 3, 2, 4)};
    for (int k = 0; k < 6; k++) {
        int same = 0;
        for (uint64_t i = 0; i < 1000; i++) same += tn_rng_bits(a, i) == tn_rng_bits(other[k], i);
        ck_assert_int_lt(same, 2);
    }
}
END_TEST

/* Philox4x32-10 as its authors write it down. */
static void philox(uint32_t x[4], uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
        const uint64_t a = (uint64_t)0xD2511F53 * x[0], b = (uint64_t)0xCD9E8D57 * x[2];
        const uint32_t next[] = {(uint32_t)(b >> 32) ^ x[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ x[3] ^ k1, (uint32_t)a};
        memcpy(x, next, sizeof next);
    }
}

/* Random123's known-answer tests. */
START_TEST(philox_known_answers)
{
    static const struct { uint32_t x[4], key[2], want[4]; } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int k = 0; k < 3; k++) {
        uint32_t x[4];
        memcpy(x, known[k].x, sizeof x);
        philox(x, known[k].key[0], known[k].key[1]);
        for (int i = 0; i < 4; i++) ck_assert_uint_eq(x[i], known[k].want[i]);
    }
    for (uint64_t i = 0; i < 4; i++) ck_assert_uint_eq(tn_rng_bits((tn_rng){0, 0}, i), known[0].want[i]);
}
END_TEST

static const tn_rng any = {0x299f31d0a4093822, 0x0370734413198a2e};
static const uint64_t far = (uint64_t)5 << 40; /* a block's number has two words too */

START_TEST(bits_are_four_words_of_a_block)
{
    for (uint64_t i = 0; i < 9; i++) {
        const uint64_t block = (far + i) / 4;
        uint32_t x[] = {(uint32_t)block, (uint32_t)(block >> 32), 0x13198a2e, 0x03707344};
        philox(x, 0xa4093822, 0x299f31d0);
        ck_assert_uint_eq(tn_rng_bits(any, far + i), x[i % 4]);
    }
}
END_TEST

/* Two of them make a uniform number; two uniform numbers make two normal ones. */
START_TEST(numbers_are_made_of_bits)
{
    for (uint64_t i = far; i < far + 100; i++) {
        const uint64_t bits = (uint64_t)tn_rng_bits(any, 2 * i) << 32 | tn_rng_bits(any, 2 * i + 1);
        ck_assert(tn_rng_uniform(any, i) == ldexp((double)(bits >> 11), -53));
    }
    for (uint64_t i = far; i < far + 100; i += 2) {
        const double radius = sqrt(-2 * log(1 - tn_rng_uniform(any, i))), angle = 2 * acos(-1) * tn_rng_uniform(any, i + 1);
        ck_assert_double_eq_tol(tn_rng_normal(any, i), radius * cos(angle), 1e-14);
        ck_assert_double_eq_tol(tn_rng_normal(any, i + 1), radius * sin(angle), 1e-14);
    }
}
END_TEST

START_TEST(bits_are_fair_and_uncorrelated)
{
    tn_rng r = tn_rng_new(1, 0, 0, 0);
    for (int bit = 0; bit < 32; bit++) {
        int ones = 0, repeats = 0;
        for (uint64_t i = 0; i < N; i++) {
            int now = tn_rng_bits(r, i) >> bit & 1;
            ones += now;
            repeats += now == (int)(tn_rng_bits(r, i + 1) >> bit & 1);
        }
        ck_assert_int_lt(abs(ones - N / 2), 800); /* 5 standard deviations */
        ck_assert_int_lt(abs(repeats - N / 2), 800);
    }
}
END_TEST

START_TEST(uniform_numbers)
{
    tn_rng r = tn_rng_new(5, 0, 0, 0);
    int count[10] = {0};
    for (uint64_t i = 0; i < N; i++) {
        double u = tn_rng_uniform(r, i);
        ck_assert(u >= 0 && u < 1);
        count[(int)(u * 10)]++;
    }
    for (int k = 0; k < 10; k++) ck_assert_int_lt(abs(count[k] - N / 10), 500);
}
END_TEST

START_TEST(normal_numbers)
{
    tn_rng r = tn_rng_new(6, 0, 0, 0);
    double sum = 0, square = 0, fourth = 0, product = 0;
    for (uint64_t i = 0; i < N; i++) {
        double z = tn_rng_normal(r, i);
        ck_assert(isfinite(z));
        sum += z / N;
        square += z * z / N;
        fourth += z * z * z * z / N;
        product += z * tn_rng_normal(r, i + 1) / N;
    }
    ck_assert_double_eq_tol(sum, 0, 0.016);
    ck_assert_double_eq_tol(square, 1, 0.025);
    ck_assert_double_eq_tol(fourth, 3, 0.17);
    ck_assert_double_eq_tol(product, 0, 0.016);
}
END_TEST

/* One by one, and in groups of 64. */
START_TEST(fill_gives_the_same_bits)
{
    uint32_t bits[300];
    for (uint64_t first = far; first < far + 9; first++)
        for (int64_t n = 0; n < 300; n += n < 20 ? 1 : 13) {
            memset(bits, 0xAA, sizeof bits);
            tn_rng_fill(any, first, n, bits);
            for (int64_t i = 0; i < n; i++) ck_assert_uint_eq(bits[i], tn_rng_bits(any, first + (uint64_t)i));
            ck_assert_uint_eq(bits[n], 0xAAAAAAAA);
        }
}
END_TEST

START_TEST(below_and_shuffle)
{
    tn_rng r = tn_rng_new(7, 0, 0, 0);
    int32_t order[1000], first[10] = {0};
    bool seen[1000] = {false};
    for (uint64_t i = 0; i < 1000; i++) ck_assert(tn_rng_below(r, i, 3) >= 0 && tn_rng_below(r, i, 3) < 3);
    ck_assert_int_eq(tn_rng_below(r, 0, 0), 0);
    tn_rng_shuffle(r, 1000, order);
    for (int i = 0; i < 1000; i++) {
        ck_assert(order[i] >= 0 && order[i] < 1000 && !seen[order[i]]);
        seen[order[i]] = true;
    }
    for (uint64_t k = 0; k < 10000; k++) {
        tn_rng_shuffle(tn_rng_new(7, 0, k, 0), 10, order);
        first[order[0]]++;
    }
    for (int i = 0; i < 10; i++) ck_assert_int_lt(abs(first[i] - 1000), 150);
    tn_rng_shuffle(r, 0, NULL);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, a_pure_function);
    tcase_add_test(c, philox_known_answers);
    tcase_add_test(c, bits_are_four_words_of_a_block);
    tcase_add_test(c, numbers_are_made_of_bits);
    tcase_add_test(c, bits_are_fair_and_uncorrelated);
    tcase_add_test(c, uniform_numbers);
    tcase_add_test(c, normal_numbers);
    tcase_add_test(c, fill_gives_the_same_bits);
    tcase_add_test(c, below_and_shuffle);
}

int main(void)
{
    return run_case("rng", add);
}
