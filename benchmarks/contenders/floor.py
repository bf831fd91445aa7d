"""The floor: nothing but the six layers' matrix products, forward and backward.

For training three products a layer (outputs, gradients of inputs and of weights; the images
need no gradient, so the first layer has two), for testing one. No bias, activation, loss,
noise, or update, and each layer has inputs of its own, so nothing waits for another.
"""


def shapes(task):
    """Return the (inputs, outputs) of the six layers."""
    n_output = task.train.shape[1]
    hidden = [task.n_hidden] * task.n_layers
    encoder = [n_output, *hidden, 2 * task.n_latent]
    decoder = [task.n_latent, *hidden, n_output]
    return [pair for widths in (encoder, decoder) for pair in zip(widths, widths[1:])]


def contend_mxnet(task, turn):
    """MXNet's FullyConnected, as the package uses it."""
    import vae_gluon  # noqa: F401  loads mxnet on every core

    # isort: split
    import mxnet as mx

    class Products(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.layers = mx.gluon.nn.HybridSequential()
                for n_input, n_output in shapes(task):
                    self.layers.add(mx.gluon.nn.Dense(n_output, use_bias=False, in_units=n_input))

        def hybrid_forward(self, F, *inputs):
            return [layer(x) for layer, x in zip(self.layers._children.values(), inputs)]

    mx.random.seed(task.seed)
    net = Products()
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True, static_shape=True)

    def arrays(n, index):
        return [mx.nd.random.normal(shape=(n, pair[index])) for pair in shapes(task)]

    inputs, gradients = arrays(task.batch_size, 0), arrays(task.batch_size, 1)
    for x in inputs[1:]:
        x.attach_grad()
    test_inputs = arrays(1000, 0)
    for _ in range(task.epochs):
        turn()
        for _ in range(len(task.train) // task.batch_size):
            with mx.autograd.record():
                outputs = net(*inputs)
            mx.autograd.backward(outputs, gradients)
            outputs[0].wait_to_read()
        for _ in range(len(task.test) // 1000):
            net(*test_inputs)
        mx.nd.waitall()
    return []


def contend_pytorch(task, turn):
    """PyTorch's matrix product."""
    import torch

    torch.set_num_threads(task.cores)

    def arrays(n, index):
        return [torch.randn(n, pair[index]) for pair in shapes(task)]

    weights = [torch.randn(n_output, n_input) for n_input, n_output in shapes(task)]
    inputs, gradients = arrays(task.batch_size, 0), arrays(task.batch_size, 1)
    test_inputs = arrays(1000, 0)
    for _ in range(task.epochs):
        turn()
        for _ in range(len(task.train) // task.batch_size):
            for layer, (x, weight, gradient) in enumerate(zip(inputs, weights, gradients)):
                x @ weight.T
                gradient.T @ x
                if layer > 0:
                    gradient @ weight
        for _ in range(len(task.test) // 1000):
            for x, weight in zip(test_inputs, weights):
                x @ weight.T
    return []
