#include "build_config.h"

#include "daemon/readers.h"

/* While one is under way this waits: what is asked of workers before a request may be older than it. */
void readers_go_on(struct readers *readers)
{
	bool dump = readers->dump_wants && !readers->dumping;
	bool pairs = dump || readers->http_wants[REPORT_PAIRS], sums = readers->http_wants[REPORT_SUMS];

	if (readers->paused || readers->under_way || (!pairs && !sums))
		return;
	readers->under_way = true;
	readers->for_dump = dump;
	readers->for_http = readers->http_wants[REPORT_PAIRS] || sums;
	readers->dump_wants = readers->dump_wants && !dump;
	readers->http_wants[REPORT_PAIRS] = readers->http_wants[REPORT_SUMS] = false;
	collector_request(readers->collector, readers->workers, pairs ? REPORT_PAIRS : REPORT_SUMS);
}

void readers_want_dump(struct readers *readers)
{
	readers->dump_wants = true;
	readers_go_on(readers);
}

void readers_want_http(struct readers *readers, enum report_depth depth)
{
	readers->http_wants[depth] = true;
	readers_go_on(readers);
}

void readers_take(struct readers *readers, struct report *report)
{
	readers->under_way = false;
	if (readers->for_http)
		http_take_report(readers->http, report ? report_get(report) : NULL);
	if (readers->for_dump) {
		readers->dumping = true;
		dump_write(readers->dump, report); /* consumed; may call readers_end_dump */
	} else {
		report_free(report);
	}
}

void readers_pause(struct readers *readers)
{
	readers->paused = true;
}

void readers_resume(struct readers *readers)
{
	readers->paused = false;
	readers_go_on(readers);
}

void readers_end_dump(struct readers *readers)
{
	readers->dumping = false;
	readers_go_on(readers);
}
