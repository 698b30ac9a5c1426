"""A second proof of who one is: codes of an app, passkeys, recovery codes, browsers that are trusted (docs/identity.md)."""
