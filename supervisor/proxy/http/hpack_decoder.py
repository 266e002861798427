"""A decoder of heads of HTTP/2 that bounds what it keeps of them."""

from typing import TYPE_CHECKING

from hpack import Decoder
from hpack.struct import HeaderTuple

from portweave.supervisor.proxy.http.head_limits import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

# The most that is decoded of one head, by the measure of RFC 7541, section 4.1, in which each field
# counts 32 bytes besides. Past it the connection ends: a few bytes may stand for many.
DECODED_BYTES = 1 << 20


class HeadDecoder(Decoder):
    """The library's, but what is longer than a head may be comes out short: `TOO_LONG` says so."""

    def __init__(self) -> None:
        super().__init__(DECODED_BYTES)

    def decode(self, data: bytes, raw: bool = False) -> "Iterable[HeaderTuple]":
        """Decode a head, or what stands behind a body.

        Raises:
            HPACKDecodingError: It cannot be decoded, or is longer than `DECODED_BYTES`.
        """
        fields = list(super().decode(data, raw))
        short = shorten([(name, text) for name, text in fields])
        return fields if short is None else [HeaderTuple(*field) for field in short]
