"""An evaluation as one page that people can be shown, and print.

Plain HTML with its pictures inside: it needs no network and no other file.
"""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Any

from signs.core.messages import count
from signs.evaluation.scores import NAMES, WAYS

MOST_CLASSES = 14  # in the table; of more, those with the lowest recall
_MEANING = {
    "session": (
        "<b>Clips of whole sessions</b>: from each clip, the mean feature of "
        "all clips of the same session was subtracted, without their labels; "
        "so it is with a folder of clips, and after some minutes before a "
        "camera."
    ),
    "single": (
        "<b>Each clip alone</b>: the model sees nothing of the others, as "
        "with one video."
    ),
}

_INTERVALS = {
    "signers": (
        "Signers are resampled with all their clips, so that the intervals "
        "are about people never seen; of few signers they are wide. Points "
        "in the picture are the signers' own accuracies."
    ),
    "clips": (
        "Clips are resampled, as too few signers are known: the intervals are "
        "about other clips of the same people."
    ),
}

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
@page { size: A4; margin: 9mm 13mm }
* { box-sizing: border-box }
body { font: 9.5pt/1.28 system-ui, "Segoe UI", "Helvetica Neue", Arial,
  "DejaVu Sans", sans-serif; color: #1d2329; background: #fff;
  max-width: 188mm; margin: 6mm auto; padding: 0 2mm;
  -webkit-print-color-adjust: exact; print-color-adjust: exact }
h1 { font-size: 16pt; margin: 0; letter-spacing: -.01em }
h2 { font-size: 9.5pt; margin: 2mm 0 .8mm; border-bottom: 1px solid #d5dade;
  padding-bottom: .5mm; color: #33414c }
p { margin: .6mm 0 }
.about { color: #55626d; margin: .3mm 0 2mm }
.caution { border-left: 4px solid #d55e00; background: #fdf1e7;
  margin: 1.2mm 0; padding: 1mm 3mm; font-size: 9pt }
.top { display: flex; gap: 5mm; align-items: center }
.numbers { display: flex; flex-direction: column; gap: 2.5mm; min-width: 50mm }
.number b { display: block; font-size: 23pt; line-height: 1.05;
  color: #0072b2; font-variant-numeric: tabular-nums }
.number span { display: block; font-size: 8.5pt; color: #55626d }
.top img { flex: 1; min-width: 0; max-width: 116mm }
table { border-collapse: collapse; width: 100%; font-size: 8.5pt;
  font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 600; color: #55626d }
th, td { padding: .3mm 2mm .3mm 0; vertical-align: top }
tr + tr td { border-top: 1px solid #eef1f3 }
.n { text-align: right }
.one-line { white-space: nowrap }
.pair { display: flex; gap: 5mm; align-items: flex-start;
  justify-content: space-between }
.pair img { min-width: 0; max-height: 68mm; object-fit: contain }
.pair img:first-child { flex: 0 1 116mm }
.pair img:last-child { flex: 0 1 64mm }
.classes { display: flex; gap: 7mm; align-items: flex-start }
.classes table { font-size: 7.5pt; flex: 1 1 0; min-width: 0;
  table-layout: fixed }
.classes td, .classes th { white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis }
.bar { position: relative; display: inline-block; width: 16mm; height: 2mm;
  background: #eef1f3; vertical-align: middle }
.bar i { position: absolute; inset: 0 auto 0 0; background: #56b4e9 }
.bar u { position: absolute; top: .85mm; height: .3mm; background: #1d2329 }
.small { font-size: 7.5pt; color: #55626d }
code { font: 7.5pt ui-monospace, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere }
.facts { font-size: 8pt }
.facts td:first-child { color: #55626d; width: 20mm }
@media print { body { margin: 0; padding: 0; max-width: none } }
</style>
</head>
<body>
<h1>$title</h1>
<p class="about">$about</p>
$cautions
<div class="top">
<div class="numbers">$numbers</div>
$comparison
</div>
<h2>Figures</h2>
$figures
<h2>Which classes are taken for which; how sure, and how often right</h2>
<div class="pair">$confusion $calibration</div>
<h2>$classes_title</h2>
<div class="classes">$classes</div>
<h2>How this was made</h2>
$facts
<div class="small">$notes</div>
</body>
</html>
""")


def build(record: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """The page of an evaluation.

    Args:
        record: what `evaluate.py` writes as JSON.
        pictures: PNG by name: `comparison`, `confusion`, `calibration`.
    """
    alt = {
        "comparison": "accuracy of the model and of what it must beat",
        "confusion": "confusion matrix",
        "calibration": "accuracy by confidence",
    }
    shown = {name: _image(pictures[name], text) for name, text in alt.items()}
    rows = shown_classes(record["by_class"])
    return _PAGE.substitute(
        **shown,
        title=escape(f"{record['dataset']}: {_what(record)}"),
        about=escape(_about(record)),
        cautions="\n".join(
            f'<p class="caution">{escape(text)}</p>'
            for text in record["cautions"]
        ),
        numbers="\n".join(
            _number(WAYS[way], each["accuracy"])
            for way, each in record["figures"].items()
        ),
        figures=_figures(record),
        classes_title=_classes_title(len(rows), len(record["by_class"])),
        classes=_classes(rows),
        facts=_facts(record["facts"]),
        notes=_notes(record),
    )


def shown_figures(record: Mapping[str, Any]) -> list[str]:
    """Names of the figures that say something: of 5 classes, top-5 does not."""
    few = len(record["by_class"]) <= 5
    return [name for name in NAMES if not (few and name == "top5")]


def shown_classes(
    by_class: Sequence[Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """The classes of the table: all, or those with the lowest recall."""
    tested = [row for row in by_class if row["clips"]]
    if len(tested) <= MOST_CLASSES:
        return tested
    return sorted(tested, key=lambda row: row["recall"])[:MOST_CLASSES]


def say(estimate: Mapping[str, Any], between: str = " to ") -> str:
    """A figure and its interval in words: `0.914 (0.871 to 0.944)`."""
    value = f"{estimate['value']:.3f}"
    if estimate.get("low") is None:
        return value
    return f"{value} ({estimate['low']:.3f}{between}{estimate['high']:.3f})"


def _what(record: Mapping[str, Any]) -> str:
    accuracy = next(iter(record["figures"].values()))["accuracy"]["value"]
    clips = count(record["clips"], record["what"])
    return f"{accuracy:.1%} of {clips} recognised"


def _about(record: Mapping[str, Any]) -> str:
    people = record["signers"]
    who = f"{people:,} signers" if people else "signers not known"
    return " · ".join(
        [
            f"model {record['run']}",
            f"{len(record['by_class']):,} classes",
            who,
            record["date"][:10],
        ]
    )


def _image(picture: bytes, text: str) -> str:
    data = base64.b64encode(picture).decode()
    return f'<img alt="{escape(text)}" src="data:image/png;base64,{data}">'


def _number(name: str, estimate: Mapping[str, Any]) -> str:
    ends = "no interval"
    if estimate["low"] is not None:
        ends = f"95% interval {estimate['low']:.3f} to {estimate['high']:.3f}"
    return (
        f'<div class="number"><b>{estimate["value"]:.3f}</b>'
        f"<span>accuracy, {escape(name)}</span><span>{ends}</span></div>"
    )


def _figures(record: Mapping[str, Any]) -> str:
    figures = record["figures"]
    heads = "".join(f"<th>{escape(WAYS[way])}</th>" for way in figures)
    rows = []
    for name in shown_figures(record):
        cells = "".join(
            f'<td class="one-line">{say(each[name])}</td>'
            for each in figures.values()
        )
        rows.append(f"<tr><td>{escape(NAMES[name])}</td>{cells}</tr>")
    return (
        f"<table><tr><th></th>{heads}</tr>{''.join(rows)}</table>"
        f'<p class="small">Accuracies {escape(say_baselines(record))}. With '
        "as few clips, perfect confidences would show a calibration error of "
        f"{record['calibration_error_by_chance']:.3f}.</p>"
    )


def say_baselines(record: Mapping[str, Any]) -> str:
    """What the model must beat, in words."""
    baselines = record["baselines"]
    often = baselines["most_frequent_class"]
    parts = [
        f"beside it: chance {baselines['chance']['value']:.3f}",
        f"the most frequent class ({often['name']}) {often['value']:.3f}",
    ]
    nearest = baselines.get("nearest_class_mean")
    if nearest:
        gain = nearest["gain"]
        worse = "worse" if gain["value"] < 0 else "better"
        parts.append(
            f"nearest class mean {say(nearest)}; the model is {worse} by "
            f"{say(gain)}"
        )
    return ", ".join(parts)


def _classes_title(shown: int, classes: int) -> str:
    if shown == classes:
        return "Classes"
    return f"The {shown} classes that are recognised least, of {classes:,}"


def _classes(rows: Sequence[Mapping[str, Any]]) -> str:
    half = -(-len(rows) // 2) if len(rows) > 6 else len(rows)
    parts = [rows[:half], rows[half:]]
    return "\n".join(_class_table(part) for part in parts if part)


def _class_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        '<table><tr><th style="width:32%">class</th><th class="n" '
        'style="width:11%">clips</th><th class="n" style="width:12%">recall'
        '</th><th style="width:19mm"></th><th>taken for</th></tr>'
    ]
    for row in rows:
        lines.append(
            f"<tr><td>{escape(str(row['name']))}</td>"
            f'<td class="n">{row["clips"]}</td>'
            f'<td class="n">{row["recall"]:.2f}</td>'
            f'<td class="one-line">{_bar(row)}</td>'
            f"<td>{escape(str(row['mistaken_for']))}</td></tr>"
        )
    return "".join([*lines, "</table>"])


def _bar(row: Mapping[str, Any]) -> str:
    low, high = 100 * row["low"], 100 * row["high"]
    return (
        f'<span class="bar"><i style="width:{100 * row["recall"]:.0f}%"></i>'
        f'<u style="left:{low:.0f}%;width:{high - low:.0f}%"></u></span>'
    )


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{_fact(name, text)}</td></tr>"
        for name, text in facts.items()
    )
    return f'<table class="facts">{rows}</table>'


def _fact(name: str, text: str) -> str:
    return f"<code>{escape(text)}</code>" if name == "command" else escape(text)


def _notes(record: Mapping[str, Any]) -> str:
    notes = [
        f"<b>Intervals</b> hold in 95 of 100 such evaluations. "
        f"{_INTERVALS[record['interval']['resamples']]}"
    ]
    if len(record["figures"]) > 1:
        notes += [_MEANING[way] for way in record["figures"]]
    return "".join(f"<p>{note}</p>" for note in notes)
