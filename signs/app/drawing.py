"""What the page shows of answers, as HTML."""

import base64
import html
import math
from collections.abc import Sequence

from signs.inference.live import Sign
from signs.inference.predictor import Prediction

KNOWN, UNSURE = "#ea580c", "#888"  # colours
TICKS = 8  # of a timeline, about


def answer(
    predictions: Sequence[Prediction],
    least: float,
    strip: bytes | None = None,
    caution: str = "",
) -> str:
    """The likeliest signs as bars, best first, and what was seen.

    Args:
        predictions: best first.
        least: the probability below which it is none of them.
        strip: the frames that were seen, as JPEG.
        caution: what is to be known of the model.
    """
    best = predictions[0]
    is_known = best.probability >= least
    head = html.escape(best.name) if is_known else "none of these"
    rows = [
        f'<div style="display:flex;gap:8px;align-items:center;margin:6px 0">'
        f'<span style="width:9em">{html.escape(one.name)}</span>'
        '<span style="flex:1;background:#8883;border-radius:4px">'
        f'<span style="display:block;height:18px;border-radius:4px;'
        f"background:{KNOWN if is_known else UNSURE};"
        f'width:{100 * one.probability:.0f}%"></span></span>'
        f'<span style="width:3em">{one.probability:.0%}</span></div>'
        for one in predictions
    ]
    picture = ""
    if strip is not None:
        data = base64.b64encode(strip).decode()
        picture = (
            '<p>What it saw:</p><img style="max-width:100%" '
            f'alt="the frames of the clip" src="data:image/jpeg;base64,{data}">'
        )
    note = f"<p><b>{html.escape(caution)}</b></p>" if caution else ""
    return f"<h2>{head}</h2>{note}" + "".join(rows) + picture


def timeline(signs: Sequence[Sign]) -> str:
    """When which sign was found: a row a sign, time from left to right.

    Args:
        signs: of a recording, in order.
    """
    if not signs:
        return "<p>No sign was found.</p>"
    step = _step(max(sign.end for sign in signs))
    end = step * math.ceil(max(sign.end for sign in signs) / step)
    # In the order in which they come first.
    names = list(dict.fromkeys(sign.name for sign in signs))
    rows = [
        _row(name, [one for one in signs if one.name == name], end)
        for name in names
    ]
    ticks = "".join(
        f'<span style="position:absolute;left:{100 * second / end:.3f}%;'
        f'transform:translateX(-50%)">{second:g} s</span>'
        for second in (step * tick for tick in range(round(end / step) + 1))
    )
    axis = (
        '<div style="display:flex;font-size:.85em"><span style="width:9em">'
        '</span><span style="flex:1;position:relative;height:1.4em;'
        f'margin-right:2em">{ticks}</span></div>'
    )
    return f'<div class="timeline">{"".join(rows)}{axis}</div>'


def _row(name: str, signs: Sequence[Sign], end: float) -> str:
    bars = "".join(
        f'<span title="{html.escape(name)}: {one.start:.1f} to {one.end:.1f} '
        f's, {one.probability:.0%}" style="position:absolute;top:2px;'
        f"bottom:2px;border-radius:4px;left:{100 * one.start / end:.3f}%;"
        f"width:{100 * (one.end - one.start) / end:.3f}%;min-width:3px;"
        f'background:{KNOWN if one.is_known else UNSURE}"></span>'
        for one in signs
    )
    return (
        '<div style="display:flex;align-items:center">'
        '<span style="width:9em;overflow:hidden;text-overflow:ellipsis">'
        f'{html.escape(name)}</span><span style="flex:1;position:relative;'
        'height:22px;margin-right:2em;border-bottom:1px solid #8884">'
        f"{bars}</span></div>"
    )


def _step(seconds: float) -> float:
    """Seconds between two ticks: 1, 2 or 5 times a power of ten, or so."""
    rough = max(seconds, 0.1) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(x * power for x in (1, 2, 5, 10) if x * power >= rough)
