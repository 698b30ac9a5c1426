"""A LightGBM model asked through its public C interface: single rows in microseconds, without importing scikit-learn.

Belongs here: loading the text format, raw scores, contributions. Does not belong here: training, calibration.
The Python package of LightGBM checks and converts anew at each call and imports pandas and scikit-learn; a server needs
neither. `tests/ml` holds both equal.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.lib import openmp
from nexus.errors import MachineError

Array = NDArray[np.float64]
_FLOAT64, _RAW, _CONTRIB = 1, 1, 3  # C_API_DTYPE_FLOAT64, C_API_PREDICT_RAW_SCORE, C_API_PREDICT_CONTRIB
_ONE_THREAD = b"num_threads=1"


class Booster:
    """A model for one output (binary or regression). Thread-safe."""

    def __init__(self, text: str) -> None:
        self._library = _library()
        self._handle = ctypes.c_void_p()
        rounds = ctypes.c_int()
        self._check(
            self._library.LGBM_BoosterLoadModelFromString(
                text.encode(), ctypes.byref(rounds), ctypes.byref(self._handle)
            )
        )
        width = ctypes.c_int()
        self._check(self._library.LGBM_BoosterGetNumFeature(self._handle, ctypes.byref(width)))
        self.width = width.value
        self._fast = ctypes.c_void_p()
        self._check(
            self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
                self._handle, _RAW, 0, -1, _FLOAT64, self.width, _ONE_THREAD, ctypes.byref(self._fast)
            )
        )
        # one row in, one score out: buffers of the fast path, guarded because they are shared
        self._lock = threading.Lock()
        self._row = np.zeros(self.width)
        self._row_pointer = self._row.ctypes.data_as(ctypes.c_void_p)
        self._score = ctypes.c_double()
        self._length = ctypes.c_int64()
        self._score_pointer, self._length_pointer = ctypes.byref(self._score), ctypes.byref(self._length)

    def __del__(self) -> None:
        library = getattr(self, "_library", None)
        if library is not None:
            if getattr(self, "_fast", None):
                library.LGBM_FastConfigFree(self._fast)
            if self._handle:
                library.LGBM_BoosterFree(self._handle)

    def margin_of(self, row: Any) -> float:
        """Log-odds of one row (a sequence of floats in the order of training, NaN for unknown)."""
        with self._lock:
            self._row[:] = row
            self._check(
                self._library.LGBM_BoosterPredictForMatSingleRowFast(
                    self._fast, self._row_pointer, self._length_pointer, self._score_pointer
                )
            )
            return self._score.value

    def margins(self, rows: Array) -> Array:
        """Log-odds of many rows."""
        return self._predict(rows, _RAW, 1)[:, 0]

    def contributions(self, rows: Array) -> Array:
        """What each feature adds to the log-odds (SHAP values); the last column is the expectation over training."""
        return self._predict(rows, _CONTRIB, self.width + 1)

    def _predict(self, rows: Array, kind: int, columns: int) -> Array:
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise ValueError(f"expected rows of {self.width} features, got shape {rows.shape}")
        out = np.zeros((len(rows), columns))
        if len(rows):
            length = ctypes.c_int64()
            self._check(
                self._library.LGBM_BoosterPredictForMat(
                    self._handle, rows.ctypes.data_as(ctypes.c_void_p), _FLOAT64, len(rows), self.width, 1, kind, 0, -1,
                    _ONE_THREAD, ctypes.byref(length), out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
                )
            )  # fmt: skip
        return out

    def _check(self, code: int) -> None:
        if code:
            raise MachineError(
                f"LightGBM: {self._library.LGBM_GetLastError().decode()}", remedy="train the model again"
            )


@lru_cache(maxsize=1)
def _library() -> Any:
    openmp.ensure()
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise MachineError("LightGBM is not installed", remedy="make setup")
    suffix = "dylib" if sys.platform == "darwin" else "so"
    library = ctypes.CDLL(str(Path(spec.origin).parent / "lib" / f"lib_lightgbm.{suffix}"))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library
