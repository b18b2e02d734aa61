/* The load client: opens WebSockets, has one of them publish, counts what arrives.
 *
 * One thread and epoll, so that the server is what is measured. While the clock
 * runs it skips from frame header to frame header and keeps a checksum of the
 * bytes; that every socket got every event, once and in order, follows from two
 * facts: the first socket's frames are read in full, and all the others must
 * end with the same checksum.
 *
 * Built and driven by load.py, which describes the job on standard input:
 *
 *     PORT SOCKETS AT_ONCE GREETINGS WARM_UP EVENTS IN_FLIGHT TIMEOUT_MS HOLD SERVER_PID
 *
 * in one line of decimal numbers, then SOCKETS + 3 texts, each with its size in a
 * line of its own before it: the frame that greets, the publisher's opening
 * request (empty: the first socket publishes), the published text around its
 * number `%`, and each socket's opening request.
 *
 * It writes one line of JSON when all sockets are open and, if there are
 * events, one with what was measured. With HOLD it then keeps the sockets open
 * until standard input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 0x81, CLOSE = 0x88, PING = 0x89, PONG = 0x8A };
enum { CONNECTING, UPGRADING, GREETING, READY };
enum { READ_BYTES = 1 << 18, MAX_FRAME = 1 << 17, MAX_CONTROL = 125 };

struct client {
	int fd, state, greetings;
	uint32_t count;
	uint64_t checksum;
	char *request; /* then what is left of an incomplete read */
	size_t size;
};

struct usage { double server, client, busy, server_queued, client_queued; };

static long port, sockets, at_once, greetings, warm_up, events, in_flight, timeout_ms, hold, server_pid;
static char *hello, *envelope;
static size_t hello_size;
static struct client *clients, *publisher;
static uint32_t *reached, target, sent_count, done_count;
static double *sent, *done;
static long begun, opening, opened;
static int poller;
static char buffer[READ_BYTES + MAX_FRAME];

static void fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	exit(1);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- processor time, as /proc tells it; negative where it does not ------------------ */

static double cpu_seconds(long pid)
{
	char path[64], text[1024], *after;
	unsigned long user, system;
	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	FILE *file = fopen(path, "r");
	if (!file)
		return -1;
	size_t size = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[size] = 0;
	/* The name in parentheses may hold anything; utime and stime are fields 14 and 15. */
	after = strrchr(text, ')');
	if (!after || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		return -1;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double queued_seconds(long pid)
{
	char path[64];
	unsigned long long waited;
	snprintf(path, sizeof path, "/proc/%ld/schedstat", pid);
	FILE *file = fopen(path, "r");
	int found = file ? fscanf(file, "%*u %llu", &waited) : 0;
	if (file)
		fclose(file);
	return found == 1 ? (double)waited / 1e9 : -1;
}

static double busy_seconds(void)
{
	unsigned long long user, nice, system, irq, softirq;
	FILE *file = fopen("/proc/stat", "r");
	int found = file ? fscanf(file, "cpu %llu %llu %llu %*u %*u %llu %llu", &user, &nice, &system, &irq, &softirq) : 0;
	if (file)
		fclose(file);
	return found == 5 ? (double)(user + nice + system + irq + softirq) / (double)sysconf(_SC_CLK_TCK) : -1;
}

static struct usage usage_now(void)
{
	return (struct usage){
		cpu_seconds(server_pid), cpu_seconds(getpid()), busy_seconds(),
		queued_seconds(server_pid), queued_seconds(getpid()),
	};
}

/* --- writing ------------------------------------------------------------------------ */

static void write_all(struct client *client, const char *data, size_t size)
{
	/* What a client sends is small: its socket's buffer always takes it. */
	if (send(client->fd, data, size, MSG_NOSIGNAL) != (ssize_t)size)
		fail("a socket does not take %zu bytes: %s", size, strerror(errno));
}

static void write_frame(struct client *client, int first, const char *data, size_t size)
{
	/* Masked, as RFC 6455 (5.3) demands, with a key of zeros. */
	char *frame = malloc(size + 8);
	size_t at = 0;
	frame[at++] = (char)first;
	if (size < 126) {
		frame[at++] = (char)(0x80 | size);
	} else {
		frame[at++] = (char)(0x80 | 126);
		frame[at++] = (char)(size >> 8);
		frame[at++] = (char)size;
	}
	memset(frame + at, 0, 4);
	memcpy(frame + at + 4, data, size);
	write_all(client, frame, at + 4 + size);
	free(frame);
}

static void publish_one(void)
{
	char number[7], *text = strdup(envelope);
	snprintf(number, sizeof number, "%06u", sent_count);
	memcpy(strstr(text, "%%%%%%"), number, 6);
	sent[sent_count++] = now();
	write_frame(publisher, TEXT, text, strlen(text));
	free(text);
}

/* --- reading ------------------------------------------------------------------------ */

static void complete(void)
{
	done[done_count++] = now();
	if (sent_count < target)
		publish_one();
}

static void received(struct client *client, const char *frame, size_t size, const char *payload)
{
	uint64_t sum = client->checksum, word;
	size_t at = 0;
	for (; at + 8 <= size; at += 8) {
		memcpy(&word, frame + at, 8);
		sum = (sum ^ word) * 0x9E3779B97F4A7C15u;
		sum ^= sum >> 32;
	}
	for (; at < size; at++)
		sum = (sum ^ (unsigned char)frame[at]) * 0x9E3779B97F4A7C15u;
	client->checksum = sum;
	if (client->count >= sent_count)
		fail("a socket got %u events, only %u were published", client->count + 1, sent_count);
	if (client == clients) {
		char text[20];
		snprintf(text, sizeof text, "event %06u", client->count);
		if (!memmem(payload, size - (size_t)(payload - frame), text, strlen(text)))
			fail("the first socket's event %u is another one", client->count);
	}
	if (++reached[client->count++] == sockets)
		complete();
}

static void open_more(void);

static void ready(struct client *client)
{
	client->state = READY;
	opened++;
	opening--;
	open_more();
}

static void take(struct client *client, int first, const char *frame, size_t size, const char *payload)
{
	size_t length = size - (size_t)(payload - frame);
	if (first == PING) {
		write_frame(client, PONG, payload, length);
	} else if (first == CLOSE) {
		fail("the server closed a socket with %d", length >= 2 ? (uint8_t)payload[0] << 8 | (uint8_t)payload[1] : 0);
	} else if (first == PONG) {
		return;
	} else if (first != TEXT) {
		fail("a frame that begins with 0x%02x", first);
	} else if (client->state == GREETING) {
		if (memmem(payload, length, "\"error\"", 7))
			fail("not a greeting: %.*s", (int)length, payload);
		if (--client->greetings == 0)
			ready(client);
	} else if (client != publisher || client == clients) {
		received(client, frame, size, payload);
	}
}

/* What a client does with its bytes; returns how many it used. */
static size_t consume(struct client *client, char *data, size_t size)
{
	size_t at = 0;
	if (client->state == UPGRADING) {
		char *end = memmem(data, size, "\r\n\r\n", 4);
		if (!end)
			return 0;
		if (size < 12 || memcmp(data, "HTTP/1.1 101", 12))
			fail("handshake refused: %.*s", (int)(size < 300 ? size : 300), data);
		at = (size_t)(end - data) + 4;
		if (hello_size)
			write_frame(client, TEXT, hello, hello_size);
		client->state = GREETING;
		if (client->greetings == 0)
			ready(client);
	}
	while (size - at >= 2) {
		unsigned char *frame = (unsigned char *)data + at;
		size_t length = frame[1], header = 2;
		if (length == 126) {
			if (size - at < 4)
				break;
			length = (size_t)frame[2] << 8 | frame[3];
			header = 4;
		} else if (length > 126) {
			fail("a frame of more than 64 KiB");
		}
		if (size - at < header + length)
			break;
		take(client, frame[0], (char *)frame, header + length, (char *)frame + header);
		at += header + length;
	}
	return at;
}

static void read_client(struct client *client)
{
	size_t kept = client->size;
	memcpy(buffer, client->request, kept);
	ssize_t got = recv(client->fd, buffer + kept, READ_BYTES, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		fail("the server ended a connection: %s", got ? strerror(errno) : "end of file");
	size_t size = kept + (size_t)got, used = consume(client, buffer, size);
	if (size - used > MAX_FRAME)
		fail("more than a frame's bytes and no frame");
	if (size > used) {
		client->request = realloc(client->request, size - used);
		memcpy(client->request, buffer + used, size - used);
	}
	client->size = size - used;
}

static void open_one(struct client *client)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};
	int on = 1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (client->fd < 0)
		fail("no socket: %s", strerror(errno));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(client->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
		fail("cannot connect: %s", strerror(errno));
	epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &wanted);
	opening++;
}

static void open_more(void)
{
	while (opening < at_once && begun < sockets)
		open_one(clients + begun++);
}

static void connected(struct client *client)
{
	struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = client};
	int error = 0;
	socklen_t size = sizeof error;
	getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error)
		fail("cannot connect: %s", strerror(error));
	write_all(client, client->request, client->size);
	client->size = 0;
	client->state = UPGRADING;
	epoll_ctl(poller, EPOLL_CTL_MOD, client->fd, &wanted);
}

/* Serve the sockets until so many are open, or so many events have reached all. */
static void run(long until_open, uint32_t until_done, double seconds)
{
	struct epoll_event ready_events[512];
	double deadline = now() + seconds;
	while (opened < until_open || done_count < until_done) {
		int count = epoll_wait(poller, ready_events, 512, 100);
		for (int i = 0; i < count; i++) {
			struct client *client = ready_events[i].data.ptr;
			if (client->state == CONNECTING)
				connected(client);
			else
				read_client(client);
		}
		if (now() > deadline)
			fail("after %.0f s %ld of %ld sockets are open and %u of %u events have reached all",
			     seconds, opened, until_open, done_count, target);
	}
}

static void publish(uint32_t more)
{
	target += more;
	for (long i = 0; i < in_flight && sent_count < target; i++)
		publish_one();
	run(0, target, (double)timeout_ms / 1000);
}

/* --- the job ------------------------------------------------------------------------ */

static char *read_text(size_t *size)
{
	if (scanf("%zu", size) != 1 || getchar() != '\n')
		fail("no size in the job");
	char *text = calloc(1, *size + 1);
	if (fread(text, 1, *size, stdin) != *size)
		fail("the job ends early");
	return text;
}

static void settle(double seconds)
{
	double until = now() + seconds;
	struct epoll_event event;
	while (now() < until)
		if (epoll_wait(poller, &event, 1, 10) == 1)
			read_client(event.data.ptr);
}

static void report(const struct usage *before, const struct usage *after)
{
	const double *b = (const double *)before, *a = (const double *)after;
	const char *names[] = {"server", "client", "others", "server_queued", "client_queued"};
	printf("{\"sockets\": %ld, \"events\": %ld, \"seconds\": %.6f, \"usage\": {",
	       sockets, events, done[target - 1] - sent[warm_up]);
	for (int i = 0; i < 5; i++) {
		double used = a[i] < 0 || b[i] < 0 ? -1 : a[i] - b[i];
		if (i == 2 && used >= 0)
			used -= (a[0] - b[0]) + (a[1] - b[1]);
		if (a[i] < 0 || b[i] < 0)
			printf("%s\"%s\": null", i ? ", " : "", names[i]);
		else
			printf("%s\"%s\": %.4f", i ? ", " : "", names[i], used > 0 ? used : 0);
	}
	printf("}, \"latencies\": [");
	for (uint32_t i = (uint32_t)warm_up; i < target; i++)
		printf("%s%.6f", i > (uint32_t)warm_up ? ", " : "", done[i] - sent[i]);
	printf("]}\n");
	fflush(stdout);
}

int main(void)
{
	size_t size;
	if (scanf("%ld %ld %ld %ld %ld %ld %ld %ld %ld %ld", &port, &sockets, &at_once, &greetings, &warm_up, &events,
		  &in_flight, &timeout_ms, &hold, &server_pid) != 10)
		fail("no job on standard input; see load.py");
	hello = read_text(&hello_size);
	clients = calloc((size_t)sockets + 1, sizeof *clients);
	publisher = clients + sockets;
	publisher->request = read_text(&publisher->size);
	envelope = read_text(&size);
	for (long i = 0; i <= sockets; i++) {
		if (i < sockets)
			clients[i].request = read_text(&clients[i].size);
		clients[i].greetings = (int)greetings;
		clients[i].fd = -1;
	}
	uint32_t all = (uint32_t)(warm_up + events);
	reached = calloc(all + 1, sizeof *reached);
	sent = calloc(all + 1, sizeof *sent);
	done = calloc(all + 1, sizeof *done);
	poller = epoll_create1(0);

	double began = now();
	struct usage before = usage_now();
	open_more();
	run(sockets, 0, (double)timeout_ms / 1000);
	double opened_in = now() - began;
	struct usage after = usage_now();
	printf("{\"opened_in\": %.6f, \"server\": %.4f, \"client\": %.4f}\n", opened_in,
	       after.server - before.server, after.client - before.client);
	fflush(stdout);

	if (events) {
		if (publisher->size) {
			publisher->greetings = 0;
			open_one(publisher);
			run(sockets + 1, 0, (double)timeout_ms / 1000);
		} else {
			publisher = clients;
		}
		publish((uint32_t)warm_up);
		before = usage_now();
		publish((uint32_t)events);
		after = usage_now();
		settle(0.3); /* for what should not come */
		for (struct client *client = clients; client < clients + sockets; client++)
			if (client->count != target || client->checksum != clients->checksum)
				fail("a socket got %u of %u events, or others than the rest", client->count, target);
		report(&before, &after);
	}
	if (hold) {
		struct epoll_event event;
		struct epoll_event end = {.events = EPOLLIN, .data.ptr = NULL};
		epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &end);
		while (epoll_wait(poller, &event, 1, -1) != 1 || event.data.ptr)
			if (event.data.ptr)
				read_client(event.data.ptr);
	}
	return 0;
}
