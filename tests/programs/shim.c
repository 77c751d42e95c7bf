/* Real short writes, for tests: LD_PRELOAD this and say in SHORT_WRITE what to do.
 *
 * SHORT_WRITE=N:K  the N-th write to a file below SHORT_WRITE_PATH takes K bytes and says so;
 * SHORT_WRITE=N:K:E  it takes K bytes, and each later one fails with errno E.
 * An injected return value alone would write nothing and so damage what sound code writes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_ours(int fd) {
    const char *below = getenv("SHORT_WRITE_PATH");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0 || below == NULL) return 0;
    path[size] = 0;
    return strncmp(path, below, strlen(below)) == 0;
}

ssize_t write(int fd, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    static int count;
    int when = 0, taken = 0, error = 0;
    if (real == NULL) real = dlsym(RTLD_NEXT, "write");
    const char *what = getenv("SHORT_WRITE");
    if (what == NULL || !is_ours(fd)) return real(fd, data, size);
    sscanf(what, "%d:%d:%d", &when, &taken, &error);
    count++;
    if (count > when && error) {
        errno = error;
        return -1;
    }
    if (count != when || (size_t)taken >= size) return real(fd, data, size);
    return real(fd, data, taken);
}
