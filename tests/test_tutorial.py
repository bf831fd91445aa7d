"""The tutorial from its first cell to its last, on the package.

The cells go the tutorial's way, with two lines changed: the class is imported, and
``load_mnist`` is called. They are run one after the other in one namespace.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from vae_gluon import decode, ndtri_grid, plotting

# The tutorial's last cell is built on numpy.matlib.
pytestmark = pytest.mark.filterwarnings("ignore:Importing from numpy.matlib")

CELLS = [
    """
import time
import numpy as np
import mxnet as mx
from tqdm import tqdm
from mxnet import nd, autograd, gluon
import matplotlib.pyplot as plt
from vae_gluon import VAE, gpu_exists, load_mnist
""",
    """
model_ctx = mx.gpu(0) if gpu_exists() else mx.cpu()
mx.random.seed(1)
output_fig = True
""",
    """
mnist = load_mnist()
n_samples = 10
idx = np.random.choice(len(mnist['train_data']), n_samples)
_, axarr = plt.subplots(1, n_samples, figsize=(16, 4))
for ax, j in zip(axarr, idx):
    ax.imshow(mnist['train_data'][j][0], cmap='Greys')
    ax.get_xaxis().set_ticks([])
    ax.get_yaxis().set_ticks([])
""",
    """
train_data = np.reshape(mnist['train_data'], (-1, 28 * 28))
test_data = np.reshape(mnist['test_data'], (-1, 28 * 28))
batch_size = 100
train_iter = mx.io.NDArrayIter(data={'data': train_data},
                               label={'label': mnist['train_label']}, batch_size=batch_size)
test_iter = mx.io.NDArrayIter(data={'data': test_data},
                              label={'label': mnist['test_label']}, batch_size=batch_size)
""",
    """
n_hidden, n_latent, n_layers, n_output = 400, 2, 2, 784
model_prefix = 'vae_gluon_{}d{}l{}h.params'.format(n_latent, n_layers, n_hidden)
net = VAE(n_hidden=n_hidden, n_latent=n_latent, n_layers=n_layers, n_output=n_output,
          batch_size=batch_size)
""",
    """
net.collect_params().initialize(mx.init.Xavier(), ctx=model_ctx)
net.hybridize()
trainer = gluon.Trainer(net.collect_params(), 'adam', {'learning_rate': .001})
""",
    """
n_epoch = 3
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
""",
    """
net.save_params(model_prefix)
""",
    """
batch_x = np.linspace(1, n_epoch, len(training_loss))
plt.figure()
plt.plot(batch_x, -1 * np.array(training_loss))
plt.plot(batch_x, -1 * np.array(validation_loss))
plt.legend(['train', 'valid'])
""",
    """
net2 = VAE(n_hidden=n_hidden, n_latent=n_latent, n_layers=n_layers, n_output=n_output,
           batch_size=batch_size)
net2.load_params(model_prefix, ctx=model_ctx)
net2.hybridize()
""",
    """
test_iter.reset()
test_batch = test_iter.next()
net2(test_batch.data[0].as_in_context(model_ctx))
result = net2.output.asnumpy()
original = test_batch.data[0].asnumpy()
""",
    """
idx = np.random.choice(batch_size, n_samples)
_, axarr = plt.subplots(2, n_samples, figsize=(16, 4))
for i, j in enumerate(idx):
    axarr[0, i].imshow(original[j].reshape((28, 28)), cmap='Greys')
    axarr[1, i].imshow(result[j].reshape((28, 28)), cmap='Greys')
""",
    """
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
""",
    """
from scipy.special import ndtri
from scipy.stats import norm
fig, axarr = plt.subplots(1, 2, figsize=(10, 4))
im = axarr[0].scatter(result[:, 0], result[:, 1], c=labels, alpha=0.6, cmap='Paired')
fig.colorbar(im, ax=axarr[0])
im = axarr[1].scatter(norm.cdf(result[:, 0]), norm.cdf(result[:, 1]), c=labels, cmap='Paired')
fig.colorbar(im, ax=axarr[1])
plt.savefig('2d_latent_space_for_test_samples.png')
""",
    """
zsamples = nd.array(np.random.randn(n_samples * n_samples, n_latent))
images = net2.decoder(zsamples.as_in_context(model_ctx)).asnumpy()
canvas = np.empty((28 * n_samples, 28 * n_samples))
for i, img in enumerate(images):
    x = i // n_samples
    y = i % n_samples
    canvas[(n_samples-y-1)*28:(n_samples-y)*28, x*28:(x+1)*28] = img.reshape(28, 28)
plt.figure(figsize=(4, 4))
plt.imshow(canvas, origin='upper', cmap='Greys')
plt.savefig('generated_samples_with_{}D_latent_space.png'.format(n_latent))
""",
    """
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
plt.figure(figsize=(6, 6))
plt.imshow(canvas, origin='upper', cmap='Greys')
plt.savefig('2d_latent_space_scan_for_generation.png')
""",
]


def test_every_cell_runs_and_gives_what_the_tutorial_shows(tmp_path, digits_folder, monkeypatch):
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    monkeypatch.chdir(tmp_path)
    notebook = {}
    for cell in CELLS:
        exec(cell, notebook)
    assert notebook["training_loss"][-1] < notebook["training_loss"][0]
    assert all(np.isfinite(notebook["training_loss"] + notebook["validation_loss"]))
    assert notebook["original"].shape == notebook["net2"].output.shape == (100, 784)
    # The cell above has taken the first 100 of the 200 images.
    assert notebook["result"].shape == (100, 2)
    np.testing.assert_array_equal(notebook["labels"], notebook["mnist"]["test_label"][100:])
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "vae_gluon_2d2l400h.params",
        "2d_latent_space_for_test_samples.png",
        "generated_samples_with_2D_latent_space.png",
        "2d_latent_space_scan_for_generation.png",
    }
    # Our scan is the tutorial's.
    z = ndtri_grid(20)
    ax = plotting.plot_scan(decode(notebook["net2"], z), z)
    np.testing.assert_allclose(ax.images[0].get_array(), notebook["canvas"], atol=1e-5)
    plt.close("all")
