/* Using up what others need too. Each stops by itself, somewhat above its limit: with the limit away it does no harm. */
#include "attacker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void memory(void)
{
	const size_t portion = 16u << 20;
	long limit = event_number("mebibytes", 1024), taken = 0;
	note("take more memory than the function has", 0, 0, MISSED);
	while (taken < limit) {
		char *bytes = mmap(NULL, portion, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (bytes == MAP_FAILED) {
			note("mmap", -1, errno, NO_GOAL);
			return;
		}
		/* Each page another: merging or swapping would hide what is used. */
		for (size_t i = 0; i < portion; i += 4096)
			memcpy(bytes + i, &(long){ taken + (long)i }, sizeof(long));
		taken += 16;
	}
	note("took it", taken, 0, REACHED);
}

static volatile sig_atomic_t stop;

static void on_alarm(int number)
{
	(void)number;
	stop = 1;
}

static void forks(void)
{
	long limit = event_number("processes", 1300), made = 0;
	int refused = 0, error = 0;
	long long until = now_ms() + event_number("durationMs", 2000);
	while (now_ms() < until && made < limit) {
		pid_t pid = fork();
		if (pid == 0) {
			for (;;)
				pause();
		}
		if (pid > 0) {
			made += 1;
		} else {
			error = errno;
			refused += 1;
			usleep(2000);
		}
	}
	note("fork without end", made, error, made >= limit ? REACHED : MISSED);
	fact("processes made", "%ld", made);
	fact("refused", "%d", refused);
	kill(0, SIGKILL);
}

static void cpu(void)
{
	enum { SPINNERS = 4 };
	struct rusage used;
	pid_t pids[SPINNERS];
	long duration_ms = event_number("durationMs", 3000), share = event_number("sharePermille", 1000);
	long long began = now_ms();
	signal(SIGALRM, on_alarm);
	for (int i = 0; i < SPINNERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			long long until = now_ms() + duration_ms;
			while (now_ms() < until)
				;
			_exit(0);
		}
	}
	for (int i = 0; i < SPINNERS; i++)
		waitpid(pids[i], NULL, 0);
	long long wall = now_ms() - began;
	getrusage(RUSAGE_CHILDREN, &used);
	long long spent = used.ru_utime.tv_sec * 1000LL + used.ru_utime.tv_usec / 1000 + used.ru_stime.tv_sec * 1000LL + used.ru_stime.tv_usec / 1000;
	note("use more CPU time than the memory size earns", (long)spent, 0, spent * 1000 > wall * share * 13 / 10 ? REACHED : MISSED);
	fact("CPU ms", "%lld", spent);
	fact("of ms", "%lld", wall);
}

static void descriptors(void)
{
	long limit = event_number("descriptors", 1200), made = 0;
	int error = 0;
	while (made < limit) {
		int fd = open("/dev/null", O_RDONLY);
		if (fd < 0) {
			error = errno;
			break;
		}
		made += 1;
	}
	note("open files without end", made, error, made >= limit ? REACHED : MISSED);
	fact("descriptors", "%ld", made);
}

/* Bytes that wait in sockets are the kernel's memory. */
static void socket_buffers(void)
{
	static char block[65536];
	long limit = event_number("mebibytes", 1024), waiting = 0;
	int error = 0;
	for (int i = 0; i < 450 && waiting >> 20 < limit; i++) {
		int pair[2];
		int size = 1 << 24;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) {
			error = errno;
			break;
		}
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		ssize_t sent;
		while ((sent = send(pair[0], block, sizeof(block), MSG_NOSIGNAL)) > 0)
			waiting += sent;
		error = errno;
	}
	note("fill sockets", waiting >> 20, error, waiting >> 20 >= limit ? REACHED : MISSED);
	fact("mebibytes waiting", "%ld", waiting >> 20);
}

static void logs(void)
{
	static char line[4096];
	long long until = now_ms() + event_number("durationMs", 3000), written = 0;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	while (now_ms() < until) {
		ssize_t size = write(written % 2 == 0 ? STDOUT_FILENO : STDERR_FILENO, line, sizeof(line));
		if (size > 0)
			written += size;
	}
	note("write logs without end", (long)(written >> 10), 0, NO_GOAL);
	fact("KiB written", "%lld", written >> 10);
}

/* Four senders, eight receivers: sending alone is work for the kernel. */
static void signal_storm(void)
{
	enum { SENDERS = 4, RECEIVERS = 8 };
	pid_t receivers[RECEIVERS], senders[SENDERS];
	long *sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long long until = now_ms() + event_number("durationMs", 3000);
	for (int i = 0; i < RECEIVERS; i++) {
		receivers[i] = fork();
		if (receivers[i] == 0) {
			signal(SIGUSR1, on_alarm);
			for (;;)
				pause();
		}
	}
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = fork();
		if (senders[i] != 0)
			continue;
		while (now_ms() < until)
			for (int j = 0; j < RECEIVERS; j++) {
				union sigval value = { .sival_int = j };
				sent[i] += kill(receivers[j], SIGUSR1) == 0;
				sent[i] += sigqueue(receivers[j], SIGRTMIN + 1, value) == 0;
			}
		_exit(0);
	}
	for (int i = 0; i < SENDERS; i++)
		waitpid(senders[i], NULL, 0);
	note("send signals without end", sent[0] + sent[1] + sent[2] + sent[3], 0, NO_GOAL);
	fact("signals", "%ld", sent[0] + sent[1] + sent[2] + sent[3]);
	kill(0, SIGKILL);
}

/* Stops the function's main process: nobody inside goes on. */
static void stop_itself(void)
{
	GOAL("SIGSTOP to PID 1", SYS_kill, 1, SIGSTOP);
	TRY("SIGSTOP to the runtime's process", SYS_kill, getppid(), SIGSTOP);
	TRY("SIGSTOP to itself", SYS_kill, getpid(), SIGSTOP);
}

const struct attack bomb_attacks[] = {
	{ "bombs.memory", memory, 20000 },
	{ "bombs.forks", forks, 20000 },
	{ "bombs.cpu", cpu, 20000 },
	{ "bombs.descriptors", descriptors, 20000 },
	{ "bombs.socket-buffers", socket_buffers, 20000 },
	{ "bombs.logs", logs, 20000 },
	{ "bombs.signals", signal_storm, 20000 },
	{ "bombs.stop", stop_itself, 60000 },
	{ NULL, NULL, 0 },
};
