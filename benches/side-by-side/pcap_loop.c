/* The least that a program on libpcap does: reads every packet of a capture file and counts. */
#include <pcap/pcap.h>
#include <stdio.h>

static unsigned long long packets, bytes;

static void count(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
    (void)user;
    (void)data;
    packets++;
    bytes += header->caplen;
}

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *capture = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
    if (capture == NULL || pcap_loop(capture, 0, count, NULL) != 0) {
        fputs("usage: pcap_loop CAPTURE\n", stderr);
        return 1;
    }
    printf("%llu packets, %llu bytes\n", packets, bytes);
    return 0;
}
