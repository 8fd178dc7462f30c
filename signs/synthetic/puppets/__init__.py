"""People who sign, drawn: the stand-in for data sets that need a permission.

`gestures` (what the hands do) -> `skeleton` (where the joints are);
`people` (who, where) -> `rooms`, `bust`; `render` puts all into a video.
"""
