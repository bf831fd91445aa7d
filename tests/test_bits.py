"""Training gives the same bits with every Python and NumPy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = """
import hashlib, json
from vae_gluon import VAE, make_digits, mnist_iterators, seed, train
seed(1)
iterators = mnist_iterators(make_digits(1000, 500, seed=3), shuffle=True)
net = VAE(n_hidden=64, n_layers=2)
net.hybridize(static_alloc=True, static_shape=True)
history = train(net, *iterators, epochs=2, seed=1, progress=False)
parameters = [parameter.data().asnumpy() for parameter in net.collect_params().values()]
digest = hashlib.sha256(b"".join(array.tobytes() for array in parameters)).hexdigest()
print(json.dumps([history.train, history.val, digest]))
"""

# Products are summed in another order by each kind of processor. These settings ask MXNet's two
# libraries for the code that all x86-64 processors of the last ten years can run.
SAME_CODE = {"OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell", "DNNL_MAX_CPU_ISA": "AVX2"}

TRAIN_LOSSES = [534.0860352478028, 454.8831336975098]
VAL_LOSSES = [510.92867114257814, 372.91191156005857]
DIGEST = "b3c50f7be3c3fc6e29840ccce607329425dbeb8f6d939eeab2eb8f9f9cc32cdf"  # of the parameters


def test_two_epochs_give_the_figures_that_every_python_and_numpy_gives():
    output = subprocess.run(
        [sys.executable, "-c", TRAIN],
        env={**os.environ, **SAME_CODE},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    train, val, digest = json.loads(output)
    cpu = Path("/proc/cpuinfo")
    if cpu.is_file() and " avx2 " in cpu.read_text():
        assert (train, val, digest) == (TRAIN_LOSSES, VAL_LOSSES, DIGEST)
    else:  # in single precision
        assert train + val == pytest.approx(TRAIN_LOSSES + VAL_LOSSES, rel=1e-6)
