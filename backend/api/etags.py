"""Entity tags: what a client has already is not sent again."""


def names(header: str | None, tag: str) -> bool:
    """Whether an `If-None-Match` names `tag`, which has its quotes, by weak comparison (RFC 9110, 13.1.2)."""
    given = {each.strip().removeprefix("W/") for each in (header or "").split(",")}
    return "*" in given or tag in given
