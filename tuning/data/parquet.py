"""Parquet -> records, batch after batch. What a file claims to hold is checked before anything is decoded.

A few kilobytes of Parquet can stand for gigabytes: rows are run-length encoded and a text that repeats is stored once.
So texts are read as dictionaries (each once), and their sizes are added up before they are written out.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from common import bounded
from common.errors import AfinaError

_BATCH = 1024  # rows


def rows(raw: bytes, name: str, max_mb: int) -> Iterator[dict[str, Any]]:
    """Each row as a dictionary.

    Raises: AfinaError `data.parquet`, `data.many_rows`, `data.many_values`, `data.too_large` for more than `max_mb` MB
    of decoded values.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(raw))
        texts = _checked(file, name, max_mb)
        file = pq.ParquetFile(io.BytesIO(raw), read_dictionary=texts)
        size = 0
        for batch in file.iter_batches(_BATCH):
            size += sum(_decoded(column) for column in batch.columns)
            if size > max_mb * bounded.MB:
                raise _too_large(name, max_mb)
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise AfinaError("data.parquet", name=name, reason=str(error)) from error


def _checked(file: Any, name: str, max_mb: int) -> list[str]:
    """The paths of the columns that hold texts. Raises: AfinaError for more than the bounds by the file's own words."""
    about = file.metadata
    bounded.within_rows(about.num_rows, name)
    values = size = 0
    for group in range(about.num_row_groups):
        for index in range(about.num_columns):
            chunk = about.row_group(group).column(index)
            values += chunk.num_values
            size += max(chunk.total_uncompressed_size, chunk.num_values * max(file.schema.column(index).length, 0))
    if values > bounded.MOST_VALUES:
        raise AfinaError("data.many_values", name=name, most=bounded.grouped(bounded.MOST_VALUES))
    if size > max_mb * bounded.MB:
        raise _too_large(name, max_mb)
    every = (file.schema.column(index) for index in range(about.num_columns))
    return [column.path for column in every if column.physical_type == "BYTE_ARRAY"]


def _decoded(values: Any) -> int:
    """Bytes of an Arrow array once each of its texts is written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_dictionary(kind):
        lengths = pc.take(pc.binary_length(values.dictionary), values.indices)
        return pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0
    if pa.types.is_struct(kind):
        return sum(_decoded(part) for part in values.flatten())
    if pa.types.is_map(kind):
        return _decoded(values.keys) + _decoded(values.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _decoded(values.flatten())
    return values.nbytes


def _too_large(name: str, max_mb: int) -> AfinaError:
    return AfinaError("data.too_large", name=name, mb=f"> {max_mb}", max_mb=max_mb)
