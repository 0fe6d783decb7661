/* System calls that no function needs. Where the kernel itself would refuse, the arguments make it say so with another errno than a filter. */
#include "attacker.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#define SYS_listmount 458
#endif
enum { NOWHERE = 8 }; /* an address in the page that is never mapped */

static void namespaces(void)
{
	struct clone_args flags = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	long pid = GOAL("clone3 with CLONE_NEWUSER", SYS_clone3, &flags, sizeof(flags));
	if (pid == 0)
		_exit(0);
	pid = GOAL("clone with CLONE_NEWUSER", SYS_clone, CLONE_NEWUSER | SIGCHLD);
	if (pid == 0)
		_exit(0);
	REACH("setns", SYS_setns, -1, 0);
	GOAL("unshare CLONE_NEWUSER", SYS_unshare, CLONE_NEWUSER);
}

static void mounts(void)
{
	REACH("mount", SYS_mount, NOWHERE, NOWHERE, NOWHERE, 0, 0);
	REACH("open_tree", SYS_open_tree, -1, "", AT_EMPTY_PATH);
	REACH("statmount", SYS_statmount, NOWHERE, NOWHERE, 64, 0);
	REACH("listmount", SYS_listmount, NOWHERE, NOWHERE, 1, 0);
	REACH("quotactl_fd", SYS_quotactl_fd, -1, 0, 0, 0);
}

static void keyrings(void)
{
	GOAL("add_key to the process's keyring", SYS_add_key, "user", "cloister-audit", "x", 1, -2);
	GOAL("keyctl: the session's keyring", SYS_keyctl, 0, -3, 0);
	REACH("request_key", SYS_request_key, "user", "cloister-audit", 0, -2);
}

static void programs_in_the_kernel(void)
{
	REACH("bpf", SYS_bpf, 0, NOWHERE, 1 << 20);
	REACH("perf_event_open", SYS_perf_event_open, NOWHERE, 0, -1, -1, 0);
	GOAL("memfd_secret", SYS_memfd_secret, 0);
}

static void asynchronous(void)
{
	static struct io_uring_params parameters;
	unsigned long context = 0;
	GOAL("io_uring_setup", SYS_io_uring_setup, 4, &parameters);
	REACH("io_uring_enter", SYS_io_uring_enter, -1, 0, 0, 0, 0, 0);
	REACH("io_uring_register", SYS_io_uring_register, -1, 0, 0, 0);
	GOAL("io_setup", SYS_io_setup, 1, &context);
}

static void user_faults(void)
{
	GOAL("userfaultfd", SYS_userfaultfd, O_CLOEXEC | 1);
	REACH("fanotify_init", SYS_fanotify_init, 0x10000000, 0);
}

static void other_processes(void)
{
	char byte = 0, copy = 0;
	const struct { void *base; size_t size; } local = { &copy, 1 }, remote = { &byte, 1 };
	long pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	long handle = TRY("pidfd_open of a child", SYS_pidfd_open, pid, 0);
	GOAL("ptrace: seize a child", SYS_ptrace, 0x4206, pid, 0, 0);
	GOAL("process_vm_readv from a child", SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0);
	GOAL("process_vm_writev to a child", SYS_process_vm_writev, pid, &local, 1, &remote, 1, 0);
	GOAL("pidfd_getfd from a child", SYS_pidfd_getfd, handle, 0, 0);
	REACH("kcmp", SYS_kcmp, pid, pid, 99, 0, 0);
	kill((pid_t)pid, SIGKILL);
}

static void sockets(void)
{
	REACH("socket: netlink, generic", SYS_socket, 16, 3, 16);
	REACH("socket: netlink, socket diagnosis", SYS_socket, 16, 3, 4);
	REACH("socket: netlink, device events", SYS_socket, 16, 3, 15);
	REACH("socket: netlink, connection tracking", SYS_socket, 16, 3, 12);
	REACH("socket: virtual machine sockets", SYS_socket, 40, 1, 0);
	REACH("socket: kernel cryptography", SYS_socket, 38, 5, 0);
	REACH("socket: bluetooth", SYS_socket, 31, 3, 1);
	REACH("socket: TIPC", SYS_socket, 30, 1, 0);
	REACH("socket: RDS", SYS_socket, 21, 5, 0);
	REACH("socket: SCTP", SYS_socket, 2, 1, 132);
	REACH("socket: multipath TCP", SYS_socket, 2, 1, 262);
	REACH("socket: express data path", SYS_socket, 44, 99, 0);
}

static void page_cache(void)
{
	static unsigned char pages[16];
	struct { void *base; size_t size; } into = { pages, 1 };
	const struct { uint64_t offset, size; } range = { 0, 4096 };
	static char counts[64];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	void *mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	GOAL("mincore of a mapped image file", SYS_mincore, mapped, 4096, pages);
	GOAL("cachestat of an image file", SYS_cachestat, fd, &range, counts, 0);
	REACH("preadv2 with RWF_NOWAIT", SYS_preadv2, fd, &into, 1, 0, 0, 8);
}

static void personalities(void)
{
	GOAL("personality: no address randomisation", SYS_personality, 0x0040000);
	GOAL("personality: read implies execute", SYS_personality, 0x0400000);
}

static void terminals(void)
{
	static char byte = '\n';
	REACH("ioctl TIOCSTI", SYS_ioctl, 0, 0x5412, &byte);
	REACH("ioctl TIOCLINUX", SYS_ioctl, 0, 0x541C, &byte);
	REACH("ioctl TIOCCONS", SYS_ioctl, 0, 0x541D, 0);
	REACH("ioctl TIOCSETD", SYS_ioctl, 0, 0x5423, &byte);
	/* The filter sees 64 bits, the kernel 32: what is added above them must not pass (CVE-2019-10063). */
	REACH("ioctl TIOCSTI with a high bit", SYS_ioctl, 0, 0x5412ul | 1ul << 32, &byte);
}

static void machine(void)
{
	REACH("reboot", SYS_reboot, 0, 0, 0, 0);
	REACH("kexec_load", SYS_kexec_load, 0, 1000, NOWHERE, 0);
	REACH("finit_module", SYS_finit_module, -1, "", 0);
	REACH("init_module", SYS_init_module, NOWHERE, 1, NOWHERE);
	REACH("swapon", SYS_swapon, NOWHERE, 0);
	REACH("clock_settime", SYS_clock_settime, 0, NOWHERE);
#ifdef SYS_iopl
	REACH("iopl", SYS_iopl, 9);
	REACH("ioperm", SYS_ioperm, 65536, 2, 1);
	REACH("modify_ldt", SYS_modify_ldt, 0, 0, 0);
#endif
}

#if defined(__x86_64__)
static long in_a_child(long (*call)(void), int *signal_number)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		_exit(call() > 0 ? 0 : 1);
	waitpid(pid, &status, 0);
	*signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : -1;
}

static long call_32_bit(void)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "r8", "r9", "r10", "r11", "memory");
	return result;
}

static long call_x32(void)
{
	return syscall(0x40000000L | SYS_getpid);
}

static void foreign_abi(void)
{
	int number = 0;
	long result = in_a_child(call_32_bit, &number);
	note_call("getpid by the 32-bit entry point", 0x40000003, 20, result, 0, result > 0 ? REACHED : MISSED);
	fact("32-bit ended by signal", "%d", number);
	result = in_a_child(call_x32, &number);
	note_call("getpid of the x32 table", 0xC000003E, 0x40000000L | SYS_getpid, result, 0, result > 0 ? REACHED : MISSED);
	fact("x32 ended by signal", "%d", number);
}
#endif

const struct attack seccomp_attacks[] = {
	{ "seccomp.namespaces", namespaces, 0 },
	{ "seccomp.mounts", mounts, 0 },
	{ "seccomp.keyrings", keyrings, 0 },
	{ "seccomp.kernel-programs", programs_in_the_kernel, 0 },
	{ "seccomp.asynchronous-io", asynchronous, 0 },
	{ "seccomp.user-faults", user_faults, 0 },
	{ "seccomp.other-processes", other_processes, 0 },
	{ "seccomp.sockets", sockets, 0 },
	{ "seccomp.page-cache", page_cache, 0 },
	{ "seccomp.personality", personalities, 0 },
	{ "seccomp.terminal", terminals, 0 },
	{ "seccomp.machine", machine, 0 },
#if defined(__x86_64__)
	{ "seccomp.foreign-abi", foreign_abi, 0 },
#endif
	{ NULL, NULL, 0 },
};
