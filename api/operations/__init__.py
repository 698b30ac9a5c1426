"""Work that outlasts its request: `202` with `Location: /v1/operations/{id}`."""
