/*
 * The interpreter's loop: evaluate the arguments of an instruction, make the call, store the result or branch. It
 * allocates nothing, branches only forward and so ends. Every offset it follows was checked by vm_load or is
 * checked on the way.
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

/*
 * What the arguments of a built-in instruction have to be, since it follows them itself: n a number, s a string,
 * b a buffer, v an array of strings. A system call's are the kernel's to check.
 */
static const char *const builtin_args[] = {
	[OP_JUMP] = "n",         [OP_FAIL] = "n",        [OP_TARGET] = "nsnnnn",
	[OP_CHECK_DEV] = "nnn",  [OP_CHECK_FS] = "nn",   [OP_FORK] = "nn",
	[OP_SYNC] = "nnn",       [OP_SEND_FD] = "nnbn",  [OP_GATE] = "n",
	[OP_HOOK] = "svvnnn",    [OP_SIG_RESET] = "",    [OP_CHECK_CWD] = "",
	[OP_COPY] = "nnn",       [OP_COPY_LINK] = "nns", [OP_EXEC] = "vvv",
	[OP_LISTEN] = "nnnb",    [OP_FIND] = "v",        [OP_CHECK_OWNER] = "nn",
	[OP_CHECK_ROOT] = "nnn", [OP_IDENTIFY] = "nn",   [OP_CHECK_COVER] = "snnnn",
};

static int check_builtin(const struct insn *in)
{
	const char *want = builtin_args[in->op];

	if (strlen(want) != in->nargs)
		return -EBADMSG;
	for (int a = 0; a < in->nargs; a++) {
		uint64_t len = in->arg[a] >> 32, off = in->arg[a] & 0xffffffff;
		int ok = 0;

		switch (want[a]) {
		case 'n':
			ok = in->kind[a] == K_IMM || in->kind[a] == K_USE || in->kind[a] == K_LEN;
			break;
		case 's':
			ok = in->kind[a] == K_STR;
			break;
		case 'b':
			ok = in->kind[a] == K_BUF;
			break;
		case 'v':
			ok = in->kind[a] == K_BUF && len >= 8 && len % 8 == 0 && off % 8 == 0;
			break;
		}
		if (!ok)
			return -EBADMSG;
	}
	return 0;
}

static int check_insn(const struct header *h, uint32_t i, const struct insn *in)
{
	if (in->op < OP_SYSCALL || in->op >= OP_END || in->nargs > MAX_ARGS || in->nbranch > MAX_BRANCHES)
		return -EBADMSG;
	if (in->out != NO_SLOT && in->out >= h->nslot)
		return -EBADMSG;
	for (int b = 0; b < in->nbranch; b++)
		if (in->branch[b].target <= i || in->branch[b].target > h->ninsn)
			return -EBADMSG;
	if (in->op == OP_JUMP && (in->nargs != 1 || in->kind[0] != K_IMM || in->arg[0] <= i || in->arg[0] > h->ninsn))
		return -EBADMSG;
	for (int a = 0; a < in->nargs; a++) {
		uint64_t v = in->arg[a], off = v & 0xffffffff, len = v >> 32;

		switch (in->kind[a]) {
		case K_IMM:
			break;
		case K_USE:
			if (v >= h->nslot)
				return -EBADMSG;
			break;
		case K_STR:
			if (v >= h->blob_len)
				return -EBADMSG;
			break;
		case K_BUF:
			if (off > h->blob_len || len > h->blob_len - off)
				return -EBADMSG;
			break;
		case K_LEN:
			if (v >= in->nargs || in->kind[v] != K_BUF)
				return -EBADMSG;
			break;
		default:
			return -EBADMSG;
		}
	}
	return in->op == OP_SYSCALL ? 0 : check_builtin(in);
}

/* An array of strings ends in NULL: nobody reads past its end. */
static int check_vectors(const struct vm *vm, const struct insn *in)
{
	for (int a = 0; in->op != OP_SYSCALL && a < in->nargs; a++) {
		uint64_t end = (in->arg[a] & 0xffffffff) + (in->arg[a] >> 32), last;

		if (builtin_args[in->op][a] != 'v')
			continue;
		memcpy(&last, vm->blob + end - 8, 8);
		if (last != 0)
			return -EBADMSG;
	}
	return 0;
}

/* The parts follow one another: header, instructions, blob, relocations, notes. */
static int check_layout(const struct header *h, const uint8_t *image, size_t size)
{
	if (size < sizeof(*h) || size > MAX_IMAGE || h->magic != TEU_MAGIC || h->total != size)
		return -EBADMSG;
	if (h->ninsn > MAX_INSNS || h->nslot > MAX_SLOTS || h->ninput > h->nslot || h->blob_len > MAX_BLOB)
		return -EBADMSG;
	if (h->insn_off != sizeof(*h) || h->blob_off != h->insn_off + h->ninsn * sizeof(struct insn))
		return -EBADMSG;
	if (h->blob_len % 8 != 0 || h->reloc_off != h->blob_off + h->blob_len)
		return -EBADMSG;
	if (h->nreloc > MAX_BLOB / 8 || h->notes_off != h->reloc_off + 4 * h->nreloc || h->notes_off > size)
		return -EBADMSG;
	/* The first bytes are the empty string; a string that starts in the blob ends in it. */
	if (h->blob_len < 8 || image[h->blob_off] != 0 || image[h->blob_off + h->blob_len - 1] != 0)
		return -EBADMSG;
	return 0;
}

/* Pointers in the blob are offsets into it: make them addresses. */
static int relocate(const struct vm *vm, const uint32_t *reloc)
{
	for (uint32_t r = 0; r < vm->h->nreloc; r++) {
		uint64_t at = reloc[r], off;

		/* The last 8 bytes end the last string. */
		if (at < 8 || at % 8 != 0 || at + 16 > vm->h->blob_len)
			return -EBADMSG;
		memcpy(&off, vm->blob + at, 8);
		if (off >= vm->h->blob_len)
			return -EBADMSG;
		off += (uintptr_t)vm->blob;
		memcpy(vm->blob + at, &off, 8);
	}
	return 0;
}

int vm_load(struct vm *vm, uint8_t *image, size_t size)
{
	const struct header *h = (const struct header *)image;

	if (check_layout(h, image, size) < 0)
		return -EBADMSG;
	vm->h = h;
	vm->insns = (const struct insn *)(image + h->insn_off);
	vm->blob = image + h->blob_off;
	for (uint32_t i = 0; i < h->ninsn; i++)
		if (check_insn(h, i, &vm->insns[i]) < 0)
			return -EBADMSG;
	if (relocate(vm, (const uint32_t *)(image + h->reloc_off)) < 0)
		return -EBADMSG;
	for (uint32_t i = 0; i < h->ninsn; i++)
		if (check_vectors(vm, &vm->insns[i]) < 0)
			return -EBADMSG;
	for (uint32_t s = 0; s < h->nslot; s++)
		vm->slot[s] = -EBADF;
	return 0;
}

static void evaluate(const struct vm *vm, const struct insn *in, struct call *c)
{
	memset(c, 0, sizeof(*c));
	c->in = in;
	for (int a = 0; a < in->nargs; a++) {
		uint64_t v = in->arg[a];

		switch (in->kind[a]) {
		case K_IMM:
			c->v[a] = v;
			break;
		case K_USE:
			c->v[a] = (uint64_t)vm->slot[v];
			break;
		case K_STR:
			c->v[a] = (uintptr_t)(vm->blob + v);
			break;
		case K_BUF:
			c->v[a] = (uintptr_t)(vm->blob + (v & 0xffffffff));
			c->len[a] = (uint32_t)(v >> 32);
			break;
		case K_LEN:
			c->v[a] = in->arg[v] >> 32;
			break;
		}
	}
}

/*
 * Below a descriptor openat2 gives up with EAGAIN when anything on the host is renamed or mounted while it follows a
 * ".." (openat2(2)). One try takes microseconds. With nothing but renames beside it two were not always enough, three
 * were; where this many are not, somebody is at it on purpose.
 */
enum { OPEN_TRIES = 1000 };

int64_t openat2_again(uint64_t dir, uint64_t path, uint64_t how, uint64_t size)
{
	int64_t r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < OPEN_TRIES; i++)
		r = SC(SYS_openat2, dir, path, how, size, 0, 0);
	return r;
}

/* The kernel explains what a filesystem did not like only to whoever reads the context (fsopen(2)). */
static void kernel_words(struct vm *vm, const struct call *c)
{
	if (c->in->op != OP_SYSCALL || (c->in->nr != SYS_fsconfig && c->in->nr != SYS_fsmount))
		return;
	int64_t n = SC(SYS_read, c->v[0], vm->report->text, REPORT_TEXT - 1, 0, 0, 0);
	vm->report->text[n > 0 && n < REPORT_TEXT ? n : 0] = 0;
}

static void stamp(struct vm *vm, uint32_t i)
{
	struct timespec t;

	if (!(vm->h->flags & HEADER_STAMP))
		return;
	if (SC(SYS_clock_gettime, CLOCK_MONOTONIC, &t, 0, 0, 0, 0) == 0)
		vm->report->stamp[i] = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t step(struct vm *vm, uint32_t i, struct call *c)
{
	const struct insn *in = &vm->insns[i];
	int64_t r;

	evaluate(vm, in, c);
	if (vm->h->fault_insn == i) {
		if (vm->h->fault_errno == 0)
			die(137);
		return -(int64_t)(vm->h->fault_errno & 0xfff);
	}
	if (in->op != OP_SYSCALL)
		return builtin(vm, c);
	if (in->nr == SYS_openat2)
		return openat2_again(c->v[0], c->v[1], c->v[2], c->v[3]);
	r = sc(in->nr, c->v[0], c->v[1], c->v[2], c->v[3], c->v[4], c->v[5]);
	/* Its number may soon be another file's: who uses the slot once more gets EBADF. */
	if (in->nr == SYS_close && in->nargs > 0 && in->kind[0] == K_USE)
		vm->slot[in->arg[0]] = -EBADF;
	return r >= 0 && (in->flags & INSN_WHOLE) && r != c->len[1] ? -EIO : r;
}

int vm_run(struct vm *vm)
{
	struct call c;
	uint32_t i = 0;

	while (i < vm->h->ninsn) {
		const struct insn *in = &vm->insns[i];
		uint32_t next = i + 1;
		int64_t r;

		vm->report->insn = i;
		stamp(vm, i);
		r = step(vm, i, &c);
		if (r < 0) {
			int b = 0;

			while (b < in->nbranch && in->branch[b].err != -r)
				b++;
			if (b == in->nbranch) {
				kernel_words(vm, &c);
				vm->report->err = (uint32_t)-r;
				__atomic_store_n(&vm->report->status, ST_FAILED, __ATOMIC_SEQ_CST);
				return (int)r;
			}
			next = in->branch[b].target;
		} else if (in->op == OP_JUMP) {
			next = (uint32_t)in->arg[0];
		} else if (in->out != NO_SLOT) {
			vm->slot[in->out] = r;
		}
		i = next;
	}
	vm->report->insn = vm->h->ninsn;
	vm->report->err = EBADMSG; /* a program ends in exec */
	vm->report->status = ST_FAILED;
	return -EBADMSG;
}
