/*
 * The interpreter under libFuzzer. It runs mutated images with system calls that are not made: they answer at random,
 * out of the part of the image that the interpreter does not look at, read what they are given to read and fill what
 * they are given to fill, so that the address sanitizer sees what the kernel would have been let into.
 *
 * Whatever the image says, the interpreter must refuse it or come to an end, and use no memory but its own.
 */
#include "../interp.c"
#include "../builtins.c"
#include "../gate.c"
#include "../hook.c"
#include "../copy.c"
#include "../listener.c"
#include "../place.c"
#include "../target.c"

#include <limits.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

static jmp_buf end;
static struct vm vm;

/* Answers: the notes of the image first, then numbers that follow from the last of them. */
static const uint8_t *answer, *answers_end;
static uint32_t state;

static uint32_t next(void)
{
	if (answer < answers_end)
		state ^= *answer++;
	state = state * 1664525 + 1013904223;
	return state >> 8;
}

static void bug(const char *what, long nr)
{
	fprintf(stderr, "system call %ld at instruction %u: %s\n", nr, vm.report ? vm.report->insn : 0, what);
	abort();
}

static volatile uint8_t sink;

static void reads(uint64_t p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		sink = ((const volatile uint8_t *)(uintptr_t)p)[i];
}

static void reads_string(uint64_t p)
{
	sink = (uint8_t)strlen((const char *)(uintptr_t)p);
}

static void fills(uint64_t p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		((uint8_t *)(uintptr_t)p)[i] = (uint8_t)next();
}

/* An array of strings: the kernel checks the strings' addresses, but reads on until the NULL. */
static void reads_vector(uint64_t p)
{
	const uint64_t *v = (const uint64_t *)(uintptr_t)p;

	while (*v)
		v++;
}

static int in_blob(uint64_t p, uint64_t n)
{
	uint64_t start = (uintptr_t)vm.blob;

	return p >= start && p - start <= vm.h->blob_len && n <= vm.h->blob_len - (p - start);
}

/* The arguments of a plain system call are the kernel's to check, but what says it is data has to be the program's. */
static void check_plain(long nr, const uint64_t *v)
{
	const struct insn *in = &vm.insns[vm.report->insn];
	/* The interpreter passes openat2 the four that it has. */
	uint64_t passed = nr == SYS_openat2 && in->nargs > 4 ? 4 : in->nargs;

	for (uint64_t a = 0; a < passed; a++) {
		uint64_t len = in->arg[a] >> 32;

		if (in->kind[a] == K_STR && (!in_blob(v[a], 1) || !in_blob(v[a], strlen((char *)(uintptr_t)v[a]) + 1)))
			bug("string outside the blob", nr);
		if (in->kind[a] == K_BUF && !in_blob(v[a], len))
			bug("buffer outside the blob", nr);
		if (in->kind[a] == K_LEN && in->arg[a] < passed && !in_blob(v[in->arg[a]], v[a]))
			bug("length of more than the buffer", nr);
	}
}

/* How many more names a directory has: a tree comes to its end. */
static uint32_t names_left;

static int64_t names(uint64_t p, uint64_t n)
{
	uint32_t len = 0;

	while (names_left > 0 && next() % 4) {
		struct dirent64 *d = (struct dirent64 *)(uintptr_t)(p + len);
		uint32_t name = 1 + next() % 255, size = (uint32_t)offsetof(struct dirent64, name) + name + 1;

		size = (size + 7) / 8 * 8;
		if (len + size > n)
			break;
		names_left--;
		memset(d, 0, size);
		d->reclen = (uint16_t)size;
		for (uint32_t i = 0; i < name; i++)
			d->name[i] = (char)(next() % 8 ? '.' : 1 + next() % 255);
		len += size;
	}
	return len;
}

static int64_t failure(void)
{
	static const int common[] = { ENOENT, EEXIST, ENOTDIR, EACCES,  EINTR, EAGAIN,
				      EINVAL, EPERM,  EBADF,   ENOEXEC, ELOOP, EXDEV };
	uint32_t n = next();

	return n % 8 ? -common[n / 8 % (sizeof(common) / sizeof(*common))] : -(int64_t)(1 + n / 8 % 4095);
}

static void recvmsg_fills(struct msghdr *m)
{
	size_t room = m->msg_controllen;

	fills((uintptr_t)m->msg_iov->iov_base, m->msg_iov->iov_len);
	if (next() % 2)
		*(char *)m->msg_iov->iov_base = BYTE_GO;
	m->msg_controllen = next() % 2 ? 0 : next() % (room + 1);
	fills((uintptr_t)m->msg_control, m->msg_controllen);
	if (m->msg_controllen >= sizeof(struct cmsghdr) && next() % 4) {
		struct cmsghdr *h = m->msg_control;

		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = m->msg_controllen;
	}
}

/* What the calls of the built-in instructions read and write, and what else they return than 0. */
static int64_t serve(long nr, const uint64_t *v)
{
	switch (nr) {
	case SYS_openat2:
		reads_string(v[1]);
		reads(v[2], v[3]);
		return 3 + next() % 1000;
	case SYS_mkdirat:
	case SYS_mknodat:
	case SYS_fchownat:
	case SYS_fchmodat:
		reads_string(v[1]);
		return 0;
	case SYS_symlinkat:
		reads_string(v[0]);
		reads_string(v[2]);
		return 0;
	case SYS_getdents64:
		return names(v[1], v[2]);
	case SYS_flistxattr: {
		uint64_t n = next() % 64;

		fills(v[1], n);
		return (int64_t)n;
	}
	case SYS_fgetxattr:
		reads_string(v[1]);
		fills(v[2], v[3] < 64 ? v[3] : 64);
		return next() % 65;
	case SYS_fsetxattr:
		reads_string(v[1]);
		reads(v[2], v[3]);
		return 0;
	case SYS_utimensat:
		if (v[1])
			reads_string(v[1]);
		reads(v[2], 2 * sizeof(struct timespec));
		return 0;
	case SYS_write:
		reads(v[1], v[2]);
		return next() % 4 ? (int64_t)v[2] : (int64_t)(next() % (v[2] + 1));
	case SYS_fchown:
	case SYS_fchmod:
	case SYS_ftruncate:
		return 0;
	case SYS_readlinkat: {
		uint64_t n = next() % 16 ? next() % 12 : next() % (v[3] + 1);

		reads_string(v[1]);
		fills(v[2], n);
		for (uint64_t i = 0; i < n; i++)
			if (next() % 3 == 0)
				((char *)(uintptr_t)v[2])[i] = "/.a"[next() % 3];
		return (int64_t)n;
	}
	case SYS_fstat:
	case SYS_newfstatat: {
		struct stat *st = (struct stat *)(uintptr_t)v[1 + (nr == SYS_newfstatat)];

		fills((uintptr_t)st, sizeof(*st));
		if (next() % 2)
			st->st_mode = next() % 2 ? S_IFDIR : S_IFREG;
		st->st_size = next() % 4096;
		return 0;
	}
	case SYS_statx:
		reads_string(v[1]);
		fills(v[4], sizeof(struct statx));
		return 0;
	case SYS_fstatfs:
		fills(v[1], sizeof(struct statfs));
		return 0;
	case SYS_getcwd:
	case SYS_read:
		fills(v[nr == SYS_read], v[nr == SYS_read ? 2 : 1]);
		return next() % (v[nr == SYS_read ? 2 : 1] + 1);
	case SYS_sendto:
		reads(v[1], v[2]);
		return (int64_t)v[2];
	case SYS_sendmsg: {
		const struct msghdr *m = (const struct msghdr *)(uintptr_t)v[1];

		reads((uintptr_t)m->msg_iov->iov_base, m->msg_iov->iov_len);
		reads((uintptr_t)m->msg_control, m->msg_controllen);
		if (m->msg_iov->iov_len && next() % 2)
			return 1 + (int64_t)(next() % m->msg_iov->iov_len);
		return (int64_t)m->msg_iov->iov_len;
	}
	case SYS_recvmsg:
		recvmsg_fills((struct msghdr *)(uintptr_t)v[1]);
		return next() % 4 ? 1 : 0;
	case SYS_clone3: {
		const struct clone_args *c = (const struct clone_args *)(uintptr_t)v[0];

		reads(v[0], v[1]);
		if (c->flags & CLONE_PIDFD && c->pidfd)
			*(int *)(uintptr_t)c->pidfd = 3 + (int)(next() % 1000);
		return next() % 3 ? 2 + next() % 30000 : 0;
	}
	case SYS_poll:
		reads(v[0], v[1] * sizeof(struct pollfd));
		for (uint64_t i = 0; i < v[1]; i++)
			((struct pollfd *)(uintptr_t)v[0])[i].revents = next() % 2 ? POLLIN : 0;
		return next() % 2;
	case SYS_waitid:
		fills(v[2], sizeof(siginfo_t));
		if (next() % 2)
			((siginfo_t *)(uintptr_t)v[2])->si_code = CLD_EXITED;
		return 0;
	case SYS_rt_sigaction:
		reads(v[1], 32);
		return 0;
	case SYS_rt_sigprocmask:
		reads(v[1], v[3]);
		return 0;
	case SYS_clock_gettime:
		fills(v[1], sizeof(struct timespec));
		return 0;
	case SYS_execve:
		reads_vector(v[1]);
		reads_vector(v[2]);
		return failure();
	case SYS_accept4:
	case SYS_dup3:
	case SYS_ioctl:
	case SYS_fcntl:
	case SYS_lseek:
		return next() % 1000;
	case SYS_seccomp: {
		/* The interpreter knows no more of a filter than its length: what it points to is the kernel's to check. */
		if (!in_blob(v[2], sizeof(struct sock_fprog)))
			bug("filter outside the blob", nr);
		return 3 + next() % 1000;
	}
	case SYS_pread64: {
		uint64_t n = next() % 4 ? next() % 100 : next() % (v[2] + 1);

		fills(v[1], n);
		return next() % 4 ? (int64_t)n : 0;
	}
	case SYS_sched_getscheduler:
		return next() % 7;
	case SYS_sched_getaffinity: {
		uint64_t n = next() % (v[1] + 1) / 8 * 8;

		fills(v[2], n);
		return (int64_t)n;
	}
	case SYS_close:
	case SYS_close_range:
	case SYS_sched_yield:
	case SYS_pidfd_send_signal:
		return 0;
	}
	bug("none that an instruction makes", nr);
	return -ENOSYS;
}

int64_t sc(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	const uint64_t v[6] = { a, b, c, d, e, f };
	const struct insn *in = &vm.insns[vm.report->insn];
	/* Beside the call of a plain instruction the interpreter makes its own, for stamps and the kernel's words. */
	int own = nr == SYS_read && b == (uintptr_t)vm.report->text;
	int plain = in->op == OP_SYSCALL && nr == in->nr && !own;

	if (in->nr == SYS_clock_gettime && nr == SYS_clock_gettime)
		return 0; /* whose it is cannot be told */
	if (plain)
		check_plain(nr, v);
	if (next() % 8 == 0)
		return failure();
	if (plain)
		return next() % 4 ? next() % 1000 : (int64_t)vm.h->blob_len;
	return serve(nr, v);
}

/* There is no thread: it runs when it is waited for. */
static int (*thread)(void *);
static void *thread_arg;
static int32_t *thread_id;

int64_t start_thread(int (*run)(void *), void *arg, int32_t *tid)
{
	if (next() % 8 == 0)
		return -EAGAIN;
	thread = run;
	thread_arg = arg;
	thread_id = tid;
	*tid = 7;
	return 0;
}

void relax(void)
{
	thread(thread_arg);
	*thread_id = 0;
}

_Noreturn void die(int status)
{
	(void)status;
	longjmp(end, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *image = malloc(size ? size : 1);

	memcpy(image, data, size);
	memset(&vm, 0, sizeof(vm));
	if (vm_load(&vm, image, size) == 0) {
		vm.report = calloc(1, sizeof(struct report) + 8 * ((size_t)vm.h->ninsn + 1));
		vm.program_fd = 3;
		vm.report_fd = 4;
		for (uint32_t s = 0; s < vm.h->ninput; s++)
			vm.slot[s] = 5 + s;
		answer = image + vm.h->notes_off;
		answers_end = image + size;
		state = 1;
		names_left = 256;
		if (setjmp(end) == 0) {
			int r = vm_run(&vm);

			if (r >= 0 || r < -4096 || vm.report->status != ST_FAILED)
				bug("returned as though nothing had failed", r);
		}
		free(vm.report);
		vm.report = NULL;
	}
	free(image);
	return 0;
}

/* Make the parts fit together again, which mutation nearly always undoes. */
static size_t repair(uint8_t *data, size_t size)
{
	struct header *h = (struct header *)data;
	size_t room, blob;

	if (size < sizeof(*h) + 16)
		return size;
	room = size - sizeof(*h) - 16;
	h->magic = TEU_MAGIC;
	h->ninsn %= room / sizeof(struct insn) + 1;
	h->nslot %= MAX_SLOTS + 1;
	h->ninput %= h->nslot + 1;
	room -= h->ninsn * sizeof(struct insn);
	blob = h->blob_len % (room + 1) / 8 * 8 + 8;
	room -= blob - 8;
	h->insn_off = sizeof(*h);
	h->blob_off = h->insn_off + (uint32_t)(h->ninsn * sizeof(struct insn));
	h->blob_len = (uint32_t)blob;
	h->reloc_off = h->blob_off + h->blob_len;
	h->nreloc %= room / 4 + 1;
	h->notes_off = h->reloc_off + 4 * h->nreloc;
	h->total = (uint32_t)size;
	data[h->blob_off] = data[h->reloc_off - 1] = 0;
	return size;
}

/* Change one instruction where it matters. */
static void twist(uint8_t *data, unsigned int seed)
{
	struct header *h = (struct header *)data;
	struct insn *in;
	int a = (int)(seed / 7 % MAX_ARGS);

	if (h->ninsn == 0)
		return;
	in = (struct insn *)(data + h->insn_off) + seed / 64 % h->ninsn;
	switch (seed % 7) {
	case 0:
		in->op = (uint16_t)(1 + seed / 64 % (OP_END - 1));
		break;
	case 1:
		in->kind[a] = (uint8_t)(seed / 512 % 6);
		break;
	case 2:
		in->arg[a] = seed / 512 % (h->blob_len + 2);
		break;
	case 3:
		in->arg[a] |= (uint64_t)(seed / 512 % (h->blob_len + 2)) << 32;
		break;
	case 4:
		in->nbranch = (uint8_t)(seed / 512 % (MAX_BRANCHES + 2));
		in->branch[seed / 4096 % MAX_BRANCHES].target = (uint16_t)(seed / 64 % h->ninsn + 1);
		break;
	case 5:
		in->nr = (uint16_t)(seed / 512 % 460);
		break;
	case 6:
		in->nargs = (uint8_t)(seed / 512 % (MAX_ARGS + 2));
		break;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	srand(seed);
	if (rand() % 4 || size < sizeof(struct header) + 16)
		size = LLVMFuzzerMutate(data, size, max);
	if (rand() % 8 && size >= sizeof(struct header) + 16) {
		repair(data, size);
		for (int n = rand() % 4; n > 0; n--)
			twist(data, (unsigned int)rand());
	}
	return size;
}
