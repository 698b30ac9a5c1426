"""Invitations of an older database: by what they are found once their person goes."""

from __future__ import annotations

import psycopg

from api.identity.directory import email_key
from nexus import postgres
from nexus.db.migrate import migrate
from nexus.settings import Settings

WRITTEN = ("ada@example.com", "Stra\N{LATIN SMALL LETTER SHARP S}e@Example.com")


def test_invitations_that_were_there_learn_how_their_address_is_compared(settings: Settings) -> None:
    migrate(settings, "organisations_0005")
    with psycopg.connect(postgres.dsn(settings)) as connection:
        connection.execute("insert into app.organisation (id, name) values ('org_1', 'Example Works')")
        for number, email in enumerate((*WRITTEN, WRITTEN[0])):
            connection.execute(
                "insert into app.organisations_invitation"
                " (organisation_id, id, email, token_hash, roles, invited_by, expires_at)"
                " values ('org_1', %s, %s, %s, '[]', 'usr_1', now())",
                (f"ivt_{number}", email, bytes([number])),
            )
    migrate(settings)
    with psycopg.connect(postgres.dsn(settings)) as connection:
        found = connection.execute("select email, email_key from app.organisations_invitation").fetchall()
    assert len(found) == 3
    assert set(found) == {(email, email_key(email)) for email in WRITTEN}
