#include "build_config.h"

#include "daemon/dump.h"

#include "base/jobs.h"
#include "base/log.h"
#include "report/file.h"
#include "report/json.h"
#include "report/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dump {
	struct config *config;
	struct jobs *jobs;
	void (*written)(void *arg);
	void *arg;
};

/* One dump. It may outlive struct dump, so it holds all that it needs to be written. */
struct dump_job {
	struct job job;
	struct dump *dump; /* valid in done only */
	struct config *config;
	struct report *report;
};

static void complain(const struct config *config, int error)
{
	bool to_log = strcmp(config->global.dump_file, "-") == 0;

	log_error("cannot write the dump to %s: %s", to_log ? "the log" : config->global.dump_file,
	          strerror(-error));
}

static int write_report(void *arg, FILE *out)
{
	const struct dump_job *this = arg;

	if (this->config->global.dump_format == DUMP_JSON)
		return report_write_json(this->report, out);
	return report_write_text(this->report, out);
}

static void run(struct job *job)
{
	struct dump_job *this = (struct dump_job *)job;
	const char *path = this->config->global.dump_file;
	bool to_log = strcmp(path, "-") == 0;
	int error = to_log ? log_block(write_report, this) : report_write_file(path, write_report, this);

	if (error)
		complain(this->config, error);
	report_free(this->report);
	this->report = NULL;
}

static void drop(struct job *job)
{
	struct dump_job *this = (struct dump_job *)job;

	report_free(this->report);
	config_put(this->config);
	free(this);
}

static void done(struct job *job)
{
	struct dump *dump = ((struct dump_job *)job)->dump;

	drop(job);
	dump->written(dump->arg);
}

static void run_sweep(struct job *job)
{
	report_remove_leftover(((struct dump_job *)job)->config->global.dump_file);
}

/* Takes over report. 0 or -errno. */
static int submit(struct dump *dump, const struct job *job, struct report *report)
{
	struct dump_job *this = calloc(1, sizeof(*this));
	int error;

	if (!this) {
		report_free(report);
		return -ENOMEM;
	}
	this->job = *job;
	this->dump = dump;
	this->config = config_get(dump->config);
	this->report = report;
	error = jobs_submit(dump->jobs, &this->job);
	if (error)
		drop(&this->job);
	return error;
}

void dump_sweep(struct dump *dump)
{
	static const struct job job = {.run = run_sweep, .done = drop, .drop = drop};

	if (strcmp(dump->config->global.dump_file, "-") != 0)
		(void)submit(dump, &job, NULL); /* if it fails, the next dump does the same */
}

void dump_configure(struct dump *dump, struct config *config)
{
	struct config *before = dump->config;

	dump->config = config_get(config);
	if (strcmp(before->global.dump_file, config->global.dump_file) != 0)
		dump_sweep(dump);
	config_put(before);
}

void dump_write(struct dump *dump, struct report *report)
{
	static const struct job job = {.run = run, .done = done, .drop = drop};
	int error = report ? submit(dump, &job, report) : -ENOMEM;

	if (!error)
		return;
	complain(dump->config, error);
	dump->written(dump->arg);
}

struct dump *dump_new(struct event_base *base, struct config *config, void (*written)(void *arg), void *arg)
{
	struct dump *dump = calloc(1, sizeof(*dump));

	if (!dump)
		return NULL;
	dump->config = config_get(config);
	dump->written = written;
	dump->arg = arg;
	dump->jobs = jobs_new(base, 1);
	if (dump->jobs)
		return dump;
	dump_free(dump);
	return NULL;
}

bool dump_is_idle(const struct dump *dump)
{
	return jobs_are_idle(dump->jobs);
}

bool dump_free(struct dump *dump)
{
	bool written;

	if (!dump)
		return true;
	written = jobs_free(dump->jobs);
	config_put(dump->config);
	free(dump);
	return written;
}
