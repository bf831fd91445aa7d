"""Files as accidents and strangers leave them, for hypothesis."""

import tracemalloc
from contextlib import contextmanager

from hypothesis import strategies as st


@st.composite
def damaged(draw, content):
    """Give ``content`` with bytes changed, cut out, doubled or added, or cut off."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        # More often near the ends, where formats have their headers and directories.
        near = min(400, len(data))
        place = draw(st.integers(0, len(data)) | st.integers(0, near) | st.integers(-near, -1))
        if place < 0:
            place += len(data)
        way = draw(st.sampled_from(["change", "cut out", "double", "add", "cut off"]))
        end = min(len(data), place + draw(st.integers(1, 16)))
        if way == "change":
            data[place:end] = draw(st.binary(min_size=end - place, max_size=end - place))
        elif way == "cut out":
            del data[place:end]
        elif way == "double":
            data[place:place] = data[place:end]
        elif way == "add":
            data[place:place] = draw(st.binary(min_size=1, max_size=16))
        else:
            del data[place:]
        if not data:
            break
    return bytes(data)


@contextmanager
def at_most(megabytes):
    """Fail if Python and NumPy set aside more memory than that."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= megabytes * 1e6, f"{peak / 1e6:.1f} MB"
