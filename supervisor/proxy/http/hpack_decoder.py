"""A decoder of HTTP/2 heads that limits their size."""

from typing import TYPE_CHECKING

from hpack import Decoder
from hpack.struct import HeaderTuple

from portweave.supervisor.proxy.http.head_limits import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

# The most decoded bytes of one head; RFC 7541, section 4.1, adds 32 bytes for each field. The
# connection ends beyond the limit: a few encoded bytes may decode to many.
DECODED_BYTES = 1 << 20


class HeadDecoder(Decoder):
    """The library's decoder, with a short head marked by `TOO_LONG` instead of one too long."""

    def __init__(self) -> None:
        super().__init__(DECODED_BYTES)

    def decode(self, data: bytes, raw: bool = False) -> "Iterable[HeaderTuple]":
        """Decode a head or trailers.

        Raises:
            HPACKDecodingError: The data is malformed, or longer than `DECODED_BYTES`.
        """
        fields = list(super().decode(data, raw))
        short = shorten([(name, text) for name, text in fields])
        return fields if short is None else [HeaderTuple(*field) for field in short]
