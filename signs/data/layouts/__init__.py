"""The layouts that folders of videos come in: one small file a layout.

Each has `matches`, which says whether a folder looks like that layout, and
`read`, which gives its clips. Both are functions of the folder's listing (and
of its lists) alone, so that the result depends on no machine. `detect.LAYOUTS`
names them all.
"""
