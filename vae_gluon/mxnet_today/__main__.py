"""``python -m vae_gluon.mxnet_today``, on Python 3.9."""

import sys

from vae_gluon.mxnet_today.command import main

sys.exit(main(sys.argv[1:]))
