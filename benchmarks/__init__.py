"""How fast the steps are, beside other ways to do the same.

`make bench` runs all of it; `run` says what is measured and writes the table.
"""
