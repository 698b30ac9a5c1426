"""Signing in by an organisation's own provider: OpenID Connect or SAML 2.0 (docs/single-sign-on.md).

An organisation has connections (`cnx_…`), each to one provider and for some of its proved domains. A provider vouches for
the people of these domains and for nobody else, and a session that begins there opens that organisation alone.
"""
