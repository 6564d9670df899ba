"""The base of all records."""

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The base of all records: frozen, with keyword arguments, compared by value.

    The garbage collector does not visit them: a record refers only to what was there before it, so it is in no cycle.
    In a large cluster there are hundreds of thousands.

    Subclasses repeat ``frozen`` and ``kw_only``: type checkers do not inherit the former, msgspec not the latter.
    """
