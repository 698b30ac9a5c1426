"""What happened in which request: trace context, spans, metrics, logs.

Belongs here: what every layer needs to say where it is. Does not belong here: what a slice counts or logs.
"""
