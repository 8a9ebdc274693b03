/*
 * The constructor: when the process was started as "teu init N", descriptor N being a sealed program, it runs the
 * program and never returns; any other start goes on into the Go runtime.
 *
 *   N     the program, a memfd with every seal
 *   N+1   the report page        } these two numbers stand in
 *   N+2.. the inputs             } the program's header
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ALL_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/* What a program that could not be loaded exits with; the parent has no report then. */
enum { EXIT_BAD_PROGRAM = 120 };

int64_t sc(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	long r = syscall(nr, a, b, c, d, e, f);

	return r == -1 ? -errno : r;
}

_Noreturn void die(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

/* The descriptor number in argv[2]: decimal digits only. */
static int parse_fd(const char *s)
{
	int fd = 0;

	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || fd > 100000)
			return -1;
		fd = fd * 10 + (*s - '0');
	}
	return fd;
}

static uint8_t *map_program(int fd, size_t *size)
{
	struct stat st;
	void *p;

	if ((fcntl(fd, F_GET_SEALS) & ALL_SEALS) != ALL_SEALS)
		return NULL;
	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct header) || st.st_size > 4 * MAX_BLOB)
		return NULL;
	*size = (size_t)st.st_size;
	p = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static struct report *map_report(const struct header *h)
{
	size_t need = sizeof(struct report) + 8 * ((size_t)h->ninsn + 1);
	struct stat st;
	void *p;

	if (fstat((int)h->report_fd, &st) < 0 || st.st_size < (off_t)need)
		return NULL;
	p = mmap(NULL, need, PROT_READ | PROT_WRITE, MAP_SHARED, (int)h->report_fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

__attribute__((constructor)) static void teu_init(int argc, char **argv)
{
	static struct vm vm; /* in .bss: only the pages that are touched cost memory */
	uint8_t *image;
	size_t size;
	int fd;

	if (argc != 3 || strcmp(argv[1], "init") != 0)
		return;
	fd = parse_fd(argv[2]);
	image = fd < 0 ? NULL : map_program(fd, &size);
	if (!image)
		return;

	/* Before the first namespace is joined nobody else may ptrace us or look into /proc/PID (CVE-2016-9962). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		die(EXIT_BAD_PROGRAM);
	if (vm_load(&vm, image, size) < 0)
		die(EXIT_BAD_PROGRAM);
	vm.program_fd = fd;
	vm.report = map_report(vm.h);
	if (!vm.report)
		die(EXIT_BAD_PROGRAM);
	vm_run(&vm);
	die(1);
}
