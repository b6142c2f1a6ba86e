#include "build_config.h"

#include "judge.h"

const char *judge_end(const struct end *end)
{
	const struct end *opposite = end->opposite;

	if (end->fault)
		return end->fault;
	if (!end_is_over(end))
		return "hangs: no end was seen";
	if (end->received > opposite->sent)
		return "received more than was sent";
	if (end->seen_fin && !opposite->fin)
		return "saw a clean end that the opposite did not make";
	if (end->seen_fin && end->received < opposite->sent)
		return "saw a clean end of a stream that was cut short";
	if (end->seen == SEEN_RST && !opposite->reset)
		return "saw a reset that the opposite did not make";
	if (end->seen == SEEN_RST && end->received < opposite->acknowledged)
		return "was reset before all acknowledged bytes had arrived";
	return NULL;
}

bool judge_clean(const struct end *end)
{
	return !end->reset && !end->opposite->reset;
}

const char *judge_lonely(const struct end *end)
{
	if (end->fault)
		return end->fault;
	if (!end_is_over(end))
		return "hangs: it never heard of an opposite";
	if (end->seen_fin)
		return "saw a clean end and no opposite";
	return NULL;
}
