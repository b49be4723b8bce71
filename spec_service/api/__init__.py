"""The HTTP doors: a body comes in, an operation is asked, a body goes out."""
