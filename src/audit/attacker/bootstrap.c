/* The function itself: asks the Runtime API for events, runs the attack that an event names in a process of its own, and answers what it noted. */
#include "attacker.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "report.h"

enum { MAX_EVENT = 65536, MAX_ANSWER = 262144, DEFAULT_LIMIT_MS = 10000 };
static const char *const path = "/2018-06-01/runtime/invocation";
static char event[MAX_EVENT];
static char answer[MAX_ANSWER];
static char request_id[64];
/* Descriptors above 2 that were open at the start: what the program was given without asking. */
static char inherited[400];

static const struct attack *const tables[] = { seccomp_attacks, privilege_attacks, namespace_attacks, rootfs_attacks, escape_attacks,
	network_attacks, tmp_attacks, bomb_attacks, runtime_api_attacks, rate_attacks, neighbour_tasks };

const char *event_text(const char *name)
{
	static char values[8][8192];
	static int next;
	char *value = values[next++ % 8];
	char key[64];
	size_t used = 0;
	snprintf(key, sizeof(key), "\"%s\":\"", name);
	const char *at = strstr(event, key);
	value[0] = '\0';
	if (at == NULL)
		return value;
	for (at += strlen(key); *at != '\0' && *at != '"' && used < sizeof(values[0]) - 1; at++)
		value[used++] = *at;
	value[used] = '\0';
	return value;
}

long event_number(const char *name, long otherwise)
{
	const char *value = event_text(name);
	return value[0] == '\0' ? otherwise : strtol(value, NULL, 0);
}

const char *current_request(void)
{
	return request_id;
}

int connect_runtime_api(void)
{
	const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
	const char *colon = api == NULL ? NULL : strrchr(api, ':');
	char host[64] = "";
	struct sockaddr_in address = { .sin_family = AF_INET };
	if (colon == NULL || colon - api >= 64)
		return -1;
	memcpy(host, api, (size_t)(colon - api));
	address.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		return -1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int send_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
		if (sent <= 0)
			return -1;
		bytes += sent;
		size -= (size_t)sent;
	}
	return 0;
}

/* One request on a connection of its own; the whole response in `response`. */
static long exchange(const char *head, const char *body, size_t body_size, char *response, size_t size)
{
	size_t used = 0;
	int fd = connect_runtime_api();
	if (fd < 0)
		return -1;
	if (send_all(fd, head, strlen(head)) == 0 && send_all(fd, body, body_size) == 0) {
		ssize_t got;
		while (used < size - 1 && (got = recv(fd, response + used, size - 1 - used, 0)) > 0)
			used += (size_t)got;
	}
	close(fd);
	response[used] = '\0';
	return (long)used;
}

static int next_event(void)
{
	static char response[MAX_EVENT + 4096];
	char head[256];
	snprintf(head, sizeof(head), "GET %s/next HTTP/1.1\r\nHost: runtime\r\nConnection: close\r\n\r\n", path);
	if (exchange(head, "", 0, response, sizeof(response)) <= 0)
		return -1;
	const char *id = strcasestr(response, "lambda-runtime-aws-request-id:");
	const char *body = strstr(response, "\r\n\r\n");
	if (id == NULL || body == NULL)
		return -1;
	sscanf(id + strlen("lambda-runtime-aws-request-id:"), " %63[^\r\n ]", request_id);
	snprintf(event, sizeof(event), "%s", body + 4);
	return 0;
}

static void respond(const char *bytes, size_t size)
{
	static char response[8192];
	char head[320];
	snprintf(head, sizeof(head), "POST %s/%s/response HTTP/1.1\r\nHost: runtime\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		path, request_id, size);
	exchange(head, bytes, size, response, sizeof(response));
}

static const struct attack *find_attack(const char *name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct attack *attack = tables[i]; attack->name != NULL; attack++)
			if (strcmp(attack->name, name) == 0)
				return attack;
	return NULL;
}

static struct ending run(const struct attack *attack)
{
	struct ending ending = { 0, 0, 0 };
	int status = 0;
	long long until = now_ms() + (attack->limit_ms == 0 ? DEFAULT_LIMIT_MS : attack->limit_ms);
	report->steps = 0;
	report->facts = 0;
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		attack->run();
		_exit(0);
	}
	if (pid < 0) {
		note("fork", -1, errno, NO_GOAL);
		return ending;
	}
	int handle = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = { .fd = handle, .events = POLLIN };
	long long left;
	while (handle >= 0 && (left = until - now_ms()) > 0 && poll(&ended, 1, (int)left) <= 0)
		;
	if (handle >= 0 && ended.revents == 0) {
		ending.timed_out = 1;
		kill(pid, SIGKILL);
	}
	waitpid(pid, &status, 0);
	/* What the attack left behind in its process group goes too. */
	kill(-pid, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (handle >= 0)
		close(handle);
	ending.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ending.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return ending;
}

static void note_inherited(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t used = 0;
	const struct dirent *entry;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		int fd = atoi(entry->d_name);
		char link[64], target[128];
		if (fd <= 2 || fd == dirfd(directory))
			continue;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t size = readlink(link, target, sizeof(target) - 1);
		target[size < 0 ? 0 : size] = '\0';
		int more = snprintf(inherited + used, sizeof(inherited) - used, "%s%d=%s", used == 0 ? "" : " ", fd, target);
		used = more < 0 || used + (size_t)more >= sizeof(inherited) ? sizeof(inherited) - 1 : used + (size_t)more;
	}
	if (directory != NULL)
		closedir(directory);
}

int main(void)
{
	note_inherited();
	signal(SIGPIPE, SIG_IGN);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		return 1;
	while (next_event() == 0) {
		const struct attack *attack = find_attack(event_text("attack"));
		struct ending ending = { 0, 0, 0 };
		report->steps = report->facts = 0;
		if (attack != NULL)
			ending = run(attack);
		else
			note("no such attack", -1, EINVAL, NO_GOAL);
		fact("inherited", "%s", inherited);
		respond(answer, report_as_json(&ending, answer, sizeof(answer)));
	}
	return 1;
}
