"""The tutorial's loop as it is: its loss, on the threads that MXNet takes, ``asscalar`` a batch."""

import os

# MXNet's own settings: vae_gluon, which lets it be imported, has others where none are set.
os.environ["MXNET_OMP_MAX_THREADS"] = str(max(1, len(os.sched_getaffinity(0)) // 2))
os.environ["MXNET_CPU_PARALLEL_SIZE"] = "200000"

import vae_gluon  # noqa: F401

# isort: split
import mxnet as mx
from mxnet import autograd, gluon, nd

from tests.tutorial import TutorialVAE


def contend(task, turn):
    mx.random.seed(task.seed)
    train_iter = mx.io.NDArrayIter(task.train, task.train_label, task.batch_size)
    test_iter = mx.io.NDArrayIter(task.test, task.test_label, task.batch_size)
    net = TutorialVAE(
        n_hidden=task.n_hidden,
        n_latent=task.n_latent,
        n_layers=task.n_layers,
        n_output=task.train.shape[1],
        batch_size=task.batch_size,
    )
    net.initialize(mx.init.Xavier())
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.001})

    losses = []
    for _ in range(task.epochs):
        turn()
        train_iter.reset()
        test_iter.reset()
        train_loss = test_loss = 0
        for batch in train_iter:
            x = batch.data[0]
            with autograd.record():
                loss = net(x)
            loss.backward()
            trainer.step(x.shape[0])
            train_loss += nd.mean(loss).asscalar()
        for batch in test_iter:
            test_loss += nd.mean(net(batch.data[0])).asscalar()
        batches = [len(images) / task.batch_size for images in (task.train, task.test)]
        losses.append((float(train_loss / batches[0]), float(test_loss / batches[1])))
    return losses
