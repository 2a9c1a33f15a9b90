"""Formats that hospitals exchange: the programme's table of stays, FHIR."""
