/*
 * Reads a JSON dump and prints it as the text dump would look, one record a line, so that the same checks
 * serve both formats. The exit status is 1 if the file is not JSON or does not have the form of a dump.
 */
#include "build_config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static void fail(const char *what, const char *key)
{
	fprintf(stderr, "jsonrecords: %s: %s\n", key, what);
	exit(EXIT_FAILURE);
}

static void print_field(const char *key, const json_t *value)
{
	if (json_is_integer(value))
		printf(" %s=%" JSON_INTEGER_FORMAT, key, json_integer_value(value));
	else if (json_is_string(value))
		printf(" %s=%s", key, json_string_value(value));
	else if (json_is_null(value))
		printf(" %s=-", key);
	else if (!json_is_array(value))
		fail("neither a number nor a string nor null nor an array", key);
}

static void print_records(const char *kind, json_t *value);

/* The object's own fields on one line, then the records inside it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as a dump, which is two levels */
static void print_record(const char *kind, json_t *object)
{
	const char *key;
	json_t *value;

	printf("%s", kind);
	json_object_foreach(object, key, value) print_field(key, value);
	printf("\n");
	json_object_foreach(object, key, value) if (json_is_array(value)) print_records(key, value);
}

/* NOLINTNEXTLINE(misc-no-recursion): see above */
static void print_records(const char *kind, json_t *value)
{
	size_t i;
	json_t *element;

	if (json_is_object(value)) {
		print_record(kind, value);
		return;
	}
	if (!json_is_array(value))
		fail("neither an object nor an array", kind);
	json_array_foreach(value, i, element)
	{
		if (!json_is_object(element))
			fail("an array of something else than objects", kind);
		print_record(kind, element);
	}
}

int main(int argc, char **argv)
{
	json_error_t error;
	const char *key;
	json_t *value;
	json_t *root;

	if (argc != 2) {
		fprintf(stderr, "usage: jsonrecords FILE\n");
		return 64;
	}
	root = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(root))
		fail(root ? "not an object" : error.text, argv[1]);
	json_object_foreach(root, key, value) print_records(key, value);
	json_decref(root);
	return EXIT_SUCCESS;
}
