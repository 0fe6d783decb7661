/* Getting a right that the process was not given. */
#include "attacker.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
	struct __user_cap_data_struct all[2] = { { ~0u, ~0u, ~0u }, { ~0u, ~0u, ~0u } };
	all[0].inheritable = all[1].inheritable = 0;
	all[1].effective = all[1].permitted = 0x1ff;
	GOAL("capset: every capability", SYS_capset, &header, all);
	TRY("prctl: is CAP_SYS_ADMIN in the bounding set", SYS_prctl, PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0);
	judge(prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1);
	GOAL("prctl: ambient CAP_NET_ADMIN", SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
}

static void become_root(void)
{
	const gid_t root = 0;
	GOAL("setgroups to root's", SYS_setgroups, 1, &root);
	GOAL("setresgid to 0", SYS_setresgid, 0, 0, 0);
	GOAL("setresuid to 0", SYS_setresuid, 0, 0, 0);
}

static void no_new_privileges(void)
{
	TRY("prctl: no_new_privs is off", SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	judge(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	TRY("prctl: switch it off", SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static int seen, found;
static char first_found[512];

static void find_setuid(const char *directory, dev_t proc, int depth)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;
	while (stream != NULL && depth < 12 && seen < 60000 && (entry = readdir(stream)) != NULL) {
		char path[512];
		struct stat about;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, entry->d_name);
		if (lstat(path, &about) != 0 || about.st_dev == proc)
			continue;
		seen += 1;
		if (S_ISDIR(about.st_mode))
			find_setuid(path, proc, depth + 1);
		else if (S_ISREG(about.st_mode) && (about.st_mode & (S_ISUID | S_ISGID)) != 0 && found++ == 0)
			snprintf(first_found, sizeof(first_found), "%s", path);
	}
	if (stream != NULL)
		closedir(stream);
}

static void setuid_programs(void)
{
	struct stat proc;
	if (stat("/proc", &proc) != 0)
		return;
	find_setuid("/", proc.st_dev, 0);
	note("walk over every file for a set-uid program", found, 0, found > 0 ? REACHED : MISSED);
	fact("files seen", "%d", seen);
	fact("first", "%s", first_found);
}

/* Lambda's limits are 1,024 open files and as many processes; a core dump would be read by whoever can read the file. */
static void limits(void)
{
	static const struct { const char *what; int resource; unsigned long value; } raised[] = {
		{ "prlimit64: 1,025 open files", RLIMIT_NOFILE, 1025 },
		{ "prlimit64: 1,025 processes", RLIMIT_NPROC, 1025 },
		{ "prlimit64: core dumps", RLIMIT_CORE, 1 },
	};
	for (size_t i = 0; i < sizeof(raised) / sizeof(raised[0]); i++) {
		const struct rlimit more = { raised[i].value, raised[i].value };
		GOAL(raised[i].what, SYS_prlimit64, 0, raised[i].resource, &more, 0);
	}
}

static void priority(void)
{
	const struct { int priority; } real_time = { 1 };
	GOAL("sched_setscheduler: real time", SYS_sched_setscheduler, 0, 1, &real_time);
	GOAL("setpriority: -20", SYS_setpriority, PRIO_PROCESS, 0, -20);
	GOAL("ioprio_set: real time", SYS_ioprio_set, 1, 0, 1 << 13);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	GOAL("oom_score_adj: never be killed", SYS_write, fd, "-1000", 5);
}

static void descriptors(void)
{
	struct stat about = { .st_mode = 0 };
	/* The bootstrap noted at its start what it was given without asking: the fact `inherited`. */
	int result = fstat(0, &about);
	note("standard input that is not /dev/null", result, result < 0 ? errno : 0, result < 0 || (S_ISCHR(about.st_mode) && about.st_rdev == 0x103) ? MISSED : REACHED);
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	note("open the controlling terminal", fd, fd < 0 ? errno : 0, fd >= 0 ? REACHED : MISSED);
}

static void kernel_log(void)
{
	static char text[256];
	GOAL("syslog: read all", SYS_syslog, 3, text, sizeof(text));
	int fd = (int)GOAL("open /dev/kmsg", SYS_openat, AT_FDCWD, "/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		GOAL("open /proc/kmsg", SYS_openat, AT_FDCWD, "/proc/kmsg", O_RDONLY | O_NONBLOCK);
}

const struct attack privilege_attacks[] = {
	{ "privileges.capabilities", capabilities, 0 },
	{ "privileges.become-root", become_root, 0 },
	{ "privileges.no-new-privs", no_new_privileges, 0 },
	{ "privileges.setuid-programs", setuid_programs, 20000 },
	{ "privileges.limits", limits, 0 },
	{ "privileges.priority", priority, 0 },
	{ "privileges.descriptors", descriptors, 0 },
	{ "privileges.kernel-log", kernel_log, 0 },
	{ NULL, NULL, 0 },
};
