"""The generated parts of the docs: each is made from the code that it describes, so it cannot drift away from it."""
