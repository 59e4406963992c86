/* sweep.c: every float through every elementary function at every instruction set (about twenty minutes).
 * `make sweep`. */
#include <stdio.h>
#include <stdlib.h>

#include "sweep.h"

int main(int argc, char **argv)
{
#ifdef TN_DOUBLE
    (void)argc, (void)argv, (void)elementaries, (void)isas;
    return EXIT_SUCCESS;
#else
    bool good = true;
    for (int i = 0; i < N_ELEMENTARIES; i++) {
        worst w = sweep(&elementaries[i], argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
        printf("%-8s", elementaries[i].name);
        for (int s = 0; s < N_ISAS; s++) {
            if (tn__kernels_named(isas[s])) printf("  %s %.4f ulp at %a", isas[s], w.ulps[s],
                                                   (double)w.at[s]);
            good = good && w.ulps[s] <= 2;
        }
        printf("  avx2 != avx512: %.0f\n", w.different);
        good = good && w.different == 0;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
#endif
}
