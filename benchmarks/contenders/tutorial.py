"""The tutorial's loop as it is: its loss, on the threads that MXNet takes, ``asscalar`` a batch."""

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn


class TutorialVAE(gluon.HybridBlock):
    def __init__(self, task):
        super().__init__()
        self.noise_shape = (task.batch_size, task.n_latent)
        with self.name_scope():
            self.encoder = nn.HybridSequential(prefix="encoder")
            self.decoder = nn.HybridSequential(prefix="decoder")
            for _ in range(task.n_layers):
                self.encoder.add(nn.Dense(task.n_hidden, activation="relu"))
                self.decoder.add(nn.Dense(task.n_hidden, activation="relu"))
            self.encoder.add(nn.Dense(2 * task.n_latent))
            self.decoder.add(nn.Dense(task.train.shape[1], activation="sigmoid"))

    def hybrid_forward(self, F, x):
        mu, lv = F.split(self.encoder(x), axis=1, num_outputs=2)
        y = self.decoder(mu + F.exp(0.5 * lv) * F.random_normal(shape=self.noise_shape))
        negative_kl = 0.5 * F.sum(1 + lv - mu * mu - F.exp(lv), axis=1)
        log_likelihood = F.sum(x * F.log(y + 1e-10) + (1 - x) * F.log(1 - y + 1e-10), axis=1)
        return -(log_likelihood + negative_kl)


def contend(task, turn):
    mx.random.seed(task.seed)
    train_iter = mx.io.NDArrayIter(task.train, task.train_label, task.batch_size)
    test_iter = mx.io.NDArrayIter(task.test, task.test_label, task.batch_size)
    net = TutorialVAE(task)
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
