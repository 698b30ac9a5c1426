"""The OpenID provider: applications sign people in through Nexus, and call it with tokens that it has issued.

One slice, as every other (docs/adding-a-domain.md). The protocols are Authlib's, bound to this house in `flow/`; keys,
redirect addresses, scopes and claims are modules beside it (docs/adr says why).
"""
