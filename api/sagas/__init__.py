"""Sagas as their operators see them: how far each is, what went wrong, what is done about it: `/v1/sagas`."""
