"""Texts that are much alike, held compressed: each against what the first of its sort had in it.

The texts are a kilobyte, so alone they compress to less than a half, and against others of their kind to a sixteenth: what a spec or a
status says is mostly its field names and the sentences of its conditions. To pack one takes about ten microseconds, to unpack it one.
"""

import zlib
from typing import Final

_RAW: Final = -13
"""A window of 8 kB, which what is learnt and most texts fit into, and neither header nor checksum: ten bytes for each text. What is
unpacked was packed by this process."""
_ROOM: Final = 6
"""zlib's `memLevel`. With these a packer works in blocks of 16 kB; of 64 kB each, they would tear up the heap that the rest lies on."""
_LEARNT: Final = 4096
"""Bytes that are learnt: of each text they are looked at once more."""
_WORTH: Final = 256
"""Bytes of the smallest text that is learnt from: ten thousand that say nothing yet must not be all that is known."""


class Packing:
    """Packs the texts of one sort. Not for anything that outlives the process.

    What is learnt goes before what has been learnt: deflate counts its distances backwards, so what was packed before
    reads as it was. One thread packs; others may unpack meanwhile, because what is learnt is there before what was packed with it is.
    """

    def __init__(self) -> None:
        self._learnt = b""

    def pack(self, text: bytes) -> bytes:
        """Return a text compressed, and learn from it while there is something to learn.

        The same text packed twice may give different bytes.
        """
        packer = zlib.compressobj(1, wbits=_RAW, memLevel=_ROOM, zdict=self._learnt)
        packed = packer.compress(text) + packer.flush()
        room = _LEARNT - len(self._learnt)
        if room > 0 and len(text) >= _WORTH:
            self._learnt = text[:room] + self._learnt
        return packed

    def unpack(self, packed: bytes) -> bytes:
        """Return the text that was packed."""
        return zlib.decompressobj(wbits=_RAW, zdict=self._learnt).decompress(packed)
