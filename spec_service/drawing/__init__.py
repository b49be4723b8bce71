"""Drawing: a plan's picture as SVG, laid out here, so that nothing has to be installed or loaded to look at it."""
