"""``python -m vae_gluon`` is the command ``vae-gluon``."""

import sys

from vae_gluon.command.cli import main

if __name__ == "__main__":
    sys.exit(main())
