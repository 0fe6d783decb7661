/* The daemon's one surface towards functions: half-open, huge and malformed requests, and other environments' requests. */
#include "attacker.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int is_open(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	return got > 0 || (got < 0 && errno == EAGAIN);
}

/* Many connections that never finish their request. */
static void slow_requests(void)
{
	enum { CONNECTIONS = 400 };
	static int fds[CONNECTIONS];
	static const char head[] = "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: runtime\r\nContent-Length: 1000000\r\nX-Slow: ";
	long allowed = event_number("connections", 64);
	int open_now = 0;
	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = connect_runtime_api();
		if (fds[i] >= 0)
			send(fds[i], head, sizeof(head) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	for (long long until = now_ms() + event_number("durationMs", 2000); now_ms() < until; usleep(50000))
		for (int i = 0; i < CONNECTIONS; i++)
			if (fds[i] >= 0)
				send(fds[i], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (int i = 0; i < CONNECTIONS; i++)
		open_now += fds[i] >= 0 && is_open(fds[i]);
	note("hold half-open requests", open_now, 0, open_now > allowed ? REACHED : MISSED);
	fact("held of 400", "%d", open_now);
}

/* One request, and the status of its answer; 0: the connection was closed without one, -1: no answer. */
static int status_of(const char *request, size_t size)
{
	char answer[256] = "";
	int status = 0;
	int fd = connect_runtime_api();
	if (fd < 0)
		return -1;
	send_all(fd, request, size);
	struct pollfd heard = { .fd = fd, .events = POLLIN };
	if (poll(&heard, 1, 1000) <= 0)
		status = -1;
	else if (recv(fd, answer, sizeof(answer) - 1, 0) > 0)
		sscanf(answer, "HTTP/1.%*d %d", &status);
	close(fd);
	return status;
}

static void try_request(const char *what, const char *request, size_t size)
{
	int status = status_of(request, size);
	char text[120];
	snprintf(text, sizeof(text), "%s: answered %d", what, status);
	note(text, status, 0, status >= 200 && status < 300 ? REACHED : MISSED);
}

static void malformed_requests(void)
{
	static char big[1 << 20];
	static const char *const requests[][2] = {
		{ "no request line", "\r\n\r\n\r\n\r\n" },
		{ "not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n" },
		{ "a path upwards", "GET /2018-06-01/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n" },
		{ "an encoded path upwards", "GET /2018-06-01/runtime/%2e%2e/%2e%2e/_cloister/v1/environments HTTP/1.1\r\nHost: x\r\n\r\n" },
		{ "the daemon's own operations", "GET /_cloister/v1/environments HTTP/1.1\r\nHost: x\r\n\r\n" },
		{ "Lambda's API", "GET /2015-03-31/functions/ HTTP/1.1\r\nHost: x\r\n\r\n" },
		{ "two lengths", "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nhello" },
		{ "length and chunks", "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
		{ "a negative length", "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" },
		{ "a bad chunk", "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" },
		{ "an upgrade", "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
		{ "a method of no meaning", "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n" },
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		try_request(requests[i][0], requests[i][1], strlen(requests[i][1]));
	size_t used = (size_t)snprintf(big, sizeof(big), "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nX-Big: ");
	memset(big + used, 'x', sizeof(big) - used - 5);
	memcpy(big + sizeof(big) - 5, "\r\n\r\n", 4);
	try_request("a head of a mebibyte", big, sizeof(big) - 1);
}

/* Answering for others: the ids of the neighbour's invocation, and of none. */
static void others_requests(void)
{
	static const char *const ids[] = { "requestId", "ownPast" };
	for (size_t i = 0; i < 2; i++) {
		char request[512];
		const char *id = event_text(ids[i]);
		if (id[0] == '\0')
			continue;
		int size = snprintf(request, sizeof(request),
			"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\nforged", id);
		try_request(i == 0 ? "answer the neighbour's invocation" : "answer a past invocation", request, (size_t)size);
	}
}

const struct attack runtime_api_attacks[] = {
	{ "runtime-api.slow-requests", slow_requests, 20000 },
	{ "runtime-api.malformed-requests", malformed_requests, 30000 },
	{ "runtime-api.others-requests", others_requests, 0 },
	{ NULL, NULL, 0 },
};
