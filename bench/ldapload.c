/*
 * ldapload: asks an LDAP server as fast as it answers. The requests come encoded on standard input, one LDAPMessage behind
 * the other; before a request is sent, it gets the number of the place that it is under way in. One thread, so that the
 * server has the rest.
 *
 * usage: ldapload [options] PORT < requests
 *   -c N  connections (1)
 *   -w N  requests under way on each (1, at most 64)
 *   -t S  seconds that count (4); half a second passes before them. SIGTERM ends it sooner
 *   -o    each request once, in order, until all are answered; otherwise any of them, at random
 *   -b    the first request is a bind that each connection begins with
 *   -s    over TLS 1.3
 *   -e N  entries that each answer must have (0)
 *   -r N  the result code that it must have (0)
 *   -p N  a search is taken in pages of N entries (RFC 2696); its answer is all of them
 * Prints one line of JSON. Exit 1 when the server cannot be used.
 */
#define _GNU_SOURCE
#include "ber.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PLACES = 64, MOST_COOKIE = 256 };
enum { ENTRY = 0x64, SEARCHED = 0x65, BOUND = 0x61, REFERENCE = 0x73, CONTROLS = 0xa0 };

/* `number`: where its message id is. `rest`: where the operation begins, behind that. */
typedef struct {
  const unsigned char *bytes;
  size_t length, number, rest;
} Request;

/* Where a request is under way; its message id is the place's number. */
typedef struct {
  const Request *request;
  double asked;
  long entries, pages;
  unsigned char cookie[MOST_COOKIE];
  size_t cookie_length;
} Place;

typedef struct {
  int socket;
  SSL *tls;
  Buffer in, out;
  Place places[MOST_PLACES + 1];
} Client;

static int connections = 1, window = 1, once, binds, secure;
static double seconds = 4;
static long expected_entries, expected_code, page_size;

static Request *requests;
static size_t request_count, first_request, next_request;
static unsigned long long answers, entries, received, wrong, under_way;
static float *latencies;
static size_t latency_room;
static double counts_from;
static volatile sig_atomic_t stopped;

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- requests */

static void read_requests(void) {
  Buffer all = {0};
  unsigned char chunk[1 << 16];
  for (ssize_t got; (got = read(0, chunk, sizeof chunk)) != 0;) {
    if (got < 0) give_up("the requests cannot be read");
    append(&all, chunk, got);
  }
  size_t room = 0, content;
  for (size_t at = 0; at < all.length;) {
    const unsigned char *bytes = all.bytes + at;
    size_t size = header_at(bytes, all.length - at, &content);
    if (size == 0 || at + size + content > all.length || bytes[size] != 0x02 || bytes[size + 1] != 1)
      give_up("the requests are not LDAP messages with ids of one byte");
    if (request_count == room) requests = realloc(requests, (room = room ? room * 2 : 1024) * sizeof *requests);
    requests[request_count++] = (Request){bytes, size + content, size + 2, size + 3};
    at += size + content;
  }
  if (request_count <= (size_t)binds) give_up("there are no requests");
  first_request = next_request = binds;
}

/* The request with a control behind it that asks for the next page. */
static void put_paged(Buffer *out, const Place *place, unsigned char number) {
  static Buffer value, wrapped, control, list, message;
  value.length = wrapped.length = control.length = list.length = message.length = 0;
  unsigned char size[4] = {page_size >> 24, page_size >> 16, page_size >> 8, page_size};
  element(&value, 0x02, size, 4);
  element(&value, 0x04, place->cookie, place->cookie_length);
  element(&wrapped, 0x30, value.bytes, value.length);
  static const char oid[] = "1.2.840.113556.1.4.319";
  element(&control, 0x04, oid, sizeof oid - 1);
  element(&control, 0x01, "\xff", 1);
  element(&control, 0x04, wrapped.bytes, wrapped.length);
  element(&list, 0x30, control.bytes, control.length);
  const Request *request = place->request;
  element(&message, 0x02, &number, 1);
  append(&message, request->bytes + request->rest, request->length - request->rest);
  element(&message, CONTROLS, list.bytes, list.length);
  element(out, 0x30, message.bytes, message.length);
}

static void put(Client *client, int number) {
  const Place *place = &client->places[number];
  if (page_size > 0) {
    put_paged(&client->out, place, number);
    return;
  }
  const Request *request = place->request;
  append(&client->out, request->bytes, request->length);
  client->out.bytes[client->out.length - request->length + request->number] = number;
}

static void ask(Client *client, int number) {
  static unsigned long long random = 88172645463325252ull;
  Place *place = &client->places[number];
  if (once) {
    if (next_request == request_count) return;
    place->request = &requests[next_request++];
  } else {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    place->request = &requests[first_request + random % (request_count - first_request)];
  }
  place->entries = place->pages = 0;
  place->cookie_length = 0;
  place->asked = seconds_now();
  under_way++;
  put(client, number);
}

/* What is asked for together goes in one piece, so that it is under way together. */
static void send_asked(Client *client) {
  Buffer *out = &client->out;
  if (out->length == 0) return;
  ssize_t sent = client->tls ? SSL_write(client->tls, out->bytes, out->length)
                             : write(client->socket, out->bytes, out->length);
  /* Requests are far smaller than a socket's buffer, and those before them are answered. */
  if (sent != (ssize_t)out->length) give_up("a request was not taken");
  out->length = 0;
}

/* ---- answers */

/* The cookie of the next page, from behind the operation: controls [0] { control { oid, critical?, value { { size, cookie } } } }. */
static void read_cookie(Place *place, Range controls) {
  place->cookie_length = 0;
  if (controls.at == controls.end || *controls.at != CONTROLS) return;
  Range value = behind(into(into(controls)));
  if (*value.at == 0x01) value = behind(value);
  Range cookie = into(behind(into(into(value))));
  place->cookie_length = cookie.end - cookie.at;
  if (place->cookie_length > MOST_COOKIE) give_up("a cookie is too long");
  memcpy(place->cookie, cookie.at, place->cookie_length);
}

static int is_wrong(const Place *place, int code) {
  if (code != expected_code || place->entries != expected_entries) return 1;
  return page_size > 0 && place->pages < (place->entries + page_size - 1) / page_size;
}

static void answered(Client *client, int number, int code, Range controls) {
  Place *place = &client->places[number];
  if (page_size > 0) {
    place->pages++;
    read_cookie(place, controls);
    if (place->cookie_length > 0) {
      put(client, number);
      return;
    }
  }
  double now = seconds_now();
  under_way--;
  if (now >= counts_from) {
    if (is_wrong(place, code)) wrong++;
    if (answers == latency_room)
      latencies = realloc(latencies, (latency_room = latency_room ? latency_room * 2 : 1 << 16) * sizeof *latencies);
    latencies[answers++] = now - place->asked;
    entries += place->entries;
  }
  ask(client, number);
}

/* Takes what has come in; returns how much of it was whole messages. */
static size_t take(Client *client) {
  size_t at = 0, content;
  for (;;) {
    const unsigned char *start = client->in.bytes + at;
    size_t size = header_at(start, client->in.length - at, &content);
    if (size == 0 || client->in.length - at < size + content) return at;
    at += size + content;
    Range message = {start + size, start + size + content};
    int number = message.at[2];
    Range operation = behind(message);
    if (message.at[1] != 1 || number < 1 || number > window) give_up("the server closes the connection");
    if (*operation.at == ENTRY) client->places[number].entries++;
    else if (*operation.at == SEARCHED || *operation.at == BOUND)
      answered(client, number, into(operation).at[2], behind(operation));
    else if (*operation.at != REFERENCE) give_up("an answer of an unknown kind");
  }
}

/* -1 while there is nothing to read. */
static ssize_t read_some(Client *client) {
  Buffer *in = &client->in;
  if (in->room - in->length < 1 << 17) in->bytes = realloc(in->bytes, in->room = in->room ? in->room * 2 : 1 << 18);
  size_t room = in->room - in->length;
  ssize_t got;
  if (client->tls) {
    got = SSL_read(client->tls, in->bytes + in->length, room);
    if (got <= 0 && SSL_get_error(client->tls, got) == SSL_ERROR_WANT_READ) return -1;
  } else {
    got = read(client->socket, in->bytes + in->length, room);
    if (got < 0 && errno == EAGAIN) return -1;
  }
  if (got <= 0) give_up("the server closed a connection");
  in->length += got;
  return got;
}

/* Once: while there is more in the socket, epoll says so again. What TLS has read ahead it does not see. */
static void read_client(Client *client) {
  do {
    ssize_t got = read_some(client);
    if (got < 0) return;
    if (seconds_now() >= counts_from) received += got;
    size_t used = take(client);
    client->in.length -= used;
    memmove(client->in.bytes, client->in.bytes + used, client->in.length);
    send_asked(client);
  } while (client->tls && SSL_has_pending(client->tls));
}

/* ---- connections */

static SSL_CTX *tls_context(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  /* One and the same cipher for every server. Whose certificate it is does not matter: nothing secret is sent. */
  SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384");
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_read_ahead(context, 1);
  return context;
}

static void bind_client(Client *client) {
  append(&client->out, requests[0].bytes, requests[0].length);
  send_asked(client);
  read_some(client);
  Range message = into((Range){client->in.bytes, client->in.bytes + client->in.length});
  Range operation = behind(message);
  if (*operation.at != BOUND || into(operation).at[2] != 0) give_up("the bind was refused");
  client->in.length = 0;
}

static void open_client(Client *client, int port, SSL_CTX *tls) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  client->socket = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client->socket, (void *)&address, sizeof address)) give_up("nothing listens there");
  int on = 1;
  setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (tls) {
    client->tls = SSL_new(tls);
    SSL_set_fd(client->tls, client->socket);
    if (SSL_connect(client->tls) != 1) give_up("the TLS handshake failed");
  }
  if (binds) bind_client(client);
  fcntl(client->socket, F_SETFL, O_NONBLOCK);
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

static double latency_ms(double share) {
  return answers ? latencies[(size_t)((answers - 1) * share)] * 1000 : 0;
}

static double cpu_seconds(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

static int read_options(int count, char **given) {
  for (int option; (option = getopt(count, given, "c:w:t:obse:r:p:")) != -1;) {
    switch (option) {
      case 'c': connections = atoi(optarg); break;
      case 'w': window = atoi(optarg); break;
      case 't': seconds = atof(optarg); break;
      case 'o': once = 1; break;
      case 'b': binds = 1; break;
      case 's': secure = 1; break;
      case 'e': expected_entries = atol(optarg); break;
      case 'r': expected_code = atol(optarg); break;
      case 'p': page_size = atol(optarg); break;
      default: exit(1);
    }
  }
  if (optind != count - 1 || window < 1 || window > MOST_PLACES) give_up("usage: ldapload [options] PORT < requests");
  return atoi(given[optind]);
}

int main(int count, char **given) {
  int port = read_options(count, given);
  signal(SIGTERM, stop);
  read_requests();
  SSL_CTX *tls = secure ? tls_context() : NULL;
  Client *clients = calloc(connections, sizeof *clients);
  int poll = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    open_client(&clients[i], port, tls);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
    epoll_ctl(poll, EPOLL_CTL_ADD, clients[i].socket, &event);
  }

  double began = seconds_now(), cpu = cpu_seconds();
  counts_from = once ? began : began + 0.5;
  double end = once ? began + 600 : counts_from + seconds;
  for (int i = 0; i < connections; i++) {
    for (int number = 1; number <= window; number++) ask(&clients[i], number);
    send_asked(&clients[i]);
  }
  struct epoll_event events[64];
  while (!stopped && under_way > 0 && seconds_now() < end) {
    int ready = epoll_wait(poll, events, 64, 100);
    for (int i = 0; i < ready; i++) read_client(events[i].data.ptr);
  }

  double now = seconds_now(), took = now - counts_from;
  qsort(latencies, answers, sizeof *latencies, by_size);
  printf("{\"perSecond\":%.3f,\"answers\":%llu,\"entries\":%llu,\"bytes\":%llu,\"wrong\":%llu,\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"cpu\":%.3f}\n",
         took > 0 ? answers / took : 0, answers, entries, received, wrong, latency_ms(0.5), latency_ms(0.99),
         (cpu_seconds() - cpu) / (now - began));
  return 0;
}
