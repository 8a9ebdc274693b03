/*
 * The interpreter of teu's programs. program/FORMAT.md describes what it reads and writes; the numbers here are those
 * of program/insn.go and program/encode.go.
 */
#ifndef TEU_INTERP_H
#define TEU_INTERP_H

#include <stddef.h>
#include <stdint.h>

enum {
	TEU_MAGIC = 0x31756574, /* "teu1" */
	MAX_INSNS = 32768,
	MAX_SLOTS = 16384,
	MAX_BLOB = 8 << 20,
	MAX_IMAGE = 32 << 20,
	MAX_ARGS = 6,
	MAX_BRANCHES = 4,
	MAX_FDS = 253, /* SCM_MAX_FD */
	PATH_LEN = 4096,
};

enum op {
	OP_SYSCALL = 1,
	OP_JUMP,
	OP_FAIL,
	OP_TARGET,
	OP_CHECK_DEV,
	OP_CHECK_FS,
	OP_FORK,
	OP_SYNC,
	OP_SEND_FD,
	OP_GATE,
	OP_HOOK,
	OP_SIG_RESET,
	OP_CHECK_CWD,
	OP_COPY,
	OP_COPY_LINK,
	OP_EXEC,
	OP_LISTEN,
	OP_FIND,
	OP_CHECK_OWNER,
	OP_CHECK_ROOT,
	OP_IDENTIFY,
	OP_CHECK_COVER,
	OP_END,
};

enum kind { K_IMM, K_USE, K_STR, K_BUF, K_LEN };

enum { HEADER_STAMP = 1 };
enum { INSN_WHOLE = 1 };
enum { NO_FAULT = 0xffffffffu, NO_SLOT = 0xffff };

struct header {
	uint32_t magic, ninsn, nslot, ninput;
	uint32_t insn_off, blob_off, blob_len, reloc_off;
	uint32_t nreloc, notes_off, total, flags;
	uint32_t fault_insn, fault_errno, zero[2];
};

struct insn {
	uint16_t op, nr, out;
	uint8_t flags, nbranch;
	uint8_t kind[MAX_ARGS];
	uint8_t nargs, pad;
	struct {
		uint16_t err, target;
	} branch[MAX_BRANCHES];
	uint64_t arg[MAX_ARGS];
};

/* Bytes that the interpreter says and hears by itself; program/bytes.go has all. */
enum { BYTE_FORKED = 'f', BYTE_AT_GATE = 'a', BYTE_GO = 'g' };

enum { ST_RUNNING, ST_FAILED, ST_AT_GATE, ST_EXECING };
enum { REPORT_TEXT = 236 };

struct report {
	uint32_t status, insn, err, detail;
	int32_t pid;
	char text[REPORT_TEXT];
	uint64_t stamp[];
};

_Static_assert(sizeof(struct header) == 64, "header");
_Static_assert(sizeof(struct insn) == 80, "insn");
_Static_assert(offsetof(struct report, stamp) == 256, "report");

struct vm {
	const struct header *h;
	const struct insn *insns;
	uint8_t *blob;
	struct report *report;
	int program_fd, report_fd;
	int64_t slot[MAX_SLOTS];
};

/* One evaluated instruction: arguments as numbers and addresses, and the length behind each buffer. */
struct call {
	const struct insn *in;
	uint64_t v[MAX_ARGS];
	uint32_t len[MAX_ARGS];
};

/* vm_load checks everything about the image that can be checked before running it; 0 or a negative errno. */
int vm_load(struct vm *vm, uint8_t *image, size_t size);

/* vm_run runs the program; it returns only when an instruction failed. */
int vm_run(struct vm *vm);

/* openat2 is openat2(2), tried again when a rename or a mount elsewhere got in the way of a "..". */
int64_t openat2_again(uint64_t dir, uint64_t path, uint64_t how, uint64_t size);

/* builtin runs one instruction that is more than one system call: its result, or a negative errno. */
int64_t builtin(struct vm *vm, const struct call *c);

/* gate is the instruction of that name (gate.c). */
int64_t gate(struct vm *vm, const struct call *c);

/* send_fds sends n descriptors, at most two, with the len bytes of payload: 0 or a negative errno. */
int64_t send_fds(uint64_t conn, void *payload, size_t len, const int *fds, size_t n);
/* close_fd closes fd, unless it is an errno. */
void close_fd(int64_t fd);

/* target is the instruction of that name (target.c). */
int64_t target(const struct call *c);

/* hook is the instruction of that name (hook.c). */
int64_t hook(struct vm *vm, const struct call *c);

/* copy and copy_link are the instructions of those names (copy.c). */
int64_t copy(struct vm *vm, const struct call *c);
int64_t copy_link(const struct call *c);

/* check_owner and check_root are the instructions of those names (place.c). */
int64_t check_owner(const struct call *c);
int64_t check_root(const struct call *c);

/* identify and check_cover too. */
int64_t identify(const struct call *c);
int64_t check_cover(const struct call *c);

/* sc makes a system call: its result, or a negative errno. The fuzzer brings its own. */
int64_t sc(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);

#define SC(nr, a, b, c, d, e, f) \
	sc(nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), (uint64_t)(f))

/* die leaves at once, as though killed. */
_Noreturn void die(int status);

/* listen_and_pass is the instruction listen: its result, or a negative errno. */
int64_t listen_and_pass(struct vm *vm, const struct call *c);

/*
 * start_thread runs run(arg) in a thread, the only one that may be running: 0 or a negative errno. *tid is not 0 until the
 * thread is gone. relax is what to do between two looks at it. The fuzzer brings its own of both.
 */
int64_t start_thread(int (*run)(void *), void *arg, int32_t *tid);
void relax(void);

#endif
