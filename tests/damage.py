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
        n, near = len(data), min(400, len(data))
        place = draw(st.integers(0, n) | st.integers(0, near) | st.integers(n - near, n))
        end = draw(st.integers(place, min(n, place + 16)) | st.just(n))
        piece = 2 * data[place:end][:16]
        data[place:end] = draw(st.sampled_from([b"", piece]) | st.binary(max_size=16))
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
