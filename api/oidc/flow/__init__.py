"""The protocols, by Authlib, bound to this house: its requests, its clients, its rows.

Authlib's server is synchronous. It runs inside `Session.run_sync`, SQLAlchemy's bridge between both worlds, and what it
asks for is awaited by `await_only`: one transaction, one connection, no thread.
"""
