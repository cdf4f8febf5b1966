"""Spoilt files, and how many of them: few in the default suite, FKD_FUZZ of each kind in `make fuzz`."""

import os
import random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FKD_FUZZ", "20"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
TOKENS = [b"NaN", b"null", b"[", b"]", b"{", b"}", b",", b'"', b"1e999", b"-", b"true", b"\0", b"\xff", b"\n", b";"]
SEEDS = st.integers(0, 2**62)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def spoil(content: bytes, seed: int) -> bytes:
    """Flip bits, half of the time among the first 300 bytes, where headers are; put in tokens; move pieces."""
    chance = random.Random(seed)
    spoilt = bytearray(content)
    for _ in range(chance.choice((1, 3, 30))):
        at = chance.randrange(min(len(spoilt), chance.choice((300, len(spoilt)))))
        spoilt[at] = chance.choice((0, 255, spoilt[at] ^ 1 << chance.randrange(8)))
        if seed % 3 == 0 and len(spoilt) > 60:
            spoilt[at : at + chance.choice((0, 1, 3, 20))] = chance.choice(TOKENS)
    if seed % 4 == 0:
        start, length = chance.randrange(len(spoilt)), chance.randrange(1, 200)
        piece = spoilt[start : start + length]
        del spoilt[start : start + length]
        at = chance.randrange(len(spoilt) + 1)
        spoilt[at:at] = piece * chance.choice((0, 1, 3))
    return bytes(spoilt[: chance.randrange(len(spoilt) + 1)] if seed % 7 == 0 else spoilt)


def paths(value, before: tuple = ()) -> list[tuple]:
    """The way to every value within a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(path for key, inner in list(inside)[:20] for path in paths(inner, (*before, key)))]


def mutated(value) -> st.SearchStrategy:
    """A JSON value in which one value is any other."""
    return st.builds(lambda path, new: put(value, path, new), st.sampled_from(paths(value)), ANY)


def put(value, path: tuple, new):
    """A copy of a JSON value with another value at the end of a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy
