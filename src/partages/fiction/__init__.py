"""Fictitious reports: a scenario is drawn, a physician writes, a second one reviews, checks pass, the case is exported."""
