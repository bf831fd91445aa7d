"""Images -> negative ELBO: the net, its blocks, its devices, its parameters."""

from vae_gluon.model.conv import conv_decoder, conv_encoder
from vae_gluon.model.devices import default_context, gpu_exists, read_contexts
from vae_gluon.model.losses import BernoulliNLL, GaussianKL
from vae_gluon.model.parameter_files import (
    check_arrays,
    check_parameters,
    expected_array,
    parameter_bytes,
    read_parameters,
    write_parameters,
)
from vae_gluon.model.parameters import (
    contexts_of,
    first_parameter,
    named_parameters,
    numbers_of,
    parameter_arrays,
    set_parameters,
)
from vae_gluon.model.sampler import GaussianSampler
from vae_gluon.model.vae import VAE, Decoder
