"""A frozen training set as arrays: rows, labels, moments and whose they are.

Belongs here: reading the Parquet, leaving out what is not known yet. Does not belong here: joins (features.store).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from features import catalog
from features.store import TrainingSet
from ml.lib.spec import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows (NaN: unknown) with labels 0/1, the moment each speaks of and the customer."""

    source: TrainingSet
    features: tuple[str, ...]
    rows: Array
    y: Array
    moments: NDArray[np.datetime64]
    customers: NDArray[np.str_]

    def at(self, moments: Any) -> NDArray[np.bool_]:
        """Which rows speak of one of `moments`."""
        return np.isin(self.moments, np.asarray(moments, dtype=self.moments.dtype))


def read(source: TrainingSet, spec: ModelSpec) -> Dataset:
    """The labelled rows. A label counts only if its whole horizon lies before the last moment there is data for."""
    table = source.table()
    moments = table[catalog.EVENT].to_numpy(zero_copy_only=False).astype("datetime64[us]")
    label = floats(table, (spec.label,))[:, 0]
    known = ~np.isnan(label)
    if len(moments):
        # the relation says so itself; this holds even if it should ever say otherwise
        known &= moments + np.timedelta64(spec.horizon) <= moments.max()
    return Dataset(
        source=source,
        features=source.features,
        rows=floats(table, source.features)[known],
        y=label[known],
        moments=moments[known],
        customers=table["customer_id"].to_numpy(zero_copy_only=False).astype(str)[known],
    )


def floats(table: pa.Table, columns: tuple[str, ...]) -> Array:
    """Columns as one array of floats; booleans become 0 and 1, unknown becomes NaN."""
    import pyarrow as pa

    parts = [
        table[c].cast(pa.float64() if table[c].type != pa.bool_() else pa.int8()).cast(pa.float64()) for c in columns
    ]
    arrays = [p.to_numpy(zero_copy_only=False).astype(np.float64) for p in parts]
    return np.column_stack(arrays) if arrays else np.zeros((table.num_rows, 0))
