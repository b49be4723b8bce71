"""How a spec becomes a plan, and a plan a graph; nothing here touches a clock, a network or a database."""
