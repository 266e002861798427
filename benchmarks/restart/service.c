/* Appends its pid and the moment of its first instruction to a file, and waits. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;
    char line[64];
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (argc < 2)
        return 2;
    int file = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
    int size = snprintf(line, sizeof line, "%d %lld\n", (int)getpid(),
                        (long long)now.tv_sec * 1000000000LL + now.tv_nsec);
    if (file < 0 || write(file, line, size) != size)
        return 1;
    close(file);
    for (;;)
        pause();
}
