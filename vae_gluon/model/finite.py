"""Parameters that are not finite, which results may hide: MXNet's relu makes 0 of NaN."""

from __future__ import annotations

import mxnet as mx

from vae_gluon._checks import first_not_finite
from vae_gluon.model.parameter_files import named_parameters, numbers_of


def check_finite(net: mx.gluon.Block) -> None:
    """Raise a ValueError if a parameter of ``net`` holds a number that is not finite."""
    for name, parameter in named_parameters(net).items():
        try:
            numbers = numbers_of(parameter)
        except RuntimeError:  # it is not initialized, or not yet: its shape comes with the images
            continue
        bad = first_not_finite(numbers)
        if bad is not None:
            raise ValueError(
                f"expected a net of finite parameters, found {bad} in {name}: its training has "
                "diverged; initialize it again, or load other parameters"
            )
