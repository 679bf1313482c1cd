"""How good a painted film is: metrics, each with the formula's source, and the report of them."""
