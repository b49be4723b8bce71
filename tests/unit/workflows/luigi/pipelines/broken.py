raise SystemExit("not meant to be imported")
