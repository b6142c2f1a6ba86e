#include "build_config.h"

#include "daemon/loading.h"

#include "base/jobs.h"

#include <errno.h>
#include <stdlib.h>

struct loading {
	struct jobs *jobs;
	const struct config_request *request;
	struct loading_job *current; /* whose result is wanted, or NULL */
	loading_done *done;
	void *arg;
};

/* One attempt. It may outlive struct loading. */
struct loading_job {
	struct job job;
	struct loading *loading; /* valid in done only */
	const struct config_request *request;
	struct config *config;
	struct config_errors errors;
};

static void run(struct job *job)
{
	struct loading_job *this = (struct loading_job *)job;

	this->config = config_load(this->request, &this->errors);
}

static void drop(struct job *job)
{
	struct loading_job *this = (struct loading_job *)job;

	config_put(this->config);
	config_errors_deinit(&this->errors);
	free(this);
}

static void finish(struct job *job)
{
	struct loading_job *this = (struct loading_job *)job;
	struct loading *loading = this->loading;

	if (loading->current == this) {
		struct config *config = this->config;

		this->config = NULL; /* consumed */
		loading->current = NULL;
		loading->done(loading->arg, config, &this->errors);
	}
	drop(job);
}

int loading_begin(struct loading *loading)
{
	struct loading_job *this = calloc(1, sizeof(*this));
	int error;

	if (!this)
		return -ENOMEM;
	this->job = (struct job){.run = run, .done = finish, .drop = drop};
	this->loading = loading;
	this->request = loading->request;
	error = jobs_submit(loading->jobs, &this->job);
	if (error)
		free(this);
	else
		loading->current = this;
	return error;
}

void loading_give_up(struct loading *loading)
{
	loading->current = NULL;
}

struct loading *loading_new(struct event_base *base, const struct config_request *request, loading_done *done,
                            void *arg)
{
	struct loading *loading = calloc(1, sizeof(*loading));

	if (!loading)
		return NULL;
	loading->request = request;
	loading->done = done;
	loading->arg = arg;
	loading->jobs = jobs_new(base, 1);
	if (loading->jobs)
		return loading;
	free(loading);
	return NULL;
}

bool loading_free(struct loading *loading)
{
	bool ended;

	if (!loading)
		return true;
	ended = jobs_free(loading->jobs);
	free(loading);
	return ended;
}
