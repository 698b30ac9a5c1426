/* Lines that are spelt like one that was seen before, scanned into columns.

   Belongs here: the loop over bytes. Does not belong here: how a document is spelt (stencil.py), what is made of the
   columns (scanned.py), lines that are not like any (typist.py).

   A value is taken only if a close look would take it and make the same of it: whatever is in doubt makes its line odd.
   No byte is read beyond the end of a line, and none is written beyond the room that scanned.py has made: no text that
   a line gives is longer than the line. */

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers are read as they lie in memory"
#endif

typedef const uint8_t *bytes;

/* What stands behind a literal of a stencil: a value of one of these kinds, or the end of the line. */
enum kind { STRING, INTEGER, DECIMAL, BOOLEAN, INSTANT, EPOCH, DAY, UNNAMED, END };

/* A literal, a value, and the literals before it in what is left of the document and in the text that its hash is of. */
typedef struct {
    int64_t begin, end, kind, column, left_begin, left_end, hashed_begin, hashed_end;
} step;

/* The number of its text, or of its bits, or the bytes of the numbers of a row that stand before its own, which has as many as
   `width` says (0 for a bit). Whether null is a value, the least and greatest number as it is written, what it is
   multiplied by, and the only words that may stand there, if any: the first, and how many. */
typedef struct {
    int64_t slot, width, optional, least, most, scale, word, words;
} column;

/* Stencils begin at the steps `first`; literals and words are places in `literals`; `id` is the column of the id or -1; `rows`, for which there is room, are a multiple of 64. */
typedef struct {
    bytes literals;
    const int64_t *first;
    const step *steps;
    const column *columns;
    const int64_t *words;
    int64_t stencils, columns_count, texts, room, rows, id;
} plan;

/* Columns as Arrow has them. Text t of row r is `ends[t][r]` to `ends[t][r + 1]` of the t-th share of `texts`; the last two
   texts are what is left of a document, and the text that its hash is of. Numbers stand column by column. `bits`, which
   are 0 at first, tell for each column whether it has a value, then the same of what is left, then whether those that are
   bits are true. `met` is of stencils; `keys` are hashes of ids. */
typedef struct {
    uint8_t *texts;
    int32_t *ends;
    uint8_t *numbers, *bits, *met, *odd;
    uint64_t *hashes, *keys;
} out;

/* Digits of which a double keeps every one: the engine reads numbers with a point as doubles. */
#define EXACT 15
/* What is nested deeper is left to a close look. */
#define DEEPEST 60
#define MOST_TEXTS 256

static inline uint64_t eight(bytes at) {
    uint64_t found;
    __builtin_memcpy(&found, at, 8);
    return found;
}

/* The first and the last so many bytes of a text, which may overlap. */
#define BOTH_ENDS(count) \
    (__builtin_memcpy(to, from, count), __builtin_memcpy(to + length - (count), end - (count), count))

/* Copies a text; those of usual length without a call. */
static inline uint8_t *copied(uint8_t *to, bytes from, bytes end) {
    int64_t length = end - from;
    if (length > 32) {
        __builtin_memcpy(to, from, length);
    } else if (length >= 16) {
        BOTH_ENDS(16);
    } else if (length >= 8) {
        BOTH_ENDS(8);
    } else if (length >= 4) {
        BOTH_ENDS(4);
    } else if (length) {
        BOTH_ENDS(1);
        to[length / 2] = from[length / 2];
    }
    return to + length;
}

/* One in each byte. */
#define ALL 0x0101010101010101u
#define MULTIPLIER 0xd6e8feb86659fd93u

/* `hash` of the engine, of a text and as many bytes behind it as `more` says, 0 or 1: a line end. */
static uint64_t hash_of(bytes at, bytes end, int more) {
    uint64_t length = (uint64_t)(end - at) + more, found = 0xe17a1465u ^ (length * 0xc6a4a7935bd1e995u), block;
    for (; end - at >= 8; at += 8) found = (found ^ eight(at)) * MULTIPLIER;
    if (length & 7 || more) {
        int i = 0;
        for (block = 0; at < end; at++) block |= (uint64_t)*at << 8 * i++;
        if (more) block |= (uint64_t)'\n' << 8 * i;
        found = (found ^ block) * MULTIPLIER;
    }
    found = (found ^ found >> 32) * MULTIPLIER;
    found = (found ^ found >> 32) * MULTIPLIER;
    return found ^ found >> 32;
}

/* The same, for whoever wants to know whether the engine reckons so still. */
uint64_t hashed(bytes text, int64_t length, int more) { return hash_of(text, text + length, more); }

/* The sixteen digits of each of `count` hashes. */
void hexadecimal(const uint64_t *values, int64_t count, uint8_t *to) {
    for (int64_t n = 0; n < count; n++)
        for (int bits = 60; bits >= 0; bits -= 4) *to++ = (uint8_t)"0123456789abcdef"[values[n] >> bits & 15];
}

static inline int is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* Whether `word` to `end` stands at `at`, where there are as many bytes. */
static inline int same(bytes at, bytes word, bytes end) {
    int64_t length = end - word;
    if (length < 8) {
        for (; word < end; at++, word++)
            if (*at != *word) return 0;
        return 1;
    }
    for (; end - word >= 8; at += 8, word += 8)
        if (eight(at) != eight(word)) return 0;
    /* the last eight, some of which have been seen */
    return eight(at + (end - word) - 8) == eight(end - 8);
}

static inline int is_word(bytes at, bytes end, const char *word, int length) {
    return end - at >= length && same(at, (bytes)word, (bytes)word + length);
}

/* The quote that ends the text whose first quote is at `at`; none where it has an escape or is no text. */
static bytes string(bytes at, bytes end) {
    if (at >= end || *at != '"') return 0;
    for (at++; end - at >= 8; at += 8) {
        /* eight bytes at once: the highest bit of each that is a quote, a backslash or a control character, and of none
           before the first such */
        uint64_t some = eight(at), quotes = some ^ ALL * '"', escapes = some ^ ALL * '\\';
        uint64_t found = ((quotes - ALL) & ~quotes) | ((escapes - ALL) & ~escapes) | ((some - ALL * ' ') & ~some);
        if (found &= ALL * 0x80) {
            at += __builtin_ctzll(found) >> 3;
            return *at == '"' ? at : 0;
        }
    }
    for (; at < end; at++) {
        if (*at == '"') return at;
        if (*at == '\\' || *at < ' ') return 0;
    }
    return 0;
}

/* What follows a whole number as every program writes it, none for any other. */
static bytes whole(bytes at, bytes end, int64_t *value) {
    int negative = at < end && *at == '-';
    bytes begin = at += negative;
    int64_t found = 0;
    for (; at < end && is_digit(*at); at++) {
        if (at - begin == 18) return 0;
        found = found * 10 + (*at - '0');
    }
    if (at == begin || (*begin == '0' && (negative || at - begin > 1))) return 0;
    *value = negative ? -found : found;
    return at;
}

/* What follows a number of at most nine digits on either side of its point, none for any other; the number times 10^9;
   and whether the engine would write it as it is. */
static bytes decimal(bytes at, bytes end, int64_t *value, int *alike) {
    int negative = at < end && *at == '-';
    bytes begin = at += negative;
    int64_t found = 0, digits, places = 0;
    for (; at < end && is_digit(*at); at++) {
        if (at - begin == 9) return 0;
        found = found * 10 + (*at - '0');
    }
    digits = at - begin;
    if (!digits || (digits > 1 && *begin == '0')) return 0;
    *alike = !(negative && !found);
    if (at < end && *at == '.') {
        int nothing = !found;
        for (begin = ++at; at < end && is_digit(*at); at++) {
            if (at - begin == 9) return 0;
            found = found * 10 + (*at - '0');
            /* very small ones are written with an exponent */
            if (nothing && !found && at - begin >= 3) *alike = 0;
        }
        places = at - begin;
        if (!places || digits + places > EXACT) return 0;
        if (places > 1 && at[-1] == '0') *alike = 0;
    }
    for (; places < 9; places++) found *= 10;
    *value = negative ? -found : found;
    return at;
}

/* The number that so many digits are, -1 where one is none. The caller knows that there are as many bytes. */
static int64_t digits(bytes at, int count) {
    int64_t found = 0;
    for (; count--; at++) {
        if (!is_digit(*at)) return -1;
        found = found * 10 + (*at - '0');
    }
    return found;
}

/* Whether YYYY-MM-DD stands there, of a year from 2 to 9998, and its days since 1970 (days_from_civil of Howard Hinnant). */
static int day(bytes at, bytes end, int64_t *days) {
    static const uint8_t of_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (end - at < 10 || at[4] != '-' || at[7] != '-') return 0;
    int64_t y = digits(at, 4), m = digits(at + 5, 2), d = digits(at + 8, 2);
    if (y < 2 || y > 9998 || m < 1 || m > 12 || d < 1) return 0;
    int leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    if (d > of_month[m - 1] + (m == 2 && leap)) return 0;
    if (m <= 2) y--;
    int64_t era = y / 400, of_era = y - era * 400, of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    *days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return 1;
}

/* Whether `at` to `end` is a time of RFC 3339, or one without zone, which is UTC; and its microseconds since 1970. */
static int instant(bytes at, bytes end, int64_t *value) {
    int64_t days, part = 0, away = 0;
    if (!day(at, end, &days)) return 0;
    at += 10;
    if (at == end) {
        *value = days * 86400000000;
        return 1;
    }
    if (end - at < 9 || (*at != 'T' && *at != ' ') || at[3] != ':' || at[6] != ':') return 0;
    int64_t hour = digits(at + 1, 2), minute = digits(at + 4, 2), second = digits(at + 7, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return 0;
    at += 9;
    if (at < end && *at == '.') {
        bytes begin = ++at;
        for (; at < end && is_digit(*at); at++) {
            if (at - begin == 6) return 0;
            part = part * 10 + (*at - '0');
        }
        if (at == begin) return 0;
        for (int64_t places = at - begin; places < 6; places++) part *= 10;
    }
    if (end - at == 1 && *at == 'Z') {
        at++;
    } else if (end - at == 6 && (*at == '+' || *at == '-') && at[3] == ':') {
        int64_t hours = digits(at + 1, 2), minutes = digits(at + 4, 2);
        if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return 0;
        away = (hours * 60 + minutes) * (*at == '-' ? -1 : 1);
        at += 6;
    }
    *value = (((days * 24 + hour) * 60 + minute - away) * 60 + second) * 1000000 + part;
    return at == end;
}

/* What follows a text, number or word that the engine would write as it is; none for others. */
static bytes plain(bytes at, bytes end) {
    if (*at == '"') {
        at = string(at, end);
        return at ? at + 1 : 0;
    }
    if (*at == '-' || is_digit(*at)) {
        int64_t value;
        int alike = 1;
        bytes behind = whole(at, end, &value);
        if (!behind || (behind < end && *behind == '.')) behind = decimal(at, end, &value, &alike);
        /* an exponent is left to a close look */
        return behind && alike && !(behind < end && (*behind | 32) == 'e') ? behind : 0;
    }
    if (is_word(at, end, "null", 4) || is_word(at, end, "true", 4)) return at + 4;
    return is_word(at, end, "false", 5) ? at + 5 : 0;
}

/* What follows the colon of a name. */
static bytes name(bytes at, bytes end) {
    at = string(at, end);
    return at && end - at > 1 && at[1] == ':' ? at + 2 : 0;
}

/* What follows a value of any kind that the engine would write as it is; none for others. */
static bytes anything(bytes at, bytes end) {
    uint64_t depth = 0, objects = 0; /* brackets that are open, one bit each: whether it is an object */
    while (at < end) {
        if (*at == '{' || *at == '[') {
            int object = *at++ == '{';
            if (at < end && *at == (object ? '}' : ']')) {
                at++;
            } else {
                if (depth++ == DEEPEST) return 0;
                objects = objects << 1 | object;
                if (object && !(at = name(at, end))) return 0;
                continue;
            }
        } else if (!(at = plain(at, end))) {
            return 0;
        }
        for (; depth && at < end && *at == (objects & 1 ? '}' : ']'); at++, depth--) objects >>= 1;
        if (!depth) return at;
        if (at >= end || *at++ != ',') return 0;
        if (objects & 1 && !(at = name(at, end))) return 0;
    }
    return 0;
}

/* What follows a value that becomes a number; none where a close look is needed. A quoted one ends at `quote`. */
static bytes number(int64_t kind, bytes at, bytes end, bytes quote, int rewrites, int64_t *value) {
    bytes begin = at + (quote != 0), limit = quote ? quote : end, behind;
    int alike = 1;
    switch (kind) {
    case INSTANT: return quote && instant(begin, quote, value) ? quote : 0;
    case DAY: return quote && day(begin, quote, value) && quote - begin == 10 ? quote : 0;
    case BOOLEAN:
        *value = *at == 't';
        if (is_word(at, end, "true", 4)) return at + 4;
        return is_word(at, end, "false", 5) ? at + 5 : 0;
    case DECIMAL: behind = decimal(begin, limit, value, &alike); break;
    default: behind = whole(begin, limit, value);
    }
    if (rewrites && !quote && !alike) return 0;
    return quote && behind != quote ? 0 : behind;
}

static int one_of(const plan *p, const column *c, bytes begin, bytes end) {
    for (int64_t word = c->word; word < c->word + c->words; word++) {
        const int64_t *place = p->words + 2 * word;
        if (place[1] - place[0] == end - begin && same(begin, p->literals + place[0], p->literals + place[1])) return 1;
    }
    return 0;
}

static inline void set(uint8_t *bits, int64_t place) { bits[place >> 3] |= (uint8_t)(1 << (place & 7)); }

/* Writes a number as wide as its column. */
static void put(const plan *p, const out *o, const column *c, int64_t row, int64_t value) {
    uint8_t *to = o->numbers + c->slot * p->rows + row * c->width;
    int64_t high = value >> 63;
    switch (c->width) {
    case 16: __builtin_memcpy(to + 8, &high, 8); /* fall through */
    case 8: __builtin_memcpy(to, &value, 8); break;
    case 4: __builtin_memcpy(to, &value, 4); break;
    default:
        if (value) set(o->bits, c->slot * p->rows + row);
    }
}

/* Takes a line by a stencil: whether it is spelt like it. `to` is where the texts go on. */
static int line(const plan *p, const out *o, int64_t row, int64_t stencil, bytes at, bytes end, int rewrites, uint8_t **to) {
    uint8_t **left = to + p->texts - 2, **whole = to + p->texts - 1;
    for (const step *s = p->steps + p->first[stencil]; s < p->steps + p->first[stencil + 1]; s++) {
        if (end - at < s->end - s->begin || !same(at, p->literals + s->begin, p->literals + s->end)) return 0;
        at += s->end - s->begin;
        if (rewrites) *whole = copied(*whole, p->literals + s->hashed_begin, p->literals + s->hashed_end);
        *left = copied(*left, p->literals + s->left_begin, p->literals + s->left_end);
        if (s->kind == END) return at == end;
        if (at == end) return 0;
        bytes behind;
        if (s->kind == UNNAMED) {
            if (!(behind = anything(at, end))) return 0;
            *left = copied(*left, at, behind);
        } else {
            const column *c = p->columns + s->column;
            if (is_word(at, end, "null", 4)) {
                if (!c->optional) return 0;
                behind = at + 4;
            } else {
                bytes quote = *at == '"' ? string(at, end) : 0;
                if (*at == '"' && !quote) return 0;
                if (s->kind == STRING) {
                    if (!quote || (c->words && !one_of(p, c, at + 1, quote))) return 0;
                    to[c->slot] = copied(to[c->slot], at + 1, quote);
                    behind = quote;
                } else {
                    int64_t value;
                    if (!(behind = number(s->kind, at, end, quote, rewrites, &value))) return 0;
                    if (value < c->least || value > c->most) return 0;
                    put(p, o, c, row, value * c->scale);
                }
                set(o->bits, s->column * p->rows + row);
                if (s->column == p->id) o->keys[row] = hash_of(at + (quote != 0), behind, 0);
                behind += quote != 0;
            }
        }
        if (rewrites) *whole = copied(*whole, at, behind);
        at = behind;
    }
    return 0;
}

/* Takes `count` documents, which lie between the `offsets` of `text`, as rows from `row` on; those that are spelt like no
   stencil are odd. Each is tried first by the stencil of the one before: `last`, and the last is given back. With
   `rewrites` the texts that hashes are of are written as well. -1 where there is no room. */
int64_t scan(const plan *p, const out *o, bytes text, const int32_t *offsets, int64_t count, int64_t row, int64_t last,
             int rewrites) {
    uint8_t *to[MOST_TEXTS];
    if (p->texts > MOST_TEXTS || row + count > p->rows) return -1;
    for (int64_t t = 0; t < p->texts; t++)
        if (o->ends[t * (p->rows + 1) + row] + (int64_t)(offsets[count] - offsets[0]) > p->room) return -1;
    for (int64_t n = 0; n < count; n++, row++) {
        bytes begin = text + offsets[n], end = text + offsets[n + 1];
        int taken = 0;
        if (end > begin && end[-1] == '\n') end--;
        for (int64_t turn = 0; turn < p->stencils && !taken; turn++) {
            int64_t stencil = turn == 0 ? last : turn <= last ? turn - 1 : turn;
            for (int64_t t = 0; t < p->texts; t++) to[t] = o->texts + t * p->room + o->ends[t * (p->rows + 1) + row];
            /* what a stencil has written before it failed is written again: names tell columns, whichever takes the line */
            if (!(taken = line(p, o, row, stencil, begin, end, rewrites, to))) continue;
            last = stencil;
            o->met[stencil] = 1;
            if (rewrites) {
                uint8_t *whole = o->texts + (p->texts - 1) * p->room + o->ends[(p->texts - 1) * (p->rows + 1) + row];
                o->hashes[row] = hash_of(whole, to[p->texts - 1], 1);
            } else {
                o->hashes[row] = hash_of(begin, end, 1);
            }
        }
        for (int64_t t = 0; t < p->texts; t++) {
            int32_t *ends = o->ends + t * (p->rows + 1) + row;
            ends[1] = taken ? (int32_t)(to[t] - o->texts - t * p->room) : ends[0];
        }
        const int32_t *left = o->ends + (p->texts - 2) * (p->rows + 1) + row;
        if (left[1] > left[0]) set(o->bits, p->columns_count * p->rows + row);
        o->odd[row] = !taken;
    }
    return last;
}
