/* Where the lines of a text end.

   Belongs here: the loop over line ends. Does not belong here: what is made of lines (read.py), what stands in them (scan.c). */

#include <stddef.h>
#include <stdint.h>

/* As the C library has it, which every process of Python holds: its header may not be there. */
extern void *memchr(const void *, int, size_t);

/* Writes what stands behind each line end into `ends`; how many there are, -1 where there is no room for them. `arrays`
   becomes whether a line begins with a bracket: the rest behind the last end is one too. */
int64_t lines(const uint8_t *text, int64_t length, int32_t *ends, int64_t room, int64_t *arrays) {
    const uint8_t *at = text, *end = text + length;
    int64_t count = 0;
    *arrays = 0;
    while (at < end) {
        const uint8_t *found = memchr(at, '\n', (size_t)(end - at));
        if (*at == '[') *arrays = 1;
        if (!found) break;
        if (count == room) return -1;
        at = found + 1;
        ends[count++] = (int32_t)(at - text);
    }
    return count;
}
