#include "build_config.h"

#include "net/tcp_state.h"

#include "base/number.h"
#include "net/stream.h"

#include <linux/tcp.h> /* netinet/tcp.h has an older struct tcp_info */
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* What getsockopt(2) has said, and how much of it. */
struct answer {
	struct tcp_info info;
	size_t length;
};

/* A kernel that is older than our headers says less, and then the rest is zero. */
#define TOLD(answer, field)                                                                                  \
	told(&(answer)->info.field, (answer)->length, offsetof(struct tcp_info, field),                      \
	     sizeof((answer)->info.field))

static uint64_t told(const void *field, size_t length, size_t offset, size_t size)
{
	uint32_t small;
	uint64_t large;

	if (length < offset + size)
		return TCP_UNKNOWN;
	if (size == sizeof(large)) {
		memcpy(&large, field, sizeof(large));
		return large;
	}
	memcpy(&small, field, sizeof(small));
	return small;
}

/* Of a measurement that is no_value until it was made once. */
static uint64_t measured(uint64_t value, uint64_t no_value)
{
	return value == no_value ? TCP_UNKNOWN : value;
}

static void take_sending(const struct answer *answer, struct tcp_state *state)
{
	const struct tcp_info *info = &answer->info;

	state->unsent = TOLD(answer, tcpi_notsent_bytes);
	state->room = TOLD(answer, tcpi_snd_wnd);
	state->busy = TOLD(answer, tcpi_busy_time);
	state->shut = TOLD(answer, tcpi_rwnd_limited);
	state->acknowledged = TOLD(answer, tcpi_bytes_acked);
	state->resent = info->tcpi_total_retrans;
	state->rtt = measured(info->tcpi_rtt, 0);
	state->rtt_min = measured(TOLD(answer, tcpi_min_rtt), UINT32_MAX);
	state->tries = (uint64_t)info->tcpi_retransmits + info->tcpi_probes;
	state->heard_ms = min_u64(info->tcpi_last_ack_recv, info->tcpi_last_data_recv);
}

static void take_receiving(const struct answer *answer, struct tcp_state *state)
{
	const struct tcp_info *info = &answer->info;

	state->received = TOLD(answer, tcpi_bytes_received);
	state->segments = TOLD(answer, tcpi_data_segs_in);
	state->reordered = TOLD(answer, tcpi_rcv_ooopack);
	/* What it has sent most at a time; small messages alone do not show how large a segment may be. */
	state->segment = max_u64(info->tcpi_rcv_mss, info->tcpi_snd_mss);
	state->receive_rtt = measured(info->tcpi_rcv_rtt, 0);
	state->receive_window = info->tcpi_rcv_ssthresh;
}

struct tcp_state tcp_state(int fd)
{
	struct answer answer = {.length = 0};
	struct tcp_state state;
	socklen_t length = sizeof(answer.info);

	memset(&state, 0xff, sizeof(state)); /* TCP_UNKNOWN */
	state.known = fd >= 0 && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &answer.info, &length) == 0;
	if (!state.known)
		return state;
	answer.length = length;
	take_sending(&answer, &state);
	take_receiving(&answer, &state);
	/* TCP_INFO has that in segments only. Most connections have none outstanding, and cost one call. */
	state.unacknowledged =
	        answer.info.tcpi_unacked > 0 || state.unsent != 0 ? stream_unacknowledged(fd) : 0;
	return state;
}
