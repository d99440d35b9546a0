"""The process that decodes: forks once for each connection that it is handed, and decodes in the fork.

Started by `photo_sandbox` with a control socket as standard input. Guarantees: a fork lowers its own limits
before it reads a byte of the photo, and ends by the kernel's hand if it needs more time than it may.
"""

import json
import os
import resource
import signal
import socket
import sys

from mobile_models import photo as photos
from mobile_models.input_spec import InputSpec

_GREY = (128, 128, 128)
"""What is covered becomes: as far as a grey box can, it teaches a model nothing."""


def serve(control: socket.socket, limits: dict[str, int]) -> None:
    """Fork for each connection until the other end of `control` is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The kernel buries the children.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Whoever ends all at once lets the server answer what is under way.
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        with socket.socket(fileno=descriptors[0]) as connection:
            if os.fork() == 0:
                control.close()
                _limit(limits)
                _answer(connection)
                os._exit(0)


def _limit(limits: dict[str, int]) -> None:
    signal.alarm(limits["seconds"])  # Nobody handles SIGALRM, so it ends the process.
    for resource_name, most in (
        (resource.RLIMIT_AS, limits["address_space_bytes"]),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(resource_name, (most, most))


def _answer(connection: socket.socket) -> None:
    with connection.makefile("rwb") as stream:
        request = json.loads(stream.readline())
        content = stream.read(request["bytes"])
        try:
            header, body = _work(request, content)
        except photos.PhotoError as error:
            header, body = {"code": error.code.value, "message": error.message}, b""
        stream.write(json.dumps(header).encode() + b"\n" + body)


def _work(request: dict[str, object], content: bytes) -> tuple[dict[str, object], bytes]:
    limits = photos.PhotoLimits(**request["limits"])  # type: ignore[arg-type]
    if "input_spec" in request:
        spec = InputSpec.model_validate(request["input_spec"])
        return {}, spec.prepare(photos.decode(content, limits=limits)).tobytes()
    longest_edge: int = request["longest_edge"]  # type: ignore[assignment]
    image = photos.decode(content, limits=limits, longest_edge=longest_edge)
    for left, top, right, bottom in request.get("cover", ()):  # type: ignore[attr-defined]
        image.paste(_GREY, (left, top, right, bottom))
    return {"width": image.width, "height": image.height}, photos.encode(image)


if __name__ == "__main__":
    serve(socket.socket(fileno=sys.stdin.fileno()), json.loads(sys.argv[1]))
