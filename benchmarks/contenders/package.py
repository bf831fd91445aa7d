"""The package: ``train`` on a hybridized ``VAE``, in epochs later than the first."""

import sys

import vae_gluon  # before mxnet, which it loads on every core

# isort: split
import mxnet as mx

from vae_gluon.training import adam, adam_loop


class Turns(mx.io.NDArrayIter):
    """Batches for training, in turns: ``train`` begins each epoch with a reset."""

    turn = None

    def reset(self):
        if self.turn is not None:
            self.turn()
        super().reset()


def contend(task, turn):
    if task.epochs > 1:  # in a race the first is not counted, and after it the loop is compiled
        adam.COMPILE_AFTER = 0
        adam_loop.compilation().result()
    vae_gluon.seed(task.seed)
    train_iter = Turns(task.train, task.train_label, task.batch_size)
    test_iter = mx.io.NDArrayIter(task.test, task.test_label, task.batch_size)
    net = vae_gluon.VAE(n_hidden=task.n_hidden, n_latent=task.n_latent, n_layers=task.n_layers)
    net.hybridize(static_alloc=True, static_shape=True)
    train_iter.turn = turn
    history = vae_gluon.train(net, train_iter, test_iter, epochs=task.epochs, progress=False)
    return list(zip(history.train, history.val))


def contend_without_numba(task, turn):
    """The package without its extra ``fast``."""
    sys.modules["numba"] = None  # as if it were not installed
    return contend(task, turn)
