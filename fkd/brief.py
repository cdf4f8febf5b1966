"""Short reprs of records that hold arrays."""

import dataclasses
from typing import Any

from fkd.files import one_line


class Brief:
    """A dataclass made with repr=False: its repr has types and shapes of arrays, and the start of any long value."""

    def __repr__(self) -> str:
        record: Any = self
        fields = [f"{each.name}={_brief(getattr(self, each.name))}" for each in dataclasses.fields(record) if each.repr]
        return f"{type(self).__name__}({', '.join(fields)})"


def _brief(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if hasattr(value, "shape") else one_line(repr(value), 60)
