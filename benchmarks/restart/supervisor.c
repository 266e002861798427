/* The least that a supervisor can do: start a command, wait for its end, start it again. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

static void stop(int number)
{
    (void)number;
    kill(child, SIGKILL);
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    signal(SIGTERM, stop);
    for (;;) {
        child = fork();
        if (child == 0) {
            setsid();
            execv(argv[1], argv + 1);
            _exit(127);
        }
        while (waitpid(child, 0, 0) != child)
            ;
    }
}
