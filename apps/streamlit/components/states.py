"""What a page says when it has nothing to show: why, and the command or link that mends it.

Belongs here: written empty and error states. Does not belong here: deciding when a page is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import streamlit as st

from apps.streamlit.components import formats
from nexus.errors import NexusError


def empty(title: str, why: str, *, command: str | None = None, icon: str = ":material/inbox:") -> None:
    """A calm box: what is missing, why, and what brings it."""
    with st.container(border=True):
        st.markdown(f"**{icon} {title}**")
        st.markdown(why)
        if command:
            st.code(command, language=None)


def nothing_published(home: str) -> None:
    empty(
        "Nothing is published yet",
        "These pages read the last warehouse version that passed its quality gates, and there is none in this home "
        f"(`{home}`). Bring data in and build; this page fills itself as soon as a version is published.",
        command="nexus ingest stripe <folder> --workspace demo\nnexus build",
        icon=":material/database_off:",
    )


def no_workspace(hidden: bool) -> None:
    """`hidden`: there are workspaces with data, but none in which the visitor may see this page."""
    if hidden:
        empty(
            "None of your workspaces has data yet",
            "The published version holds no records of a workspace in which you may see this page.",
            icon=":material/lock:",
        )
        return
    empty(
        "The published version holds no workspace",
        "A workspace appears with its first record. Land one source and build again.",
        command="nexus ingest stripe <folder> --workspace demo\nnexus build",
    )


def no_rows(what: str, period: str, hint: str = "Choose a longer period above.") -> None:
    """An honest nothing: there was nothing in this period."""
    st.info(f"No {what} in {period}. {hint}", icon=":material/info:")


def not_landed(what: str, source: str) -> None:
    """A source that this workspace has never sent."""
    empty(
        f"No {what} in this workspace",
        "This page fills itself once such a source is landed and built.",
        command=f"nexus ingest {source} <folder>\nnexus build",
    )


def failed(error: Exception) -> None:
    """An error in words, with its remedy where it has one."""
    message, remedy = (error.message, error.remedy) if isinstance(error, NexusError) else (str(error), None)
    st.error(
        f"**This could not be read.** {formats.md(message.splitlines()[0]) if message else type(error).__name__}",
        icon="⚠️",
    )
    st.markdown(f"What helps: `{remedy}`" if remedy else "What helps: reload the page; then `nexus doctor`.")


@contextmanager
def guarded() -> Iterator[None]:
    """One part of a page: if its read fails, the others stay."""
    try:
        yield
    except (NexusError, duckdb.Error) as error:
        failed(error)
