"""``python -m vae_gluon.mxnet_today``, where the package could not tell that it was asked for."""

import sys

from vae_gluon.mxnet_today.command import main

sys.exit(main(sys.argv[1:]))
