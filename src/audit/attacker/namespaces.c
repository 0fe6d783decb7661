/* Seeing or reaching what belongs to another environment or to the host, by each kind of name that a namespace hides. */
#include "attacker.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>

/* Process numbers of the host that the audit knows: the neighbour's runtime, its PID 1, the host agent. */
static const char *const strangers[] = { "neighbourPid", "neighbourInit", "agentPid" };

static void signals(void)
{
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		char what[64];
		snprintf(what, sizeof(what), "kill: is there the process of %s", strangers[i]);
		long result = TRY(what, SYS_kill, event_number(strangers[i], 0x3fffffff), 0);
		/* EPERM names a process too. */
		judge(result == 0 || errno == EPERM);
	}
}

static void processes(void)
{
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%ld/status", event_number(strangers[i], 0x3fffffff));
		GOAL(path, SYS_openat, AT_FDCWD, path, O_RDONLY);
		snprintf(path, sizeof(path), "/proc/%ld/root/tmp/cloister-neighbour", event_number(strangers[i], 0x3fffffff));
		GOAL(path, SYS_openat, AT_FDCWD, path, O_RDONLY);
	}
	int count = 0;
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	while (directory != NULL && (entry = readdir(directory)) != NULL)
		count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
	if (directory != NULL)
		closedir(directory);
	fact("processes in /proc", "%d", count);
}

static void user_ids(void)
{
	char map[256];
	unsigned long inside, outside, count;
	read_file("/proc/self/uid_map", map, sizeof(map));
	int fields = sscanf(map, "%lu %lu %lu", &inside, &outside, &count);
	note("uid_map: be a user of the host", fields, 0, fields == 3 && outside < 65536 ? REACHED : MISSED);
	fact("uid_map", "%lu %lu %lu", inside, outside, count);
}

static void shared_memory(void)
{
	key_t key = (key_t)event_number("key", 1);
	long id = GOAL("shmget: the neighbour's segment", SYS_shmget, key, 64, 0);
	if (id >= 0) {
		const char *text = shmat((int)id, NULL, SHM_RDONLY);
		if (text != (const char *)-1)
			fact("read", "%.32s", text);
	}
	GOAL("msgget: the neighbour's queue", SYS_msgget, key, 0);
	GOAL("mq_open: the neighbour's queue", SYS_mq_open, event_text("queue"), O_RDONLY, 0, 0);
	GOAL("semget: the neighbour's semaphores", SYS_semget, key, 1, 0);
}

static void abstract_sockets(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *name = event_text("socket");
	size_t size = strlen(name);
	memcpy(address.sun_path + 1, name, size < 100 ? size : 100);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	GOAL("connect to the neighbour's abstract socket", SYS_connect, fd, &address, offsetof(struct sockaddr_un, sun_path) + 1 + size);
	/* Of whoever shares the namespace every listening name is listed here. */
	char list[4096];
	read_file("/proc/net/unix", list, sizeof(list));
	note("find it in /proc/net/unix", 0, 0, size > 0 && strstr(list, name) != NULL ? REACHED : MISSED);
}

static void host_name(void)
{
	struct utsname names;
	uname(&names);
	note("uname: the host's name", 0, 0, strcmp(names.nodename, event_text("hostName")) == 0 ? REACHED : MISSED);
	fact("name", "%s", names.nodename);
	GOAL("sethostname", SYS_sethostname, names.nodename, strlen(names.nodename));
}

static void control_groups(void)
{
	char text[4096];
	long size = read_file("/proc/self/cgroup", text, sizeof(text));
	note("read the place in the host's control groups", size, 0, strstr(text, "cloister") != NULL ? REACHED : MISSED);
	for (char *at = text; *at != '\0'; at++)
		if (*at == '\n')
			*at = ' ';
	fact("cgroup", "%.300s", text);
}

static void time_since_boot(void)
{
	struct timespec since = { 0, 0 };
	clock_gettime(CLOCK_BOOTTIME, &since);
	long host = event_number("hostUptime", 0);
	note("clock_gettime: how long the host is up", since.tv_sec, 0, host > 0 && labs(host - (long)since.tv_sec) <= 30 ? REACHED : MISSED);
	fact("uptime", "%ld", (long)since.tv_sec);
}

static void join(void)
{
	static const char *const names[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64], what[96];
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", getppid(), names[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		snprintf(what, sizeof(what), "setns into %s", path);
		GOAL(what, SYS_setns, fd, 0);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/1/ns/%s", names[i]);
		GOAL(path, SYS_openat, AT_FDCWD, path, O_RDONLY);
	}
}

const struct attack namespace_attacks[] = {
	{ "namespaces.signals", signals, 0 },
	{ "namespaces.processes", processes, 0 },
	{ "namespaces.user-ids", user_ids, 0 },
	{ "namespaces.shared-memory", shared_memory, 0 },
	{ "namespaces.abstract-sockets", abstract_sockets, 0 },
	{ "namespaces.host-name", host_name, 0 },
	{ "namespaces.control-groups", control_groups, 0 },
	{ "namespaces.uptime", time_since_boot, 0 },
	{ "namespaces.join", join, 0 },
	{ NULL, NULL, 0 },
};
