"""Makes whole pictures of interlaced ones."""

from collections import deque
from collections.abc import Iterable, Iterator

import av
from av.filter import Graph
from av.video.frame import VideoFrame

# It takes moving parts from the field's neighbours and still ones from both
# fields; see https://ffmpeg.org/ffmpeg-filters.html#bwdif. One picture gives
# one, and those that are not marked as interlaced pass as they are.
_FILTER, _OPTIONS = "bwdif", "mode=send_frame:parity=auto:deint=interlaced"
_SMALLEST = 4  # pixels a side that the filter needs

Timed = tuple[float, VideoFrame]


def deinterlaced(frames: Iterable[Timed]) -> Iterator[Timed]:
    """Deinterlaces pictures, from the first that is marked as interlaced.

    Args:
        frames: decoded pictures with their times.

    Yields:
        As many, in the same order and with the same times.
    """
    graph: Graph | None = None
    kind: tuple[object, ...] = ()
    # The filter looks one picture ahead.
    times: deque[float] = deque()
    for time, frame in frames:
        if graph is not None and kind != _kind(frame):
            yield from _rest(graph, times)
            graph = None
        if graph is None:
            if not frame.interlaced_frame or _is_tiny(frame):
                yield time, frame
                continue
            graph, kind = _graph(frame), _kind(frame)
        times.append(time)
        graph.push(frame)
        yield from _pull(graph, times)
    if graph is not None:
        yield from _rest(graph, times)


def _is_tiny(frame: VideoFrame) -> bool:
    return min(frame.width, frame.height) < _SMALLEST


def _kind(frame: VideoFrame) -> tuple[object, ...]:
    """What may not change within a graph of filters."""
    size = (frame.width, frame.height, frame.format.name)
    return (*size, frame.colorspace, frame.color_range)


def _graph(frame: VideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add(
        "buffer",
        video_size=f"{frame.width}x{frame.height}",
        pix_fmt=frame.format.name,
        time_base="1/1000",
        colorspace=str(frame.colorspace),
        range=str(frame.color_range),
    )
    filter_ = graph.add(_FILTER, _OPTIONS)
    graph.link_nodes(source, filter_, graph.add("buffersink")).configure()
    return graph


def _pull(graph: Graph, times: deque[float]) -> Iterator[Timed]:
    while times:
        try:
            frame = graph.vpull()
        except (av.BlockingIOError, av.EOFError):  # it needs the next one
            return
        yield times.popleft(), frame


def _rest(graph: Graph, times: deque[float]) -> Iterator[Timed]:
    graph.push(None)
    yield from _pull(graph, times)
