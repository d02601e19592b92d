/* BER (X.690), as much of it as ldapload needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *what) {
  fprintf(stderr, "ldapload: %s\n", what);
  exit(1);
}

typedef struct {
  unsigned char *bytes;
  size_t length, room;
} Buffer;

static void append(Buffer *to, const void *bytes, size_t length) {
  if (to->length + length > to->room) {
    to->room = (to->length + length) * 2;
    to->bytes = realloc(to->bytes, to->room);
  }
  memcpy(to->bytes + to->length, bytes, length);
  to->length += length;
}

static void header(Buffer *to, int tag, size_t length) {
  unsigned char bytes[4] = {tag, length, 0, 0};
  if (length >= 0x10000) give_up("a request is too long");
  if (length >= 0x80) {
    bytes[1] = 0x82;
    bytes[2] = length >> 8;
    bytes[3] = length & 0xff;
  }
  append(to, bytes, length < 0x80 ? 2 : 4);
}

static void element(Buffer *to, int tag, const void *content, size_t length) {
  header(to, tag, length);
  append(to, content, length);
}

/* Length of the header of the element at `at`, and of its content; 0 while the header is not all there. */
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

typedef struct {
  const unsigned char *at, *end;
} Range;

/* Goes into the element at the beginning of a range. */
static Range into(Range from) {
  size_t content, size = header_at(from.at, from.end - from.at, &content);
  if (size == 0 || from.at + size + content > from.end) give_up("an answer that is not BER");
  return (Range){from.at + size, from.at + size + content};
}

static Range behind(Range from) { return (Range){into(from).end, from.end}; }
