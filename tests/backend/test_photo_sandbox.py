"""Whatever a photo does to the decoder, the server lives on."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from PIL import Image

from backend.errors import PhotoRefused, TooLarge, UnsupportedPhoto
from backend.intake import photo_sandbox
from backend.intake.photo_sandbox import ChildLimits, PhotoSandbox
from mobile_models.photo import PhotoLimits
from tests import pictures


@pytest.fixture(scope="module")
def sandbox() -> Iterator[PhotoSandbox]:
    opened = PhotoSandbox(PhotoLimits(), 1600, processes=2)
    yield opened
    opened.close()


def helper_pid(sandbox: PhotoSandbox) -> int:
    assert sandbox._helper is not None
    return sandbox._helper[0].pid


def is_running(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes `count` times over: cheap to send, dear to decode."""
    content = pictures.save(Image.new("RGB", (4000, 4000)), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    return content[:-2] + content[start:-2] * count + content[-2:]


def test_a_photo_comes_back_clean_and_no_longer_than_allowed(sandbox: PhotoSandbox) -> None:
    photo = sandbox.clean(pictures.jpeg("glass", size=(3200, 1600)))
    assert (photo.width, photo.height) == (1600, 800)
    assert photo.content.startswith(b"\xff\xd8\xff\xe0")


def test_refusals_keep_their_codes(sandbox: PhotoSandbox) -> None:
    for content, kind, code in (
        (b"hello", UnsupportedPhoto, "unsupported_format"),
        (pictures.save(Image.new("1", (9000, 9000)), "PNG"), TooLarge, "too_many_pixels"),
        (bytes(13 * 1024 * 1024), TooLarge, "too_many_bytes"),
        (pictures.jpeg()[:-300], PhotoRefused, "truncated"),
        (many_scans(150), PhotoRefused, "too_many_scans"),
    ):
        with pytest.raises(kind) as caught:
            sandbox.clean(content)
        assert caught.value.code == code


def test_a_photo_that_needs_more_memory_than_it_may_is_refused() -> None:
    with closing(PhotoSandbox(PhotoLimits(), 1600, child_limits=ChildLimits(address_space_bytes=220 << 20))) as sandbox:
        with pytest.raises(PhotoRefused) as caught:
            sandbox.clean(pictures.save(Image.new("RGB", (6000, 6000)), "PNG", compress_level=1))
        assert caught.value.code == "too_costly"
        assert sandbox.clean(pictures.jpeg()).width == 96


def test_a_photo_that_takes_too_long_is_refused() -> None:
    with closing(PhotoSandbox(PhotoLimits(max_scans=10**9), 1600, child_limits=ChildLimits(seconds=3))) as sandbox:
        with pytest.raises(PhotoRefused) as caught:
            sandbox.clean(many_scans(40_000))
        assert caught.value.code == "too_costly"
        assert is_running(helper_pid(sandbox)), "only its child was ended"


def test_a_helper_that_was_killed_is_replaced(sandbox: PhotoSandbox) -> None:
    sandbox.clean(pictures.jpeg())
    first = helper_pid(sandbox)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert sandbox.clean(pictures.jpeg()).width == 96
    assert helper_pid(sandbox) != first


def test_a_helper_that_is_told_to_end_with_all_the_others_goes_on_until_we_end(sandbox: PhotoSandbox) -> None:
    """As a machine that shuts down tells every process, also while the server still answers."""
    sandbox.clean(pictures.jpeg())
    pid = helper_pid(sandbox)
    os.kill(pid, signal.SIGTERM)
    assert sandbox.clean(pictures.jpeg()).width == 96
    assert helper_pid(sandbox) == pid


def test_no_secret_of_the_environment_reaches_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASTELENS_DATABASE_URL", "postgresql://secret")
    with closing(PhotoSandbox(PhotoLimits(), 1600)) as sandbox:
        sandbox.clean(pictures.jpeg())
        with open(f"/proc/{helper_pid(sandbox)}/environ", "rb") as environment:  # noqa: PTH123  # It is no real file.
            assert b"secret" not in environment.read()


def test_the_helper_ends_with_us() -> None:
    with closing(PhotoSandbox(PhotoLimits(), 1600)) as sandbox:
        sandbox.clean(pictures.jpeg())
        pid = helper_pid(sandbox)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_many_at_once_all_get_their_own_photo(sandbox: PhotoSandbox) -> None:
    wrong: list[int] = []

    def send(width: int) -> None:
        if sandbox.clean(pictures.jpeg("glass", size=(width, 50))).width != width:
            wrong.append(width)

    threads = [threading.Thread(target=send, args=(width,)) for width in range(40, 56)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_decoder_that_answers_without_end_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_sandbox, "MOST_ANSWER_BYTES", 1 << 20)
    ours, theirs = socket.socketpair()
    sent: list[int] = []

    def rave() -> None:
        with theirs, suppress(OSError):
            while sum(sent) < 1 << 26:
                sent.append(theirs.send(bytes(1 << 16)))

    mad = threading.Thread(target=rave)
    mad.start()
    with ours:
        assert photo_sandbox._exchange(ours, b"") == b""
    mad.join()
    assert sum(sent) < 1 << 23
