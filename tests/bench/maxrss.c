//go:build ignore

// maxrss FILE PROGRAM [ARG...]: run PROGRAM, append the peak resident size in kB of it and of the children it waited for to
// FILE, exit with its status.
//
// It exists because ru_maxrss is inherited by a vforked child (exec_mmap folds the old mm's peak in): started straight from
// a Go program every runtime would seem to need at least what the Go program does.

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	if (argc < 3)
		return 125;
	pid_t pid = fork();
	if (pid == 0) {
		execv(argv[2], argv + 2);
		_exit(125);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return 125;
	FILE *out = fopen(argv[1], "a");
	if (!out || fprintf(out, "%ld\n", usage.ru_maxrss) < 0 || fclose(out) != 0)
		return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
