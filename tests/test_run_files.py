"""The files of a run's folder, written whole and read without trusting them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_config import JSON

from vae_gluon import History
from vae_gluon.command.config import RunConfig
from vae_gluon.command.run_files import read_history, write_json


@settings(max_examples=100)
@given(content=st.dictionaries(st.sampled_from(History._fields), JSON))
def test_any_json_raises_or_is_taken_for_a_history(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    (folder / "history.json").write_text(json.dumps(content))
    try:
        history, _ = read_history(folder, RunConfig("digits", 1))
    except ValueError:
        return
    assert history._asdict() == content
    assert min(map(len, history)) > 0


def test_a_number_that_json_lacks_is_not_written(tmp_path):
    path = tmp_path / "history.json"
    write_json(path, {"train": [1.5]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"train": [1.5, float("nan")]})
    assert json.loads(path.read_text()) == {"train": [1.5]}
    assert list(tmp_path.iterdir()) == [path]
