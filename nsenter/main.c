/*
 * The constructor: when the process was started as "teu init N", descriptor N being a seqpacket socket, it receives a
 * program over the socket, runs it and never returns; any other start goes on into the Go runtime. One message brings
 * all the descriptors:
 *
 *   the program, a memfd with every seal; the report page; the inputs but the first, which is the socket itself
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

/* A filter may refuse either exit; it is not asked about an illegal instruction. */
_Noreturn void die(int status)
{
	syscall(SYS_exit_group, status);
	syscall(SYS_exit, status);
	__builtin_trap();
}

int64_t start_thread(int (*run)(void *), void *arg, int32_t *tid)
{
	static _Alignas(16) uint8_t stack[16 << 10]; /* in .bss: only the pages that are touched cost memory */
	int r = clone(run, stack + sizeof(stack),
		      CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_PARENT_SETTID |
			      CLONE_CHILD_CLEARTID,
		      arg, tid, NULL, tid);

	return r < 0 ? -errno : 0;
}

void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
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
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *p;

	if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS)
		return NULL;
	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct header) || st.st_size > MAX_IMAGE)
		return NULL;
	*size = (size_t)st.st_size;
	p = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static struct report *map_report(const struct header *h, int fd)
{
	size_t need = sizeof(struct report) + 8 * ((size_t)h->ninsn + 1);
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)need)
		return NULL;
	p = mmap(NULL, need, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static int is_seqpacket(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

/* The descriptors of the one message, at most MAX_FDS; their number, or -1 when there is none. */
static int receive(int sock, int *fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
	ssize_t n;
	size_t count;

	m.msg_controllen = sizeof(control);
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != 1 || (m.msg_flags & MSG_CTRUNC) || m.msg_controllen < CMSG_LEN(0) ||
	    control.header.cmsg_level != SOL_SOCKET || control.header.cmsg_type != SCM_RIGHTS)
		return -1;
	count = (control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (count < 2 || count > MAX_FDS)
		return -1;
	memcpy(fds, CMSG_DATA(&control.header), count * sizeof(int));
	return (int)count;
}

__attribute__((constructor)) static void teu_init(int argc, char **argv)
{
	static struct vm vm; /* in .bss: only the pages that are touched cost memory */
	int fds[MAX_FDS], sock, count;
	uint8_t *image;
	size_t size;

	if (argc != 3 || strcmp(argv[1], "init") != 0)
		return;
	sock = parse_fd(argv[2]);
	if (sock < 0 || !is_seqpacket(sock))
		return;

	/* Before the first namespace is joined nobody else may ptrace us or look into /proc/PID (CVE-2016-9962). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		die(EXIT_BAD_PROGRAM);
	/*
	 * What the caller of teu had open, and the binary itself, end here. A path that leads through the descriptor of a
	 * host's directory, /proc/self/fd/N/bin/sh as args[0] or in a #! line, is looked up before exec closes it
	 * (CVE-2024-21626).
	 */
	if (syscall(SYS_close_range, sock + 1, ~0u, 0) < 0)
		die(EXIT_BAD_PROGRAM);
	count = receive(sock, fds);
	image = count < 0 ? NULL : map_program(fds[0], &size);
	if (!image || vm_load(&vm, image, size) < 0 || vm.h->ninput != (uint32_t)count - 1)
		die(EXIT_BAD_PROGRAM);
	vm.program_fd = fds[0];
	vm.report_fd = fds[1];
	vm.slot[0] = sock;
	for (int i = 2; i < count; i++)
		vm.slot[i - 1] = fds[i];
	vm.report = map_report(vm.h, vm.report_fd);
	if (!vm.report)
		die(EXIT_BAD_PROGRAM);
	vm_run(&vm);
	die(1);
}
