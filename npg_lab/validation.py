"""Plain-sentence checks of arguments, shared by every module."""

import numpy as np


def shown(value):
    """`value` on one line, long arrays cut short."""
    digits = {"float_kind": "{:.12g}".format}
    return " ".join(np.array2string(np.asarray(value), threshold=16, edgeitems=2, formatter=digits).split())


def finite(name, value):
    """Return `value` as a float64 array; refuse anything that is not made of finite numbers."""
    try:
        array = np.asarray(value).astype(np.float64, casting="same_kind", copy=False)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be made of real numbers, got {value!r}.") from None
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {shown(array)}.")
    return array


def positive(name, value):
    """Return `value` as a float64 array; refuse entries that are not finite and above zero."""
    array = finite(name, value)
    if not np.all(array > 0):
        raise ValueError(f"{name} must be greater than 0, got {shown(array)}.")
    return array


def non_negative(name, value):
    """Return `value` as a float64 array; refuse negative entries."""
    array = finite(name, value)
    if not np.all(array >= 0):
        raise ValueError(f"{name} must be 0 or more, got {shown(array)}.")
    return array


def vector(name, value, dimension):
    """Return `value` as a float64 array whose last axis has `dimension` entries."""
    array = finite(name, value)
    if array.ndim == 0 or array.shape[-1] != dimension:
        raise ValueError(f"{name} must have {dimension} entries along its last axis, got shape {array.shape}.")
    return array


def square(name, value, dimension=None):
    """Return `value` as a float64 array whose last two axes are equal (and equal `dimension`)."""
    array = finite(name, value)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2] or dimension not in (None, array.shape[-1]):
        wanted = "square" if dimension is None else f"{dimension} by {dimension}"
        raise ValueError(f"{name} must be {wanted} along its last two axes, got shape {array.shape}.")
    return array


def one_of(name, value, choices):
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}.")
    return value


def unit_interval(name, value):
    """Return `value` as a float if it lies in [0, 1]."""
    value = finite(name, value)
    if value.ndim > 0 or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number in [0, 1], got {shown(value)}.")
    return float(value)


def at_least_one(name, value):
    """Return `value` if it is an integer of 1 or more."""
    return _integer(name, value, 1)


def zero_or_more(name, value):
    """Return `value` if it is an integer of 0 or more."""
    return _integer(name, value, 0)


def _integer(name, value, least):
    if not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of {least} or more, got {value!r}.")
    return int(value)
