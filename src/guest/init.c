/*
 * PID 1 of every execution environment.
 *
 * It starts processes as the function's user when the host agent asks for it on descriptor 3, tells how they ended, reaps every orphan at
 * once, and takes the whole environment with it when the agent goes. It takes orders from nothing but that one socket: what runs in here can
 * neither write to it (close-on-exec, not dumpable) nor trace it (other uid, no capability). What it reads of a directory's names comes through
 * the pipe of a process without any right, and goes on as bytes, so many and no more.
 *
 * Descriptors at start: 3 control socket (stream), 4 and 5 the write ends of the pipes for standard output and standard error of the runtime,
 * 6 that of the one pipe for both of every extension.
 * The messages are described in init-protocol.ts.
 */
#define _GNU_SOURCE
#include <dirent.h>
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

enum { CONTROL = 3, STDOUT_PIPE = 4, STDERR_PIPE = 5, EXTENSION_PIPE = 6 };
enum { OP_START = 1, OP_RESET = 2, OP_SIGNAL = 3, OP_LIST = 4, OP_START_EXTENSION = 5 };
enum { STARTED = 1, EXITED = 2, START_FAILED = 3, RESET_DONE = 4, LISTED = 5 };
enum { MAX_REQUEST = 131072, MAX_CANDIDATES = 16, MAX_VARIABLES = 4096, MAX_PROCESSES = 64, HIGHEST_SIGNAL = 64 };
enum { MAX_LISTED = 64, MAX_NAMES = MAX_LISTED * 256, LIST_HEAD = 8 };
#define NO_STATUS 0xFFFFFFFFu

struct process {
	pid_t pid; /* 0: free */
	uint32_t id;
	int exec_pipe; /* open until exec succeeded or failed, then -1 */
};

struct start {
	uint32_t uid, gid;
	int is_extension; /* whose pipe its output goes to */
	const char *cwd;
	const char *candidates[MAX_CANDIDATES + 1];
	char *variables[MAX_VARIABLES + 1];
};

/* One look into a directory, by a process of the function's user that writes errno, size and names into its pipe. */
struct listing {
	uint32_t id;
	int pipe; /* -1: none */
	size_t size;
	unsigned char bytes[LIST_HEAD + MAX_NAMES + 1];
};

static struct process processes[MAX_PROCESSES];
static struct listing listing = { .pipe = -1 };
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

static void send_all(const unsigned char *bytes, size_t size)
{
	size_t sent = 0;
	while (sent < size) {
		ssize_t written = send(CONTROL, bytes + sent, size - sent, MSG_NOSIGNAL);
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

static void tell(uint32_t type, uint32_t process_id, uint32_t a, uint32_t b)
{
	unsigned char record[16];
	write_u32(record, type);
	write_u32(record + 4, process_id);
	write_u32(record + 8, a);
	write_u32(record + 12, b);
	send_all(record, sizeof(record));
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

/* In a child: becomes the function's user, in a session of its own. Answers with the errno of what failed, or 0. */
static int become_user(uint32_t uid, uint32_t gid)
{
	sigset_t none;
	setsid();
	/* ORDER: the bounding set needs CAP_SETPCAP and the groups CAP_SETGID: both before the uid, whose change takes all capabilities. */
	if (drop_bounding_set() != 0 || setgroups(0, NULL) != 0)
		return errno;
	if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return errno;
	clear_capabilities();
	umask(022);
	for (int number = 1; number <= HIGHEST_SIGNAL; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* In the child: becomes the program. Answers only with the errno of what failed. */
static int become(const struct start *start)
{
	int failure;
	int output = start->is_extension ? EXTENSION_PIPE : STDOUT_PIPE, errors = start->is_extension ? EXTENSION_PIPE : STDERR_PIPE;
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0)
		return errno;
	if ((failure = become_user(start->uid, start->gid)) != 0)
		return failure;
	failure = ENOENT;
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

/*
 * Names of the files and links directly in the directory, each with its NUL; answers an errno, or 0. Whether they can be executed shows when
 * somebody tries.
 */
static uint32_t list_files(const char *path, unsigned char *names, size_t *size)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), count = 0;
	DIR *entries = directory < 0 ? NULL : fdopendir(directory);
	const struct dirent *entry;
	if (entries == NULL)
		return (uint32_t)errno;
	while (count < MAX_LISTED && (entry = readdir(entries)) != NULL) {
		struct stat status;
		size_t length = strlen(entry->d_name) + 1;
		if (entry->d_type != DT_REG && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
			continue;
		if (length > 256 || fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
			continue;
		memcpy(names + *size, entry->d_name, length);
		*size += length;
		count += 1;
	}
	return 0;
}

static _Noreturn void list_in_child(int pipe, uint32_t uid, uint32_t gid, const char *path)
{
	static unsigned char answer[LIST_HEAD + MAX_NAMES];
	size_t size = 0;
	uint32_t failure;
	/* SECURITY: nothing of PID 1's is in the hands of the function's user, not the control socket either. */
	if (dup2(pipe, CONTROL) < 0 || close_range(CONTROL + 1, ~0u, 0) != 0)
		_exit(126);
	failure = (uint32_t)become_user(uid, gid);
	if (failure == 0)
		failure = list_files(path, answer + LIST_HEAD, &size);
	write_u32(answer, failure);
	write_u32(answer + 4, (uint32_t)size);
	for (size_t sent = 0; sent < LIST_HEAD + size;) {
		ssize_t written = write(CONTROL, answer + sent, LIST_HEAD + size - sent);
		if (written <= 0)
			_exit(126);
		sent += (size_t)written;
	}
	_exit(0);
}

/* A directory may be as large as its maker likes, and PID 1 has others to look after: a process of its own reads it. */
static void list(uint32_t id, uint32_t uid, uint32_t gid, const char *path)
{
	int ends[2];
	pid_t pid;
	if (listing.pipe >= 0 || pipe2(ends, O_CLOEXEC) != 0) {
		tell(LISTED, id, listing.pipe >= 0 ? EBUSY : (uint32_t)errno, 0);
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pid = fork();
	if (pid == 0)
		list_in_child(ends[1], uid, gid, path);
	close(ends[1]);
	if (pid < 0) {
		tell(LISTED, id, (uint32_t)errno, 0);
		close(ends[0]);
		return;
	}
	listing.id = id;
	listing.pipe = ends[0];
	listing.size = 0;
}

/* Takes what the listing process has written; its end without all that it announced is the errno EIO. */
static void settle_listing(void)
{
	size_t names;
	ssize_t got = read(listing.pipe, listing.bytes + listing.size, sizeof(listing.bytes) - listing.size);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0) {
		listing.size += (size_t)got;
		return;
	}
	close(listing.pipe);
	listing.pipe = -1;
	names = listing.size < LIST_HEAD ? 0 : listing.size - LIST_HEAD;
	if (listing.size < LIST_HEAD || names > MAX_NAMES || read_u32(listing.bytes + 4) != names) {
		tell(LISTED, listing.id, EIO, 0);
		return;
	}
	tell(LISTED, listing.id, read_u32(listing.bytes), (uint32_t)names);
	send_all(listing.bytes + LIST_HEAD, names);
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

/* Whether one of the function's processes may run so. All ones would mean "leave unchanged" to setresuid. */
static int is_user(uint32_t uid, uint32_t gid)
{
	/* SECURITY: nothing of a function ever runs as uid 0 of the environment. */
	return uid != 0 && gid != 0 && uid != UINT32_MAX && gid != UINT32_MAX;
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
	if (!is_user(order.uid, order.gid))
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
	if (body[0] == OP_START || body[0] == OP_START_EXTENSION) {
		order.is_extension = body[0] == OP_START_EXTENSION;
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
		/* The group is there from before its exec on; until then there is the process alone. */
		if (process != NULL && kill(-process->pid, (int)number) != 0)
			kill(process->pid, (int)number);
	} else if (body[0] == OP_LIST && size > 13 && body[size - 1] == '\0' && strlen((char *)body + 13) == size - 14) {
		uint32_t uid = read_u32(body + 5), gid = read_u32(body + 9);
		if (!is_user(uid, gid))
			end_environment(1);
		list(read_u32(body + 1), uid, gid, (char *)body + 13);
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
	/* Without it no extension can be started, and starting one says so. */
	fcntl(EXTENSION_PIPE, F_SETFD, FD_CLOEXEC);
	if (close_range(EXTENSION_PIPE + 1, ~0u, 0) != 0)
		end_environment(1);
}

int main(void)
{
	struct pollfd watched[3 + MAX_PROCESSES];
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
		nfds_t count = 3;
		watched[0] = (struct pollfd){ .fd = children, .events = POLLIN };
		watched[1] = (struct pollfd){ .fd = CONTROL, .events = POLLIN };
		/* poll(2) passes over a negative descriptor. */
		watched[2] = (struct pollfd){ .fd = listing.pipe, .events = POLLIN };
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
		if (listing.pipe >= 0)
			settle_listing();
		reap();
		if (watched[1].revents != 0)
			read_requests();
	}
}
