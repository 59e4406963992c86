/* driver.c: a target's corpus as a regression test, without libFuzzer: each file once. The last name that is printed is
 * the one of the file that did it. */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

static void run(const char *path)
{
    FILE *f = fopen(path, "rb");
    printf("%s\n", path);
    fflush(stdout);
    require(f && fseek(f, 0, SEEK_END) == 0);
    size_t n = (size_t)ftell(f);
    uint8_t *bytes = malloc(n ? n : 1); /* no larger than what is in it, so that the sanitizers see a read past its end */
    rewind(f);
    require(bytes && fread(bytes, 1, n, f) == n);
    fclose(f);
    LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
}

/* usage: driver, for tests/fuzz/corpus/<the program's name>, or driver file ... */
int main(int argc, char **argv)
{
    char folder[256], path[512];
    int n = argc - 1;
    for (int i = 1; i < argc; i++) run(argv[i]);
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", strrchr(argv[0], '/') + 1);
    DIR *d = argc > 1 ? NULL : opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%.200s", folder, e->d_name);
        run(path);
        n++;
    }
    if (d) closedir(d);
    require(n);
    printf("100%%: Checks: %d, Failures: 0, Errors: 0\n", n);
    return 0;
}
