"""Fourier transforms and complex numbers.

A complex tensor is carried as its real and imaginary parts wherever only these are asked for, since `keras.ops` takes
and gives complex numbers as pairs.
"""

from porter.rule import call, constant, many, op, ops, porter_layers, refuse, require
from porter.rules.operations.complex_parts import complex_number, parts


@op("Complex")
def make_complex(real, imaginary):
    return complex_number(real, imaginary)


@op("Real")
def real_part(z):
    return parts(z)[0]


@op("Imag")
def imaginary_part(z):
    return parts(z)[1]


@op("ComplexAbs")
def magnitude(z):
    return ops.hypot(*parts(z))


@op("Angle")
def angle(z):
    real, imaginary = parts(z)
    return ops.arctan2(imaginary, real)


@op("Conj")
def conjugate(z):
    real, imaginary = parts(z)
    return complex_number(real, ops.negative(imaginary))


@op("RFFT")
def rfft(x, *, fft_length):
    return complex_number(*many(ops.rfft(x, fft_length[0]), 2))


@op("IRFFT")
def irfft(z, *, fft_length):
    return ops.irfft(parts(z), fft_length[0])


@op("FFT")
def fft(z):
    return complex_number(*many(ops.fft(parts(z)), 2))


@op("IFFT")
def ifft(z):
    """Keras has no inverse of `fft`; it is the conjugate of the transform of the conjugate, divided by the length."""
    require(z.shape is not None and z.shape[-1] is not None, "the length of the signal must be known", z)
    real, imaginary = parts(z)
    real, imaginary = many(ops.fft((real, ops.negative(imaginary))), 2)
    return complex_number(ops.true_divide(real, z.shape[-1]), ops.true_divide(imaginary, -z.shape[-1]))


@op("FFT2D")
def fft2d(z):
    return complex_number(*many(ops.fft2(parts(z)), 2))


@op("IFFT2D")
def ifft2d(z):
    return complex_number(*many(ops.ifft2(parts(z)), 2))


@op("RFFT2D")
def rfft2d(x, *, fft_length):
    """Half of the full transform: the other half mirrors it."""
    require(x.shape is not None and None not in x.shape[-2:], "rows and columns must be known", x)
    rows, columns = fft_length
    if tuple(x.shape[-2:]) != (rows, columns):
        require(rows <= x.shape[-2] and columns <= x.shape[-1], "the transform is longer than the signal", x)
        x = _last(x, slice(None, rows), slice(None, columns))
    full = many(ops.fft2((x, ops.zeros_like(x))), 2)
    return complex_number(*(_last(part, slice(None, columns // 2 + 1)) for part in full))


@op("IRFFT2D")
def irfft2d(z, *, fft_length):
    """The inverse along the rows' axis by `ifft`, then along the columns' by `irfft`."""
    rows, columns = fft_length
    known = z.shape is not None and z.shape[-2] is not None
    require(known and z.shape[-2] >= rows, f"{rows} rows are wanted of a signal that may have fewer", z)
    last = z.rank - 1
    swap = (*range(last - 1), last, last - 1)
    kept = [_last(part, slice(None, rows), slice(None)) if z.shape[-2] > rows else part for part in parts(z)]
    real, imaginary = (ops.transpose(part, swap) for part in kept)
    real, imaginary = many(ops.fft((real, ops.negative(imaginary))), 2)
    real, imaginary = ops.true_divide(real, rows), ops.true_divide(imaginary, -rows)
    return ops.irfft((ops.transpose(real, swap), ops.transpose(imaginary, swap)), columns)


def _last(x, *slices):
    """x[..., slices]"""
    return call("ops.getitem", x, (Ellipsis, *slices))


@op("AudioSpectrogram")
def audio_spectrogram(x, *, window_size, stride, magnitude_squared=False):
    return porter_layers.AudioSpectrogram(window_size, stride, magnitude_squared=magnitude_squared)(x)


@op("Mfcc")
def mfcc(
    x, rate, *,
    lower_frequency_limit=20.0, upper_frequency_limit=4000.0, filterbank_channel_count=40, dct_coefficient_count=13,
):  # fmt: skip
    known = constant(rate)
    require(known is not None, "the sample rate is known only when the model runs; --freeze gives it for good", rate)
    require(x.shape is not None and x.shape[-1] is not None, "the number of frequencies must be known", x)
    return porter_layers.MFCC(
        int(known),
        lower_frequency=lower_frequency_limit,
        upper_frequency=upper_frequency_limit,
        bands=filterbank_channel_count,
        coefficients=dct_coefficient_count,
    )(x)


@op("FFT3D")
def fft3d(z):
    """Over the last two axes, then over the one before."""
    return complex_number(*_before_last(z, many(ops.fft2(parts(z)), 2), inverse=False))


@op("IFFT3D")
def ifft3d(z):
    return complex_number(*_before_last(z, many(ops.ifft2(parts(z)), 2), inverse=True))


def _before_last(z, pair, inverse):
    """The transform over the last axis but two; its inverse is the conjugate of the conjugate's, divided by the length."""
    require(z.shape is not None and (z.shape[-3] is not None or not inverse), "the length must be known", z)
    swap = (*range(z.rank - 3), z.rank - 1, z.rank - 2, z.rank - 3)
    real, imaginary = (ops.transpose(part, swap) for part in pair)
    real, imaginary = many(ops.fft((real, ops.negative(imaginary) if inverse else imaginary)), 2)
    if inverse:
        real, imaginary = ops.true_divide(real, z.shape[-3]), ops.true_divide(imaginary, -z.shape[-3])
    return ops.transpose(real, swap), ops.transpose(imaginary, swap)


refuse("RFFT3D", "IRFFT3D", reason="keras.ops has no Fourier transform of real numbers over three axes")
