"""How a spec becomes a plan: ordered passes over the spec, bound to a catalog."""
