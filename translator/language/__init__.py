"""What a spec is: readers with positions, the model, checks that report all problems at once, digest and JSON Schema."""
