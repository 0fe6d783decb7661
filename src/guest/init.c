/*
 * PID 1 of every execution environment.
 *
 * It starts processes as the function's user when the host agent asks for it on descriptor 3, tells how they ended, reaps every orphan at
 * once, and takes the whole environment with it when the agent goes. It reads nothing but that one socket: what runs in here can neither
 * write to it (close-on-exec, not dumpable) nor trace it (other uid, no capability).
 *
 * Descriptors at start: 3 control socket (stream), 4 and 5 the write ends of the pipes for standard output and standard error.
 * The messages are described in init-protocol.ts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL = 3, STDOUT_PIPE = 4, STDERR_PIPE = 5 };
enum { OP_START = 1, OP_RESET = 2, OP_SIGNAL = 3 };
enum { STARTED = 1, EXITED = 2, START_FAILED = 3, RESET_DONE = 4 };
enum { MAX_REQUEST = 131072, MAX_CANDIDATES = 16, MAX_VARIABLES = 4096, MAX_PROCESSES = 64, HIGHEST_SIGNAL = 64 };
#define NO_STATUS 0xFFFFFFFFu

struct process {
	pid_t pid; /* 0: free */
	uint32_t id;
	int exec_pipe; /* open until exec succeeded or failed, then -1 */
};

struct start {
	uint32_t uid, gid;
	const char *cwd;
	const char *candidates[MAX_CANDIDATES + 1];
	char *variables[MAX_VARIABLES + 1];
};

static struct process processes[MAX_PROCESSES];
static unsigned char request[4 + MAX_REQUEST + 1];
static size_t request_size;
static struct start order;

/* An environment never outlives its agent, and one that is asked nonsense is not to be trusted: both end everything. */
static _Noreturn void end_environment(int status)
{
	kill(-1, SIGKILL);
	_exit(status);
}

static uint32_t read_u32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void write_u32(unsigned char *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
}

static void tell(uint32_t type, uint32_t process_id, uint32_t a, uint32_t b)
{
	unsigned char record[16];
	size_t sent = 0;
	write_u32(record, type);
	write_u32(record + 4, process_id);
	write_u32(record + 8, a);
	write_u32(record + 12, b);
	while (sent < sizeof(record)) {
		ssize_t written = send(CONTROL, record + sent, sizeof(record) - sent, MSG_NOSIGNAL);
		if (written > 0) {
			sent += (size_t)written;
		} else if (written < 0 && errno == EAGAIN) {
			struct pollfd writable = { .fd = CONTROL, .events = POLLOUT };
			poll(&writable, 1, -1);
		} else if (!(written < 0 && errno == EINTR)) {
			end_environment(0);
		}
	}
}

static struct process *find_by_pid(pid_t pid)
{
	for (int i = 0; i < MAX_PROCESSES; i++)
		if (processes[i].pid == pid)
			return &processes[i];
	return NULL;
}

static struct process *find_by_id(uint32_t id)
{
	for (int i = 0; i < MAX_PROCESSES; i++)
		if (processes[i].pid != 0 && processes[i].id == id)
			return &processes[i];
	return NULL;
}

/*
 * Reads how exec went: end of file means the close-on-exec pipe went with a successful exec, four bytes are its errno.
 * A process that is killed before its exec closes the pipe as well; its EXITED with the signal follows, which is what counts.
 * Returns 0 when nothing is known yet.
 */
static int settle_exec(struct process *process)
{
	int failure = 0;
	ssize_t got = read(process->exec_pipe, &failure, sizeof(failure));
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	close(process->exec_pipe);
	process->exec_pipe = -1;
	if (got == (ssize_t)sizeof(failure)) {
		tell(START_FAILED, process->id, (uint32_t)failure, 0);
		/* Its exit with 127 is no exit of a started process: from here on it is an orphan like any other. */
		process->pid = 0;
	} else {
		tell(STARTED, process->id, (uint32_t)process->pid, 0);
	}
	return 1;
}

static void note_end(pid_t pid, int status)
{
	struct process *process = find_by_pid(pid);
	if (process == NULL)
		return;
	if (process->exec_pipe >= 0)
		settle_exec(process);
	if (process->pid == 0)
		return;
	if (WIFSIGNALED(status))
		tell(EXITED, process->id, NO_STATUS, (uint32_t)WTERMSIG(status));
	else
		tell(EXITED, process->id, (uint32_t)WEXITSTATUS(status), 0);
	if (process->exec_pipe >= 0)
		close(process->exec_pipe);
	process->pid = 0;
}

/* Everything that has ended by now, ours or an orphan that fell to us. */
static void reap(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		note_end(pid, status);
}

static void reset(void)
{
	int status;
	pid_t pid;
	for (;;) {
		/* Again in each round: a process that was being made while the signal went round is reached by the next. */
		kill(-1, SIGKILL);
		pid = waitpid(-1, &status, 0);
		if (pid > 0)
			note_end(pid, status);
		else if (errno == ECHILD)
			break;
	}
	tell(RESET_DONE, 0, 0, 0);
}

static void clear_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
	memset(none, 0, sizeof(none));
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Leaving uid 0 emptied the effective and permitted sets already; this is for the inheritable one, which alone gives nothing. */
	syscall(SYS_capset, &header, none);
}

static int drop_bounding_set(void)
{
	for (unsigned long capability = 0; capability < 64; capability++)
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
			return errno == EINVAL ? 0 : -1;
	return 0;
}

/* In the child: becomes the function's user and the program. Answers only with the errno of what failed. */
static int become(const struct start *start)
{
	sigset_t none;
	int failure = ENOENT;
	setsid();
	if (dup2(STDOUT_PIPE, STDOUT_FILENO) < 0 || dup2(STDERR_PIPE, STDERR_FILENO) < 0)
		return errno;
	/* ORDER: the bounding set needs CAP_SETPCAP and the groups CAP_SETGID: both before the uid, whose change takes all capabilities. */
	if (drop_bounding_set() != 0 || setgroups(0, NULL) != 0)
		return errno;
	if (setresgid(start->gid, start->gid, start->gid) != 0 || setresuid(start->uid, start->uid, start->uid) != 0)
		return errno;
	clear_capabilities();
	umask(022);
	for (int number = 1; number <= HIGHEST_SIGNAL; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(start->cwd) != 0)
		return errno;
	for (const char *const *candidate = start->candidates; *candidate != NULL; candidate++) {
		char *const argv[] = { (char *)*candidate, NULL };
		if (access(*candidate, X_OK) == 0) {
			execve(*candidate, argv, start->variables);
			return errno;
		}
		/* That one is there but may not be executed says more than that another is not there. */
		if (errno != ENOENT && errno != ENOTDIR)
			failure = errno;
	}
	return failure;
}

static void start(uint32_t id)
{
	struct process *process = find_by_pid(0);
	int ends[2];
	pid_t pid;
	if (process == NULL || pipe2(ends, O_CLOEXEC) != 0) {
		tell(START_FAILED, id, process == NULL ? EAGAIN : (uint32_t)errno, 0);
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pid = fork();
	if (pid == 0) {
		int failure = become(&order);
		ssize_t ignored = write(ends[1], &failure, sizeof(failure));
		_exit(ignored < 0 ? 126 : 127);
	}
	if (pid < 0) {
		tell(START_FAILED, id, (uint32_t)errno, 0);
		close(ends[0]);
	} else {
		/* Not waited for here: another process of the same user could stop the child before its exec, and us with it. */
		*process = (struct process){ .pid = pid, .id = id, .exec_pipe = ends[0] };
	}
	close(ends[1]);
}

/* Splits `size` bytes of NUL-terminated strings; -1 when they are not exactly as many as announced. */
static int parse_start(unsigned char *body, size_t size, uint32_t *id)
{
	uint32_t candidates, variables;
	char *next = (char *)body + 20, *end = (char *)body + size;
	if (size < 20)
		return -1;
	*id = read_u32(body);
	order.uid = read_u32(body + 4);
	order.gid = read_u32(body + 8);
	candidates = read_u32(body + 12);
	variables = read_u32(body + 16);
	/* SECURITY: nothing of a function ever runs as uid 0 of the environment; all ones would mean "leave unchanged" to setresuid. */
	if (order.uid == 0 || order.gid == 0 || order.uid == UINT32_MAX || order.gid == UINT32_MAX)
		return -1;
	if (candidates < 1 || candidates > MAX_CANDIDATES || variables > MAX_VARIABLES || end == next || end[-1] != '\0')
		return -1;
	for (uint32_t index = 0; index < 1 + candidates + variables; index++) {
		if (next >= end)
			return -1;
		if (index == 0)
			order.cwd = next;
		else if (index <= candidates)
			order.candidates[index - 1] = next;
		else
			order.variables[index - 1 - candidates] = next;
		next += strlen(next) + 1;
	}
	order.candidates[candidates] = NULL;
	order.variables[variables] = NULL;
	return next == end ? 0 : -1;
}

static void handle_request(unsigned char *body, size_t size)
{
	uint32_t id;
	if (body[0] == OP_START) {
		if (parse_start(body + 1, size - 1, &id) != 0 || find_by_id(id) != NULL)
			end_environment(1);
		start(id);
	} else if (body[0] == OP_RESET && size == 1) {
		reset();
	} else if (body[0] == OP_SIGNAL && size == 9) {
		struct process *process = find_by_id(read_u32(body + 1));
		uint32_t number = read_u32(body + 5);
		if (number < 1 || number > HIGHEST_SIGNAL)
			end_environment(1);
		if (process != NULL)
			kill(process->pid, (int)number);
	} else {
		end_environment(1);
	}
}

static void read_requests(void)
{
	ssize_t got = recv(CONTROL, request + request_size, 4 + MAX_REQUEST - request_size, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		end_environment(0);
	request_size += (size_t)got;
	while (request_size >= 4) {
		size_t size = read_u32(request);
		if (size < 1 || size > MAX_REQUEST)
			end_environment(1);
		if (request_size < 4 + size)
			return;
		handle_request(request + 4, size);
		request_size -= 4 + size;
		memmove(request, request + 4 + size, request_size);
	}
}

static void set_up_descriptors(void)
{
	int null = open("/dev/null", O_RDWR);
	if (null < 0)
		end_environment(1);
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null, fd) < 0)
			end_environment(1);
	for (int fd = CONTROL; fd <= STDERR_PIPE; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
			end_environment(1);
	if (close_range(STDERR_PIPE + 1, ~0u, 0) != 0)
		end_environment(1);
}

int main(void)
{
	struct pollfd watched[2 + MAX_PROCESSES];
	sigset_t all;
	int children;
	/* SECURITY: kill(-1) below must reach this environment only. */
	if (getpid() != 1)
		return 2;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	set_up_descriptors();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	children = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (children < 0)
		end_environment(1);
	for (;;) {
		struct signalfd_siginfo arrived;
		nfds_t count = 2;
		watched[0] = (struct pollfd){ .fd = children, .events = POLLIN };
		watched[1] = (struct pollfd){ .fd = CONTROL, .events = POLLIN };
		for (int i = 0; i < MAX_PROCESSES; i++)
			if (processes[i].pid != 0 && processes[i].exec_pipe >= 0)
				watched[count++] = (struct pollfd){ .fd = processes[i].exec_pipe, .events = POLLIN };
		if (poll(watched, count, -1) < 0 && errno != EINTR)
			end_environment(1);
		while (read(children, &arrived, sizeof(arrived)) > 0)
			;
		for (int i = 0; i < MAX_PROCESSES; i++)
			if (processes[i].pid != 0 && processes[i].exec_pipe >= 0)
				settle_exec(&processes[i]);
		reap();
		if (watched[1].revents != 0)
			read_requests();
	}
}
