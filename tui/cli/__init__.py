"""The command line."""

import gc

# By default each 700 new objects are a reason to search for garbage. The imports, all of them after this, and the first
# screen create 120,000 objects that stay: nothing is searched until then, and these objects never. Later, snapshots of
# large clusters have many objects that stay for a while.
_NEW_OBJECTS_AT_START = 150_000
_NEW_OBJECTS = 20_000


def _settle(_phase: str, _info: dict[str, int]) -> None:
    """At the first search, exclude what exists from this and all later ones; from then on, search more often."""
    if gc.get_threshold()[0] == _NEW_OBJECTS_AT_START:
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS, 20, 100)


gc.callbacks.append(_settle)
gc.set_threshold(_NEW_OBJECTS_AT_START)
