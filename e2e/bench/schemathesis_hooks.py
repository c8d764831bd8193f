"""What schemathesis sends where a body is bytes and no schema tells their form."""
import schemathesis
from hypothesis import strategies

for media_type in ("application/offset+octet-stream", "application/partial-upload"):
    schemathesis.openapi.media_type(media_type, strategies.binary(max_size=256))


@schemathesis.hook
def filter_case(context, case):
    """A header nobody knows is ignored (RFC 9110 5.1), so it makes no request wrong."""
    return not any(name.lower().startswith("x-schemathesis") for name in case.headers or {})
