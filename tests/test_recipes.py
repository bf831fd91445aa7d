"""The recipes of docs/recipes.md, run as they stand on few images, and what each is for."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from mxnet import nd
from scipy.stats import norm

from vae_gluon import mnist_iterators

PAGE = (Path(__file__).parent.parent / "docs" / "recipes.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
CODE = {
    name: re.findall(r"```python\n(.*?)```", text, re.DOTALL) for name, text in SECTIONS.items()
}


def conditional(names):
    net, x, y = names["net"], nd.zeros((10, 784)), nd.arange(10)
    gradients = [layers[0].weight.grad()[:, -10:] for layers in (net.encoder, net.decoder)]
    assert all((abs(gradient).sum(axis=0) > 0).asnumpy().all() for gradient in gradients)
    assert len(names["history"].val_kl) == 1
    z, classes = nd.zeros((10, 2)), nd.one_hot(y, 10)
    images = net.decoder(nd.concat(z, classes, dim=1)).asnumpy()
    assert len(np.unique(images, axis=0)) == 10  # of one code, an image for each class
    assert net(x, y).shape == (10,)
    assert Path("digits.png").is_file()


def gaussian(names):
    logits, x = nd.random.normal(shape=(5, 784)), nd.random.uniform(shape=(5, 784))
    expected = -norm.logpdf(x.asnumpy(), logits.sigmoid().asnumpy(), 0.1).sum(axis=1)
    np.testing.assert_allclose(names["GaussianNLL"]()(logits, x).asnumpy(), expected, rtol=1e-5)


def free_bits(names):
    mu, lv = np.random.normal(size=(2, 50, 4)) * [0.01, 0.1, 1, 2]
    kl = 0.5 * (np.exp(lv) + mu**2 - 1 - lv)
    means = kl.mean(axis=0)
    assert means.min() < 0.1 < means.max()
    given = names["FreeBits"]()(nd.array(mu), nd.array(lv)).asnumpy()
    assert given.mean() == pytest.approx(np.maximum(means, 0.1).sum(), rel=1e-5)
    np.testing.assert_allclose(given - given[0], (kl - kl[0]).sum(axis=1), rtol=1e-4, atol=1e-4)
    mu, lv = (array.asnumpy() for array in names["net"].encode(names["test_iter"].data[0][1]))
    expected = 0.5 * (np.exp(lv) + mu**2 - 1 - lv).sum(axis=1).mean()
    assert names["terms"].kl == pytest.approx(expected, rel=1e-4)


def cyclical(names):
    steps = [0, 750, 1500, 2999, 3000, 3750]
    assert [names["cyclical"](step) for step in steps] == [0, 0.5, 1, 1, 0, 0.5]
    assert names["history"].kl_weight == [5 / 1500, 11 / 1500]  # epochs of six steps


def schedule(names):
    rates = [names["inverse_square_root"](step) for step in (299, 599, 2399)]
    assert rates == pytest.approx([0.0015, 0.003, 0.0015])


def tensorboard(names):
    history, written = names["history"], names["writer"].written
    assert written == [(name, numbers[0], 1) for name, numbers in history._asdict().items()]


def t_sne(names):
    assert names["mu"].shape == (200, 20)
    assert names["ax"].get_title() == "t-SNE of the codes"
    assert Path("tsne.png").is_file()


def fashion(names):
    shown = [text.get_text() for text in names["ax"].get_legend().get_texts()]
    assert sorted(shown) == sorted(names["names"])


# In the order of the page.
CHECKS = [conditional, gaussian, free_bits, cyclical, schedule, tensorboard, t_sne, fashion]


class Writer:
    """Stands in for tensorboardX's, which the tests do not install."""

    def __init__(self, logdir):
        self.written = []

    def add_scalar(self, *number):
        self.written.append(number)

    def close(self):
        pass


class TSNE:
    """Stands in for scikit-learn's."""

    def __init__(self, random_state):
        pass

    def fit_transform(self, points):
        return points[:, :2]


@pytest.fixture
def _kitchen(monkeypatch, tmp_path, digits_folder):
    """A folder to write into, with the files that the recipes read, and what they import."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "fashion-mnist/data"
    folder.mkdir(parents=True)
    digits_folder.rename(folder / "fashion")
    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=Writer))
    monkeypatch.setitem(sys.modules, "sklearn.manifold", SimpleNamespace(TSNE=TSNE))
    yield
    plt.close("all")


@pytest.mark.usefixtures("_kitchen")
@pytest.mark.parametrize(("recipe", "check"), [*zip(CODE, CHECKS)], ids=CODE)
def test_a_recipe_does_what_it_is_for(recipe, check, digits):
    train_iter, test_iter = mnist_iterators(digits)
    names = {"mnist": digits, "train_iter": train_iter, "test_iter": test_iter}
    for block in CODE[recipe]:
        exec(re.sub(r"epochs=(\d)0", r"epochs=\1", block), names)
    check(names)


def test_each_recipe_is_tested_named_in_the_table_and_short():
    assert len(CODE) == len(CHECKS)
    assert list(CODE) == re.findall(r"^\| \[(.*?)\]", PAGE, re.MULTILINE)
    assert max(block.count("\n") for blocks in CODE.values() for block in blocks) <= 40
