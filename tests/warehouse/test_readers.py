"""Readers by themselves: bounded, whatever a file holds, and good at finding the next record behind a bad one."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import zstandard

from nexus.contracts import PLAIN
from warehouse.land.chunk import Chunk
from warehouse.land.files import InputFile
from warehouse.land.json_scan import MAX_DEPTH, structure, too_deep
from warehouse.land.read import read
from warehouse.land.refuse import Unreadable
from warehouse.land.stream import CutOff, blocks
from warehouse.land.text import EXCERPT_BYTES, LINE_BYTES, reread

Found = tuple[list[tuple[int, str]], list[tuple[int, str, str]]]


def found(path: Path, reader: str, encoding: str | None = None) -> Found:
    """(line, text) of documents, and (line, reason, raw) of what is none."""
    chunks: list[Chunk] = list(
        read(InputFile(path, path.name, reader, 0, replace(PLAIN, encoding=encoding)), lambda _: None)
    )
    good = [
        (line, text.rstrip("\n"))
        for chunk in chunks
        for line, text in zip(*(chunk.table[name].to_pylist() for name in ("_line", "_text")), strict=True)
        if text.strip()
    ]
    return good, [(bad.line, bad.reason, bad.raw) for chunk in chunks for bad in chunk.bad]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, bz2.compress, lzma.compress])
def test_packings_whole_in_pieces_and_cut_off(file: Path, pack) -> None:
    text = b"".join(b'{"n": %d}\n' % n for n in range(20_000))
    file.write_bytes(pack(text[:70_000]) + pack(text[70_000:]))
    assert b"".join(blocks(file)) == text
    file.write_bytes(pack(text)[:-200])
    unpacked: list[bytes] = []
    with pytest.raises(CutOff, match="cut off before its end"):
        unpacked.extend(blocks(file))
    assert text.startswith(b"".join(unpacked))


def test_of_a_damaged_gz_all_before_the_fault_is_read(file: Path) -> None:
    text = b"".join(b'{"n": %d, "x": %d}\n' % (n, n * 7919 % 10007) for n in range(20_000))
    packed = bytearray(gzip.compress(text))
    at = len(packed) * 3 // 5
    packed[at : at + 200] = b"\xff" * 200
    file.write_bytes(packed)
    unpacked: list[bytes] = []
    with pytest.raises(CutOff, match="the packed file is damaged"):
        unpacked.extend(blocks(file))
    half = len(text) // 2
    assert b"".join(unpacked)[:half] == text[:half]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_stopped_and_what_came_before_it_is_read(file: Path, pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.land.stream.HARMLESS", 1 << 20)
    file.write_bytes(pack(b'{"n": 1}\n' + bytes(40_000_000)))
    good, bad = found(file, "jsonl")
    assert good == [(1, '{"n": 1}')]
    ((line, reason, raw),) = bad
    assert (line, reason[:58]) == (2, "the packed file unpacks to more than 250 times its size; r")
    assert len(raw) < 2 * EXCERPT_BYTES


@pytest.mark.parametrize(
    "query", ["select null as a, 7 as b from range(3_000_000)", "select repeat('x', 300) as a from range(30_000)"]
)
def test_a_bomb_of_parquet_is_stopped_and_the_rows_before_are_read(
    file: Path, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.land.read_parquet.HARMLESS", 1 << 20)
    with duckdb.connect() as engine:
        engine.execute(f"copy ({query}) to '{file}' (format parquet, compression zstd)")
    chunks = list(read(InputFile(file, file.name, "parquet", 0), lambda _: None))
    ((line, reason, raw),) = [(bad.line, bad.reason, bad.raw) for chunk in chunks for bad in chunk.bad]
    good = sum(len(chunk.table) for chunk in chunks)
    assert 0 < good < 2_000_000
    assert (line, raw) == (good + 1, "")
    assert reason == f"the Parquet file unpacks to more than 250 times its size; nothing behind row {good:,} was read"


@pytest.mark.parametrize("reader", ["jsonl", "json", "csv"])
def test_a_line_beyond_all_measure(file: Path, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("warehouse.land.text.LINE_BYTES", "warehouse.land.read.LINE_BYTES"):
        monkeypatch.setattr(name, 1 << 20)
    monkeypatch.setattr("warehouse.land.json_values.DOCUMENT_BYTES", 1 << 20)
    monkeypatch.setattr("warehouse.land.text.PIECE_BYTES", 1 << 19)
    first, last = ("a,b\n", "1,2\n") if reader == "csv" else ('{"n": 1}\n', '{"n": 3}\n')
    file.write_text(first + '{"n": "' + "x" * 9_000_000 + '"}\n' + last)
    good, bad = found(file, reader)
    assert [line for line, _ in good] == ([3] if reader == "csv" else [1, 3])
    ((line, reason, raw),) = bad
    assert line == 2
    assert " is longer than " in reason
    assert len(raw) < 2 * EXCERPT_BYTES


def test_a_long_line_within_the_limit_is_a_record(file: Path) -> None:
    assert LINE_BYTES == 32 << 20
    text = '{"n": "' + "x" * 5_000_000 + '"}'
    file.write_text(f"{text}\n{text}")
    assert found(file, "jsonl") == ([(1, text), (2, text)], [])


@pytest.mark.parametrize(
    ("written", "encoding"),
    [
        ("utf-8", None), ("utf-8-sig", None), ("utf-16", None), ("utf-16-le", None), ("utf-16-be", None),
        ("utf-32", None), ("cp1252", "cp1252"), ("shift_jis", "shift_jis"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("reader", ["jsonl", "json", "csv"])
def test_encodings(file: Path, written: str, encoding: str | None, reader: str) -> None:
    word = "漢字" if written == "shift_jis" else "Größe"
    text = f"name,other\n{word},x\n" if reader == "csv" else f'{{"name":"{word}","other":"x"}}\n'
    file.write_bytes(text.encode(written))
    good, bad = found(file, reader, encoding)
    assert [json.loads(text) for _, text in good] == [{"name": word, "other": "x"}]
    assert bad == []


@pytest.mark.parametrize("reader", ["jsonl", "csv"])
def test_bytes_that_are_no_utf8_come_back_in_their_encoding(file: Path, reader: str) -> None:
    text = 'name,other\na"b,x\n"Größe \\xe4 ""q""",y\n' if reader == "csv" else '{"name": "Größe \\\\xe4 \\"q\\""}\n'
    file.write_bytes(text.replace('a"b', "ab").encode("cp1252"))
    good, bad = found(file, reader)
    ((_, reason, raw),) = bad
    assert reason.startswith("not UTF-8: byte 0xf6 at position")
    assert len(good) == (reader == "csv")
    assert json.loads(reread(raw, "cp1252"))["name"] == 'Größe \\xe4 "q"'


def test_a_header_that_is_no_utf8_is_refused(file: Path) -> None:
    file.write_bytes("Größe,b\n1,2\n".encode("cp1252"))
    with pytest.raises(Unreadable, match=r"its header is not UTF-8: byte 0xf6") as refused:
        found(file, "csv")
    assert "--encoding cp1252" in str(refused.value)
    assert found(file, "csv", "cp1252")[0] == [(2, '{"Größe":"1","b":"2"}')]


def test_rows_that_are_none(file: Path) -> None:
    file.write_text('a,b\n1,2\n3\n4,"x\ny"\n5,6,7\n8,"never closed\n9,10\n\n11,12\n13,"a"b\n14,15\n')
    good, bad = found(file, "csv")
    assert [(line, json.loads(text)["a"]) for line, text in good] == [
        (2, "1"), (4, "4"), (8, "9"), (10, "11"), (12, "14"),
    ]  # fmt: skip
    assert [(line, raw) for line, _, raw in bad] == [(3, "3"), (6, "5,6,7"), (7, '8,"never closed'), (11, '13,"a"b')]
    assert [reason for _, reason, _ in bad][:2] == [f"{n} where the header names 2" for n in ("1 field", "3 fields")]
    assert "never closed?" in bad[2][1]


def test_columns_without_a_name_or_with_the_same(file: Path) -> None:
    file.write_text("a,a,,a\n1,2,3,4\n")
    assert found(file, "csv")[0] == [(2, '{"a":"1","a_2":"2","column_3":"3","a_3":"4"}')]


def test_line_ends_and_separators_of_other_programs(file: Path) -> None:
    for text in ("a;b\r1;2\r", "a;b\r\n1;2\r\n", "sep=;\na;b\n1;2\n", "a\tb\n1\t2"):
        file.write_bytes(text.encode())
        assert [json.loads(text) for _, text in found(file, "csv")[0]] == [{"a": "1", "b": "2"}], text


_OBJECTS = [json.dumps({"n": n, "s": 'q"\\', "inner": [{"m": [n]}]}) for n in range(5)]


@pytest.mark.parametrize("layout", ["[{0}]", "[\n  {0}\n]", " {0} ", "\n[{0}]\n"])
@pytest.mark.parametrize("separator", [",", ",\n  ", " ,\t"])
def test_documents_of_an_array(file: Path, layout: str, separator: str) -> None:
    file.write_text(layout.replace("{0}", separator.join(_OBJECTS)))
    good, bad = found(file, "json")
    assert [text for _, text in good] == _OBJECTS
    assert bad == []


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("damage", ['"', "x", "}", "", "{", "\\"])
@pytest.mark.parametrize("place", [0, 1, 9])
def test_what_stands_beside_a_damaged_element_is_found(file: Path, indent: int | None, damage: str, place: int) -> None:
    records = [{"n": n, "name": "abcdef", "tags": ["x", "y"]} for n in range(6)]
    parts = [json.dumps(r, indent=indent).replace("\n", "\n  ") for r in records]
    parts[2] = parts[2][:place] + damage + parts[2][place + 1 :]
    file.write_text("[\n  " + ",\n  ".join(parts) + "\n]\n")
    good, bad = found(file, "json")
    there = [json.loads(text)["n"] for _, text in good]
    assert {0, 1, 4, 5} <= set(there)
    assert len(there) + len(bad) >= 6


@pytest.mark.parametrize("separator", [",", ", "])
@pytest.mark.parametrize("broken", ['{"n": 8, "tags": [{"n": 80}, {"n": 81}]', '{"n": 8, "s": "abc}', '{"n": 8, oops}'])
@pytest.mark.parametrize("size", [20, 5_000])
def test_elements_of_one_line_land_beside_a_damaged_one(file: Path, separator: str, broken: str, size: int) -> None:
    parts = [json.dumps({"n": n, "tags": [{"n": 70}, {"n": 71}]}) for n in range(size)]
    parts[8] = broken
    file.write_text("[" + separator.join(parts) + "]")
    good, bad = found(file, "json")
    assert [json.loads(text)["n"] for _, text in good] == [n for n in range(size) if n != 8]
    assert [(line, raw) for line, _, raw in bad] == [(9, broken)]


def test_documents_of_one_line_land_beside_a_damaged_one(file: Path) -> None:
    broken = '{"n": 8, "s": "abc}'
    file.write_text("".join(broken if n == 8 else f'{{"n": {n}}}' for n in range(20)))
    good, bad = found(file, "json")
    assert [json.loads(text)["n"] for _, text in good] == [n for n in range(20) if n != 8]
    assert [raw for _, _, raw in bad] == [broken]


@pytest.mark.parametrize("cut", [30, 45, 47, 55])
def test_what_lies_within_an_element_that_is_cut_off_is_no_element(file: Path, cut: int) -> None:
    file.write_text('[{"n": 1}, {"n": 2, "tags": [{"n": 3}, {"n": 4}], "rest": "abc"}]'[:cut])
    good, bad = found(file, "json")
    assert [text for _, text in good] == ['{"n": 1}']
    assert len(bad) == 1


def test_many_faults_on_one_line_take_no_time_out_of_all_proportion(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.land.json_values._ALLOWANCE", 1 << 20)
    looked = []
    monkeypatch.setattr(
        "warehouse.land.json_again.structure", lambda data: (looked.append(len(data)), structure(data))[1]
    )
    parts = [f'{{"n": {n}' + "}" * (n % 3 > 0) for n in range(60_000)]
    file.write_text("[" + ",".join(parts) + "]")
    size = file.stat().st_size
    chunks = list(read(InputFile(file, file.name, "json", size), lambda _: None))
    assert 0 < sum(looked) < 10 * size + (6 << 20)
    assert sum(chunk.unread for chunk in chunks) > size // 2


def test_an_element_beyond_all_measure_between_lines_that_begin_with_a_comma(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.land.json_values.DOCUMENT_BYTES", 1 << 20)
    file.write_text('[{"n": 1}\n,{"n": "' + "x" * 9_000_000 + '"}\n,{"n": 3}]')
    good, bad = found(file, "json")
    assert [text for _, text in good] == ['{"n": 1}', '{"n": 3}']
    assert len(bad) == 1


def test_one_document_after_another(file: Path) -> None:
    file.write_text('{"n": 1}{"n": 2}\n{\n "n": 3\n}\n{oops\n[{"n": 5}]\n17\n{"n": 6')
    good, bad = found(file, "json")
    assert [text for _, text in good] == ['{"n": 1}', '{"n": 2}', '{\n "n": 3\n}', '{"n": 5}', "17"]
    assert [line for line, _ in good] == [1, 1, 2, 1, 7]
    assert [(line, raw) for line, _, raw in bad] == [(5, "{oops"), (8, '{"n": 6')]


def test_an_array_without_end(file: Path) -> None:
    file.write_text('[{"n": 1},\n{"n": 2},\n')
    good, bad = found(file, "json")
    assert len(good) == 2
    assert bad == [(3, "not JSON: the array is cut off before its end", "")]


@pytest.mark.parametrize("depth", [10, MAX_DEPTH - 1, MAX_DEPTH + 1, 10_000, 1_000_000])
@pytest.mark.parametrize("reader", ["jsonl", "json"])
def test_nesting(file: Path, depth: int, reader: str) -> None:
    document = '{"a": ' + "[" * depth + "]" * depth + "}"
    inside = json.dumps({"a": "[" * depth})
    file.write_text(f'{{"n": 1}}\n{document}\n{inside}\n{{"n": 2}}\n')
    good, bad = found(file, reader)
    deep = depth >= MAX_DEPTH
    assert too_deep(document.encode()) is deep
    assert [line for line, _ in good] == ([1, 3, 4] if deep else [1, 2, 3, 4])
    assert [reason for _, reason, _ in bad] == (["nested deeper than 1,000 levels"] if deep else [])


@pytest.mark.parametrize(
    ("content", "reader", "what"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and so on", "csv", "an old Excel workbook"),
        (b"PK\x03\x04....[Content_Types].xml", "csv", "an Excel workbook"),
        (b"PK\x03\x04....a.csv", "csv", "a zip archive"),
        (b"PAR1....", "jsonl", "a Parquet file"),
        (b"%PDF-1.7", "json", "a PDF"),
        (b"\n <!DOCTYPE html><title>Sign  in</title>", "json", "a web page"),
        (b'<?xml version="1.0"?><a/>', "csv", "an XML document"),
        (gzip.compress(b"<html>", mtime=0), "jsonl", "a web page"),
        (b"hello", "parquet", "no Parquet file"),
        (b"PAR1....", "parquet", "cut off"),
        (b"PAR1....PAR1", "parquet", "not readable as Parquet"),
    ],
)
def test_files_that_are_something_else(file: Path, content: bytes, reader: str, what: str) -> None:
    file.write_bytes(content)
    with pytest.raises(Unreadable, match=what) as refused:
        found(file, reader)
    assert refused.value.remedy
