/* What the neighbour does meanwhile: a little work whose answer is known, and things of its own that an attacker would like to reach. */
#include "attacker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

/* FNV-1a of a number, a hundred thousand times over: the audit computes the same. */
static void work(void)
{
	uint32_t hash = 2166136261u ^ (uint32_t)event_number("nonce", 0);
	for (int i = 0; i < 100000; i++)
		hash = (hash ^ (uint32_t)(i & 0xff)) * 16777619u;
	fact("hash", "%u", hash);
}

static int listener(int family, int type, const void *address, socklen_t size)
{
	int yes = 1;
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, address, size) != 0 || (type == SOCK_STREAM && listen(fd, 64) != 0)) {
		note("listen", -1, errno, NO_GOAL);
		close(fd);
		return -1;
	}
	return fd;
}

/* Answers whoever comes, for as long as the environment lives. */
static _Noreturn void serve(const int *fds, nfds_t count)
{
	struct pollfd watched[8];
	for (;;) {
		for (nfds_t i = 0; i < count; i++)
			watched[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
		poll(watched, count, -1);
		for (nfds_t i = 0; i < count; i++) {
			char text[64];
			struct sockaddr_storage from;
			socklen_t size = sizeof(from);
			if (watched[i].revents == 0)
				continue;
			int fd = accept(fds[i], NULL, NULL);
			if (fd >= 0)
				close(fd);
			else if (recvfrom(fds[i], text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&from, &size) >= 0)
				sendto(fds[i], "heard", 5, 0, (struct sockaddr *)&from, size);
		}
	}
}

static void be_there(void)
{
	int fds[8];
	nfds_t count = 0;
	key_t key = (key_t)event_number("key", 1);
	uint16_t port = htons((uint16_t)event_number("port", 7001));
	const struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = port };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)(event_number("port", 7001) + 1)) };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	const char *name = event_text("socket");
	size_t size = strlen(name) < 100 ? strlen(name) : 100;
	memcpy(local.sun_path + 1, name, size);
	fds[count++] = listener(AF_INET, SOCK_STREAM, &v4, sizeof(v4));
	fds[count++] = listener(AF_INET, SOCK_DGRAM, &v4, sizeof(v4));
	fds[count++] = listener(AF_INET6, SOCK_STREAM, &v6, sizeof(v6));
	fds[count++] = listener(AF_INET6, SOCK_DGRAM, &v6, sizeof(v6));
	fds[count++] = listener(AF_UNIX, SOCK_STREAM, &local, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size));
	int segment = shmget(key, 64, IPC_CREAT | 0666);
	char *text = shmat(segment, NULL, 0);
	if (text != (char *)-1)
		snprintf(text, 64, "%s", name);
	msgget(key, IPC_CREAT | 0666);
	semget(key, 1, IPC_CREAT | 0666);
	syscall(SYS_mq_open, event_text("queue"), O_RDWR | O_CREAT, 0666, NULL);
	int file = open("/tmp/cloister-neighbour", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (write(file, name, size) < 0)
		note("mark /tmp", -1, errno, NO_GOAL);
	close(file);
	fact("pid", "%d", getpid());
	if (fork() == 0) {
		setsid();
		serve(fds, count);
	}
}

/* Takes away what would outlive it where its ipc namespace is not its own. */
static void leave(void)
{
	key_t key = (key_t)event_number("key", 1);
	shmctl(shmget(key, 64, 0), IPC_RMID, NULL);
	msgctl(msgget(key, 0), IPC_RMID, NULL);
	semctl(semget(key, 1, 0), 0, IPC_RMID);
	syscall(SYS_mq_unlink, event_text("queue"));
}

/* What the audit wants to know of an environment before it attacks: where its link leads. */
static void look_around(void)
{
	char text[400];
	static const char *const files[] = { "/proc/net/route", "/proc/net/if_inet6", "/etc/resolv.conf" };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		read_file(files[i], text, sizeof(text));
		fact(files[i], "%s", text);
	}
}

/* Keeps the environment busy: for the audit to look at it while it is not frozen, or for others to forge its answer. */
static void wait_a_while(void)
{
	if (event_text("mark")[0] != '\0') {
		int fd = open("/tmp/cloister-request", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (write(fd, current_request(), strlen(current_request())) < 0)
			note("mark the request", -1, errno, NO_GOAL);
		close(fd);
	}
	usleep((useconds_t)event_number("durationMs", 300) * 1000);
}

const struct attack neighbour_tasks[] = {
	{ "neighbour.wait", wait_a_while, 0 },
	{ "neighbour.work", work, 0 },
	{ "neighbour.be-there", be_there, 0 },
	{ "neighbour.leave", leave, 0 },
	{ "neighbour.look-around", look_around, 0 },
	{ NULL, NULL, 0 },
};
