"""Rows whose id may have been met before: none is overlooked, in however many parts the hashes are looked at."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from warehouse.land.keys import Hashes, met_again


@pytest.mark.parametrize("piece", [7, 100, 10_000])
def test_every_repeated_key_and_every_key_of_the_lake_is_found(tmp_path: Path, piece: int) -> None:
    file = tmp_path / "batch.parquet"
    with duckdb.connect() as engine:
        engine.execute(
            "copy (select 'k' || (i * 37) as _record_key from range(50) t(i)) to " + f"'{file}' (format parquet)"
        )
        table = engine.execute("select hash('k' || i) as h from range(500) t(i)").to_arrow_table()
        keys = np.concatenate([table["h"].to_numpy(), table["h"].to_numpy()[[3, 499]]])
        found = met_again(keys, engine, [file], piece).tolist()
        keys.tofile(tmp_path / "keys")
        assert met_again(Hashes(tmp_path / "keys"), engine, [file], piece).tolist() == found
        alone = met_again(keys, engine, [], piece).tolist()
        nothing = met_again(np.empty(0, np.uint64), engine, [file], piece).tolist()
    in_lake = {i for i in range(500) if i % 37 == 0}
    assert found == sorted({*in_lake, 3, 499, 500, 501})
    assert alone == [3, 499, 500, 501]
    assert nothing == []
