"""One file per verb: what happens when a step of that kind is executed."""
