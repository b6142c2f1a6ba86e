#include "build_config.h"

#include "daemon/takeover_reading.h"

#include "base/memory_file.h"
#include "config/ini_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct takeover_reading {
	struct job job;
	struct takeover_request request;
	struct takeover_read read;
	takeover_reading_done *done;
	void *arg;
};

/* ---- on a thread of jobs ---- */

static int open_program(struct takeover_reading *this)
{
	const struct program *program = this->request.program;

	this->read.failed = *program->path ? program->path : "/proc/self/exe";
	this->read.program = program_open(program);
	return this->read.program < 0 ? this->read.program : 0;
}

static int read_config(struct takeover_reading *this)
{
	const char *file = this->request.file;
	int error;

	if (!file)
		return 0;
	this->read.failed = file;
	this->read.config = memory_file_new("weir-config");
	if (this->read.config < 0)
		return this->read.config;
	error = memory_file_append(this->read.config, file, INI_FILE_MAX);
	return error ? error : memory_file_seal(this->read.config);
}

static void run(struct job *job)
{
	struct takeover_reading *this = (struct takeover_reading *)job;

	this->read.unchanged = this->request.only_if_changed && !program_has_changed(this->request.program);
	if (this->read.unchanged)
		return;
	this->read.error = open_program(this);
	if (!this->read.error)
		this->read.error = read_config(this);
}

/* ---- on the thread that has asked ---- */

static void drop(struct job *job)
{
	struct takeover_reading *this = (struct takeover_reading *)job;

	if (this->read.program >= 0)
		close(this->read.program);
	if (this->read.config >= 0)
		close(this->read.config);
	free(this);
}

static void finish(struct job *job)
{
	struct takeover_reading *this = (struct takeover_reading *)job;

	this->done(this->arg, this, &this->read);
	drop(job);
}

struct takeover_reading *takeover_reading_begin(struct jobs *jobs, const struct takeover_request *request,
                                                takeover_reading_done *done, void *arg)
{
	struct takeover_reading *this = calloc(1, sizeof(*this));
	int error;

	if (!this)
		return NULL;
	*this = (struct takeover_reading){
	        .job = {.run = run, .done = finish, .drop = drop},
	        .request = *request,
	        .read = {.program = -1, .config = -1},
	        .done = done,
	        .arg = arg,
	};
	error = jobs_submit(jobs, &this->job);
	if (!error)
		return this;
	free(this);
	errno = -error;
	return NULL;
}
