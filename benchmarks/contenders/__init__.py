"""Who takes part in a race: a module each, with the same net, loss, batches and data.

A module's ``contend(task, turn)`` trains for ``task.epochs`` epochs and returns the mean losses
of each, (train, test). An epoch is a pass over ``task.train`` with an optimizer step for each
batch, then a pass over ``task.test``; before each it calls ``turn()``, which returns when it
may run.

No contender imports another's library. Only ``package`` and MXNet's ``floor`` import the package,
because it changes how many threads MXNet computes on.
"""
