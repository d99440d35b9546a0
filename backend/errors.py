"""Errors of the domain: whose fault, what to answer, what to do.

Guarantees: each error has a stable `code` that clients may rely on, an HTTP status, and a `detail` that says what to
do. `backend.api.problems` turns them into RFC 9457 problem documents; nothing here knows HTTP libraries.
"""


class DomainError(Exception):
    """Somebody asked for something that cannot be done as asked."""

    status = 400
    code = "bad_request"
    title = "The request cannot be carried out"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class NotFound(DomainError):
    status = 404
    code = "not_found"
    title = "There is no such thing"


class Gone(DomainError):
    """It was there, and never comes back."""

    status = 410
    code = "gone"
    title = "It is no longer there"


class Conflict(DomainError):
    """The state of the thing does not allow it, or another body was sent under the same id."""

    status = 409
    code = "conflict"
    title = "It conflicts with what is already there"


class NotSignedIn(DomainError):
    status = 401
    code = "not_signed_in"
    title = "A valid token is needed"


class Forbidden(DomainError):
    status = 403
    code = "forbidden"
    title = "This person or device may not do that"


class PhotoRefused(DomainError):
    """The photo cannot be taken; `code` is one of `mobile_models.photo.PhotoErrorCode`."""

    status = 422
    code = "photo_refused"
    title = "The photo cannot be taken"


class UnsupportedPhoto(PhotoRefused):
    status = 415
    code = "unsupported_format"


class TooLarge(DomainError):
    status = 413
    code = "too_large"
    title = "Too many bytes or pixels"


class TooMany(DomainError):
    status = 429
    code = "too_many"
    title = "Too many in this time"


class Unavailable(DomainError):
    """Not the sender's fault; the same request may succeed later."""

    status = 503
    code = "unavailable"
    title = "Not available at the moment"
