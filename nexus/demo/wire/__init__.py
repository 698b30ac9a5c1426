"""The world in the providers' own export formats, one module a provider.

Belongs here: field names, identifiers and layouts as the providers document them. Nothing is decided here: whoever
wants other facts changes nexus/demo/world.
"""
