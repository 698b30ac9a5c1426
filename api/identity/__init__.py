"""Who a person is: users, passwords, browser sessions and the pages where one signs in (docs/identity.md).

A user is global: which organisations they belong to, and what they may do there, `api/organisations` says. So no table of
this slice has a tenant; only `nexus_system` reads them, and their events belong to the organisation of this machine.
"""
