/* Writing where nothing may be written, and finding what of the host or the kernel should not be there. */
#include "attacker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void write_anywhere(void)
{
	static const char *const places[] = { "/", "/bin", "/dev", "/dev/shm", "/etc", "/home", "/lib", "/mnt", "/opt", "/proc", "/proc/sys", "/root", "/run",
		"/srv", "/sys", "/usr", "/usr/bin", "/usr/lib", "/var", "/var/lib", "/var/rapid", "/var/runtime", "/var/task", "/var/tmp" };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char path[64];
		struct stat about;
		if (stat(places[i], &about) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/cloister-audit", strcmp(places[i], "/") == 0 ? "" : places[i]);
		if (GOAL(path, SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600) >= 0)
			unlink(path);
	}
}

static void masked_paths(void)
{
	static const char *const paths[] = { "/proc/acpi/wakeup", "/proc/asound/cards", "/proc/cmdline", "/proc/diskstats", "/proc/fs/ext4/loop0/options",
		"/proc/interrupts", "/proc/kallsyms", "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/latency_stats", "/proc/partitions", "/proc/sched_debug",
		"/proc/scsi/scsi", "/proc/timer_list", "/proc/timer_stats" };
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char text[64];
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0) {
			note(paths[i], -1, errno, MISSED);
			continue;
		}
		ssize_t got = read(fd, text, sizeof(text));
		note(paths[i], got, got < 0 ? errno : 0, got > 0 ? REACHED : MISSED);
		close(fd);
	}
}

/* Where a host's root may have stayed behind or been bound. */
static const char *const roots[] = { "", "/mnt", "/home", "/host", "/rootfs", "/.old_root", "/oldroot", "/.pivot_root", "/proc/1/root", "/proc/self/root/..",
	"/proc/1/cwd", "/proc/self/cwd/../../../..", "/../../.." };

static void host_files(void)
{
	const char *canary = event_text("canary");
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		char path[640];
		snprintf(path, sizeof(path), "%s%s", roots[i], canary);
		GOAL(path, SYS_openat, AT_FDCWD, path, O_RDONLY);
	}
}

static void links_to_the_host(void)
{
	static const char *const links[] = { "/var/task/links/absolute", "/var/task/links/upwards", "/var/task/links/root", "/var/task/links/bound",
		"/tmp/absolute" };
	TRY("symlink in /tmp to a file of the host", SYS_symlinkat, event_text("canary"), AT_FDCWD, "/tmp/absolute");
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		GOAL(links[i], SYS_openat, AT_FDCWD, links[i], O_RDONLY);
	GOAL("hard link to a program of the image", SYS_linkat, AT_FDCWD, "/usr/bin/bash", AT_FDCWD, "/tmp/linked", 0);
	GOAL("hard link to PID 1's program", SYS_linkat, AT_FDCWD, "/proc/1/exe", AT_FDCWD, "/tmp/linked-init", AT_SYMLINK_FOLLOW);
	/* What set-up reads again for the next process of this environment may not be what it was. */
	GOAL("rename /tmp away", SYS_renameat2, AT_FDCWD, "/tmp", AT_FDCWD, "/tmp-of-old", 0);
	GOAL("rename /var/task away", SYS_renameat2, AT_FDCWD, "/var/task", AT_FDCWD, "/tmp/task", 0);
}

static void devices(void)
{
	static const char *const names[] = { "mem", "kmem", "port", "kmsg", "kvm", "fuse", "net/tun", "loop0", "loop-control", "sda", "vda", "nvme0n1", "btrfs-control",
		"mapper/control", "vhost-net", "vsock", "userfaultfd", "ptmx", "pts/0", "tty0", "console" };
	static const char *const directories[] = { "/dev", "/home/dev" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t j = 0; j < 2; j++) {
			char path[64];
			snprintf(path, sizeof(path), "%s/%s", directories[j], names[i]);
			if (j > 0 && access(path, F_OK) != 0)
				continue;
			GOAL(path, SYS_openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
		}
}

static void mount_table(void)
{
	static char text[65536];
	static const char *const words[] = { "cloister", "/var/lib", "/run/", "/work", "/home/", "/srv/" };
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got;
	while (used < sizeof(text) - 1 && (got = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	close(fd);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char what[80];
		snprintf(what, sizeof(what), "find \"%s\" in mountinfo", words[i]);
		note(what, 0, 0, strstr(text, words[i]) != NULL ? REACHED : MISSED);
	}
	fact("bytes", "%zu", used);
}

static void enter_groups(void)
{
	static const char *const roots_of_groups[] = { "/sys/fs/cgroup", "/home/sys/fs/cgroup", "/proc/1/root/sys/fs/cgroup" };
	static const char *const files[] = { "cgroup.procs", "memory/cgroup.procs", "pids/cgroup.procs", "freezer/cgroup.procs", "unified/cgroup.procs" };
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < sizeof(files) / sizeof(files[0]); j++) {
			char path[96];
			snprintf(path, sizeof(path), "%s/%s", roots_of_groups[i], files[j]);
			GOAL(path, SYS_openat, AT_FDCWD, path, O_WRONLY);
		}
}

const struct attack rootfs_attacks[] = {
	{ "rootfs.write", write_anywhere, 0 },
	{ "rootfs.masked-paths", masked_paths, 0 },
	{ "rootfs.host-files", host_files, 0 },
	{ "rootfs.links", links_to_the_host, 0 },
	{ "rootfs.devices", devices, 0 },
	{ "rootfs.mount-table", mount_table, 0 },
	{ "cgroups.leave", enter_groups, 0 },
	{ NULL, NULL, 0 },
};
