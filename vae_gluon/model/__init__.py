"""Images -> negative ELBO: the net, its blocks, its devices, its parameter files."""

from vae_gluon.model.conv import conv_decoder, conv_encoder
from vae_gluon.model.devices import (
    context_of,
    contexts_of,
    default_context,
    dtype_of,
    gpu_exists,
    read_contexts,
)
from vae_gluon.model.finite import check_finite
from vae_gluon.model.losses import BernoulliNLL, GaussianKL
from vae_gluon.model.parameter_files import (
    FILE_MAGIC,
    check_arrays,
    check_parameters,
    expected_array,
    largest_file,
    named_parameters,
    numbers_of,
    parameter_arrays,
    read_parameters,
    write_parameters,
    writing_parameters,
)
from vae_gluon.model.sampler import GaussianSampler
from vae_gluon.model.vae import VAE, Decoder
