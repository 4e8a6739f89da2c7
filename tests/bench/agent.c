/* The smallest agent: notes when its first instruction ran, reads its prompt, prints one answer. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char prompt[65536];
    ssize_t length = read(0, prompt, sizeof prompt);
    if (length < 0)
        return 1;
    if (argc > 1)
        usleep(atoi(argv[1]));
    printf("%lld.%09ld\n", (long long) now.tv_sec, now.tv_nsec);
    return 0;
}
