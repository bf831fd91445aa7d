"""The tutorial's code on the package, but for what draws with matplotlib alone.

Two lines are not the tutorial's: the class is imported, and ``load_mnist`` is called.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from vae_gluon import decode, ndtri_grid, plotting

# The tutorial's last cell is built on numpy.matlib.
pytestmark = pytest.mark.filterwarnings("ignore:Importing from numpy.matlib")

CODE = """
import numpy as np
import mxnet as mx
from tqdm import tqdm
from mxnet import nd, autograd, gluon
from vae_gluon import VAE, gpu_exists, load_mnist

model_ctx = mx.gpu(0) if gpu_exists() else mx.cpu()
mx.random.seed(1)

mnist = load_mnist()
n_samples = 10

train_data = np.reshape(mnist['train_data'], (-1, 28 * 28))
test_data = np.reshape(mnist['test_data'], (-1, 28 * 28))
batch_size = 100
train_iter = mx.io.NDArrayIter(data={'data': train_data},
                               label={'label': mnist['train_label']}, batch_size=batch_size)
test_iter = mx.io.NDArrayIter(data={'data': test_data},
                              label={'label': mnist['test_label']}, batch_size=batch_size)

n_hidden, n_latent, n_layers, n_output = 400, 2, 2, 784
model_prefix = 'vae_gluon_{}d{}l{}h.params'.format(n_latent, n_layers, n_hidden)
net = VAE(n_hidden=n_hidden, n_latent=n_latent, n_layers=n_layers, n_output=n_output,
          batch_size=batch_size)

net.collect_params().initialize(mx.init.Xavier(), ctx=model_ctx)
net.hybridize()
trainer = gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': .001})

n_epoch = 2
training_loss, validation_loss = [], []
for epoch in tqdm(range(n_epoch), desc='epochs'):
    epoch_loss = epoch_val_loss = 0
    train_iter.reset()
    test_iter.reset()
    n_batch_train = 0
    for batch in train_iter:
        n_batch_train += 1
        data = batch.data[0].as_in_context(model_ctx)
        with autograd.record():
            loss = net(data)
        loss.backward()
        trainer.step(data.shape[0])
        epoch_loss += nd.mean(loss).asscalar()
    n_batch_val = 0
    for batch in test_iter:
        n_batch_val += 1
        data = batch.data[0].as_in_context(model_ctx)
        loss = net(data)
        epoch_val_loss += nd.mean(loss).asscalar()
    training_loss.append(epoch_loss / n_batch_train)
    validation_loss.append(epoch_val_loss / n_batch_val)

net.save_params(model_prefix)

net2 = VAE(n_hidden=n_hidden, n_latent=n_latent, n_layers=n_layers, n_output=n_output,
           batch_size=batch_size)
net2.load_params(model_prefix, ctx=model_ctx)
net2.hybridize()

test_iter.reset()
test_batch = test_iter.next()
net2(test_batch.data[0].as_in_context(model_ctx))
result = net2.output.asnumpy()
original = test_batch.data[0].asnumpy()

n_batches = 10
counter = 0
results, labels = [], []
for batch in test_iter:
    net2(batch.data[0].as_in_context(model_ctx))
    results.append(net2.mu.asnumpy())
    labels.append(batch.label[0].asnumpy())
    counter += 1
    if counter >= n_batches:
        break
result = np.vstack(results)
labels = np.hstack(labels)

from scipy.special import ndtri
from scipy.stats import norm
zsamples = nd.array(np.random.randn(n_samples * n_samples, n_latent))
images = net2.decoder(zsamples.as_in_context(model_ctx)).asnumpy()
canvas = np.empty((28 * n_samples, 28 * n_samples))
for i, img in enumerate(images):
    x = i // n_samples
    y = i % n_samples
    canvas[(n_samples-y-1)*28:(n_samples-y)*28, x*28:(x+1)*28] = img.reshape(28, 28)

import numpy.matlib
n_pts = 20
idx = np.arange(0, n_pts)
x = np.linspace(norm.cdf(-3), norm.cdf(3), n_pts)
x = ndtri(x)
x_grid = np.array(np.meshgrid(*[i for i in np.matlib.repmat(x, n_latent, 1)]))
id_grid = np.array(np.meshgrid(*[i for i in np.matlib.repmat(idx, n_latent, 1)]))
zsamples = nd.array(x_grid.reshape((n_latent, -1)).transpose())
zsamples_id = id_grid.reshape((n_latent, -1)).transpose()
images = net2.decoder(zsamples.as_in_context(model_ctx)).asnumpy()
canvas = np.empty((28 * n_pts, 28 * n_pts))
for i, img in enumerate(images):
    x, y = zsamples_id[i]
    canvas[(n_pts-y-1)*28:(n_pts-y)*28, x*28:(x+1)*28] = img.reshape(28, 28)
"""


def test_the_tutorials_code_gives_what_the_tutorial_shows(tmp_path, digits_folder, monkeypatch):
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(CODE, names)
    assert names["training_loss"][-1] < names["training_loss"][0]
    assert all(np.isfinite(names["training_loss"] + names["validation_loss"]))
    assert names["original"].shape == names["net2"].output.shape == (100, 784)
    # The cell above has taken the first 100 of the 200 images.
    assert names["result"].shape == (100, 2)
    np.testing.assert_array_equal(names["labels"], names["mnist"]["test_label"][100:])
    # Our scan is the tutorial's.
    z = ndtri_grid(20)
    ax = plotting.plot_scan(decode(names["net2"], z), z)
    np.testing.assert_allclose(ax.images[0].get_array(), names["canvas"], atol=1e-5)
    plt.close("all")
