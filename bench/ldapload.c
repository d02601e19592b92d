/*
 * ldapload: asks an LDAP server as fast as it answers. Every request is encoded before the clock starts; each connection
 * has one request under way, and sends the next when the answer is whole. One thread, so that the server has the rest.
 *
 * usage: ldapload PORT BASE search|dump CONNECTIONS SECONDS USERS EXPECTED
 *   search  (uid=uNNNNNN) with NNNNNN drawn from 0 to USERS-1;  dump  (objectClass=posixAccount)
 *   EXPECTED  entries that each answer must have
 * The environment gives LDAPLOAD_DN and LDAPLOAD_PASSWORD. Half a second passes before anything counts.
 * Prints one line of JSON. Exit 1 when the server cannot be used.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  unsigned char bytes[2048];
  size_t length;
} Text;

typedef struct {
  int socket;
  unsigned char *in;
  size_t held, room;
  double asked;
  long entries;
} Client;

enum { ENTRY = 0x64, DONE = 0x65, BOUND = 0x61, REFERENCE = 0x73 };

static Text *requests;
static long request_count, expected;
static unsigned long long answers, entries, received, wrong;
static float *latencies;
static size_t latency_count, latency_room;
static double counts_from;

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void give_up(const char *what) {
  fprintf(stderr, "ldapload: %s\n", what);
  exit(1);
}

/* ---- BER (X.690), as much as these requests need */

static void append(Text *text, const void *bytes, size_t length) {
  if (text->length + length > sizeof text->bytes) give_up("a request is too long");
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
}

static void element(Text *text, int tag, const void *content, size_t length) {
  unsigned char header[4] = {tag, length, 0, 0};
  size_t size = 2;
  if (length >= 0x80) {
    header[1] = 0x82;
    header[2] = length >> 8;
    header[3] = length & 0xff;
    size = 4;
  }
  append(text, header, size);
  append(text, content, length);
}

static void string(Text *text, int tag, const char *value) { element(text, tag, value, strlen(value)); }

static void number(Text *text, int tag, unsigned char value) { element(text, tag, &value, 1); }

/* LDAPMessage with id 1: on one connection the requests come one after the other. */
static void message(Text *out, int tag, const Text *operation) {
  Text inner = {.length = 0};
  number(&inner, 0x02, 1);
  element(&inner, tag, operation->bytes, operation->length);
  out->length = 0;
  element(out, 0x30, inner.bytes, inner.length);
}

static void search_request(Text *out, const char *base, const char *attribute, const char *value) {
  Text operation = {.length = 0}, filter = {.length = 0};
  string(&operation, 0x04, base);
  number(&operation, 0x0a, 2); /* scope: subtree */
  number(&operation, 0x0a, 0);
  number(&operation, 0x02, 0);
  number(&operation, 0x02, 0);
  number(&operation, 0x01, 0);
  string(&filter, 0x04, attribute);
  string(&filter, 0x04, value);
  element(&operation, 0xa3, filter.bytes, filter.length);
  element(&operation, 0x30, "", 0);
  message(out, 0x63, &operation);
}

static void bind_request(Text *out, const char *dn, const char *password) {
  Text operation = {.length = 0};
  number(&operation, 0x02, 3);
  string(&operation, 0x04, dn);
  string(&operation, 0x80, password);
  message(out, 0x60, &operation);
}

/* Length of header and content of the element at `at`; 0 while the header is not all there. */
static size_t header_at(const unsigned char *at, size_t held, size_t *content) {
  if (held < 2) return 0;
  if (at[1] < 0x80) {
    *content = at[1];
    return 2;
  }
  size_t size = at[1] & 0x7f;
  if (held < 2 + size) return 0;
  *content = 0;
  for (size_t i = 0; i < size; i++) *content = *content << 8 | at[2 + i];
  return 2 + size;
}

/* ---- clients */

static void ask(Client *client) {
  static unsigned long long random = 88172645463325252ull;
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  const Text *request = &requests[random % request_count];
  client->entries = 0;
  client->asked = seconds_now();
  /* A request is far smaller than a socket's buffer, and the one before it is answered. */
  if (write(client->socket, request->bytes, request->length) != (ssize_t)request->length) give_up("a request was not taken");
}

static void answered(Client *client, int code) {
  double now = seconds_now();
  if (now >= counts_from) {
    answers++;
    entries += client->entries;
    if (code != 0 || client->entries != expected) wrong++;
    if (latency_count == latency_room) {
      latency_room = latency_room ? latency_room * 2 : 1 << 16;
      latencies = realloc(latencies, latency_room * sizeof *latencies);
    }
    latencies[latency_count++] = now - client->asked;
  }
  ask(client);
}

/* Takes what has come in; returns how much of it was whole messages. */
static size_t take(Client *client) {
  size_t at = 0, content;
  for (;;) {
    const unsigned char *start = client->in + at;
    size_t header = header_at(start, client->held - at, &content);
    if (header == 0 || client->held - at < header + content) return at;
    at += header + content;
    size_t id = 0, length = 0;
    const unsigned char *operation = start + header;
    operation += header_at(operation, content, &id) + id;
    if (*operation == ENTRY) {
      client->entries++;
    } else if (*operation == DONE) {
      size_t skip = header_at(operation, content, &length);
      answered(client, operation[skip + 2]);
    } else if (*operation != REFERENCE) {
      give_up("an answer of an unknown kind");
    }
  }
}

static void read_all(Client *client) {
  for (;;) {
    if (client->room - client->held < 1 << 17) {
      client->room = client->room ? client->room * 2 : 1 << 18;
      client->in = realloc(client->in, client->room);
    }
    ssize_t got = read(client->socket, client->in + client->held, client->room - client->held);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) give_up("the server closed a connection");
    if (seconds_now() >= counts_from) received += got;
    client->held += got;
    size_t used = take(client);
    client->held -= used;
    memmove(client->in, client->in + used, client->held);
  }
}

static void open_client(Client *client, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  client->socket = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client->socket, (void *)&address, sizeof address)) give_up("nothing listens there");
  int on = 1;
  setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Text request;
  bind_request(&request, getenv("LDAPLOAD_DN"), getenv("LDAPLOAD_PASSWORD"));
  if (write(client->socket, request.bytes, request.length) < 0) give_up("the bind was not taken");
  unsigned char answer[512];
  ssize_t got = read(client->socket, answer, sizeof answer);
  /* 30 len 02 01 01 61 len 0a 01 CODE */
  if (got < 10 || answer[5] != BOUND || answer[9] != 0) give_up("the bind was refused");
  fcntl(client->socket, F_SETFL, O_NONBLOCK);
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

static double cpu_seconds(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **given) {
  if (count != 8) give_up("usage: ldapload PORT BASE search|dump CONNECTIONS SECONDS USERS EXPECTED");
  int port = atoi(given[1]), connections = atoi(given[4]);
  double seconds = atof(given[5]);
  long users = atol(given[6]);
  expected = atol(given[7]);

  request_count = strcmp(given[3], "dump") == 0 ? 1 : users;
  requests = calloc(request_count, sizeof *requests);
  for (long i = 0; i < request_count; i++) {
    char name[32];
    snprintf(name, sizeof name, "u%06ld", i);
    if (request_count == 1) search_request(&requests[0], given[2], "objectClass", "posixAccount");
    else search_request(&requests[i], given[2], "uid", name);
  }

  Client *clients = calloc(connections, sizeof *clients);
  int poll = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    open_client(&clients[i], port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
    epoll_ctl(poll, EPOLL_CTL_ADD, clients[i].socket, &event);
  }

  counts_from = seconds_now() + 0.5;
  double end = counts_from + seconds, cpu = cpu_seconds();
  for (int i = 0; i < connections; i++) ask(&clients[i]);
  struct epoll_event events[64];
  while (seconds_now() < end) {
    int ready = epoll_wait(poll, events, 64, 100);
    for (int i = 0; i < ready; i++) read_all(events[i].data.ptr);
  }

  double took = seconds_now() - counts_from;
  qsort(latencies, latency_count, sizeof *latencies, by_size);
  double p50 = latency_count ? latencies[latency_count / 2] : 0;
  double p99 = latency_count ? latencies[(size_t)(latency_count * 0.99)] : 0;
  printf("{\"perSecond\":%.3f,\"answers\":%llu,\"entries\":%llu,\"bytes\":%llu,\"wrong\":%llu,\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"cpu\":%.3f}\n",
         answers / took, answers, entries, received, wrong, p50 * 1000, p99 * 1000, (cpu_seconds() - cpu) / (took + 0.5));
  return 0;
}
