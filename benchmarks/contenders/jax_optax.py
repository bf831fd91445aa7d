"""JAX: one jitted function a step, Adam from optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax


def contend(task, turn):
    key, start = jax.random.split(jax.random.PRNGKey(task.seed))
    net = make_net(task, start)
    optimizer = optax.adam(0.001)
    state = optimizer.init(net)

    def step(net, state, x, key):
        key, noise = jax.random.split(key)
        loss, gradient = jax.value_and_grad(lambda n: negative_elbo(n, x, noise).mean())(net)
        update, state = optimizer.update(gradient, state)
        return optax.apply_updates(net, update), state, key, loss

    step = jax.jit(step, donate_argnums=(0, 1))
    evaluate = jax.jit(negative_elbo)
    train, test = batches(task.train, task.batch_size), batches(task.test, 1000)
    losses = []
    for _ in range(task.epochs):
        turn()
        train_losses, test_losses = [], []
        for x in train:
            net, state, key, loss = step(net, state, x, key)
            train_losses.append(loss)
        for x in test:
            key, noise = jax.random.split(key)
            test_losses.append(evaluate(net, x, noise))
        train_loss = np.average(
            [float(loss) for loss in train_losses], weights=list(map(len, train))
        )
        losses.append((float(train_loss), float(np.concatenate(test_losses).mean())))
    return losses


def make_net(task, key):
    """Return the weights and biases of the layers, Xavier's and zeros."""
    n_output = task.train.shape[1]
    hidden = [task.n_hidden] * task.n_layers
    keys = iter(jax.random.split(key, 2 * task.n_layers + 2))
    xavier = jax.nn.initializers.glorot_uniform()

    def dense(*widths):
        return [
            (xavier(next(keys), shape), jnp.zeros(shape[1])) for shape in zip(widths, widths[1:])
        ]

    return {
        "encoder": dense(n_output, *hidden, 2 * task.n_latent),
        "decoder": dense(task.n_latent, *hidden, n_output),
    }


def apply(layers, h):
    for weight, bias in layers[:-1]:
        h = jax.nn.relu(h @ weight + bias)
    weight, bias = layers[-1]
    return h @ weight + bias


def negative_elbo(net, x, key):
    mu, lv = jnp.split(apply(net["encoder"], x), 2, axis=1)
    z = mu + jnp.exp(0.5 * lv) * jax.random.normal(key, mu.shape)
    logits = apply(net["decoder"], z)
    nll = jnp.sum(jax.nn.softplus(logits) - x * logits, axis=1)
    return nll + 0.5 * jnp.sum(jnp.exp(lv) + mu**2 - 1 - lv, axis=1)


def batches(images, size):
    return [jnp.asarray(images[i : i + size]) for i in range(0, len(images), size)]
