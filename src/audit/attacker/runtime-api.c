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

/* Refused with a status, or cut off without an answer: both are what should be. */
static void try_request(const char *what, const char *request, size_t size)
{
	int status = status_of(request, size);
	note(what, status, 0, status >= 200 && status < 300 ? REACHED : MISSED);
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
		{ "a negative length", "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" },
		{ "a bad chunk", "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" },
		{ "an upgrade", "GET /2018-06-01/pot HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
		{ "a method of no meaning", "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n" },
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		try_request(requests[i][0], requests[i][1], strlen(requests[i][1]));
	size_t used = (size_t)snprintf(big, sizeof(big), "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nX-Big: ");
	memset(big + used, 'x', sizeof(big) - used - 5);
	memcpy(big + sizeof(big) - 5, "\r\n\r\n", 4);
	try_request("a head of a mebibyte", big, sizeof(big) - 1);
}

/* A request for the invocation that runs, made so that parsers disagree where it ends (request smuggling): accepted, it would answer the invocation. */
static void ambiguous_requests(void)
{
	static const char *const forms[][2] = {
		{ "length and chunks", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n7\r\n0\r\n\r\n" },
		{ "two lengths", "Content-Length: 1\r\nContent-Length: 20\r\n\r\n7" },
		{ "a length with a sign", "Content-Length: +1\r\n\r\n7" },
		{ "a header name with a blank", "Content-Length : 1\r\n\r\n7" },
		{ "a bare line feed", "X: y\nContent-Length: 1\r\n\r\n7" },
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char request[512];
		int size = snprintf(request, sizeof(request), "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\n%s", current_request(), forms[i][1]);
		try_request(forms[i][0], request, (size_t)size);
	}
}

/* Answering for the neighbour: its invocation's id is known, as if it had leaked. */
static void forged_answer(void)
{
	static const char *const verbs[] = { "response", "error" };
	for (size_t i = 0; i < 2; i++) {
		char request[512];
		int size = snprintf(request, sizeof(request),
			"POST /2018-06-01/runtime/invocation/%s/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n\"forged\"", event_text("requestId"), verbs[i]);
		try_request(verbs[i], request, (size_t)size);
	}
}

const struct attack runtime_api_attacks[] = {
	{ "runtime-api.slow-requests", slow_requests, 20000 },
	{ "runtime-api.malformed-requests", malformed_requests, 30000 },
	{ "runtime-api.ambiguous-requests", ambiguous_requests, 20000 },
	{ "runtime-api.forged-answer", forged_answer, 0 },
	{ NULL, NULL, 0 },
};
