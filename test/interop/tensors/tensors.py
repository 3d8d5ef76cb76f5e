"""Writes and reads files of tensors with the real PyTorch, 1.13 or later, for torch.test.ts."""

import base64
import collections
import io
import json
import sys

import torch


def tensor_of(sample):
    data = bytearray(base64.b64decode(sample["base64"]))
    dtype = getattr(torch, sample["dtype"])
    if len(data) == 0:
        return torch.zeros(sample["shape"], dtype=dtype)
    return torch.frombuffer(data, dtype=dtype).reshape(sample["shape"]).clone()


def sample_of(name, tensor):
    tensor = tensor.detach().contiguous().reshape(tensor.shape)
    data = bytes(tensor.clone().view(-1).view(torch.uint8).tolist()) if tensor.numel() > 0 else b""
    return {
        "name": name,
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "base64": base64.b64encode(data).decode(),
    }


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return base64.b64encode(file.getvalue()).decode()


class Unknown:
    pass


def write(samples):
    # uint16, uint32 and uint64 came with PyTorch 2.3.
    known = [sample for sample in samples if hasattr(torch, sample["dtype"])]
    tensors = {sample["name"]: tensor_of(sample) for sample in known}
    numbers = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(5, 3)).sum().backward()
    optimizer.step()
    views = {
        "transposed": numbers.transpose(0, 2),
        "every second": numbers[:, :, ::2],
        "a part": numbers[1],
        "expanded": torch.arange(3).reshape(3, 1).expand(3, 4),
        "turned around": numbers.flip(0)[:, 1:, 1],
        "none of it": numbers[:0],
        "a single one": numbers[1, 2, 3],
    }
    checkpoint = {
        "epoch": 3,
        "loss": 0.25,
        "done": False,
        "note": None,
        "big": 2**40,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "list": [numbers, (numbers.double(),)],
    }
    flat = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        flat.update({f"optimizer.state.{index}.{name}": tensor for name, tensor in state.items()})
    flat.update({"list.0": numbers, "list.1.0": numbers.double()})
    many = {f"layer.{index}": torch.full((2,), index) for index in range(2_001)}
    return {
        "version": torch.__version__,
        "types": sorted({sample["dtype"] for sample in known}),
        "all": saved(tensors),
        "one": saved({"only": numbers}),
        "none": saved({}),
        "many": saved(many),
        "thousand": saved({name: tensor for name, tensor in list(many.items())[:1_000]}),
        "ordered": saved(collections.OrderedDict(tensors)),
        "model": saved(model.state_dict()),
        "parameters": saved(dict(model.named_parameters())),
        "bare": saved(numbers),
        "views": saved(views),
        "checkpoint": saved(checkpoint),
        "refused": {
            "a whole model": saved(model),
            "an object": saved({"a": numbers, "b": Unknown()}),
            "complex numbers": saved({"a": numbers.to(torch.complex64)}),
            "a sparse tensor": saved({"a": numbers[0].to_sparse()}),
            "a quantised tensor": saved({"a": torch.quantize_per_tensor(numbers, 0.1, 0, torch.qint8)}),
            "a set": saved({"a": {1, 2}}),
            "the format before 1.6": saved({"a": numbers}, _use_new_zipfile_serialization=False),
        },
        "samples": {
            "many": [sample_of(name, tensor) for name, tensor in many.items()],
            "model": [sample_of(name, tensor) for name, tensor in model.state_dict().items()],
            "parameters": [sample_of(name, tensor) for name, tensor in model.named_parameters()],
            "bare": [sample_of("tensor", numbers)],
            "views": [sample_of(name, tensor) for name, tensor in views.items()],
            "checkpoint": [sample_of(name, tensor) for name, tensor in flat.items()],
        },
    }


def read(files):
    def load(encoded):
        return torch.load(io.BytesIO(base64.b64decode(encoded)), weights_only=True)

    return {
        name: [sample_of(key, tensor) for key, tensor in load(encoded).items()] for name, encoded in files.items()
    }


request = json.load(sys.stdin)
json.dump({"write": write, "read": read}[request["do"]](request["what"]), sys.stdout)
