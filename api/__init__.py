"""The HTTP edge of Nexus: one folder for each domain, endpoints → service → repository.

Belongs here: the application, problem documents, credentials, slices. Does not belong here: rules of a layer below
(features, ml, warehouse), pages (apps).
"""
