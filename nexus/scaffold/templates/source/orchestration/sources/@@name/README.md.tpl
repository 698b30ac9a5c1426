# @@title

**Export**: say here where a person finds it, and which permission it takes. Files may be `.jsonl`, `.ndjson` or `.json`,
also packed.

| table | one row per | key | notes |
|---|---|---|---|
| `raw_@@{name}__@@entity` | @@words | `id` | the newest by `updated` wins |

`fixtures/` holds a few invented records of every kind, one of them broken on purpose.
