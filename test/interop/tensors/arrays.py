"""Writes and reads files of arrays with the real NumPy, ml_dtypes and safetensors, for arrays.test.ts."""

import base64
import io
import json
import sys

import ml_dtypes
import numpy as np
import safetensors.numpy
from numpy.lib import format as npy_format


def dtype_of(name):
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def array_of(sample):
    data = base64.b64decode(sample["base64"])
    return np.frombuffer(data, dtype_of(sample["dtype"])).reshape(sample["shape"])


def sample_of(name, array, dtype=None):
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).reshape(array.shape)
    return {
        "name": name,
        "dtype": dtype or array.dtype.name,
        "shape": list(array.shape),
        "base64": base64.b64encode(little.tobytes()).decode(),
    }


def written(write):
    file = io.BytesIO()
    write(file)
    return base64.b64encode(file.getvalue()).decode()


def save(array, **options):
    return written(lambda file: np.save(file, array, **options))


def versioned(array, version):
    return written(lambda file: npy_format.write_array(file, array, version=version))


def write(samples):
    arrays = {sample["name"]: array_of(sample) for sample in samples}
    numbers = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 5
    others = {
        "Fortran's order": numbers.copy(order="F"),
        "Fortran's order, one dimension": np.asfortranarray(numbers[0, 0]),
        "big-endian float64": numbers.astype(">f8"),
        "big-endian int16 in Fortran's order": numbers.astype(">i2").copy(order="F"),
        "big-endian scalar": np.array(258, dtype=">u4"),
        "transposed": numbers.T,
        "empty in Fortran's order": np.zeros((0, 3), order="F"),
    }
    refused = {
        "objects": np.array([{"a": 1}], dtype=object),
        "text": np.array(["a"]),
        "bytes": np.array([b"a"]),
        "complex": np.zeros(2, np.complex64),
        "dates": np.zeros(2, "M8[s]"),
        "fields": np.zeros(2, [("a", "<i4"), ("b", "<f4")]),
        "long double": np.zeros(2, np.longdouble),
        "float8": np.zeros(2, ml_dtypes.float8_e4m3fn),
    }
    float8 = {"a": np.zeros(2, ml_dtypes.float8_e4m3fn)}
    return {
        "npy": {name: save(array) for name, array in arrays.items()},
        "npz": written(lambda file: np.savez(file, **arrays)),
        "npzCompressed": written(lambda file: np.savez_compressed(file, **arrays)),
        "npzNames": written(lambda file: np.savez(file, **{"é/ü": numbers, "__proto__": numbers, "": numbers})),
        "safetensors": base64.b64encode(safetensors.numpy.save(arrays)).decode(),
        "safetensorsMetadata": base64.b64encode(
            safetensors.numpy.save({'é "\n\u2028😀': numbers, "\uffee": numbers}, {"format": "np\t😀"})
        ).decode(),
        "safetensorsEmpty": base64.b64encode(safetensors.numpy.save({})).decode(),
        "safetensorsFloat8": base64.b64encode(safetensors.numpy.save(float8)).decode(),
        "npyOthers": {name: save(array) for name, array in others.items()},
        "npyVersions": [versioned(numbers, version) for version in [(1, 0), (2, 0), (3, 0)]],
        "npyRefused": {name: save(array) for name, array in refused.items()},
        "others": [sample_of(name, array) for name, array in others.items()],
        "numbers": sample_of("numbers", numbers),
    }


def read(files):
    def bytes_of(name):
        return base64.b64decode(files[name])

    npz = np.load(io.BytesIO(bytes_of("npzCompressed")))
    tensors = safetensors.numpy.load(bytes_of("safetensors"))

    def named(name, array):
        return sample_of(name, array, "bfloat16" if array.dtype == np.dtype("V2") else None)

    return {
        "npzCompressed": [named(name, npz[name]) for name in npz.files],
        "safetensors": [sample_of(name, array) for name, array in tensors.items()],
    }


request = json.load(sys.stdin)
json.dump({"write": write, "read": read}[request["do"]](request["what"]), sys.stdout)
