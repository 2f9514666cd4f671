/*
 * policyload: asks a Postfix policy server as Postfix would, as fast as it answers, and says how fast that was.
 *
 * Closed loop: each connection has one request outstanding and sends the next one when the answer came, which is what
 * an smtpd process does. One thread, epoll, no allocation per request.
 *
 * The world it plays: MAILBOXES mailboxes, number n being user%06u@d%u.example.test (n modulo 200 domains), each with a
 * home address in 198.18.0.0/16, eight recipients it always writes to, and now and then a new one. A message is one
 * RCPT request per recipient and one END-OF-MESSAGE. Mailboxes are drawn uniformly: no one of them behaves like a
 * spammer, so the server does its full work for every request instead of refusing. Attributes, their order and their
 * values by state are those of Postfix 3.7.11 (submission, STARTTLS, SASL PLAIN).
 *
 * Result: one line of JSON. Exit status 0: every answer was well-formed; 1: not; 2: wrong usage.
 *
 *     policyload PORT [--connections N] [--seconds S] [--warmup S] [--mailboxes N] [--recipients N] [--new-share F]
 *                     [--roam-share F] [--touch-all] [--server-pid PID] [--seed N] [--dump N] [--print-world]
 *
 * --touch-all asks about each mailbox once before the measurement; --print-world prints a line per mailbox: its name,
 * its home address and its eight recipients; --dump prints the first N requests instead of sending any.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DOMAINS = 200, ADDRESSES = 5000, KNOWN_RECIPIENTS = 8, MAX_CONNECTIONS = 4096 };

static struct {
    unsigned port, connections, mailboxes, recipients, dump;
    double seconds, warmup, new_share, roam_share;
    int touch_all, print_world, server_pid;
    uint64_t seed;
} opt = {
    .connections = 16, .mailboxes = 10000, .recipients = 3, .seconds = 5, .warmup = 1,
    .new_share = 0.1, .roam_share = 0.05, .seed = 1,
};

static void fail(const char *what)
{
    fprintf(stderr, "policyload: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ------------------------------------------------------------------------------------------------ clock and chance */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014): the finalizer of SplitMix64. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t chance_state;
static uint64_t chance(void) { return mix(chance_state += 0x9e3779b97f4a7c15u); }
static unsigned below(unsigned n) { return (unsigned)(chance() % n); }
static int happens(double share) { return (double)(chance() >> 11) * 0x1p-53 < share; }

/* CPU seconds (user and system, all threads) of the measured server; 0 when none was named. */
static double server_cpu(void)
{
    char path[40], text[1024];
    unsigned long user = 0, kernel = 0;
    if (!opt.server_pid) return 0;
    snprintf(path, sizeof path, "/proc/%d/stat", opt.server_pid);
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    /* proc(5): the name in brackets may hold anything; utime and stime are the 12th and 13th field after it. */
    char *after = strrchr(text, ')');
    const char *fields = "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
    if (!after || sscanf(after + 2, fields, &user, &kernel) != 2) fail(path);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* --------------------------------------------------------------------------------------- waiting times and answers */

/* Log-linear: 64 steps in each power of two, so a value is off by less than 1.6 %. */
enum { STEPS = 64, STEP_BITS = 6 };
static uint64_t waits[64 * STEPS], answered, longest;

static void count_wait(uint64_t ns)
{
    unsigned power = ns < STEPS ? 0 : 63 - (unsigned)__builtin_clzll(ns) - STEP_BITS + 1;
    unsigned step = (unsigned)(power ? ns >> (power - 1) : ns) & (STEPS - 1);
    waits[power * STEPS + step]++;
    answered++;
    if (ns > longest) longest = ns;
}

static double wait_us(double share)
{
    uint64_t want = (uint64_t)(share * (double)answered), seen = 0;
    for (unsigned slot = 0; slot < 64 * STEPS; slot++) {
        seen += waits[slot];
        if (seen > want) {
            unsigned power = slot / STEPS, step = slot % STEPS;
            return (double)(power ? (uint64_t)(STEPS + step) << (power - 1) : step) / 1000;
        }
    }
    return (double)longest / 1000;
}

/* What was answered: the first word of each action. */
static struct { char word[24]; uint64_t times; } actions[32];
static uint64_t malformed, hangups;

static void count_action(const char *text, size_t length)
{
    char word[sizeof actions[0].word] = "";
    for (size_t i = 0; i < length && i < sizeof word - 1 && text[i] > ' ' && text[i] != '"' && text[i] != '\\'; i++)
        word[i] = text[i];
    for (unsigned i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (!actions[i].times) strcpy(actions[i].word, word);
        if (!strcmp(actions[i].word, word)) { actions[i].times++; return; }
    }
}

/* ---------------------------------------------------------------------------------------------------- the requests */

struct connection {
    int fd, connected;
    unsigned mailbox, address, asked;           /* the message in hand; asked: requests of it already built */
    uint64_t message, sent_at;
    size_t out_length, out_sent, in_length;
    char out[2048], in[1024];
};

static struct connection connections[MAX_CONNECTIONS];
static unsigned touched;
static uint64_t messages;

static unsigned home_address(unsigned mailbox) { return (unsigned)(mix(mailbox + 1) % ADDRESSES); }

static void begin_message(struct connection *c)
{
    c->message = ++messages;
    c->mailbox = opt.touch_all && touched < opt.mailboxes ? touched++ : below(opt.mailboxes);
    c->address = happens(opt.roam_share) ? below(ADDRESSES) : home_address(c->mailbox);
    c->asked = 0;
}

/* Text without printf: building a request is most of what this program does besides system calls. */
static char *put(char *p, const char *text) { return stpcpy(p, text); }

static char *put_number(char *p, uint64_t value, unsigned base, int width)
{
    char digits[24];
    int n = 0;
    do digits[n++] = "0123456789abcdef"[value % base]; while (value /= base);
    while (n < width) digits[n++] = '0';
    while (n) *p++ = digits[--n];
    return p;
}

static char *put_mailbox(char *p, unsigned mailbox)
{
    p = put_number(put(p, "user"), mailbox, 10, 6);
    return put(put_number(put(p, "@d"), mailbox % DOMAINS, 10, 1), ".example.test");
}

static char *put_known(char *p, unsigned mailbox, unsigned number)
{
    uint64_t draw = mix(mailbox * 64u + number);
    p = put_number(put(p, "contact"), draw >> 44, 10, 1);
    return put(put_number(put(p, "@dest"), draw % 1000, 10, 1), ".example");
}

static char *put_address(char *p, unsigned address)
{
    return put_number(put(put_number(put(p, "198.18."), address >> 8, 10, 1), "."), address & 255, 10, 1);
}

/* A recipient of the message: one its mailbox always writes to, or (share new_share) one nobody ever wrote to. */
static char *put_recipient(char *p, struct connection *c, unsigned number)
{
    uint64_t draw = mix(c->message * 64 + number);
    if ((double)(draw >> 11) * 0x1p-53 < opt.new_share) {
        p = put_number(put(put_number(put(p, "new"), c->message, 10, 1), "."), number, 10, 1);
        return put(put_number(put(p, "@dest"), draw % 1000, 10, 1), ".example");
    }
    return put_known(p, c->mailbox, (unsigned)(c->message + number) % KNOWN_RECIPIENTS);
}

static void build_request(struct connection *c)
{
    if (c->asked == 0 || c->asked > opt.recipients) begin_message(c);
    int at_end = c->asked == opt.recipients;
    char *p = put(c->out, "request=smtpd_access_policy\nprotocol_state=");
    p = put(put(p, at_end ? "END-OF-MESSAGE" : "RCPT"), "\nprotocol_name=ESMTP\nclient_address=");
    p = put(put_address(p, c->address), "\nclient_name=unknown\nclient_port=");
    p = put_number(p, 1024 + c->message % 60000, 10, 1);
    p = put(p, "\nreverse_client_name=unknown\nserver_address=192.0.2.25\nserver_port=587\n"
               "helo_name=[192.168.1.23]\nsender=");
    p = put(put_mailbox(p, c->mailbox), "\nrecipient=");
    /* Postfix names the recipient at RCPT, later only when there was exactly one. */
    if (!at_end || opt.recipients == 1) p = put_recipient(p, c, at_end ? 0 : c->asked);
    p = put(put_number(put(p, "\nrecipient_count="), at_end ? opt.recipients : 0, 10, 1), "\nqueue_id=");
    /* No queue file yet when the first recipient is checked. */
    if (c->asked > 0) p = put_number(p, c->message, 10, 11);
    p = put_number(put(p, "\ninstance="), 4096 + (unsigned)(c - connections), 16, 1);
    p = put_number(put(p, ".6745a1b2."), c->message, 16, 1);
    p = put_number(put(p, ".0\nsize="), 2000 + c->message * 37 % 60000, 10, 1);
    p = put_mailbox(put(p, "\netrn_domain=\nstress=\nsasl_method=PLAIN\nsasl_username="), c->mailbox);
    p = put(p, "\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\n"
               "encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\n"
               "policy_context=submission\n\n");
    c->out_length = (size_t)(p - c->out);
    c->asked++;
}

/* --------------------------------------------------------------------------------------------------- input, output */

static int poller, measuring;

static void watch(struct connection *c, int how, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = c };
    if (epoll_ctl(poller, how, c->fd, &event)) fail("epoll_ctl");
}

static void open_connection(struct connection *c)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    c->in_length = c->out_sent = 0;
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void send_rest(struct connection *c)
{
    /* A request fits the socket's buffer many times over; the loop is for signals. */
    while (c->out_sent < c->out_length) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) return;
        if (n > 0) c->out_sent += (size_t)n;
    }
}

static void ask(struct connection *c)
{
    build_request(c);
    c->out_sent = 0;
    c->sent_at = now_ns();
    send_rest(c);
}

/* The server hung up: connect and ask the same again; its waiting time goes on. */
static void ask_again(struct connection *c)
{
    hangups++;
    close(c->fd);
    open_connection(c);
    send_rest(c);
}

static void read_answer(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_length, sizeof c->in - c->in_length, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) { ask_again(c); return; }
    c->in_length += (size_t)n;
    if (c->in_length < 2 || memcmp(c->in + c->in_length - 2, "\n\n", 2)) {
        if (c->in_length == sizeof c->in) { malformed++; ask_again(c); }
        return;
    }
    if (measuring) {
        count_wait(now_ns() - c->sent_at);
        if (c->in_length > 9 && !memcmp(c->in, "action=", 7)) count_action(c->in + 7, c->in_length - 9);
        else malformed++;
    }
    c->in_length = 0;
    ask(c);
}

/* Serves the connections until a moment, or until every mailbox was touched once. */
static void run_until(uint64_t end, int until_touched)
{
    struct epoll_event events[256];
    for (uint64_t t; (t = now_ns()) < end && !(until_touched && touched == opt.mailboxes);) {
        int n = epoll_wait(poller, events, 256, (int)((end - t) / 1000000) + 1);
        for (int i = 0; i < n; i++) read_answer(events[i].data.ptr);
    }
}

/* ------------------------------------------------------------------------------------------------------------ main */

static double own_cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void print_result(double seconds, double server, double own)
{
    printf("{\"connections\":%u,\"seconds\":%.3f,\"requests\":%llu,\"rps\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"max_us\":%.1f,\"malformed\":%llu,\"hangups\":%llu,\"server_cpu_us\":%.2f,\"generator_cpu_us\":%.2f,"
           "\"actions\":{",
           opt.connections, seconds, (unsigned long long)answered, (double)answered / seconds, wait_us(.5),
           wait_us(.99), (double)longest / 1000, (unsigned long long)malformed, (unsigned long long)hangups,
           server * 1e6 / (double)(answered ? answered : 1), own * 1e6 / (double)(answered ? answered : 1));
    for (unsigned i = 0; i < sizeof actions / sizeof *actions && actions[i].times; i++)
        printf("%s\"%s\":%llu", i ? "," : "", actions[i].word, (unsigned long long)actions[i].times);
    puts("}}");
}

static void print_world(void)
{
    for (unsigned mailbox = 0; mailbox < opt.mailboxes; mailbox++) {
        char line[1024], *p = put(put_mailbox(line, mailbox), " ");
        p = put_address(p, home_address(mailbox));
        for (unsigned i = 0; i < KNOWN_RECIPIENTS; i++) p = put_known(put(p, " "), mailbox, i);
        *p = 0;
        puts(line);
    }
}

static void read_options(int argc, char **argv)
{
    enum { CONNECTIONS = 256, SECONDS, WARMUP, MAILBOXES, RECIPIENTS, NEW, ROAM, TOUCH, PID, SEED, DUMP, WORLD };
    static const struct option names[] = {
        { "connections", 1, 0, CONNECTIONS }, { "seconds", 1, 0, SECONDS }, { "warmup", 1, 0, WARMUP },
        { "mailboxes", 1, 0, MAILBOXES }, { "recipients", 1, 0, RECIPIENTS }, { "new-share", 1, 0, NEW },
        { "roam-share", 1, 0, ROAM }, { "touch-all", 0, 0, TOUCH }, { "server-pid", 1, 0, PID }, { "seed", 1, 0, SEED },
        { "dump", 1, 0, DUMP }, { "print-world", 0, 0, WORLD }, { 0 } };
    for (int o; (o = getopt_long(argc, argv, "", names, 0)) != -1;) {
        switch (o) {
        case CONNECTIONS: opt.connections = (unsigned)atoi(optarg); break;
        case SECONDS: opt.seconds = atof(optarg); break;
        case WARMUP: opt.warmup = atof(optarg); break;
        case MAILBOXES: opt.mailboxes = (unsigned)atoi(optarg); break;
        case RECIPIENTS: opt.recipients = (unsigned)atoi(optarg); break;
        case NEW: opt.new_share = atof(optarg); break;
        case ROAM: opt.roam_share = atof(optarg); break;
        case TOUCH: opt.touch_all = 1; break;
        case PID: opt.server_pid = atoi(optarg); break;
        case SEED: opt.seed = strtoull(optarg, 0, 10); break;
        case DUMP: opt.dump = (unsigned)atoi(optarg); break;
        case WORLD: opt.print_world = 1; break;
        default: exit(2);
        }
    }
    opt.port = optind + 1 == argc ? (unsigned)atoi(argv[optind]) : 0;
    errno = EINVAL;
    if ((!opt.port && !opt.dump && !opt.print_world) || opt.port > 65535) fail("PORT");
    if (!opt.connections || opt.connections > MAX_CONNECTIONS) fail("--connections");
    if (!opt.mailboxes || opt.mailboxes > 999999) fail("--mailboxes");
    if (!opt.recipients || opt.recipients > 63) fail("--recipients");
    if (!(opt.seconds > 0) || !(opt.warmup >= 0)) fail("--seconds or --warmup");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    chance_state = opt.seed;
    /* Message numbers, and with them instances, queue ids and new recipients, never repeat over runs of other seeds. */
    messages = opt.seed * 10000000;
    if (opt.print_world) { print_world(); return 0; }
    for (unsigned i = 0; i < opt.dump; i++) {
        build_request(&connections[0]);
        fwrite(connections[0].out, 1, connections[0].out_length, stdout);
    }
    if (opt.dump) return 0;
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
    for (unsigned i = 0; i < opt.connections; i++) {
        open_connection(&connections[i]);
        ask(&connections[i]);
    }
    /* A minute is enough to ask once about each mailbox, or the server is not worth measuring. */
    if (opt.touch_all) run_until(now_ns() + 60000000000u, 1);
    run_until(now_ns() + (uint64_t)(opt.warmup * 1e9), 0);
    malformed = hangups = 0;
    measuring = 1;
    double server = server_cpu(), own = own_cpu();
    uint64_t begin = now_ns();
    run_until(begin + (uint64_t)(opt.seconds * 1e9), 0);
    double seconds = (double)(now_ns() - begin) / 1e9;
    print_result(seconds, server_cpu() - server, own_cpu() - own);
    return malformed || !answered;
}
