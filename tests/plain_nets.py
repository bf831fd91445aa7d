"""Nets whose loss is known without computing it, and what a net's weights are."""

from mxnet import autograd, gluon


class Constant(gluon.HybridBlock):
    """A net whose loss is the first pixel times a weight of 1: its mean is known."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(1,), init="ones")

    def hybrid_forward(self, F, x, weight):
        return F.broadcast_mul(F.slice_axis(x, axis=1, begin=0, end=1).reshape(-1), weight)


class Watched(Constant):
    """It notes the batches that it is given, and whether their gradient is taken."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append((len(x), autograd.is_recording()))
        return super().forward(x)


def parameters(net):
    """Return the values of all parameters, in their order."""
    return [parameter.data().asnumpy() for parameter in net.collect_params().values()]
