/*
 * Runs the interpreter over the files given, one input each, as fuzz.c does with what it makes up: without clang.
 */
#include "fuzz.c"

#include <stdio.h>

/* libFuzzer has this one; nothing is made up here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
{
	(void)data;
	(void)max;
	return size;
}

int main(int argc, char **argv)
{
	static uint8_t data[65536];

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "r");
		size_t size;

		if (!f) {
			perror(argv[i]);
			return 1;
		}
		size = fread(data, 1, sizeof(data), f);
		fclose(f);
		LLVMFuzzerTestOneInput(data, size);
	}
	if (argc < 2) {
		fprintf(stderr, "no inputs\n");
		return 1;
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
