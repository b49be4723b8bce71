"""A Luigi pipeline of two tasks: collect the sources on a topic, publish a report."""
