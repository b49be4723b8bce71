"""Lets `python -m spec_service.cli` be what `specloom` is."""

from spec_service.cli import main

main()
