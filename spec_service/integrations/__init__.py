"""What the service works with outside of its data directory: a git repository that specs are published to."""
