"""PyTorch: as most people write it (eager), and as fast as it gets (fused Adam, compiled)."""

import torch
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    def __init__(self, task):
        super().__init__()
        n_output = task.train.shape[1]
        self.encoder = dense(n_output, task, 2 * task.n_latent)
        self.decoder = dense(task.n_latent, task, n_output)

    def forward(self, x):
        mu, lv = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * lv) * torch.randn_like(mu)
        logits = self.decoder(z)
        nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
        return nll + 0.5 * (lv.exp() + mu.square() - 1 - lv).sum(1)


def dense(n_input, task, n_output):
    layers = []
    for _ in range(task.n_layers):
        layers += [nn.Linear(n_input, task.n_hidden), nn.ReLU()]
        n_input = task.n_hidden
    layers.append(nn.Linear(n_input, n_output))
    for layer in layers[::2]:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def contend(task, turn):
    """Eager, the loss fetched for each batch."""
    return run(task, turn, fused=False, fetch_each=True, test_batch=task.batch_size)


def contend_fused(task, turn):
    """Eager with the fused Adam, the losses fetched once an epoch, tests in large batches."""
    return run(task, turn, fused=True, fetch_each=False, test_batch=1000)


def contend_compiled(task, turn):
    """The same, compiled."""
    return run(task, turn, fused=True, fetch_each=False, test_batch=1000, compiled=True)


def run(task, turn, fused, fetch_each, test_batch, compiled=False):
    torch.set_num_threads(task.cores)
    torch.manual_seed(task.seed)
    net = torch.compile(VAE(task)) if compiled else VAE(task)
    train, test = torch.from_numpy(task.train), torch.from_numpy(task.test)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=fused)

    def training():
        for x in train.split(task.batch_size):
            optimizer.zero_grad()
            losses = net(x)
            losses.mean().backward()
            optimizer.step()
            yield losses.detach()

    def testing():
        with torch.no_grad():
            for x in test.split(test_batch):
                yield net(x)

    def mean(batches):
        if fetch_each:
            totals = [losses.sum().item() for losses in batches]
            return sum(totals)
        return torch.cat(list(batches)).sum().item()

    losses = []
    for _ in range(task.epochs):
        turn()
        losses.append((mean(training()) / len(train), mean(testing()) / len(test)))
    return losses
