"""Opens a video, and decodes its pictures with their times.

All files and network streams are read by FFmpeg's libraries through PyAV
(https://pyav.basswood-io.com); cameras are OpenCV's.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from signs.video.colour import Converter
from signs.video.deinterlace import deinterlaced

USUAL_RATE = 25.0  # pictures a second, where a file does not say
NETWORK_SECONDS = 30.0  # that a stream may take to open, and to go on
# What is no picture of the video: covers, thumbnails, stills.
_NO_VIDEO = (
    Disposition.attached_pic
    | Disposition.timed_thumbnails
    | Disposition.still_image
)
# Texts that name other files: a data set's videos do not lead out of it.
_LISTS = frozenset(
    {"concat", "dash", "hls", "imf", "sdp", "webm_dash_manifest"}
)


class NoVideoError(ValueError):
    """There are no pictures in a file; says why, but not in which."""


class Video:
    """A video file or a network stream, opened.

    Use it in a `with` statement.

    Attributes:
        rate: pictures a second, as far as the source says.
        duration: seconds that the source says it lasts; None if it does not,
            as what is being filmed.
        problem: what went wrong first while reading; None if nothing did.
    """

    def __init__(self, source: str | Path, threads: int = 1):
        """Opens a video.

        Args:
            source: the path of a file; a string with `://` in it is an
                address.
            threads: to decode with; 0 takes one a core.

        Raises:
            NoVideoError: if it is no video.
        """
        is_address = isinstance(source, str) and "://" in source
        self.problem: str | None = None
        try:
            self._container = _open(str(source), is_address)
        except av.FFmpegError as error:
            raise NoVideoError(_reason(error)) from error
        try:
            if not is_address and self._container.format.name in _LISTS:
                raise NoVideoError("it is a list of other files")
            self._stream = _choose(self._container)
        except NoVideoError:
            self._container.close()
            raise
        for other in self._container.streams:
            if other is not self._stream:
                other.discard = Discard.all
        self._stream.codec_context.thread_count = threads
        if threads != 1:
            self._stream.codec_context.thread_type = "AUTO"
        self._tick = float(self._stream.time_base or 1)
        self._ahead: list[Packet] = []
        self._zero = self._find_zero()
        # Where there are no time stamps, the container's rate is made up.
        rate = self._stream.guessed_rate
        if self._zero is not None:
            rate = self._stream.average_rate or rate
        self.rate = float(rate) if rate and 0 < rate < 1000 else USUAL_RATE
        length = self._container.duration
        self.duration = length / av.time_base if length else None
        self._convert = Converter(self._stream.sample_aspect_ratio)

    def __enter__(self) -> "Video":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    def packets(self, position: float | None = None) -> Iterator[Packet]:
        """Yields the video's packets, which are pictures not yet decoded.

        Args:
            position: seconds to begin at: with the last key frame before
                it, as far as the file knows. None begins at the beginning,
                and needs a video just opened.
        """
        waiting = False
        try:
            if position is not None and self._zero is not None:
                stamp = math.floor((position + self._zero) / self._tick)
                self._container.seek(stamp, stream=self._stream)
                self._ahead.clear()
                waiting = True
            demuxed = self._container.demux(self._stream)
            for packet in itertools.chain(self._ahead, demuxed):
                # What is before a key frame cannot be decoded without it.
                waiting = waiting and not packet.is_keyframe
                if packet.size and not waiting:
                    yield packet
        except av.FFmpegError as error:
            self.problem = self.problem or _reason(error)

    def seconds(self, stamp: int | None) -> float | None:
        """Seconds from the file's start at a time stamp of its clock."""
        if stamp is None or self._zero is None:
            return None
        return stamp * self._tick - self._zero

    def frames(
        self, packets: Iterable[Packet] | None = None
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Decodes packets.

        Interlaced pictures are deinterlaced, one for one. What is damaged
        is left out.

        Args:
            packets: of this video; None takes all, in a video just opened.

        Yields:
            The time in seconds from the file's start, which grows from
            picture to picture, and the picture as it was decoded.
        """
        packets = self.packets() if packets is None else packets
        return deinterlaced(self._timed(self._decoded(packets)))

    def picture(
        self, frame: VideoFrame, short_side: int | None = None
    ) -> np.ndarray:
        """A decoded picture as one to look at.

        Args:
            frame: what `frames` gave.
            short_side: it is shrunk so that the shorter side has at most
                this many pixels.

        Returns:
            RGB, uint8, (height, width, 3), upright, with square pixels.

        Raises:
            ValueError: if it is of a form that cannot be converted.
        """
        return self._convert(frame, short_side)

    def _find_zero(self) -> float | None:
        """What the file's clock says at its start, in seconds.

        None if there are no time stamps in it.
        """
        if self._container.start_time is not None:
            return self._container.start_time / av.time_base
        with suppress(av.FFmpegError):
            for packet in self._container.demux(self._stream):
                self._ahead.append(packet)
                stamp = packet.dts if packet.pts is None else packet.pts
                return None if stamp is None else stamp * self._tick
        return None

    def _decoded(self, packets: Iterable[Packet]) -> Iterator[VideoFrame]:
        for packet in packets:
            try:
                yield from self._stream.decode(packet)
            except av.FFmpegError as error:
                self.problem = self.problem or _reason(error)
        try:
            yield from self._stream.decode(None)
        except av.FFmpegError as error:
            self.problem = self.problem or _reason(error)

    def _timed(
        self, frames: Iterable[VideoFrame]
    ) -> Iterator[tuple[float, VideoFrame]]:
        last = -math.inf
        for frame in frames:
            stamp = frame.pts
            time = self.seconds(frame.dts if stamp is None else stamp)
            # Where time stamps are missing or go back, pictures are counted.
            if time is None or time <= last:
                time = 0.0 if last == -math.inf else last + 1 / self.rate
            last = time
            yield time, frame


def _open(source: str, is_address: bool) -> InputContainer:
    # Titles and the like may be in any encoding.
    if not is_address:
        # So named, `a:b.avi` is no protocol; nor does a file name others.
        return av.open(
            f"file:{source}",
            container_options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    options = {"rtsp_transport": "tcp"} if source.startswith("rtsp") else {}
    return av.open(
        source,
        container_options=options,
        metadata_errors="replace",
        timeout=NETWORK_SECONDS,
    )


def _choose(container: InputContainer) -> VideoStream:
    """The track to look at: the default one, of those with pictures."""
    tracks = container.streams.video
    videos = [x for x in tracks if not x.disposition & _NO_VIDEO]
    known = [x for x in videos if x.codec_context is not None]
    if not known:
        if videos:
            raise NoVideoError("its codec is not known")
        if tracks:
            raise NoVideoError("there is a cover picture in it, but no video")
        raise NoVideoError("there is no video track in it")
    return max(
        known,
        key=lambda x: (
            x.codec_context.pix_fmt is not None,
            bool(x.disposition & Disposition.default),
            -x.index,
        ),
    )


def _reason(error: av.FFmpegError) -> str:
    """FFmpeg's words for an error, as part of a sentence."""
    text = error.strerror or "unknown error"
    return text[:1].lower() + text[1:]
