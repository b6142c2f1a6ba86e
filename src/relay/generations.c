#include "build_config.h"

#include "relay/generations.h"

#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STATE_NAME "the configuration that is handed over" /* in messages, for a file's */

struct generation_state {
	uint64_t number;
	bool current;
	uint64_t text; /* bytes of its configuration, which follow */
};

static const struct state_field generation_fields[] = {
        STATE_FIELD(struct generation_state, number, STATE_U64),
        STATE_FIELD(struct generation_state, current, STATE_BOOL),
        STATE_FIELD(struct generation_state, text, STATE_LONG_TEXT),
        STATE_FIELDS_END,
};
static const struct state_kind generation_kind =
        STATE_KIND("generation", struct generation_state, generation_fields);

/* ---- the list ---- */

void generations_init(struct generations *generations)
{
	TAILQ_INIT(&generations->all);
	generations->last = 0;
}

static void insert(struct generations *generations, struct generation *generation, uint64_t number)
{
	generation->number = number;
	generation->all = &generations->all;
	TAILQ_INSERT_TAIL(&generations->all, generation, entry);
	if (generations->last < number)
		generations->last = number;
}

void generations_add(struct generations *generations, struct generation *generation)
{
	insert(generations, generation, generations->last + 1);
}

struct generation *generations_find(const struct generations *generations, uint64_t number)
{
	struct generation *generation;

	TAILQ_FOREACH_REVERSE(generation, &generations->all, generation_list, entry)
	if (generation->number == number)
		return generation;
	return NULL;
}

struct relay *generations_find_relay(const struct generations *generations, uint64_t number, const char *name)
{
	struct generation *generation = generations_find(generations, number);

	return generation ? generation_find_relay(generation, name) : NULL;
}

/* ---- saving ---- */

static void save(const struct generation *generation, bool current, struct state_writer *writer)
{
	struct generation_state state = {.number = generation->number, .current = current};
	size_t size;
	char *text = config_text(generation->config, &size);

	if (!text) {
		state_writer_fail(writer, -ENOMEM);
		return;
	}
	state.text = size;
	state_put(writer, &generation_kind, &state);
	state_put_bytes(writer, text, size);
	free(text);
}

void generations_save(const struct generations *generations, const struct generation *current,
                      struct state_writer *writer)
{
	const struct generation *generation;

	TAILQ_FOREACH(generation, &generations->all, entry)
	save(generation, generation == current, writer);
}

/* ---- restoring ---- */

static int load(const char *text, size_t size, struct state_reader *reader, struct config **config)
{
	struct config_errors errors = {.count = 0};

	*config = config_load_text(STATE_NAME, text, size, &errors);
	if (errors.count > 0)
		state_fail(reader, errors.text[0]);
	config_errors_deinit(&errors);
	if (*config)
		return 0;
	return state_error(reader) ? -EPROTO : -ENOMEM;
}

/* As each did when it came into force, so the newest has the last word. */
static void configure(const struct generation *generation)
{
	for (size_t i = 0; i < generation->relay_count; i++)
		standing_configure(generation->relays[i]->standing, generation->relays[i]->config);
}

static int make(const struct generations_making *making, struct state_reader *reader,
                struct generation **made)
{
	struct config *config;
	size_t size;
	const char *text = state_bytes(reader, &size);
	int error = load(text ? text : "", size, reader, &config);

	if (error)
		return error;
	*made = generation_new(config, making->standings, making->resolver, making->mailbox);
	config_put(config);
	if (!*made)
		return -ENOMEM;
	configure(*made);
	error = generation_index(*made);
	if (error)
		generation_put(*made);
	return error;
}

static int restore_next(struct generations *generations, const struct generations_making *making,
                        struct state_reader *reader, struct generation **current)
{
	struct generation *generation;
	struct generation_state state;
	int error;

	if (!state_get(reader, &generation_kind, &state))
		return -EPROTO;
	if (state.number <= generations->last)
		return state_fail(reader, "generations by their numbers, from 1 were expected");
	error = make(making, reader, &generation);
	if (error)
		return error;
	insert(generations, generation, state.number);
	if (!state.current)
		return 0;
	if (*current)
		return state_fail(reader, "one generation that is in force was expected");
	*current = generation_get(generation);
	return 0;
}

int generations_restore(struct generations *generations, const struct generations_making *making,
                        struct state_reader *reader, struct generation **current)
{
	int error = 0;

	*current = NULL;
	while (!error && state_is_next(reader, &generation_kind))
		error = restore_next(generations, making, reader, current);
	if (!error && !*current)
		error = state_fail(reader, "a generation that is in force was expected");
	if (error) {
		generation_put(*current);
		*current = NULL;
	}
	return error;
}

void generations_let_go(struct generations *generations)
{
	struct generation *generation, *next;

	for (generation = TAILQ_FIRST(&generations->all); generation; generation = next) {
		next = TAILQ_NEXT(generation, entry);
		generation_put(generation);
	}
}

/* ---- comparing ---- */

bool generation_is_of(const struct generation *generation, const struct config *config)
{
	size_t before, now;
	char *one = config_text(generation->config, &before), *other = config_text(config, &now);
	bool same = one && other && before == now && memcmp(one, other, now) == 0;

	free(one);
	free(other);
	return same;
}

/* Whether it was taken, and is in force. */
static bool take_current(struct state_reader *reader)
{
	struct generation_state state;

	if (state_is_next(reader, &generation_kind))
		return state_get(reader, &generation_kind, &state) && state.current;
	state_skip(reader);
	return false;
}

struct config *generations_find_config(struct state_reader *reader)
{
	struct config *config = NULL;
	const char *text;
	size_t size;

	while (state_peek(reader)) {
		if (!take_current(reader))
			continue;
		text = state_bytes(reader, &size);
		(void)load(text ? text : "", size, reader, &config);
		break;
	}
	return config;
}
