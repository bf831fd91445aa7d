"""The net and the budget of PyTorch's VAE example: 784-400-20, batch 128, Adam 0.001, 10 epochs.

Written again from its formula (github.com/pytorch/examples, vae), to stand beside this package's
``--n-latent 20 --n-layers 1 --batch-size 128 --epochs 10`` on the same images:

    python -m benchmarks.pytorch_example --data-dir DIR --seed 1
"""

import argparse

import torch
from torch import nn
from torch.nn import functional

from vae_gluon import load_mnist


class Example(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.codes = nn.Linear(400, 2 * 20)
        self.decoder = nn.Sequential(
            nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid()
        )

    def forward(self, x):
        """Return the negative ELBO of a batch, summed over images: nats."""
        mu, lv = self.codes(functional.relu(self.hidden(x))).chunk(2, dim=1)  # (N, 20) each
        y = self.decoder(mu + torch.exp(0.5 * lv) * torch.randn_like(lv))  # (N, 784)
        nll = functional.binary_cross_entropy(y, x, reduction="sum")
        return nll - 0.5 * torch.sum(1 + lv - mu**2 - lv.exp())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    mnist = load_mnist(args.data_dir)
    train, test = (
        torch.from_numpy(mnist[f"{part}_data"]).reshape(-1, 784) for part in ("train", "test")
    )
    torch.manual_seed(args.seed)
    net = Example()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(args.epochs):
        total = 0.0
        for x in train[torch.randperm(len(train))].split(128):
            adam.zero_grad()
            loss = net(x)
            loss.backward()
            adam.step()
            total += loss.item()
        with torch.no_grad():
            validation = sum(net(x).item() for x in test.split(1000)) / len(test)
        print(
            f"Epoch {epoch}, training loss {total / len(train):.2f}, "
            f"validation loss {validation:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
