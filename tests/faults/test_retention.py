"""Old versions are removed while other processes read them: nobody fails, and what is open stays readable."""

from __future__ import annotations

from nexus.settings import Settings
from tests.faults.conftest import NewHome
from tests.faults.shared import readers
from tests.warehouse.test_publish import published
from warehouse.versions import list_versions, versions_dir


def test_versions_are_retired_under_their_readers(new_home: NewHome) -> None:
    settings: Settings = new_home(keep_versions=2)
    published(settings, 1)
    with readers(settings, 1) as current, readers(settings, 1, as_of=True) as listed:
        for n in range(2, 22):
            published(settings, n)
    current.assert_whole()
    listed.assert_whole()
    assert max(current.contents) == 21
    assert len(listed.contents) > 3
    # no two versions have one content, whoever read them and when
    both = {
        version: current.contents[version] | listed.contents[version]
        for version in (*current.contents, *listed.contents)
    }
    assert all(len(contents) == 1 for contents in both.values())
    assert len(set.union(*both.values())) == len(both)
    assert [v.version for v in list_versions(settings, readable=True)] == [21, 20]
    assert len(list(versions_dir(settings).iterdir())) == 2
