//go:build ignore

// bare: the kernel work of one container start, and nothing else.
//
//     cc -O2 -static -o bare bare.c;  bare ID ROOTFS PROGRAM [ARG...]
//
// It does, hard-coded, what the default bundle (`runc spec`) asks of a runtime, in the order that was quickest, so that a
// runtime can be measured as a multiple of it. No configuration is read, no state is kept, no path in ROOTFS is distrusted.
//
//   parent                                       child
//   ------                                       -----
//   mkdir of the v2 cgroup
//   clone3(mnt pid ipc uts [cgroup], v2 cgroup)
//   mkdir of the v1 cgroups                      unshare(net), lo up, setsid, session keyring
//   cpuset.cpus, cpuset.mems                     / made slave, ROOTFS bound
//   devices.deny, devices.allow (v2: bpf)        proc, dev, devpts, shm, mqueue, sysfs
//   wake                                         wait; v1: "0" into every tasks file; cgroup mounts
//                                                mknod, symlinks, pivot_root, umount2, read-only root
//                                                read-only paths, masked paths, hostname
//                                                ids, capabilities, rlimit, no_new_privs, close_range
//   waitpid                                      execve
//   rmdir of the cgroups
//
// Two things there are not taste. "0" into `tasks` moves only the caller and skips the lock for whose sake every write to
// cgroup.procs may wait 10 ms for an RCU grace period (kernel commit 9a3284fad42f, 5.5). And the network namespace, the
// most expensive of all, is made by the child while the parent makes cgroups.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"
#define NNN (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define PATH_LEN 256

// clang-format off
static const char *const v1_names[] = { "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids",
	"systemd", "hugetlb", "net_cls", "net_prio", "perf_event", "rdma", "misc" };
// The default bundle denies all devices; every runtime then allows mknod, the six standard ones, ptmx, ptys (and tun, in runc 1.1).
static const char *const allowed_devices[] = { "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
	"c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 10:200 rwm", "c 136:* rwm" };
static const struct { const char *path; int major, minor; } devices[] = { { "dev/null", 1, 3 }, { "dev/zero", 1, 5 },
	{ "dev/full", 1, 7 }, { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 } };
static const char *const links[][2] = { { "pts/ptmx", "dev/ptmx" }, { "/proc/self/fd", "dev/fd" },
	{ "/proc/self/fd/0", "dev/stdin" }, { "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" } };
static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };
static const char *const masked[] = { "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi" };
static char *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", NULL };

#define LDX(dst, src, o) ((struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, dst, src, o, 0 })
#define ALU(op, dst, k) ((struct bpf_insn){ BPF_ALU | BPF_K | (op), dst, 0, 0, k })
#define JNE(dst, k, o) ((struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_K, dst, 0, o, k })
#define RET(k) ((struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, k }), ((struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 })
// r2 = type, r3 = access, r4 = major, r5 = minor: a rule jumps to the next one when it does not match.
#define CHAR_RULE(major, minor) JNE(2, BPF_DEVCG_DEV_CHAR, 4), JNE(4, major, 3), JNE(5, minor, 2), RET(1)
static const struct bpf_insn device_program[] = {
	LDX(2, 1, 0), ALU(BPF_AND, 2, 0xffff), LDX(3, 1, 0), ALU(BPF_RSH, 3, 16), LDX(4, 1, 4), LDX(5, 1, 8),
	JNE(3, BPF_DEVCG_ACC_MKNOD, 2), RET(1),
	CHAR_RULE(1, 3), CHAR_RULE(1, 5), CHAR_RULE(1, 7), CHAR_RULE(1, 8), CHAR_RULE(1, 9),
	CHAR_RULE(5, 0), CHAR_RULE(5, 2), CHAR_RULE(10, 200), JNE(2, BPF_DEVCG_DEV_CHAR, 3), JNE(4, 136, 2), RET(1), RET(0),
};
// clang-format on
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// shared is the page both processes see: ready tells the child that its cgroups are there and filled.
static struct {
	uint32_t ready;
	int v1_count;
	int v1[COUNT(v1_names)];
} * shared;

static const char *id;
static char v2_path[PATH_LEN];
static int pure_v2;

static void die(const char *what)
{
	fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
	_exit(125);
}

#define MUST(call)                  \
	do {                        \
		if ((call) < 0)     \
			die(#call); \
	} while (0)

static void v1_path(char *buf, int i)
{
	snprintf(buf, PATH_LEN, CGROUP_ROOT "/%s/%s", v1_names[i], id);
}

static void write_file(const char *dir, const char *name, const char *value)
{
	char path[2 * PATH_LEN];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die(path);
	close(fd);
}

// ---- cgroups, in the parent ----

// copy_parent fills a cpuset file from the directory above: a v1 cpuset is born empty and then takes no task.
static void copy_parent(const char *dir, const char *name)
{
	char path[2 * PATH_LEN], value[512];
	snprintf(path, sizeof path, "%s/../%s", dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, value, sizeof value - 1);
	if (n < 0)
		die(path);
	value[n] = 0;
	close(fd);
	write_file(dir, name, value);
}

static void restrict_devices_v1(const char *dir)
{
	char path[2 * PATH_LEN];
	write_file(dir, "devices.deny", "a");
	snprintf(path, sizeof path, "%s/devices.allow", dir);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	MUST(fd);
	for (size_t i = 0; i < COUNT(allowed_devices); i++)
		MUST(write(fd, allowed_devices[i], strlen(allowed_devices[i])));
	close(fd);
}

static void restrict_devices_v2(int cgroup_fd)
{
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = COUNT(device_program) };
	load.insns = (uintptr_t)device_program;
	load.license = (uintptr_t) "GPL";
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
	MUST(fd);
	union bpf_attr attach = { .target_fd = cgroup_fd, .attach_bpf_fd = fd, .attach_type = BPF_CGROUP_DEVICE };
	attach.attach_flags = BPF_F_ALLOW_MULTI;
	MUST(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach));
	close(fd);
}

static int make_v2(void)
{
	struct statfs fs;
	MUST(statfs(CGROUP_ROOT, &fs));
	pure_v2 = fs.f_type == CGROUP2_SUPER_MAGIC;
	snprintf(v2_path, sizeof v2_path, "%s/%s", pure_v2 ? CGROUP_ROOT : CGROUP_ROOT "/unified", id);
	if (mkdir(v2_path, 0755) < 0) {
		if (errno != ENOENT || pure_v2)
			die(v2_path);
		v2_path[0] = 0;
		return -1;
	}
	int fd = open(v2_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(fd);
	return fd;
}

static void make_v1(void)
{
	for (size_t i = 0; i < COUNT(v1_names); i++) {
		char dir[PATH_LEN];
		v1_path(dir, i);
		if (mkdir(dir, 0755) < 0) {
			if (errno == ENOENT || errno == EEXIST) // not mounted; or mounted together with an earlier one
				continue;
			die(dir);
		}
		shared->v1[shared->v1_count++] = i;
		if (strcmp(v1_names[i], "cpuset") == 0) {
			copy_parent(dir, "cpuset.cpus");
			copy_parent(dir, "cpuset.mems");
		} else if (strcmp(v1_names[i], "devices") == 0) {
			restrict_devices_v1(dir);
		}
	}
}

static void remove_cgroups(void)
{
	char dir[PATH_LEN];
	for (int i = 0; i < shared->v1_count; i++) {
		v1_path(dir, shared->v1[i]);
		MUST(rmdir(dir));
	}
	if (v2_path[0])
		MUST(rmdir(v2_path));
}

// ---- the container, in the child ----

static void loopback_up(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	MUST(fd);
	MUST(ioctl(fd, SIOCSIFFLAGS, &lo));
	close(fd);
}

static void join_v1(void)
{
	for (int i = 0; i < shared->v1_count; i++) {
		char dir[PATH_LEN];
		v1_path(dir, shared->v1[i]);
		write_file(dir, "tasks", "0");
	}
}

static void mount_cgroups(void)
{
	if (pure_v2) {
		MUST(mount("cgroup", "sys/fs/cgroup", "cgroup2", NNN | MS_RDONLY | MS_RELATIME, NULL));
		return;
	}
	MUST(mount("tmpfs", "sys/fs/cgroup", "tmpfs", NNN, "mode=755"));
	for (int i = 0; i < shared->v1_count; i++) {
		char from[PATH_LEN], to[PATH_LEN];
		v1_path(from, shared->v1[i]);
		snprintf(to, sizeof to, "sys/fs/cgroup/%s", v1_names[shared->v1[i]]);
		MUST(mkdir(to, 0755));
		MUST(mount(from, to, NULL, MS_BIND, NULL));
		MUST(mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | NNN | MS_RELATIME, NULL));
	}
	MUST(mount(NULL, "sys/fs/cgroup", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | NNN | MS_RELATIME, NULL));
}

static void mount_all(const char *rootfs)
{
	MUST(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
	MUST(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
	MUST(chdir(rootfs));
	MUST(mount("proc", "proc", "proc", 0, NULL));
	MUST(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
	MUST(mkdir("dev/pts", 0755));
	MUST(mkdir("dev/shm", 0755));
	MUST(mkdir("dev/mqueue", 0755));
	MUST(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"));
	MUST(mount("shm", "dev/shm", "tmpfs", NNN, "mode=1777,size=65536k"));
	MUST(mount("mqueue", "dev/mqueue", "mqueue", NNN, NULL));
	MUST(mount("sysfs", "sys", "sysfs", NNN | MS_RDONLY, NULL));
}

static void make_devices(void)
{
	umask(0);
	for (size_t i = 0; i < COUNT(devices); i++)
		MUST(mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)));
	umask(022);
	for (size_t i = 0; i < COUNT(links); i++)
		MUST(symlink(links[i][0], links[i][1]));
}

static void restrict_paths(void)
{
	for (size_t i = 0; i < COUNT(readonly); i++) {
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) < 0) {
			if (errno == ENOENT)
				continue;
			die(readonly[i]);
		}
		MUST(mount(NULL, readonly[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	}
	for (size_t i = 0; i < COUNT(masked); i++) {
		struct stat st;
		if (stat(masked[i], &st) < 0) {
			if (errno == ENOENT)
				continue;
			die(masked[i]);
		}
		// Asked first: a bind of /dev/null that fails on a directory pays a grace period for its undoing.
		if (S_ISDIR(st.st_mode))
			MUST(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, NULL));
		else
			MUST(mount("/dev/null", masked[i], NULL, MS_BIND, NULL));
	}
}

static void enter_root(const char *rootfs)
{
	// Again, by its path: the directory entered before is under the bind mount, not in it, and pivot_root wants the mount.
	MUST(chdir(rootfs));
	MUST(syscall(SYS_pivot_root, ".", "."));
	MUST(umount2(".", MNT_DETACH));
	MUST(chdir("/"));
	MUST(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
}

static void drop_privileges(void)
{
	static const int kept[] = { CAP_AUDIT_WRITE, CAP_KILL, CAP_NET_BIND_SERVICE };
	uint32_t mask = 0;
	for (size_t i = 0; i < COUNT(kept); i++)
		mask |= 1u << kept[i];
	MUST(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	MUST(setgroups(0, NULL));
	MUST(setresgid(0, 0, 0));
	MUST(setresuid(0, 0, 0));
	for (int cap = 0;; cap++) {
		if (cap < 32 && mask & 1u << cap)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL) // past the last one this kernel knows
				break;
			die("PR_CAPBSET_DROP");
		}
	}
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { mask, mask, mask }, { 0, 0, 0 } };
	MUST(syscall(SYS_capset, &header, data));
	for (size_t i = 0; i < COUNT(kept); i++)
		MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0));
	struct rlimit nofile = { 1024, 1024 };
	MUST(setrlimit(RLIMIT_NOFILE, &nofile));
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(syscall(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */));
}

static void child(const char *rootfs, char **args)
{
	MUST(prctl(PR_SET_PDEATHSIG, SIGKILL));
	MUST(unshare(CLONE_NEWNET));
	loopback_up();
	MUST(setsid());
	MUST(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, id, 0, 0, 0));
	mount_all(rootfs);
	while (!__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &shared->ready, FUTEX_WAIT, 0, NULL, NULL, 0);
	join_v1();
	mount_cgroups();
	make_devices();
	enter_root(rootfs);
	restrict_paths();
	MUST(sethostname("runc", 4));
	drop_privileges();
	MUST(prctl(PR_SET_PDEATHSIG, 0));
	execve(args[0], args, env);
	die(args[0]);
}

int main(int argc, char **argv)
{
	if (argc < 4 || argv[2][0] != '/')
		return fputs("usage: bare ID /ABSOLUTE/ROOTFS PROGRAM [ARG...]\n", stderr), 2;
	id = argv[1];
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(shared == MAP_FAILED ? -1 : 0);
	int v2 = make_v2();
	struct clone_args how = { .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
				  .exit_signal = SIGCHLD };
	if (v2 >= 0) {
		how.flags |= CLONE_INTO_CGROUP;
		how.cgroup = v2;
	}
	if (pure_v2) { // `runc spec` adds the cgroup namespace on such hosts
		how.flags |= CLONE_NEWCGROUP;
		restrict_devices_v2(v2);
	}
	int pid = syscall(SYS_clone3, &how, sizeof how);
	MUST(pid);
	if (pid == 0)
		child(argv[2], argv + 3);
	if (!pure_v2)
		make_v1();
	__atomic_store_n(&shared->ready, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &shared->ready, FUTEX_WAKE, 1, NULL, NULL, 0);
	int status;
	MUST(waitpid(pid, &status, 0));
	remove_cgroups();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
