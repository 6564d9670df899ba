"""The base of all records."""

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all records: frozen, with keyword arguments, compared by value.

    Subclasses repeat ``frozen`` and ``kw_only``: type checkers do not inherit the former, msgspec not the latter.
    """
