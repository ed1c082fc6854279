// Sends the frames of a capture over an interface, again and again, at a given rate.
//
//   send INTERFACE FILE.pcap RATE SECONDS     RATE in frames a second, 0: as fast as it goes
//
// Through a packet socket, 32 frames a call, past the queueing discipline (PACKET_QDISC_BYPASS): else sockets and queues
// are measured instead of who listens. What is sent is a whole number of rounds through the file, so that what it says is
// known too. Prints the frames that the kernel took, those that it refused, and the nanoseconds that it took.
//
// In C, because all it does is to fill in the kernel's structures.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BURST = 32, FILE_HEADER = 24, RECORD_HEADER = 16 };

static void die(const char *what) {
  fprintf(stderr, "send: %s: %s\n", what, errno ? strerror(errno) : "no frames");
  exit(1);
}

static uint64_t now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void sleep_until(uint64_t at) {
  struct timespec until = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
  }
}

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) die(path);
  *length = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*length);
  if (!bytes || fread(bytes, 1, *length, file) != *length) die(path);
  fclose(file);
  return bytes;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: send INTERFACE FILE.pcap RATE SECONDS\n");
    return 2;
  }
  size_t length, frames = 0;
  char *bytes = read_file(argv[2], &length);
  struct iovec *parts = calloc(length / RECORD_HEADER + 1, sizeof *parts);
  struct mmsghdr *messages = calloc(length / RECORD_HEADER + 1, sizeof *messages);
  if (!parts || !messages) die("memory");
  for (size_t at = FILE_HEADER; at + RECORD_HEADER <= length; frames++) {
    uint32_t captured;
    memcpy(&captured, bytes + at + 8, sizeof captured);
    at += RECORD_HEADER;
    if (captured > length - at) break;
    parts[frames] = (struct iovec){bytes + at, captured};
    messages[frames].msg_hdr.msg_iov = &parts[frames];
    messages[frames].msg_hdr.msg_iovlen = 1;
    at += captured;
  }
  if (!frames) die(argv[2]);

  // Protocol 0: it receives nothing.
  int out = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), yes = 1;
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
  if (out < 0 || !to.sll_ifindex || bind(out, (struct sockaddr *)&to, sizeof to)) die(argv[1]);
  if (setsockopt(out, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes)) die("PACKET_QDISC_BYPASS");

  double rate = atof(argv[3]);
  uint64_t enough = (uint64_t)(atof(argv[4]) * 1e9), sent = 0, refused = 0, begun = now();
  for (size_t at = 0; at || now() - begun < enough; at = at == frames ? 0 : at) {
    if (rate > 0) {
      uint64_t due = begun + (uint64_t)((double)(sent + refused) * 1e9 / rate);
      if (due > now()) sleep_until(due);
    }
    size_t burst = frames - at < BURST ? frames - at : BURST;
    int done = sendmmsg(out, messages + at, (unsigned)burst, 0);
    if (done > 0) {
      sent += (uint64_t)done;
      at += (size_t)done;
    } else if (errno == ENOBUFS) {
      // The other end's queue is full, and the frame is gone.
      refused++;
      at++;
    } else if (errno != EINTR) {
      die("sendmmsg");
    }
  }
  printf("%llu %llu %llu\n", (unsigned long long)sent, (unsigned long long)refused,
         (unsigned long long)(now() - begun));
  return 0;
}
