"""Bad input at the door: everything good lands, everything bad is kept or named, and nothing is half done."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.contracts import PLAIN, Column, Kind, Source
from nexus.errors import InputError, NotFoundError
from nexus.settings import PROJECT, Settings
from orchestration.commands import exit_code
from tests.warehouse.conftest import SHOP, Write, payment
from tests.warehouse.test_land import counts, lake
from warehouse import ledger, quarantine, replaying
from warehouse.land import land
from warehouse.land.files import look
from warehouse.land.refuse import Unreadable
from warehouse.land.remedies import remedy
from warehouse.land.unpack import sweep

PAGE = "<!doctype html><html><head><title>502 Bad Gateway</title></head></html>"


def text(*records: dict[str, object]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def test_files_that_cannot_be_read_are_named_and_the_others_land(
    settings: Settings, shop: Source, write: Write
) -> None:
    folder = write("good.jsonl", payment(1)).parent
    write("page.json", PAGE)
    (folder / "empty.jsonl").touch()
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "loop").symlink_to(folder)
    (folder / "self.jsonl").symlink_to("self.jsonl")
    (folder / "gone.jsonl").symlink_to("nowhere")
    # a file of which the kernel refuses to give anything, even to root
    (folder / "broken.jsonl").symlink_to("/proc/self/mem")
    report = land(shop, [folder], "demo", settings)
    assert counts(report) == (1, 1, 0, 0)
    assert report.empty_files == ["empty.jsonl"]
    said = {name: error.message for name, error in report.refused_files.items()}
    assert said["page.json"] == "page.json is a web page (“502 Bad Gateway”), not JSON"
    assert said["pipe.jsonl"].endswith("pipe.jsonl is a named pipe")
    assert said["self.jsonl"].endswith("self.jsonl is a link that leads to itself")
    assert said["gone.jsonl"].endswith("gone.jsonl is a link that leads to nowhere")
    assert said["broken.jsonl"].endswith("broken.jsonl cannot be read: Input/output error")
    assert len(said) == 5
    assert all(error.remedy for error in report.refused_files.values())
    (folder / "page.json").write_text(json.dumps(payment(2)))
    assert counts(land(shop, [folder / "page.json"], "demo", settings)) == (1, 1, 0, 0)


def test_where_a_cursor_goes_on_behind_them_files_that_nobody_can_read_wait_in_quarantine(
    settings: Settings, shop: Source, write: Write
) -> None:
    folder = write("good.jsonl", payment(1)).parent
    write("page.json", PAGE)
    (folder / "long.jsonl").write_bytes(b"%PDF-1.4\0" + b"x" * 100_000)
    (folder / "cut.zip").write_bytes(b"PK\x03\x04")
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        archive.writestr("a.jsonl", text(payment(2)))
        archive.writestr("inner.zip", b"PK")
    ran: list[int] = []
    for _ in range(2):
        land(shop, [folder], "demo", settings, also=lambda _, whole: ran.append(whole.quarantined))
    assert len(ran) == 2
    assert sorted(lake(settings, "payment")["id"]) == ["p1", "p2"]
    kept = {row["source_file"]: row for row in quarantine.read(settings).to_dicts()}
    assert sorted(kept) == ["cut.zip", "long.jsonl", "page.json", "some.zip"]
    assert kept["page.json"]["reason"] == "the file is a web page (“502 Bad Gateway”), not JSON"
    assert kept["page.json"]["raw_text"] == PAGE
    assert kept["long.jsonl"]["raw_text"].startswith("%PDF-1.4\\x00xxx")
    assert kept["long.jsonl"]["raw_text"].endswith(" … (100,009 bytes, the first 65,536 are kept)")
    assert "inner.zip" in kept["some.zip"]["reason"]
    assert all("a good one in its place" in remedy(row["reason"]) for row in kept.values())


def test_where_a_cursor_goes_on_behind_it_a_file_that_may_be_readable_later_is_an_error(
    settings: Settings, shop: Source, write: Write
) -> None:
    folder = write("good.jsonl", payment(1)).parent
    (folder / "broken.jsonl").symlink_to("/proc/self/mem")
    with pytest.raises(Unreadable, match="Input/output error"):
        land(shop, [folder], "demo", settings, also=lambda *_: pytest.fail("the cursor moved"))
    assert lake(settings, "payment").is_empty()


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("page.json", PAGE.encode(), Unreadable, "is a web page"),
        ("book.csv", b"PK\x03\x04 [Content_Types].xml", Unreadable, "is an Excel workbook"),
        ("cut.parquet", b"PAR1 and no end", Unreadable, "is cut off before its end"),
        ("notes.pdf", b"%PDF", InputError, "it holds notes.pdf"),
        ("cut.zip", b"PK\x03\x04", Unreadable, "is damaged or cut off"),
        ("cut.tar.gz", b"\x1f\x8b\x08", Unreadable, "is damaged or cut off"),
    ],
)
def test_a_file_alone_that_cannot_be_read_is_an_error(
    settings: Settings, shop: Source, tmp_path: Path, name: str, content: bytes, error: type[InputError], message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        land(shop, [tmp_path / name], "demo", settings)
    with ledger.connect(settings) as connection:
        assert all(row["status"] == "failed" for row in ledger.batches(connection))


def test_paths_that_are_no_files(shop: Source, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no file or folder"):
        look(shop, [tmp_path / "nowhere"])
    with pytest.raises(Unreadable, match="/dev/zero is a device"):
        look(shop, [Path("/dev/zero")])
    with pytest.raises(InputError, match="it is empty"):
        look(shop, [tmp_path])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_what_may_not_be_read() -> None:
    # pytest's own folder is closed to everybody but root
    with tempfile.TemporaryDirectory() as folder:
        _may_not_be_read(Path(folder))


def _may_not_be_read(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "closed"):
        folder.mkdir(exist_ok=True)
        (folder / "a.jsonl").write_text("{}")
    tmp_path.chmod(0o755)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "a.jsonl").chmod(0)
    (tmp_path / "b.jsonl").write_text("{}")
    script = f"""
import os
from pathlib import Path
from tests.warehouse.conftest import SHOP
from warehouse.land.files import look, sha256
from warehouse.land.refuse import Unreadable
os.chdir({str(tmp_path)!r})
os.setresuid(65534, 65534, 65534)
found = look(SHOP, [Path(".")])
print([f.name for f in found.files], [e.message for e in found.refused.values()])
try:
    sha256(Path("a.jsonl"))
except Unreadable as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert "['a.jsonl', 'b.jsonl'] ['closed: no permission to read it']" in done.stdout, done.stderr
    assert "a.jsonl: no permission to read it" in done.stdout


@pytest.mark.parametrize("what", ["grows", "vanishes"])
def test_a_file_that_changes_while_it_is_read_waits_for_the_next_time(
    settings: Settings, shop: Source, write: Write, what: str
) -> None:
    write("a.jsonl", payment(1))
    path = write("b.jsonl", payment(2), {"kind": "line", "item": "x"})
    write("c.jsonl", payment(3))

    def somebody(step: str) -> None:
        if step == "begun" and path.exists():
            if what == "grows":
                with path.open("a") as handle:
                    handle.write(json.dumps(payment(4)) + "\n")
            else:
                path.rename(path.with_suffix(".away"))

    def once(step: str) -> None:
        if not done:
            done.append(step)
            somebody(step)

    done: list[str] = []
    report = land(shop, [path.parent], "demo", settings, checkpoint=once)
    assert counts(report) == (2, 2, 0, 0)
    ((name, error),) = report.refused_files.items()
    assert name == "b.jsonl"
    assert ("was written to while it was read" if what == "grows" else "has vanished") in error.message
    if what == "grows":
        assert counts(land(shop, [path], "demo", settings)) == (3, 3, 0, 0)
    assert not list(settings.lake.rglob("*.tmp"))


def test_archives(settings: Settings, shop: Source, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("2026/a.jsonl", text(payment(1)))
        archive.writestr("b.csv", "kind,item\nline,x\nline\n")
        archive.writestr("../../../evil.jsonl", text(payment(66)))
        archive.writestr("/etc/evil.jsonl", text(payment(67)))
        archive.writestr("inner.zip", b"PK")
        archive.writestr("read.me", "x")
        archive.writestr("__MACOSX/._a.jsonl", b"\0\1")
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as tar:
        for name, kind in (("c.jsonl", tarfile.REGTYPE), ("d.jsonl", tarfile.SYMTYPE), ("e.jsonl", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            content = text(payment(2))
            member.type, member.size = kind, len(content) if kind == tarfile.REGTYPE else 0
            member.linkname = "/etc/passwd"
            tar.addfile(member, io.BytesIO(content))
    report = land(shop, [tmp_path / "a.zip", tmp_path / "b.tar.gz"], "demo", settings)
    assert counts(report) == (4, 3, 0, 1)
    assert sorted(lake(settings, "payment")["_source_file"]) == ["a.zip/2026/a.jsonl", "b.tar.gz/c.jsonl"]
    assert report.ignored_files == ["a.zip/read.me"]
    assert sorted(report.refused_files) == [
        "a.zip/../../../evil.jsonl", "a.zip//etc/evil.jsonl", "a.zip/inner.zip", "b.tar.gz/d.jsonl",
        "b.tar.gz/e.jsonl",
    ]  # fmt: skip
    assert not list((settings.run_dir / "landing").iterdir())
    again = land(shop, [tmp_path / "a.zip"], "demo", settings)
    assert counts(again) == (3, 0, 2, 1)


def test_whole_members_of_a_small_archive_that_is_cut_off_land(
    settings: Settings, shop: Source, tmp_path: Path
) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for n in range(5):
            content = text(*(payment(f"{n}-{m}", note=os.urandom(40).hex()) for m in range(50)))
            member = tarfile.TarInfo(f"{n}.jsonl")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    report = land(shop, [path], "demo", settings)
    assert report.landed == 150
    assert [error.message for error in report.refused_files.values()] == [
        "a.tar.gz/3.jsonl is cut off: the packed file is cut off before its end"
    ]


def test_only_a_drive_in_the_name_of_a_member_leads_out_of_the_archive(
    settings: Settings, shop: Source, tmp_path: Path
) -> None:
    good = ["log_2026-08-13T15:58:20Z.jsonl", "12:30/a.jsonl"]
    bad = ["C:/evil.jsonl", "c:evil.jsonl", "D:\\evil.jsonl", "..\\evil.jsonl"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for n, name in enumerate([*good, *bad]):
            archive.writestr(name, text(payment(n)))
    report = land(shop, [tmp_path / "a.zip"], "demo", settings)
    assert sorted(lake(settings, "payment")["_source_file"]) == sorted(f"a.zip/{name}" for name in good)
    assert sorted(report.refused_files) == sorted(f"a.zip/{name}" for name in bad)


@pytest.mark.parametrize(
    ("member", "content", "what"),
    [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet (.ods)"),
        ("Index/Document.iwa", "\0", "a Numbers spreadsheet (.numbers)"),
        ("xl/workbook.xml", "<x/>", "an Excel workbook (.xlsx)"),
    ],
)
def test_a_spreadsheet_that_is_called_csv_is_to_be_exported(
    settings: Settings, shop: Source, tmp_path: Path, member: str, content: str, what: str
) -> None:
    with zipfile.ZipFile(tmp_path / "book.csv", "w") as archive:
        archive.writestr(member, content)
        archive.writestr("content.xml", "<x/>")
    with pytest.raises(Unreadable) as refused:
        land(shop, [tmp_path / "book.csv"], "demo", settings)
    assert refused.value.message == f"book.csv is {what}, not CSV"
    assert "save the sheet as CSV" in (refused.value.remedy or "")


def test_an_archive_that_is_a_bomb_is_refused(
    settings: Settings, shop: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.land.unpack.HARMLESS", 1 << 20)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", text(payment(1)))
        archive.writestr("b.jsonl", bytes(30_000_000))
    with pytest.raises(Unreadable, match="unpacks to more than 250 times its size; nothing of it was read"):
        land(shop, [tmp_path / "a.zip"], "demo", settings)
    assert lake(settings, "payment").is_empty()
    assert not list((settings.run_dir / "landing").iterdir())


def test_what_a_killed_unpacking_left_is_swept_away(tmp_path: Path) -> None:
    import fcntl

    for name in ("dead", "alive"):
        (tmp_path / f"unpack_{name}").mkdir()
        (tmp_path / f"unpack_{name}" / "lock").touch()
    with (tmp_path / "unpack_alive" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep(tmp_path)
        assert [p.name for p in tmp_path.iterdir()] == ["unpack_alive"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"paid_at": "1969-12-31T23:59:59Z"}, None),
        ({"paid_at": "2099-12-31T23:59:59Z"}, None),
        ({"paid_at": "12026-01-01T00:00:00Z"}, "paid_at: 12026-01-01T00:00:00Z is an impossible time"),
        ({"paid_at": "2026-01-01 (BC)"}, "paid_at: 2026-01-01 (BC) is an impossible time"),
        ({"paid_at": "2026-02-30"}, 'paid_at: expected timestamp (iso), found "2026-02-30"'),
        ({"day": "99999-01-01"}, "day: 99999-01-01 is an impossible time"),
        ({"amount": 2**63}, f'amount: expected integer, found "{2**63}"'),
        ({"amount": "1e30"}, 'amount: expected integer, found "1e30"'),
        ({"rate": 10**30}, f'rate: expected decimal, found "{10**30}"'),
        ({"rate": "NaN"}, 'rate: expected decimal, found "NaN"'),
        ({"fee_minor": 10**15}, None),
        ({"fee_minor": -(10**15) - 1}, f"fee_minor: {-(10**15) - 1} is more than 1,000,000,000,000,000 either way"),
        ({"fee_value": "10000000000000.01"}, "fee_value: 10000000000000.01 is more than 10,000,000,000,000 either way"),
        ({"address": {"city": "a\0b"}}, "city: holds a NUL character"),
        ({"tags": ["a\0b"]}, "tags: holds NaN, Infinity or a NUL character: no engine reads that"),
        ({"tags": [1, float("nan")]}, "tags: holds NaN, Infinity or a NUL character: no engine reads that"),
        ({"tags": ["\\u0000 NaN", "Infinity"]}, None),
    ],
)
def test_values_at_the_edge(
    settings: Settings, shop: Source, write: Write, change: dict[str, object], reason: str | None
) -> None:
    first = shop.tables[0]
    money = (Column("fee_minor", Kind.integer), Column("fee_value", Kind.decimal))
    source = replace(shop, tables=(replace(first, columns=(*first.columns, *money)), *shop.tables[1:]))
    report = land(source, [write("a.jsonl", payment(1), payment(2, **change))], "demo", settings)
    assert quarantine.read(settings)["reason"].to_list() == ([reason] if reason else [])
    assert report.landed == (1 if reason else 2)


def test_a_decimal_is_rounded_to_nine_places(settings: Settings, shop: Source, write: Write) -> None:
    rates = ["0.1234567894", "0.1234567895", "1.000000001"]
    land(shop, [write("a.jsonl", *(payment(n, rate=rate) for n, rate in enumerate(rates)))], "demo", settings)
    assert lake(settings, "payment")["rate"].cast(str).to_list() == ["0.123456789", "0.123456790", "1.000000001"]


def test_a_file_that_could_not_be_read_whole_is_told_with_its_bytes(
    settings: Settings, shop: Source, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    page = json.dumps({"page": [payment(n) for n in range(2_000)]}).replace('"p7"', "oops", 1)
    path.write_text(json.dumps(payment(9_000)) + "\n" + page)
    report = land(shop, [path], "demo", settings)
    assert counts(report) == (2, 1, 0, 1)
    assert report.unread == {"a.json": len(page)}
    assert exit_code(report) == InputError.exit_code


def test_another_encoding_told_afterwards(settings: Settings, shop: Source, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("kind,item,quantity\nline,Größe,1\nline,plain,2\nline,Maß,\n".encode("cp1252"))
    assert counts(land(shop, [path], "demo", settings)) == (3, 1, 0, 2)
    (found,) = quarantine.reasons(settings, land_batches(settings))
    assert (found.file, found.line, found.count) == ("a.csv", 2, 2)
    assert found.reason == "not UTF-8: byte 0xf6 at position 3 of item"
    assert "replay shop --workspace demo --encoding cp1252" in found.remedy(shop.name, "demo")
    assert replaying.replay(settings, shop, "demo").landed == 0
    with pytest.raises(InputError, match="there is no encoding 'klingon'"):
        replaying.replay(settings, shop, "demo", encoding="klingon")
    assert replaying.replay(settings, shop, "demo", encoding="cp1252").landed == 2
    assert sorted(lake(settings, "line")["item"]) == ["Größe", "Maß", "plain"]
    assert quarantine.read(settings).is_empty()
    spoken = replace(shop, dialect=replace(PLAIN, encoding="cp1252"))
    assert counts(land(spoken, [path], "other", settings)) == (3, 3, 0, 0)


def land_batches(settings: Settings) -> list[str]:
    with ledger.connect(settings) as connection:
        return [row["batch_id"] for row in ledger.batches(connection)]


def test_replay_leaves_alone_what_holds_no_document(settings: Settings, shop: Source, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([payment(1, status="open")])[:-1])
    deep = '{"kind": "line", "x": ' + "[" * 5000 + "]" * 5000 + "}\n"
    (tmp_path / "b.jsonl").write_text(deep + "{}\n")
    assert counts(land(shop, [tmp_path], "demo", settings)) == (4, 0, 0, 4)
    before = quarantine.read(settings)
    again = replaying.replay(settings, shop, "demo")
    assert (again.tried, again.landed, sum(again.still_bad.values())) == (4, 0, 4)
    lenient = replace(
        shop.tables[0], columns=tuple(Column("status") if c.name == "status" else c for c in shop.tables[0].columns)
    )
    done = replaying.replay(settings, replace(shop, tables=(lenient, *shop.tables[1:])), "demo")
    assert (done.landed, sum(done.still_bad.values())) == (1, 3)
    after = quarantine.read(settings)
    assert set(after["quarantine_id"]) < set(before["quarantine_id"])
    assert len(after) == 3
    assert "nested deeper than 1,000 levels" in done.still_bad


def test_names_that_no_terminal_should_see(settings: Settings, shop: Source, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff[1]\x1b[31m*.jsonl"
    Path(os.fsdecode(path)).write_bytes(text(payment(1)))
    report = land(shop, [Path(os.fsdecode(path))], "demo", settings)
    assert list(report.files) == ["\\xff[1]\\x1b[31m*.jsonl"]
    assert SHOP.name == report.source
