"""The corpus: sources and their licences, cleaning, the mix, and the card that says all of it."""
