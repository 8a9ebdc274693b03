/*
 * What a first process does to its own namespaces. A user namespace is entered by a single thread only, so this runs
 * before the Go runtime has any other.
 *
 *   move KINDS            moves to new namespaces of those kinds, "user,mnt"; goes on as main.go says
 *   race TARGET           waits until there is a process more in the cgroup, moves to a user and a mount namespace and binds
 *                         itself over TARGET
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static void fail(const char *what)
{
	fprintf(stderr, "attacker: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static int flags(char *kinds)
{
	static const struct {
		const char *name;
		int flag;
	} all[] = { { "user", CLONE_NEWUSER }, { "mnt", CLONE_NEWNS },  { "net", CLONE_NEWNET },
		    { "ipc", CLONE_NEWIPC },   { "uts", CLONE_NEWUTS }, { "cgroup", CLONE_NEWCGROUP } };
	int sum = 0;

	for (char *k = strtok(kinds, ","); k; k = strtok(NULL, ","))
		for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
			if (strcmp(k, all[i].name) == 0)
				sum |= all[i].flag;
	return sum;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

static void move(char *kinds)
{
	char map[64];
	int f = flags(kinds);

	snprintf(map, sizeof(map), "0 %d 1", (int)getuid());
	if (unshare(f) < 0)
		fail("unshare");
	if (f & CLONE_NEWUSER) {
		put("/proc/self/setgroups", "deny");
		put("/proc/self/uid_map", map);
	}
}

static long number(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		fail("read the counter");
	text[n] = 0;
	return strtol(text, NULL, 10);
}

static void race(const char *target)
{
	int fd = open("/sys/fs/cgroup/pids/pids.current", O_RDONLY | O_CLOEXEC);
	long before;

	if (fd < 0)
		fd = open("/sys/fs/cgroup/pids.current", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("pids.current");
	before = number(fd);
	if (write(1, "ready\n", 6) < 0)
		fail("write");
	while (number(fd) <= before)
		;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		fail("unshare");
	if (mount("/bin/attacker", target, NULL, MS_BIND, NULL) < 0)
		fail("mount");
	for (;;)
		pause();
}

__attribute__((constructor)) static void start(int argc, char **argv)
{
	if (argc != 3)
		return;
	if (strcmp(argv[1], "move") == 0)
		move(argv[2]);
	if (strcmp(argv[1], "race") == 0)
		race(argv[2]);
}
