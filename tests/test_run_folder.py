"""The files of a run's folder, written whole and read without trusting them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_gluon import History
from vae_gluon.command.options import OPTIONS
from vae_gluon.command.run_folder import read_config, read_history, write_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@settings(max_examples=200)
@given(
    content=st.dictionaries(st.sampled_from([*OPTIONS, "dataset", "data_dir"]), JSON)
    | st.dictionaries(st.sampled_from(History._fields), JSON)
)
def test_any_json_is_told_or_taken(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    for name, read in (("config.json", read_config), ("history.json", read_history)):
        (folder / name).write_text(json.dumps(content))
        try:
            taken = read(folder)
        except ValueError:
            continue
        assert taken == content
        assert name == "history.json"  # no config without its data_crc32
        assert min(len(taken[key]) for key in History._fields) > 0


def test_a_number_that_json_lacks_is_not_written(tmp_path):
    path = tmp_path / "history.json"
    write_json(path, {"train": [1.5]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"train": [1.5, float("nan")]})
    assert json.loads(path.read_text()) == {"train": [1.5]}
    assert list(tmp_path.iterdir()) == [path]
