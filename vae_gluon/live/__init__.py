"""Pictures during training: a film, a notebook's cell."""

from vae_gluon.live.pictures import Film, LivePictures, write_gif
