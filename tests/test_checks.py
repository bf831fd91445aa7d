"""What comes in wrong is refused, with what was got and what was expected."""

import re

import numpy as np
import pytest

from vae_gluon._checks import check_integer, check_pixels


@pytest.mark.parametrize("value", [0, 2.0, True, None, "3"])
def test_what_is_no_integer_from_the_least_on_is_refused(value):
    message = f"expected n to be an integer of at least 1, got {value!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_integer("n", value)
    for number in (2, np.uint8(200)):
        check_integer("n", number, least=2)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.nan, "from nan to nan"),
        (-0.01, "from -0.01 to 0.0"),
        (255, "from 0.0 to 255.0; divide bytes by 255"),
        (np.nextafter(np.float32(1), np.float32(2)), "from 0.0 to 1.0000001"),
    ],
)
def test_pixels_outside_the_unit_interval_are_refused(value, found):
    images = np.zeros((3, 784), "float32")
    images[1, 783] = value
    with pytest.raises(ValueError, match=rf"some images: expected pixels .*, got {found}$"):
        check_pixels("some images", images)
