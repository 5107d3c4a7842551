/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without an engine: runs the target's function once for each file named on the command line, or found in
 * a folder named there, and says how many that were. It needs no compiler but the system's, so that every input that
 * was ever worth keeping is checked on every machine, under whatever sanitizers the build has. An input that the target
 * does not survive ends the program, with its path as the last line of output.
 *
 * Each input is copied to the end of a block of exactly its length, so that a sanitizer or valgrind sees an over-read of
 * one byte.
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Custom mutators call the engine's own; here nothing is ever mutated. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	(void)data;
	(void)max_size;
	return size;
}

static unsigned long ran;

static void give_up(const char *path)
{
	perror(path);
	exit(2);
}

static void run_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(size ? size : 1);

	if (!f || !data)
		give_up(path);
	if (fread(data, 1, size, f) != size)
		give_up(path);
	fclose(f);
	/* the last line when the target does not come back */
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	ran++;
}

static void run_path(const char *path)
{
	struct stat st;
	struct dirent *entry;
	DIR *folder;

	if (stat(path, &st) != 0)
		give_up(path);
	if (!S_ISDIR(st.st_mode)) {
		run_file(path, (size_t)st.st_size);
		return;
	}
	folder = opendir(path);
	if (!folder)
		give_up(path);
	while ((entry = readdir(folder)) != NULL) {
		char inner[4096];

		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) < (int)sizeof inner)
			run_path(inner);
	}
	closedir(folder);
}

int main(int argc, char **argv)
{
	/* no input at all is an input as well */
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	printf("%lu inputs replayed\n", ran);
	return 0;
}
