"""What there is to say about each kind of problem, one file a family: name, title, meaning, reason, remedy, examples.

The place in its file gives a kind its number, so new kinds go to the end.
"""
