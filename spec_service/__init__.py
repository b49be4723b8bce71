"""The service: doors, operations and storage around the engine."""
