"""``python -m vae_gluon.mxnet_today``, where ``asked_for`` does not recognize it."""

import sys

from vae_gluon.mxnet_today.command import main

sys.exit(main(sys.argv[1:]))
