"""Specialise a language model for French medicine on the machine at hand: trim, prepare, pretrain, instruct, merge, export."""
