"""All SQL of organisations, a module each for what is read and changed together."""
