/*
 * policyfloor: the cheapest policy server there can be: waits for the end of a request and answers DUNNO without
 * looking. What it reaches is what sockets and scheduler of this machine allow; other servers are compared with it.
 *
 *     policyfloor PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client { int fd; size_t length; char text[16384]; };

static const char answer[] = "action=DUNNO\n\n";
static int poller;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void admit(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *client = fd < 0 ? NULL : malloc(sizeof *client);
    if (!client) { if (fd >= 0) close(fd); return; }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    client->fd = fd;
    client->length = 0;
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

/* Answers each whole request in the buffer; 0 when the client is gone or talks nonsense. */
static int serve(struct client *client)
{
    ssize_t n = recv(client->fd, client->text + client->length, sizeof client->text - client->length, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
    if (n <= 0) return 0;
    client->length += (size_t)n;
    for (char *end; (end = memmem(client->text, client->length, "\n\n", 2));) {
        client->length -= (size_t)(end + 2 - client->text);
        memmove(client->text, end + 2, client->length);
        if (send(client->fd, answer, sizeof answer - 1, MSG_NOSIGNAL) != sizeof answer - 1) return 0;
    }
    return client->length < sizeof client->text;
}

int main(int argc, char **argv)
{
    int port = argc == 2 ? atoi(argv[1]) : 0;
    if (port < 1 || port > 65535) { fputs("usage: policyfloor PORT\n", stderr); return 2; }
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1024)) fail("policyfloor");
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL }, events[256];
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event)) fail("epoll_ctl");
    for (;;) {
        int n = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < n; i++) {
            struct client *client = events[i].data.ptr;
            if (!client) {
                admit(listener);
            } else if (!serve(client)) {
                close(client->fd);
                free(client);
            }
        }
    }
}
