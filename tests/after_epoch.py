"""A callback for tests."""

from vae_gluon import Callback


class AfterEpoch(Callback):
    """Calls a function with the training after each epoch."""

    def __init__(self, function):
        self.function = function

    def after_epoch(self, training):
        self.function(training)
